//! What of a changed configuration holds while the server runs, and which keys wait for its next start. Pure: reads and
//! writes nothing.

use serde_json::Value;
use toml::Table;

use super::{
    Config, ConfigError, Layers, Written,
    layers::{assign, take_away},
    table::{self, Effect, KEYS, Key},
};

/// The values in force of all keys but the cameras'.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values(Table);

/// A configuration as far as it can hold now.
#[derive(Debug)]
pub(crate) struct Partly {
    /// What holds from now on.
    pub(crate) config: Config,
    pub(crate) written: Written,
    pub(crate) values: Values,
    /// Keys that are others from now on.
    pub(crate) live: Vec<&'static str>,
    /// Keys that stay as they are until the next start.
    pub(crate) pending: Vec<&'static str>,
}

impl Values {
    /// All that is written, which is what a server starts with.
    pub(crate) fn of(layers: &Layers) -> Self {
        let mut table = layers.table();
        table.remove("camera");
        Self(table)
    }

    /// Puts the value in force in the place of what is written.
    fn hold(&self, table: &mut Table, key: &str) {
        match in_table(&self.0, key) {
            Some(value) => assign(table, key, value.clone()),
            None => take_away(table, key),
        }
    }
}

fn in_table<'a>(table: &'a Table, key: &str) -> Option<&'a toml::Value> {
    let (first, rest) = match key.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (key, None),
    };
    let value = table.get(first)?;
    match rest {
        Some(rest) => in_table(value.as_table()?, rest),
        None => Some(value),
    }
}

/// Keys whose values differ, those that are written nowhere having their defaults.
fn differing(before: &Table, after: &Table) -> Vec<&'static Key> {
    let defaults = table::defaults();
    let json = |table: &Table| serde_json::to_value(table).unwrap_or_default();
    let (before, after) = (json(before), json(after));
    let value = |all: &Value, key: &Key| {
        let found = table::at(all, key.path).or_else(|| table::at(&defaults, key.path));
        found.cloned().unwrap_or_default()
    };
    let others = KEYS.iter().filter(|key| !key.path.starts_with("camera."));
    others
        .filter(|key| value(&before, key) != value(&after, key))
        .collect()
}

impl Layers {
    /// Takes over what can change while `now` is in force. Both the whole and what comes of it are checked.
    pub(crate) fn partly(&self, now: &Values) -> Result<Partly, ConfigError> {
        self.check()?;
        let wanted = self.table();
        let keys = differing(&now.0, &wanted);
        let is_tls = |key: &&Key| key.path.starts_with("server.tls.");
        let mut held: Vec<&Key> = keys.clone();
        held.retain(|key| key.effect == Effect::Server);
        // These go together: a certificate is no use to a port that is not encrypted yet.
        if held.iter().any(is_tls) {
            held = keys.clone();
            held.retain(|key| key.effect == Effect::Server || is_tls(key));
        }
        let hold = |held: &[&Key]| {
            let mut table = wanted.clone();
            for key in held {
                now.hold(&mut table, key.path);
            }
            self.check_table(table.clone()).map(|meant| (table, meant))
        };
        // Right by itself, but not beside what has to stay: then it waits as a whole.
        let meant = hold(&held).or_else(|_| {
            held = keys.clone();
            hold(&held)
        });
        let (mut table, (config, written)) = meant?;
        table.remove("camera");
        let paths = |keys: &[&'static Key]| keys.iter().map(|key| key.path).collect();
        let (pending, live): (Vec<_>, Vec<_>) = keys
            .into_iter()
            .partition(|key| held.iter().any(|one| one.path == key.path));
        Ok(Partly {
            config,
            written,
            values: Values(table),
            live: paths(&live),
            pending: paths(&pending),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the first text to the second: what is live, what waits.
    fn check(before: &str, after: &str, live: &[&str], pending: &[&str]) -> Partly {
        let layers = |text| Layers::default().with_text("f", text);
        let partly = layers(after).partly(&Values::of(&layers(before))).unwrap();
        assert_eq!((&*partly.live, &*partly.pending), (live, pending));
        partly
    }

    #[test]
    fn what_can_holds_at_once_and_the_rest_waits() {
        let both = "[server]\nport = 4000\nmax_viewers = 3\ndata_dir = \"b\"";
        let partly = check(
            "[server]\nport = 3001",
            both,
            &["server.max_viewers"],
            &["server.port", "server.data_dir"],
        );
        let serve = partly.config.serve;
        assert_eq!((serve.port, serve.max_viewers), (3001, 3));
        assert_eq!(serve.data_dir.to_str(), Some("data"));
        assert_eq!(serve.three_dir.to_str(), Some("data/three"));

        // What waits goes on waiting, and is there no more once it is taken back.
        let layers = Layers::default().with_text("f", both);
        let again = layers.partly(&partly.values).unwrap();
        assert_eq!(again.live, [""; 0]);
        assert_eq!(again.pending, ["server.port", "server.data_dir"]);
        let back = Layers::default().with_text("f", "[server]\nport = 3001\nmax_viewers = 3");
        let back = back.partly(&again.values).unwrap();
        assert!(back.live.is_empty() && back.pending.is_empty());
        // The default, written or not, is one value.
        check("", "[server]\nport = 3000", &[], &[]);
    }

    #[test]
    fn what_goes_together_waits_together() {
        let certificate = "certificate = \"a\"\nkey = \"b\"";
        check(
            "",
            &format!("[server.tls]\nenabled = true\n{certificate}"),
            &[],
            &[
                "server.tls.enabled",
                "server.tls.certificate",
                "server.tls.key",
            ],
        );
        check(
            "[server.tls]\nenabled = true",
            &format!("[server.tls]\nenabled = true\n{certificate}"),
            &["server.tls.certificate", "server.tls.key"],
            &[],
        );
        let error = Layers::default()
            .with_text("f", "[server]\nmax_viewers = 0\nport = 1")
            .partly(&Values::default())
            .unwrap_err();
        assert!(error.to_string().contains("max_viewers"));
    }
}

//! Every key of the configuration as tables in Markdown, for docs/configuration.md. What a key is comes from `table.rs`
//! alone, so the document says what the settings page and the checks say.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    layers::OLD_NAMES,
    table::{Access, Effect, KEYS, Key, Kind, at, defaults},
};

/// Options of the command line that set a key.
const FLAGS: [(&str, &str); 2] = [
    ("--listen ADDRESS", "server.listen"),
    ("--port PORT", "server.port"),
];

/// One table for each table of the file, in the order of [`KEYS`].
pub(crate) fn markdown() -> String {
    let defaults = defaults();
    let mut text = String::new();
    let mut table = "";
    for key in KEYS {
        let (of, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if of != table {
            table = of;
            let heading = if of == "camera" {
                "[[camera]]".to_owned()
            } else {
                format!("[{of}]")
            };
            let _ = write!(
                text,
                "{}### `{heading}`\n\n| key | value | default | a change holds | what |\n| --- | --- | --- | --- | --- |\n",
                if text.is_empty() { "" } else { "\n" }
            );
        }
        let default = at(&defaults, key.path).unwrap_or(&Value::Null);
        let _ = writeln!(
            text,
            "| `{name}`<br>{} | {} | {} | {} | {} |",
            names(key.path).join("<br>"),
            value(key),
            default_of(key, default),
            holds(key),
            // A bar would end the cell.
            key.about.replace('|', "\\|"),
        );
    }
    text
}

/// How the key is set from outside of the file.
fn names(path: &str) -> Vec<String> {
    let mut names = vec![format!("`{}`", variable(path))];
    let others = OLD_NAMES.iter().chain(&FLAGS);
    names.extend(
        others
            .filter(|(_, key)| *key == path)
            .map(|(name, _)| format!("`{name}`")),
    );
    names
}

/// The variable of the environment for a key.
pub(super) fn variable(path: &str) -> String {
    format!("CCTV_{}", path.replace('.', "__").to_ascii_uppercase())
}

/// What the number of a key counts; nothing where the sentence says it.
fn unit(path: &str) -> Option<&'static str> {
    const UNITS: [(&str, &str); 9] = [
        ("_s", "s"),
        ("_days", "days"),
        ("_bytes", "bytes"),
        ("_mb", "MiB"),
        ("_percent", "%"),
        (".width", "px"),
        (".height", "px"),
        (".framerate", "per second"),
        ("_per_minute", "per minute"),
    ];
    let found = UNITS.iter().find(|(end, _)| path.ends_with(end));
    found.map(|(_, unit)| *unit)
}

fn value(key: &Key) -> String {
    let unit = unit(key.path).map_or(String::new(), |unit| format!(" {unit}"));
    match key.kind {
        Kind::Whole(least, most) if most == i64::from(u32::MAX) => {
            format!("whole number, {least} or more{unit}")
        }
        Kind::Whole(least, most) => format!("whole number, {least} to {most}{unit}"),
        Kind::Number(least, most) => format!("number, {least} to {most}{unit}"),
        Kind::YesNo => "`true` or `false`".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Word(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(", ")
        }
        Kind::List => "list of texts".to_owned(),
    }
}

fn default_of(key: &Key, default: &Value) -> String {
    match default {
        Value::Null => unset(key.path).unwrap_or_default().to_owned(),
        // 20.0 is 20 to whoever reads it.
        Value::Number(number) => number.as_f64().map(|n| n.to_string()).unwrap_or_default(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// What holds where a key is written nowhere and has no value of its own.
fn unset(path: &str) -> Option<&'static str> {
    Some(match path {
        "camera.id" => "`main`, then `camera2`, …",
        "camera.name" => "the id",
        "camera.program" => "found in the path",
        "server.max_connections" => "256 and the places of all viewers",
        "server.tls.enabled" => "`false`",
        "server.tls.certificate" | "server.tls.key" => "made by the server",
        "server.tls.redirect_from" | "server.tls.acme.email" | "log.dir" => "none",
        "server.tls.acme.root_certificate" => "the system's alone",
        "auth.database" => "`accounts.db` in `server.data_dir`",
        "storage.index" => "`index.db` in `server.data_dir`",
        "limits.streams_per_15_min" | "limits.streams_per_15_min_and_account" => {
            "100, or twice the places if that is more"
        }
        "limits.connections_per_address" => "49 and the places of all viewers",
        _ => return None,
    })
}

fn holds(key: &Key) -> String {
    let when = match key.effect {
        Effect::Now => "at once",
        Effect::Camera => "restarts the camera",
        Effect::Cameras => "at once; may restart cameras",
        Effect::Server => "at the next start",
    };
    match key.access {
        Access::Page => when.to_owned(),
        Access::FileOnly => format!("{when}; file only"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_one_line_and_no_empty_cell() {
        let text = markdown();
        let lines = text.lines().filter(|line| line.starts_with("| `"));
        let lines: Vec<&str> = lines.collect();
        assert_eq!(lines.len(), KEYS.len());
        for line in lines {
            let cells = line.trim_matches('|').split(" | ").map(str::trim);
            let cells: Vec<&str> = cells.collect();
            assert_eq!(cells.len(), 5, "{line}");
            assert!(cells.iter().all(|cell| !cell.is_empty()), "{line}");
        }
    }

    #[test]
    fn what_has_no_value_is_said_in_words_and_nothing_else_is() {
        let defaults = defaults();
        for key in KEYS {
            let is_null = at(&defaults, key.path).is_none_or(Value::is_null);
            assert_eq!(is_null, unset(key.path).is_some(), "{}", key.path);
        }
    }

    #[test]
    fn a_line_says_what_the_schema_says() {
        let text = markdown();
        for line in [
            "| `port`<br>`CCTV_SERVER__PORT`<br>`PORT`<br>`--port PORT` | whole number, 0 to 65535 | 3000 | at the next start | Port to listen on; 0 takes a free one. |",
            "| `max_cpu_percent`<br>`CCTV_QUALITY__MAX_CPU_PERCENT` | whole number, 1 to 100 % | 50 | at once |",
            "| `framerate`<br>`CCTV_CAMERA__FRAMERATE`<br>`CAM_FPS` | number, 0.1 to 240 per second | 20 | restarts the camera |",
            "| `program`<br>`CCTV_CAMERA__PROGRAM` | text | found in the path | restarts the camera; file only |",
            "| `frame_ancestors`<br>`CCTV_SERVER__FRAME_ANCESTORS` | list of texts | `[\"self\"]` | at once |",
            "### `[server.tls.acme]`",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}

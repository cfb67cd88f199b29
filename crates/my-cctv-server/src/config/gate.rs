//! Who may come in and how often: the keys of `[limits]`, and those of `[server]` that are about it.

use std::str::FromStr;

use accounts::Networks;
use rustix::system::uname;
use serve::{GateConfig, HostName};

use super::raw::{RawLimits, RawServer};

/// The whole key, and what is wrong with it.
type Problem = (&'static str, String);

pub(super) fn check_gate(
    server: &RawServer,
    limits: &RawLimits,
    places: usize,
) -> Result<GateConfig, Problem> {
    let networks = |key, texts: &[String]| Networks::parse(texts).map_err(|why| (key, why));
    let places = u32::try_from(places).unwrap_or(u32::MAX);
    let trusted_proxies = networks("server.trusted_proxies", &server.trusted_proxies)?;
    if server.proxy_protocol && server.trusted_proxies.is_empty() {
        let why = "it is taken from trusted proxies alone: name them in `server.trusted_proxies`";
        return Err(("server.proxy_protocol", why.to_owned()));
    }
    let mut hosts = all("server.hosts", &server.hosts)?;
    hosts.extend(own_names());
    if server.frame_ancestors.is_empty() {
        let why = "it is empty: expected `[\"self\"]`, `[\"none\"]` or a list of origins";
        return Err(("server.frame_ancestors", why.to_owned()));
    }
    Ok(GateConfig {
        trusted_proxies,
        proxy_protocol: server.proxy_protocol,
        allow: networks("server.allow", &server.allow)?,
        deny: networks("server.deny", &server.deny)?,
        hosts,
        cors_origins: all("server.cors_origins", &server.cors_origins)?,
        frame_ancestors: all("server.frame_ancestors", &server.frame_ancestors)?,
        // All who may watch may come from one address, and come twice.
        streams_per_15_min: limits
            .streams_per_15_min
            .unwrap_or(places.saturating_mul(2).max(100)),
        // All may come with one account, too.
        streams_per_15_min_and_account: limits
            .streams_per_15_min_and_account
            .unwrap_or(places.saturating_mul(2).max(100)),
        api_per_minute: limits.api_per_minute,
        api_per_minute_and_account: limits.api_per_minute_and_account,
        // Beside their streams, a few for the page of each.
        connections_per_address: limits
            .connections_per_address
            .unwrap_or(places.saturating_add(49)),
    })
}

fn all<T: FromStr<Err = String>>(key: &'static str, texts: &[String]) -> Result<Vec<T>, Problem> {
    let read = texts.iter().map(|text| text.parse());
    read.collect::<Result<_, _>>().map_err(|why| (key, why))
}

/// What this machine is called, here and by its neighbours.
fn own_names() -> impl Iterator<Item = HostName> {
    let name = uname().nodename().to_string_lossy().into_owned();
    let local = format!("{name}.local");
    [name, local]
        .into_iter()
        .filter_map(|name| name.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::super::{Config, raw::RawConfig};

    fn check(text: &str, words: &[&str]) {
        let raw: RawConfig = toml::from_str(text).unwrap();
        let error = Config::check(raw, "f".to_owned()).expect_err("must not be accepted");
        for word in words {
            assert!(
                error.to_string().contains(word),
                "`{error}` does not say `{word}`"
            );
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        check(
            "[server]\ntrusted_proxies = [\"proxy\"]",
            &["`server.trusted_proxies`: `proxy` is no network"],
        );
        check(
            "[server]\nallow = [\"10.0.0.0/40\"]",
            &["`server.allow`", "10.0.0.0/40"],
        );
        check("[server]\ndeny = [\"\"]", &["`server.deny`"]);
        check(
            "[server]\nproxy_protocol = true",
            &["`server.proxy_protocol`", "trusted_proxies"],
        );
        check(
            "[server]\nhosts = [\"http://x.org\"]",
            &["`server.hosts`", "is no name"],
        );
        check(
            "[server]\ncors_origins = [\"*\"]",
            &["`server.cors_origins`", "is no origin"],
        );
        check(
            "[server]\nframe_ancestors = []",
            &["`server.frame_ancestors`"],
        );
        check(
            "[server]\nframe_ancestors = [\"a; b\"]",
            &["`server.frame_ancestors`"],
        );
    }

    #[test]
    fn limits_leave_room_for_all_viewers_behind_one_address() {
        let gate = |text: &str| {
            let raw: RawConfig = toml::from_str(text).unwrap();
            let config = Config::check(raw, "f".to_owned()).unwrap();
            let gate = config.serve.gate;
            let limits = (gate.streams_per_15_min, gate.api_per_minute);
            (limits, gate.connections_per_address)
        };
        assert_eq!(gate(""), ((100, 600), 64));
        assert_eq!(gate("[server]\nmax_viewers = 200"), ((400, 600), 249));
        let wall: String = (0..16)
            .map(|n| format!("[[camera]]\nid = \"c{n}\"\nsource = \"test\"\n"))
            .collect();
        assert_eq!(gate(&wall), ((480, 600), 289));
        let text =
            "[limits]\nstreams_per_15_min = 0\napi_per_minute = 5\nconnections_per_address = 7";
        assert_eq!(gate(text), ((0, 5), 7));
    }
}

//! Every key of the configuration: its type and range, what it does, when a change takes effect, and whether the page
//! may change it. The JSON schema is made of this. What is refused is said by the checks; a test holds both together.

use serde_json::{Map, Value, json};

use super::raw::{RawCamera, RawConfig};

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Whole(i64, i64),
    Number(f64, f64),
    YesNo,
    Text,
    /// One of these.
    Word(&'static [&'static str]),
    /// Several texts.
    List,
}

use Kind::{List, Number, Text, Whole, Word, YesNo};

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// At once, and nobody who is connected and still allowed notices.
    Now,
    /// The camera is started again; its viewers stay connected.
    Camera,
    /// Cameras are, where their pictures become others by it; the rest holds at once.
    Cameras,
    /// At the next start of the server.
    Server,
}

use Effect::{Camera, Cameras, Now, Server};

/// Who may change a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Page,
    /// It opens a file, runs a program, or decides who gets in at all: whoever reaches the port shall not.
    FileOnly,
}

use Access::{FileOnly, Page};

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// With its tables: `server.tls.enabled`; `camera.width` is that of each camera.
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    pub(crate) effect: Effect,
    pub(crate) access: Access,
    /// One sentence for whoever sets it: on the page, in the schema and in docs/configuration.md.
    pub(super) about: &'static str,
}

const fn key(
    path: &'static str,
    kind: Kind,
    effect: Effect,
    access: Access,
    about: &'static str,
) -> Key {
    Key {
        path,
        kind,
        effect,
        access,
        about,
    }
}

const PORT: Kind = Whole(0, 65_535);
const COUNT: Kind = Whole(0, u32::MAX as i64);

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    key("camera.id", Text, Camera, FileOnly, "Name in addresses: a-z, 0-9, - and _."),
    key("camera.name", Text, Now, Page, "Name for people."),
    key("camera.source", Text, Camera, Page, "Where the pictures come from: auto, rpicam, v4l2:/dev/video0, http://…, rtsp://…, test."),
    key("camera.program", Text, Camera, FileOnly, "The camera program instead of rpicam-vid."),
    key("camera.width", Whole(16, 4096), Camera, Page, "Width of the pictures in pixels."),
    key("camera.height", Whole(16, 4096), Camera, Page, "Height of the pictures in pixels."),
    key("camera.framerate", Number(0.1, 240.0), Camera, Page, "Frames per second."),
    key("camera.quality", Whole(1, 100), Camera, Page, "JPEG quality."),
    key("camera.linger_s", Number(0.0, 86_400.0), Now, Page, "Seconds the camera runs on after the last viewer."),
    key("camera.no_frame_timeout_s", Number(0.5, 3600.0), Now, Page, "Seconds without a picture after which it is started again."),
    key("camera.first_frame_timeout_s", Number(1.0, 3600.0), Now, Page, "The same for the first picture after a start."),
    key("camera.recovered_after_s", Number(1.0, 86_400.0), Now, Page, "Seconds with pictures after which a failure counts as over."),
    key("camera.max_frame_bytes", Whole(1024, 256 << 20), Camera, Page, "Larger pictures are dropped."),
    key("server.listen", Text, Server, Page, "Address to listen on; :: takes IPv4 too."),
    key("server.port", PORT, Server, Page, "Port to listen on; 0 takes a free one."),
    key("server.base_path", Text, Server, Page, "Path in front of every route, such as /webcam."),
    key("server.data_dir", Text, Server, FileOnly, "Folder for what the server keeps."),
    key("server.max_viewers", Whole(1, 100_000), Now, Page, "Viewers of each camera at the same time."),
    key("server.max_connections", Whole(1, 1_000_000), Now, Page, "Connections at the same time; without it, room for the viewers of each camera and 256 more."),
    key("server.viewer_timeout_s", Whole(1, 3600), Now, Page, "A viewer that takes nothing for so many seconds is closed."),
    key("server.head_timeout_s", Whole(1, 3600), Now, Page, "Seconds within which a request has to be there."),
    key("server.snapshot_timeout_s", Whole(1, 600), Now, Page, "Seconds that a snapshot waits for a camera to start."),
    key("server.language", Word(&["en", "ko"]), Now, Page, "Language of what is written into pictures that say that there is none."),
    key("server.hosts", List, Now, Page, "Further names by which the server may be called."),
    key("server.allow", List, Now, Page, "Networks that may come in; with none, all may."),
    key("server.deny", List, Now, Page, "Networks that may not come in."),
    key("server.trusted_proxies", List, Now, Page, "Reverse proxies, as networks."),
    key("server.proxy_protocol", YesNo, Now, Page, "Connections of trusted proxies begin with a PROXY header."),
    key("server.cors_origins", List, Now, Page, "Pages of other sites that may use the API from a browser."),
    key("server.frame_ancestors", List, Now, Page, "Who may put the page into a frame: self, none, * or origins."),
    key("server.tls.enabled", YesNo, Server, Page, "Encrypted connections (HTTPS)."),
    key("server.tls.certificate", Text, Now, FileOnly, "PEM file with the certificate."),
    key("server.tls.key", Text, Now, FileOnly, "PEM file with its key."),
    key("server.tls.redirect_from", PORT, Server, Page, "A plain port beside it that sends visitors to the encrypted one."),
    key("server.tls.acme.domains", List, Now, Page, "Names for which a certificate is ordered from an authority."),
    key("server.tls.acme.email", Text, Now, Page, "Where the authority may write to."),
    key("server.tls.acme.directory", Text, Now, FileOnly, "The authority, as the address of its ACME directory."),
    key("server.tls.acme.challenge", Word(&["tls-alpn-01", "http-01"]), Now, Page, "How the authority sees that the names lead here."),
    key("server.tls.acme.root_certificate", Text, Now, FileOnly, "PEM file with authorities to believe besides the system's."),
    key("auth.enabled", YesNo, Server, FileOnly, "Whoever wants to see something has to log in."),
    key("auth.database", Text, Server, FileOnly, "The file with the accounts."),
    key("auth.alarm_failures", Whole(0, 1000), Now, Page, "So many failed logins from one address are an incident; 0: never."),
    key("auth.alarm_failures_in_all", Whole(0, 1000), Now, Page, "The same from all addresses together; 0: never."),
    key("auth.alarm_window_s", Whole(1, 86_400), Now, Page, "Seconds within which they are counted."),
    key("auth.alarm_quiet_s", Whole(1, 86_400), Now, Page, "Seconds without a failed login after which the incident is over."),
    key("audit.retention_days", Whole(1, 36_500), Now, Page, "Days for which the audit log is kept."),
    key("audit.max_entries", Whole(1000, 10_000_000), Now, Page, "Entries of the audit log at the most."),
    key("storage.index", Text, Server, FileOnly, "The file with the incidents."),
    key("incidents.retention_days", Whole(1, 36_500), Now, Page, "Days for which an incident is kept after its end."),
    key("incidents.max", Whole(1, 1_000_000), Now, Page, "Incidents kept at the most."),
    key("limits.streams_per_15_min", COUNT, Now, Page, "Streams an address may open in 15 minutes; 0 is no limit."),
    key("limits.streams_per_15_min_and_account", COUNT, Now, Page, "The same for each user, token and link."),
    key("limits.api_per_minute", COUNT, Now, Page, "Requests to the API an address may send in a minute; 0 is no limit."),
    key("limits.api_per_minute_and_account", COUNT, Now, Page, "The same for each user, token and link."),
    key("limits.connections_per_address", COUNT, Now, Page, "Connections an address may have at a time; 0 for any number."),
    key("log.level", Text, Now, Page, "error, warn, info, debug or trace, or per part: info,camera=debug."),
    key("log.format", Word(&["auto", "text", "json"]), Server, Page, "How log lines look."),
    key("log.dir", Text, Server, FileOnly, "Folder for log files of a day each; without it none are written."),
    key("log.max_age_days", Whole(1, 3650), Server, Page, "Days for which log files are kept."),
    key("log.max_size_mb", Whole(1, 100_000), Server, Page, "Megabytes of log files at the most."),
    key("quality.policy", Word(&["fixed", "viewers", "per-viewer"]), Cameras, Page, "Who decides about the quality of a viewer's pictures: nobody, how many watch, or each viewer's line."),
    key("quality.max_cpu_percent", Whole(1, 100), Now, Page, "CPU time for making smaller pictures, in percent of one core."),
];

/// The key with this path.
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// What every key is where it is written nowhere.
pub(crate) fn defaults() -> Value {
    let mut all = serde_json::to_value(RawConfig::default()).unwrap_or_default();
    all["camera"] = serde_json::to_value(RawCamera::default()).unwrap_or_default();
    all
}

/// The value at a path with dots.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(value, |value, name| value.get(name))
}

/// The configuration as a JSON schema (2020-12). Beside the words of the standard, `x-effect` says when a change takes
/// effect; `readOnly` is what only the file can set.
pub(crate) fn schema() -> Value {
    let defaults = defaults();
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "my-cctv-server",
        "type": "object",
        "additionalProperties": false,
        "properties": {},
    });
    for (order, key) in KEYS.iter().enumerate() {
        let default = at(&defaults, key.path).cloned().unwrap_or_default();
        let mut names: Vec<&str> = key.path.split('.').collect();
        let last = names.pop().unwrap_or_default();
        let mut table = &mut root;
        for name in names {
            table = &mut table["properties"][name];
            let empty = json!({"type": "object", "additionalProperties": false, "properties": {}});
            if table.is_null() {
                *table = if name == "camera" {
                    json!({"type": "array", "items": empty})
                } else {
                    empty
                };
            }
            if name == "camera" {
                table = &mut table["items"];
            }
        }
        table["properties"][last] = describe(key, default);
        // Objects of JSON have no order, and forms need one.
        table["properties"][last]["x-order"] = order.into();
    }
    root
}

fn describe(key: &Key, default: Value) -> Value {
    let (kind, more) = match key.kind {
        Whole(least, most) => ("integer", json!({"minimum": least, "maximum": most})),
        Number(least, most) => ("number", json!({"minimum": least, "maximum": most})),
        YesNo => ("boolean", json!({})),
        Text => ("string", json!({})),
        Word(words) => ("string", json!({"enum": words})),
        List => ("array", json!({"items": {"type": "string"}})),
    };
    let mut about = Map::new();
    // Without a default it may be left out.
    about.insert(
        "type".to_owned(),
        if default.is_null() {
            json!([kind, "null"])
        } else {
            kind.into()
        },
    );
    if let Value::Object(more) = more {
        about.extend(more);
    }
    about.insert("default".to_owned(), default);
    about.insert("description".to_owned(), key.about.into());
    let effect = match key.effect {
        Now => "now",
        Camera => "camera",
        Cameras => "cameras",
        Server => "server",
    };
    about.insert("x-effect".to_owned(), effect.into());
    if key.access == FileOnly {
        about.insert("readOnly".to_owned(), true.into());
    }
    Value::Object(about)
}

#[cfg(test)]
mod tests {
    use super::{super::Config, *};
    use serde::Deserialize as _;

    fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(table) => {
                for (name, value) in table {
                    let dot = if path.is_empty() { "" } else { "." };
                    paths(value, &format!("{path}{dot}{name}"), found);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }

    #[test]
    fn every_key_is_here_and_no_other() {
        let mut all = vec![];
        paths(&defaults(), "", &mut all);
        for path in &all {
            assert!(find(path).is_some(), "`{path}` is missing in KEYS");
        }
        for key in KEYS {
            let is_there = all.iter().any(|path| path == key.path);
            assert!(is_there, "`{}` is no key", key.path);
        }
        assert_eq!(all.len(), KEYS.len());
    }

    fn is_accepted(path: &str, value: Value) -> bool {
        let (table, name) = path.rsplit_once('.').unwrap();
        let mut inner = json!({ name: value });
        // What has to stand beside it.
        match path {
            "server.max_connections" => inner["max_viewers"] = 1.into(),
            "server.max_viewers" => inner["max_connections"] = 1_000_000.into(),
            "server.tls.redirect_from" => inner["enabled"] = true.into(),
            _ => {}
        }
        for name in table.rsplit('.') {
            inner = if name == "camera" {
                json!({ name: [inner] })
            } else {
                json!({ name: inner })
            };
        }
        let table: toml::Table = serde_json::from_value(inner).unwrap();
        RawConfig::deserialize(table).is_ok_and(|raw| Config::check(raw, String::new()).is_ok())
    }

    #[test]
    fn the_ranges_are_those_of_the_checks() {
        for key in KEYS {
            let (inside, outside): (Vec<Value>, Vec<Value>) = match key.kind {
                Whole(least, most) => (
                    vec![least.into(), most.into()],
                    vec![(least - 1).into(), (most + 1).into()],
                ),
                Number(least, most) => (
                    vec![least.into(), most.into()],
                    vec![(least - 0.05).into(), (most + 0.1).into()],
                ),
                Word(words) => (
                    words.iter().map(|word| Value::from(*word)).collect(),
                    vec!["xyzzy".into()],
                ),
                YesNo => (vec![], vec![3.into()]),
                Text | List => (vec![], vec![json!({})]),
            };
            for value in inside {
                // A certificate is only ordered with its names beside it.
                if !key.path.starts_with("server.tls.acme") {
                    assert!(is_accepted(key.path, value.clone()), "{} {value}", key.path);
                }
            }
            for value in outside {
                assert!(
                    !is_accepted(key.path, value.clone()),
                    "{} {value}",
                    key.path
                );
            }
        }
    }

    #[test]
    fn the_schema_says_type_range_default_and_effect() {
        let schema = schema();
        let viewers = &schema["properties"]["server"]["properties"]["max_viewers"];
        assert_eq!(viewers["type"], "integer");
        assert_eq!(
            (&viewers["minimum"], &viewers["default"]),
            (&json!(1), &json!(15))
        );
        assert_eq!(viewers["x-effect"], "now");
        let port = &schema["properties"]["server"]["properties"]["port"];
        assert_eq!(port["x-effect"], "server");
        let camera = &schema["properties"]["camera"]["items"]["properties"];
        assert_eq!(camera["program"]["readOnly"], true);
        assert_eq!(camera["framerate"]["default"], 20.0);
        let acme = &schema["properties"]["server"]["properties"]["tls"]["properties"]["acme"];
        assert_eq!(acme["properties"]["domains"]["type"], "array");
    }
}

//! Which keys of a camera may be set through the API, and what is said of one that cannot be.

use camera::SourceSpec;
use serde::Deserialize as _;
use serde_json::Value;
use serve::Keys;

use super::{
    layers::{explain, meant},
    raw::RawCamera,
};

/// Who may set a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Everybody who may configure cameras.
    Api,
    /// It runs a program or opens a file, so it is taken from the configuration file alone.
    FileOnly,
}

/// Every key of a camera. What is not listed here is not taken from the API and not shown by it.
const KEYS: [(&str, Rule); 13] = [
    ("id", Rule::Api),
    ("name", Rule::Api),
    ("source", Rule::Api),
    ("program", Rule::FileOnly),
    ("width", Rule::Api),
    ("height", Rule::Api),
    ("framerate", Rule::Api),
    ("quality", Rule::Api),
    ("linger_s", Rule::Api),
    ("no_frame_timeout_s", Rule::Api),
    ("first_frame_timeout_s", Rule::Api),
    ("recovered_after_s", Rule::Api),
    ("max_frame_bytes", Rule::Api),
];

/// What is wrong with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyError {
    pub(crate) key: String,
    pub(crate) problem: String,
}

/// The names of the keys that are shown.
pub(super) fn shown() -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .map(|(name, _)| *name)
        .filter(|name| *name != "id")
}

/// Every key by itself: known, allowed, and of the right type. Null is right for all.
pub(crate) fn check_keys(keys: &Keys) -> Result<(), KeyError> {
    for (key, value) in keys {
        check_key(key, value).map_err(|problem| KeyError {
            key: key.chars().take(80).collect(),
            problem,
        })?;
    }
    Ok(())
}

fn check_key(key: &str, value: &Value) -> Result<(), String> {
    match KEYS.iter().find(|(name, _)| *name == key) {
        None => {
            let known = KEYS.iter().filter(|(_, rule)| *rule == Rule::Api);
            let known: Vec<&str> = known.map(|(name, _)| *name).collect();
            return Err(format!(
                "there is no such key{}; known here: {}",
                meant(key, &known),
                known.join(", ")
            ));
        }
        Some((_, Rule::FileOnly)) => {
            return Err("only the configuration file can set this".to_owned());
        }
        Some((_, Rule::Api)) => {}
    }
    if value.is_null() {
        return Ok(());
    }
    let alone = Keys::from_iter([(key.to_owned(), value.clone())]);
    let raw = RawCamera::deserialize(Value::Object(alone))
        .map_err(|error| in_words(&explain(&error.to_string())))?;
    if key == "source" {
        check_source(&raw.source)?;
    }
    Ok(())
}

/// Whoever may talk to the server must not thereby read its files or start its programs.
fn check_source(text: &str) -> Result<(), String> {
    if text == "command" || text.starts_with("command:") {
        return Err("only the configuration file can name a command".to_owned());
    }
    let spec: SourceSpec = text
        .parse()
        .map_err(|error: camera::InvalidSource| error.to_string())?;
    match spec {
        SourceSpec::File { .. } => Err("only the configuration file can name a file".to_owned()),
        SourceSpec::Auto
        | SourceSpec::Rpicam { .. }
        | SourceSpec::RpicamById { .. }
        | SourceSpec::RpicamThroughFfmpeg
        | SourceSpec::V4l2 { .. }
        | SourceSpec::Http(_)
        | SourceSpec::Rtsp(_)
        | SourceSpec::Test => Ok(()),
    }
}

/// What a source is shown as: its login and its query stay here.
pub(super) fn without_secrets(source: &str) -> String {
    match source.parse::<SourceSpec>() {
        Ok(spec) => spec.to_string(),
        Err(_) => "…".to_owned(),
    }
}

/// The types of a programmer in the words of everybody else.
pub(super) fn in_words(message: &str) -> String {
    const WORDS: [(&str, &str); 5] = [
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected usize", "expected a whole number"),
        ("expected f32", "expected a number"),
        ("expected a string", "expected text in quotes"),
    ];
    WORDS
        .iter()
        .find_map(|(theirs, ours)| Some(format!("{}{ours}", message.strip_suffix(theirs)?)))
        .unwrap_or_else(|| message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_every_key_somebody_decided_whether_the_api_may_set_it() {
        let Ok(Value::Object(all)) = serde_json::to_value(RawCamera::default()) else {
            panic!("a camera is a table");
        };
        let ours: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
        for key in all.keys() {
            assert!(ours.contains(&&**key), "`{key}` is missing in KEYS");
        }
        assert_eq!(ours.len(), all.len());
    }

    #[test]
    fn what_cannot_be_is_named() {
        let check = |keys: Value, want: &[&str]| {
            let Value::Object(keys) = keys else {
                panic!("an object")
            };
            let KeyError { key, problem } = check_keys(&keys).expect_err("must be refused");
            let said = format!("{key}: {problem}");
            for want in want {
                assert!(said.contains(want), "`{said}` does not say `{want}`");
            }
            assert!(!said.contains("secret"), "{said}");
        };
        use serde_json::json;
        check(json!({"hight": 3}), &["hight: ", "did you mean `height`?"]);
        check(
            json!({"xyzzy": 3}),
            &["known here: id, name, source, width"],
        );
        check(
            json!({"program": "/bin/sh"}),
            &["only the configuration file"],
        );
        check(json!({"program": null}), &["only the configuration file"]);
        check(
            json!({"width": "wide"}),
            &["width: ", "wide", "whole number"],
        );
        check(json!({"width": 640.5}), &["640.5", "whole number"]);
        check(json!({"width": -1}), &["-1", "from 0 to 65535"]);
        check(json!({"quality": 256}), &["256", "from 0 to 255"]);
        check(json!({"framerate": "20"}), &["20", "expected a number"]);
        check(json!({"name": ["a"]}), &["name: ", "expected text"]);
        check(json!({"name": {"a": 1}}), &["name: ", "expected text"]);
        check(json!({"source": "file:/etc/passwd"}), &["name a file"]);
        check(json!({"source": "file:///etc/passwd"}), &["name a file"]);
        check(json!({"source": "command:reboot"}), &["name a command"]);
        check(json!({"source": "v4l2:/etc/passwd"}), &["no video device"]);
        check(
            json!({"source": "v4l2:/dev/video0/../sda"}),
            &["no video device"],
        );
        check(json!({"source": "tset"}), &["unknown source `tset`"]);
        check(
            json!({"source": "http://me:secret@/x"}),
            &["no address of a camera"],
        );
    }

    #[test]
    fn an_address_is_shown_without_login_and_query() {
        let shown = without_secrets("http://me:secret@10.0.0.2/mjpeg?key=secret");
        assert_eq!(shown, "http://10.0.0.2:80/mjpeg");
        assert_eq!(without_secrets("who knows: secret"), "…");
    }
}

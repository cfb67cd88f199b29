//! Flags over environment over file over defaults.
//!
//! Each layer is checked by itself before they are put together, so that an error names the place where it was written:
//! the line of the file, the variable, the flag.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize as _;
use serve::Layer;
use toml::{Table, Value};

use super::{Config, ConfigError, Written, raw::RawConfig};
use crate::args::Options;

/// Looked for in this order when no file is named.
const FILES: [&str; 2] = ["config.toml", "/etc/my-cctv-server/config.toml"];

/// The old server's variables and the keys they set.
pub(super) const OLD_NAMES: [(&str, &str); 7] = [
    ("PORT", "server.port"),
    ("MAX_CLIENTS", "server.max_viewers"),
    ("CAM_WIDTH", "camera.width"),
    ("CAM_HEIGHT", "camera.height"),
    ("CAM_FPS", "camera.framerate"),
    ("ENABLE_AUTH", "auth.enabled"),
    ("ENABLE_HTTPS", "server.tls.enabled"),
];

/// Reads and checks everything.
pub(crate) fn load(options: &Options) -> Result<(Config, Written), ConfigError> {
    Layers::read(options)?.check()
}

/// What is written, layer by layer, before it is put together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    /// The file and its text.
    pub(super) file: Option<(PathBuf, String)>,
    /// What goes over it.
    over: Vec<Assignment>,
}

impl Layers {
    pub(crate) fn read(options: &Options) -> Result<Self, ConfigError> {
        let vars = env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let file = file(options)
            .map(|path| read(&path).map(|text| (path, text)))
            .transpose()?;
        let mut over = from_env(vars.collect())?;
        over.extend(from_flags(options)?);
        Ok(Self { file, over })
    }

    /// The text of the file; none is like an empty one.
    pub(crate) fn text(&self) -> &str {
        self.file.as_ref().map_or("", |(_, text)| text)
    }

    /// The same layers over another text, as if the file had it.
    pub(crate) fn with_text(&self, origin: &str, text: &str) -> Self {
        Self {
            file: Some((origin.into(), text.to_owned())),
            over: self.over.clone(),
        }
    }

    /// What all of it means.
    pub(crate) fn check(&self) -> Result<(Config, Written), ConfigError> {
        let mut table = match &self.file {
            Some((path, text)) => read_text(&path.display().to_string(), text)?,
            None => Table::new(),
        };
        for Assignment { key, value, .. } in &self.over {
            assign(&mut table, key, value.clone());
        }
        self.check_table(table)
    }

    /// What the keys of a table mean, which was put together of these layers.
    pub(super) fn check_table(&self, table: Table) -> Result<(Config, Written), ConfigError> {
        let origin = match &self.file {
            Some((path, _)) => path.display().to_string(),
            None => "the defaults".to_owned(),
        };
        let of_camera = self.over.iter().filter_map(|one| {
            let key = one.key.strip_prefix("camera.")?.split('.').next()?;
            Some((key.to_owned(), one.layer()))
        });
        let set_by: BTreeMap<String, Layer> = of_camera.collect();
        let cameras = table.get("camera").cloned();
        let raw = RawConfig::deserialize(table)
            .map_err(|error| ConfigError(format!("{origin}: {}", error.message())))?;
        let config = Config::check(raw, origin)?;
        let written = Written::of(&config, cameras, &set_by);
        Ok((config, written))
    }

    /// All that is written, put together, of a file that was checked.
    pub(super) fn table(&self) -> Table {
        let mut table = toml::from_str(self.text()).unwrap_or_default();
        for Assignment { key, value, .. } in &self.over {
            assign(&mut table, key, value.clone());
        }
        table
    }

    /// Which variable or flag goes over the file for this key; `camera.…` is the first camera's.
    pub(super) fn set_by(&self, key: &str) -> Option<(Layer, &str)> {
        let last = self.over.iter().rfind(|one| one.key == key)?;
        Some((last.layer(), &last.origin))
    }
}

/// The file that is read, if there is one.
pub(crate) fn file(options: &Options) -> Option<PathBuf> {
    let named = options.config.clone();
    named.or_else(|| FILES.iter().map(PathBuf::from).find(|path| path.exists()))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| {
        let hint = if error.kind() == io::ErrorKind::InvalidData {
            " (a configuration is UTF-8 text)"
        } else {
            ""
        };
        ConfigError(format!("{}: {error}{hint}", path.display()))
    })
}

/// One value for one key, and where it was written.
#[derive(Clone, Debug)]
struct Assignment {
    origin: String,
    key: String,
    value: Value,
}

impl Assignment {
    fn layer(&self) -> Layer {
        if self.origin.starts_with("--") {
            Layer::Flag
        } else {
            Layer::Environment
        }
    }
}

/// A text by itself: known keys, each of its type.
pub(super) fn read_text(origin: &str, text: &str) -> Result<Table, ConfigError> {
    let wrong = |error: &toml::de::Error| in_file(origin, text, error);
    check_version(origin, text)?;
    toml::from_str::<RawConfig>(text).map_err(|error| wrong(&error))?;
    toml::from_str(text).map_err(|error| wrong(&error))
}

/// Said before anything else: a newer file has keys that are not known here.
fn check_version(origin: &str, text: &str) -> Result<(), ConfigError> {
    let table: Table = toml::from_str(text).unwrap_or_default();
    match table.get("version") {
        Some(Value::Integer(1)) | None => Ok(()),
        Some(Value::Integer(newer @ 2..)) => Err(ConfigError(format!(
            "{origin}: `version`: {newer} is a form of a newer version of my-cctv-server, and this one knows 1: install that \
             version again, or put the earlier file back"
        ))),
        Some(other) => Err(ConfigError(format!(
            "{origin}: `version`: {other} is none: expected 1"
        ))),
    }
}

fn from_env(mut vars: Vec<(String, String)>) -> Result<Vec<Assignment>, ConfigError> {
    vars.sort_unstable();
    let mut found = Vec::new();
    for (name, value) in vars {
        // An empty variable is what compose files make of one that is not set.
        if value.is_empty() {
            continue;
        }
        if let Some((_, key)) = OLD_NAMES.iter().find(|(old, _)| *old == name) {
            found.push(assignment(name, key, &value)?);
        } else if let Some(path) = name
            .strip_prefix("CCTV_")
            .filter(|path| path.contains("__"))
        {
            let key = path.to_ascii_lowercase().replace("__", ".");
            // `…_FILE` names a file with the value, unless the key itself ends so.
            match key
                .strip_suffix("_file")
                .filter(|_| parse(&key, &value).is_err())
            {
                Some(key) => {
                    let secret = read(Path::new(&value))
                        .map_err(|error| ConfigError(format!("{name}: {error}")))?;
                    found.push(assignment(
                        name,
                        key,
                        secret.trim_end_matches(['\r', '\n']),
                    )?);
                }
                None => found.push(assignment(name, &key, &value)?),
            }
        }
    }
    // The new names win over the old ones.
    found.sort_by_key(|assignment| assignment.origin.starts_with("CCTV_"));
    Ok(found)
}

fn from_flags(options: &Options) -> Result<Vec<Assignment>, ConfigError> {
    let mut found = Vec::new();
    for text in &options.set {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| ConfigError(format!("--set {text}: expected KEY=VALUE")))?;
        found.push(assignment(
            format!("--set {key}"),
            key.trim(),
            value.trim(),
        )?);
    }
    if let Some(port) = options.port {
        found.push(assignment(
            "--port".to_owned(),
            "server.port",
            &port.to_string(),
        )?);
    }
    if let Some(listen) = options.listen {
        found.push(assignment(
            "--listen".to_owned(),
            "server.listen",
            &listen.to_string(),
        )?);
    }
    Ok(found)
}

fn assignment(origin: String, key: &str, text: &str) -> Result<Assignment, ConfigError> {
    match parse(key, text) {
        Ok(value) => Ok(Assignment {
            origin,
            key: key.to_owned(),
            value,
        }),
        Err(message) => Err(ConfigError(format!("{origin}: {message}"))),
    }
}

/// Reads `text` as whatever type the key has: a TOML value, a yes or no in other words, or plain text.
fn parse(key: &str, text: &str) -> Result<Value, String> {
    let literal = toml::from_str::<Table>(&format!("x = {text}"))
        .ok()
        .and_then(|mut table| table.remove("x"));
    let word = match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "on" | "true" => Some(Value::Boolean(true)),
        "0" | "no" | "off" | "false" => Some(Value::Boolean(false)),
        _ => None,
    };
    let mut first_error = None;
    for value in [literal, word, Some(Value::String(text.to_owned()))]
        .into_iter()
        .flatten()
    {
        let mut table = Table::new();
        assign(&mut table, key, value.clone());
        match RawConfig::deserialize(table) {
            Ok(_) => return Ok(value),
            Err(error) => first_error.get_or_insert_with(|| explain(error.message())),
        };
    }
    Err(first_error.unwrap_or_default())
}

/// Sets a dotted key. `camera.…` is the first camera's.
pub(super) fn assign(table: &mut Table, key: &str, value: Value) {
    let mut here = table;
    let mut path: Vec<&str> = key.split('.').collect();
    let last = path.pop().unwrap_or_default();
    for name in path {
        let is_list = name == "camera";
        let empty = if is_list {
            Value::Array(vec![])
        } else {
            Value::Table(Table::new())
        };
        let mut next = here.entry(name).or_insert(empty);
        if let Value::Array(list) = next {
            if list.is_empty() {
                list.push(Value::Table(Table::new()));
            }
            next = &mut list[0];
        }
        if !next.is_table() {
            *next = Value::Table(Table::new());
        }
        let Value::Table(inner) = next else { return };
        here = inner;
    }
    here.insert(last.to_owned(), value);
}

/// Takes a dotted key out, wherever it stands.
pub(super) fn take_away(table: &mut Table, key: &str) {
    match key.split_once('.') {
        None => {
            table.remove(key);
        }
        Some((name, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(name) {
                take_away(inner, rest);
            }
        }
    }
}

fn in_file(origin: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let line = error
        .span()
        .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let place = line
        .map(|line| format!("{origin}:{line}"))
        .unwrap_or_else(|| origin.to_owned());
    ConfigError(format!("{place}: {}", explain(error.message())))
}

/// `unknown field` is a programmer's word; and the nearest known key is what the operator wants to hear first.
pub(super) fn explain(message: &str) -> String {
    let message = message.trim().replace('\n', " ");
    let Some(rest) = message.strip_prefix("unknown field ") else {
        return message;
    };
    let mut names = rest.split('`').skip(1).step_by(2);
    let unknown = names.next().unwrap_or_default();
    let known: Vec<&str> = names.collect();
    let meant = meant(unknown, &known);
    format!(
        "unknown key `{unknown}`{meant}; known here: {}",
        known.join(", ")
    )
}

/// The known key that somebody may have meant, as a question.
pub(super) fn meant(unknown: &str, known: &[&str]) -> String {
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(unknown.len()) / 2)
        .map(|(_, name)| format!(" (did you mean `{name}`?)"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_with(
        file: Option<&str>,
        vars: &[(&str, &str)],
        flags: &[&str],
    ) -> Result<Config, String> {
        let file = file.map(|text| (PathBuf::from("config.toml"), text.to_owned()));
        let vars = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let options = Options {
            set: flags.iter().map(|f| (*f).to_owned()).collect(),
            ..Options::default()
        };
        let mut over = from_env(vars).map_err(|e| e.to_string())?;
        over.extend(from_flags(&options).map_err(|e| e.to_string())?);
        let layers = Layers { file, over };
        let (config, _) = layers.check().map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn the_old_servers_variables_still_work() {
        let vars = [
            ("PORT", "8081"),
            ("MAX_CLIENTS", "3"),
            ("CAM_WIDTH", "1280"),
            ("CAM_HEIGHT", "720"),
            ("CAM_FPS", "12.5"),
            ("ENABLE_AUTH", "false"),
            ("ENABLE_HTTPS", "0"),
            ("HOME", "/root"),
            ("CCTV_TEST_MEDIA", "ignored: it has no section"),
        ];
        let config = load_with(None, &vars, &[]).unwrap();
        assert_eq!((config.serve.port, config.serve.max_viewers), (8081, 3));
        let camera = &config.cameras[0];
        assert_eq!(
            (camera.settings.width_px, camera.settings.height_px),
            (1280, 720)
        );
        assert_eq!(camera.settings.framerate, 12.5);
        assert_eq!((camera.id.as_str(), config.cameras.len()), ("main", 1));
    }

    #[test]
    fn every_key_has_the_variable_that_the_documentation_names() {
        use super::super::{
            reference::variable,
            table::{KEYS, Kind, at, defaults},
        };
        let defaults = defaults();
        for key in KEYS {
            let text = match key.kind {
                Kind::Whole(least, _) => least.to_string(),
                Kind::Number(least, _) => least.to_string(),
                Kind::YesNo => "yes".to_owned(),
                Kind::Word(words) => words[0].to_owned(),
                Kind::List => "[\"x\"]".to_owned(),
                Kind::Text => {
                    let default = at(&defaults, key.path).and_then(|value| value.as_str());
                    default.unwrap_or("x").to_owned()
                }
            };
            let found = from_env(vec![(variable(key.path), text)]).unwrap();
            assert_eq!(found[0].key, key.path);
        }
    }

    #[test]
    fn flags_over_environment_over_file_over_defaults() {
        let file = "[server]\nport = 1\nmax_viewers = 2\nviewer_timeout_s = 3\n[[camera]]\nsource = \"test\"\n";
        let vars = [
            ("PORT", "10"),
            ("CCTV_SERVER__PORT", "11"),
            ("CCTV_SERVER__MAX_VIEWERS", "20"),
        ];
        let config = load_with(Some(file), &vars, &["server.port=100", "camera.name=007"]).unwrap();
        assert_eq!((config.serve.port, config.serve.max_viewers), (100, 20));
        assert_eq!(config.serve.viewer_timeout.as_secs(), 3);
        assert_eq!(config.cameras[0].settings.spec, camera::SourceSpec::Test);
        assert_eq!(
            config.cameras[0].settings.name, "007",
            "a number is text where text is wanted"
        );
        assert_eq!(load_with(Some(file), &vars, &[]).unwrap().serve.port, 11);
    }

    #[test]
    fn an_empty_variable_is_none_and_a_file_may_hold_the_value() {
        assert_eq!(
            load_with(None, &[("PORT", "")], &[]).unwrap().serve.port,
            3000
        );
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("name");
        fs::write(&path, "Back yard\n").unwrap();
        let config = load_with(
            None,
            &[("CCTV_CAMERA__NAME_FILE", path.to_str().unwrap())],
            &[],
        )
        .unwrap();
        assert_eq!(config.cameras[0].settings.name, "Back yard");
    }

    fn check(file: &str, vars: &[(&str, &str)], flags: &[&str], want: &[&str]) {
        let error = load_with(Some(file), vars, flags).expect_err("must not be accepted");
        for text in want {
            assert!(error.contains(text), "`{error}` does not say `{text}`");
        }
    }

    #[test]
    fn errors_name_the_place_and_the_nearest_key() {
        check(
            "[server]\nport = 1\nprot = 2\n",
            &[],
            &[],
            &[
                "config.toml:3:",
                "unknown key `prot`",
                "did you mean `port`?",
            ],
        );
        check(
            "[sever]\nport = 1\n",
            &[],
            &[],
            &["config.toml:1:", "did you mean `server`?"],
        );
        check(
            "[server]\nport = 70000\n",
            &[],
            &[],
            &["config.toml:2:", "70000"],
        );
        check(
            "[server]\nport = \"x\"\n",
            &[],
            &[],
            &["config.toml:2:", "string", "u16"],
        );
        check("[server\n", &[], &[], &["config.toml:1:"]);
        check(
            "[[camera]]\nid='a'\n[[camera]]\nwith = 3\n",
            &[],
            &[],
            &["config.toml:4:", "did you mean `width`?"],
        );
        check(
            "",
            &[("CCTV_SERVER__PROT", "1")],
            &[],
            &["CCTV_SERVER__PROT:", "did you mean `port`?"],
        );
        check("", &[("PORT", "many")], &[], &["PORT:", "many"]);
        check(
            "",
            &[],
            &["server.port"],
            &["--set server.port: expected KEY=VALUE"],
        );
        check(
            "",
            &[],
            &["camera.hight=3"],
            &["--set camera.hight:", "did you mean `height`?"],
        );
    }
}

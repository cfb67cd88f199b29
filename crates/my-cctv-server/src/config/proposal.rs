//! What a change of the configuration would do: the new text of the file, the difference, what is started again, and
//! what is wrong with it, by the checks that the file itself goes through. Pure: reads and writes nothing.

use pipeline::Camera;
use serde::Deserialize as _;
use serde_json::{Map, Value};
use serve::{Keys, Layer, Outlook, Refusal, SettingError};

use super::{
    CameraChange, Config, Values, Written,
    changes::Kind,
    difference::compare,
    edit,
    keys::{check_keys, in_words, without_secrets},
    layers::{Layers, explain, meant},
    raw::RawConfig,
    shown::{file_values, is_of_camera},
    table::{self, Access, KEYS},
    written_file::{Edit, edited},
};

/// Where the new text is read from, for errors that are then taken apart.
const NEW: &str = "the new configuration";

/// What somebody wants.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// These keys, and these of cameras, by their ids.
    Keys(Map<String, Value>, Map<String, Value>),
    /// What this text says, as far as the page may set it.
    Import(String),
    /// Exactly this text, which was the file before.
    Text(String),
}

/// A change that was thought through.
#[derive(Debug)]
pub(crate) struct Proposal {
    /// The file from then on.
    pub(crate) text: String,
    /// What the API changed of the cameras, from then on.
    pub(crate) changes: Vec<CameraChange>,
    pub(crate) outlook: Outlook,
}

/// Thinks a change through.
pub(crate) fn propose(
    layers: &Layers,
    written: &Written,
    changes: &[CameraChange],
    now: &Values,
    wanted: &Wanted,
) -> Proposal {
    let mut draft = Draft {
        layers,
        written,
        changes: changes.to_vec(),
        edits: vec![],
        errors: vec![],
        notes: vec![],
    };
    let text = match wanted {
        Wanted::Text(text) => Ok(text.clone()),
        Wanted::Keys(keys, cameras) => {
            for (path, value) in keys {
                draft.key(path, value);
            }
            for (id, keys) in cameras {
                draft.camera(id, keys);
            }
            edited(layers.text(), &draft.edits)
        }
        Wanted::Import(text) => {
            draft.import(text);
            edited(layers.text(), &draft.edits)
        }
    };
    let Draft {
        changes: after,
        mut errors,
        notes,
        ..
    } = draft;
    let text = text.unwrap_or_else(|problem| {
        errors.push(error(None, None, problem));
        layers.text().to_owned()
    });
    let mut outlook = Outlook {
        notes,
        ..Outlook::default()
    };
    if errors.is_empty() {
        match whole(layers, &text, &after) {
            Ok((new_layers, new_written, new)) => {
                let old = written.with(changes).unwrap_or_default();
                // It was checked just now, and so was what is in force.
                let pending = new_layers.partly(now).map(|partly| partly.pending);
                compare(
                    (layers, written, changes, &old),
                    (&new_layers, &new_written, &after, &new),
                    &pending.unwrap_or_default(),
                    &mut outlook,
                );
            }
            Err(error) => errors.push(error),
        }
    }
    outlook.errors = errors;
    Proposal {
        text,
        changes: after,
        outlook,
    }
}

fn error(camera: Option<&str>, key: Option<&str>, problem: String) -> SettingError {
    SettingError {
        camera: camera.map(str::to_owned),
        key: key.map(str::to_owned),
        problem,
    }
}

/// The checks of the file, over all of it.
fn whole(
    layers: &Layers,
    text: &str,
    changes: &[CameraChange],
) -> Result<(Layers, Written, Vec<Camera>), SettingError> {
    let layers = layers.with_text(NEW, text);
    let located = |(camera, key, problem)| SettingError {
        camera,
        key,
        problem,
    };
    let (_, written): (Config, Written) = layers
        .check()
        .map_err(|problem| located(problem.apart(NEW)))?;
    let cameras = written.with(changes).map_err(|problem| match problem.at {
        Some((camera, key)) => error(Some(&camera), Some(key), problem.problem),
        None => error(None, None, problem.problem),
    })?;
    Ok((layers, written, cameras))
}

struct Draft<'a> {
    layers: &'a Layers,
    written: &'a Written,
    changes: Vec<CameraChange>,
    edits: Vec<Edit>,
    errors: Vec<SettingError>,
    notes: Vec<String>,
}

impl Draft<'_> {
    fn wrong(&mut self, camera: Option<&str>, key: &str, problem: impl Into<String>) {
        let key: String = key.chars().take(80).collect();
        self.errors.push(error(camera, Some(&key), problem.into()));
    }

    /// A key that is not a camera's.
    fn key(&mut self, path: &str, value: &Value) {
        let known: Vec<&str> = KEYS
            .iter()
            .filter(|k| !is_of_camera(k))
            .map(|k| k.path)
            .collect();
        if !known.contains(&path) {
            let meant = meant(path, &known);
            return self.wrong(None, path, format!("there is no such key{meant}"));
        }
        if table::find(path).is_some_and(|key| key.access == Access::FileOnly) {
            return self.wrong(None, path, "only the configuration file can set this");
        }
        if let Some((layer, by)) = self.layers.set_by(path) {
            let problem = goes_over(layer, by);
            return self.wrong(None, path, problem);
        }
        if value.is_null() {
            self.edits.push(Edit::Key(path.to_owned(), None));
            return;
        }
        match alone(path, value) {
            Ok(value) => self.edits.push(Edit::Key(path.to_owned(), Some(value))),
            Err(problem) => self.wrong(None, path, problem),
        }
    }

    fn camera(&mut self, id: &str, keys: &Value) {
        let Value::Object(keys) = keys else {
            return self.wrong(Some(id), "", "expected an object with keys");
        };
        let Ok(parsed) = id.parse() else {
            return self.wrong(Some(id), "", "there is no such camera");
        };
        let Some(explained) = self.written.explain(&parsed, &self.changes) else {
            return self.wrong(Some(id), "", "there is no such camera");
        };
        let is_added = self.written.get(id).is_none();
        for (name, value) in keys {
            let one = Keys::from_iter([(name.clone(), value.clone())]);
            if name == "id" {
                self.wrong(Some(id), name, "it stays as it is");
                continue;
            }
            if let Err(problem) = check_keys(&one) {
                self.wrong(Some(id), name, problem.problem);
                continue;
            }
            let from = explained.keys.iter().find(|key| key.name == *name);
            let from = from.map_or(Layer::Default, |key| key.from);
            match from {
                Layer::Environment | Layer::Flag => {
                    let key = format!("camera.{name}");
                    let by = self.layers.set_by(&key).map_or("", |(_, by)| by);
                    let problem = goes_over(from, by);
                    self.wrong(Some(id), name, problem);
                }
                // What the API set goes over the file, so that is where it has to change.
                _ if is_added || from == Layer::Api => {
                    if let Err(refusal) =
                        edit::change(self.written, &mut self.changes, &parsed, one)
                    {
                        let problem = match refusal {
                            Refusal::Key { problem, .. } | Refusal::Conflict(problem) => problem,
                            _ => "there is no such camera".to_owned(),
                        };
                        self.wrong(Some(id), name, problem);
                    }
                }
                _ => match to_toml(value) {
                    Ok(value) => {
                        let edit = Edit::CameraKey(id.to_owned(), name.clone(), value);
                        self.edits.push(edit);
                    }
                    Err(problem) => self.wrong(Some(id), name, problem),
                },
            }
        }
    }

    /// Everything that the page may set becomes what the text says.
    fn import(&mut self, text: &str) {
        let origin = "the import";
        let read = self.layers.with_text(origin, text);
        if let Err(problem) = super::layers::read_text(origin, text) {
            let (_, key, problem) = problem.apart(origin);
            return self.errors.push(error(None, key.as_deref(), problem));
        }
        let (old, new) = (file_values(self.layers), file_values(&read));
        let mut left = vec![];
        for key in KEYS.iter().filter(|key| !is_of_camera(key)) {
            let (was, will) = (table::at(&old, key.path), table::at(&new, key.path));
            if was == will {
                continue;
            }
            if key.access == Access::FileOnly {
                left.extend(will.map(|_| format!("`{}`", key.path)));
            } else if self.layers.set_by(key.path).is_some() {
                left.push(format!("`{}`", key.path));
            } else {
                self.key(key.path, will.unwrap_or(&Value::Null));
            }
        }
        let cameras = new.get("camera").and_then(Value::as_array);
        let cameras: Vec<Keys> = cameras
            .into_iter()
            .flatten()
            .enumerate()
            .filter_map(|(index, camera)| {
                let mut keys = camera.as_object()?.clone();
                let id = keys
                    .entry("id")
                    .or_insert_with(|| super::checked::id_at(index).into());
                id.is_string().then_some(keys)
            })
            .collect();
        for keys in &cameras {
            self.import_camera(keys, &mut left);
        }
        let is_wanted = |id: &str| cameras.iter().any(|keys| keys["id"] == id);
        let changes = self.changes.clone();
        for id in self.written.ids(&changes) {
            if cameras.is_empty() || is_wanted(id) {
                continue;
            }
            if self.written.get(id).is_some() {
                self.edits.push(Edit::RemoveCamera(id.to_owned()));
            }
            self.changes.retain(|change| change.id != id);
        }
        if !left.is_empty() {
            let left = left.join(", ");
            self.notes.push(format!(
                "Left as it is, because only the file, the environment or a flag can set it: {left}."
            ));
        }
    }

    fn import_camera(&mut self, keys: &Keys, left: &mut Vec<String>) {
        let id = keys["id"].as_str().unwrap_or_default();
        let Some(was) = self.written.keys_of(id, &self.changes) else {
            if let Err(problem) = check_keys(keys) {
                return self.wrong(Some(id), &problem.key, problem.problem);
            }
            let table = to_toml(&Value::Object(keys.clone()));
            if let Ok(Some(toml::Value::Table(table))) = table {
                self.edits.push(Edit::AddCamera(table));
            }
            return;
        };
        let mut patch = Keys::new();
        for key in KEYS.iter().filter(|key| is_of_camera(key)) {
            let name = key.path.trim_start_matches("camera.");
            let (before, after) = (was.get(name), keys.get(name));
            // An export shows a source without its login: the one that is here stays.
            let is_masked = name == "source"
                && before.zip(after).is_some_and(|(before, after)| {
                    let shown = without_secrets(before.as_str().unwrap_or_default());
                    after.as_str() == Some(&*shown)
                });
            if before == after || is_masked || name == "id" {
                continue;
            }
            let is_first = self.written.ids(&[]).first() == Some(&id);
            let is_over = is_first && self.layers.set_by(key.path).is_some();
            if name == "program" || is_over {
                left.extend(after.map(|_| format!("`{name}` of {id}")));
                continue;
            }
            patch.insert(name.to_owned(), after.cloned().unwrap_or_default());
        }
        self.camera(id, &Value::Object(patch));
    }
}

fn goes_over(layer: Layer, by: &str) -> String {
    let place = match layer {
        Layer::Flag => "on the command line",
        _ => "in the environment",
    };
    format!("{by} {place} goes over the file: take it away there first")
}

/// A value by itself: of the right type?
fn alone(path: &str, value: &Value) -> Result<toml::Value, String> {
    let inner = to_toml(value)?.ok_or("expected a value")?;
    let mut whole = inner.clone();
    for name in path.rsplit('.') {
        whole = toml::Value::Table(toml::Table::from_iter([(name.to_owned(), whole)]));
    }
    match RawConfig::deserialize(whole) {
        Ok(_) => Ok(inner),
        Err(error) => Err(in_words(&explain(error.message()))),
    }
}

fn to_toml(value: &Value) -> Result<Option<toml::Value>, String> {
    if value.is_null() {
        return Ok(None);
    }
    toml::Value::try_from(value)
        .map(Some)
        .map_err(|error| error.to_string())
}

/// For those that were added: the layer of a change.
impl CameraChange {
    pub(crate) fn is_added(&self) -> bool {
        self.kind == Kind::Added
    }
}

#[cfg(test)]
mod tests {
    use super::{super::export, *};
    use crate::args::Options;
    use serde_json::json;

    const FILE: &str = "# Mine.\n[server]\nmax_viewers = 5 # five\n[[camera]]\nid = \"door\"\n\
        source = \"http://me:secret@10.0.0.2/x?key=secret\" # the street\n[[camera]]\nid = \"yard\"\nsource = \"test\"\n";

    fn with(
        text: &str,
        flags: &[&str],
        changes: &[CameraChange],
        wanted: &Wanted,
    ) -> (Proposal, Layers) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        let options = Options {
            config: Some(path),
            set: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            ..Options::default()
        };
        let layers = Layers::read(&options).unwrap();
        let (_, written) = layers.check().unwrap();
        let now = Values::of(&layers);
        (propose(&layers, &written, changes, &now, wanted), layers)
    }

    fn keys(keys: Value, cameras: Value) -> Wanted {
        let (Value::Object(keys), Value::Object(cameras)) = (keys, cameras) else {
            panic!("objects")
        };
        Wanted::Keys(keys, cameras)
    }

    #[test]
    fn a_change_is_told_before_it_is_made() {
        let wanted = keys(
            json!({"server.max_viewers": 7, "server.port": 7, "limits.api_per_minute": null}),
            json!({"yard": {"framerate": 5, "name": "Back"}, "door": {"linger_s": 2}}),
        );
        let (Proposal { text, outlook, .. }, _) = with(FILE, &[], &[], &wanted);
        assert!(outlook.errors.is_empty(), "{:?}", outlook.errors);
        assert!(text.contains("max_viewers = 7 # five\n") && text.starts_with("# Mine.\n"));
        assert!(
            text.ends_with("source = \"test\"\nframerate = 5\nname = \"Back\"\n"),
            "{text}"
        );
        assert_eq!(
            outlook.difference,
            "  [server]\n- port = 3000\n+ port = 7\n- max_viewers = 5\n+ max_viewers = 7\n\
             \x20 [[camera]] door\n- linger_s = 10.0\n+ linger_s = 2\n  [[camera]] yard\n\
             + name = \"Back\"\n- framerate = 20.0\n+ framerate = 5\n"
        );
        assert_eq!(outlook.live, ["server.max_viewers", "door.linger_s"]);
        assert_eq!(
            (&*outlook.restarts, &*outlook.waits),
            (&["yard".to_owned()][..], &["server.port".to_owned()][..])
        );
    }

    #[test]
    fn what_cannot_be_says_which_key_and_why() {
        let check = |wanted: Wanted, flags: &[&str], want: &[(Option<&str>, &str, &str)]| {
            let (Proposal { outlook, .. }, _) = with(FILE, flags, &[], &wanted);
            assert_eq!(outlook.errors.len(), want.len(), "{:?}", outlook.errors);
            for (camera, key, words) in want {
                let found = outlook.errors.iter().any(|error| {
                    error.camera.as_deref() == *camera
                        && error.key.as_deref() == Some(*key)
                        && error.problem.contains(words)
                });
                assert!(found, "{key} {words}: {:?}", outlook.errors);
            }
            let said = format!("{outlook:?}");
            assert!(!said.contains("secret"), "{said}");
        };
        let none = || json!({});
        check(
            keys(
                json!({"server.prot": 1, "server.data_dir": "/tmp", "auth.enabled": false, "server.port": "x", "server.tls.key": null}),
                json!({"door": {"program": "/bin/sh", "source": "file:/etc/passwd", "width": 9.5}, "shed": {"width": 64}}),
            ),
            &[],
            &[
                (None, "server.prot", "did you mean `server.port`?"),
                (None, "server.data_dir", "only the configuration file"),
                (None, "auth.enabled", "only the configuration file"),
                (None, "server.port", "whole number"),
                (None, "server.tls.key", "only the configuration file"),
                (Some("door"), "program", "only the configuration file"),
                (Some("door"), "source", "name a file"),
                (Some("door"), "width", "whole number"),
                (Some("shed"), "", "no such camera"),
            ],
        );
        check(
            keys(json!({"server.max_viewers": 0}), none()),
            &[],
            &[(None, "server.max_viewers", "1 to 100000")],
        );
        check(
            keys(none(), json!({"yard": {"framerate": 500}})),
            &[],
            &[(Some("yard"), "framerate", "0.1 to 240")],
        );
        check(
            keys(
                json!({"server.max_viewers": 9}),
                json!({"door": {"width": 64}}),
            ),
            &["server.max_viewers=3", "camera.width=128"],
            &[
                (
                    None,
                    "server.max_viewers",
                    "--set server.max_viewers on the command line goes over",
                ),
                (Some("door"), "width", "goes over the file"),
            ],
        );
    }

    #[test]
    fn what_is_exported_can_be_imported_and_changes_nothing() {
        let (_, layers) = with(FILE, &[], &[], &keys(json!({}), json!({})));
        let (_, written) = layers.check().unwrap();
        let added: CameraChange = serde_json::from_value(
            json!({"id": "shed", "kind": "added", "keys": {"source": "test", "width": 64}}),
        )
        .unwrap();
        let text = export(&layers, &written, std::slice::from_ref(&added));
        assert!(
            !text.contains("secret") && text.contains("http://10.0.0.2:80/x"),
            "{text}"
        );
        let changes = [added];
        let (same, _) = with(FILE, &[], &changes, &Wanted::Import(text.clone()));
        assert!(same.outlook.errors.is_empty(), "{:?}", same.outlook.errors);
        assert_eq!((&*same.text, &*same.outlook.difference), (FILE, ""));
        assert_eq!(same.changes, changes);

        // Elsewhere: other cameras go, these come.
        let elsewhere = "[auth]\nenabled = false\n[[camera]]\nid = \"old\"\nsource = \"test\"\n";
        let text =
            format!("{text}\n[server.tls]\ncertificate = \"/x\"\nkey = \"/y\"\nenabled = true\n")
                .replace("[server]", "[log]\nlevel = \"warn\"\n[server]");
        let (moved, _) = with(elsewhere, &[], &[], &Wanted::Import(text));
        let Proposal { text, outlook, .. } = moved;
        assert!(outlook.errors.is_empty(), "{:?}", outlook.errors);
        assert!(
            text.contains("[auth]\nenabled = false\n") && !text.contains("\"old\""),
            "{text}"
        );
        assert!(
            text.contains("level = \"warn\"") && text.contains("id = \"shed\""),
            "{text}"
        );
        assert!(
            outlook.notes[0].contains("`server.tls.certificate`"),
            "{:?}",
            outlook.notes
        );
        assert_eq!(outlook.restarts, ["old", "door", "yard", "shed"]);

        let (bad, _) = with(
            FILE,
            &[],
            &[],
            &Wanted::Import("[server]\nprot = 1\n".to_owned()),
        );
        assert!(
            bad.outlook.errors[0]
                .problem
                .contains("did you mean `port`?")
        );
    }
}

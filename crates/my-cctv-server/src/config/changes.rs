//! What the API changed, over what is written in file, environment and flags. Pure: reads and writes nothing.

use std::collections::BTreeMap;

use hub::CameraId;
use pipeline::Camera;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serve::{Explained, ExplainedKey, Keys, Layer};

use super::{
    Config,
    checked::{CameraError, ForAll, check_cameras, id_at},
    keys::{KeyError, check_keys, shown, without_secrets},
    raw::RawCamera,
};

/// One camera that the API added, or the keys it set of a camera that stands in the file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CameraChange {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// Without `id`, and without null.
    pub(crate) keys: Keys,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Added,
    Changed,
}

impl CameraChange {
    /// The same as for a request: a file that somebody wrote by hand opens no way around it.
    pub(crate) fn check(&self) -> Result<(), String> {
        let at = |KeyError { key, problem }| format!("camera {}: `{key}`: {problem}", self.id);
        let _: CameraId = self
            .id
            .parse()
            .map_err(|error: hub::InvalidCameraId| error.to_string())?;
        let is_source_missing = self.kind == Kind::Added && !self.keys.contains_key("source");
        if is_source_missing {
            return Err(format!("camera {}: `source`: there is none", self.id));
        }
        check_keys(&self.keys).map_err(at)
    }
}

/// The cameras as they are written in file, environment and flags.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(super) origin: String,
    for_all: ForAll,
    pub(super) cameras: Vec<WrittenCamera>,
    /// The file has no `[[camera]]`: the only one is there by default.
    pub(super) by_default: bool,
}

#[derive(Clone, Debug)]
pub(super) struct WrittenCamera {
    id: String,
    keys: Keys,
    /// Keys that are not from the file.
    set_by: BTreeMap<String, Layer>,
}

impl Written {
    /// `cameras` is the checked list of tables, `set_by` tells which keys of the first one are not from the file.
    pub(super) fn of(
        config: &Config,
        cameras: Option<toml::Value>,
        set_by: &BTreeMap<String, Layer>,
    ) -> Self {
        let tables = cameras.and_then(|list| serde_json::to_value(list).ok());
        let mut list = match tables {
            Some(Value::Array(list)) => list,
            _ => vec![],
        };
        if list.is_empty() {
            list.push(Value::Object(Keys::new()));
        }
        let is_from_elsewhere = |table: &Value| {
            let mut keys = table.as_object().into_iter().flat_map(Keys::keys);
            keys.all(|key| set_by.contains_key(key))
        };
        let by_default = matches!(&*list, [only] if is_from_elsewhere(only));
        let camera = |(index, table): (usize, Value)| {
            let Value::Object(mut keys) = table else {
                return None;
            };
            let id = match keys.remove("id") {
                Some(Value::String(id)) => id,
                _ => id_at(index),
            };
            let set_by = if index == 0 {
                set_by.clone()
            } else {
                BTreeMap::new()
            };
            Some(WrittenCamera { id, keys, set_by })
        };
        Self {
            origin: config.origin.clone(),
            for_all: config.for_all,
            cameras: list.into_iter().enumerate().filter_map(camera).collect(),
            by_default,
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&WrittenCamera> {
        self.cameras.iter().find(|camera| camera.id == id)
    }

    /// The same without any camera.
    pub(super) fn without_cameras(&self) -> Self {
        Self {
            cameras: vec![],
            ..self.clone()
        }
    }

    /// The ids of all cameras, those that were added behind the others.
    pub(super) fn ids<'a>(&'a self, changes: &'a [CameraChange]) -> Vec<&'a str> {
        let added = changes.iter().filter(|c| c.kind == Kind::Added);
        let written = self.cameras.iter().map(|camera| &*camera.id);
        written.chain(added.map(|change| &*change.id)).collect()
    }

    /// What is written or set of one camera, secrets included.
    pub(super) fn keys_of(&self, id: &str, changes: &[CameraChange]) -> Option<Keys> {
        let change = changes.iter().find(|c| c.id == id);
        let mut keys = match (self.get(id), change) {
            (Some(camera), _) => camera.keys.clone(),
            (None, Some(change)) if change.kind == Kind::Added => Keys::new(),
            (None, _) => return None,
        };
        if let Some(change) = change {
            keys.extend(change.keys.clone());
        }
        keys.insert("id".to_owned(), id.into());
        Some(keys)
    }

    /// All cameras: those that are written, with what was changed of them, then those that were added.
    pub(crate) fn with(&self, changes: &[CameraChange]) -> Result<Vec<Camera>, CameraError> {
        let over = |keys: &Keys, id: &str, kind: Kind| {
            let mut keys = keys.clone();
            for change in changes.iter().filter(|c| c.id == id && c.kind == kind) {
                keys.extend(change.keys.clone());
            }
            keys.insert("id".to_owned(), id.into());
            keys
        };
        let mut list: Vec<Keys> = self
            .cameras
            .iter()
            .map(|camera| over(&camera.keys, &camera.id, Kind::Changed))
            .collect();
        for change in changes.iter().filter(|c| c.kind == Kind::Added) {
            if self.get(&change.id).is_some() {
                let id = &change.id;
                return Err(CameraError {
                    at: None,
                    is_clash: true,
                    problem: format!(
                        "camera {id} was added through the API and now stands in {} too: take it out there, or \
                         drop the added one by DELETE /api/v1/cameras/{id}",
                        self.origin
                    ),
                });
            }
            list.push(over(&change.keys, &change.id, Kind::Added));
        }
        let raw = list
            .into_iter()
            .map(|keys| {
                let id = keys["id"].as_str().unwrap_or_default().to_owned();
                RawCamera::deserialize(Value::Object(keys)).map_err(|error| CameraError {
                    at: None,
                    is_clash: false,
                    problem: format!("camera {id}: {error}"),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        check_cameras(raw, self.for_all)
    }

    /// Ids of changed cameras that are not written any more. Their changes wait for them.
    pub(crate) fn waiting<'a>(&self, changes: &'a [CameraChange]) -> Vec<&'a str> {
        let changed = changes.iter().filter(|c| c.kind == Kind::Changed);
        changed
            .map(|change| &*change.id)
            .filter(|id| self.get(id).is_none())
            .collect()
    }

    /// Every key of one camera, and where it is written.
    pub(crate) fn explain(&self, id: &CameraId, changes: &[CameraChange]) -> Option<Explained> {
        let written = self.get(id.as_str());
        let kind = if written.is_some() {
            Kind::Changed
        } else {
            Kind::Added
        };
        let change = changes
            .iter()
            .find(|c| c.id == id.as_str() && c.kind == kind);
        if written.is_none() && change.is_none() {
            return None;
        }
        let mut defaults = match serde_json::to_value(RawCamera::default()) {
            Ok(Value::Object(defaults)) => defaults,
            _ => Keys::new(),
        };
        defaults.insert("name".to_owned(), id.as_str().into());
        let find = |key: &str| {
            if let Some(value) = change.and_then(|change| change.keys.get(key)) {
                return (value.clone(), Layer::Api);
            }
            if let Some(written) = written
                && let Some(value) = written.keys.get(key)
            {
                let layer = written.set_by.get(key).copied().unwrap_or(Layer::File);
                return (value.clone(), layer);
            }
            (
                defaults.get(key).cloned().unwrap_or_default(),
                Layer::Default,
            )
        };
        let keys = shown().map(|name| {
            let (mut value, from) = find(name);
            if name == "source" {
                value = without_secrets(value.as_str().unwrap_or_default()).into();
            }
            ExplainedKey {
                name: name.to_owned(),
                value,
                from,
            }
        });
        Some(Explained {
            id: id.clone(),
            keys: keys.collect(),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{super::edit, *};
    use crate::{args::Options, config::load};
    use serde_json::json;

    /// What a file with this text says; one flag goes over it.
    pub(crate) fn written(text: &str) -> Written {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        let options = Options {
            config: Some(path),
            set: vec!["camera.quality=70".to_owned()],
            ..Options::default()
        };
        load(&options).unwrap().1
    }

    pub(crate) const TWO: &str = "[[camera]]\nsource = \"test\"\nwidth = 800\n\
        [[camera]]\nid = \"door\"\nsource = \"http://me:secret@h/x?key=secret\"\nframerate = 0.3\n";

    pub(crate) fn keys(value: Value) -> Keys {
        match value {
            Value::Object(keys) => keys,
            other => panic!("{other} is no object"),
        }
    }

    pub(crate) fn id(text: &str) -> CameraId {
        text.parse().unwrap()
    }

    fn from(explained: &Explained, key: &str) -> (Value, Layer) {
        let found = explained.keys.iter().find(|k| k.name == key).unwrap();
        (found.value.clone(), found.from)
    }

    #[test]
    fn a_key_comes_from_the_topmost_layer_and_null_takes_that_one_off() {
        let written = written(TWO);
        let mut changes = vec![];
        let main = id("main");
        edit::change(
            &written,
            &mut changes,
            &main,
            keys(json!({"width": 320, "name": "A"})),
        )
        .unwrap();
        let explained = written.explain(&main, &changes).unwrap();
        assert_eq!(from(&explained, "width"), (json!(320), Layer::Api));
        assert_eq!(from(&explained, "source"), (json!("test"), Layer::File));
        assert_eq!(from(&explained, "quality"), (json!(70), Layer::Flag));
        assert_eq!(from(&explained, "height"), (json!(480), Layer::Default));
        let cameras = written.with(&changes).unwrap();
        let settings = &cameras[0].settings;
        assert_eq!((settings.width_px, settings.quality), (320, 70));
        assert_eq!((&*settings.name, cameras.len()), ("A", 2));

        edit::change(&written, &mut changes, &main, keys(json!({"width": null}))).unwrap();
        assert_eq!(written.with(&changes).unwrap()[0].settings.width_px, 800);
        edit::change(&written, &mut changes, &main, keys(json!({"name": null}))).unwrap();
        assert_eq!(changes, [], "nothing is kept of a camera that is as it was");
        let explained = written.explain(&main, &changes).unwrap();
        assert_eq!(from(&explained, "name"), (json!("main"), Layer::Default));

        let explained = written.explain(&id("door"), &[]).unwrap();
        assert_eq!(from(&explained, "source").0, "http://h:80/x");
        assert_eq!(from(&explained, "framerate"), (json!(0.3), Layer::File));
        assert_eq!(written.explain(&id("nobody"), &[]), None);
    }

    #[test]
    fn a_camera_that_comes_into_the_file_clashes_and_one_that_goes_is_waited_for() {
        let without = written("[[camera]]\nsource = \"test\"\n");
        let mut changes = vec![];
        edit::add(
            &without,
            &mut changes,
            keys(json!({"id": "door", "source": "test"})),
        )
        .unwrap();
        let error = written(TWO).with(&changes).unwrap_err().to_string();
        assert!(
            error.contains("now stands in") && error.contains("DELETE"),
            "{error}"
        );
        // The added one can be taken away, though one of its name stands in the file.
        edit::remove(&written(TWO), &mut changes, &id("door")).unwrap();

        edit::change(
            &written(TWO),
            &mut changes,
            &id("door"),
            keys(json!({"width": 64})),
        )
        .unwrap();
        assert_eq!(without.waiting(&changes), ["door"]);
        assert_eq!(without.with(&changes).unwrap().len(), 1);
        assert_eq!(without.explain(&id("door"), &changes), None);
        // A new camera of that name does not inherit what was meant for the old one.
        edit::add(
            &without,
            &mut changes,
            keys(json!({"id": "door", "source": "test"})),
        )
        .unwrap();
        assert_eq!(without.with(&changes).unwrap()[1].settings.width_px, 640);
    }
}

//! What holds, as it is shown: key by key, as a text to take along, one camera by itself. Without secrets. Pure.

use pipeline::Camera;
use serde_json::{Value, json};
use serve::{CameraSettings, Keys, Layer, Refusal, Setting};

use super::{
    CameraChange, Written,
    changes::Kind,
    keys::{check_keys, without_secrets},
    layers::Layers,
    table::{self, KEYS, Key},
};

/// What holds of all keys but the cameras'.
pub(super) fn values(layers: &Layers) -> Vec<(&'static Key, Setting)> {
    let defaults = table::defaults();
    let file: Value = file_values(layers);
    let all = serde_json::to_value(layers.table()).unwrap_or_default();
    let others = KEYS.iter().filter(|key| !is_of_camera(key));
    let value = |key: &'static Key| {
        let found = table::at(&all, key.path);
        let (from, by) = match layers.set_by(key.path) {
            Some((layer, by)) => (layer, Some(by.to_owned())),
            None if table::at(&file, key.path).is_some() => (Layer::File, None),
            None => (Layer::Default, None),
        };
        let value = found.or_else(|| table::at(&defaults, key.path));
        let setting = Setting {
            name: key.path.to_owned(),
            value: value.cloned().unwrap_or_default(),
            from,
            by,
        };
        (key, setting)
    };
    others.map(value).collect()
}

pub(super) fn file_values(layers: &Layers) -> Value {
    let table: toml::Table = toml::from_str(layers.text()).unwrap_or_default();
    serde_json::to_value(table).unwrap_or_default()
}

pub(super) fn is_of_camera(key: &Key) -> bool {
    key.path.starts_with("camera.")
}

/// What holds, key by key.
pub(crate) fn settings(
    layers: &Layers,
    written: &Written,
    changes: &[CameraChange],
) -> (Vec<Setting>, Vec<CameraSettings>) {
    let keys = values(layers).into_iter().map(|(_, value)| value);
    let first = written.ids(&[]).first().map(|id| (*id).to_owned());
    let camera = |id: &str| {
        let explained = written.explain(&id.parse().ok()?, changes)?;
        let is_first = first.as_deref() == Some(id);
        let keys = explained.keys.into_iter().map(|key| {
            let by = layers.set_by(&format!("camera.{}", key.name));
            let by = by.filter(|(layer, _)| is_first && *layer == key.from);
            Setting {
                by: by.map(|(_, by)| by.to_owned()),
                name: key.name,
                value: key.value,
                from: key.from,
            }
        });
        Some(CameraSettings {
            id: id.to_owned(),
            is_added: written.get(id).is_none(),
            keys: keys.collect(),
        })
    };
    let ids = written.ids(changes);
    (keys.collect(), ids.into_iter().filter_map(camera).collect())
}

/// The configuration as TOML: no comments, and sources without their logins.
pub(crate) fn export(layers: &Layers, written: &Written, changes: &[CameraChange]) -> String {
    let mut all = file_values(layers);
    let cameras = written.ids(changes).into_iter().filter_map(|id| {
        let mut keys = written.keys_of(id, changes)?;
        if let Some(Value::String(source)) = keys.get_mut("source") {
            *source = without_secrets(source);
        }
        Some(Value::Object(keys))
    });
    all["camera"] = json!(cameras.collect::<Vec<_>>());
    let table = toml::Table::try_from(all).unwrap_or_default();
    format!(
        "# Configuration of my-cctv-server. Logins and queries of cameras' addresses are left out.\n\n{table}"
    )
}

/// A camera with these keys, checked by itself; with the id of one that is there, they go over its own.
pub(crate) fn camera_of(
    written: &Written,
    changes: &[CameraChange],
    keys: &Keys,
) -> Result<Camera, Refusal> {
    check_keys(keys)?;
    let id = keys.get("id").and_then(Value::as_str).unwrap_or("test");
    let mut all = written.keys_of(id, changes).unwrap_or_default();
    for (name, value) in keys {
        let was = all.get(name).and_then(Value::as_str).unwrap_or_default();
        // As it was shown, without its login.
        if name == "source" && value.as_str() == Some(&without_secrets(was)) {
            continue;
        }
        if value.is_null() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    all.insert("id".to_owned(), id.into());
    let one = CameraChange {
        id: id.to_owned(),
        kind: Kind::Added,
        keys: all,
    };
    let alone = written.without_cameras();
    let cameras = alone.with(std::slice::from_ref(&one)).map_err(|error| {
        let key = error.at.map_or("source", |(_, key)| key);
        Refusal::Key {
            key: key.to_owned(),
            problem: error.problem,
        }
    })?;
    let no_camera = || Refusal::NoSuchCamera;
    cameras.into_iter().next().ok_or_else(no_camera)
}

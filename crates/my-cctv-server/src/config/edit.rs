//! What the API may do with the list of changes. Each edit leaves the whole to be checked by [`Written::with`].

use hub::CameraId;
use serde_json::Value;
use serve::{Keys, Refusal};

use super::{
    changes::{CameraChange, Kind, Written},
    keys::{KeyError, check_keys},
};

/// Cameras at the same time, as far as the API adds them.
const CAMERAS: usize = 64;

/// One more camera.
pub(crate) fn add(
    written: &Written,
    changes: &mut Vec<CameraChange>,
    mut keys: Keys,
) -> Result<CameraId, Refusal> {
    check_keys(&keys)?;
    keys.retain(|_, value| !value.is_null());
    let Some(Value::String(id)) = keys.remove("id") else {
        let problem = "a camera needs one: 1 to 64 of a-z, 0-9, - and _";
        return Err(wrong("id", problem));
    };
    let id: CameraId = id
        .parse()
        .map_err(|error: hub::InvalidCameraId| wrong("id", &error.to_string()))?;
    if !keys.contains_key("source") {
        return Err(wrong(
            "source",
            "a camera needs one, such as `http://…`, `v4l2:/dev/video0` or `test`",
        ));
    }
    let is_added = |c: &CameraChange| c.kind == Kind::Added;
    if written.get(id.as_str()).is_some()
        || changes.iter().any(|c| is_added(c) && c.id == id.as_str())
    {
        let problem = format!("There is a camera {id} already; PATCH changes it.");
        return Err(Refusal::Conflict(problem));
    }
    let there = written.cameras.len() + changes.iter().filter(|c| is_added(c)).count();
    if there >= CAMERAS {
        let problem = format!("There are {there} cameras; more than {CAMERAS} are not added.");
        return Err(Refusal::Conflict(problem));
    }
    // What was once changed of a camera of this name, which is not in the file any more, is not meant for this one.
    changes.retain(|c| c.id != id.as_str());
    changes.push(CameraChange {
        id: id.to_string(),
        kind: Kind::Added,
        keys,
    });
    Ok(id)
}

/// Other values for some keys.
pub(crate) fn change(
    written: &Written,
    changes: &mut Vec<CameraChange>,
    id: &CameraId,
    mut patch: Keys,
) -> Result<(), Refusal> {
    let kind = if written.get(id.as_str()).is_some() {
        Kind::Changed
    } else {
        Kind::Added
    };
    let place = changes
        .iter()
        .position(|c| c.id == id.as_str() && c.kind == kind);
    if place.is_none() && kind == Kind::Added {
        return Err(Refusal::NoSuchCamera);
    }
    check_keys(&patch)?;
    if patch.remove("id").is_some_and(|new| new != id.as_str()) {
        return Err(wrong(
            "id",
            "it stays as it is: add another camera and remove this one",
        ));
    }
    let place = place.unwrap_or_else(|| {
        changes.push(CameraChange {
            id: id.to_string(),
            kind,
            keys: Keys::new(),
        });
        changes.len() - 1
    });
    let mut keys = Value::Object(std::mem::take(&mut changes[place].keys));
    merge(&mut keys, Value::Object(patch));
    if let Value::Object(keys) = keys {
        changes[place].keys = keys;
    }
    let left = &changes[place].keys;
    if kind == Kind::Added && !left.contains_key("source") {
        return Err(wrong(
            "source",
            "a camera that the API added cannot be without one",
        ));
    }
    if left.is_empty() && kind == Kind::Changed {
        changes.remove(place);
    }
    Ok(())
}

/// An added camera goes.
pub(crate) fn remove(
    written: &Written,
    changes: &mut Vec<CameraChange>,
    id: &CameraId,
) -> Result<(), Refusal> {
    let before = changes.len();
    changes.retain(|c| c.kind != Kind::Added || c.id != id.as_str());
    if changes.len() < before {
        return Ok(());
    }
    if written.get(id.as_str()).is_none() {
        return Err(Refusal::NoSuchCamera);
    }
    Err(Refusal::Conflict(if written.by_default {
        format!(
            "Camera {id} is there because the configuration names none: write a [[camera]] into the configuration file."
        )
    } else {
        let origin = &written.origin;
        format!("Camera {id} stands in {origin}: take its [[camera]] out there.")
    }))
}

fn wrong(key: &str, problem: &str) -> Refusal {
    Refusal::Key {
        key: key.to_owned(),
        problem: problem.to_owned(),
    }
}

impl From<KeyError> for Refusal {
    fn from(KeyError { key, problem }: KeyError) -> Self {
        Self::Key { key, problem }
    }
}

/// RFC 7396 clause 2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Keys::new());
    }
    if let Value::Object(target) = target {
        for (key, value) in patch {
            if value.is_null() {
                target.remove(&key);
            } else {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::changes::tests::{TWO, id, keys, written},
        *,
    };
    use serde_json::json;

    #[test]
    fn merge_does_what_the_rfc_shows() {
        // RFC 7396 appendix A.
        for (target, patch, want) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (
                json!({"a":"b","b":"c"}),
                json!({"a":null}),
                json!({"b":"c"}),
            ),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (
                json!({"a":{"b":"c"}}),
                json!({"a":{"b":"d","c":null}}),
                json!({"a":{"b":"d"}}),
            ),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (
                json!({}),
                json!({"a":{"bb":{"ccc":null}}}),
                json!({"a":{"bb":{}}}),
            ),
        ] {
            let mut result = target.clone();
            merge(&mut result, patch.clone());
            assert_eq!(result, want, "{target} and {patch}");
        }
    }

    #[test]
    fn cameras_are_added_and_removed_behind_those_of_the_file() {
        let written = written(TWO);
        let mut changes = vec![];
        for name in ["z", "a"] {
            let new = json!({"id": name, "source": "test", "width": null});
            assert_eq!(add(&written, &mut changes, keys(new)).unwrap(), id(name));
        }
        let ids = |changes: &[CameraChange]| -> Vec<String> {
            let cameras = written.with(changes).unwrap();
            cameras.iter().map(|camera| camera.id.to_string()).collect()
        };
        assert_eq!(ids(&changes), ["main", "door", "z", "a"]);
        change(
            &written,
            &mut changes,
            &id("z"),
            keys(json!({"width": 64, "id": "z"})),
        )
        .unwrap();
        assert_eq!(
            ids(&changes),
            ["main", "door", "z", "a"],
            "it keeps its place"
        );
        remove(&written, &mut changes, &id("z")).unwrap();
        assert_eq!(ids(&changes), ["main", "door", "a"]);
        assert_eq!(
            remove(&written, &mut changes, &id("z")),
            Err(Refusal::NoSuchCamera)
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_and_says_why() {
        let written = written(TWO);
        let mut changes = vec![];
        let refused = |refusal: Refusal, want: &str| {
            let said = format!("{refusal:?}");
            assert!(said.contains(want), "`{said}` does not say `{want}`");
        };
        let mut refuse_add = |value, want| {
            refused(add(&written, &mut changes, keys(value)).unwrap_err(), want);
        };
        refuse_add(json!({"source": "test"}), "a camera needs one");
        refuse_add(json!({"id": null, "source": "test"}), "a camera needs one");
        refuse_add(json!({"id": "a"}), "`test`");
        refuse_add(json!({"id": "../a", "source": "test"}), "no camera id");
        refuse_add(
            json!({"id": "door", "source": "test"}),
            "a camera door already",
        );
        add(
            &written,
            &mut changes,
            keys(json!({"id": "a", "source": "test"})),
        )
        .unwrap();
        let refuse_change = |name, value, want| {
            let result = change(&written, &mut changes.clone(), &id(name), keys(value));
            refused(result.unwrap_err(), want);
        };
        refuse_change("b", json!({"width": 64}), "NoSuchCamera");
        refuse_change("a", json!({"id": "b"}), "it stays as it is");
        refuse_change("a", json!({"source": null}), "cannot be without one");
        refuse_change("a", json!({"widht": 64}), "did you mean `width`?");
        let stands = remove(&written, &mut changes, &id("door")).unwrap_err();
        refused(stands, "take its [[camera]] out there");
        let only = super::super::changes::tests::written("");
        refused(
            remove(&only, &mut changes, &id("main")).unwrap_err(),
            "names none",
        );

        for n in 0..CAMERAS - 3 {
            let new = json!({"id": format!("n{n}"), "source": "test"});
            add(&written, &mut changes, keys(new)).unwrap();
        }
        let one_more = json!({"id": "more", "source": "test"});
        let refusal = add(&written, &mut changes, keys(one_more)).unwrap_err();
        refused(refusal, "There are 64 cameras");
    }
}

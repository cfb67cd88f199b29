//! The difference between two configurations, in lines for people, and what becomes of each of them. Pure.

use std::fmt::Write as _;

use pipeline::Camera;
use serde_json::Value;
use serve::{Keys, Outlook};

use super::{
    CameraChange, Written,
    keys::without_secrets,
    layers::Layers,
    shown::{is_of_camera, values},
    table::{self, KEYS},
};

pub(super) type State<'a> = (&'a Layers, &'a Written, &'a [CameraChange], &'a [Camera]);

/// The difference between what holds and what would.
pub(super) fn compare(old: State<'_>, new: State<'_>, pending: &[&str], outlook: &mut Outlook) {
    let text = &mut outlook.difference;
    let mut table = "";
    for ((key, was), (_, will)) in values(old.0).into_iter().zip(values(new.0)) {
        if was.value == will.value {
            continue;
        }
        let (place, name) = key.path.rsplit_once('.').unwrap_or_default();
        if place != table {
            let _ = writeln!(text, "  [{place}]");
            table = place;
        }
        line(text, '-', name, &was.value);
        line(text, '+', name, &will.value);
        outlook.changes += 1;
        let place = if pending.contains(&key.path) {
            &mut outlook.waits
        } else {
            &mut outlook.live
        };
        place.push(key.path.to_owned());
    }
    let ids = |(_, written, changes, _): &State<'_>| -> Vec<String> {
        let ids = written.ids(changes).into_iter();
        ids.map(str::to_owned).collect()
    };
    let (was, will) = (ids(&old), ids(&new));
    let mut all = was.clone();
    all.extend(will.iter().filter(|id| !was.contains(id)).cloned());
    for id in all {
        let keys = |(_, written, changes, _): &State<'_>| written.keys_of(&id, changes);
        let (before, after) = (keys(&old), keys(&new));
        let lines = camera_lines(before.as_ref(), after.as_ref());
        let find = |cameras: &[Camera]| cameras.iter().find(|one| one.id.as_str() == id).cloned();
        let is_restarted = match (find(old.3), find(new.3)) {
            (Some(was), Some(will)) => was.restarts_to_become(&will),
            (was, will) => was.is_some() || will.is_some(),
        };
        if !is_restarted {
            let names = lines.iter().map(|(name, ..)| format!("{id}.{name}"));
            outlook.live.extend(names);
        }
        if !lines.is_empty() {
            let sign = match (&before, &after) {
                (None, _) => '+',
                (_, None) => '-',
                _ => ' ',
            };
            let _ = writeln!(text, "{sign} [[camera]] {id}");
            outlook.changes += lines.len();
            for (name, was, will) in lines {
                if let Some(was) = was {
                    line(text, '-', name, &was);
                }
                if let Some(will) = will {
                    line(text, '+', name, &will);
                }
            }
        }
        if is_restarted {
            outlook.restarts.push(id);
        }
    }
}

type Line = (&'static str, Option<Value>, Option<Value>);

fn camera_lines(before: Option<&Keys>, after: Option<&Keys>) -> Vec<Line> {
    let defaults = table::defaults();
    let value = |keys: Option<&Keys>, name: &str| {
        let written = keys?.get(name).cloned();
        let default = || defaults["camera"].get(name).cloned();
        written.or_else(default).filter(|value| !value.is_null())
    };
    let names = KEYS.iter().filter(|key| is_of_camera(key));
    let names = names.map(|key| key.path.trim_start_matches("camera."));
    let changed = |name: &'static str| {
        let (was, will) = (value(before, name), value(after, name));
        // Of one that comes or goes, only what is written.
        let is_written = |keys: Option<&Keys>| keys.is_some_and(|keys| keys.contains_key(name));
        let is_new = before.is_none() || after.is_none();
        let is_shown = !is_new || is_written(before) || is_written(after);
        (!is_same(was.as_ref(), will.as_ref()) && is_shown).then(|| masked(name, was, will))
    };
    names.filter_map(changed).collect()
}

/// 20 and 20.0 are one rate.
fn is_same(a: Option<&Value>, b: Option<&Value>) -> bool {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64);
    a == b || number(a).is_some() && number(a) == number(b)
}

fn masked(name: &'static str, was: Option<Value>, will: Option<Value>) -> Line {
    if name != "source" {
        return (name, was, will);
    }
    let shown = |value: Option<Value>| {
        value.map(|value| without_secrets(value.as_str().unwrap_or_default()))
    };
    let (was, mut will) = (shown(was), shown(will));
    if was.is_some() && was == will {
        will = will.map(|shown| format!("{shown} (another login or query)"));
    }
    (name, was.map(Value::from), will.map(Value::from))
}

fn line(text: &mut String, sign: char, name: &str, value: &Value) {
    let value = match value {
        Value::Null => "(none)".to_owned(),
        value => value.to_string(),
    };
    let _ = writeln!(text, "{sign} {name} = {value}");
}

//! Changes the text of the configuration file. What is not changed stays as somebody wrote it, comments included.

use toml::Value;
use toml_edit::{
    Array, ArrayOfTables, DocumentMut, InlineTable, Item, RawString, Table, TableLike,
};

use super::checked::id_at;

/// One change of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Edit {
    /// A key with its tables gets a value, or is taken out.
    Key(String, Option<Value>),
    /// The same for a key of one camera.
    CameraKey(String, String, Option<Value>),
    /// One more camera; `id` is among the keys.
    AddCamera(toml::Table),
    /// A camera goes.
    RemoveCamera(String),
}

/// The text with these changes.
///
/// # Errors
/// With what cannot be done with this file.
pub(crate) fn edited(text: &str, edits: &[Edit]) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|_| "it is no TOML".to_owned())?;
    for edit in edits {
        apply(&mut document, edit)?;
    }
    Ok(document.to_string())
}

fn apply(document: &mut DocumentMut, edit: &Edit) -> Result<(), String> {
    match edit {
        Edit::Key(path, value) => {
            let mut names: Vec<&str> = path.split('.').collect();
            let last = names.pop().unwrap_or_default();
            let mut here: &mut dyn TableLike = document.as_table_mut();
            for name in names {
                if value.is_none() && !here.contains_key(name) {
                    return Ok(());
                }
                let item = here.entry(name).or_insert_with(|| Item::Table(implicit()));
                here = item
                    .as_table_like_mut()
                    .ok_or_else(|| format!("`{name}` is no table"))?;
            }
            set(here, last, value.as_ref());
        }
        Edit::CameraKey(id, name, value) => {
            let camera = match index_of(document, id) {
                Some(index) => camera_at(document, index),
                // The camera that is there without being written.
                None if value.is_none() => return Ok(()),
                None => {
                    add(
                        document,
                        &toml::Table::from_iter([("id".to_owned(), id.as_str().into())]),
                    );
                    let index = count(document) - 1;
                    camera_at(document, index)
                }
            };
            let camera = camera.ok_or("`camera` is no list of tables")?;
            set(camera, name, value.as_ref());
        }
        Edit::AddCamera(keys) => add(document, keys),
        Edit::RemoveCamera(id) => {
            if let Some(index) = index_of(document, id) {
                remove_camera(document, index);
            }
        }
    }
    Ok(())
}

/// A table whose head is only written when it has keys of its own.
fn implicit() -> Table {
    let mut table = Table::new();
    table.set_implicit(true);
    table
}

fn count(document: &DocumentMut) -> usize {
    match document.get("camera") {
        Some(Item::ArrayOfTables(list)) => list.len(),
        Some(Item::Value(toml_edit::Value::Array(list))) => list.len(),
        _ => 0,
    }
}

fn camera_at(document: &mut DocumentMut, index: usize) -> Option<&mut dyn TableLike> {
    match document.get_mut("camera")? {
        Item::ArrayOfTables(list) => Some(list.get_mut(index)?),
        Item::Value(toml_edit::Value::Array(list)) => {
            Some(list.get_mut(index)?.as_inline_table_mut()?)
        }
        _ => None,
    }
}

fn index_of(document: &mut DocumentMut, id: &str) -> Option<usize> {
    (0..count(document)).find(|index| {
        let Some(camera) = camera_at(document, *index) else {
            return false;
        };
        match camera.get("id").and_then(Item::as_str) {
            Some(written) => written == id,
            None => id_at(*index) == id,
        }
    })
}

fn add(document: &mut DocumentMut, keys: &toml::Table) {
    if let Some(Item::Value(toml_edit::Value::Array(list))) = document.get_mut("camera") {
        let mut table = InlineTable::new();
        for (name, value) in keys {
            table.insert(name, to_edit(value));
        }
        list.push(table);
        return;
    }
    let mut table = Table::new();
    // `id` first: that is how people write it.
    let (first, rest): (Vec<_>, Vec<_>) = keys.iter().partition(|(name, _)| *name == "id");
    for (name, value) in first.into_iter().chain(rest) {
        table.insert(name, toml_edit::value(to_edit(value)));
    }
    if document.iter().next().is_some() {
        table.decor_mut().set_prefix("\n");
    }
    let list = document
        .entry("camera")
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    if let Item::ArrayOfTables(list) = list {
        list.push(table);
    }
}

fn remove_camera(document: &mut DocumentMut, index: usize) {
    match document.get_mut("camera") {
        Some(Item::ArrayOfTables(list)) => {
            list.remove(index);
        }
        Some(Item::Value(toml_edit::Value::Array(list))) => {
            list.remove(index);
        }
        _ => {}
    }
}

fn set(table: &mut dyn TableLike, name: &str, value: Option<&Value>) {
    let Some(value) = value else {
        remove(table, name);
        return;
    };
    let mut new = to_edit(value);
    match table.get_mut(name) {
        Some(Item::Value(old)) => {
            if is_same(old, &new) {
                return;
            }
            // With the comment behind it.
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        Some(item) => *item = Item::Value(new),
        None => {
            table.insert(name, Item::Value(new));
        }
    }
}

/// The same value, however it is written.
fn is_same(old: &toml_edit::Value, new: &toml_edit::Value) -> bool {
    let read = |value: &toml_edit::Value| {
        let text = format!("x = {}", value.to_string().trim());
        toml::from_str::<toml::Table>(&text).ok()
    };
    read(old).is_some_and(|old| Some(old) == read(new))
}

/// Takes a key out; the comments above it stay, in front of what follows or behind what was before.
fn remove(table: &mut dyn TableLike, name: &str) {
    let names: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
    let Some(place) = names.iter().position(|one| one == name) else {
        return;
    };
    let text = |raw: Option<&RawString>| raw.and_then(RawString::as_str).unwrap_or("").to_owned();
    let above = table
        .key(name)
        .map(|key| text(key.leaf_decor().prefix()))
        .unwrap_or_default();
    table.remove(name);
    if !above.contains('#') {
        return;
    }
    let next = names.get(place + 1);
    if let Some(mut key) = next.and_then(|next| table.key_mut(next)) {
        let own = text(key.leaf_decor().prefix());
        key.leaf_decor_mut().set_prefix(format!("{above}{own}"));
    } else if let Some(before) = place.checked_sub(1).and_then(|before| names.get(before))
        && let Some(Item::Value(value)) = table.get_mut(before)
    {
        let own = text(value.decor().suffix());
        let above = above.trim_end_matches('\n');
        value.decor_mut().set_suffix(format!("{own}\n{above}"));
    }
}

fn to_edit(value: &Value) -> toml_edit::Value {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Boolean(yes) => (*yes).into(),
        Value::Datetime(time) => time.to_string().into(),
        Value::Array(list) => toml_edit::Value::Array(list.iter().map(to_edit).collect::<Array>()),
        Value::Table(table) => {
            let mut inline = InlineTable::new();
            for (name, value) in table {
                inline.insert(name, to_edit(value));
            }
            inline.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# Mine.\n[server]\n# Not too many.\nmax_viewers = 5 # five\nport = 8080\n\n\
        [server.tls]\nacme.domains = [\"a.example\"]\n\n\
        # The door.\n[[camera]]\nid = \"door\" # by the street\nsource = 'test'\n# Slow.\nframerate = 5\n\n\
        # The yard.\n[[camera]]\nid = \"yard\"\nsource = \"test\"\n";

    fn key(path: &str, value: impl Into<Value>) -> Edit {
        Edit::Key(path.to_owned(), Some(value.into()))
    }

    fn of(id: &str, name: &str, value: impl Into<Value>) -> Edit {
        Edit::CameraKey(id.to_owned(), name.to_owned(), Some(value.into()))
    }

    fn check(text: &str, edits: &[Edit], from: &str, to: &str) {
        let new = edited(text, edits).unwrap();
        assert_eq!(new, text.replacen(from, to, 1), "{edits:?}");
        new.parse::<DocumentMut>().unwrap();
    }

    #[test]
    fn only_what_is_meant_changes() {
        check(FILE, &[key("server.max_viewers", 5)], "", "");
        check(
            FILE,
            &[key("server.max_viewers", 7)],
            "= 5 # five",
            "= 7 # five",
        );
        check(FILE, &[of("door", "source", "test")], "", "");
        check(
            FILE,
            &[of("yard", "source", "auto")],
            "\"test\"",
            "\"auto\"",
        );
        check(
            FILE,
            &[of("door", "framerate", 2.5)],
            "framerate = 5\n",
            "framerate = 2.5\n",
        );
        let names = Value::Array(vec!["b.example".into()]);
        check(
            FILE,
            &[key("server.tls.acme.domains", names)],
            "a.example",
            "b.example",
        );
        check(
            FILE,
            &[key("server.head_timeout_s", 3)],
            "port = 8080\n",
            "port = 8080\nhead_timeout_s = 3\n",
        );
        // What is taken out leaves the words above it.
        check(
            FILE,
            &[Edit::Key("server.port".to_owned(), None)],
            "port = 8080\n",
            "",
        );
        check(
            FILE,
            &[Edit::Key("server.max_viewers".to_owned(), None)],
            "max_viewers = 5 # five\n",
            "",
        );
        check(
            FILE,
            &[Edit::CameraKey(
                "door".to_owned(),
                "framerate".to_owned(),
                None,
            )],
            "framerate = 5\n",
            "",
        );
        check(
            FILE,
            &[Edit::Key("limits.api_per_minute".to_owned(), None)],
            "",
            "",
        );
        check(
            FILE,
            &[Edit::RemoveCamera("yard".to_owned())],
            "\n# The yard.\n[[camera]]\nid = \"yard\"\nsource = \"test\"\n",
            "",
        );
    }

    #[test]
    fn what_is_not_there_is_written() {
        let new = edited("", &[key("limits.api_per_minute", 60)]).unwrap();
        assert_eq!(new, "[limits]\napi_per_minute = 60\n");
        let new = edited("", &[key("server.tls.enabled", true)]).unwrap();
        assert_eq!(new, "[server.tls]\nenabled = true\n");
        let new = edited("", &[of("main", "width", 320)]).unwrap();
        assert_eq!(new, "[[camera]]\nid = \"main\"\nwidth = 320\n");
        let text = "camera = [{ source = \"test\" }]\n";
        let new = edited(text, &[of("main", "width", 320)]).unwrap();
        assert_eq!(new, "camera = [{ source = \"test\" , width = 320 }]\n");
        let keys = toml::Table::from_iter([
            ("source".to_owned(), "test".into()),
            ("id".to_owned(), "shed".into()),
        ]);
        check(
            FILE,
            &[Edit::AddCamera(keys)],
            "[[camera]]\nid = \"yard\"\nsource = \"test\"\n",
            "[[camera]]\nid = \"yard\"\nsource = \"test\"\n\n[[camera]]\nid = \"shed\"\nsource = \"test\"\n",
        );
    }
}

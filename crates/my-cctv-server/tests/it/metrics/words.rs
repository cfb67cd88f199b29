//! Whatever the dashboard, the alerts and the document name is there in a scrape, and the document names all that is.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;

use crate::harness::{Server, Setup, Watcher};

/// A file of the repository.
pub(super) fn ours(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(ours(path)).unwrap()
}

/// Names of metrics in some text: all words that begin like ours.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("cctv_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// One line of the document's table.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    name: String,
    kind: String,
    help: String,
}

/// Every family of a scrape, the names of its samples, and its labels.
fn families(server: &Server) -> (Vec<Line>, BTreeSet<String>) {
    let text = server.get("/metrics").text();
    let mut lines = Vec::new();
    let mut samples = BTreeSet::new();
    let mut help = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').unwrap().1;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let suffixes: &[&str] = match kind {
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            samples.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
            lines.push(Line {
                name: name.to_owned(),
                kind: kind.to_owned(),
                help: help.to_owned(),
            });
        }
    }
    (lines, samples)
}

fn dashboard() -> Value {
    serde_json::from_str(&read("deploy/grafana/dashboard.json")).unwrap()
}

/// All texts with this key, wherever they are.
fn texts(value: &Value, wanted: &str) -> Vec<String> {
    match value {
        Value::Object(object) => {
            let of_key = |(key, value): (&String, &Value)| match value {
                Value::String(text) if key == wanted => vec![text.clone()],
                value => texts(value, wanted),
            };
            object.iter().flat_map(of_key).collect()
        }
        Value::Array(list) => list.iter().flat_map(|value| texts(value, wanted)).collect(),
        _ => Vec::new(),
    }
}

/// Every expression of the dashboard: panels, annotations.
pub(super) fn expressions() -> Vec<String> {
    texts(&dashboard(), "expr")
}

/// Titles of the panels, and what each of them asks; none asks nothing.
pub(super) fn panels() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels
        .filter(|panel| panel["type"] != "row")
        .flat_map(|panel| {
            let title = panel["title"].as_str().unwrap();
            let asked = texts(&panel["targets"], "expr");
            assert!(!title.is_empty() && !asked.is_empty(), "{panel}");
            asked.into_iter().map(|asked| (title.to_owned(), asked))
        })
        .collect()
}

/// What the variables of the dashboard are filled with.
pub(super) fn variables() -> Vec<String> {
    texts(&dashboard()["templating"], "definition")
}

#[test]
fn what_is_named_is_there_and_what_is_there_is_named() {
    let mut server = Setup::camera_sim().start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    let (families, samples) = families(&server);
    for path in [
        "deploy/grafana/dashboard.json",
        "deploy/prometheus/alerts.yml",
        "deploy/prometheus/alerts.test.yml",
        "docs/metrics.md",
    ] {
        let names = named(&read(path));
        assert!(names.len() > 15, "{path}: {names:?}");
        let missing: Vec<_> = names.difference(&samples).collect();
        let of_families = |name: &&&String| !families.iter().any(|line| line.name == ***name);
        let missing: Vec<_> = missing.iter().filter(of_families).collect();
        assert!(
            missing.is_empty(),
            "{path} names {missing:?}, which no scrape has"
        );
    }
    let told: BTreeSet<Line> = families.into_iter().collect();
    let table: BTreeSet<Line> = read("docs/metrics.md")
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let name = cells.next()?.split(['{', '`']).next()?.to_owned();
            let kind = cells.next()?.to_owned();
            let help = cells.next()?.trim_end_matches(" |").to_owned();
            (name.starts_with("cctv_") || name.starts_with("process_")).then_some(Line {
                name,
                kind,
                help,
            })
        })
        .collect();
    let missing: Vec<_> = told.difference(&table).collect();
    let outdated: Vec<_> = table.difference(&told).collect();
    assert!(
        missing.is_empty() && outdated.is_empty(),
        "docs/metrics.md misses {missing:#?} and has {outdated:#?}"
    );
    // And every alert has its line.
    let document = read("docs/metrics.md");
    let alerts = read("deploy/prometheus/alerts.yml");
    let alerts = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for alert in alerts {
        assert!(document.contains(&format!("| `{alert}` |")), "{alert}");
    }
    server.stop();
}

#[test]
fn the_dashboard_is_one() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let kind = |name: &str| {
        let found = variables.iter().find(|variable| variable["name"] == name);
        found.unwrap_or_else(|| panic!("no variable {name}"))["type"].clone()
    };
    assert_eq!(
        (kind("datasource"), kind("camera")),
        ("datasource".into(), "query".into())
    );
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!(target["datasource"]["uid"], "${datasource}");
            }
        }
        // Nothing lies on something else.
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        assert!(x + w <= 24, "{panel}");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "{} overlaps", panel["title"]);
        }
    }
    assert!(expressions().len() > 40);
}

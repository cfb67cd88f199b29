//! The documents as files: links lead somewhere, the tables of keys are the server's, both READMEs say the same.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::harness::Setup;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every document of the repository, by its path.
fn documents() -> BTreeMap<PathBuf, String> {
    const ELSEWHERE: [&str; 6] = [
        "target",
        "node_modules",
        "dist",
        "test-results",
        "corpus",
        ".git",
    ];
    let mut found = BTreeMap::new();
    let mut folders = vec![top()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                let name = entry.file_name();
                if !ELSEWHERE.iter().any(|elsewhere| name == *elsewhere) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.canonicalize().unwrap(), text);
            }
        }
    }
    found
}

/// The lines that are neither code nor its fences.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose += line;
            prose.push('\n');
        }
    }
    prose
}

/// Blocks of code, each with its language in front, without what they say to people.
fn blocks(text: &str) -> Vec<String> {
    let parts = text.split("```").skip(1).step_by(2);
    let without_comments = |block: &str| {
        let lines = block.lines();
        let lines = lines.map(|line| {
            line.split_once(" # ")
                .map_or(line, |(line, _)| line)
                .trim_end()
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    parts.map(without_comments).collect()
}

/// What stands between single backticks.
fn code_spans(text: &str) -> Vec<String> {
    let prose = prose(text);
    let spans = prose.split('`').skip(1).step_by(2);
    let mut spans: Vec<String> = spans
        .map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    spans.sort();
    spans
}

/// Where links and pictures lead.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    // Links have code in their texts, but never in their targets.
    let markdown = prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    let html = prose
        .split("src=\"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"'));
    markdown
        .chain(html)
        .map(|(link, _)| link.to_owned())
        .collect()
}

fn headings(text: &str) -> Vec<String> {
    let prose = prose(text);
    prose
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// The anchor that a heading gets where documents are read.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let documents = documents();
    assert!(documents.len() > 15, "{:?}", documents.keys());
    let mut lost = vec![];
    for (path, text) in &documents {
        for link in links(text) {
            if link.starts_with("http://") || link.starts_with("https://") {
                continue;
            }
            let (file, wanted) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(file)
            };
            let Ok(target) = target.canonicalize() else {
                lost.push(format!("{}: {link}", path.display()));
                continue;
            };
            let is_there = wanted.is_empty()
                || documents.get(&target).is_some_and(|text| {
                    headings(text)
                        .iter()
                        .any(|heading| anchor(heading) == wanted)
                });
            if !is_there {
                lost.push(format!("{}: {link}: no such heading", path.display()));
            }
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn the_index_has_every_document() {
    let index = links(&read("docs/README.md"));
    let docs = top().join("docs").canonicalize().unwrap();
    for path in documents().keys() {
        let Ok(name) = path.strip_prefix(&docs) else {
            continue;
        };
        let name = name.to_str().unwrap();
        assert!(
            name == "README.md" || index.iter().any(|link| link == name),
            "{name} is not in docs/README.md"
        );
    }
}

#[test]
fn the_tables_of_keys_are_what_the_server_prints() {
    let text = read("docs/configuration.md");
    let (_, rest) = text
        .split_once("<!-- begin: my-cctv-server config reference")
        .unwrap();
    let (_, rest) = rest.split_once("-->\n").unwrap();
    let (written, _) = rest.split_once("<!-- end -->").unwrap();
    let output = Setup::with_source("test").run(&["config", "reference"]);
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.lines().count() > 60, "{printed}");
    assert!(
        written.trim() == printed.trim(),
        "the tables in docs/configuration.md are old: run scripts/reference"
    );
}

#[test]
fn the_schema_is_printed_as_the_api_gives_it() {
    let mut server = Setup::with_source("test").start();
    let output = Setup::with_source("test").run(&["config", "schema"]);
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, server.json("/api/v1/config/schema"));
    server.stop();
}

#[test]
fn both_readmes_say_the_same() {
    let (english, korean) = (read("README.md"), read("README.ko.md"));
    assert!(links(&english).contains(&"README.ko.md".to_owned()));
    assert!(links(&korean).contains(&"README.md".to_owned()));
    let levels = |text: &str| {
        let level = |heading: &String| heading.chars().take_while(|c| *c == '#').count();
        headings(text).iter().map(level).collect::<Vec<_>>()
    };
    assert_eq!(levels(&english), levels(&korean));
    assert_eq!(blocks(&english), blocks(&korean));
    assert_eq!(code_spans(&english), code_spans(&korean));
    let others = |text: &str| {
        let links = links(text).into_iter();
        let mut links: Vec<_> = links.filter(|link| !link.starts_with("README")).collect();
        links.sort();
        links
    };
    assert_eq!(others(&english), others(&korean));
    let shape = |text: &str| {
        let prose = prose(text);
        let lines = prose.lines();
        let lines = lines.filter(|line| line.starts_with('|') || line.starts_with("- "));
        lines
            .map(|line| line.matches('|').count())
            .collect::<Vec<_>>()
    };
    assert_eq!(shape(&english), shape(&korean));
    // Figures are where one is changed and the other is forgotten.
    let figures = |text: &str| {
        let sections = text.split("\n## ").map(str::to_owned);
        let section = sections
            .max_by_key(|section| section.matches("µs").count())
            .unwrap();
        let numbers = section.split(|c: char| !c.is_ascii_digit() && c != '.');
        let numbers = numbers.map(|number| number.trim_matches('.').to_owned());
        let mut numbers: Vec<_> = numbers.filter(|number| !number.is_empty()).collect();
        numbers.sort();
        numbers
    };
    assert_eq!(figures(&english), figures(&korean));
}

#[test]
fn what_symptoms_quote_is_what_the_program_says() {
    let text = read("docs/operations.md")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let (_, symptoms) = text.split_once(" ## Symptoms ").unwrap();
    let (symptoms, _) = symptoms.split_once(" ## Logs ").unwrap();
    for (source, phrases) in [
        (
            "crates/camera/src/failure.rs",
            &[
                "No camera was found",
                "Another program is using the camera.",
                "timed_out",
                "driver",
                "ended",
                "unreachable",
                "login_refused",
                "no_video",
                "bad_option",
                "no_encoder",
                "no_memory",
                "legacy_stack",
                "unkillable",
            ][..],
        ),
        (
            "crates/my-cctv-server/src/doctor/cameras.rs",
            &[
                "none on the board, none on USB",
                "neither rpicam-vid nor libcamera-vid is installed",
                "ffmpeg is not installed",
                "this user may not open",
                "gave a picture",
                "cameras.found",
                "cameras.rights",
                "cameras.busy",
                "cameras.configured",
                "programs.camera",
            ],
        ),
        (
            "crates/my-cctv-server/src/doctor/machine.rs",
            &[
                "machine.power",
                "machine.heat",
                "machine.clock",
                "under-voltage",
            ],
        ),
        (
            "crates/my-cctv-server/src/doctor/network.rs",
            &["network.port", "network.tls"],
        ),
        (
            "crates/my-cctv-server/src/doctor/storage.rs",
            &["storage.space"],
        ),
        (
            "crates/serve/src/health.rs",
            &["disk_nearly_full", "disk_read_only", "certificate_expires"],
        ),
        (
            "crates/serve/src/access/credentials.rs",
            &["not from this address"],
        ),
        ("crates/serve/src/gate/mod.rs", &["Pages of other sites"]),
        (
            "crates/my-cctv-server/src/daemon.rs",
            &["nother program has this port"],
        ),
        ("web/src/views/live/messages.ts", &["Reset all"]),
        ("web/src/i18n/messages.ts", &["Late"]),
    ] {
        let source_text = read(source);
        for phrase in phrases {
            assert!(
                symptoms.contains(phrase),
                "`{phrase}` is not in the symptoms any more"
            );
            assert!(
                source_text.contains(phrase),
                "`{phrase}` is not in {source} any more"
            );
        }
    }
}

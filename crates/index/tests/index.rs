//! The index on a disk: what is kept comes back, whatever happened to the file meanwhile.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hub::{BoardHealth, CameraId, Cause, Incident, Ledger, Throttled};
use index::{Config, Index, Query};
use tempfile::TempDir;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn camera(id: &str) -> CameraId {
    id.parse().unwrap()
}

fn cause(code: &'static str) -> Cause {
    Cause {
        code: code.into(),
        sentence: "A sentence.".into(),
        advice: "do something".into(),
        detail: "rpicam-vid: it's \"over\"; 끝\u{1}".to_owned(),
        words: vec!["first".to_owned(), String::new()],
    }
}

fn config(dir: &TempDir) -> Config {
    Config {
        path: dir.path().join("data/index.db"),
        retention: index::Retention {
            most_incidents: 10_000,
            incident_days: 36_500,
        },
    }
}

/// As after a start of the server.
async fn open(config: &Config) -> (Index, Ledger) {
    let ledger = Ledger::default();
    let index = Index::new(config.clone(), ledger.clone());
    index.restore().await;
    (index, ledger)
}

async fn all(index: &Index) -> Vec<Incident> {
    let query = Query {
        with_server: true,
        ..Query::default()
    };
    index.incidents(&query, 1000).await
}

fn files(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_kept_comes_back_as_it_was_and_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&dir);
    let (index, ledger) = open(&config).await;
    assert!(all(&index).await.is_empty());
    index.finish().await;
    assert!(!config.path.parent().unwrap().exists(), "nothing to keep");

    let main = camera("main");
    let id = ledger.begin(Some(&main), at(1), cause("driver")).unwrap();
    ledger.restarted(&main);
    ledger.step(Some(&main), at(2), "tried \"again\"".to_owned());
    let board = BoardHealth {
        throttled: Some(Throttled(0xffff_ffff)),
        temperature_c: Some(48.25),
    };
    ledger.board(&main, id, at(3), board);
    ledger.end(Some(&main), at(4), None);
    ledger.begin(None, at(5), cause("login_burst"));
    ledger.begin(Some(&camera("yard")), at(6), cause("ended"));
    let before = all(&index).await;
    assert_eq!(before.len(), 3, "from memory");
    index.finish().await;
    assert!(ledger.unwritten().is_empty());
    assert_eq!(all(&index).await, before, "from the file");
    index.finish().await;
    assert_eq!(files(&config.path), ["index.db"], "closed in good order");

    let (index, ledger) = open(&config).await;
    let after = all(&index).await;
    assert_eq!(after[2], before[2]);
    for (after, before) in after.iter().zip(&before).take(2) {
        assert!(after.ended.is_some() && before.ended.is_none());
        assert_eq!((after.id, after.began), (before.id, before.began));
        assert!(after.steps.last().unwrap().what.starts_with("interrupted"));
    }
    assert_eq!(ledger.begin(Some(&main), at(9), cause("ended")), Some(4));
}

/// What is asked of the file and what is asked of memory is answered alike.
#[tokio::test]
async fn every_question_is_answered_alike_by_file_and_memory() {
    let dir = tempfile::tempdir().unwrap();
    let (index, ledger) = open(&config(&dir)).await;
    let scopes = [Some(camera("main")), Some(camera("yard")), None];
    for n in 0..120 {
        let scope = scopes[n % 3].as_ref();
        let began = at(n as u64);
        ledger.begin(scope, began, cause(["ended", "driver"][n / 3 % 2]));
        if n < 117 {
            ledger.end(scope, began, None);
        }
    }
    let cameras = [
        None,
        Some(vec![]),
        Some(vec!["main"]),
        Some(vec!["main", "yard", "a'\"b"]),
    ];
    let mut queries = Vec::new();
    for cameras in &cameras {
        for with_server in [false, true] {
            for cause in [None, Some("driver"), Some("' OR 1=1 --")] {
                for is_open in [None, Some(false), Some(true)] {
                    for before in [None, Some(1), Some(60), Some(u64::MAX)] {
                        queries.push(Query {
                            before,
                            cameras: cameras
                                .as_ref()
                                .map(|ids| ids.iter().map(|id| (*id).to_owned()).collect()),
                            with_server,
                            cause: cause.map(str::to_owned),
                            is_open,
                        });
                    }
                }
            }
        }
    }
    for is_kept in [false, true] {
        if is_kept {
            index.finish().await;
        }
        for query in &queries {
            let mut want = ledger.newest_first(|incident| query.wants(incident));
            want.truncate(25);
            assert_eq!(
                index.incidents(query, 25).await,
                want,
                "{is_kept} {query:?}"
            );
        }
    }
    // One that is over in memory is not open because the file does not know it yet.
    ledger.end(scopes[0].as_ref(), at(500), None);
    let query = Query {
        is_open: Some(true),
        ..Query::default()
    };
    let open = index.incidents(&query, 1).await;
    assert_eq!(open.iter().map(|i| i.id).collect::<Vec<_>>(), [119]);
}

#[tokio::test]
async fn pages_follow_one_another_without_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let (index, ledger) = open(&config(&dir)).await;
    let main = camera("main");
    for n in 0..350 {
        ledger.begin(Some(&main), at(n), cause("ended"));
        ledger.end(Some(&main), at(n), None);
        // More than are held in memory.
        if n % 100 == 99 {
            index.finish().await;
        }
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let query = Query {
            before,
            ..Query::default()
        };
        let page = index.incidents(&query, 40).await;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page.iter().map(|incident| incident.id));
    }
    assert_eq!(seen, (1..=350).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_too_old_or_too_much_goes_and_its_number_does_not_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        retention: index::Retention {
            most_incidents: 10,
            incident_days: 365,
        },
        ..config(&dir)
    };
    let main = camera("main");
    let (index, ledger) = open(&config).await;
    let now = SystemTime::now();
    for n in 0..30 {
        ledger.begin(Some(&main), now, cause("ended"));
        if n < 29 {
            ledger.end(Some(&main), now, None);
        }
    }
    index.finish().await;
    index.forget().await;
    let ids: Vec<_> = all(&index).await.iter().map(|i| i.id).collect();
    assert_eq!(ids, (21..=30).rev().collect::<Vec<_>>());
    index.finish().await;

    let (index, ledger) = open(&config).await;
    index.finish().await;
    drop(ledger);
    let file = database(&config.path).await;
    sqlx::query("UPDATE incidents SET ended_ms = ended_ms - 366 * 86400000")
        .execute(&file)
        .await
        .unwrap();
    file.close().await;
    let (index, ledger) = open(&config).await;
    index.forget().await;
    assert!(all(&index).await.is_empty());
    assert_eq!(ledger.begin(Some(&main), now, cause("ended")), Some(31));
}

async fn database(path: &Path) -> sqlx::SqlitePool {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    sqlx::SqlitePool::connect_with(options).await.unwrap()
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_what_is_in_memory_goes_into_a_new_one() {
    let main = camera("main");
    for damage in ["garbage", "truncated", "while it was open"] {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&dir);
        let (index, ledger) = open(&config).await;
        for n in 0..100 {
            ledger.begin(Some(&main), at(n), cause("ended"));
            ledger.end(Some(&main), at(n), None);
        }
        index.finish().await;
        let whole = fs::read(&config.path).unwrap();
        let bytes = match damage {
            "truncated" => whole[..whole.len() / 2].to_vec(),
            _ => vec![b'x'; whole.len()],
        };
        let (index, ledger) = if damage == "while it was open" {
            fs::write(&config.path, &bytes).unwrap();
            (index, ledger)
        } else {
            fs::write(&config.path, &bytes).unwrap();
            open(&config).await
        };
        let known = ledger.newest_first(|_| true).len();
        ledger.begin(Some(&main), at(999), cause("driver"));
        for _ in 0..2 {
            index.finish().await;
        }
        assert!(ledger.unwritten().is_empty(), "{damage}");
        assert_eq!(all(&index).await.len(), known + 1, "{damage}");
        index.finish().await;
        let mut names = files(&config.path);
        // Beside it, where it was open.
        names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
        assert_eq!(names.len(), 2, "{damage}: {names:?}");
        let aside = names[1].strip_prefix("index.db.damaged-").unwrap();
        assert!(aside.parse::<u64>().unwrap() > 1_700_000_000);
        let aside = config.path.with_file_name(&names[1]);
        assert_eq!(fs::read(aside).unwrap(), bytes, "{damage}: as it was");
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_in_memory_and_written_once_it_can_be() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&dir);
    fs::write(dir.path().join("data"), "in the way").unwrap();
    let (index, ledger) = open(&config).await;
    let main = camera("main");
    ledger.begin(Some(&main), at(1), cause("ended"));
    index.finish().await;
    assert_eq!(ledger.unwritten().len(), 1);
    assert_eq!(all(&index).await.len(), 1);
    fs::remove_file(dir.path().join("data")).unwrap();
    index.finish().await;
    assert!(ledger.unwritten().is_empty());
    let (index, _) = open(&config).await;
    assert_eq!(all(&index).await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_at_the_start_is_not_written_over_later() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&dir);
    let (index, ledger) = open(&config).await;
    let main = camera("main");
    for n in 0..3 {
        ledger.begin(Some(&main), at(n), cause("ended"));
        ledger.end(Some(&main), at(n), None);
    }
    index.finish().await;
    let aside = dir.path().join("aside.db");
    fs::rename(&config.path, &aside).unwrap();
    fs::create_dir(&config.path).unwrap();
    let (index, ledger) = open(&config).await;
    let id = ledger.begin(Some(&main), at(9), cause("driver")).unwrap();
    assert!(id > 1_700_000_000);
    index.finish().await;
    fs::remove_dir(&config.path).unwrap();
    fs::rename(&aside, &config.path).unwrap();
    index.finish().await;
    let ids: Vec<_> = all(&index).await.iter().map(|i| i.id).collect();
    assert_eq!(ids, [id, 3, 2, 1]);
    // A row that makes no sense hides no other.
    index.finish().await;
    let file = database(&config.path).await;
    for sql in [
        "UPDATE incidents SET steps = 'x' WHERE id = 2",
        "UPDATE incidents SET camera = '../etc' WHERE id = 3",
    ] {
        sqlx::query(sql).execute(&file).await.unwrap();
    }
    file.close().await;
    let ids: Vec<_> = all(&index).await.iter().map(|i| i.id).collect();
    assert_eq!(ids, [id, 1]);
}

/// A file of every version becomes one of the newest, with what was in it.
#[tokio::test]
async fn a_file_of_the_first_version_is_brought_up_to_date() {
    // What the first version has written, word for word: it never changes.
    let first = include_str!("../testdata/version1.sql");
    let dir = tempfile::tempdir().unwrap();
    let config = config(&dir);
    fs::create_dir(config.path.parent().unwrap()).unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&config.path)
        .create_if_missing(true);
    let old = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::raw_sql(first).execute(&old).await.unwrap();
    old.close().await;
    let (index, ledger) = open(&config).await;
    let list = all(&index).await;
    let ids: Vec<_> = list.iter().map(|incident| incident.id).collect();
    assert_eq!(ids, [7, 3]);
    assert_eq!(
        (
            list[1].camera.as_ref(),
            &*list[1].cause.code,
            list[1].restarts
        ),
        (Some(&camera("main")), "driver", 2)
    );
    assert_eq!(list[1].cause.words, ["ERROR: failed to queue request"]);
    assert_eq!(list[1].board.unwrap().throttled, Some(Throttled(0x50005)));
    assert_eq!(
        list[1].ended.unwrap(),
        UNIX_EPOCH + Duration::from_millis(1_790_000_005_250)
    );
    assert_eq!(ledger.begin(None, at(1), cause("login_burst")), Some(10));
    index.finish().await;
    let old = schema(&config.path).await;

    let fresh = tempfile::tempdir().unwrap();
    let config = self::config(&fresh);
    let (index, ledger) = open(&config).await;
    ledger.begin(None, at(1), cause("login_burst"));
    index.finish().await;
    assert_eq!(old, schema(&config.path).await, "the same as a new one");
}

async fn schema(path: &Path) -> Vec<(String, String)> {
    let file = database(path).await;
    let sql = "SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name";
    let list = sqlx::query_as(sql).fetch_all(&file).await.unwrap();
    file.close().await;
    list
}

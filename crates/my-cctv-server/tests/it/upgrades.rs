//! Databases of other versions: an earlier one is copied and brought up, a newer one refused, a missing one missed.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Row as _};

use crate::harness::{Setup, eventually, skipped, tool};

const FIRST: (&str, &str) = (
    "accounts",
    include_str!("../../../accounts/migrations/0001_accounts.sql"),
);
const SECOND: (&str, &str) = (
    "places",
    include_str!("../../../accounts/migrations/0002_places.sql"),
);
const INDEX: (&str, &str) = (
    "incidents",
    include_str!("../../../index/migrations/0001_incidents.sql"),
);

/// Opens a database as a server with these schemas has it, asks for one number, and closes it.
fn ask(path: &Path, schemas: &database::Schemas, sql: &str) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let pool = database::open(path, schemas).await.unwrap();
        let sql = AssertSqlSafe(sql.to_owned());
        let row = sqlx::query(sql).fetch_optional(&pool).await.unwrap();
        pool.close().await;
        row.map_or(0, |row| row.get(0))
    })
}

/// The accounts of a server of the first schema: a user, and so many failed logins.
fn first_schema(path: &Path, logins: u32) {
    let _ = fs::remove_file(path);
    let user =
        "INSERT INTO users (name, role, password, created_s) VALUES ('mina', 'admin', '-', 1)";
    ask(path, &[FIRST], user);
    let entries = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {logins}) \
         INSERT INTO audit (at_ms, who, address, action, detail) \
         SELECT 4000000000000 + i, 'x', '10.0.0.1', 'login failed', hex(randomblob(40)) FROM n WHERE {logins} > 0"
    );
    ask(path, &[FIRST], &entries);
}

fn logins(path: &Path) -> i64 {
    let sql = "SELECT count(*) FROM audit WHERE action = 'login failed' AND by_stranger = 1";
    ask(path, &[FIRST, SECOND], sql)
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// The server does not start, and says these words.
fn refused(setup: &Setup, words: &[&str]) {
    let output = setup.serve().output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("listening"), "{said}");
    for word in words {
        assert!(said.contains(word), "`{said}` does not say `{word}`");
    }
}

fn rollback(setup: &Setup, copy: &[&str]) -> Output {
    setup.run(&[&["rollback", "--config", "test.toml"], copy].concat())
}

#[test]
fn an_earlier_database_is_copied_and_brought_up_and_there_is_a_way_back() {
    let setup = Setup::with_source("test");
    fs::create_dir(setup.path("data")).unwrap();
    let path = setup.path("accounts.db");
    first_schema(&path, 3);
    let mut server = setup.clone().start();
    server
        .log
        .message("a new version: the database was copied, and its schema changes");
    let copy = setup.path("accounts.db.bak-v1");
    assert_eq!(
        fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let users = setup.run(&["user", "list", "--config", "test.toml"]);
    assert!(said(&users).contains("mina"), "{}", said(&users));

    let busy = rollback(&setup, &["accounts.db.bak-v1"]);
    assert!(
        !busy.status.success() && said(&busy).contains("stop it first"),
        "{}",
        said(&busy)
    );
    server.stop();
    assert!(said(&rollback(&setup, &[])).contains("accounts.db.bak-v1  accounts with schema 1"));
    let wrong = rollback(&setup, &["../accounts.db"]);
    assert!(!wrong.status.success() && said(&wrong).contains("there is no copy"));

    let done = rollback(&setup, &["accounts.db.bak-v1"]);
    assert!(done.status.success(), "{}", said(&done));
    let count = "SELECT count(*) FROM audit WHERE action = 'login failed'";
    assert_eq!(
        ask(&path, &[FIRST], count),
        3,
        "a server of the first schema can use it"
    );
    let kept = fs::read_dir(setup.path("")).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy()
            .starts_with("accounts.db.before-rollback-")
    });
    assert_eq!(kept.count(), 1);
    let mut server = setup.clone().start();
    server.stop();
    assert_eq!(logins(&path), 3);
}

#[test]
fn a_newer_database_is_refused_and_not_touched() {
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (99, 'later', 1, x'00', 0)";
    let setup = Setup::with_source("test");
    fs::create_dir(setup.path("data")).unwrap();
    for (name, schemas) in [
        ("data/index.db", &[INDEX][..]),
        ("accounts.db", &[FIRST, SECOND]),
    ] {
        let path = setup.path(name);
        ask(&path, schemas, newer);
        let before = fs::read(&path).unwrap();
        refused(&setup, &[name, "newer version", "schema 99", "rollback"]);
        let doctor = setup.run(&["doctor", "--config", "test.toml"]);
        assert_eq!(doctor.status.code(), Some(1));
        assert!(
            said(&doctor).contains("newer version: schema 99"),
            "{}",
            said(&doctor)
        );
        assert_eq!(fs::read(&path).unwrap(), before);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_database_that_is_gone_is_missed() {
    let setup = Setup::with_source("test");
    fs::create_dir(setup.path("data")).unwrap();
    let path = setup.path("accounts.db");
    setup.clone().start().stop();
    for empty in [false, true] {
        let _ = fs::remove_file(&path);
        if empty {
            fs::write(&path, "").unwrap();
        }
        refused(
            &setup,
            &[
                "the database of the accounts is missing",
                "accounts.db",
                "--accept-empty",
            ],
        );
        let users = setup.run(&["user", "list", "--config", "test.toml"]);
        assert!(!users.status.success() && said(&users).contains("is missing"));
        let doctor = setup.run(&["doctor", "--config", "test.toml"]);
        assert!(said(&doctor).contains("is missing"), "{}", said(&doctor));
    }
    let mut command = setup.serve();
    command.arg("--accept-empty");
    setup.clone().start_by(command).stop();
    setup.start().stop();
}

#[test]
fn a_server_killed_while_it_migrates_loses_nothing() {
    let setup = Setup::with_source("test");
    let path = setup.path("accounts.db");
    for sign in ["accounts.db.bak-v1.new", "accounts.db.bak-v1"] {
        for name in ["accounts.db.bak-v1", "accounts.db.bak-v1.new"] {
            let _ = fs::remove_file(setup.path(name));
        }
        first_schema(&path, 60_000);
        let mut server = setup.serve().spawn().unwrap();
        eventually("a copy", || setup.path(sign).exists().then_some(()));
        let pid = rustix::process::Pid::from_child(&server);
        let _ = rustix::process::kill_process(pid, Signal::KILL);
        server.wait().unwrap();
        setup.clone().start().stop();
        assert_eq!(logins(&path), 60_000, "killed at {sign}");
        let count = "SELECT count(*) FROM audit";
        assert_eq!(
            ask(&setup.path("accounts.db.bak-v1"), &[FIRST], count),
            60_000
        );
    }
}

#[test]
fn without_room_for_the_copy_nothing_is_changed() {
    let setup = Setup::with_source("test").auth("database", "data/accounts.db");
    first_schema(&setup.path("accounts.db"), 5_000);
    fs::create_dir(setup.path("data")).unwrap();
    let serve = setup.serve();
    let script = "mount -t tmpfs -o size=2m,mode=700 none data || exit 77; cp accounts.db data/; \
                  head -c 9000000 /dev/zero > data/x 2>/dev/null; truncate -s -300K data/x; \
                  timeout 60 \"$@\"; code=$?; ls data; \
                  cmp accounts.db data/accounts.db && exit $code";
    let mut wrapped = Command::new(tool("unshare", "util-linux"));
    wrapped
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(serve.get_program())
        .args(serve.get_args())
        .current_dir(setup.path(""));
    let output = wrapped.output().unwrap();
    let said = said(&output);
    if output.status.code() == Some(77) || said.contains("unshare failed") {
        skipped("an upgrade on a full disk: no mounts in a namespace here");
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("could not be copied before"), "{said}");
    assert!(said.contains("make room on the disk"), "{said}");
    assert!(!said.contains("bak-v1"), "{said}");
}

#[test]
fn a_newer_configuration_is_refused_before_its_keys_are_looked_at() {
    let setup = Setup::with_source("test");
    for (text, words) in [
        ("version = 2\n[teleport]\n", Some("a newer version")),
        ("version = 0\n", Some("expected 1")),
        ("version = \"1\"\n", Some("expected 1")),
        ("version = 1\n[[camera]]\nsource = \"test\"\n", None),
        ("", None),
    ] {
        fs::write(setup.path("config.toml"), text).unwrap();
        let output = setup.run(&["check"]);
        assert_eq!(output.status.success(), words.is_none(), "{text}");
        assert!(
            said(&output).contains(words.unwrap_or("no errors")),
            "{}",
            said(&output)
        );
    }
}

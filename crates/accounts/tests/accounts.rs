//! The accounts with a real file: who is let in, until when, and what is on the disk.

use std::{fs, net::IpAddr, os::unix::fs::PermissionsExt as _, time::Instant};

use accounts::{
    Accounts, Action, Cameras, Credential, Entry, Error, Grant, Key, Medium, Networks, Places,
    Query, Retention, Role, Secret, Weight, now_s,
};

const PASSWORD: &str = "a canary in a password";
const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 7));
const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

fn grant(role: Role, cameras: &[&str]) -> Grant {
    let cameras = if cameras.is_empty() {
        Cameras::All
    } else {
        Cameras::Only(cameras.iter().map(|id| (*id).to_owned()).collect())
    };
    Grant {
        role,
        cameras,
        places: Places::default(),
    }
}

/// These rights, but only from these networks.
fn at(allow: &str, grant: Grant) -> Grant {
    let places = Places {
        allow: Networks::parse(&[allow.to_owned()]).expect("a network"),
        deny: Networks::default(),
    };
    Grant { places, ..grant }
}

#[tokio::test]
async fn the_first_administrator_needs_the_code_and_the_code_works_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("data/accounts.db");
    let accounts = Accounts::open(&file, true).await.unwrap();
    assert!(accounts.needs_setup());
    let code = accounts.setup_code().unwrap();
    assert_eq!(code.expose().len(), 22, "128 bits");
    assert_eq!(format!("{code:?}"), "***");
    for wrong in ["", "x", &code.expose()[1..]] {
        let refused = accounts.set_up(wrong, "admin", secret(PASSWORD)).await;
        assert!(matches!(refused, Err(Error::SetupCode)), "{wrong}");
    }
    // A password that cannot be does not use the code up.
    let short = accounts
        .set_up(code.expose(), "admin", secret("short"))
        .await;
    assert!(matches!(short, Err(Error::PasswordLength)));
    // Of two at the same time, one.
    let (one, other) = tokio::join!(
        accounts.set_up(code.expose(), "admin", secret(PASSWORD)),
        accounts.set_up(code.expose(), "eve", secret(PASSWORD)),
    );
    assert!(one.is_ok() && matches!(other, Err(Error::SetupCode)));
    assert!(!accounts.needs_setup());
    assert_eq!(accounts.users().len(), 1);
    let late = accounts
        .set_up(code.expose(), "eve", secret(PASSWORD))
        .await;
    assert!(matches!(late, Err(Error::SetupCode)));
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(dir.path().join("data")), mode(file)), (0o700, 0o600));
}

#[tokio::test]
async fn a_new_password_ends_everything_that_the_old_one_opened() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts.db");
    let accounts = Accounts::open(&file, true).await.unwrap();
    let id = accounts
        .add_user("Kim", secret(PASSWORD), &grant(Role::Admin, &[]))
        .await
        .unwrap();
    assert!(
        accounts
            .by_password("kim", secret("a wrong password"), HOME)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        accounts
            .by_password("nobody", secret(PASSWORD), HOME)
            .await
            .unwrap()
            .is_none()
    );
    let basic = accounts
        .by_password("kim", secret(PASSWORD), HOME)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((basic.user, basic.role), (Some(id), Role::Admin));
    let (here, kept) = accounts.begin_session(id, "::1", None).await.unwrap();
    let (there, other) = accounts
        .begin_session(id, "::1", Some("Firefox"))
        .await
        .unwrap();
    assert_eq!(accounts.sessions(Some(id)).len(), 2);
    let Key::Session(number) = here else {
        panic!("{here:?}")
    };
    let mut changes = accounts.watch();
    changes.mark_unchanged();
    accounts
        .set_password(id, secret("another password"), Some(number))
        .await
        .unwrap();
    assert!(changes.has_changed().unwrap());
    assert!(
        accounts
            .identify(&Credential::Session(kept), HOME)
            .is_some()
    );
    assert!(
        accounts
            .identify(&Credential::Session(other), HOME)
            .is_none()
    );
    assert!(accounts.again(there, HOME).is_none() && accounts.again(basic.key, HOME).is_none());
    assert!(
        accounts
            .by_password("kim", secret(PASSWORD), HOME)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        accounts
            .by_password("kim", secret("another password"), HOME)
            .await
            .unwrap()
            .is_some()
    );
    // It is the last one who could let anybody in.
    assert!(matches!(
        accounts.remove_user(id).await,
        Err(Error::LastAdmin)
    ));
    let demoted = accounts.change_user(id, &grant(Role::Viewer, &[])).await;
    assert!(matches!(demoted, Err(Error::LastAdmin)));
}

#[tokio::test]
async fn tokens_and_links_open_what_they_say_and_never_more_than_their_giver_may() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts.db");
    let accounts = Accounts::open(&file, true).await.unwrap();
    accounts
        .add_user("root", secret(PASSWORD), &grant(Role::Admin, &[]))
        .await
        .unwrap();
    let kim = accounts
        .add_user(
            "kim",
            secret(PASSWORD),
            &grant(Role::Operator, &["yard", "door"]),
        )
        .await
        .unwrap();
    let (_, token) = accounts
        .add_token("all", Some(kim), &grant(Role::Admin, &[]), None)
        .await
        .unwrap();
    let who = |token: &Secret| accounts.identify(&Credential::Token(token.clone()), HOME);
    let got = who(&token).unwrap();
    assert_eq!(got.role, Role::Operator, "no more than its user");
    assert!(got.may(Action::Control, Some("yard")) && !got.may(Action::See, Some("attic")));
    let in_address =
        |token: &Secret| accounts.identify(&Credential::TokenInAddress(token.clone()), HOME);
    assert!(
        in_address(&token).is_none(),
        "an address is no place for an operator's token"
    );
    assert!(
        accounts
            .identify(&Credential::Session(token.clone()), HOME)
            .is_none()
    );
    accounts
        .change_user(kim, &grant(Role::Viewer, &["yard"]))
        .await
        .unwrap();
    assert!(!who(&token).unwrap().may(Action::See, Some("door")));
    assert!(in_address(&token).is_some());

    let (_, over) = accounts
        .add_token("over", None, &grant(Role::Viewer, &[]), Some(now_s()))
        .await
        .unwrap();
    assert!(who(&over).is_none());
    let (number, link) = accounts
        .add_link(Some(kim), "yard", Medium::Stream, now_s() + 60)
        .await
        .unwrap();
    let by_link = || accounts.identify(&Credential::Link(link.clone()), HOME);
    let got = by_link().unwrap();
    assert!(got.may(Action::Stream, Some("yard")) && !got.may(Action::Snapshot, Some("yard")));
    accounts
        .change_user(kim, &grant(Role::Viewer, &["door"]))
        .await
        .unwrap();
    assert!(
        !by_link().unwrap().may(Action::Stream, Some("yard")),
        "its giver may not any more"
    );
    accounts.revoke_link(number, Some(kim)).await.unwrap();
    assert!(by_link().is_none());

    // What another process does is seen at the next look.
    let other = Accounts::open(&file, true).await.unwrap();
    other.remove_user(kim).await.unwrap();
    assert!(who(&token).is_some());
    accounts.look().await.unwrap();
    assert!(who(&token).is_none());

    // Hashes are on the disk, and nothing that opens anything.
    other.close().await;
    accounts.close().await;
    for entry in fs::read_dir(dir.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for canary in [PASSWORD, token.expose(), link.expose(), over.expose()] {
            assert!(
                !bytes
                    .windows(canary.len())
                    .any(|window| window == canary.as_bytes())
            );
        }
    }
}

#[tokio::test]
async fn a_login_that_is_known_costs_a_hash_and_too_many_at_once_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(&dir.path().join("accounts.db"), true)
        .await
        .unwrap();
    accounts
        .add_user("root", secret(PASSWORD), &grant(Role::Admin, &[]))
        .await
        .unwrap();
    let begun = Instant::now();
    accounts
        .by_password("root", secret(PASSWORD), HOME)
        .await
        .unwrap()
        .unwrap();
    let slow = begun.elapsed();
    let begun = Instant::now();
    for _ in 0..100 {
        accounts
            .by_password("root", secret(PASSWORD), HOME)
            .await
            .unwrap()
            .unwrap();
    }
    let quick = begun.elapsed();
    assert!(
        quick < slow * 10,
        "a hundred known logins took {quick:?}, the first one {slow:?}"
    );

    let mut tries = tokio::task::JoinSet::new();
    for n in 0..40 {
        let accounts = accounts.clone();
        tries.spawn(async move {
            accounts
                .by_password("root", secret(&format!("wrong {n:04}")), HOME)
                .await
        });
    }
    let results = tries.join_all().await;
    let busy = results
        .iter()
        .filter(|r| matches!(r, Err(Error::Busy)))
        .count();
    assert_eq!((busy, results.len() - busy), (22, 18));
    // Whoever was known is let in all the same while others guess.
    assert!(
        accounts
            .by_password("root", secret(PASSWORD), HOME)
            .await
            .unwrap()
            .is_some()
    );
}

fn entry(who: &str, action: &'static str) -> Entry {
    Entry {
        who: who.to_owned(),
        address: "::1".to_owned(),
        action,
        camera: None,
        detail: String::new(),
    }
}

async fn raw(file: &std::path::Path) -> sqlx::SqlitePool {
    sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display()))
        .await
        .expect("a database")
}

#[tokio::test]
async fn the_audit_log_is_only_added_to() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts.db");
    let accounts = Accounts::open(&file, true).await.unwrap();
    for n in 0..3 {
        accounts.note(Entry {
            camera: Some(format!("c{n}")),
            detail: "x".repeat(1000),
            ..entry("root", "watched")
        });
    }
    accounts.note(entry("kim", "logged in"));
    let read = async |query: Query| {
        let query = Query { limit: 2, ..query };
        let page = accounts.audit(&query).await.unwrap();
        assert!(page.iter().all(|entry| entry.detail.len() <= 300));
        page.into_iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    let all = Query::default;
    assert_eq!(read(all()).await, [4, 3]);
    let before = Some(3);
    assert_eq!(read(Query { before, ..all() }).await, [2, 1]);
    let after = Some(0);
    assert_eq!(read(Query { after, ..all() }).await, [1, 2]);
    let who = Some("KIM".to_owned());
    assert_eq!(read(Query { who, ..all() }).await, [4]);
    let action = Some("watched".to_owned());
    assert_eq!(read(Query { action, ..all() }).await, [3, 2]);
    let camera = Some("c1".to_owned());
    assert_eq!(read(Query { camera, ..all() }).await, [2]);
    let soon_ms = Some((now_s() + 60) * 1000);
    let from_ms = soon_ms;
    assert!(read(Query { from_ms, ..all() }).await.is_empty());
    let to_ms = soon_ms;
    assert_eq!(read(Query { to_ms, ..all() }).await, [4, 3]);
    let retention = Retention {
        days: 1,
        entries: 1000,
    };
    assert_eq!(accounts.keep_audit(retention).await.unwrap(), 0);
    accounts.close().await;

    let pool = raw(&file).await;
    for sql in ["DELETE FROM audit", "UPDATE audit SET who = 'eve'"] {
        let error = sqlx::query(sql).execute(&pool).await.unwrap_err();
        assert!(error.to_string().contains("the audit log is"), "{error}");
    }
    let rows = sqlx::query("SELECT id FROM audit")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(rows.len(), 4);
}

#[tokio::test]
async fn old_entries_go_and_strangers_push_out_nothing_but_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts.db");
    let accounts = Accounts::open(&file, true).await.unwrap();
    let pool = raw(&file).await;
    let insert = async |days_ago: i64, who: &str, by_stranger: bool| {
        sqlx::query(
            "INSERT INTO audit (at_ms, who, address, action, detail, by_stranger) VALUES (?, ?, '', 'x', '', ?)",
        )
        .bind((now_s() - days_ago * 24 * 3600) * 1000)
        .bind(who)
        .bind(by_stranger)
        .execute(&pool)
        .await
        .unwrap();
    };
    let count = async |who: &str| {
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM audit WHERE who = ?")
            .bind(who)
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    for days_ago in [91, 90, 89, 0] {
        insert(days_ago, "kim", false).await;
    }
    for n in 0..50 {
        insert(0, &format!("eve{}", n / 25), true).await;
    }
    let keep = async |days, entries| {
        let retention = Retention { days, entries };
        accounts.keep_audit(retention).await.unwrap()
    };
    assert_eq!(keep(90, 1000).await, 1, "the oldest");
    assert_eq!(keep(89, 1000).await, 1);
    // A quarter of 100 is for strangers: the older half of theirs goes, and nothing else.
    assert_eq!(keep(89, 100).await, 25);
    assert_eq!(
        (count("kim").await, count("eve0").await, count("eve1").await),
        (2, 0, 25)
    );
    for _ in 0..100 {
        insert(0, "lee", false).await;
    }
    assert_eq!(keep(89, 100).await, 27);
    assert_eq!((count("kim").await, count("lee").await), (0, 75));
}

#[tokio::test]
async fn a_flood_of_failures_is_a_few_entries_and_nothing_real_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts.db");
    let accounts = Accounts::open(&file, true).await.unwrap();
    for n in 0..50_000_u32 {
        let failed = Entry {
            address: format!("{}:99", std::net::Ipv4Addr::from(n / 10)),
            ..entry(&format!("name {n}"), "login failed")
        };
        accounts.note_as(failed, Weight::Stranger);
        if n % 1000 == 0 {
            accounts.note(entry("root", "user added"));
        }
    }
    let query = Query {
        limit: 10_000,
        ..Query::default()
    };
    let all = accounts.audit(&query).await.unwrap();
    let of = |action: &str| {
        all.iter()
            .filter(|e| e.action == action)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("user added").len(), 50);
    let failed = of("login failed");
    assert!(failed.len() < 100, "{}", failed.len());
    let times: i64 = failed.iter().map(|entry| entry.times).sum();
    assert_eq!(times, 50_000, "none is forgotten");
    assert_eq!(of("entries lost").len(), 0);
    // What overtakes the disk is told of, too.
    for _ in 0..5000 {
        accounts.note(entry("root", "controls set"));
    }
    let count = async |action: &str| {
        let action = Some(action.to_owned());
        let query = Query {
            action,
            ..query.clone()
        };
        let entries = accounts.audit(&query).await.unwrap();
        entries.iter().map(|entry| entry.times).sum::<i64>()
    };
    let lost = count("entries lost").await;
    let kept = count("controls set").await;
    assert!(lost > 0, "the queue has an end");
    assert_eq!((kept + lost, kept > 1000), (5000, true), "{kept} {lost}");
}

#[tokio::test]
async fn what_could_not_be_written_is_told_of_once_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts.db");
    let accounts = Accounts::open(&file, true).await.unwrap();
    let query = Query {
        limit: 10,
        ..Query::default()
    };
    let pool = raw(&file).await;
    let full = "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END";
    sqlx::query(full).execute(&pool).await.unwrap();
    for _ in 0..3 {
        accounts.note(entry("root", "user added"));
        assert!(accounts.audit(&query).await.unwrap().is_empty());
    }
    sqlx::query("DROP TRIGGER full")
        .execute(&pool)
        .await
        .unwrap();
    accounts.note(entry("root", "user removed"));
    let log = accounts.audit(&query).await.unwrap();
    let log: Vec<_> = log.iter().map(|e| (&*e.action, e.times)).collect();
    assert_eq!(log, [("entries lost", 3), ("user removed", 1)]);
}

#[tokio::test]
async fn a_log_that_grows_is_kept_small_without_waiting_for_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts.db");
    let accounts = Accounts::open(&file, true).await.unwrap();
    let retention = Retention {
        days: 90,
        entries: 100,
    };
    accounts.keep_audit(retention).await.unwrap();
    let query = Query {
        limit: 10_000,
        ..Query::default()
    };
    let mut most = 0;
    for _ in 0..30 {
        for _ in 0..200 {
            accounts.note(entry("root", "controls set"));
        }
        most = most.max(accounts.audit(&query).await.unwrap().len());
    }
    assert!(most < 75 + 1200, "{most}");
}

#[tokio::test]
async fn a_file_of_the_first_schema_becomes_one_of_today() {
    let dir = tempfile::tempdir().unwrap();
    let [old, new] = ["old.db", "new.db"].map(|name| dir.path().join(name));
    // As the first version left it, with something of everything in it.
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&old)
        .create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let first = sqlx::migrate::Migration::new(
        1,
        "accounts".into(),
        sqlx::migrate::MigrationType::Simple,
        sqlx::SqlSafeStr::into_sql_str(include_str!("../migrations/0001_accounts.sql")),
        false,
    );
    sqlx::migrate::Migrator::with_migrations(vec![first])
        .run(&pool)
        .await
        .unwrap();
    let filled = "
        INSERT INTO users (name, role, cameras, password, created_s) VALUES ('root', 'admin', NULL, 'x', 1);
        INSERT INTO users (name, role, cameras, password, created_s) VALUES ('kim', 'viewer', '[\"yard\"]', 'x', 2);
        INSERT INTO sessions (hash, user_id, created_s, seen_s, address) VALUES (x'01', 1, 1, 1, '::1');
        INSERT INTO tokens (hash, name, user_id, role, created_s) VALUES (zeroblob(32), 'vlc', 2, 'viewer', 3);
        INSERT INTO audit (at_ms, who, address, action, detail) VALUES (1, 'root', '::1', 'logged in', '');
        INSERT INTO audit (at_ms, who, address, action, detail) VALUES (2, 'eve', '::1', 'login failed', '');
        DELETE FROM sessions;";
    for sql in filled
        .split(';')
        .map(str::trim)
        .filter(|sql| !sql.is_empty())
    {
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&pool)
            .await
            .unwrap();
    }
    pool.close().await;

    let accounts = Accounts::open(&old, true).await.unwrap();
    let users = accounts.users();
    assert_eq!(users.len(), 2);
    assert!(
        users
            .iter()
            .all(|user| user.allow.is_empty() && user.deny.is_empty())
    );
    assert_eq!(users[1].cameras.as_deref(), Some(&["yard".to_owned()][..]));
    assert_eq!(accounts.tokens(None)[0].name, "vlc");
    let query = Query {
        limit: 10,
        ..Query::default()
    };
    let log = accounts.audit(&query).await.unwrap();
    let log: Vec<_> = log.iter().map(|e| (e.who.as_str(), e.times)).collect();
    assert_eq!(log, [("eve", 1), ("root", 1)]);
    let token = Credential::Token(secret("not it"));
    assert!(accounts.identify(&token, HOME).is_none());
    accounts.close().await;
    Accounts::open(&new, true).await.unwrap().close().await;
    // The same as a new one, and as guarded.
    let schema = async |file| {
        let pool = raw(file).await;
        let sql = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name";
        let rows = sqlx::query_as::<_, (String, Option<String>)>(sql);
        let rows = rows.fetch_all(&pool).await.unwrap();
        let deleted = sqlx::query("DELETE FROM audit").execute(&pool).await;
        (rows, deleted.is_err())
    };
    let (of_old, is_kept) = schema(&old).await;
    assert!(is_kept && of_old.len() > 8);
    assert_eq!(of_old, schema(&new).await.0);
}

#[tokio::test]
async fn whoever_has_a_list_of_networks_is_let_in_from_there_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts.db");
    let accounts = Accounts::open(&file, true).await.unwrap();
    let everywhere = grant(Role::Operator, &[]);
    let at_home = at("192.168.0.0/16", everywhere.clone());
    let kim = accounts
        .add_user("kim", secret(PASSWORD), &at_home)
        .await
        .unwrap();
    let by_password = async |from| {
        let found = accounts.by_password("kim", secret(PASSWORD), from).await;
        found.unwrap().map(|who| who.key)
    };
    let key = by_password(HOME).await.unwrap();
    assert_eq!(by_password(AWAY).await, None);
    let remembered = |from| accounts.remembered("kim", &secret(PASSWORD), from);
    assert!(remembered(HOME).is_some() && remembered(AWAY).is_none());
    assert!(accounts.again(key, HOME).is_some() && accounts.again(key, AWAY).is_none());
    assert!(!accounts.is_place("Kim", AWAY) && accounts.is_place("nobody", AWAY));

    let (_, cookie) = accounts.begin_session(kim, "::1", None).await.unwrap();
    let (_, token) = accounts
        .add_token("all", Some(kim), &everywhere, None)
        .await
        .unwrap();
    let (_, link) = accounts
        .add_link(Some(kim), "yard", Medium::Stream, now_s() + 60)
        .await
        .unwrap();
    let (_, narrow) = accounts
        .add_token("narrow", None, &at("203.0.113.7", everywhere.clone()), None)
        .await
        .unwrap();
    let all = [
        Credential::Session(cookie),
        Credential::Token(token),
        Credential::Link(link),
        Credential::Token(narrow),
    ];
    let seen = |from| {
        let is_known = |credential| accounts.identify(credential, from).is_some();
        all.iter().map(is_known).collect::<Vec<_>>()
    };
    assert_eq!(seen(HOME), [true, true, true, false]);
    assert_eq!(seen(AWAY), [false, false, false, true]);
    assert_eq!(
        accounts.elsewhere(&all[1], AWAY).as_deref(),
        Some("token all")
    );
    assert_eq!(accounts.elsewhere(&all[1], HOME), None);
    assert_eq!(
        accounts.elsewhere(&Credential::Token(secret("x")), AWAY),
        None
    );
    assert_eq!(accounts.users()[0].allow.texts(), ["192.168.0.0/16"]);
    // Whoever is not where he may be still has his session.
    assert_eq!(accounts.sessions(Some(kim)).len(), 1);
    let root = grant(Role::Admin, &[]);
    accounts
        .add_user("root", secret(PASSWORD), &root)
        .await
        .unwrap();
    accounts.change_user(kim, &everywhere).await.unwrap();
    assert_eq!(seen(AWAY), [true; 4]);
    assert_eq!(accounts.places(kim), Some(Places::default()));

    // A list that cannot be read lets nobody in: nothing starts.
    accounts.close().await;
    let pool = raw(&file).await;
    sqlx::query("UPDATE users SET deny = 'nonsense' WHERE name = 'kim'")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let error = Accounts::open(&file, true).await.unwrap_err();
    assert!(error.to_string().contains("list of networks"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told_of_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts.db");
    fs::write(
        &file,
        "no database at all, but long enough to be looked at".repeat(40),
    )
    .unwrap();
    let before = fs::read(&file).unwrap();
    let error = Accounts::open(&file, true).await.unwrap_err();
    assert!(
        matches!(error, Error::Database(_) | Error::Schema(_)),
        "{error:?}"
    );
    assert_eq!(fs::read(&file).unwrap(), before);
    fs::write(dir.path().join("in-the-way"), "").unwrap();
    let error = Accounts::open(&dir.path().join("in-the-way/accounts.db"), true)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("in-the-way"), "{error}");
}

#[tokio::test]
async fn a_session_ends_by_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts.db");
    let accounts = Accounts::open(&file, true).await.unwrap();
    let id = accounts
        .add_user("root", secret(PASSWORD), &grant(Role::Admin, &[]))
        .await
        .unwrap();
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display()))
        .await
        .unwrap();
    const DAY_S: i64 = 24 * 3600;
    for (created_days, seen_days, holds) in
        [(6, 6, true), (8, 8, false), (29, 1, true), (31, 0, false)]
    {
        let (key, cookie) = accounts.begin_session(id, "::1", None).await.unwrap();
        let Key::Session(number) = key else {
            panic!("{key:?}")
        };
        sqlx::query("UPDATE sessions SET created_s = ?, seen_s = ? WHERE id = ?")
            .bind(now_s() - created_days * DAY_S)
            .bind(now_s() - seen_days * DAY_S)
            .bind(number)
            .execute(&pool)
            .await
            .unwrap();
        accounts.look().await.unwrap();
        let who = accounts.identify(&Credential::Session(cookie), HOME);
        assert_eq!(who.is_some(), holds, "{created_days} {seen_days}");
        assert_eq!(accounts.again(key, HOME).is_some(), holds);
        let is_listed = accounts
            .sessions(None)
            .iter()
            .any(|session| session.id == number);
        assert_eq!(is_listed, holds);
        // Used again, it is known to the hour.
        accounts.seen(number).await;
        let row = sqlx::query_scalar::<_, i64>("SELECT seen_s FROM sessions WHERE id = ?");
        let seen_s = row.bind(number).fetch_one(&pool).await.unwrap();
        assert_eq!(now_s() - seen_s < 3600, holds || seen_days == 0);
    }
}

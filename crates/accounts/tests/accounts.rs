//! The accounts with a real file: who is let in, until when, and what is on the disk.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Instant};

use accounts::{
    Accounts, Action, Cameras, Credential, Entry, Error, Grant, Key, Medium, Query, Role, Secret,
    now_s,
};

const PASSWORD: &str = "a canary in a password";

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

fn grant(role: Role, cameras: &[&str]) -> Grant {
    let cameras = if cameras.is_empty() {
        Cameras::All
    } else {
        Cameras::Only(cameras.iter().map(|id| (*id).to_owned()).collect())
    };
    Grant { role, cameras }
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
            .by_password("kim", secret("a wrong password"))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        accounts
            .by_password("nobody", secret(PASSWORD))
            .await
            .unwrap()
            .is_none()
    );
    let basic = accounts
        .by_password("kim", secret(PASSWORD))
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
    assert!(accounts.identify(&Credential::Session(kept)).is_some());
    assert!(accounts.identify(&Credential::Session(other)).is_none());
    assert!(accounts.again(there).is_none() && accounts.again(basic.key).is_none());
    assert!(
        accounts
            .by_password("kim", secret(PASSWORD))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        accounts
            .by_password("kim", secret("another password"))
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
    let who = |token: &Secret| accounts.identify(&Credential::Token(token.clone()));
    let got = who(&token).unwrap();
    assert_eq!(got.role, Role::Operator, "no more than its user");
    assert!(got.may(Action::Control, Some("yard")) && !got.may(Action::See, Some("attic")));
    let in_address = |token: &Secret| accounts.identify(&Credential::TokenInAddress(token.clone()));
    assert!(
        in_address(&token).is_none(),
        "an address is no place for an operator's token"
    );
    assert!(
        accounts
            .identify(&Credential::Session(token.clone()))
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
    let by_link = || accounts.identify(&Credential::Link(link.clone()));
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
        .by_password("root", secret(PASSWORD))
        .await
        .unwrap()
        .unwrap();
    let slow = begun.elapsed();
    let begun = Instant::now();
    for _ in 0..100 {
        accounts
            .by_password("root", secret(PASSWORD))
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
                .by_password("root", secret(&format!("wrong {n:04}")))
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
            .by_password("root", secret(PASSWORD))
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn the_audit_log_is_only_added_to() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts.db");
    let accounts = Accounts::open(&file, true).await.unwrap();
    for n in 0..3 {
        accounts.note(Entry {
            who: "root".to_owned(),
            address: "::1".to_owned(),
            action: "watched",
            camera: Some(format!("c{n}")),
            detail: String::new(),
        });
    }
    let read = async |before| accounts.audit(Query { before, limit: 2 }).await.unwrap();
    let page = read(None).await;
    let cameras: Vec<_> = page
        .iter()
        .map(|entry| entry.camera.clone().unwrap())
        .collect();
    assert_eq!(cameras, ["c2", "c1"]);
    assert_eq!(read(Some(page[1].id)).await.len(), 1);
    assert_eq!(accounts.forget_audit(1).await.unwrap(), 0);
    accounts.close().await;

    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display()))
        .await
        .unwrap();
    for sql in ["DELETE FROM audit", "UPDATE audit SET who = 'eve'"] {
        let error = sqlx::query(sql).execute(&pool).await.unwrap_err();
        assert!(error.to_string().contains("the audit log is"), "{error}");
    }
    let rows = sqlx::query("SELECT id FROM audit")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(rows.len(), 3);
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
        let who = accounts.identify(&Credential::Session(cookie));
        assert_eq!(who.is_some(), holds, "{created_days} {seen_days}");
        assert_eq!(accounts.again(key).is_some(), holds);
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

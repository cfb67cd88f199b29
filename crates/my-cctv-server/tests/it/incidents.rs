//! Incidents are kept: over restarts and kills, beside a full disk and a damaged file; and a burst of failed logins is
//! one of them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use hub::{Cause, Ledger};
use index::{Config, Index, Query};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Client, Reply, Server, Setup, Socket, Watcher, eventually};

const PASSWORD: &str = "canary-in-a-password";

/// A camera that gives nothing: nobody listens at this port.
fn dead() -> Setup {
    Setup::with_source("http://127.0.0.1:9/mjpeg").camera("linger_s", 600.0)
}

fn incidents(server: &Server, query: &str) -> Vec<Value> {
    let list = server.json(&format!("/api/v1/incidents{query}"));
    list["incidents"].as_array().unwrap().clone()
}

fn ids(list: &[Value]) -> Vec<u64> {
    list.iter().map(|i| i["id"].as_u64().unwrap()).collect()
}

/// Waits for the newest incident to be so.
fn newest(server: &Server, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || {
        incidents(server, "")
            .into_iter()
            .next()
            .filter(|i| wanted(i))
    })
}

/// What another program reads in a copy of the file.
fn kept(data: &Path) -> Vec<hub::Incident> {
    let dir = tempfile::tempdir().unwrap();
    for name in ["index.db", "index.db-wal"] {
        // The second is not there after a stop in good order.
        let _ = fs::copy(data.join(name), dir.path().join(name));
    }
    let work = async |index: Index| {
        let query = Query {
            with_server: true,
            ..Query::default()
        };
        let list = index.incidents(&query, 1000).await;
        index.finish().await;
        list
    };
    in_index(dir.path(), Ledger::default(), work)
}

fn in_index<T>(data: &Path, ledger: Ledger, work: impl AsyncFnOnce(Index) -> T) -> T {
    let config = Config {
        path: data.join("index.db"),
        retention: index::Retention {
            most_incidents: 10_000,
            incident_days: 365,
        },
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work(Index::new(config, ledger)))
}

fn wait_until_kept(data: &Path, what: &str, wanted: impl Fn(&hub::Incident) -> bool) {
    eventually(what, || {
        data.join("index.db").exists().then_some(())?;
        kept(data).first().is_some_and(&wanted).then_some(())
    });
}

#[test]
fn an_incident_outlives_a_kill_and_goes_on_while_there_are_no_pictures() {
    let setup = dead();
    let server = setup.clone().start();
    assert_eq!(incidents(&server, ""), Vec::<Value>::new());
    assert!(
        !server.path("data").exists(),
        "nothing is kept, nothing is written"
    );
    server.get("/stream");
    let first = newest(&server, "an incident", |i| i["steps"][0].is_object());
    let data = server.path("data");
    wait_until_kept(&data, "the incident on the disk", |i| !i.steps.is_empty());
    server.signal(Signal::KILL);
    drop(server);

    let server = setup.clone().start();
    let found = newest(&server, "the incident", |i| i["ended"].is_string());
    let steps = found["steps"].to_string();
    assert!(steps.contains("interrupted: the server ended"), "{steps}");
    assert_eq!(
        (&found["id"], &found["began"]),
        (&first["id"], &first["began"])
    );
    server.get("/stream");
    let again = newest(&server, "the same incident", |i| i["ended"].is_null());
    assert_eq!(
        (&again["id"], &again["began"]),
        (&first["id"], &first["began"])
    );
    assert!(again["steps"].to_string().contains("it goes on"), "{again}");
    wait_until_kept(&data, "that it goes on", |i| i.ended.is_none());
    server.signal(Signal::KILL);
    drop(server);

    // It gives pictures now.
    let mut server = setup.camera("source", "test").start();
    server.stream("/stream").part();
    let over = incidents(&server, "");
    assert_eq!(ids(&over), [1]);
    assert!(over[0]["ended"].is_string());
    assert_eq!(server.camera()["incidents"], 0, "since the server started");
    server.stop();
    assert!(kept(&data)[0].ended.is_some());
}

#[test]
fn a_server_that_is_stopped_ends_its_incidents_and_numbers_go_on() {
    let setup = dead();
    let data = setup.path("data");
    for round in 1..=3 {
        let mut server = setup.clone().start();
        server.get("/stream");
        let open = newest(&server, "an incident", |i| i["ended"].is_null());
        assert_eq!(open["id"], round);
        server.stop();
        let left = fs::read_dir(&data).unwrap().count();
        assert_eq!(
            left, 2,
            "one file beside the list of databases, closed in good order"
        );
        let list = kept(&data);
        assert_eq!(list.len(), usize::try_from(round).unwrap());
        assert!(list[0].ended.is_some());
        let last = &list[0].steps.last().unwrap().what;
        assert_eq!(last, "stopped: the server stops");
    }
}

#[test]
fn hundreds_of_incidents_come_in_pages_to_whoever_may_see_them() {
    let setup = Setup::with_source("test").auth("enabled", true);
    let ledger = Ledger::default();
    let cameras = ["main", "gone"].map(|id| Some(id.parse().unwrap()));
    in_index(&setup.path("data"), ledger.clone(), async |index| {
        for n in 0..360_usize {
            let camera = [&cameras[0], &cameras[1], &None][n % 3].as_ref();
            let code = if n % 2 == 0 { "ended" } else { "driver" };
            let cause = Cause {
                code: code.into(),
                sentence: "A sentence.".into(),
                advice: "do something".into(),
                detail: "<script>".to_owned(),
                words: Vec::new(),
            };
            ledger.begin(camera, SystemTime::now(), cause);
            ledger.end(camera, SystemTime::now(), None);
        }
        index.finish().await;
    });
    let mut server = setup.start();
    let mut seen = Vec::new();
    let mut query = "?limit=70".to_owned();
    loop {
        let page = incidents(&server, &query);
        let Some(last) = page.last() else { break };
        query = format!("?limit=70&before={}", last["id"]);
        seen.extend(ids(&page));
    }
    assert_eq!(seen, (1..=360).rev().collect::<Vec<_>>());
    assert_eq!(incidents(&server, "").len(), 100);
    assert_eq!(incidents(&server, "?limit=100000").len(), 360);
    assert_eq!(incidents(&server, "?limit=1000&camera=gone").len(), 120);
    assert_eq!(incidents(&server, "?limit=1000&cause=driver").len(), 180);
    assert_eq!(
        incidents(&server, "?limit=1000&camera=gone&cause=driver").len(),
        60
    );
    assert_eq!(incidents(&server, "?open=true").len(), 0);
    assert_eq!(incidents(&server, "?limit=1000&open=false").len(), 360);
    let of_main = server.json("/api/v1/cameras/main/incidents?limit=3&before=300");
    let list = of_main["incidents"].as_array().unwrap();
    assert_eq!(ids(list), [298, 295, 292]);
    for nonsense in ["?limit=x", "?before=-1", "?open=maybe"] {
        for path in ["/api/v1/incidents", "/api/v1/cameras/main/incidents"] {
            assert_eq!(
                server.get(&format!("{path}{nonsense}")).status,
                400,
                "{path}{nonsense}"
            );
        }
    }
    // Somebody who may see one camera, and one who may see all, but nothing of the server.
    for (cameras, counts) in [(json!(["main"]), [120, 0]), (Value::Null, [240, 120])] {
        let token = json!({"name": "x", "role": "operator", "cameras": cameras});
        let made = server.send("POST", "/api/v1/tokens", &token);
        let secret = made_by_user(&server, made, &token);
        for (query, count) in ["?limit=1000", "?limit=1000&camera=gone"]
            .iter()
            .zip(counts)
        {
            let list = as_token(&server, &secret, &format!("/api/v1/incidents{query}")).json();
            let list = list["incidents"].as_array().unwrap();
            assert_eq!(list.len(), count, "{query}");
            assert!(list.iter().all(|i| i["camera"].is_string()));
        }
    }
    server.stop();
}

/// The secret of a token. Only users make some, so that there is one at the latest now.
fn made_by_user(server: &Server, made: Reply, token: &Value) -> String {
    let made = if made.status == 201 {
        made
    } else {
        let user = json!({"name": "root", "password": PASSWORD, "role": "admin"});
        server.send("POST", "/api/v1/users", &user);
        let cookie = log_in(server, "127.0.0.1", "root", PASSWORD);
        let cookie = cookie.header("Set-Cookie").unwrap().split(';').next();
        Client::new(server.address)
            .stranger()
            .header("Cookie", cookie.unwrap())
            .json(token)
            .request("POST", "/api/v1/tokens")
    };
    assert_eq!(made.status, 201);
    made.json()["secret"].as_str().unwrap().to_owned()
}

fn as_token(server: &Server, secret: &str, path: &str) -> Reply {
    Client::new(server.address)
        .stranger()
        .header("Authorization", &format!("Bearer {secret}"))
        .request("GET", path)
}

fn log_in(server: &Server, from: &str, name: &str, password: &str) -> Reply {
    let login = json!({"name": name, "password": password});
    Client::at(from, server.address)
        .stranger()
        .json(&login)
        .request("POST", "/api/v1/session")
}

#[test]
fn a_full_disk_stops_no_camera_and_what_was_not_written_is_written_later() {
    let setup = Setup::camera_sim()
        .camera("no_frame_timeout_s", 60.0)
        .another_camera("yard", "test");
    let data = setup.path("data");
    let Some(mut server) = setup.start_on_tmpfs("size=512k") else {
        return;
    };
    // As the server sees it.
    let data = PathBuf::from(format!("/proc/{}/root{}", server.pid(), data.display()));
    let main = Watcher::of(server.stream("/stream"));
    let yard = Watcher::of(server.stream("/api/v1/cameras/yard/stream"));
    main.more_pictures(2);
    yard.more_parts(2);
    fs::write(data.join("in-the-way"), vec![1; 1 << 20]).unwrap_err();

    server.fault("freeze");
    newest(&server, "an incident", |i| i["ended"].is_null());
    let line = server.log.message("incidents cannot be kept");
    assert!(line.raw.contains("full"), "{}", line.raw);
    yard.more_parts(40);
    server.fault("heal");
    newest(&server, "its end", |i| i["ended"].is_string());
    main.more_pictures(20);
    server.fault("freeze");
    newest(&server, "another", |i| i["id"] == 2 && i["ended"].is_null());
    assert_eq!(ids(&incidents(&server, "")), [2, 1]);
    yard.more_parts(20);

    fs::remove_file(data.join("in-the-way")).unwrap();
    server.log.message("incidents are kept again");
    wait_until_kept(&data, "both", |i| i.id == 2 && i.ended.is_none());
    let list = kept(&data);
    assert_eq!(list.len(), 2);
    assert!(list[1].ended.is_some());
    server.fault("heal");
    main.more_pictures(2);
    assert!(main.is_watching() && yard.is_watching());
    let said = server
        .log
        .to_string()
        .matches("incidents cannot be kept")
        .count();
    assert_eq!(said, 1, "once, however often it was tried");
    drop((main, yard));
    server.stop();
}

#[test]
fn a_disk_that_cannot_be_written_is_said_and_incidents_are_in_memory() {
    let Some(mut server) = dead().start_on_tmpfs("ro") else {
        return;
    };
    let line = server.log.message("incidents are in memory only");
    assert!(line.raw.contains("storage.index"), "{}", line.raw);
    server.get("/stream");
    newest(&server, "an incident", |i| i["ended"].is_null());
    server.stop();
}

#[test]
fn a_damaged_file_is_set_aside_and_the_server_starts() {
    let setup = Setup::with_source("test").server("data_dir", "elsewhere");
    let setup = setup.env("CCTV_STORAGE__INDEX", "kept/here.db");
    fs::create_dir(setup.path("kept")).unwrap();
    for damage in ["x".repeat(9000), "SQLite format 3\0".repeat(10)] {
        fs::write(setup.path("kept/here.db"), damage).unwrap();
        let mut server = setup.clone().start();
        let line = server.log.message("the index is damaged");
        let aside = line.fields["kept_as"].as_str().unwrap();
        assert!(aside.starts_with("kept/here.db.damaged-"), "{aside}");
        assert!(server.path(aside).exists());
        assert_eq!(incidents(&server, ""), Vec::<Value>::new());
        server.stop();
        fs::remove_file(server.path(aside)).unwrap();
    }
}

/// Waits for the incident of failed logins to be so.
fn burst(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually("the incident of the failed logins", || {
        let list = incidents(server, "?cause=login_burst");
        assert!(list.len() < 2, "one burst is one incident: {list:?}");
        list.into_iter().next().filter(&wanted)
    })
}

#[test]
fn a_burst_of_failed_logins_is_one_incident_for_administrators_alone() {
    let setup = Setup::with_source("test")
        .auth("enabled", true)
        .auth("alarm_failures", 8)
        .auth("alarm_quiet_s", 8);
    let mut server = setup.clone().start();
    for (name, role) in [("root", "admin"), ("kim", "viewer")] {
        let user = json!({"name": name, "password": PASSWORD, "role": role});
        assert_eq!(server.send("POST", "/api/v1/users", &user).status, 201);
    }
    let cookie = |reply: Reply| {
        let cookie = reply.header("Set-Cookie").unwrap().to_owned();
        cookie.split(';').next().unwrap().to_owned()
    };
    let kim = cookie(log_in(&server, "127.0.0.2", "kim", PASSWORD));
    let token = Client::new(server.address)
        .stranger()
        .header("Cookie", &kim)
        .json(&json!({"name": "x", "role": "viewer"}))
        .request("POST", "/api/v1/tokens");
    let kims_token = token.json()["secret"].as_str().unwrap().to_owned();
    let socket = Client::new(server.address).socket();
    let mut of_kim = Socket::of(&format!("Bearer {kims_token}"), socket, "/ws", &server);
    let mut of_admin = Socket::open(&server, "/ws");

    // Somebody mistypes, and nothing happens.
    for _ in 0..3 {
        assert_eq!(log_in(&server, "127.0.0.2", "kim", "oops").status, 401);
    }
    // Somebody guesses, with whatever opens a door.
    for n in 0..7 {
        log_in(
            &server,
            "127.0.0.9",
            &format!("guess{n}"),
            "wrong-password-1",
        );
    }
    assert!(incidents(&server, "?cause=login_burst").is_empty());
    let guess = |path: &str, header: Option<&str>| {
        let client = Client::at("127.0.0.9", server.address).stranger();
        let client = match header {
            Some(value) => client.header("Authorization", value),
            None => client,
        };
        client.request("GET", path).status
    };
    assert_eq!(guess("/stream?token=wrong-token-2", None), 401);
    assert_eq!(guess("/stream", Some("Bearer wrong-token-3")), 401);
    assert_eq!(guess("/stream?link=wrong-link-4", None), 401);
    assert_eq!(guess("/stream", Some("Basic Z3Vlc3M6d3JvbmctNQ==")), 401);
    let code = json!({"code": "wrong-code-6", "name": "x", "password": PASSWORD});
    let reply = Client::at("127.0.0.9", server.address)
        .stranger()
        .json(&code)
        .request("POST", "/api/v1/setup");
    assert_eq!(reply.status, 403);
    let open = burst(&server, |i| {
        i["detail"].as_str().unwrap().starts_with("12 failed")
    });
    let detail = open["detail"].as_str().unwrap();
    for word in ["127.0.0.9 (12)", "“guess0”", "tokens", "links"] {
        assert!(detail.contains(word), "{detail}");
    }
    assert!(!detail.contains("127.0.0.2"), "{detail}");
    assert_eq!(
        (&open["camera"], &open["ended"]),
        (&Value::Null, &Value::Null)
    );

    // Others are not held up.
    assert_eq!(log_in(&server, "127.0.0.3", "root", PASSWORD).status, 200);
    let event = of_admin.event("incident");
    assert_eq!(
        (&event["id"], &event["cause"]),
        (&open["id"], &json!("login_burst"))
    );
    let list = as_token(&server, &kims_token, "/api/v1/incidents").text();
    assert!(!list.contains("login_burst"), "{list}");

    // It is over by itself, and that is what is kept.
    let over = burst(&server, |i| i["ended"].is_string());
    assert!(
        over["steps"].to_string().contains("it has been quiet"),
        "{over}"
    );
    assert!(of_admin.event("incident")["ended"].is_string());
    // Whatever he was told came before the answer.
    assert_eq!(of_kim.ask(json!({"type": "clock"}))["ok"], true);
    let told = of_kim.words("anything", |words| Some(words.clone()));
    assert_eq!(told["type"], "hello", "and nothing else before it");
    server.stop();
    let log = server.log.to_string();
    for line in [
        "a burst of failed logins: somebody",
        "the burst of failed logins is over",
    ] {
        assert_eq!(log.matches(line).count(), 1, "{line}");
    }
    let kept = kept(&server.path("data"));
    assert_eq!(&*kept[0].cause.code, "login_burst");
    let all = log + &over.to_string() + &format!("{kept:?}");
    for secret in [
        "wrong-password-1",
        "wrong-token",
        "wrong-link",
        "wrong-5",
        "wrong-code",
        PASSWORD,
    ] {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[test]
fn guessing_from_everywhere_is_a_burst_too_and_a_kill_does_not_leave_it_open() {
    let setup = Setup::with_source("test")
        .auth("enabled", true)
        .auth("alarm_failures_in_all", 20);
    let server = setup.clone().start();
    for n in 1..=20 {
        log_in(&server, &format!("127.0.1.{n}"), "admin", "wrong");
    }
    let open = burst(&server, |i| i["ended"].is_null());
    assert!(
        open["detail"]
            .as_str()
            .unwrap()
            .contains("10 other addresses"),
        "{open}"
    );
    wait_until_kept(&server.path("data"), "the burst on the disk", |i| {
        i.ended.is_none()
    });
    server.signal(Signal::KILL);
    drop(server);
    let mut server = setup.start();
    let over = burst(&server, |i| i["ended"].is_string());
    assert!(over["steps"].to_string().contains("interrupted"), "{over}");
    server.stop();
}

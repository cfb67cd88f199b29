//! How what the API changed of the cameras is kept, and what becomes of it when file, folder or disk say otherwise.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    thread,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use toml::Table;

use crate::harness::{Client, Server, Setup, Watcher, eventually};

use super::admin::{CAMERAS, add, ids, of, refused};

/// Adds or removes `yard` in the file.
fn yard_in_the_file(server: &Server, there: bool) {
    let path = server.path("test.toml");
    let mut table: Table = fs::read_to_string(&path).unwrap().parse().unwrap();
    let cameras = table["camera"].as_array_mut().unwrap();
    cameras.truncate(1);
    if there {
        let yard: Table = "id = 'yard'\nsource = 'test'\nname = 'From the file'"
            .parse()
            .unwrap();
        cameras.push(yard.into());
    }
    fs::write(&path, table.to_string()).unwrap();
}

#[test]
fn a_file_that_clashes_with_the_api_waits_until_it_fits() {
    let setup = Setup::with_source("test");
    let mut server = setup.clone().start();
    add(
        &server,
        json!({"id": "yard", "source": "test", "name": "From the API"}),
    );
    let yard = Watcher::of(server.stream(&of("yard/stream")));
    yard.more_parts(1);

    yard_in_the_file(&server, true);
    server.signal(Signal::HUP);
    let line = server
        .log
        .message("the configuration does not go with what the API changed");
    let words = line.fields["error"].as_str().unwrap();
    assert!(
        words.contains("yard") && words.contains("test.toml") && words.contains("DELETE"),
        "{words}"
    );
    assert_eq!(server.json(&of("yard"))["name"], "From the API");
    // Whatever else is asked for still works, on the cameras as they were.
    add(&server, json!({"id": "shed", "source": "test"}));
    yard.more_parts(1);
    assert!(yard.is_watching());
    server.signal(Signal::TERM);
    server.exit_code();

    // A start with the clash: the file's cameras, and a loud word.
    let mut command = setup.command();
    command.args(["serve", "--config", "test.toml"]);
    let mut server = setup.start_by(command);
    server
        .log
        .message("what was changed through the API is left out");
    assert_eq!(ids(&server), ["main", "yard"]);
    assert_eq!(server.json(&of("yard"))["name"], "From the file");
    refused(
        server.send("POST", CAMERAS, &json!({"id": "more", "source": "test"})),
        409,
        &["yard", "DELETE"],
    );
    // The added one goes; the one of the file stays, and what else was added comes back.
    assert_eq!(server.request("DELETE", &of("yard")).status, 204);
    assert_eq!(ids(&server), ["main", "yard", "shed"]);
    let config = server.json(&of("yard/config"));
    assert_eq!(
        config["keys"]["name"],
        json!({"value": "From the file", "from": "file"})
    );

    // What is changed of a camera waits for it while it is not in the file.
    assert_eq!(
        server
            .send("PATCH", &of("yard"), &json!({"name": "Changed"}))
            .status,
        200
    );
    yard_in_the_file(&server, false);
    server.signal(Signal::HUP);
    server
        .log
        .message("the API changed this camera, and it is not in the configuration any more");
    eventually("its end", || {
        (ids(&server) == ["main", "shed"]).then_some(())
    });
    yard_in_the_file(&server, true);
    server.signal(Signal::HUP);
    eventually("its return", || {
        (server.get(&of("yard")).status == 200 && server.json(&of("yard"))["name"] == "Changed")
            .then_some(())
    });
    server.stop();
}

#[test]
fn a_clash_that_the_api_resolves_brings_the_file_in() {
    let mut server = Setup::with_source("test").start();
    add(&server, json!({"id": "yard", "source": "test"}));
    yard_in_the_file(&server, true);
    server.signal(Signal::HUP);
    server
        .log
        .message("the configuration does not go with what the API changed");
    assert_eq!(server.request("DELETE", &of("yard")).status, 204);
    eventually("the camera of the file", || {
        let reply = server.get(&of("yard"));
        (reply.status == 200 && reply.json()["name"] == "From the file").then_some(())
    });
    server.stop();
}

#[test]
fn a_store_that_is_not_understood_is_told_of_and_left_alone() {
    for (text, words) in [
        ("{\"version\": 1, \"cameras\": [{\"id\"", "EOF"),
        ("{\"version\": 2, \"people\": []}", "a newer server"),
        ("{\"version\": 1, \"peeple\": []}", "peeple"),
        (
            "{\"version\":1,\"cameras\":[{\"id\":\"x\",\"kind\":\"added\",\"keys\":{\"source\":\"file:/etc\"}}]}",
            "only the configuration file",
        ),
    ] {
        let setup = Setup::with_source("test");
        fs::create_dir(setup.path("data")).unwrap();
        fs::write(setup.path("data/cameras.json"), text).unwrap();
        let mut server = setup.clone().start();
        let line = server
            .log
            .message("what was changed through the API is left out");
        assert_eq!(line.level, "ERROR");
        let said = line.fields["error"].as_str().unwrap();
        assert!(
            said.contains(words) && said.contains("data/cameras.json"),
            "{said}"
        );
        assert_eq!(ids(&server), ["main"]);
        server.stream("/stream").part();
        let yard = json!({"id": "yard", "source": "test"});
        refused(
            server.send("POST", CAMERAS, &yard),
            500,
            &["cameras.json", "mend it or move it away"],
        );
        refused(
            server.send("PATCH", &of("main"), &json!({"width": 64})),
            500,
            &["cameras.json"],
        );
        assert_eq!(ids(&server), ["main"]);
        let file = server.path("data/cameras.json");
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "untouched");

        fs::rename(&file, server.path("data/broken")).unwrap();
        add(&server, yard);
        assert_eq!(ids(&server), ["main", "yard"]);
        server.stop();
    }
}

#[test]
fn a_folder_that_cannot_be_written_changes_nothing() {
    let setup = Setup::with_source("test");
    fs::write(setup.path("in-the-way"), "").unwrap();
    let mut server = setup.server("data_dir", "in-the-way/data").start();
    let yard = json!({"id": "yard", "source": "test"});
    refused(server.send("POST", CAMERAS, &yard), 500, &["in-the-way"]);
    assert_eq!(ids(&server), ["main"]);
    server.stop();
}

#[test]
fn a_full_disk_keeps_what_was_and_says_so() {
    let Some(mut server) = Setup::with_source("test").start_on_tmpfs("size=256k") else {
        return;
    };
    let long =
        |n: usize| json!({"id": format!("c{n}"), "source": "test", "name": "x".repeat(15_000)});
    let fits = (1..64)
        .find(|n| {
            let reply = server.send("POST", CAMERAS, &long(*n));
            let is_full = reply.status != 201;
            if is_full {
                refused(reply, 507, &["Make room", "cameras.json"]);
            }
            is_full
        })
        .unwrap()
        - 1;
    server
        .log
        .message("a change through the API could not be kept");
    assert!(fits > 0);
    assert_eq!(ids(&server).len(), 1 + fits);
    assert_eq!(server.get(&of(&format!("c{}", fits + 1))).status, 404);
    server.stream(&of("c1/stream")).part();
    // The old file is whole, and what takes less room than there is still goes.
    assert_eq!(server.request("DELETE", &of("c1")).status, 204);
    add(&server, json!({"id": "small", "source": "test"}));
    assert_eq!(ids(&server).len(), 1 + fits);
    server.stop();
}

#[test]
fn a_read_only_disk_changes_nothing_and_says_so() {
    let Some(mut server) = Setup::with_source("test").start_on_tmpfs("ro") else {
        return;
    };
    let yard = json!({"id": "yard", "source": "test"});
    refused(
        server.send("POST", CAMERAS, &yard),
        500,
        &["Read-only", "server.data_dir"],
    );
    refused(
        server.send("PATCH", &of("main"), &json!({"name": "x"})),
        500,
        &["Read-only"],
    );
    assert_eq!(ids(&server), ["main"]);
    assert_eq!(server.camera()["name"], "main");
    server.stop();
}

#[test]
fn a_server_killed_among_many_changes_leaves_a_whole_file_with_all_it_said_yes_to() {
    let setup = Setup::with_source("test");
    let server = setup.clone().start();
    // Something to write.
    for n in 0..20 {
        add(
            &server,
            json!({"id": format!("c{n}"), "source": "test", "name": "x".repeat(2000)}),
        );
    }
    drop(server);
    let next = AtomicU64::new(0);
    for round in 1..=8 {
        let server = setup.clone().start();
        assert_eq!(ids(&server).len(), 21);
        let said_yes = AtomicU64::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, SeqCst);
                    let patch = json!({"name": n.to_string()});
                    let Ok(reply) = Client::connect(server.address)
                        .and_then(|client| client.json(&patch).attempt("PATCH", &of("main")))
                    else {
                        return;
                    };
                    assert_eq!(reply.status, 200);
                    said_yes.store(n, SeqCst);
                }
            });
            let first = next.load(SeqCst);
            eventually("some changes", || {
                (said_yes.load(SeqCst) >= first + round * 3).then_some(())
            });
            server.signal(Signal::KILL);
        });
        let text = fs::read(server.path("data/cameras.json")).unwrap();
        let store: Value = serde_json::from_slice(&text).expect("a whole file");
        let cameras = store["cameras"].as_array().unwrap();
        let main = cameras
            .iter()
            .find(|camera| camera["id"] == "main")
            .unwrap();
        let kept: u64 = main["keys"]["name"].as_str().unwrap().parse().unwrap();
        let (least, most) = (said_yes.load(SeqCst), next.load(SeqCst));
        assert!((least..most).contains(&kept), "{kept} of {least}..{most}");
    }
    let server = setup.start();
    assert!(
        server
            .log
            .all("what was changed through the API is left out")
            .is_empty()
    );
    add(&server, json!({"id": "last", "source": "test"}));
    let left = fs::read_dir(server.path("data")).unwrap().count();
    assert_eq!(
        left, 2,
        "beside the list of databases nothing half-written is left"
    );
}

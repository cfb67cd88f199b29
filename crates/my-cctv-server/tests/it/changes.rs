//! Cameras that come, change and go while the server runs, and what is told of the times without pictures.

use std::fs;

use rustix::process::Signal;
use toml::{Table, Value};

use crate::harness::{Server, Setup, Watcher, decode, eventually};

/// Changes the file that the server was started with.
fn edit(server: &Server, change: impl FnOnce(&mut Table)) {
    let path = server.path("test.toml");
    let mut table: Table = fs::read_to_string(&path).unwrap().parse().unwrap();
    change(&mut table);
    fs::write(&path, table.to_string()).unwrap();
}

/// The cameras of a configuration.
fn cameras(table: &mut Table) -> &mut Vec<Value> {
    table["camera"].as_array_mut().unwrap()
}

fn test_pattern(id: &str) -> Value {
    let keys = [("id", id), ("source", "test")];
    Value::Table(
        keys.into_iter()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect(),
    )
}

/// Sets keys of the last camera.
fn set(table: &mut Table, keys: &[(&str, Value)]) {
    let camera = cameras(table).last_mut().unwrap().as_table_mut().unwrap();
    for (key, value) in keys {
        camera.insert((*key).to_owned(), value.clone());
    }
}

#[test]
fn sighup_changes_one_camera_and_nobody_else_notices() {
    let mut server = Setup::camera_sim().another_camera("yard", "test").start();
    let door = Watcher::of(server.stream("/stream"));
    let yard = Watcher::of(server.stream("/api/v1/cameras/yard/stream"));
    door.more_pictures(2);
    yard.more_parts(2);
    let before = server.sim_starts();

    // The second camera gets another size; the first one goes on in the same process.
    edit(&server, |table| {
        set(table, &[("width", 320.into()), ("height", 240.into())])
    });
    server.signal(Signal::HUP);
    server.log.message("camera configured anew");
    server.log.message("configuration taken over");
    yard.more_parts(2);
    let listed = server.json("/api/v1/cameras");
    eventually("the new size", || {
        let jpeg = server.get("/api/v1/cameras/yard/snapshot").bytes();
        (decode(&jpeg) == (320, 240)).then_some(())
    });
    assert_eq!(listed["cameras"].as_array().map(Vec::len), Some(2));
    door.more_pictures(2);
    assert_eq!(
        server.sim_starts(),
        before,
        "the other camera was not touched"
    );
    assert!(yard.is_watching(), "its viewer stayed connected");

    // It goes; its viewer sees the end, and its address is gone.
    edit(&server, |table| cameras(table).truncate(1));
    server.signal(Signal::HUP);
    yard.ends_well();
    assert_eq!(server.get("/api/v1/cameras/yard").status, 404);
    door.more_pictures(2);

    // It comes back, and another one with it.
    edit(&server, |table| {
        cameras(table).extend([test_pattern("yard"), test_pattern("shed")])
    });
    server.signal(Signal::HUP);
    eventually("three cameras", || {
        let listed = server.json("/api/v1/cameras");
        let ids: Vec<_> = listed["cameras"]
            .as_array()?
            .iter()
            .map(|c| c["id"].clone())
            .collect();
        (ids == ["main", "yard", "shed"]).then_some(())
    });
    server.stream("/api/v1/cameras/yard/stream").part();
    server.stream("/api/v1/cameras/shed/stream").part();
    drop((door, yard));
    server.stop();
}

#[test]
fn a_changed_file_is_taken_over_by_itself_and_a_bad_one_is_not() {
    let mut server = Setup::with_source("test").start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_parts(2);

    edit(&server, |table| set(table, &[("hight", 9.into())]));
    let line = server.log.message("the configuration has an error");
    let words = line.fields["error"].as_str().unwrap();
    assert!(words.contains("did you mean `height`?"), "{words}");
    watcher.more_parts(2);

    edit(&server, |table| {
        cameras(table)[0].as_table_mut().unwrap().remove("hight");
        set(table, &[("name", "Back door".into())]);
    });
    eventually("the new name", || {
        (server.camera()["name"] == "Back door").then_some(())
    });
    watcher.more_parts(2);
    assert!(watcher.is_watching());

    edit(&server, |table| {
        table["server"]
            .as_table_mut()
            .unwrap()
            .insert("max_viewers".to_owned(), 3.into());
    });
    server.log.find("what is live now", |line| {
        let is_live = line.fields.get("live")? == "server.max_viewers";
        (line.message == "configuration taken over" && is_live).then_some(())
    });
    watcher.more_parts(2);
    drop(watcher);
    server.stop();
}

#[test]
fn an_outage_is_one_incident() {
    let mut server = Setup::camera_sim()
        .camera("no_frame_timeout_s", 1.5)
        .sim("FAULT", "exit@10:255:failed to queue request")
        .sim("FAULT_RUNS", "2")
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    eventually("the end of the incident", || {
        let list = server.json("/api/v1/incidents");
        let incidents = list["incidents"].as_array()?.clone();
        // Pictures come for half a second between the two faults: each one is an outage of its own.
        (incidents.len() == 2 && incidents.iter().all(|i| !i["ended"].is_null())).then_some(())
    });
    let list = server.json("/api/v1/cameras/main/incidents");
    let newest = &list["incidents"][0];
    assert_eq!(
        (newest["id"].as_u64(), newest["camera"].as_str()),
        (Some(2), Some("main"))
    );
    assert_eq!(newest["cause"], "driver");
    assert_eq!(newest["restarts"], 1);
    assert!(newest["began"].as_str() < newest["ended"].as_str());
    let words = newest["words"].to_string();
    assert!(words.contains("failed to queue request"), "{words}");
    assert!(
        newest["steps"][0]["what"]
            .as_str()
            .unwrap()
            .contains("started again"),
        "{newest}"
    );
    assert_eq!(server.camera()["incidents"], 2);
    assert!(watcher.is_watching(), "nobody had to come again");
    drop(watcher);
    server.stop();
}

#[test]
fn a_camera_that_recovers_by_itself_is_an_incident_without_a_restart() {
    let mut server = Setup::camera_sim()
        .camera("no_frame_timeout_s", 12.0)
        .sim("FAULT", "timeout@10:4s")
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    let incident = eventually("the end of the incident", || {
        let list = server.json("/api/v1/incidents");
        Some(list["incidents"][0].clone()).filter(|incident| incident["ended"].is_string())
    });
    assert_eq!(
        (incident["cause"].as_str(), incident["restarts"].as_u64()),
        (Some("timed_out"), Some(0))
    );
    assert_eq!(server.sim_starts().len(), 1);
    assert!(watcher.is_watching());
    drop(watcher);
    server.stop();
}

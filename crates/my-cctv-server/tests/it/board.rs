//! Cameras on the board: which one is which when places move, and how the board itself is.

use std::fs;

use serde_json::Value;

use crate::harness::{Server, Setup, Watcher, eventually, script, sibling};

const FIRST: &str = "/base/soc/i2c0mux/i2c@1/imx708@1a";
const SECOND: &str = "/base/soc/i2c0mux/i2c@0/imx708@1b";

/// Two cameras of one board.
fn two(main: &str, yard: &str) -> Setup {
    let sim = sibling("camera-sim", "cargo build -p camera-sim");
    let setup = Setup::simulated(main)
        .sim("CAMERAS", "2")
        .another_camera("yard", yard)
        .camera("program", sim.to_str().unwrap())
        .camera("linger_s", 0.5);
    let unplugged = setup.path("unplugged");
    setup.env("CAMERA_SIM_UNPLUGGED", unplugged)
}

fn unplug(server: &Server, cameras: &str) {
    fs::write(server.path("unplugged"), cameras).unwrap();
}

/// `--camera` of each stream that was started so far.
fn places(server: &Server) -> Vec<String> {
    let log = fs::read_to_string(server.path("sim.log")).unwrap_or_default();
    let args = log.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    args.filter(|args| !args.contains(&"--list-cameras"))
        .filter_map(|args| {
            let at = args.iter().position(|arg| *arg == "--camera")?;
            Some(args[at + 1].to_owned())
        })
        .collect()
}

fn yard(server: &Server) -> Watcher {
    Watcher::of(server.stream("/api/v1/cameras/yard/stream"))
}

#[test]
fn a_camera_is_found_by_its_id_wherever_it_is() {
    let mut server = two(&format!("rpicam:{SECOND}"), &format!("rpicam:{FIRST}")).start();
    let main = Watcher::of(server.stream("/stream"));
    main.more_pictures(3);
    assert_eq!(places(&server), ["1"]);
    drop(main);
    server.wait_for_state("idle");

    // The other one is not found at the next boot.
    unplug(&server, "0");
    let main = Watcher::of(server.stream("/stream"));
    main.more_pictures(3);
    assert_eq!(places(&server), ["1", "0"]);

    // The one that is gone is not replaced by the one that is there.
    let yard = yard(&server);
    yard.until("a drawn picture", |seen| {
        (seen.placeholders() >= 1).then_some(())
    });
    let cameras = server.json("/api/v1/cameras")["cameras"].clone();
    assert_eq!(cameras[1]["cause"], "no_such_camera");
    let incident = server.json("/api/v1/cameras/yard/incidents")["incidents"][0].clone();
    let detail = incident["detail"].as_str().unwrap();
    assert!(
        detail.contains(FIRST) && detail.contains(&format!("there are: {SECOND}")),
        "{detail}"
    );
    assert_eq!(yard.until("", |seen| Some(seen.pictures())), 0);
    assert_eq!(places(&server), ["1", "0"]);
    main.more_pictures(3);
    server.stop();
}

#[test]
fn a_place_means_the_camera_that_was_there_first() {
    let mut server = two("rpicam:0", "rpicam:1").start();
    let main = Watcher::of(server.stream("/stream"));
    let second = yard(&server);
    main.more_pictures(3);
    second.more_pictures(3);
    let lines = server
        .log
        .all("this camera is remembered by its id, since places move");
    let mut ids: Vec<_> = lines.iter().map(|line| &line.fields["id"]).collect();
    ids.sort_by_key(|id| id.to_string());
    assert_eq!(ids, [SECOND, FIRST]);
    drop((main, second));
    eventually("both cameras off", || {
        (server.json("/health")["cameraActive"] == false).then_some(())
    });

    unplug(&server, "0");
    let before = places(&server).len();
    let main = Watcher::of(server.stream("/stream"));
    main.until("a drawn picture", |seen| {
        (seen.placeholders() >= 1).then_some(())
    });
    assert_eq!(server.camera()["cause"], "no_such_camera");
    let second = yard(&server);
    second.more_pictures(3);
    assert_eq!(
        places(&server)[before..],
        ["0"],
        "the yard, at its new place"
    );
    assert_eq!(main.until("", |seen| Some(seen.pictures())), 0);

    // Nor does it forget when it is configured anew.
    let path = server.path("test.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        text.replace(
            "source = \"rpicam:0\"",
            "source = \"rpicam:0\"\nquality = 50",
        ),
    )
    .unwrap();
    server.signal(rustix::process::Signal::HUP);
    server.log.message("camera configured anew");
    eventually("one more look", || {
        let failed = server.log.all("the camera failed");
        (failed.len() >= 2).then_some(())
    });
    assert_eq!(server.camera()["cause"], "no_such_camera");
    server.stop();
}

#[test]
fn a_camera_that_is_missing_after_a_reboot_is_not_taken_for_the_other() {
    let setup = two("rpicam:0", "rpicam:1");
    let mut server = setup.clone().start();
    yard(&server).more_pictures(2);
    let main = Watcher::of(server.stream("/stream"));
    main.more_pictures(2);
    eventually("both ids, in the file", || {
        let text = fs::read_to_string(server.path("data/cameras.json")).ok()?;
        (text.contains(FIRST) && text.contains(SECOND)).then_some(())
    });
    drop(main);
    server.stop();

    let mut server = setup.start();
    unplug(&server, "0");
    let before = places(&server).len();
    let main = Watcher::of(server.stream("/stream"));
    let second = yard(&server);
    second.more_pictures(3);
    main.until("a drawn picture", |seen| {
        (seen.placeholders() >= 1).then_some(())
    });
    assert_eq!(server.camera()["cause"], "no_such_camera");
    assert_eq!(
        places(&server)[before..],
        ["0"],
        "the yard, at its new place"
    );
    server.stop();
}

#[test]
fn no_camera_at_all_is_said_as_such() {
    for source in ["rpicam:0", &format!("rpicam:{FIRST}")] {
        let setup = Setup::simulated(source);
        let unplugged = setup.path("unplugged");
        fs::write(&unplugged, "0").unwrap();
        let mut server = setup.env("CAMERA_SIM_UNPLUGGED", unplugged).start();
        let watcher = Watcher::of(server.stream("/stream"));
        let camera = server.wait_for_state("failed");
        assert_eq!(camera["cause"], "no_camera");
        fs::remove_file(server.path("unplugged")).unwrap();
        watcher.more_pictures(3);
        server.stop();
    }
}

#[test]
fn a_program_that_cannot_list_is_taken_by_its_word() {
    for (words, starts) in [("exec sleep 1000", 1), ("exec yes", 1), ("exit 0", 1)] {
        let setup = Setup::with_source("rpicam:0");
        let sim = sibling("camera-sim", "cargo build -p camera-sim");
        let program = setup.path("program");
        let text = format!(
            "#!/bin/sh\ncase \"$*\" in *--list-cameras*) {words};; esac\nexec {} \"$@\"\n",
            sim.display()
        );
        script(&program, &text);
        let mut server = setup.camera("program", program.to_str().unwrap()).start();
        let watcher = Watcher::of(server.stream("/stream"));
        watcher.more_pictures(3);
        server.log.message("the camera program lists no cameras");
        assert_eq!(server.sim_starts().len(), starts, "{words}");
        server.stop();
    }
}

/// A camera that ends after five pictures, on a board whose `vcgencmd` does this.
fn on_a_board(vcgencmd: &str) -> Setup {
    let setup = Setup::camera_sim()
        .sim("FAULT", "exit@5")
        .sim("FAULT_RUNS", "1");
    let bin = setup.path("bin");
    fs::create_dir(&bin).unwrap();
    script(&bin.join("vcgencmd"), &format!("#!/bin/sh\n{vcgencmd}\n"));
    let path = std::env::var("PATH").unwrap();
    setup.env("PATH", format!("{}:{path}", bin.display()))
}

fn incident(server: &Server) -> Value {
    server.json("/api/v1/incidents")["incidents"][0].clone()
}

#[test]
fn a_weak_power_supply_is_named_beside_the_incident() {
    let mut server = on_a_board(
        "case $1 in get_throttled) echo throttled=0x50005;; measure_temp) echo \"temp=48.3'C\";; esac",
    )
    .start();
    let watcher = Watcher::of(server.stream("/stream"));
    let incident = eventually("an incident with what the board says", || {
        Some(incident(&server)).filter(|incident| incident["board"].is_object())
    });
    let board = incident["board"].clone();
    assert_eq!(
        (
            &board["under_voltage_now"],
            &board["under_voltage_since_boot"]
        ),
        (&true.into(), &true.into())
    );
    assert_eq!(
        (&board["throttled_now"], &board["frequency_capped_now"]),
        (&true.into(), &false.into())
    );
    assert_eq!(board["temperature_c"], 48.3);
    let steps = incident["steps"].to_string();
    assert!(steps.contains("power supply"), "{steps}");
    assert_eq!(server.json("/health")["board"], board);
    watcher.more_pictures(10);
    server.stop();
}

#[test]
fn a_board_that_hangs_or_talks_nonsense_holds_nothing_up() {
    for vcgencmd in [
        "exec sleep 1000",
        "echo throttled=no; yes nonsense",
        "exit 255",
    ] {
        let mut server = on_a_board(vcgencmd).start();
        let watcher = Watcher::of(server.stream("/stream"));
        watcher.until("pictures after the fault", |seen| {
            (seen.pictures() >= 15).then_some(())
        });
        let board = server.json("/health")["board"].clone();
        assert_eq!(board["under_voltage_now"], Value::Null, "{vcgencmd}");
        assert_eq!(incident(&server)["board"]["under_voltage_now"], Value::Null);
        server.stop();
    }
}

#[test]
fn a_server_that_stops_leaves_no_question_behind() {
    let mut server = on_a_board("echo asked >> asked; exec sleep 1000").start();
    let _watcher = Watcher::of(server.stream("/stream"));
    let asked = server.path("asked");
    eventually("a question", || asked.exists().then_some(()));
    server.stop();
}

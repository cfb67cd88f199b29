//! What `doctor` says of real trouble: a camera that somebody has, a port that is taken, a disk that is full.

use std::{
    fs::{self, File},
    io::Read as _,
    net::TcpListener,
    os::unix::fs::{PermissionsExt as _, symlink},
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::harness::{
    Pair, Program, Setup, eventually, openssl, script, sibling, skipped, tool, with_tls,
};

/// Everything it found, by the name of the check.
struct Found {
    code: Option<i32>,
    json: Value,
}

impl Found {
    fn of(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        Self {
            code: output.status.code(),
            json: serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{said}")),
        }
    }

    /// Of this check, with this level, a line that has these words.
    fn has(&self, name: &str, level: &str, words: &str) {
        let checks = self.json["checks"].as_array().unwrap();
        let is_it = |check: &&Value| {
            let text = format!("{} {}", check["saw"], check["advice"]);
            check["name"] == name && check["level"] == level && text.contains(words)
        };
        assert!(
            checks.iter().any(|check| is_it(&check)),
            "no {level} of {name} says `{words}`: {:#}",
            self.json
        );
        assert_eq!(self.code, Some(i32::from(self.json["result"] == "fail")));
    }
}

fn command(setup: &Setup, args: &[&str]) -> Command {
    let _ = setup.serve();
    let mut command = setup.command();
    command.args(["doctor", "--config", "test.toml"]).args(args);
    command
}

fn doctor(setup: &Setup, args: &[&str]) -> Found {
    Found::of(&command(setup, args).arg("--json").output().unwrap())
}

/// A folder for the program's data, which is made here as the server would.
fn data(setup: &Setup) {
    fs::create_dir(setup.path("data")).unwrap();
    fs::set_permissions(setup.path("data"), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_camera_that_another_program_has_is_held_by_a_name() {
    let setup = Setup::camera_sim();
    let sim = sibling("camera-sim", "cargo build -p camera-sim");
    // What the simulated camera locks is here a device in a /dev of the test's own.
    for folder in ["root/dev", "locks"] {
        fs::create_dir_all(setup.path(folder)).unwrap();
    }
    fs::write(setup.path("root/dev/media0"), "").unwrap();
    symlink("/proc", setup.path("root/proc")).unwrap();
    symlink(
        setup.path("root/dev/media0"),
        setup.path("locks/camera0.lock"),
    )
    .unwrap();
    let found = doctor(&setup, &["--root", "root"]);
    found.has("cameras.busy", "ok", "nobody has a camera open");
    found.has("cameras.found", "ok", "imx708 on the board, place 0");
    found.has("cameras.configured", "ok", "rpicam");
    found.has("programs.camera", "ok", "rpicam-apps");
    found.has("cameras.rights", "ok", "1 video devices");
    let asked = fs::read_to_string(setup.path("sim.log")).unwrap();
    let only_asked =
        |line: &str| line.ends_with("\t--list-cameras") || line.ends_with("\t--version");
    assert!(
        asked.lines().all(only_asked),
        "a camera was started: {asked}"
    );

    let environment = setup.command();
    let mut other = Command::new(&sim);
    other.args(["-t", "0", "--codec", "mjpeg", "-o", "-"]);
    for (name, value) in environment.get_envs() {
        if let Some(value) = value {
            other.env(name, value);
        }
    }
    other.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut other = Program::start(&mut other);
    let mut pictures = other.stdout();
    pictures.read_exact(&mut [0]).unwrap();
    let found = doctor(&setup, &["--root", "root", "--try"]);
    let name = format!("busy: held by pid {} (camera-sim): media0", other.pid());
    found.has("cameras.busy", "fail", &name);
    found.has("cameras.busy", "fail", &format!("`kill {}`", other.pid()));
    found.has(
        "cameras.picture",
        "fail",
        "Another program is using the camera.",
    );

    drop((pictures, other));
    let found = doctor(&setup, &["--root", "root", "--try"]);
    found.has("cameras.busy", "ok", "nobody");
    found.has("cameras.picture", "ok", "gave a picture of 320x240");
}

#[test]
fn a_running_server_is_known_and_nothing_fails() {
    let setup = Setup::camera_sim();
    data(&setup);
    let server = setup.clone().start();
    let port = server.address.port().to_string();
    let found = doctor(&setup, &["--port", &port]);
    found.has(
        "network.port",
        "ok",
        &format!("a server is running on port {port}: pid {}", server.pid()),
    );
    found.has("machine.servers", "ok", "a server runs with data");
    drop(server);
    let found = eventually("the port to be free", || {
        let found = doctor(&setup, &["--port", &port]);
        (found.code == Some(0)).then_some(found)
    });
    found.has("network.port", "ok", "is free");
    found.has("storage.speed", "ok", "MB/s");
    let left = fs::read_dir(setup.path("data")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["databases.json"], "the probe was removed");
}

#[test]
fn a_port_that_is_taken_is_taken_by_somebody() {
    let setup = Setup::with_source("test");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let found = doctor(&setup, &["--port", &port]);
    let who = format!("port {port} is taken by pid {} (", std::process::id());
    found.has("network.port", "fail", &who);
    found.has("network.port", "fail", "--port");
}

#[test]
fn a_disk_that_is_full_or_cannot_be_written_is_said() {
    let unshare = tool("unshare", "util-linux");
    let on = |options: &str| {
        let setup = Setup::with_source("test");
        fs::create_dir(setup.path("data")).unwrap();
        let command = command(&setup, &["--json"]);
        let script = format!(
            "mount -t tmpfs -o {options} none data || exit 77; head -c 1048576 /dev/zero > data/x; exec \"$@\""
        );
        let mut wrapped = Command::new(&unshare);
        wrapped
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                &script,
                "sh",
            ])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(command.get_current_dir().unwrap());
        let output = wrapped.output().unwrap();
        let may = !output.stdout.is_empty();
        if !may {
            skipped("a full and a read-only disk: no mounts in a namespace here");
        }
        may.then(|| Found::of(&output))
    };
    if let Some(full) = on("size=1m,mode=700") {
        full.has("storage.space", "fail", "0 of 1 MiB are free");
        full.has("storage.speed", "note", "too little room");
    }
    if let Some(closed) = on("size=100m,ro") {
        closed.has(
            "storage.folder",
            "fail",
            "cannot be written to: Read-only file system",
        );
    }
    if let Some(closed) = on("size=100m,nr_inodes=2,mode=700") {
        closed.has("storage.space", "fail", "no more files can be made");
    }
}

#[test]
fn a_mistake_in_the_configuration_is_told_as_check_tells_it() {
    let setup = Setup::with_source("test");
    let text = "[server]\nport = 3000\nmax_viewer = 3\n[[camera]]\nsource = \"rtsp://a:hunter2@10.0.0.1/\"\n";
    fs::write(setup.path("config.toml"), text).unwrap();
    let output = setup.run(&["doctor"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in [
        "fail  file       config.toml:3:",
        "did you mean `max_viewers`?",
        "machine\n",
    ] {
        assert!(said.contains(words), "`{said}` does not say `{words}`");
    }
    assert!(
        !said.contains("hunter2") && !said.contains('\x1b'),
        "{said}"
    );
}

#[test]
fn an_expired_certificate_and_an_open_key_are_told() {
    let setup = Setup::with_source("test");
    let (request, extensions) = (setup.path("request"), setup.path("extensions"));
    fs::write(&extensions, "subjectAltName=DNS:localhost\n").unwrap();
    let pair = Pair::make(setup.path("").as_path(), "server", 5, None);
    let make = |days: &str| {
        let made = openssl(&["req", "-new", "-subj", "/CN=x", "-key"])
            .arg(&pair.key)
            .arg("-out")
            .arg(&request)
            .status();
        assert!(made.unwrap().success());
        let signed = openssl(&["x509", "-req", "-days", days, "-in"])
            .arg(&request)
            .arg("-extfile")
            .arg(&extensions)
            .arg("-signkey")
            .arg(&pair.key)
            .arg("-out")
            .arg(&pair.certificate)
            .output()
            .unwrap();
        assert!(signed.status.success(), "{signed:?}");
    };
    let path = |path: &std::path::Path| path.to_str().unwrap().into();
    let keys = [
        ("certificate", path(&pair.certificate)),
        ("key", path(&pair.key)),
    ];
    let setup = with_tls(setup, &keys);
    fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o644)).unwrap();
    let soon = doctor(&setup, &[]);
    soon.has("network.tls", "warn", "valid until");
    soon.has(
        "network.tls",
        "warn",
        "every user of this machine can read the key",
    );
    fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o600)).unwrap();
    make("-1");
    doctor(&setup, &[]).has("network.tls", "fail", "has expired");
    make("300");
    doctor(&setup, &[]).has("network.tls", "ok", "valid until");
    fs::write(&pair.key, "").unwrap();
    doctor(&setup, &[]).has("network.tls", "fail", "no private key in it");
}

#[test]
fn a_clock_before_the_program_was_built_is_late() {
    let setup = Setup::with_source("test");
    let program = setup.path("my-cctv-server");
    let original = command(&setup, &["--json"]);
    fs::copy(original.get_program(), &program).unwrap();
    let tomorrow = SystemTime::now() + Duration::from_secs(24 * 3600);
    File::open(&program)
        .unwrap()
        .set_modified(tomorrow)
        .unwrap();
    let output = eventually("a program that nobody writes to", || {
        Command::new(&program)
            .args(original.get_args())
            .current_dir(setup.path(""))
            .output()
            .ok()
    });
    let found = Found::of(&output);
    found.has("machine.clock", "fail", "the clock is late");
    found.has("machine.clock", "fail", "timedatectl");
}

#[test]
fn devices_that_this_user_may_not_open_are_named_with_their_group() {
    let setup = Setup::camera_sim();
    fs::create_dir_all(setup.path("root/dev")).unwrap();
    fs::create_dir_all(setup.path("root/etc")).unwrap();
    let video = setup.path("root/dev/video0");
    fs::write(&video, "").unwrap();
    let group = std::os::unix::fs::MetadataExt::gid(&fs::metadata(&video).unwrap());
    fs::write(
        setup.path("root/etc/group"),
        format!("root:x:77777:\nvideo:x:{group}:\n"),
    )
    .unwrap();
    let mode = |path: &str, mode| {
        fs::set_permissions(setup.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("root/dev/video0", 0o000);
    // The memory that board cameras share: without it the program starts and gives no picture.
    let heap = setup.path("root/dev/dma_heap/linux,cma");
    fs::create_dir_all(heap.parent().unwrap()).unwrap();
    fs::write(&heap, "").unwrap();
    mode("root/dev/dma_heap/linux,cma", 0o000);
    let is_roots = std::os::unix::fs::chown(&heap, None, Some(77777)).is_ok();
    let ours = command(&setup, &["--root", "root", "--json"]);
    let output = if rustix::process::geteuid().is_root() {
        mode("", 0o755);
        let mut other = Command::new(tool("setpriv", "util-linux"));
        other
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(ours.get_program())
            .args(ours.get_args())
            .current_dir(setup.path(""));
        other.output().unwrap()
    } else {
        let mut ours = ours;
        ours.output().unwrap()
    };
    if output.stdout.is_empty() {
        skipped("devices of another user: the program cannot be run by nobody here");
        return;
    }
    let found = Found::of(&output);
    found.has("cameras.rights", "fail", "this user may not open ");
    for device in ["video0", "linux,cma"] {
        found.has("cameras.rights", "fail", device);
    }
    found.has("cameras.rights", "fail", "usermod -aG video USER");
    if is_roots {
        found.has("cameras.rights", "fail", "what belongs to root alone");
    }
}

#[test]
fn a_weak_supply_and_missing_cameras_are_told_and_secrets_are_not() {
    let setup = Setup::with_source("rtsp://door:hunter2@127.0.0.1:1/live?key=hunter2")
        .another_camera("clip", "file:no/such/clip.mjpeg")
        .another_camera("yard", "rpicam:7")
        .env("CCTV_SERVER__LANGUAGE", "en")
        .env("ADMIN_PASSWORD", "hunter2hunter2");
    let bin = setup.path("bin");
    fs::create_dir(&bin).unwrap();
    script(
        &bin.join("vcgencmd"),
        "#!/bin/sh\ncase $1 in get_throttled) echo throttled=0x50005;; *) echo \"temp=83.0'C\";; esac\n",
    );
    symlink(
        sibling("camera-sim", "cargo build -p camera-sim"),
        bin.join("rpicam-vid"),
    )
    .unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let setup = setup.env("PATH", path);
    let found = doctor(&setup, &[]);
    found.has(
        "machine.power",
        "fail",
        "under-voltage now (throttled=0x50005)",
    );
    found.has("machine.power", "fail", "stronger power supply");
    found.has("machine.heat", "warn", "83.0 °C");
    found.has("cameras.configured", "fail", "refused");
    found.has(
        "cameras.configured",
        "fail",
        "no/such/clip.mjpeg: No such file",
    );
    found.has("cameras.configured", "fail", "rpicam:7 is not there");
    found.has("cameras.found", "ok", "imx708");
    found.has("configuration.rights", "warn", "holds a camera's password");
    found.has("configuration.login", "note", "off");
    let plain = command(&setup, &[]).output().unwrap();
    let said = String::from_utf8_lossy(&plain.stdout).into_owned() + &found.json.to_string();
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn where_nothing_can_be_printed_the_code_is_another_one() {
    let setup = Setup::with_source("test");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status = command(&setup, &[]).stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

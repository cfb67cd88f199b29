//! 15: the server needs no rights, its unit gives it none, and it says so to whoever gives it all.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use super::{in_namespace, run_by};
use crate::harness::{Server, Setup, Watcher, sibling, skipped, tool};

const TOLD: &str = "running as root";

fn unit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/my-cctv-server.service")
}

#[test]
fn the_unit_is_locked_down() {
    // systemd's own critic, from 0 (nothing can be done) to 100 (everything). What is left is the network and the cameras.
    let output = Command::new(tool("systemd-analyze", "systemd"))
        .args(["security", "--offline=true", "--no-pager", "--threshold=17"])
        .arg(unit())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("Overall exposure level"), "{said}");
    // A misspelt key is a warning there, and no protection.
    for word in ["Unknown key", "Failed to parse", "ignoring"] {
        assert!(!errors.contains(word), "{errors}");
    }
    let text = fs::read_to_string(unit()).unwrap();
    let of = |key: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(key));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of("User="), ["my-cctv-server"]);
    assert_eq!(of("CapabilityBoundingSet="), [""]);
    // What it is started with is what this version understands.
    let setup = Setup::with_source("test");
    let output = setup
        .command()
        .args(["check", "--config"])
        .arg(unit().with_file_name("config.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("no errors"),
        "{said}"
    );
    assert_eq!(of("Environment="), [""; 0]);
    assert_eq!(of("StateDirectory="), ["my-cctv-server"]);
    let config = fs::read_to_string(unit().with_file_name("config.toml")).unwrap();
    assert!(config.contains("data_dir = \"/var/lib/my-cctv-server\""));
    let words: Vec<_> = of("ExecStart=")[0].split(' ').map(str::to_owned).collect();
    assert_eq!(words, ["/usr/bin/my-cctv-server", "serve"]);
}

/// Runs as `nobody`, with no capability and none to be had, where nothing but one folder can be written to. `None`
/// where that cannot be made.
fn as_nobody(setup: Setup) -> Option<Server> {
    let dir = setup.path("");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let data = setup.path("data");
    fs::create_dir(&data).unwrap();
    // The programs may lie where nobody else may look.
    let mut programs = Vec::new();
    for name in ["my-cctv-server", "camera-sim"] {
        let program = setup.path(name);
        fs::copy(sibling(name, "cargo build"), &program).unwrap();
        programs.push(program);
    }
    let in_data = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let setup = setup
        .camera("program", programs[1].to_str().unwrap())
        .server("data_dir", data.to_str().unwrap())
        .auth("database", in_data("accounts.db"))
        .sim("LOCK_DIR", &in_data("locks"))
        .sim("LOG", &in_data("sim.log"))
        .sim("CONTROL", &in_data("control"));
    fs::rename(dir.join("accounts.db"), data.join("accounts.db")).unwrap();
    let mut script =
        "mount --make-rprivate / && mount --bind data data && mount -o remount,bind,ro /"
            .to_owned();
    if dir.starts_with("/tmp") {
        // A file system of its own on many machines.
        script += " && { mount -o remount,bind,ro /tmp 2>/dev/null || true; }";
    }
    let mut unshare = Command::new(tool("unshare", "util-linux"));
    let drop_all = if rustix::process::geteuid().is_root() {
        for path in [data.clone(), data.join("accounts.db")] {
            std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
        }
        unshare.arg("--mount");
        "setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all"
    } else {
        unshare.args(["--user", "--map-root-user", "--mount"]);
        "unshare --user --map-user=65534 --map-group=65534 setpriv --no-new-privs --inh-caps=-all --bounding-set=-all"
    };
    unshare.current_dir(&dir);
    let mut trial = Command::new(unshare.get_program());
    let tried = trial
        .args(unshare.get_args())
        .current_dir(&dir)
        .args(["sh", "-c", &format!("{script} && {drop_all} true")])
        .output()
        .unwrap();
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
        skipped(&format!("as nobody on a read-only system: {why}"));
        return None;
    }
    unshare.args([
        "sh",
        "-c",
        &format!("{script} && exec {drop_all} \"$@\""),
        "sh",
    ]);
    let mut serve = Command::new(&programs[0]);
    let made = setup.serve();
    serve.args(made.get_args()).current_dir(&dir);
    for (name, value) in made.get_envs() {
        match value {
            Some(value) => serve.env(name, value),
            None => serve.env_remove(name),
        };
    }
    // The file is read by nobody as well.
    fs::set_permissions(dir.join("test.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    Some(setup.start_by(run_by(unshare, &serve)))
}

#[test]
fn it_runs_as_nobody_on_a_read_only_system() {
    let Some(mut server) = as_nobody(Setup::camera_sim().frame_bytes(20_000)) else {
        return;
    };
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let of = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap().trim().to_owned()
    };
    assert_eq!(of("NoNewPrivs:"), "1");
    assert_eq!(u64::from_str_radix(&of("CapBnd:"), 16).unwrap(), 0);
    assert_eq!(u64::from_str_radix(&of("CapEff:"), 16).unwrap(), 0);
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(10);
    assert_eq!(server.get("/snapshot").status, 200);
    let yard = json!({"id": "yard", "source": "test"});
    assert_eq!(server.send("POST", "/api/v1/cameras", &yard).status, 201);
    let kept = fs::metadata(server.path("data/cameras.json")).unwrap();
    assert_eq!(kept.permissions().mode() & 0o777, 0o600);
    drop(watcher);
    server.stop();
    let log = server.log.to_end();
    assert!(!log.contains(TOLD), "{log}");
    assert!(!log.contains("\"ERROR\""), "{log}");
}

#[test]
fn root_is_told_that_it_need_not_be() {
    let setup = Setup::with_source("test");
    let is_root = rustix::process::geteuid().is_root();
    let Some(mut server) = (if is_root {
        Some(setup.start())
    } else {
        in_namespace(&setup, "true")
    }) else {
        return;
    };
    let line = server.log.message(TOLD);
    assert_eq!(line.level, "WARN");
    assert!(line.message.contains("my-cctv-server.service"));
    assert_eq!(server.get("/health").status, 200);
    server.stop();
}

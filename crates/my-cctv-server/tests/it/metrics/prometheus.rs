//! A real Prometheus beside the real server: it scrapes with a token, answers the dashboard's questions, and raises alerts.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::words::{expressions, ours, panels, variables};
use crate::harness::{
    Client, LIMIT, Program, Server, Setup, Watcher, eventually, free_port, pass, script, tool,
};

fn promtool(args: &[&str], dir: &Path) -> String {
    let output = Command::new(tool("promtool", "prometheus"))
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "promtool {args:?}: {said}");
    said
}

#[test]
fn the_rules_are_right_and_do_what_they_say() {
    let dir = ours("deploy/prometheus");
    let said = promtool(&["check", "rules", "alerts.yml"], &dir);
    let alerts = fs::read_to_string(dir.join("alerts.yml")).unwrap();
    let count = alerts.matches("- alert: ").count();
    assert!(
        count >= 15 && said.contains(&format!("{count} rules found")),
        "{said}"
    );
    promtool(&["test", "rules", "alerts.test.yml"], &dir);
    // Each of them has a case.
    let cases = fs::read_to_string(dir.join("alerts.test.yml")).unwrap();
    let names = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for name in names {
        assert!(cases.contains(&format!("alertname: {name}\n")), "{name}");
    }
}

/// Prometheus with the configuration of the example, in a hurry.
struct Prometheus {
    address: SocketAddr,
    _program: Program,
}

impl Prometheus {
    fn start(server: &Server, token: &Path) -> Self {
        let dir = server.path("prometheus");
        fs::create_dir(&dir).unwrap();
        let example = fs::read_to_string(ours("deploy/prometheus/scrape.example.yml")).unwrap();
        let mut config = example;
        for (from, to) in [
            ("scrape_interval: 15s", "scrape_interval: 2s"),
            ("evaluation_interval: 15s", "evaluation_interval: 1s"),
            (
                "/etc/prometheus/my-cctv-server.token",
                token.to_str().unwrap(),
            ),
            ("localhost:3000", &server.address.to_string()),
        ] {
            assert!(config.contains(from), "{from} in {config}");
            config = config.replace(from, to);
        }
        fs::write(dir.join("prometheus.yml"), config).unwrap();
        let alerts = fs::read_to_string(ours("deploy/prometheus/alerts.yml")).unwrap();
        let hurried = alerts.lines().map(|line| match line.split_once("for: ") {
            Some((indent, _)) => format!("{indent}for: 1s\n"),
            None => format!("{line}\n"),
        });
        fs::write(dir.join("alerts.yml"), hurried.collect::<String>()).unwrap();
        promtool(&["check", "config", "prometheus.yml"], &dir);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let log = fs::File::create(dir.join("log")).unwrap();
        let program = Program::start(
            Command::new(tool("prometheus", "prometheus"))
                .current_dir(&dir)
                .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
                .arg(format!("--web.listen-address={address}"))
                .stdout(Stdio::null())
                .stderr(log),
        );
        let prometheus = Self {
            address,
            _program: program,
        };
        let said = || fs::read_to_string(dir.join("log")).unwrap_or_default();
        eventually("Prometheus", || {
            let ready = Client::connect(address).ok()?;
            let reply = ready.stranger().attempt("GET", "/-/ready").ok()?;
            (reply.status == 200).then_some(())
        });
        assert!(!said().contains("level=error"), "{}", said());
        prometheus
    }

    fn get(&self, path: &str) -> Value {
        let reply = Client::new(self.address).stranger().request("GET", path);
        let status = reply.status;
        let answer = reply.json();
        assert_eq!(
            (status, &answer["status"]),
            (200, &"success".into()),
            "{path}: {answer}"
        );
        answer["data"].clone()
    }

    /// What an expression gives now.
    fn query(&self, expression: &str) -> Vec<Value> {
        let quoted: String = expression
            .bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect();
        let data = self.get(&format!("/api/v1/query?query={quoted}"));
        data["result"].as_array().unwrap().clone()
    }

    /// Whether an expression gives something, and that is a number.
    fn has_figures(&self, expression: &str) -> bool {
        let found = self.query(expression);
        let mut values = found.iter().filter_map(|one| one["value"][1].as_str());
        values.any(|value| value.parse().is_ok_and(f64::is_finite))
    }

    /// The only value of an expression, if it has one.
    fn value(&self, expression: &str) -> Option<f64> {
        let result = self.query(expression);
        result.first()?["value"][1].as_str()?.parse().ok()
    }

    /// Like `eventually`, and more patient: on a busy machine some scrapes are late, which count as none, and an alert that
    /// was pending begins anew.
    fn eventually<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Result<T, String>) -> T {
        let deadline = Instant::now() + 6 * LIMIT;
        loop {
            let instead = match look(self) {
                Ok(found) => return found,
                Err(instead) => instead,
            };
            if Instant::now() > deadline {
                let targets = self.get("/api/v1/targets?state=active");
                panic!("no {what}, but {instead}; {targets}");
            }
            pass(Duration::from_millis(200));
        }
    }

    /// Waits until an alert is in this state, or over.
    fn waits_for(&self, name: &str, state: Option<&str>) {
        self.eventually(name, |prometheus| {
            let is = prometheus.alert(name);
            (is.as_deref() == state)
                .then_some(())
                .ok_or_else(|| format!("{is:?} in place of {state:?}"))
        });
    }

    /// The state of an alert of the camera, if it is raised.
    fn alert(&self, name: &str) -> Option<String> {
        let data = self.get("/api/v1/alerts");
        let alerts = data["alerts"].as_array().unwrap().iter();
        let mut of_name = alerts.filter(|alert| alert["labels"]["alertname"] == name);
        let alert = of_name.next()?;
        assert_eq!(alert["labels"]["camera"], "main", "{alert}");
        Some(alert["state"].as_str().unwrap().to_owned())
    }
}

/// A token, made as the example says, in a file that is not everybody's.
fn token(setup: &Setup) -> PathBuf {
    let database = format!("auth.database={}", setup.path("accounts.db").display());
    let command = [
        "token",
        "create",
        "prometheus",
        "--role",
        "viewer",
        "--set",
        &database,
    ];
    let output = setup.run(&command);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let path = setup.path("token");
    fs::write(&path, output.stdout).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A machine whose board says how it is.
fn on_a_raspberry_pi(setup: Setup) -> Setup {
    let bin = setup.path("bin");
    fs::create_dir(&bin).unwrap();
    script(
        &bin.join("vcgencmd"),
        "#!/bin/sh\ncase $1 in get_throttled) echo throttled=0x50000;; *) echo \"temp=48.3'C\";; esac\n",
    );
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    setup.env("PATH", path)
}

#[test]
fn prometheus_sees_the_camera_and_its_fault() {
    let setup = Setup::camera_sim()
        .server("port", i64::from(free_port()))
        .auth("enabled", true)
        .camera("no_frame_timeout_s", 600.0);
    let setup = on_a_raspberry_pi(setup);
    let token = token(&setup);
    let mut server = setup.clone().start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(3);
    let prometheus = Prometheus::start(&server, &token);
    let frames = r#"cctv_camera_frames_total{job="my-cctv-server",camera="main"}"#;
    let seen = |from: f64| {
        prometheus.eventually("frames", |prometheus| {
            let now = prometheus.value(frames);
            now.filter(|now| *now >= from)
                .ok_or_else(|| format!("{now:?}"))
        })
    };
    let first = seen(1.0);
    seen(first + 20.0);
    // It asks for OpenMetrics by itself, and takes every line.
    prometheus.eventually("target", |prometheus| {
        let targets = prometheus.get("/api/v1/targets?state=active");
        let target = &targets["activeTargets"][0];
        let is_well = target["health"] == "up" && target["lastError"] == "";
        is_well.then_some(()).ok_or_else(|| target.to_string())
    });
    let metadata = prometheus.get("/api/v1/targets/metadata?metric=cctv_camera_received_bytes");
    assert_eq!(
        (&metadata[0]["type"], &metadata[0]["unit"]),
        (&"counter".into(), &"bytes".into()),
        "{metadata}"
    );
    // Every question of every panel is understood and answered with figures. A rate takes a few scrapes, while which somebody
    // is refused, and somebody leaves.
    let panels = panels();
    prometheus.eventually("answers", |prometheus| {
        let odd = Client::new(server.address).host(Some("odd.example"));
        assert_eq!(odd.request("GET", "/health").status, 421);
        server.stream("/stream").part();
        let unanswered: Vec<_> = panels
            .iter()
            .filter(|(_, question)| !prometheus.has_figures(&in_test(question)))
            .collect();
        let are_answered = unanswered.is_empty();
        are_answered
            .then_some(())
            .ok_or_else(|| format!("none to {unanswered:#?}"))
    });
    // Whoever looks at the page chooses among what is there.
    for (question, label, value) in [
        ("cctv_camera_info", "job", "my-cctv-server"),
        (
            "cctv_camera_info{job=~\"$job\"}",
            "instance",
            &*server.address.to_string(),
        ),
        (
            "cctv_camera_info{job=~\"$job\", instance=~\"$instance\"}",
            "camera",
            "main",
        ),
    ] {
        assert!(variables().contains(&format!("label_values({question}, {label})")));
        let found = prometheus.query(&in_test(question));
        assert_eq!(found[0]["metric"][label], value, "{found:?}");
    }
    for name in ["CctvCameraDown", "CctvPictureLate"] {
        prometheus.waits_for(name, None);
    }

    server.fault("freeze");
    for name in ["CctvCameraDown", "CctvPictureLate"] {
        prometheus.waits_for(name, Some("firing"));
    }
    server.fault("heal");
    for name in ["CctvCameraDown", "CctvPictureLate"] {
        prometheus.waits_for(name, None);
    }
    watcher.more_pictures(3);

    // A new start is seen as one, by every question that is left.
    server.stop();
    let mut server = setup.start();
    let others: Vec<_> = expressions()
        .into_iter()
        .filter(|asked| !panels.iter().any(|(_, panel)| panel == asked))
        .collect();
    assert_eq!(others.len(), 1, "{others:#?}");
    prometheus.eventually("start", |prometheus| {
        let is_seen = prometheus.has_figures(&in_test(&others[0]));
        is_seen.then_some(()).ok_or_else(|| others[0].clone())
    });
    drop(prometheus);
    server.stop();
}

/// A question of the dashboard, with what somebody has chosen in it.
fn in_test(question: &str) -> String {
    let asked = question
        .replace("$__rate_interval", "1m")
        .replace("$job", "my-cctv-server")
        .replace("$instance", ".*")
        .replace("$camera", "main");
    assert!(!asked.contains('$'), "{asked}");
    asked
}

//! A server of one test: its configuration, its process, its folder, and nothing left of it afterwards.

use std::{
    env,
    ffi::OsString,
    fs,
    net::SocketAddr,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use toml::{Table, Value as Toml};

use super::{
    Client, Parts, Reply, Token, eventually, is_alive, log::Log, media::frames, sibling, skipped,
    tool,
};

/// Names of the environment that the server or the simulated camera would listen to.
const OURS: [&str; 10] = [
    "ADMIN_PASSWORD",
    "CCTV_",
    "CAMERA_SIM_",
    "PORT",
    "MAX_CLIENTS",
    "CAM_WIDTH",
    "CAM_HEIGHT",
    "CAM_FPS",
    "ENABLE_AUTH",
    "ENABLE_HTTPS",
];

/// What a server is started with. A clone has the same folder.
#[derive(Clone)]
pub(crate) struct Setup {
    dir: Arc<TempDir>,
    server: Table,
    auth: Table,
    audit: Table,
    quality: Table,
    limits: Table,
    cameras: Vec<Table>,
    env: Vec<(String, OsString)>,
}

impl Setup {
    /// One camera `main` with this source.
    pub(crate) fn with_source(source: &str) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        // Everybody is a viewer, and the clients of the tests have a token of an administrator.
        let accounts = dir.path().join("accounts.db");
        fs::write(&accounts, &Token::get().accounts).unwrap();
        let mut setup = Self {
            dir,
            server: Table::new(),
            auth: Table::new(),
            audit: Table::new(),
            quality: Table::new(),
            limits: Table::new(),
            cameras: vec![Table::new()],
            env: Vec::new(),
        };
        for (name, value) in [
            ("LOCK_DIR", "locks"),
            ("LOG", "sim.log"),
            ("CONTROL", "control"),
        ] {
            let path = setup.path(value);
            setup.env.push((format!("CAMERA_SIM_{name}"), path.into()));
        }
        setup
            .server("listen", "127.0.0.1")
            .server("port", 0)
            .auth("enabled", false)
            .auth("database", accounts.to_str().unwrap())
            // A test asks far more often than people do, and all from one address.
            .limit("streams_per_15_min", 0)
            .limit("streams_per_15_min_and_account", 0)
            .limit("api_per_minute", 0)
            .limit("api_per_minute_and_account", 0)
            .limit("connections_per_address", 0)
            .camera("source", source)
            .camera("width", 320)
            .camera("height", 240)
            .camera("linger_s", 1.0)
            .sim("FRAMES", frames().to_str().unwrap())
            .sim("START_MS", "50")
            .sim("STOP_MS", "50")
    }

    /// The simulated camera behind a source that runs rpicam-vid.
    pub(crate) fn simulated(source: &str) -> Self {
        let sim = sibling("camera-sim", "cargo build -p camera-sim");
        Self::with_source(source).camera("program", sim.to_str().unwrap())
    }

    /// The simulated camera.
    pub(crate) fn camera_sim() -> Self {
        Self::simulated("rpicam")
    }

    /// A key of `[server]`.
    pub(crate) fn server(mut self, key: &str, value: impl Into<Toml>) -> Self {
        self.server.insert(key.to_owned(), value.into());
        self
    }

    /// A key of `[auth]`.
    pub(crate) fn auth(mut self, key: &str, value: impl Into<Toml>) -> Self {
        self.auth.insert(key.to_owned(), value.into());
        self
    }

    /// A key of `[audit]`.
    pub(crate) fn audit(mut self, key: &str, value: impl Into<Toml>) -> Self {
        self.audit.insert(key.to_owned(), value.into());
        self
    }

    /// Nobody is let in without login, and there is no account yet.
    pub(crate) fn with_login(self) -> Self {
        fs::remove_file(self.path("accounts.db")).unwrap();
        self.auth("enabled", true)
    }

    /// A key of `[quality]`.
    pub(crate) fn quality(mut self, key: &str, value: impl Into<Toml>) -> Self {
        self.quality.insert(key.to_owned(), value.into());
        self
    }

    /// A key of `[limits]`; nothing is limited without it.
    pub(crate) fn limit(mut self, key: &str, value: impl Into<Toml>) -> Self {
        self.limits.insert(key.to_owned(), value.into());
        self
    }

    /// A key of the newest `[[camera]]`.
    pub(crate) fn camera(mut self, key: &str, value: impl Into<Toml>) -> Self {
        self.cameras
            .last_mut()
            .unwrap()
            .insert(key.to_owned(), value.into());
        self
    }

    /// One more camera.
    pub(crate) fn another_camera(mut self, id: &str, source: &str) -> Self {
        self.cameras.push(Table::new());
        self.camera("id", id).camera("source", source)
    }

    /// A variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// A variable of the simulated camera.
    pub(crate) fn sim(self, name: &str, value: &str) -> Self {
        self.env(&format!("CAMERA_SIM_{name}"), value)
    }

    /// Pictures of about so many bytes.
    pub(crate) fn frame_bytes(self, bytes: usize) -> Self {
        self.sim("FRAMES", "")
            .sim("FRAME_BYTES", &bytes.to_string())
    }

    /// A path in the test's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The binary with this environment and no arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_my-cctv-server"));
        for (name, _) in env::vars_os() {
            if OURS
                .iter()
                .any(|ours| name.to_string_lossy().starts_with(ours))
            {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.dir.path())
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The binary, to serve this configuration.
    pub(crate) fn serve(&self) -> Command {
        let cameras = self.cameras.iter().cloned().map(Toml::Table).collect();
        let file = Table::from_iter([
            ("server".to_owned(), Toml::Table(self.server.clone())),
            ("auth".to_owned(), Toml::Table(self.auth.clone())),
            ("audit".to_owned(), Toml::Table(self.audit.clone())),
            ("quality".to_owned(), Toml::Table(self.quality.clone())),
            ("limits".to_owned(), Toml::Table(self.limits.clone())),
            ("camera".to_owned(), Toml::Array(cameras)),
        ]);
        let path = self.path("test.toml");
        fs::write(&path, file.to_string()).unwrap();
        let mut command = self.command();
        command.arg("serve").arg("--config").arg(path);
        command
    }

    /// Runs the binary with these arguments to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    /// Starts the server and waits until it listens.
    pub(crate) fn start(self) -> Server {
        let command = self.serve();
        self.start_by(command)
    }

    /// The same, where `data` is a file system of its own, mounted with these options. `None` where that is not allowed.
    pub(crate) fn start_on_tmpfs(self, options: &str) -> Option<Server> {
        fs::create_dir(self.path("data")).unwrap();
        let unshare = tool("unshare", "util-linux");
        let namespaces = ["--user", "--map-root-user", "--mount"];
        let works = Command::new(&unshare)
            .args(namespaces)
            .args(["mount", "-t", "tmpfs", "none"])
            .arg(self.path("data"))
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !works {
            skipped("a full and a read-only disk: no mounts in a namespace here");
            return None;
        }
        let serve = self.serve();
        let script = format!("mount -t tmpfs -o {options} none data && exec \"$@\"");
        let command = self.command();
        let mut wrapped = Command::new(unshare);
        wrapped
            .args(namespaces)
            .args(["sh", "-c", &script, "sh"])
            .arg(serve.get_program())
            .args(serve.get_args())
            .current_dir(command.get_current_dir().unwrap());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        wrapped
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Some(self.start_by(wrapped))
    }

    /// The same, for a command that becomes the server.
    pub(crate) fn start_by(self, mut command: Command) -> Server {
        let mut child = command.spawn().unwrap();
        let log = Log::read(child.stderr.take().unwrap());
        let mut server = Server {
            child,
            log,
            address: ([127, 0, 0, 1], 0).into(),
            dir: self.dir,
        };
        let line = server.log.message("listening");
        server.address = line.fields["address"].as_str().unwrap().parse().unwrap();
        server
    }
}

/// A running server. Killed when dropped; its log is printed when the test has failed.
pub(crate) struct Server {
    child: Child,
    pub(crate) log: Log,
    pub(crate) address: SocketAddr,
    dir: Arc<TempDir>,
}

impl Server {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A connection of its own for one request.
    pub(crate) fn request(&self, method: &str, path: &str) -> Reply {
        Client::new(self.address).request(method, path)
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.request("GET", path)
    }

    /// A request with JSON in it.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Reply {
        Client::new(self.address).json(body).request(method, path)
    }

    /// The JSON at this address, which has to be there.
    pub(crate) fn json(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}");
        reply.json()
    }

    /// What the API says about the first camera.
    pub(crate) fn camera(&self) -> Value {
        self.json("/api/v1/cameras")["cameras"][0].clone()
    }

    /// Waits until the first camera is in this state; returns what the API says about it.
    pub(crate) fn wait_for_state(&self, state: &str) -> Value {
        eventually(&format!("a camera that is {state}"), || {
            Some(self.camera()).filter(|camera| camera["state"] == state)
        })
    }

    /// A stream that was let in.
    pub(crate) fn stream(&self, path: &str) -> Parts {
        Parts::of(self.get(path))
    }

    /// Waits until so many are watching.
    pub(crate) fn viewers(&self, count: usize) {
        eventually(&format!("{count} viewers"), || {
            let list = self.json("/api/v1/viewers");
            (list["viewers"].as_array().unwrap().len() == count).then_some(())
        });
    }

    /// Process ids of so many camera programs and converters.
    pub(crate) fn wait_for_programs(&self, count: usize) -> Vec<i32> {
        eventually(&format!("{count} programs"), || {
            Some(self.programs()).filter(|pids| pids.len() == count)
        })
    }

    /// Process ids of every camera program and converter that was started so far.
    pub(crate) fn programs(&self) -> Vec<i32> {
        let lines = self.log.all("camera program started");
        let pid = |value: &Value| i32::try_from(value.as_i64().unwrap()).unwrap();
        lines.iter().map(|line| pid(&line.fields["pid"])).collect()
    }

    /// The starts of the simulated camera so far, by its own account.
    pub(crate) fn sim_starts(&self) -> Vec<i32> {
        let log = fs::read_to_string(self.path("sim.log")).unwrap_or_default();
        log.lines()
            .map(|line| line.split('\t').next().unwrap().parse().unwrap())
            .collect()
    }

    /// What the simulated camera was started with each time, as one line.
    pub(crate) fn sim_arguments(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("sim.log")).unwrap_or_default();
        let words = |line: &str| line.split('\t').skip(1).collect::<Vec<_>>().join(" ");
        log.lines().map(words).collect()
    }

    /// Has the simulated camera fail while it runs.
    pub(crate) fn fault(&self, line: &str) {
        use std::io::Write as _;
        let path = self.path("control");
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    pub(crate) fn pid(&self) -> i32 {
        Pid::from_child(&self.child).as_raw_nonzero().get()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end: the exit code, or the signal as a negative number.
    pub(crate) fn exit_code(&mut self) -> i32 {
        let status = eventually("the end of the server", || self.child.try_wait().unwrap());
        self.log.to_end();
        status.code().unwrap_or_else(|| -status.signal().unwrap())
    }

    /// Stops it in good order: exit code 0, and no process left of those it started.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.exit_code(), 0);
        self.nothing_is_left();
    }

    /// Waits until no process is left that inherited this test's environment: not the server, nothing it started, and
    /// nothing that was started by that.
    pub(crate) fn nothing_is_left(&self) {
        let ours = self.path("locks").into_os_string().into_encoded_bytes();
        let is_ours = |pid: &i32| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environ.windows(ours.len()).any(|window| window == ours) && is_alive(*pid)
        };
        eventually("the end of every process", || {
            let entries = fs::read_dir("/proc").unwrap().map_while(Result::ok);
            let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            (!pids.any(|pid| is_ours(&pid))).then_some(())
        });
    }

    /// Resident memory in KiB.
    pub(crate) fn rss_kib(&self) -> u64 {
        self.memory_kib("VmRSS:")
    }

    /// The most there ever was of it.
    pub(crate) fn peak_rss_kib(&self) -> u64 {
        self.memory_kib("VmHWM:")
    }

    fn memory_kib(&self, what: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(what))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- log of the server ---\n{}---", self.log.to_end());
        }
    }
}

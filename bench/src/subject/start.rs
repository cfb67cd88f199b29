//! Starts the server, its counted twin or the floor, each with a camera stand-in of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::clock::pause;

/// Bytes of a frame, as the budgets say.
const FRAME_BYTES: &str = "40000";
const START_TIMEOUT: Duration = Duration::from_secs(10);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_millis(1);

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The server itself.
    Server,
    /// The server with a counting allocator.
    Counted,
    /// The floor.
    Limit,
}

/// Where the programs lie.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The server's release binary.
    pub server: PathBuf,
    /// The server with a counting allocator.
    pub counted: Option<PathBuf>,
    /// The floor.
    pub limit: PathBuf,
    /// The camera stand-in.
    pub camera: PathBuf,
    /// The load generator.
    pub load: PathBuf,
}

/// What is asked from a server beyond the camera.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// 0 takes a free port.
    pub port: u16,
    /// Further keys of the `server` table.
    pub server: String,
    /// Under TLS, with a certificate of its own.
    pub is_secure: bool,
    /// Nobody is let in without login; the password of `admin`.
    pub password: Option<String>,
    /// Further lines of TOML in front of the tables made here.
    pub config: String,
    /// How many cameras the server shows; 0 is one, too.
    pub cameras: usize,
    /// Camera tables to take instead of those made here.
    pub camera_tables: Option<String>,
}

/// A program of the bench that lies beside the running one.
pub fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("own path")?;
    Ok(own.with_file_name(name))
}

/// A started program. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Of the floor, where it listens for each camera.
    addresses: Vec<SocketAddr>,
    /// Just before it was started.
    pub spawned: Instant,
    cameras: usize,
    scheme: &'static str,
    folder: TempDir,
}

impl Running {
    /// Starts it and waits until it says where it listens.
    pub fn start(
        subject: Subject,
        programs: &Programs,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let mut running = Self::spawn(subject, programs, settings)?;
        running.addresses = running.wait_for_addresses(subject)?;
        running.address = running.addresses[0];
        Ok(running)
    }

    /// Starts it and does not wait: the address is right only if the settings name a port.
    pub fn spawn(
        subject: Subject,
        programs: &Programs,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("temporary folder")?;
        let mut command = match subject {
            Subject::Limit => {
                let mut command = Command::new(&programs.limit);
                command.arg("--program").arg(&programs.camera);
                command.args(["--cameras", &settings.cameras.max(1).to_string()]);
                command
            }
            Subject::Server => serve(&programs.server, programs, settings, folder.path())?,
            Subject::Counted => {
                let program = programs.counted.as_ref().context("no counted server")?;
                serve(program, programs, settings, folder.path())?
            }
        };
        let out = File::create(folder.path().join("said")).context("log file")?;
        command
            .stdin(Stdio::null())
            .stdout(out.try_clone().context("log file")?)
            .stderr(out)
            .env("CAMERA_SIM_FRAME_BYTES", FRAME_BYTES)
            .env("CAMERA_SIM_LOCK_DIR", folder.path().join("locks"))
            .env("CAMERA_SIM_CAMERAS", settings.cameras.max(1).to_string())
            .env("BENCH_ALLOC_FILE", allocations_file(folder.path()));
        if let Some(password) = &settings.password {
            command.env("ADMIN_PASSWORD", password);
        }
        let spawned = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("start {:?}", command.get_program()))?;
        Ok(Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], settings.port)),
            addresses: Vec::new(),
            spawned,
            cameras: settings.cameras,
            scheme: if settings.is_secure { "https" } else { "http" },
            folder,
        })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address of the stream.
    #[must_use]
    pub fn stream_url(&self) -> String {
        format!("{}://{}/stream", self.scheme, self.address)
    }

    /// The streams of all its cameras; of a single one, the short address, which the floor has, too.
    pub fn stream_urls(&self) -> impl Iterator<Item = String> {
        let url = |index| match self.cameras {
            0 | 1 => self.stream_url(),
            // The floor has a port for each.
            _ if self.addresses.len() > 1 => format!("http://{}/stream", self.addresses[index]),
            _ => format!(
                "{}://{}/api/v1/cameras/{}/stream",
                self.scheme,
                self.address,
                camera_id(index)
            ),
        };
        (0..self.cameras.max(1)).map(url)
    }

    /// Asks it to end, and waits for that; `None` if it does not.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself; then there is nobody to tell.
            let _ = kill_process(pid, Signal::TERM);
        }
        let started = Instant::now();
        while started.elapsed() < STOP_TIMEOUT {
            match self.child.try_wait() {
                Ok(None) => pause(GLANCE),
                Ok(Some(status)) => return Some(status),
                Err(_) => return None,
            }
        }
        None
    }

    /// How many allocations the counted server has made, as of the last tenth of a second.
    pub fn allocations(&self) -> anyhow::Result<u64> {
        let path = allocations_file(self.folder.path());
        let text = fs::read_to_string(&path).context("the counted server writes no count")?;
        text.trim().parse().context("count of allocations")
    }

    /// What it wrote to its standard output and error so far.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// One; of the floor, as many as there are cameras.
    fn wait_for_addresses(&mut self, subject: Subject) -> anyhow::Result<Vec<SocketAddr>> {
        let wanted = match subject {
            Subject::Limit => self.cameras.max(1),
            Subject::Server | Subject::Counted => 1,
        };
        let started = Instant::now();
        loop {
            let said = self.said();
            let addresses: Vec<_> = find_addresses(&said, subject).take(wanted).collect();
            if addresses.len() == wanted {
                return Ok(addresses);
            }
            if let Some(status) = self.child.try_wait().context("wait for the program")? {
                bail!("{subject:?} ended with {status}:\n{said}");
            }
            if START_TIMEOUT < started.elapsed() {
                bail!("{subject:?} does not say where it listens:\n{said}");
            }
            pause(GLANCE);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.stop().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn allocations_file(folder: &Path) -> PathBuf {
    folder.join("allocations")
}

fn serve(
    program: &Path,
    programs: &Programs,
    settings: &Settings,
    folder: &Path,
) -> anyhow::Result<Command> {
    let file = folder.join("config.toml");
    fs::write(&file, config(&programs.camera, settings, folder)).context("write config.toml")?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(file);
    // A `.env` or `config.toml` of whoever calls the bench must not have a say.
    command.current_dir(folder);
    for name in ["PORT", "MAX_CLIENTS", "CAM_WIDTH", "CAM_HEIGHT", "CAM_FPS"] {
        command.env_remove(name);
    }
    Ok(command)
}

fn config(camera: &Path, settings: &Settings, folder: &Path) -> String {
    let Settings {
        port,
        server,
        is_secure,
        password,
        config,
        cameras,
        camera_tables,
    } = settings;
    // `{:?}` quotes and escapes as TOML's basic strings do, as far as paths go.
    let table = |index: usize| {
        let place = match cameras {
            0 | 1 => String::new(),
            _ => format!(":{index}"),
        };
        format!(
            "[[camera]]\nid = \"{}\"\nsource = \"rpicam{place}\"\nprogram = {camera:?}\n\
             width = 640\nheight = 480\nframerate = 20\n\n",
            camera_id(index)
        )
    };
    let tables = camera_tables
        .clone()
        .unwrap_or_else(|| (0..(*cameras).max(1)).map(table).collect());
    format!(
        // All viewers of a bench come from one address, and many times.
        "auth.enabled = {}\n{config}\n\
          [limits]\nstreams_per_15_min = 0\napi_per_minute = 0\nstreams_per_15_min_and_account = 0\n\
          api_per_minute_and_account = 0\nconnections_per_address = 0\n\n\
          [server]\nlisten = \"127.0.0.1\"\nport = {port}\nmax_viewers = 2000\ndata_dir = {folder:?}\n\
          tls = {{ enabled = {is_secure} }}\n{server}\n\n\
         {tables}",
        password.is_some()
    )
}

/// The id of a camera, counted from 0.
#[must_use]
pub fn camera_id(index: usize) -> String {
    match index {
        0 => "main".to_owned(),
        _ => format!("camera{}", index + 1),
    }
}

/// Loopback addresses with a port, one of a line; from a server only of the lines that say it listens.
fn find_addresses(said: &str, subject: Subject) -> impl Iterator<Item = SocketAddr> {
    said.split_inclusive('\n')
        .filter(move |line| subject == Subject::Limit || line.contains("listening"))
        .filter_map(|line| {
            let (_, rest) = line.split_once("127.0.0.1:")?;
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let port = rest[..end].parse().ok().filter(|port| *port != 0)?;
            Some(SocketAddr::from(([127, 0, 0, 1], port)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_out_of_a_log() {
        let json =
            r#"{"level":"INFO","fields":{"message":"listening","address":"127.0.0.1:4711"}}"#;
        let cases = [
            (format!("{json}\n"), Subject::Server, Some(4711)),
            (
                "camera at 127.0.0.1:99 \n".to_owned(),
                Subject::Server,
                None,
            ),
            (
                "INFO listening on http://127.0.0.1:80/ now".to_owned(),
                Subject::Server,
                Some(80),
            ),
            ("127.0.0.1:1234\n".to_owned(), Subject::Limit, Some(1234)),
            // Half a line: the port may go on.
            ("127.0.0.1:12".to_owned(), Subject::Limit, None),
        ];
        for (said, subject, port) in cases {
            assert_eq!(
                find_addresses(&said, subject)
                    .next()
                    .map(|found| found.port()),
                port,
                "{said}"
            );
        }
    }
}

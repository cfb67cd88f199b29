//! What the configuration means. After this, nothing is checked again.

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use accounts::Retention;
use camera::{Language, SourceSpec};
use control::ControlSet;
use hub::CameraId;
use pipeline::{Camera, Times};
use serve::{AlarmConfig, GateConfig};

use super::{
    ConfigError,
    encryption::{self, check_tls},
    gate::check_gate,
    raw::{
        LogFormat, RawAudit, RawAuth, RawCamera, RawConfig, RawLanguage, RawLog, RawPolicy,
        RawQuality, RawServer,
    },
};

/// Everything the server is told.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where it was read from, for messages.
    pub(crate) origin: String,
    pub(crate) serve: serve::Config,
    /// None: connections are not encrypted.
    pub(crate) tls: Option<TlsConfig>,
    pub(crate) cameras: Vec<Camera>,
    pub(crate) for_all: ForAll,
    pub(crate) data_dir: PathBuf,
    pub(crate) logs: logs::Config,
    /// Percent of one core for renditions.
    pub(crate) max_cpu_percent: u8,
    /// Whoever wants to see something has to log in.
    pub(crate) is_login_on: bool,
    /// The file with the accounts.
    pub(crate) accounts: PathBuf,
    /// How long the audit log is kept, and how much of it.
    pub(crate) audit: Retention,
    /// What is kept of what happened.
    pub(crate) index: index::Config,
}

/// Many places at many cameras are no reason to take more connections than a small board can carry; whoever wants them
/// says so.
const MOST_PLACES: usize = 4000;

/// How connections are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsConfig {
    pub(crate) origin: tls::Origin,
    /// A plain port beside it.
    pub(crate) redirect_from: Option<u16>,
}

impl Config {
    pub(crate) fn check(raw: RawConfig, origin: String) -> Result<Self, ConfigError> {
        let at = |key: &str, problem: String| ConfigError(format!("{origin}: `{key}`: {problem}"));
        let logs = check_log(raw.log.clone())
            .map_err(|(key, problem)| at(&format!("log.{key}"), problem))?;
        let language = match raw.server.language {
            RawLanguage::En => Language::English,
            RawLanguage::Ko => Language::Korean,
        };
        let places = places(raw.server.max_viewers, raw.camera.len());
        let mut serve = check_server(&raw.server, &raw.quality, places)
            .map_err(|(key, problem)| at(&format!("server.{key}"), problem))?;
        serve.gate = check_gate(&raw.server, &raw.limits, places)
            .map_err(|(key, problem)| at(key, problem))?;
        let tls = check_tls(&raw.server)
            .map_err(|(key, problem)| at(&format!("server.tls.{key}"), problem))?;
        let names = encryption::host_names(tls.as_ref());
        serve.gate.hosts.extend(names);
        let max_cpu_percent = within("max_cpu_percent", raw.quality.max_cpu_percent, 1, 100)
            .map_err(|(key, problem)| at(&format!("quality.{key}"), problem))?;
        let index =
            check_index(&raw).map_err(|(key, problem)| at(&format!("incidents.{key}"), problem))?;
        let list = if raw.camera.is_empty() {
            vec![RawCamera::default()]
        } else {
            raw.camera
        };
        let for_all = ForAll {
            language,
            is_sized_by_viewers: raw.quality.policy == RawPolicy::Viewers,
        };
        let cameras = check_cameras(list, for_all)
            .map_err(|error| ConfigError(format!("{origin}: {error}")))?;
        let in_audit = |(key, problem): (&str, String)| at(&format!("audit.{key}"), problem);
        let RawAudit {
            retention_days,
            max_entries,
        } = raw.audit;
        let audit = Retention {
            days: within("retention_days", retention_days, 1, 36_500).map_err(in_audit)?,
            entries: within("max_entries", max_entries, 1000, 10_000_000).map_err(in_audit)?,
        };
        serve.alarm =
            check_alarm(&raw.auth).map_err(|(key, problem)| at(&format!("auth.{key}"), problem))?;
        let beside = raw.server.data_dir.join("accounts.db");
        let accounts = raw.auth.database.unwrap_or(beside);
        Ok(Self {
            origin,
            serve,
            tls,
            cameras,
            for_all,
            data_dir: raw.server.data_dir,
            logs,
            max_cpu_percent,
            is_login_on: raw.auth.enabled,
            accounts,
            audit,
            index,
        })
    }

    /// The configuration in words, for `check`.
    pub(crate) fn explain(&self) -> String {
        let serve = &self.serve;
        let mut text = format!("configuration: {} — no errors\n", self.origin);
        let mut line = |label: &str, value: String| {
            let _ = writeln!(text, "{label:<12} {value}");
        };
        line(
            "listen",
            format!(
                "{} port {}, below {}",
                serve.listen, serve.port, serve.base_path
            ),
        );
        line(
            "encryption",
            match &self.tls {
                None => "none: pictures and passwords can be read on their way".to_owned(),
                Some(TlsConfig {
                    origin: tls::Origin::Files { certificate, .. },
                    ..
                }) => format!("TLS with {}", certificate.display()),
                Some(TlsConfig {
                    origin: tls::Origin::Own { folder },
                    ..
                }) => format!(
                    "TLS with a certificate of its own, kept in {}",
                    folder.display()
                ),
                Some(TlsConfig {
                    origin: tls::Origin::Authority { acme, .. },
                    ..
                }) => encryption::explain(acme),
            },
        );
        if let Some(port) = self.tls.as_ref().and_then(|tls| tls.redirect_from) {
            line(
                "redirect",
                format!("from port {port}, to the encrypted one"),
            );
        }
        line(
            "viewers",
            format!("at most {} of each camera", serve.max_viewers),
        );
        line("limits", limits(&serve.gate));
        line(
            "quality",
            if serve.per_viewer_quality {
                format!(
                    "what each viewer's line carries; smaller pictures take at most {} % of a core",
                    self.max_cpu_percent
                )
            } else if self.for_all.is_sized_by_viewers {
                format!(
                    "the more watch, the less for each; for who asks for less, at most {} % of a core",
                    self.max_cpu_percent
                )
            } else {
                format!(
                    "the camera's; for who asks for less, at most {} % of a core",
                    self.max_cpu_percent
                )
            },
        );
        line(
            "login",
            if self.is_login_on {
                format!(
                    "needed; the audit log is kept for {} days, {} entries at most",
                    self.audit.days, self.audit.entries
                )
            } else {
                "off: whoever reaches the port sees the pictures".to_owned()
            },
        );
        line(
            "incidents",
            format!(
                "in {}, for {} days, at most {}",
                self.index.path.display(),
                self.index.retention.incident_days,
                self.index.retention.most_incidents
            ),
        );
        for Camera {
            id,
            settings,
            times,
            ..
        } in &self.cameras
        {
            let camera::Settings {
                name,
                spec,
                width_px,
                height_px,
                framerate,
                quality,
                ..
            } = settings;
            line(
                "camera",
                format!(
                    "{id}: “{name}” from {spec}, {width_px}x{height_px} at {framerate}/s, quality {quality}, \
                 off {} s after the last viewer",
                    times.linger.as_secs_f32()
                ),
            );
        }
        text
    }
}

/// What one address may do, in words.
fn limits(gate: &GateConfig) -> String {
    let most = |count: u32, what: &str| match count {
        0 => format!("any number of {what}"),
        _ => format!("{count} {what}"),
    };
    format!(
        "for each address {} in 15 minutes, {} a minute, {} at a time",
        most(gate.streams_per_15_min, "streams"),
        most(gate.api_per_minute, "requests to the API"),
        most(gate.connections_per_address, "connections")
    )
}

/// What is wrong with the cameras.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CameraError {
    /// The camera and the key, where it is one of them.
    pub(crate) at: Option<(String, &'static str)>,
    /// It is right by itself, but not beside another camera.
    pub(crate) is_clash: bool,
    pub(crate) problem: String,
}

impl fmt::Display for CameraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some((camera, key)) => write!(f, "camera {camera}: `{key}`: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

/// What holds for every camera, and is not written with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForAll {
    language: Language,
    is_sized_by_viewers: bool,
}

/// Checks each camera, and that they go together.
pub(super) fn check_cameras(
    list: Vec<RawCamera>,
    for_all: ForAll,
) -> Result<Vec<Camera>, CameraError> {
    let mut cameras: Vec<Camera> = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        let name = raw
            .id
            .clone()
            .unwrap_or_else(|| format!("number {}", index + 1));
        let camera = check_camera(raw, index, for_all).map_err(|(key, problem)| CameraError {
            at: Some((name, key)),
            is_clash: false,
            problem,
        })?;
        if cameras.iter().any(|other| other.id == camera.id) {
            return Err(CameraError {
                at: None,
                is_clash: true,
                problem: format!("two cameras have the id `{}`", camera.id),
            });
        }
        cameras.push(camera);
    }
    one_source_each(&cameras)?;
    Ok(cameras)
}

/// The id of a camera that is not told one.
pub(super) fn id_at(index: usize) -> String {
    match index {
        0 => "main".to_owned(),
        _ => format!("camera{}", index + 1),
    }
}

type Problem = (&'static str, String);

fn seconds(key: &'static str, value: f32, least: f32, most: f32) -> Result<Duration, Problem> {
    if value.is_finite() && (least..=most).contains(&value) {
        Ok(Duration::from_secs_f32(value))
    } else {
        Err((
            key,
            format!("{value} is out of range: {least} to {most} seconds"),
        ))
    }
}

fn within<T: PartialOrd + std::fmt::Display + Copy>(
    key: &'static str,
    value: T,
    least: T,
    most: T,
) -> Result<T, Problem> {
    if least <= value && value <= most {
        Ok(value)
    } else {
        Err((key, format!("{value} is out of range: {least} to {most}")))
    }
}

/// Streams of all cameras that the server has to be ready for.
fn places(max_viewers: usize, cameras: usize) -> usize {
    max_viewers
        .saturating_mul(cameras.max(1))
        .min(max_viewers.max(MOST_PLACES))
}

fn check_server(
    raw: &RawServer,
    quality: &RawQuality,
    places: usize,
) -> Result<serve::Config, Problem> {
    let max_viewers = within("max_viewers", raw.max_viewers, 1, 100_000)?;
    // Beside the streams: pages, their files, the API, and those who are being refused.
    let max_connections = raw.max_connections.unwrap_or(places + 256);
    Ok(serve::Config {
        listen: raw.listen,
        port: raw.port,
        base_path: base_path(&raw.base_path)?,
        max_viewers,
        per_viewer_quality: quality.policy == RawPolicy::PerViewer,
        viewer_timeout: Duration::from_secs(within(
            "viewer_timeout_s",
            raw.viewer_timeout_s,
            1,
            3600,
        )?),
        head_timeout: Duration::from_secs(within("head_timeout_s", raw.head_timeout_s, 1, 3600)?),
        max_connections: within("max_connections", max_connections, max_viewers, 1_000_000)?,
        snapshot_timeout: Duration::from_secs(within(
            "snapshot_timeout_s",
            raw.snapshot_timeout_s,
            1,
            600,
        )?),
        three_dir: raw.data_dir.join("three"),
        gate: GateConfig::default(),
        data_dir: raw.data_dir.clone(),
        alarm: AlarmConfig::default(),
    })
}

fn check_log(raw: RawLog) -> Result<logs::Config, (&'static str, String)> {
    logs::check(&raw.level).map_err(|error| ("level", error.to_string()))?;
    let max_age_days = within("max_age_days", raw.max_age_days, 1, 3650)?;
    let max_size_mb = within("max_size_mb", raw.max_size_mb, 1, 100_000)?;
    Ok(logs::Config {
        level: raw.level,
        format: match raw.format {
            LogFormat::Auto => logs::Format::Auto,
            LogFormat::Text => logs::Format::Text,
            LogFormat::Json => logs::Format::Json,
        },
        folder: raw.dir.map(|path| logs::Folder {
            path,
            max_age_days,
            max_bytes: u64::from(max_size_mb) << 20,
        }),
    })
}

fn check_alarm(raw: &RawAuth) -> Result<AlarmConfig, Problem> {
    let count = |key, value| within(key, value, 0, 1000);
    let time = |key, value| within(key, value, 1, 86_400).map(Duration::from_secs);
    Ok(AlarmConfig {
        failures: count("alarm_failures", raw.alarm_failures)?,
        failures_in_all: count("alarm_failures_in_all", raw.alarm_failures_in_all)?,
        window: time("alarm_window_s", raw.alarm_window_s)?,
        quiet: time("alarm_quiet_s", raw.alarm_quiet_s)?,
    })
}

fn check_index(raw: &RawConfig) -> Result<index::Config, Problem> {
    let path = raw.storage.index.clone();
    Ok(index::Config {
        path: path.unwrap_or_else(|| raw.server.data_dir.join("index.db")),
        retention: index::Retention {
            most_incidents: within("max", raw.incidents.max, 1, 1_000_000)?,
            incident_days: within("retention_days", raw.incidents.retention_days, 1, 36_500)?,
        },
    })
}

/// `/` or `/webcam`: with a slash in front and none behind.
fn base_path(text: &str) -> Result<String, Problem> {
    let path = format!("/{}", text.trim_matches('/'));
    let allowed =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'~');
    if path.bytes().all(allowed)
        && !path.contains("//")
        && !path.split('/').any(|part| part == "..")
    {
        Ok(path)
    } else {
        Err((
            "base_path",
            format!("`{text}` is no path: expected something like `/webcam`"),
        ))
    }
}

fn check_camera(raw: RawCamera, index: usize, for_all: ForAll) -> Result<Camera, Problem> {
    let id: CameraId = raw
        .id
        .unwrap_or_else(|| id_at(index))
        .parse()
        .map_err(|error: hub::InvalidCameraId| ("id", error.to_string()))?;
    let spec: SourceSpec = raw
        .source
        .parse()
        .map_err(|error: camera::InvalidSource| ("source", error.to_string()))?;
    if raw
        .program
        .as_ref()
        .is_some_and(|program| !program.is_file())
    {
        let program = raw.program.unwrap_or_default();
        return Err(("program", format!("there is no file {}", program.display())));
    }
    let name = raw.name.unwrap_or_else(|| id.to_string());
    let settings = camera::Settings {
        name: name.chars().filter(|c| !c.is_control()).take(100).collect(),
        spec,
        program: raw.program,
        width_px: within("width", raw.width, 16, 4096)?,
        height_px: within("height", raw.height, 16, 4096)?,
        framerate: within("framerate", raw.framerate, 0.1, 240.0)?,
        quality: within("quality", raw.quality, 1, 100)?,
        max_frame_bytes: within("max_frame_bytes", raw.max_frame_bytes, 1024, 256 << 20)?,
        controls: ControlSet::default(),
    };
    let times = Times {
        linger: seconds("linger_s", raw.linger_s, 0.0, 86_400.0)?,
        no_frame: seconds("no_frame_timeout_s", raw.no_frame_timeout_s, 0.5, 3600.0)?,
        first_frame: seconds(
            "first_frame_timeout_s",
            raw.first_frame_timeout_s,
            1.0,
            3600.0,
        )?,
        recovered_after: seconds("recovered_after_s", raw.recovered_after_s, 1.0, 86_400.0)?,
    };
    Ok(Camera {
        id,
        settings,
        times,
        language: for_all.language,
        is_sized_by_viewers: for_all.is_sized_by_viewers,
    })
}

/// Two processes cannot share one camera; say so now and not by a camera that is always busy.
fn one_source_each(cameras: &[Camera]) -> Result<(), CameraError> {
    let mut taken = BTreeSet::new();
    for Camera { id, settings, .. } in cameras {
        let device = match &settings.spec {
            SourceSpec::Auto
            | SourceSpec::RpicamThroughFfmpeg
            | SourceSpec::Rpicam { index: None } => "rpicam:0".to_owned(),
            spec @ (SourceSpec::Rpicam { .. }
            | SourceSpec::RpicamById { .. }
            | SourceSpec::V4l2 { .. }) => spec.to_string(),
            SourceSpec::Http(_)
            | SourceSpec::Rtsp(_)
            | SourceSpec::File { .. }
            | SourceSpec::Test => continue,
        };
        // A program of one's own may well be another camera.
        if !taken.insert((device, settings.program.clone())) {
            return Err(CameraError {
                at: Some((id.to_string(), "source")),
                is_clash: true,
                problem: format!("another camera uses {} already", settings.spec),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let raw: RawConfig = toml::from_str(text).unwrap();
        let error = Config::check(raw, "f".to_owned())
            .expect_err("must not be accepted")
            .to_string();
        assert!(error.contains(want), "`{error}` does not say `{want}`");
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        check(
            "[audit]\nretention_days = 0",
            "`audit.retention_days`: 0 is out of range",
        );
        check(
            "[auth]\nalarm_failures = 1001",
            "`auth.alarm_failures`: 1001 is out of range: 0 to 1000",
        );
        check(
            "[incidents]\nretention_days = 0",
            "`incidents.retention_days`: 0 is out of range",
        );
        check(
            "[server.tls]\ncertificate = \"a\"",
            "`server.tls.enabled`: the other keys",
        );
        check(
            "[server.tls]\nenabled = true\nkey = \"a\"",
            "`server.tls.certificate`: is wanted beside `key`",
        );
        check(
            "[server.tls]\nenabled = true\ncertificate = \"a\"",
            "`server.tls.key`: is wanted beside `certificate`",
        );
        check(
            "[server]\nport = 80\ntls = { enabled = true, redirect_from = 80 }",
            "`server.tls.redirect_from`: 80 is the encrypted port",
        );
        check(
            "[server]\nmax_viewers = 0",
            "`server.max_viewers`: 0 is out of range",
        );
        check("[server]\nbase_path = \"/a/../b\"", "`server.base_path`");
        check("[server]\nbase_path = \"/a?b\"", "`server.base_path`");
        check("[[camera]]\nid = \"A\"", "camera A: `id`");
        check(
            "[[camera]]\nsource = \"tset\"",
            "camera number 1: `source`: unknown source `tset`",
        );
        check(
            "[[camera]]\nid = \"door\"\nwidth = 9",
            "camera door: `width`: 9 is out of range: 16 to 4096",
        );
        check("[[camera]]\nframerate = nan", "`framerate`");
        check("[[camera]]\nlinger_s = -1.0", "`linger_s`");
        check(
            "[[camera]]\nrecovered_after_s = 0",
            "`recovered_after_s`: 0 is out of range: 1 to 86400 seconds",
        );
        check(
            "[[camera]]\nprogram = \"/no/such/file\"",
            "`program`: there is no file",
        );
        check(
            "[[camera]]\n[[camera]]\nid = \"main\"",
            "two cameras have the id `main`",
        );
        check(
            "[[camera]]\n[[camera]]\nsource = \"rpicam\"",
            "another camera uses rpicam already",
        );
        check("[log]\nlevel = \"a=b=c\"", "`log.level`");
        check(
            "[quality]\nmax_cpu_percent = 0",
            "`quality.max_cpu_percent`: 0 is out of range: 1 to 100",
        );
    }

    #[test]
    fn there_is_room_for_the_viewers_of_each_camera() {
        let most = |text: &str| {
            let raw: RawConfig = toml::from_str(text).unwrap();
            let config = Config::check(raw, "f".to_owned()).unwrap();
            config.serve.max_connections
        };
        let cameras = |count: usize| -> String {
            let camera = |n| format!("[[camera]]\nid = \"c{n}\"\nsource = \"test\"\n");
            (0..count).map(camera).collect()
        };
        assert_eq!(most(""), 271);
        assert_eq!(most(&cameras(16)), 496);
        let wide = format!("[server]\nmax_viewers = 1000\n{}", cameras(16));
        assert_eq!(most(&wide), 4256, "bounded");
        assert_eq!(most("[server]\nmax_viewers = 9000"), 9256);
        let said = format!("[server]\nmax_connections = 90\n{}", cameras(16));
        assert_eq!(most(&said), 90);
    }

    #[test]
    fn nothing_written_is_a_working_server() {
        let config = Config::check(RawConfig::default(), "f".to_owned()).unwrap();
        assert_eq!(
            (
                config.serve.port,
                config.serve.max_viewers,
                config.cameras.len()
            ),
            (3000, 15, 1)
        );
        assert_eq!(config.serve.base_path, "/");
        assert!(
            config
                .explain()
                .contains("main: “main” from auto, 640x480 at 20/s")
        );
    }
}

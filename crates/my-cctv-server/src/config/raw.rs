//! The keys of the file, their types and their defaults. Written too: the API shows every key with its default.

use std::{net::IpAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawConfig {
    /// Of the file's form; without it, the newest. Nobody sets it but whoever writes files.
    #[serde(skip_serializing)]
    pub(crate) version: Option<u32>,
    pub(crate) server: RawServer,
    pub(crate) auth: RawAuth,
    pub(crate) audit: RawAudit,
    pub(crate) storage: RawStorage,
    pub(crate) incidents: RawIncidents,
    pub(crate) limits: RawLimits,
    pub(crate) log: RawLog,
    pub(crate) quality: RawQuality,
    pub(crate) camera: Vec<RawCamera>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawServer {
    pub(crate) listen: IpAddr,
    pub(crate) port: u16,
    pub(crate) base_path: String,
    pub(crate) data_dir: PathBuf,
    pub(crate) max_viewers: usize,
    pub(crate) max_connections: Option<usize>,
    pub(crate) viewer_timeout_s: u64,
    pub(crate) head_timeout_s: u64,
    pub(crate) snapshot_timeout_s: u64,
    pub(crate) language: RawLanguage,
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) proxy_protocol: bool,
    pub(crate) allow: Vec<String>,
    pub(crate) deny: Vec<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) frame_ancestors: Vec<String>,
    pub(crate) tls: RawTls,
}

impl Default for RawServer {
    fn default() -> Self {
        Self {
            listen: IpAddr::from([0_u16; 8]),
            port: 3000,
            base_path: "/".to_owned(),
            data_dir: "data".into(),
            max_viewers: 15,
            max_connections: None,
            viewer_timeout_s: 15,
            head_timeout_s: 10,
            snapshot_timeout_s: 10,
            language: RawLanguage::En,
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            allow: Vec::new(),
            deny: Vec::new(),
            hosts: Vec::new(),
            cors_origins: Vec::new(),
            frame_ancestors: vec!["self".to_owned()],
            tls: RawTls::default(),
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawLimits {
    pub(crate) streams_per_15_min: Option<u32>,
    pub(crate) streams_per_15_min_and_account: Option<u32>,
    pub(crate) api_per_minute: u32,
    pub(crate) api_per_minute_and_account: u32,
    pub(crate) connections_per_address: Option<u32>,
}

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            streams_per_15_min: None,
            streams_per_15_min_and_account: None,
            api_per_minute: 600,
            api_per_minute_and_account: 1200,
            connections_per_address: None,
        }
    }
}

/// A language by its ISO 639-1 code.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawLanguage {
    En,
    Ko,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawTls {
    pub(crate) enabled: Option<bool>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) redirect_from: Option<u16>,
    pub(crate) acme: RawAcme,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawAcme {
    pub(crate) domains: Vec<String>,
    pub(crate) email: Option<String>,
    pub(crate) directory: String,
    pub(crate) challenge: RawChallenge,
    pub(crate) root_certificate: Option<PathBuf>,
}

impl Default for RawAcme {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            email: None,
            directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            challenge: RawChallenge::TlsAlpn01,
            root_certificate: None,
        }
    }
}

/// The challenges by their names in ACME.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum RawChallenge {
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    #[serde(rename = "http-01")]
    Http01,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawAuth {
    pub(crate) enabled: bool,
    pub(crate) database: Option<PathBuf>,
    pub(crate) alarm_failures: u32,
    pub(crate) alarm_failures_in_all: u32,
    pub(crate) alarm_window_s: u64,
    pub(crate) alarm_quiet_s: u64,
}

impl Default for RawAuth {
    fn default() -> Self {
        Self {
            enabled: true,
            database: None,
            alarm_failures: 10,
            alarm_failures_in_all: 50,
            alarm_window_s: 60,
            alarm_quiet_s: 300,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawAudit {
    pub(crate) retention_days: u32,
    pub(crate) max_entries: u32,
}

impl Default for RawAudit {
    fn default() -> Self {
        Self {
            retention_days: 90,
            max_entries: 100_000,
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawStorage {
    pub(crate) index: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawIncidents {
    pub(crate) retention_days: u32,
    pub(crate) max: u32,
}

impl Default for RawIncidents {
    fn default() -> Self {
        Self {
            retention_days: 365,
            max: 10_000,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawLog {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) max_age_days: u32,
    pub(crate) max_size_mb: u32,
}

impl Default for RawLog {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Auto,
            dir: None,
            max_age_days: 14,
            max_size_mb: 100,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawQuality {
    pub(crate) policy: RawPolicy,
    pub(crate) max_cpu_percent: u8,
}

impl Default for RawQuality {
    fn default() -> Self {
        Self {
            policy: RawPolicy::PerViewer,
            max_cpu_percent: 50,
        }
    }
}

/// Who decides about the quality of a viewer's pictures.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawPolicy {
    /// Nobody: the camera's own, unless the viewer asks for less.
    Fixed,
    /// How many watch the camera: the more, the less for each.
    Viewers,
    /// Each viewer's line.
    PerViewer,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    Auto,
    #[serde(alias = "human")]
    Text,
    Json,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawCamera {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) source: String,
    pub(crate) program: Option<PathBuf>,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) framerate: f32,
    pub(crate) quality: u8,
    pub(crate) linger_s: f32,
    pub(crate) no_frame_timeout_s: f32,
    pub(crate) first_frame_timeout_s: f32,
    pub(crate) recovered_after_s: f32,
    pub(crate) max_frame_bytes: usize,
}

impl Default for RawCamera {
    fn default() -> Self {
        Self {
            id: None,
            name: None,
            source: "auto".to_owned(),
            program: None,
            width: 640,
            height: 480,
            framerate: 20.0,
            quality: 85,
            linger_s: 10.0,
            no_frame_timeout_s: 5.0,
            first_frame_timeout_s: 15.0,
            recovered_after_s: 60.0,
            max_frame_bytes: 8 << 20,
        }
    }
}

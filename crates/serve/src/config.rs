//! What the server is told, at the start and while it runs.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use crate::{AlarmConfig, GateConfig};

/// Where to listen, and the limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Address to listen on; `::` takes IPv4 too.
    pub listen: IpAddr,
    /// Port; 0 lets the system choose.
    pub port: u16,
    /// Path in front of every route, `/` or like `/webcam`, without a slash at the end.
    pub base_path: String,
    /// Streams at the same time, over all cameras.
    pub max_viewers: usize,
    /// Each viewer gets what its line carries, and not always the camera's own pictures.
    pub per_viewer_quality: bool,
    /// A viewer that takes nothing for so long is closed.
    pub viewer_timeout: Duration,
    /// A request head has to be there within this time, and an idle connection is cut after it.
    pub head_timeout: Duration,
    /// Connections at the same time, streams among them.
    pub max_connections: usize,
    /// How long a snapshot waits for a camera to start.
    pub snapshot_timeout: Duration,
    /// Folder for what people bring to the 3D view; made when there is something.
    pub three_dir: PathBuf,
    /// Who may come in, and how often.
    pub gate: GateConfig,
    /// The folder whose disk is told of.
    pub data_dir: PathBuf,
    /// When failed logins are an incident.
    pub alarm: AlarmConfig,
}

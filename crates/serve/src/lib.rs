//! HTTP: the live streams, snapshots, the API, the socket for pictures and control, and the page.
//!
//! Reads the hub. Knows no camera, and starts none: it asks for one by holding a guard.
//!
//! The way of a frame through here: `live` lets a viewer in, `listener` takes the connection back from the HTTP library
//! once the head is written, `feed` says which frame is next and when, and
//! `delivery` writes the part that all viewers share, one call for each frame.

mod access;
mod admin;
mod api;
mod audit;
mod base_path;
mod board;
mod body;
mod cameras_admin;
mod choice;
mod config;
mod connection;
mod controls;
mod delivery;
mod document;
mod events;
mod examples;
mod farewell;
mod feed;
mod gate;
mod health;
mod in_force;
mod incidents;
mod line;
mod listener;
mod live;
mod log_lines;
mod login;
mod metrics;
mod openapi;
mod page;
mod people;
mod presets;
mod problem;
mod redirect;
mod request_id;
mod route;
mod secure;
mod settings;
#[cfg(test)]
mod simulated;
mod snapshot;
mod socket;
mod state;
mod system;
mod tcp_info;
mod three;
mod viewers;
mod wire;
mod wish;

pub use admin::{Admin, Explained, ExplainedKey, Keys, Layer, Order, Refusal, Reply};
pub use config::Config;
pub use gate::{AlarmConfig, FrameAncestor, GateConfig, HostName, LoginLimiter, Origin};
pub use in_force::InForce;
pub use listener::{Listening, Services, bind};
pub use openapi::openapi_json;
pub use settings::{
    Backup, CameraSettings, Change, Discovered, Discovery, Outlook, Setting, SettingError,
    Settings, SettingsOrder,
};

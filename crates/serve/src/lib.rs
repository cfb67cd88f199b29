//! HTTP: the live streams, snapshots, the API and the page.
//!
//! Reads the hub. Knows no camera, and starts none: it asks for one by holding a guard.
//!
//! The way of a frame through here: [`live`] takes a pointer from the hub and hands the part that all viewers share
//! to the HTTP library, which writes it in one vectored call.

mod api;
mod base_path;
mod config;
mod listener;
mod live;
mod openapi;
mod page;
mod problem;
mod snapshot;
mod state;
mod viewers;
mod wire;

pub use config::Config;
pub use listener::{Listening, bind};
pub use openapi::openapi_json;

//! `/metrics` for Prometheus, and the old server's figures.
//!
//! Figures are gathered when they are asked for, from what hub, viewers and gate count anyway. Nothing is kept for a scrape,
//! and the set of series is bounded by the configuration: no word of a request becomes a label.

mod camera;
mod family;
mod process;
mod requests;
mod server;
pub(crate) mod stats;
mod tally;
mod text;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use accounts::Action;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use prometheus_client::registry::Registry;
use tracing::error;

use crate::{access::Visa, gate::Gate, listener::Seats, problem::Problem, state::App};
use camera::Seen;
use family::{Families, Value};
use requests::Requests;
use text::Format;

pub(crate) use requests::count;
pub(crate) use tally::{TIMED, Tally, Watched};

/// What is counted beside cameras and viewers.
#[derive(Debug)]
pub(crate) struct Counts {
    requests: Requests,
    gate: Arc<Gate>,
    /// Places for connections.
    seats: Arc<Seats>,
    /// Connections that found none.
    turned_away: AtomicU64,
}

impl Counts {
    pub(crate) fn new(gate: Arc<Gate>, seats: Arc<Seats>) -> Arc<Self> {
        Arc::new(Self {
            requests: Requests::default(),
            gate,
            seats,
            turned_away: AtomicU64::new(0),
        })
    }

    /// There was no place for a connection.
    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Relaxed);
    }
}

/// Figures for Prometheus.
///
/// OpenMetrics 1.0 where `Accept` names it, else the text format 0.0.4. Cameras that may not be seen are not in it; the
/// server's own figures are for those who may see every camera.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    responses((status = 200, description = "The figures", content((String = "application/openmetrics-text"), (String = "text/plain"))))
)]
pub(crate) async fn metrics(State(app): State<App>, visa: Visa, headers: HeaderMap) -> Response {
    let mut families = Families::default();
    families
        .info("cctv_build", "The server's version")
        .with(&[("version", env!("CARGO_PKG_VERSION"))], Value::Info);
    camera::tell(&mut families, &Seen::all_of(&app, &visa));
    if visa.0.may(Action::Measure, None) {
        server::tell(&mut families, &app).await;
    }
    let mut registry = Registry::default();
    registry.register_collector(Box::new(families));
    let format = Format::asked(&headers);
    match format.write(&registry) {
        Ok(text) => {
            let fields = [
                (header::CONTENT_TYPE, format.content_type()),
                (header::CACHE_CONTROL, "no-store"),
                (header::VARY, "Accept"),
            ];
            (fields, text).into_response()
        }
        Err(error) => {
            error!(%error, "the figures could not be written");
            let detail = "The figures could not be written.";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
        }
    }
}

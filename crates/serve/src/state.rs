//! What every handler can reach.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use axum::{
    extract::{FromRequestParts, Path},
    http::{StatusCode, request::Parts},
};
use hub::{Hub, Stream};

use crate::{Admin, Config, events::Events, gate::Openings, problem::Problem, viewers::Viewers};

/// Shared by all requests.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) hub: Arc<Hub>,
    pub(crate) events: Events,
    pub(crate) admin: Admin,
    pub(crate) viewers: Arc<Viewers>,
    pub(crate) openings: Arc<Openings>,
    pub(crate) config: Arc<Config>,
    pub(crate) started: Instant,
    pub(crate) started_at: SystemTime,
}

/// The camera an address is about: the one its path names, or the first.
#[derive(Debug)]
pub(crate) struct Camera(pub(crate) Arc<Stream>);

impl FromRequestParts<App> for Camera {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id = Option::<Path<String>>::from_request_parts(parts, app)
            .await
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
        let stream = match id {
            Some(Path(id)) => app.hub.get(&id),
            None => app.hub.first(),
        };
        stream.map(Self).ok_or_else(Problem::no_such_camera)
    }
}

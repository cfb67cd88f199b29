//! What every handler can reach.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use accounts::Accounts;
use axum::{
    extract::{FromRequestParts, Path},
    http::{StatusCode, request::Parts},
};
use hub::{Hub, Stream};
use index::Index;
use logs::Logs;
use tokio_util::sync::CancellationToken;

use crate::{
    Admin, InForce,
    access::{Alarm, Doors, Visa},
    events::Events,
    gate::{LoginLimiter, Openings, Requests},
    health::DiskWatch,
    metrics::Counts,
    problem::Problem,
    three::Three,
    viewers::Viewers,
};

/// Shared by all requests.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) hub: Arc<Hub>,
    pub(crate) index: Index,
    pub(crate) events: Events,
    pub(crate) admin: Admin,
    pub(crate) accounts: Accounts,
    pub(crate) doors: Doors,
    pub(crate) logins: Arc<LoginLimiter>,
    pub(crate) alarm: Arc<Alarm>,
    pub(crate) viewers: Arc<Viewers>,
    pub(crate) openings: Arc<Openings>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) three: Arc<Three>,
    /// The configuration, as it holds whenever somebody looks.
    pub(crate) in_force: InForce,
    pub(crate) logs: Logs,
    pub(crate) disk: Arc<DiskWatch>,
    pub(crate) counts: Arc<Counts>,
    /// The server is stopping.
    pub(crate) stop: CancellationToken,
    pub(crate) started: Instant,
    pub(crate) started_at: SystemTime,
}

/// The camera an address is about: the one its path names, or the first that one may see.
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
            None => {
                let Visa(who) = Visa::from_request_parts(parts, app).await?;
                let mut streams = app.hub.streams().into_iter();
                streams.find(|stream| who.cameras.contains(stream.id().as_str()))
            }
        };
        stream.map(Self).ok_or_else(Problem::no_such_camera)
    }
}

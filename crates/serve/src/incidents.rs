//! Times without pictures, and what happened to the server itself, over the API.

use std::collections::BTreeSet;

use accounts::{Action, Cameras};
use axum::{Json, extract::State};
use hub::Incident;
use index::Query;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::Visa,
    api::rfc3339,
    board::BoardView,
    problem::{Asked, Problem},
    state::{App, Camera},
};

/// Incidents of one answer, if nothing else is asked for.
const PAGE: u32 = 100;
const LARGEST_PAGE: u32 = 1000;

/// One time when pictures were wanted and did not come, or one that the server itself was in trouble.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IncidentView {
    /// Camera it happened to; null for the server itself, which only administrators see.
    #[schema(example = "main")]
    camera: Option<String>,
    /// Counts up over all cameras, and stays the same after a restart.
    id: u64,
    /// When the pictures stopped, or should have begun.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    began: String,
    /// When there were pictures again, or nobody wanted them any more; null while it goes on.
    ended: Option<String>,
    /// The cause, as a word for programs.
    #[schema(example = "timed_out")]
    cause: String,
    /// The cause in words.
    #[schema(example = "The camera stopped sending pictures.")]
    message: String,
    /// What to do about it.
    advice: String,
    /// The camera program's own words, or the path at fault.
    detail: String,
    /// The last lines of its stderr, oldest first.
    words: Vec<String>,
    /// How the board was when it began; null where nothing is known.
    board: Option<BoardView>,
    /// How often the camera was started again.
    restarts: u32,
    /// What was done, in order.
    steps: Vec<StepView>,
}

/// Something that was done about an incident.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepView {
    /// When.
    #[schema(example = "2026-01-31T12:00:05.000Z")]
    at: String,
    /// What.
    what: String,
}

impl From<Incident> for IncidentView {
    fn from(incident: Incident) -> Self {
        let Incident {
            id,
            camera,
            began,
            ended,
            cause,
            board,
            restarts,
            steps,
        } = incident;
        Self {
            camera: camera.map(|camera| camera.to_string()),
            id,
            began: rfc3339(began),
            ended: ended.map(rfc3339),
            cause: cause.code.into_owned(),
            message: cause.sentence.into_owned(),
            advice: cause.advice.into_owned(),
            detail: cause.detail,
            words: cause.words,
            board: board.map(BoardView::from),
            restarts,
            steps: steps
                .into_iter()
                .map(|step| StepView {
                    at: rfc3339(step.at),
                    what: step.what,
                })
                .collect(),
        }
    }
}

/// Incidents, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IncidentList {
    /// The newest first; the first one of a camera may still be going on.
    incidents: Vec<IncidentView>,
}

impl IncidentList {
    async fn read(app: &App, query: &Query, limit: Option<u32>) -> Json<Self> {
        let limit = limit.unwrap_or(PAGE).min(LARGEST_PAGE);
        let incidents = app.index.incidents(query, limit).await;
        Json(Self {
            incidents: incidents.into_iter().map(IncidentView::from).collect(),
        })
    }
}

/// Which incidents.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// Only those with a smaller id: the last one of the page before.
    before: Option<u64>,
    /// So many at most; 100 without it, 1000 at the most.
    limit: Option<u32>,
    /// Only with this cause, such as `timed_out`.
    cause: Option<String>,
    /// `true`: only those that go on; `false`: only those that are over.
    open: Option<bool>,
}

/// The same, of all cameras.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PartOfAll {
    /// Only those with a smaller id: the last one of the page before.
    before: Option<u64>,
    /// So many at most; 100 without it, 1000 at the most.
    limit: Option<u32>,
    /// Only of this camera, also one that is gone.
    camera: Option<String>,
    /// Only with this cause, such as `timed_out`.
    cause: Option<String>,
    /// `true`: only those that go on; `false`: only those that are over.
    open: Option<bool>,
}

/// Times without pictures, of all cameras that one may see, those that are gone too; for administrators also what
/// happened to the server itself, such as a burst of failed logins.
#[utoipa::path(
    get,
    path = "/api/v1/incidents",
    operation_id = "incidents",
    tag = "cameras",
    params(PartOfAll),
    responses(
        (status = 200, body = IncidentList),
        (status = 400, description = "The question makes no sense", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_all(
    State(app): State<App>,
    visa: Visa,
    Asked(part): Asked<PartOfAll>,
) -> Json<IncidentList> {
    let PartOfAll {
        before,
        limit,
        camera,
        cause,
        open,
    } = part;
    let with_server = camera.is_none() && visa.0.may(Action::SeeAudit, None);
    let cameras = match (camera, &visa.0.cameras) {
        (Some(camera), _) => Some([camera].into_iter().collect()),
        (None, Cameras::All) => None,
        (None, Cameras::Only(cameras)) => Some(cameras.clone()),
    };
    let cameras = cameras.map(|mut cameras: BTreeSet<String>| {
        cameras.retain(|camera| visa.may(Action::See, camera));
        cameras
    });
    let query = Query {
        before,
        cameras,
        with_server,
        cause,
        is_open: open,
    };
    IncidentList::read(&app, &query, limit).await
}

/// Times without pictures, of one camera.
#[utoipa::path(
    get,
    path = "/api/v1/cameras/{id}/incidents",
    tag = "cameras",
    operation_id = "camera_incidents",
    params(("id" = String, Path, description = "Camera id"), Part),
    responses(
        (status = 200, body = IncidentList),
        (status = 400, description = "The question makes no sense", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_camera(
    State(app): State<App>,
    Camera(stream): Camera,
    Asked(part): Asked<Part>,
) -> Json<IncidentList> {
    let Part {
        before,
        limit,
        cause,
        open,
    } = part;
    let query = Query {
        before,
        cameras: Some([stream.id().to_string()].into_iter().collect()),
        with_server: false,
        cause,
        is_open: open,
    };
    IncidentList::read(&app, &query, limit).await
}

//! Times without pictures, over the API.

use accounts::Action;
use axum::{Json, extract::State};
use hub::{Incident, Stream};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::Visa,
    api::rfc3339,
    board::BoardView,
    problem::Problem,
    state::{App, Camera},
};

/// One time when pictures were wanted and did not come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IncidentView {
    /// Camera it happened to.
    #[schema(example = "main")]
    camera: String,
    /// Counts up from 1 for each camera.
    id: u64,
    /// When the pictures stopped, or should have begun.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    began: String,
    /// When there were pictures again, or nobody wanted them any more; null while it goes on.
    ended: Option<String>,
    /// The cause, as a word for programs.
    #[schema(example = "timed_out")]
    cause: &'static str,
    /// The cause in words.
    #[schema(example = "The camera stopped sending pictures.")]
    message: &'static str,
    /// What to do about it.
    advice: &'static str,
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

impl IncidentView {
    fn of(stream: &Stream, incident: Incident) -> Self {
        let Incident {
            id,
            began,
            ended,
            cause,
            board,
            restarts,
            steps,
        } = incident;
        Self {
            camera: stream.id().to_string(),
            id,
            began: rfc3339(began),
            ended: ended.map(rfc3339),
            cause: cause.code,
            message: cause.sentence,
            advice: cause.advice,
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

fn views(stream: &Stream) -> Vec<IncidentView> {
    stream
        .incidents()
        .into_iter()
        .map(|incident| IncidentView::of(stream, incident))
        .collect()
}

/// Times without pictures, of all cameras.
///
/// Kept in memory, the newest 200 of each camera, since the server started.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "cameras", responses((status = 200, body = IncidentList)))]
pub(crate) async fn of_all(State(app): State<App>, visa: Visa) -> Json<IncidentList> {
    let mut incidents: Vec<IncidentView> = app
        .hub
        .streams()
        .iter()
        .filter(|stream| visa.may(Action::See, stream.id().as_str()))
        .flat_map(|stream| views(stream))
        .collect();
    incidents.sort_by(|a, b| b.began.cmp(&a.began));
    Json(IncidentList { incidents })
}

/// Times without pictures, of one camera.
#[utoipa::path(
    get,
    path = "/api/v1/cameras/{id}/incidents",
    tag = "cameras",
    operation_id = "camera_incidents",
    params(("id" = String, Path, description = "Camera id")),
    responses(
        (status = 200, body = IncidentList),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_camera(Camera(stream): Camera) -> Json<IncidentList> {
    Json(IncidentList {
        incidents: views(&stream),
    })
}

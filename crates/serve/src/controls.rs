//! What can be set of a camera, over the API.

use std::time::Duration;

use axum::{Json, http::StatusCode};
use control::{ControlSet, Invalid, Kind, Value};
use hub::{Controls, Progress, Stream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as JsonValue};
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use crate::{
    body::Object,
    problem::{Asked, Problem},
    state::Camera,
};

/// The longest wait for a camera to start with what was set.
const LONGEST_WAIT_S: u64 = 60;

/// The controls of one camera.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ControlsView {
    /// Camera id.
    #[schema(example = "main")]
    camera: String,
    /// What can be set, in the order in which a page shows it. Empty for cameras that take no settings.
    controls: Vec<ControlView>,
    /// Width and height of the sensor: what zoom, pan, tilt and roi are counted in. Taken for 4 by 3 where it is not
    /// known.
    sensor: [u32; 2],
    /// What was set. What is not in it has its default.
    wanted: Map<String, JsonValue>,
    /// The newest set with which the camera gave pictures.
    applied: Map<String, JsonValue>,
    /// What has become of what was set.
    state: ProgressView,
    /// Why it was refused.
    message: Option<String>,
    /// Counts changes.
    revision: u64,
}

/// What has become of what was set.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProgressView {
    /// The camera gives pictures with it.
    Applied,
    /// The camera is being started again with it, or will start with it when somebody wants pictures.
    Pending,
    /// The camera did not start with it, and went back to the set before.
    Refused,
}

/// What a value of a control looks like.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "for the document alone")]
enum KindView {
    /// `true` or `false`.
    Flag,
    /// A number.
    Number,
    /// One of some words.
    Choice,
    /// Two numbers.
    Pair,
    /// An object of `x`, `y`, `width` and `height`, in fractions.
    Area,
}

/// One thing that can be set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ControlView {
    /// Stable name.
    #[schema(example = "zoom")]
    name: &'static str,
    /// `flag`, `number`, `choice`, `pair` or `area`.
    #[schema(value_type = KindView, example = "number")]
    kind: &'static str,
    /// Smallest value.
    least: Option<f64>,
    /// Largest value.
    most: Option<f64>,
    /// Whole numbers only.
    whole: bool,
    /// Unit, empty if it has none.
    #[schema(example = "x")]
    unit: &'static str,
    /// The words to choose from.
    choices: &'static [&'static str],
    /// The value when nothing was set, where there is one.
    default: Option<JsonValue>,
    /// The value now, where there is one.
    value: Option<JsonValue>,
    /// What it does.
    about: &'static str,
}

/// The word for what has become of it, and the reason if it was refused.
pub(crate) fn progress(controls: &Controls) -> (ProgressView, Option<&str>) {
    match &controls.progress {
        Progress::Applied => (ProgressView::Applied, None),
        Progress::Pending => (ProgressView::Pending, None),
        Progress::Refused(why) => (ProgressView::Refused, Some(why)),
    }
}

impl ControlView {
    fn of(control: &control::Control, state: &Controls) -> Self {
        let control::Control {
            name,
            kind,
            default,
            about,
            ..
        } = *control;
        let control::Frame {
            width_px,
            height_px,
            framerate,
            quality,
        } = state.base;
        let configured = match name {
            "width" => Some(width_px.into()),
            "height" => Some(height_px.into()),
            // The shortest number that reads the same: 12.1 and not 12.100000381.
            "framerate" => framerate.to_string().parse().ok(),
            "quality" => Some(quality.into()),
            _ => None,
        };
        let default = configured.map(Value::Number).or(default);
        let mut view = Self {
            name,
            kind: "flag",
            least: None,
            most: None,
            whole: false,
            unit: "",
            choices: &[],
            default: default.map(JsonValue::from),
            value: state.wanted.get(name).or(default).map(JsonValue::from),
            about,
        };
        match kind {
            Kind::Flag => {}
            Kind::Number {
                least,
                most,
                whole,
                unit,
            } => {
                view.kind = "number";
                (view.least, view.most) = (Some(least), Some(most));
                (view.whole, view.unit) = (whole, unit);
            }
            Kind::Choice(words) => {
                view.kind = "choice";
                view.choices = words;
            }
            Kind::Pair { least, most } => {
                view.kind = "pair";
                (view.least, view.most) = (Some(least), Some(most));
            }
            Kind::Area => view.kind = "area",
        }
        view
    }
}

impl ControlsView {
    fn of(stream: &Stream, state: &Controls) -> Self {
        let (progress, message) = progress(state);
        let sensor = state.sensor.unwrap_or(control::DEFAULT_SENSOR);
        Self {
            camera: stream.id().to_string(),
            controls: state
                .class
                .controls()
                .map(|control| ControlView::of(control, state))
                .collect(),
            sensor: [sensor.width, sensor.height],
            wanted: state.wanted.to_json(),
            applied: state.applied.to_json(),
            state: progress,
            message: message.map(str::to_owned),
            revision: state.revision,
        }
    }
}

/// Whether to wait for the outcome.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Waiting {
    /// Wait for so many seconds, at most 60, until the camera gives pictures with it or refuses it. Without it the
    /// answer comes at once. Only a camera that somebody watches starts.
    #[serde(default)]
    pub(crate) wait_s: u64,
}

pub(crate) fn refused(invalid: Invalid) -> Problem {
    Problem::with_key(invalid.name, invalid.problem)
}

/// What can be set of a camera, and what was set.
#[utoipa::path(
    get,
    path = "/api/v1/cameras/{id}/controls",
    operation_id = "controls",
    tag = "control",
    params(("id" = String, Path, description = "Camera id")),
    responses(
        (status = 200, body = ControlsView),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_camera(Camera(stream): Camera) -> Json<ControlsView> {
    Json(ControlsView::of(&stream, &stream.controls()))
}

/// Set something.
///
/// A JSON merge patch (RFC 7396) over what was set: a value sets, `null` takes back. Everything is checked before
/// anything happens. Changes within half a second become one restart of the camera; its viewers stay connected. A
/// set with which the camera does not start gives way to the newest one with which it did.
#[utoipa::path(
    patch,
    path = "/api/v1/cameras/{id}/controls",
    operation_id = "set_controls",
    tag = "control",
    params(("id" = String, Path, description = "Camera id"), Waiting),
    request_body(content = ref("#/components/schemas/Controls"), content_type = "application/json"),
    responses(
        (status = 200, description = "The camera gives pictures with it", body = ControlsView),
        (status = 202, description = "Will be done", body = ControlsView),
        (status = 400, description = "No JSON object", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The camera did not start with it, and went back to what it had before", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Cannot be set; nothing is changed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn set(
    Camera(stream): Camera,
    Asked(Waiting { wait_s }): Asked<Waiting>,
    Object(patch): Object,
) -> Result<(StatusCode, Json<ControlsView>), Problem> {
    let state = stream.control(&patch).map_err(refused)?;
    outcome(&stream, state, wait_s).await
}

/// Take back everything that was set.
#[utoipa::path(
    delete,
    path = "/api/v1/cameras/{id}/controls",
    operation_id = "reset_controls",
    tag = "control",
    params(("id" = String, Path, description = "Camera id"), Waiting),
    responses(
        (status = 200, description = "The camera gives pictures as it is configured", body = ControlsView),
        (status = 202, description = "Will be done", body = ControlsView),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The camera did not start with it, and went back to what it had before", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn reset(
    Camera(stream): Camera,
    Asked(Waiting { wait_s }): Asked<Waiting>,
) -> Result<(StatusCode, Json<ControlsView>), Problem> {
    let none = ControlSet::default();
    let state = stream.replace_controls(&none).map_err(refused)?;
    outcome(&stream, state, wait_s).await
}

/// Answers with what has become of `asked`, after a wait if one is wanted.
pub(crate) async fn outcome(
    stream: &Stream,
    asked: Controls,
    wait_s: u64,
) -> Result<(StatusCode, Json<ControlsView>), Problem> {
    let mut state = asked;
    if state.progress == Progress::Pending && wait_s > 0 {
        let mut changes = stream.watch_controls();
        let decided = changes.wait_for(|now| now.progress != Progress::Pending);
        let limit = Duration::from_secs(wait_s.min(LONGEST_WAIT_S));
        let decided = timeout(limit, decided).await.is_ok_and(|now| now.is_ok());
        state = stream.controls();
        if decided && let Progress::Refused(why) = &state.progress {
            let detail = format!("The camera did not start with this, and went back: {why}");
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
    }
    let status = if state.progress == Progress::Pending {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(ControlsView::of(stream, &state))))
}

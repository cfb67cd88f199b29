//! Sets of controls with a name.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use control::ControlSet;
use hub::Stream;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    admin::Order,
    body::Object,
    controls::{ControlsView, Waiting, outcome, refused},
    problem::{Asked, Named, Problem},
    state::{App, Camera},
};

/// Presets of one camera.
const MOST: usize = 64;
/// Characters of a name.
const NAME_CHARS: usize = 64;

/// The presets of one camera.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PresetList {
    /// Controls by the names of the presets.
    #[schema(example = json!({"night": {"exposure": "long", "gain": 8}}))]
    presets: BTreeMap<String, Map<String, Value>>,
}

/// The preset of this name.
pub(crate) fn find(stream: &Stream, name: &str) -> Option<ControlSet> {
    stream.controls().presets.get(name).cloned()
}

fn no_such_preset() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is no preset of this name.")
}

/// The camera's presets.
#[utoipa::path(
    get,
    path = "/api/v1/cameras/{id}/presets",
    operation_id = "presets",
    tag = "control",
    params(("id" = String, Path, description = "Camera id")),
    responses(
        (status = 200, body = PresetList),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_camera(Camera(stream): Camera) -> Json<PresetList> {
    let presets = stream.controls().presets;
    Json(PresetList {
        presets: presets
            .into_iter()
            .map(|(name, set)| (name, set.to_json()))
            .collect(),
    })
}

/// Keep controls under a name.
///
/// The body is the controls; an empty object stands for what is set now.
#[utoipa::path(
    put,
    path = "/api/v1/cameras/{id}/presets/{name}",
    operation_id = "keep_preset",
    tag = "control",
    params(("id" = String, Path, description = "Camera id"), ("name" = String, Path, description = "Name of the preset")),
    request_body(content = ref("#/components/schemas/Controls"), content_type = "application/json"),
    responses(
        (status = 204, description = "Kept"),
        (status = 400, description = "No JSON object, or no name", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are too many", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Cannot be set", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "Could not be kept", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "Could not be kept: the disk is full", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn keep(
    State(app): State<App>,
    Named((id, name)): Named<(String, String)>,
    Object(patch): Object,
) -> Result<StatusCode, Problem> {
    let stream = app.hub.get(&id).ok_or_else(Problem::no_such_camera)?;
    let is_name = name.trim() == name
        && !name.is_empty()
        && name.chars().count() <= NAME_CHARS
        && !name.chars().any(char::is_control);
    if !is_name {
        let detail = format!("A name is 1 to {NAME_CHARS} characters without spaces around them.");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let state = stream.controls();
    if state.presets.len() >= MOST && !state.presets.contains_key(&name) {
        let detail = format!("There are {MOST} presets: give one up first.");
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let controls = if patch.is_empty() {
        state.wanted
    } else {
        ControlSet::default()
            .changed(&patch, state.class)
            .and_then(|set| set.fits(state.base).map(|()| set))
            .map_err(refused)?
    };
    let id = stream.id().clone();
    app.admin
        .ask(|reply| Order::Preset {
            id,
            name,
            controls: Some(controls),
            reply,
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a preset up.
#[utoipa::path(
    delete,
    path = "/api/v1/cameras/{id}/presets/{name}",
    operation_id = "forget_preset",
    tag = "control",
    params(("id" = String, Path, description = "Camera id"), ("name" = String, Path, description = "Name of the preset")),
    responses(
        (status = 204, description = "Given up"),
        (status = 404, description = "No such camera, or no such preset", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "Could not be kept", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "Could not be kept: the disk is full", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn forget(
    State(app): State<App>,
    Named((id, name)): Named<(String, String)>,
) -> Result<StatusCode, Problem> {
    let stream = app.hub.get(&id).ok_or_else(Problem::no_such_camera)?;
    let id = stream.id().clone();
    app.admin
        .ask(|reply| Order::Preset {
            id,
            name,
            controls: None,
            reply,
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set what a preset says, in place of everything that was set.
#[utoipa::path(
    post,
    path = "/api/v1/cameras/{id}/presets/{name}/apply",
    operation_id = "apply_preset",
    tag = "control",
    params(("id" = String, Path, description = "Camera id"), ("name" = String, Path, description = "Name of the preset"), Waiting),
    responses(
        (status = 200, description = "The camera gives pictures with it", body = ControlsView),
        (status = 202, description = "Will be done", body = ControlsView),
        (status = 404, description = "No such camera, or no such preset", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The camera did not start with it, and went back to what it had before", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Cannot be set any more", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn apply(
    State(app): State<App>,
    Named((id, name)): Named<(String, String)>,
    Asked(Waiting { wait_s }): Asked<Waiting>,
) -> Result<(StatusCode, Json<ControlsView>), Problem> {
    let stream = app.hub.get(&id).ok_or_else(Problem::no_such_camera)?;
    let set = find(&stream, &name).ok_or_else(no_such_preset)?;
    let state = stream.replace_controls(&set).map_err(refused)?;
    outcome(&stream, state, wait_s).await
}

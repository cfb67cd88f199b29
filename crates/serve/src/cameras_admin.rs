//! Routes that add, change, remove and restart cameras.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use hub::CameraId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    admin::{Explained, ExplainedKey, Layer, Order},
    api::CameraView,
    body::{NoKeys, Nothing, Object},
    problem::{Named, Problem},
    state::{App, Camera},
};

/// The id in a path. What can be no id is the id of no camera; whether there is one, the owner knows.
#[derive(Debug)]
pub(crate) struct Id(CameraId);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Named(id) = Named::<String>::from_request_parts(parts, app).await?;
        id.parse().map(Self).map_err(|_| Problem::no_such_camera())
    }
}

/// The keys of a camera as they hold now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CameraConfigView {
    /// Stable name for addresses.
    #[schema(example = "main")]
    id: String,
    /// Every key of `[[camera]]` by its name in the configuration.
    keys: BTreeMap<String, KeyView>,
}

/// One key of a camera.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    /// What holds. The login and the query of an address are left out.
    #[schema(example = json!(640))]
    value: Value,
    /// Where it is written.
    from: LayerView,
}

/// Where a value is written; later ones go over earlier ones.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LayerView {
    /// Nowhere: it is the default.
    Default,
    /// The configuration file.
    File,
    /// A variable of the environment.
    Environment,
    /// The command line.
    Flag,
    /// It was set through the API.
    Api,
}

impl From<Layer> for LayerView {
    fn from(layer: Layer) -> Self {
        match layer {
            Layer::Default => Self::Default,
            Layer::File => Self::File,
            Layer::Environment => Self::Environment,
            Layer::Flag => Self::Flag,
            Layer::Api => Self::Api,
        }
    }
}

impl From<Explained> for CameraConfigView {
    fn from(Explained { id, keys }: Explained) -> Self {
        let view = |ExplainedKey { name, value, from }| {
            let from = LayerView::from(from);
            (name, KeyView { value, from })
        };
        Self {
            id: id.to_string(),
            keys: keys.into_iter().map(view).collect(),
        }
    }
}

/// Add a camera.
///
/// The keys are those of `[[camera]]` in the configuration; `id` and `source` are wanted. What runs a program or reads
/// a file (`program`, `file:`) is taken from the configuration file alone.
#[utoipa::path(
    post,
    path = "/api/v1/cameras",
    tag = "cameras",
    operation_id = "add_camera",
    request_body(
        content = ref("#/components/schemas/NewCamera"),
        content_type = "application/json",
    ),
    responses(
        (status = 201, description = "The camera is there", body = CameraView, headers(("Location" = String, description = "Where it is, relative to this address"))),
        (status = 400, description = "No JSON object", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The id or the device is taken, or there are too many cameras", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 16 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A key cannot be so", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The change could not be kept, and was not made", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full; the change was not made", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn add(State(app): State<App>, Object(keys): Object) -> Result<Response, Problem> {
    let id = app.admin.ask(|reply| Order::Add { keys, reply }).await?;
    let stream = app
        .hub
        .get(id.as_str())
        .ok_or_else(Problem::no_such_camera)?;
    // Relative, so that it holds below a base path and behind a proxy.
    let location = format!("cameras/{id}");
    let view = Json(CameraView::of(&stream, &app));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], view).into_response())
}

/// Change keys of a camera.
///
/// A JSON merge patch (RFC 7396): a key with null goes back to what the configuration file says, or to its default.
/// Viewers stay connected.
#[utoipa::path(
    patch,
    path = "/api/v1/cameras/{id}",
    tag = "cameras",
    operation_id = "change_camera",
    params(("id" = String, Path, description = "Camera id")),
    request_body(content(
        (ref("#/components/schemas/CameraChange") = "application/json"),
        (ref("#/components/schemas/CameraChange") = "application/merge-patch+json"),
    )),
    responses(
        (status = 200, description = "What holds now", body = CameraConfigView),
        (status = 400, description = "No JSON object", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Another camera uses the device", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 16 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A key cannot be so", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The change could not be kept, and was not made", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full; the change was not made", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change(
    State(app): State<App>,
    Id(id): Id,
    Object(keys): Object,
) -> Result<Json<CameraConfigView>, Problem> {
    let changed = |reply| Order::Change { id, keys, reply };
    Ok(Json(app.admin.ask(changed).await?.into()))
}

/// Remove a camera that was added through the API.
#[utoipa::path(
    delete,
    path = "/api/v1/cameras/{id}",
    tag = "cameras",
    operation_id = "remove_camera",
    params(("id" = String, Path, description = "Camera id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It stands in the configuration file", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The change could not be kept, and was not made", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full; the change was not made", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(State(app): State<App>, Id(id): Id) -> Result<StatusCode, Problem> {
    app.admin.ask(|reply| Order::Remove { id, reply }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a camera is told, and where each key is written.
#[utoipa::path(
    get,
    path = "/api/v1/cameras/{id}/config",
    tag = "cameras",
    operation_id = "camera_config",
    params(("id" = String, Path, description = "Camera id")),
    responses(
        (status = 200, body = CameraConfigView),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn config(
    State(app): State<App>,
    Id(id): Id,
) -> Result<Json<CameraConfigView>, Problem> {
    let explained = app.admin.ask(|reply| Order::Explain { id, reply }).await?;
    Ok(Json(explained.into()))
}

/// Start a camera again now: one that runs, or one that waits for its next try. One that is off stays off.
#[utoipa::path(
    post,
    path = "/api/v1/cameras/{id}/restart",
    tag = "cameras",
    operation_id = "restart_camera",
    params(("id" = String, Path, description = "Camera id")),
    request_body(content = Nothing, content_type = "application/json", description = "An object without keys; it may be left out, but not the `Content-Type`"),
    responses(
        (status = 202, description = "It is being started again; viewers stay connected"),
        (status = 400, description = "The body has keys", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn restart(Camera(stream): Camera, _: NoKeys) -> StatusCode {
    stream.ask_restart();
    StatusCode::ACCEPTED
}

//! The configuration over the API: what it is, what a change of it would do, and the change itself.
//!
//! `serve` knows no keys here either: whoever owns the configuration answers, in these types.

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    access::Detail,
    admin::{Keys, Layer, Order, Reply},
    body::{Large, NoKeys, Nothing, Object},
    cameras_admin::LayerView,
    problem::{Named, Problem},
    state::App,
};

/// What is asked about the configuration as a whole.
#[derive(Debug)]
pub enum SettingsOrder {
    /// The keys there are, as a JSON schema.
    Schema {
        /// The schema.
        reply: Reply<Value>,
    },
    /// What holds, and where it is written.
    Show {
        /// All of it.
        reply: Reply<Settings>,
    },
    /// What a change would do.
    Check {
        /// The change.
        change: Change,
        /// Also where it cannot be made: with its errors.
        reply: Reply<Outlook>,
    },
    /// Makes a change.
    Apply {
        /// The change.
        change: Change,
        /// The state it was meant for.
        etag: String,
        /// When it is made.
        reply: Reply<Outlook>,
    },
    /// The files that were kept before each change.
    Backups {
        /// The newest first.
        reply: Reply<Vec<Backup>>,
    },
    /// The configuration as TOML, without secrets.
    Export {
        /// The text.
        reply: Reply<String>,
    },
    /// One picture of a camera that is not configured yet.
    Test {
        /// Its keys.
        keys: Keys,
        /// A JPEG.
        reply: Reply<Bytes>,
    },
    /// Cameras of this machine.
    Discover {
        /// Those that were found.
        reply: Reply<Discovery>,
    },
}

/// A change of the configuration: keys, a whole file, or one that was kept. One of the three.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Keys with their tables; null takes a key out of the file.
    #[serde(default)]
    #[schema(value_type = HashMap<String, Value>, example = json!({"limits.api_per_minute": 300, "log.level": null}))]
    pub keys: Map<String, Value>,
    /// Keys of cameras, by the cameras' ids.
    #[serde(default)]
    #[schema(value_type = HashMap<String, Value>, example = json!({"main": {"framerate": 10}}))]
    pub cameras: Map<String, Value>,
    /// A configuration that was exported, or any other, as TOML. Logins of sources that it shows without them are kept;
    /// what only the file can set is left as it is.
    #[serde(default)]
    pub toml: Option<String>,
    /// The id of a backup.
    #[serde(default)]
    pub backup: Option<String>,
}

/// The configuration as it holds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Another one whenever the file is another one.
    pub etag: String,
    /// The file, where there is one.
    pub file: Option<String>,
    /// Why nothing can be changed from here, as a sentence.
    pub obstacle: Option<String>,
    /// All keys but the cameras'.
    pub keys: Vec<Setting>,
    /// The cameras.
    pub cameras: Vec<CameraSettings>,
    /// Keys that were changed and wait for the next start of the server.
    pub pending_restart: Vec<String>,
}

/// One key.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name, with its tables where it is not a camera's.
    pub name: String,
    /// What holds; without secrets.
    pub value: Value,
    /// Where it is written.
    pub from: Layer,
    /// The variable or the flag that goes over the file.
    pub by: Option<String>,
}

/// One camera.
#[derive(Clone, Debug)]
pub struct CameraSettings {
    /// Its id.
    pub id: String,
    /// It was added through the API and does not stand in the file.
    pub is_added: bool,
    /// Its keys.
    pub keys: Vec<Setting>,
}

/// What a change does.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Outlook {
    /// The state it starts from, or after it was made, the one it led to; for `If-Match`.
    pub etag: String,
    /// The difference, a line for each value: `-` what was, `+` what will be. Without secrets.
    #[schema(example = "  [limits]\n- api_per_minute = 600\n+ api_per_minute = 300\n")]
    pub difference: String,
    /// How many values change.
    pub changes: usize,
    /// What holds at once: keys, and those of cameras behind the camera's id.
    #[schema(example = json!(["limits.api_per_minute", "door.name"]))]
    pub live: Vec<String>,
    /// Cameras that are started again, come or go.
    pub restarts: Vec<String>,
    /// Keys that wait for the next start of the server.
    pub waits: Vec<String>,
    /// What is left out of an import, in words.
    pub notes: Vec<String>,
    /// What is wrong with it; with any of these it cannot be made.
    pub errors: Vec<SettingError>,
}

/// What is wrong with one key.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SettingError {
    /// The camera, where it is one's.
    pub camera: Option<String>,
    /// The key, where it is one.
    pub key: Option<String>,
    /// What was expected.
    pub problem: String,
}

/// A file that was kept before a change.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Backup {
    /// For its address.
    #[schema(example = "20260131T120000.000Z")]
    pub id: String,
    /// When it was kept.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    pub at: String,
    /// Its size.
    pub bytes: u64,
}

/// Cameras of this machine.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Discovery {
    /// On the board first, then on USB.
    pub cameras: Vec<Discovered>,
    /// Why there may be others that were not found, in words.
    pub notes: Vec<String>,
}

/// One camera that was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Discovered {
    /// What to write into `source`.
    #[schema(example = "v4l2:/dev/video0")]
    pub source: String,
    /// What it calls itself.
    pub name: String,
    /// Where it is: `board` or `usb`.
    pub place: String,
    /// The camera of the configuration that shows it already.
    pub used_by: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsView {
    /// For `If-Match`; also in the `ETag` of this answer.
    etag: String,
    /// The configuration file; null where there is none yet.
    file: Option<String>,
    /// Why nothing can be changed from here; null if it can.
    obstacle: Option<String>,
    /// All keys but the cameras', with their tables.
    #[schema(value_type = BTreeMap<String, SettingView>)]
    keys: Map<String, Value>,
    /// The cameras.
    cameras: Vec<CameraSettingsView>,
    /// Keys whose change waits for the next start of the server.
    pending_restart: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CameraSettingsView {
    id: String,
    /// It was added through the API and does not stand in the file.
    added: bool,
    /// Its keys; as those above.
    #[schema(value_type = BTreeMap<String, SettingView>)]
    keys: Map<String, Value>,
}

/// One key as it holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingView {
    value: Value,
    from: LayerView,
    /// The variable or the flag that goes over the file.
    by: Option<String>,
}

fn views(keys: Vec<Setting>) -> Map<String, Value> {
    let view = |Setting {
                    name,
                    value,
                    from,
                    by,
                }| {
        let from = from.into();
        let view = serde_json::to_value(SettingView { value, from, by });
        (name, view.unwrap_or_default())
    };
    keys.into_iter().map(view).collect()
}

/// Every key of the configuration as a JSON schema, with `x-effect`: what a change of it restarts.
#[utoipa::path(
    get,
    path = "/api/v1/config/schema",
    tag = "configuration",
    operation_id = "config_schema",
    responses((status = 200, description = "JSON schema, 2020-12", body = serde_json::Value))
)]
pub(crate) async fn schema(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let order = |reply| Order::Settings(SettingsOrder::Schema { reply });
    Ok(Json(app.admin.ask(order).await?))
}

/// What holds, and where each key is written. Logins and queries of addresses are left out.
#[utoipa::path(
    get,
    path = "/api/v1/config",
    tag = "configuration",
    operation_id = "config",
    responses((status = 200, body = SettingsView, headers(("ETag" = String, description = "For `If-Match`"))))
)]
pub(crate) async fn show(State(app): State<App>) -> Result<Response, Problem> {
    let order = |reply| Order::Settings(SettingsOrder::Show { reply });
    let settings: Settings = app.admin.ask(order).await?;
    let tag = quoted(&settings.etag);
    let camera = |CameraSettings { id, is_added, keys }| CameraSettingsView {
        id,
        added: is_added,
        keys: views(keys),
    };
    let view = SettingsView {
        etag: settings.etag,
        file: settings.file,
        obstacle: settings.obstacle,
        keys: views(settings.keys),
        cameras: settings.cameras.into_iter().map(camera).collect(),
        pending_restart: settings.pending_restart,
    };
    Ok(([(header::ETAG, tag)], Json(view)).into_response())
}

fn quoted(etag: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{etag}\"")).expect("hexadecimal digits")
}

/// What a change would do: its difference, what it restarts, and what is wrong with it.
#[utoipa::path(
    post,
    path = "/api/v1/config/check",
    tag = "configuration",
    operation_id = "check_config",
    request_body(content = Change, content_type = "application/json"),
    responses(
        (status = 200, description = "Also for a change that cannot be: see `errors`", body = Outlook),
        (status = 400, description = "No JSON object", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such backup", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn check(
    State(app): State<App>,
    Large(change): Large<Change>,
) -> Result<Json<Outlook>, Problem> {
    let order = |reply| Order::Settings(SettingsOrder::Check { change, reply });
    Ok(Json(app.admin.ask(order).await?))
}

/// The state that a change is meant for.
#[derive(Debug)]
pub(crate) struct IfMatch(String);

impl FromRequestParts<App> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let tag = parts.headers.get(header::IF_MATCH);
        let tag = tag.and_then(|tag| tag.to_str().ok()).unwrap_or_default();
        match tag.trim().trim_matches('"') {
            "" => Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "Say in `If-Match` which state the change is meant for: the `etag` of GET /api/v1/config.",
            )),
            tag => Ok(Self(tag.to_owned())),
        }
    }
}

/// Change the configuration.
///
/// The file keeps its comments, and is kept as it was as a backup. It is taken over at once, as far as that goes.
#[utoipa::path(
    put,
    path = "/api/v1/config",
    tag = "configuration",
    operation_id = "change_config",
    params(("If-Match" = String, Header, description = "The `etag` that the change is meant for")),
    request_body(content = Change, content_type = "application/json"),
    responses(
        (status = 200, description = "It is made", body = Outlook),
        (status = 400, description = "No JSON object", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such backup", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The file cannot be written", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "Somebody changed it meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A key cannot be so", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "Without `If-Match`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "It could not be kept", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change(
    State(app): State<App>,
    IfMatch(etag): IfMatch,
    Large(change): Large<Change>,
) -> Result<Response, Problem> {
    apply(&app, change, etag).await
}

async fn apply(app: &App, change: Change, etag: String) -> Result<Response, Problem> {
    let order = |reply| {
        Order::Settings(SettingsOrder::Apply {
            change,
            etag,
            reply,
        })
    };
    let outlook: Outlook = app.admin.ask(order).await?;
    // Without secrets, as it is shown.
    let lines: Vec<&str> = outlook.difference.lines().map(str::trim).collect();
    let detail: String = lines.join("; ").chars().take(500).collect();
    Ok((Detail(detail), Json(outlook)).into_response())
}

/// The configuration files that were kept before changes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackupList {
    /// The newest first; ten at the most.
    backups: Vec<Backup>,
}

/// What was kept before each change.
#[utoipa::path(
    get,
    path = "/api/v1/config/backups",
    tag = "configuration",
    operation_id = "config_backups",
    responses((status = 200, body = BackupList))
)]
pub(crate) async fn backups(State(app): State<App>) -> Result<Json<BackupList>, Problem> {
    let order = |reply| Order::Settings(SettingsOrder::Backups { reply });
    let backups = app.admin.ask(order).await?;
    Ok(Json(BackupList { backups }))
}

/// Go back to a backup. What is there now becomes one itself.
#[utoipa::path(
    post,
    path = "/api/v1/config/backups/{id}/restore",
    tag = "configuration",
    operation_id = "restore_config",
    params(
        ("id" = String, Path, description = "Id of the backup"),
        ("If-Match" = String, Header, description = "The `etag` of the configuration that it replaces"),
    ),
    request_body(content = Nothing, content_type = "application/json", description = "An object without keys; it may be left out, but not the `Content-Type`"),
    responses(
        (status = 200, description = "It is back", body = Outlook),
        (status = 404, description = "No such backup", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The file cannot be written", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "Somebody changed it meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It has an error", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "Without `If-Match`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn restore(
    State(app): State<App>,
    Named(id): Named<String>,
    etag: Result<IfMatch, Problem>,
    // First of all it has to say that it is JSON.
    _: NoKeys,
) -> Result<Response, Problem> {
    let IfMatch(etag) = etag?;
    let change = Change {
        backup: Some(id),
        ..Change::default()
    };
    apply(&app, change, etag).await
}

/// The configuration as TOML: without logins of cameras, and without comments, which might have some.
#[utoipa::path(
    get,
    path = "/api/v1/config/export",
    tag = "configuration",
    operation_id = "export_config",
    responses((status = 200, description = "A file for `toml` of a change, here or elsewhere", body = String, content_type = "application/toml"))
)]
pub(crate) async fn export(State(app): State<App>) -> Result<Response, Problem> {
    let order = |reply| Order::Settings(SettingsOrder::Export { reply });
    let text: String = app.admin.ask(order).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/toml"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"my-cctv-server.toml\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text).into_response())
}

/// One picture of a camera before it is configured.
///
/// The keys are those of a new camera; with the `id` of one that is there, they go over its own. One at a time.
#[utoipa::path(
    post,
    path = "/api/v1/camera-test",
    tag = "cameras",
    operation_id = "test_camera",
    request_body(content = ref("#/components/schemas/CameraTest"), content_type = "application/json"),
    responses(
        (status = 200, description = "The picture", body = [u8], content_type = "image/jpeg"),
        (status = 400, description = "No JSON object", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It gives no picture; the sentence says why", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A key cannot be so", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Another one is being tested", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn test(
    State(app): State<App>,
    Object(keys): Object,
) -> Result<Response, Problem> {
    let order = |reply| Order::Settings(SettingsOrder::Test { keys, reply });
    let picture: Bytes = app.admin.ask(order).await?;
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, picture).into_response())
}

/// Cameras of this machine: on the board, and on USB. The network is not searched.
#[utoipa::path(
    get,
    path = "/api/v1/discover",
    tag = "cameras",
    operation_id = "discover",
    responses((status = 200, body = Discovery))
)]
pub(crate) async fn discover(State(app): State<App>) -> Result<Json<Discovery>, Problem> {
    let order = |reply| Order::Settings(SettingsOrder::Discover { reply });
    Ok(Json(app.admin.ask(order).await?))
}

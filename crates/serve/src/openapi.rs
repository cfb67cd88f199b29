//! The routes, and the document that describes them: made in one place, so that neither can miss what the other has.

use axum::{
    Router,
    extract::State,
    http::header,
    middleware,
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::OnceCell;
use utoipa::{
    OpenApi,
    openapi::{InfoBuilder, LicenseBuilder},
};

use crate::{
    access,
    admin::Order,
    api, audit, cameras_admin, controls,
    document::complete,
    health, incidents, live, log_lines, login,
    metrics::{self, stats},
    page, people, presets,
    problem::Problem,
    route::{Routes, routes},
    settings::{self, SettingsOrder},
    snapshot, socket,
    state::App,
    system, three,
};

#[derive(OpenApi)]
#[openapi(tags(
    (name = "live", description = "Pictures"),
    (name = "cameras", description = "The cameras"),
    (name = "control", description = "What can be set of a camera while it runs"),
    (name = "viewers", description = "Who is watching"),
    (name = "accounts", description = "Who may do what"),
    (name = "three", description = "The 3D view"),
    (name = "configuration", description = "What the server is told"),
    (name = "server", description = "The server itself"),
))]
struct Skeleton;

const ABOUT: &str = "Live pictures of your cameras.\n\n\
     Addresses are relative to `server.base_path`. Errors are `application/problem+json` (RFC 9457); an address that does not \
     take a method answers 405, with `Allow`. Every GET can be asked with HEAD. Whatever is below `/api/v1` keeps its meaning: \
     fields, values of words, routes and optional parameters may come, and none goes.";

/// Every route of the API.
fn all() -> Routes {
    Routes::default()
        .routes(routes!(api::root))
        .routes(routes!(live::first))
        .routes(routes!(snapshot::first))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(api::cameras, cameras_admin::add))
        .routes(routes!(
            api::camera,
            cameras_admin::change,
            cameras_admin::remove
        ))
        .routes(routes!(cameras_admin::config))
        .routes(routes!(cameras_admin::restart))
        .routes(routes!(live::of_camera))
        .routes(routes!(snapshot::of_camera))
        .routes(routes!(controls::of_camera, controls::set, controls::reset))
        .routes(routes!(presets::of_camera))
        .routes(routes!(presets::keep, presets::forget))
        .routes(routes!(presets::apply))
        .routes(routes!(socket::open))
        .routes(routes!(incidents::of_all))
        .routes(routes!(incidents::of_camera))
        .routes(routes!(api::viewers))
        .routes(routes!(api::end_viewer))
        .routes(routes!(login::set_up))
        .routes(routes!(login::log_in, login::session, login::log_out))
        .routes(routes!(login::change_password))
        .routes(routes!(people::sessions))
        .routes(routes!(people::end_session))
        .routes(routes!(people::users, people::add_user))
        .routes(routes!(people::change_user, people::remove_user))
        .routes(routes!(people::tokens, people::add_token))
        .routes(routes!(people::revoke_token))
        .routes(routes!(people::links, people::add_link))
        .routes(routes!(people::revoke_link))
        .routes(routes!(audit::list))
        .routes(routes!(audit::export))
        .routes(routes!(three::all))
        .routes(routes!(three::piece, three::bring, three::remove))
        .routes(routes!(three::site, three::change_site))
        .routes(routes!(system::system))
        .routes(routes!(log_lines::list))
        .routes(routes!(log_lines::follow))
        .routes(routes!(log_lines::levels, log_lines::set_levels))
        .routes(routes!(metrics::metrics))
        .routes(routes!(stats::stats))
        .routes(routes!(settings::schema))
        .routes(routes!(settings::show, settings::change))
        .routes(routes!(settings::check))
        .routes(routes!(settings::backups))
        .routes(routes!(settings::restore))
        .routes(routes!(settings::export))
        .routes(routes!(settings::test))
        .routes(routes!(settings::discover))
        .routes(routes!(self::document))
}

/// This document.
#[utoipa::path(
    get,
    path = "/api-docs/openapi.json",
    tag = "server",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value))
)]
async fn document(State(app): State<App>) -> Result<Response, Problem> {
    // Made for the first who asks, and shared: it is large, and whoever asks a hundred times may not read it once.
    static MADE: OnceCell<Bytes> = OnceCell::const_new();
    let make = async || {
        let order = |reply| Order::Settings(SettingsOrder::Schema { reply });
        let configuration = app.admin.ask(order).await?;
        Ok::<_, Problem>(Bytes::from(openapi_json(&configuration)))
    };
    let document = MADE.get_or_try_init(make).await?.clone();
    let fields = [(header::CONTENT_TYPE, "application/json")];
    Ok((fields, document).into_response())
}

/// The router of the whole server.
pub(crate) fn router(app: App) -> Router {
    all()
        .into_router()
        // The page's own files are no part of the API.
        .route("/{*name}", get(page::asset))
        // In front of every route above, and of none that is added below.
        .route_layer(middleware::from_fn_with_state(app.clone(), access::guard))
        .fallback(api::not_found)
        .method_not_allowed_fallback(api::wrong_method)
        .with_state(app)
}

/// The OpenAPI document, indented. `configuration` is the JSON schema of the configuration, whose keys it names.
#[must_use]
pub fn openapi_json(configuration: &Value) -> String {
    let mut document = Skeleton::openapi();
    document.info = InfoBuilder::new()
        .title("my-cctv-server")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(
            LicenseBuilder::new()
                .name("MIT OR Apache-2.0")
                .identifier(Some("MIT OR Apache-2.0"))
                .build(),
        ))
        .build();
    all().describe(&mut document);
    let mut document = serde_json::to_value(document).expect("a document of plain values");
    complete(&mut document, configuration);
    format!("{document:#}\n")
}

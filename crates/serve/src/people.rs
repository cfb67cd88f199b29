//! Users, sessions, tokens and links, and the audit log.

use accounts::{Action, Cameras, Grant, Medium, Query, Role, now_s};
use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use hub::CameraId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::Visa,
    body::Fields,
    login::Password,
    problem::{Asked, Problem},
    state::App,
};

/// A link may hold for so long.
const LONGEST_LINK_S: u32 = 366 * 24 * 3600;

/// A list under one name.
#[derive(Debug, Serialize)]
pub(crate) struct List<T> {
    items: Vec<T>,
}

/// Something new, with the secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Made {
    /// Number.
    id: i64,
    /// Shown now and never again; only its hash is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// Where it leads, relative to the server's base path.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

fn number(id: &str, what: &'static str) -> Result<i64, Problem> {
    id.parse()
        .map_err(|_| accounts::Error::Unknown(what).into())
}

/// Everybody's for whoever manages users, else one's own.
fn whose(visa: &Visa) -> Option<i64> {
    if visa.0.may(Action::ManageUsers, None) {
        None
    } else {
        // Nobody has this number.
        visa.0.user.or(Some(-1))
    }
}

fn cameras(ids: Option<Vec<String>>) -> Result<Cameras, Problem> {
    let Some(ids) = ids else {
        return Ok(Cameras::All);
    };
    // A camera may come later, or come back: only what can never be one is refused.
    if let Some(id) = ids.iter().find(|id| id.parse::<CameraId>().is_err()) {
        let shown: String = id.chars().take(64).collect();
        return Err(Problem::with_key(
            "cameras".to_owned(),
            format!("`{shown}` is no id of a camera"),
        ));
    }
    Ok(Cameras::Only(ids.into_iter().collect()))
}

fn role(text: &str) -> Result<Role, Problem> {
    text.parse().map_err(|error: accounts::InvalidRole| {
        Problem::with_key("role".to_owned(), error.to_string())
    })
}

fn until(seconds: u32) -> i64 {
    now_s() + i64::from(seconds)
}

fn secretive(made: Made) -> Response {
    (
        StatusCode::CREATED,
        [(header::CACHE_CONTROL, "no-store")],
        Json(made),
    )
        .into_response()
}

/// Sessions: one's own, or everybody's for administrators.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "accounts", responses((status = 200, body = serde_json::Value)))]
pub(crate) async fn sessions(
    State(app): State<App>,
    visa: Visa,
) -> Json<List<accounts::SessionView>> {
    Json(List {
        items: app.accounts.sessions(whose(&visa)),
    })
}

/// End a session. What it had open is closed within two seconds.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "accounts", params(("id" = i64, Path, description = "Number of the session")), responses(
    (status = 204, description = "Over"),
    (status = 404, description = "No such session", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn end_session(
    State(app): State<App>,
    visa: Visa,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.accounts
        .end_session(number(&id, "session")?, whose(&visa))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Everybody who has an account.
#[utoipa::path(get, path = "/api/v1/users", tag = "accounts", responses((status = 200, body = serde_json::Value)))]
pub(crate) async fn users(State(app): State<App>) -> Json<List<accounts::UserView>> {
    Json(List {
        items: app.accounts.users(),
    })
}

/// One more user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    /// Name.
    #[schema(example = "kim")]
    name: String,
    /// Password, 8 to 256 bytes.
    #[schema(value_type = String)]
    password: Password,
    /// `viewer`, `operator` or `admin`.
    #[schema(example = "viewer")]
    role: String,
    /// Ids of cameras; without it every camera, those that come later too.
    cameras: Option<Vec<String>>,
}

/// Add a user.
#[utoipa::path(post, path = "/api/v1/users", tag = "accounts", operation_id = "add_user", request_body = NewUser, responses(
    (status = 201, body = Made),
    (status = 409, description = "The name is taken", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Something cannot be so", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn add_user(
    State(app): State<App>,
    Fields(new): Fields<NewUser>,
) -> Result<Response, Problem> {
    let grant = Grant {
        role: role(&new.role)?,
        cameras: cameras(new.cameras)?,
    };
    let id = app
        .accounts
        .add_user(&new.name, new.password.0, &grant)
        .await?;
    Ok(secretive(Made {
        id,
        secret: None,
        address: None,
    }))
}

/// Other rights, and a new password if there is one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangedUser {
    /// `viewer`, `operator` or `admin`.
    #[schema(example = "operator")]
    role: String,
    /// Ids of cameras; without it every camera.
    cameras: Option<Vec<String>>,
    /// A new password, if it is to be changed.
    #[schema(value_type = Option<String>)]
    password: Option<Password>,
}

/// Change a user's rights or password. What is open is asked about again within two seconds.
#[utoipa::path(put, path = "/api/v1/users/{id}", tag = "accounts", params(("id" = i64, Path, description = "Number of the user")), request_body = ChangedUser, responses(
    (status = 204, description = "Changed"),
    (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There would be no administrator", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn change_user(
    State(app): State<App>,
    Path(id): Path<String>,
    Fields(changed): Fields<ChangedUser>,
) -> Result<StatusCode, Problem> {
    let id = number(&id, "user")?;
    let grant = Grant {
        role: role(&changed.role)?,
        cameras: cameras(changed.cameras)?,
    };
    app.accounts.change_user(id, &grant).await?;
    if let Some(password) = changed.password {
        app.accounts.set_password(id, password.0, None).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a user, with all sessions, tokens and links.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "accounts", params(("id" = i64, Path, description = "Number of the user")), responses(
    (status = 204, description = "Gone"),
    (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There would be no administrator", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn remove_user(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.accounts.remove_user(number(&id, "user")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tokens: one's own, or everybody's for administrators. Without their secrets.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "accounts", responses((status = 200, body = serde_json::Value)))]
pub(crate) async fn tokens(State(app): State<App>, visa: Visa) -> Json<List<accounts::TokenView>> {
    Json(List {
        items: app.accounts.tokens(whose(&visa)),
    })
}

/// A token for a program.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    /// What it is for.
    #[schema(example = "Home Assistant")]
    name: String,
    /// `viewer`, `operator` or `admin`; never more than one's own.
    #[schema(example = "viewer")]
    role: String,
    /// Ids of cameras; without it all that one may see.
    cameras: Option<Vec<String>>,
    /// Seconds from now; without it until it is revoked.
    expires_in_s: Option<u32>,
}

/// Make a token. The secret is in the answer, and nowhere else.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "accounts", operation_id = "add_token", request_body = NewToken, responses(
    (status = 201, body = Made),
    (status = 403, description = "More than one's own rights", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Something cannot be so", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn add_token(
    State(app): State<App>,
    visa: Visa,
    Fields(new): Fields<NewToken>,
) -> Result<Response, Problem> {
    let grant = Grant {
        role: role(&new.role)?,
        cameras: cameras(new.cameras)?,
    };
    if grant.role > visa.0.role {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "A token cannot do more than you.",
        ));
    }
    let expires_s = new.expires_in_s.map(until);
    let (id, secret) = app
        .accounts
        .add_token(&new.name, visa.0.user, &grant, expires_s)
        .await?;
    Ok(secretive(Made {
        id,
        secret: Some(secret.expose().to_owned()),
        address: None,
    }))
}

/// Revoke a token. What it had open is closed within two seconds.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "accounts", params(("id" = i64, Path, description = "Number of the token")), responses(
    (status = 204, description = "Revoked"),
    (status = 404, description = "No such token", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn revoke_token(
    State(app): State<App>,
    visa: Visa,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.accounts
        .revoke_token(number(&id, "token")?, whose(&visa))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Links: one's own, or everybody's for administrators. Without their secrets.
#[utoipa::path(get, path = "/api/v1/links", tag = "accounts", responses((status = 200, body = serde_json::Value)))]
pub(crate) async fn links(State(app): State<App>, visa: Visa) -> Json<List<accounts::LinkView>> {
    Json(List {
        items: app.accounts.links(whose(&visa)),
    })
}

/// A link for somebody without an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLink {
    /// Id of the camera.
    #[schema(example = "main")]
    camera: String,
    /// `stream` or `snapshot`.
    #[schema(value_type = String, example = "stream")]
    what: Medium,
    /// Seconds from now, a year at the most.
    #[schema(example = 3600)]
    expires_in_s: u32,
}

/// Make a link. The address is in the answer, and nowhere else.
#[utoipa::path(post, path = "/api/v1/links", tag = "accounts", operation_id = "add_link", request_body = NewLink, responses(
    (status = 201, body = Made),
    (status = 403, description = "A viewer gives no links away", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Something cannot be so", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn add_link(
    State(app): State<App>,
    visa: Visa,
    Fields(new): Fields<NewLink>,
) -> Result<Response, Problem> {
    let NewLink {
        camera,
        what,
        expires_in_s,
    } = new;
    let camera = app
        .hub
        .get(&camera)
        .filter(|c| visa.may(Action::See, c.id().as_str()));
    let camera = camera.ok_or_else(Problem::no_such_camera)?;
    let camera = camera.id().as_str();
    if !visa.may(Action::Share, camera) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "You may not do this."));
    }
    if !(1..=LONGEST_LINK_S).contains(&expires_in_s) {
        let problem = format!("expected 1 to {LONGEST_LINK_S} seconds");
        return Err(Problem::with_key("expires_in_s".to_owned(), problem));
    }
    let (id, secret) = app
        .accounts
        .add_link(visa.0.user, camera, what, until(expires_in_s))
        .await?;
    let address = format!(
        "api/v1/cameras/{camera}/{}?link={}",
        what.name(),
        secret.expose()
    );
    Ok(secretive(Made {
        id,
        secret: None,
        address: Some(address),
    }))
}

/// Revoke a link. What it had open is closed within two seconds.
#[utoipa::path(delete, path = "/api/v1/links/{id}", tag = "accounts", params(("id" = i64, Path, description = "Number of the link")), responses(
    (status = 204, description = "Revoked"),
    (status = 404, description = "No such link", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn revoke_link(
    State(app): State<App>,
    visa: Visa,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.accounts
        .revoke_link(number(&id, "link")?, whose(&visa))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which part of the audit log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// Only entries with a smaller number: the last one of the page before.
    before: Option<i64>,
    /// So many at most; 100 without it, 10000 at the most.
    limit: Option<u32>,
}

/// Who logged in, failed, watched, and changed what; newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "accounts", params(Part), responses((status = 200, body = serde_json::Value)))]
pub(crate) async fn audit(
    State(app): State<App>,
    Asked(part): Asked<Part>,
) -> Result<Json<List<accounts::Noted>>, Problem> {
    let limit = part.limit.unwrap_or(100).min(10_000);
    let items = app
        .accounts
        .audit(Query {
            before: part.before,
            limit,
        })
        .await?;
    Ok(Json(List { items }))
}

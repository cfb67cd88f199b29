//! Users, sessions, tokens and links.

use accounts::{Action, Cameras, Grant, Key, Medium, Networks, Places, Role, now_s};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use hub::CameraId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    access::{Detail, Visa},
    body::Fields,
    login::Password,
    problem::{Named, Problem},
    state::App,
    wire::Peer,
};

/// A link may hold for so long.
const LONGEST_LINK_S: u32 = 366 * 24 * 3600;

/// A list under one name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
}

/// Something new, with the secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Made {
    /// Number.
    id: i64,
    /// Of a token: shown now and never again, for only its hash is kept.
    secret: Option<String>,
    /// Of a link: where it leads, relative to the server's base path.
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

fn networks(key: &str, texts: &[String]) -> Result<Networks, Problem> {
    Networks::parse(texts).map_err(|problem| Problem::with_key(key.to_owned(), problem))
}

fn places(allow: &[String], deny: &[String]) -> Result<Places, Problem> {
    Ok(Places {
        allow: networks("allow", allow)?,
        deny: networks("deny", deny)?,
    })
}

/// A grant in words, for the audit log.
fn words(grant: &Grant) -> String {
    let mut text = grant.role.name().to_owned();
    if let Cameras::Only(ids) = &grant.cameras {
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        text += &format!(", cameras {}", ids.join(" "));
    }
    for (word, list) in [
        ("from", &grant.places.allow),
        ("not from", &grant.places.deny),
    ] {
        if !list.is_empty() {
            text += &format!(", {word} {}", list.texts().join(" "));
        }
    }
    text
}

fn role(text: &str) -> Result<Role, Problem> {
    text.parse().map_err(|error: accounts::InvalidRole| {
        Problem::with_key("role".to_owned(), error.to_string())
    })
}

fn until(seconds: u32) -> i64 {
    now_s() + i64::from(seconds)
}

fn secretive(made: Made, detail: String) -> Response {
    (
        StatusCode::CREATED,
        [(header::CACHE_CONTROL, "no-store")],
        Detail(detail),
        Json(made),
    )
        .into_response()
}

/// A session, and whether it is the one that asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedSession {
    #[serde(flatten)]
    session: accounts::SessionView,
    /// It is the one that asks.
    is_current: bool,
}

/// Sessions: one's own, or everybody's for administrators.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "accounts", responses((status = 200, body = List<ListedSession>)))]
pub(crate) async fn sessions(State(app): State<App>, visa: Visa) -> Json<List<ListedSession>> {
    let sessions = app.accounts.sessions(whose(&visa)).into_iter();
    let listed = sessions.map(|session| ListedSession {
        is_current: visa.0.key == Key::Session(session.id),
        session,
    });
    Json(List {
        items: listed.collect(),
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
    Named(id): Named<String>,
) -> Result<(StatusCode, Detail), Problem> {
    let id = number(&id, "session")?;
    let sessions = app.accounts.sessions(whose(&visa));
    let session = sessions.into_iter().find(|session| session.id == id);
    let detail = session.map(|session| format!("{} from {}", session.user, session.address));
    app.accounts.end_session(id, whose(&visa)).await?;
    Ok((StatusCode::NO_CONTENT, Detail(detail.unwrap_or_default())))
}

/// Everybody who has an account.
#[utoipa::path(get, path = "/api/v1/users", tag = "accounts", responses((status = 200, body = List<accounts::UserView>)))]
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
    #[schema(example = "kim", min_length = 1, max_length = 64)]
    name: String,
    /// Password, 8 to 256 bytes.
    #[schema(value_type = String, min_length = 8, max_length = 256, example = "correct horse battery staple")]
    password: Password,
    /// `viewer`, `operator` or `admin`.
    #[schema(value_type = Role, example = "viewer")]
    role: String,
    /// Ids of cameras; without it every camera, those that come later too.
    cameras: Option<Vec<String>>,
    /// Networks the user may come from, such as `192.168.0.0/16`; without any, from everywhere.
    #[serde(default)]
    #[schema(example = json!(["192.168.0.0/16"]))]
    allow: Vec<String>,
    /// Networks the user may not come from, whatever else is said.
    #[serde(default)]
    deny: Vec<String>,
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
        places: places(&new.allow, &new.deny)?,
    };
    let id = app
        .accounts
        .add_user(&new.name, new.password.0, &grant)
        .await?;
    let made = Made {
        id,
        secret: None,
        address: None,
    };
    Ok(secretive(made, format!("{}, {}", new.name, words(&grant))))
}

/// Other rights, and a new password if there is one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangedUser {
    /// `viewer`, `operator` or `admin`.
    #[schema(value_type = Role, example = "operator")]
    role: String,
    /// Ids of cameras; without it every camera.
    cameras: Option<Vec<String>>,
    /// Networks the user may come from, `[]` for everywhere; without it as it was.
    allow: Option<Vec<String>>,
    /// Networks the user may not come from; without it as it was.
    deny: Option<Vec<String>>,
    /// A new password, if it is to be changed.
    #[schema(value_type = Option<String>, min_length = 8, max_length = 256)]
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
    visa: Visa,
    peer: Peer,
    Named(id): Named<String>,
    Fields(changed): Fields<ChangedUser>,
) -> Result<(StatusCode, Detail), Problem> {
    let id = number(&id, "user")?;
    let mut places = app.accounts.places(id).unwrap_or_default();
    if let Some(allow) = &changed.allow {
        places.allow = networks("allow", allow)?;
    }
    if let Some(deny) = &changed.deny {
        places.deny = networks("deny", deny)?;
    }
    let from = peer.address.ip();
    if visa.0.user == Some(id) && !places.contain(from) {
        let problem = format!("this would shut you out: you come from {from}");
        return Err(Problem::with_key("allow".to_owned(), problem));
    }
    let grant = Grant {
        role: role(&changed.role)?,
        cameras: cameras(changed.cameras)?,
        places,
    };
    let mut detail = format!("{}, {}", name_of(&app, id), words(&grant));
    app.accounts.change_user(id, &grant).await?;
    if let Some(password) = changed.password {
        app.accounts.set_password(id, password.0, None).await?;
        detail += ", new password";
    }
    Ok((StatusCode::NO_CONTENT, Detail(detail)))
}

/// Remove a user, with all sessions, tokens and links.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "accounts", params(("id" = i64, Path, description = "Number of the user")), responses(
    (status = 204, description = "Gone"),
    (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There would be no administrator", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn remove_user(
    State(app): State<App>,
    Named(id): Named<String>,
) -> Result<(StatusCode, Detail), Problem> {
    let id = number(&id, "user")?;
    let name = name_of(&app, id);
    app.accounts.remove_user(id).await?;
    Ok((StatusCode::NO_CONTENT, Detail(name)))
}

fn name_of(app: &App, user: i64) -> String {
    let users = app.accounts.users();
    let user = users.into_iter().find(|view| view.id == user);
    user.map(|user| user.name).unwrap_or_default()
}

/// Tokens: one's own, or everybody's for administrators. Without their secrets.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "accounts", responses((status = 200, body = List<accounts::TokenView>)))]
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
    #[schema(example = "Home Assistant", min_length = 1, max_length = 64)]
    name: String,
    /// `viewer`, `operator` or `admin`; never more than one's own.
    #[schema(value_type = Role, example = "viewer")]
    role: String,
    /// Ids of cameras; without it all that one may see.
    cameras: Option<Vec<String>>,
    /// Seconds from now; without it until it is revoked.
    #[schema(minimum = 1)]
    expires_in_s: Option<u32>,
    /// Networks it may be used from, such as `192.168.1.20`; without any, from wherever one may oneself.
    #[serde(default)]
    #[schema(example = json!(["192.168.1.20"]))]
    allow: Vec<String>,
    /// Networks it may not be used from, whatever else is said.
    #[serde(default)]
    deny: Vec<String>,
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
        places: places(&new.allow, &new.deny)?,
    };
    if grant.role > visa.0.role {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "A token cannot do more than you.",
        ));
    }
    if new.expires_in_s == Some(0) {
        let problem = "expected at least a second".to_owned();
        return Err(Problem::with_key("expires_in_s".to_owned(), problem));
    }
    let expires_s = new.expires_in_s.map(until);
    let (id, secret) = app
        .accounts
        .add_token(&new.name, visa.0.user, &grant, expires_s)
        .await?;
    let made = Made {
        id,
        secret: Some(secret.expose().to_owned()),
        address: None,
    };
    let until = new
        .expires_in_s
        .map_or_else(String::new, |seconds| format!(", for {seconds} s"));
    let detail = format!("{} ({id}), {}{until}", new.name, words(&grant));
    Ok(secretive(made, detail))
}

/// Revoke a token. What it had open is closed within two seconds.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "accounts", params(("id" = i64, Path, description = "Number of the token")), responses(
    (status = 204, description = "Revoked"),
    (status = 404, description = "No such token", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn revoke_token(
    State(app): State<App>,
    visa: Visa,
    Named(id): Named<String>,
) -> Result<(StatusCode, Detail), Problem> {
    let id = number(&id, "token")?;
    let tokens = app.accounts.tokens(whose(&visa));
    let token = tokens.into_iter().find(|token| token.id == id);
    app.accounts.revoke_token(id, whose(&visa)).await?;
    let name = token.map(|token| token.name).unwrap_or_default();
    Ok((StatusCode::NO_CONTENT, Detail(name)))
}

/// Links: one's own, or everybody's for administrators. Without their secrets.
#[utoipa::path(get, path = "/api/v1/links", tag = "accounts", responses((status = 200, body = List<accounts::LinkView>)))]
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
    #[schema(example = "stream")]
    what: Medium,
    /// Seconds from now, a year at the most.
    #[schema(example = 3600, minimum = 1, maximum = 31_622_400)]
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
    let made = Made {
        id,
        secret: None,
        address: Some(address),
    };
    let detail = format!("{id}, {} of {camera}, for {expires_in_s} s", what.name());
    Ok(secretive(made, detail))
}

/// Revoke a link. What it had open is closed within two seconds.
#[utoipa::path(delete, path = "/api/v1/links/{id}", tag = "accounts", params(("id" = i64, Path, description = "Number of the link")), responses(
    (status = 204, description = "Revoked"),
    (status = 404, description = "No such link", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn revoke_link(
    State(app): State<App>,
    visa: Visa,
    Named(id): Named<String>,
) -> Result<StatusCode, Problem> {
    app.accounts
        .revoke_link(number(&id, "link")?, whose(&visa))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Logging in and out, one's own password, and the first administrator.

use std::time::Instant;

use accounts::{Action, Entry, Error, Key, Secret, Weight, Who};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    access::{Visa, by_password, clear_cookie, set_cookie},
    body::Fields,
    gate::Tried,
    problem::Problem,
    state::App,
    wire::Peer,
};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Error::PasswordLength | Error::Name => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Taken | Error::LastAdmin | Error::Off => StatusCode::CONFLICT,
            Error::Unknown(_) => StatusCode::NOT_FOUND,
            Error::SetupCode => StatusCode::FORBIDDEN,
            Error::Broken(_)
            | Error::File { .. }
            | Error::Database(_)
            | Error::Schema(_)
            | Error::Version(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the accounts");
                let detail = "The change could not be kept, and was not made; the log says why.";
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail);
            }
        };
        let text = error.to_string();
        let mut letters = text.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        Self::new(
            status,
            format!("{}{}.", first.unwrap_or_default(), letters.as_str()),
        )
    }
}

/// Who somebody is, and how far it goes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionInfo {
    /// Name.
    #[schema(example = "admin")]
    name: String,
    /// `viewer`, `operator` or `admin`.
    #[schema(value_type = accounts::Role, example = "admin")]
    role: &'static str,
    /// Cameras that may be seen; null is every one.
    cameras: Option<Vec<String>>,
    /// By `session`, `password`, `token`, `link`, or `nothing` where login is switched off.
    #[schema(value_type = By, example = "session")]
    by: &'static str,
    /// Whether one has to log in at all.
    login: bool,
}

impl SessionInfo {
    fn of(app: &App, who: &Who) -> Self {
        Self {
            name: who.name.clone(),
            role: who.role.name(),
            cameras: match &who.cameras {
                accounts::Cameras::All => None,
                accounts::Cameras::Only(ids) => Some(ids.iter().cloned().collect()),
            },
            by: match who.key {
                Key::Open => "nothing",
                Key::Password(..) => "password",
                Key::Session(_) => "session",
                Key::Token(_) => "token",
                Key::Link(_) => "link",
            },
            login: app.accounts.is_enabled(),
        }
    }
}

/// By what somebody was let in.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "for the document alone")]
enum By {
    /// Login is switched off.
    Nothing,
    /// Name and password.
    Password,
    /// The page's cookie.
    Session,
    /// A program's token.
    Token,
    /// A link.
    Link,
}

/// Name and password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// Name.
    #[schema(example = "admin")]
    name: String,
    /// Password.
    #[schema(value_type = String, example = "correct horse battery staple")]
    password: Password,
}

/// Text that is not shown by accident.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Password(pub(crate) Secret);

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// Counts tries at the set-up code; no user has this name.
const SET_UP: &str = ":set-up";

/// A session for this user: the cookie and who it is.
async fn begin(
    app: &App,
    peer: &Peer,
    headers: &HeaderMap,
    user: i64,
) -> Result<Response, Problem> {
    let agent = headers.get(header::USER_AGENT).map(|agent| {
        let text = String::from_utf8_lossy(agent.as_bytes()).into_owned();
        text.chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect::<String>()
    });
    let address = peer.address.ip().to_string();
    let (key, secret) = app
        .accounts
        .begin_session(user, &address, agent.as_deref())
        .await?;
    let who = app
        .accounts
        .again(key, peer.address.ip())
        .ok_or_else(wrong)?;
    app.accounts.note(entry(&who.name, peer, "logged in", ""));
    let fields = [(header::CACHE_CONTROL, "no-store")];
    let mut response = (fields, Json(SessionInfo::of(app, &who))).into_response();
    response
        .headers_mut()
        .insert(header::SET_COOKIE, set_cookie(peer, &secret));
    Ok(response)
}

fn wrong() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "Name or password is wrong.")
}

pub(crate) fn entry(who: &str, peer: &Peer, action: &'static str, detail: &str) -> Entry {
    Entry {
        who: who.to_owned(),
        address: peer.address.to_string(),
        action,
        camera: None,
        detail: detail.to_owned(),
    }
}

/// Log in.
#[utoipa::path(
    post,
    path = "/api/v1/session",
    tag = "accounts",
    request_body = Login,
    responses(
        (status = 200, description = "A cookie with the session", body = SessionInfo),
        (status = 401, description = "Name or password is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many logins at once", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn log_in(
    State(app): State<App>,
    peer: Peer,
    headers: HeaderMap,
    Fields(Login { name, password }): Fields<Login>,
) -> Result<Response, Problem> {
    let who = by_password(&app, Some(&peer), &name, password.0).await?;
    let user = who.and_then(|who| who.user).ok_or_else(wrong)?;
    begin(&app, &peer, &headers, user).await
}

/// Who am I?
#[utoipa::path(get, path = "/api/v1/session", tag = "accounts", responses(
    (status = 200, body = SessionInfo),
    (status = 401, description = "Nobody", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn session(State(app): State<App>, visa: Visa) -> Json<SessionInfo> {
    Json(SessionInfo::of(&app, &visa.0))
}

/// Log out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "accounts", responses(
    (status = 204, description = "The session is over, and what it had open"),
    (status = 409, description = "There is no session: it was a password", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn log_out(
    State(app): State<App>,
    visa: Visa,
    peer: Peer,
) -> Result<Response, Problem> {
    let Key::Session(id) = visa.0.key else {
        let detail = "There is no session to end: this request came with a password.";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    };
    app.accounts.end_session(id, None).await?;
    let fields = [(header::SET_COOKIE, clear_cookie(&peer))];
    Ok((StatusCode::NO_CONTENT, fields).into_response())
}

/// The first administrator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetUp {
    /// The code from the log.
    code: String,
    /// Name.
    #[schema(example = "admin", min_length = 1, max_length = 64)]
    name: String,
    /// Password, 8 to 256 bytes.
    #[schema(value_type = String, min_length = 8, max_length = 256, example = "correct horse battery staple")]
    password: Password,
}

/// Make the first administrator, with the code that is in the log.
#[utoipa::path(
    post,
    path = "/api/v1/setup",
    tag = "accounts",
    request_body = SetUp,
    responses(
        (status = 200, description = "Made, and logged in", body = SessionInfo),
        (status = 403, description = "Not the code, or not any more", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Name or password cannot be so", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many tries", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn set_up(
    State(app): State<App>,
    peer: Peer,
    headers: HeaderMap,
    Fields(SetUp {
        code,
        name,
        password,
    }): Fields<SetUp>,
) -> Result<Response, Problem> {
    // For each address, so that a stranger's guesses do not keep the owner out.
    let from = peer.address.ip();
    let failed = || app.alarm.failed(from, Tried::SetupCode);
    let tries = app.logins.attempt(from, SET_UP, Instant::now());
    tries.map_err(|wait| {
        failed();
        Problem::too_many("set-up codes", wait)
    })?;
    let made = app.accounts.set_up(&code, &name, password.0).await;
    if matches!(made, Err(Error::SetupCode)) {
        failed();
        let entry = entry("", &peer, "set-up refused", "not the code, or not any more");
        app.accounts.note_as(entry, Weight::Stranger);
    } else {
        app.logins.succeeded(from, SET_UP, Instant::now());
    }
    let user = made?;
    app.accounts
        .note(entry(&name, &peer, "set up", "the first administrator"));
    begin(&app, &peer, &headers, user).await
}

/// A new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// The one until now.
    #[schema(value_type = String)]
    current: Password,
    /// 8 to 256 bytes.
    #[schema(value_type = String, min_length = 8, max_length = 256, example = "correct horse battery staple")]
    password: Password,
}

/// Change one's password. All other sessions end, and whatever was opened by the old password.
#[utoipa::path(
    put,
    path = "/api/v1/account/password",
    tag = "accounts",
    request_body = NewPassword,
    responses(
        (status = 204, description = "Changed"),
        (status = 403, description = "The current password is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The new one cannot be so", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_password(
    State(app): State<App>,
    visa: Visa,
    peer: Peer,
    Fields(NewPassword { current, password }): Fields<NewPassword>,
) -> Result<StatusCode, Problem> {
    let Some(user) = visa.0.user.filter(|_| visa.0.may(Action::ManageOwn, None)) else {
        return Err(Problem::new(StatusCode::FORBIDDEN, "You may not do this."));
    };
    // A session that was left open is not enough to take the account over.
    if by_password(&app, Some(&peer), &visa.0.name, current.0)
        .await?
        .is_none()
    {
        let detail = "The current password is wrong.";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let keep = match visa.0.key {
        Key::Session(id) => Some(id),
        _ => None,
    };
    app.accounts.set_password(user, password.0, keep).await?;
    Ok(StatusCode::NO_CONTENT)
}

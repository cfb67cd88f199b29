//! By what somebody asks to be let in.

use std::time::Instant;

use accounts::{Credential, Entry, Error, Secret, Weight, Who};
use axum::{
    extract::Query,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::{gate::Tried, problem::Problem, state::App, wire::Peer};

/// Bytes of an `Authorization` that are looked at.
const LONGEST: usize = 1024;
/// For the audit log.
const ELSEWHERE: &str = "not from this address";
const UNKNOWN: &str = "no such token or link, or not any more";

#[derive(Default, Deserialize)]
struct InAddress {
    token: Option<String>,
    link: Option<String>,
}

fn wrong() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "This session, token or password is not valid, or not any more.",
    )
}

/// Whoever asks; nobody, if nothing is shown. What is shown and wrong is an error, even where nothing is needed.
pub(super) async fn who(app: &App, parts: &Parts) -> Result<Option<Who>, Problem> {
    let accounts = &app.accounts;
    let peer = parts.extensions.get::<Peer>().ok_or_else(wrong)?;
    let from = peer.address.ip();
    let shown = parts.headers.get(header::AUTHORIZATION);
    if let Some(value) = shown.filter(|value| !is_empty(value)) {
        let text = value
            .to_str()
            .ok()
            .filter(|text| text.len() <= LONGEST)
            .ok_or_else(wrong)?;
        let (scheme, rest) = text.split_once(' ').ok_or_else(wrong)?;
        return if scheme.eq_ignore_ascii_case("bearer") {
            let token = Credential::Token(Secret::from(rest.trim().to_owned()));
            by_secret(app, peer, &token)
        } else if scheme.eq_ignore_ascii_case("basic") {
            let decoded = STANDARD.decode(rest.trim()).ok();
            let text = decoded
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(wrong)?;
            let (name, password) = text.split_once(':').ok_or_else(wrong)?;
            let password = Secret::from(password.to_owned());
            by_password(app, Some(peer), name, password)
                .await?
                .map(Some)
                .ok_or_else(wrong)
        } else {
            Err(wrong())
        };
    }
    let query = parts.uri.query().unwrap_or_default();
    if query.contains("token=") || query.contains("link=") {
        let Query(InAddress { token, link }) = Query::try_from_uri(&parts.uri).unwrap_or_default();
        let token = token.map(|text| Credential::TokenInAddress(text.into()));
        if let Some(credential) = token.or(link.map(|text| Credential::Link(text.into()))) {
            return by_secret(app, peer, &credential);
        }
    }
    let session = cookie(&parts.headers, cookie_name(peer.is_secure));
    // One that is over is no error: whoever has it is shown where to log in.
    let session = session.and_then(|text| {
        let credential = Credential::Session(text.to_owned().into());
        by_secret(app, peer, &credential).ok().flatten()
    });
    Ok(session.or_else(|| accounts.again(accounts::Key::Open, from)))
}

/// No name and no password, as Home Assistant sends where it was given neither: that shows nothing, and is no guess.
fn is_empty(authorization: &HeaderValue) -> bool {
    authorization == "Basic Og=="
}

/// Whoever has this secret. Why one is refused is for the administrator alone.
fn by_secret(app: &App, peer: &Peer, credential: &Credential) -> Result<Option<Who>, Problem> {
    let from = peer.address.ip();
    if let Some(who) = app.accounts.identify(credential, from) {
        return Ok(Some(who));
    }
    let (who, detail, weight) = match app.accounts.elsewhere(credential, from) {
        Some(who) => (who, ELSEWHERE, Weight::Often),
        // Browsers keep cookies for longer than sessions hold: that is nothing to be told of.
        None if matches!(credential, Credential::Session(_)) => return Err(wrong()),
        None => (String::new(), UNKNOWN, Weight::Stranger),
    };
    match credential {
        Credential::Token(_) | Credential::TokenInAddress(_) => {
            app.alarm.failed(from, Tried::Token);
        }
        Credential::Link(_) => app.alarm.failed(from, Tried::Link),
        Credential::Session(_) => {}
    }
    let entry = Entry {
        who,
        address: peer.address.to_string(),
        action: "refused",
        camera: None,
        detail: detail.to_owned(),
    };
    app.accounts.note_as(entry, weight);
    Err(wrong())
}

/// The way in by name and password: the page's form and Basic alike.
pub(crate) async fn by_password(
    app: &App,
    peer: Option<&Peer>,
    name: &str,
    password: Secret,
) -> Result<Option<Who>, Problem> {
    let address = peer.map(|peer| peer.address.ip());
    let from = address.ok_or_else(wrong)?;
    if let Some(who) = app.accounts.remembered(name, &password, from) {
        return Ok(Some(who));
    }
    let failed = || app.alarm.failed(from, Tried::name(name));
    if let Some(Err(wait)) = address.map(|ip| app.logins.attempt(ip, name, Instant::now())) {
        // Whoever does not wait is not looked at, but goes on guessing.
        failed();
        return Err(Problem::too_many("logins", wait));
    }
    let found = app
        .accounts
        .by_password(name, password, from)
        .await
        .map_err(|error| match error {
            Error::Busy => Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            error => {
                tracing::error!(%error, "a login could not be checked");
                Problem::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "The login could not be checked; the log says why.",
                )
            }
        })?;
    if let (Some(ip), true) = (address, found.is_some()) {
        app.logins.succeeded(ip, name, Instant::now());
    }
    if found.is_none() {
        failed();
        let address = peer.map_or_else(String::new, |peer| peer.address.to_string());
        tracing::info!(%address, "a login failed");
        let is_elsewhere = !app.accounts.is_place(name, from);
        let entry = Entry {
            who: name.chars().filter(|c| !c.is_control()).take(64).collect(),
            address,
            action: "login failed",
            camera: None,
            detail: if is_elsewhere { ELSEWHERE } else { "" }.to_owned(),
        };
        app.accounts.note_as(entry, Weight::Stranger);
    }
    Ok(found)
}

fn cookie_name(is_secure: bool) -> &'static str {
    // With this prefix browsers take it only over TLS, from this host, and from no other below the same domain.
    if is_secure {
        "__Host-session"
    } else {
        "session"
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get_all(header::COOKIE).iter().find_map(|value| {
        let pairs = value.to_str().ok()?.split(';');
        pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(n, _)| *n == name)
            .map(|(_, v)| v)
    })
}

/// A session for the browser. No script of any page can read it.
pub(crate) fn set_cookie(peer: &Peer, secret: &Secret) -> HeaderValue {
    let secure = if peer.is_secure { "; Secure" } else { "" };
    let text = format!(
        "{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        cookie_name(peer.is_secure),
        secret.expose(),
        30 * 24 * 3600
    );
    let mut value = HeaderValue::from_str(&text).expect("letters, digits and marks of a cookie");
    value.set_sensitive(true);
    value
}

/// The end of it.
pub(crate) fn clear_cookie(peer: &Peer) -> HeaderValue {
    let secure = if peer.is_secure { "; Secure" } else { "" };
    let text = format!(
        "{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}",
        cookie_name(peer.is_secure)
    );
    HeaderValue::from_str(&text).expect("letters and marks of a cookie")
}

/// A page of another site, by the browser's own word. Where it names the site, the gate has looked at it already.
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    let is_foreign = |value: &HeaderValue| !matches!(value.as_bytes(), b"same-origin" | b"none");
    headers.get(header::ORIGIN).is_none() && headers.get("sec-fetch-site").is_some_and(is_foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=b; mysession=x".parse().unwrap());
        headers.append(header::COOKIE, "session=right;c=d".parse().unwrap());
        assert_eq!(cookie(&headers, "session"), Some("right"));
        assert_eq!(cookie(&headers, "__Host-session"), None);
    }
}

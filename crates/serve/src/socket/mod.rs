//! `/ws`: one connection for pictures, control and events.
//!
//! [`protocol`] says what may be said, [`session`] says it. The handshake is here; after it the connection is taken from
//! the HTTP library in the same way as for a stream.

mod protocol;
mod session;

use accounts::Action;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use utoipa::IntoParams;

use crate::{
    delivery::{Departure, Handover},
    live::{self, Flag, Visit},
    problem::{Asked, Problem},
    state::App,
    wish::{self, Wish},
};

pub(crate) use protocol::Format;
pub(crate) use session::Session;
use session::Subscription;

/// What a socket begins with.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SocketOptions {
    /// Camera that is meant where a message names none; the first one if there is none here either.
    camera: Option<String>,
    /// Send its pictures at once, as `binary` messages or as `base64` in JSON. Without it a `subscribe` message
    /// begins them.
    #[param(inline)]
    frames: Option<Format>,
    /// Frames per second, at most; the others are left out evenly.
    #[serde(default, deserialize_with = "wish::fps")]
    #[param(value_type = Option<f32>, minimum = 0.1, maximum = 240.0)]
    fps: Option<f32>,
    /// The camera's own pictures (`0`), however few of them get through.
    #[serde(default = "live::yes", deserialize_with = "live::flag")]
    #[param(value_type = Option<Flag>, inline)]
    adapt: bool,
}

/// Pictures, control and events over a WebSocket.
///
/// The messages are described in `docs/websocket.md`.
#[utoipa::path(
    get,
    path = "/ws",
    operation_id = "socket",
    tag = "live",
    params(SocketOptions, Wish),
    responses(
        (status = 101, description = "The socket is open"),
        (status = 403, description = "Asked for by a page of another site", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
        (status = 426, description = "Not a WebSocket handshake", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn open(
    State(app): State<App>,
    Asked(options): Asked<SocketOptions>,
    Asked(wish): Asked<Wish>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(accept) = accept_key(&headers) else {
        return Ok(upgrade_required());
    };
    let door = app.doors.open(visit.visa().clone(), visit.address().ip());
    let mut streams = app.hub.streams().into_iter();
    let stream = streams.find(|stream| {
        let is_meant = options
            .camera
            .as_ref()
            .is_none_or(|id| stream.id().as_str() == id);
        is_meant && door.visa().may(Action::See, stream.id().as_str())
    });
    let stream = stream.ok_or_else(Problem::no_such_camera)?;
    let begin = options.frames.map(|format| Subscription {
        format,
        wish,
        fps: options.fps,
        adapt: options.adapt,
    });
    let session = Session::new(app, stream, visit.into_visitor(), door, begin);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let fields = response.headers_mut();
    fields.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    let departure = Departure::Socket(Box::new(session));
    response.extensions_mut().insert(Handover::new(departure));
    Ok(response)
}

/// What the client is answered with, if it speaks WebSocket. RFC 6455 clause 4.2.1.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name: header::HeaderName, word: &str| {
        headers.get_all(name).iter().any(|value| {
            let words = value.to_str().unwrap_or_default().split(',');
            words
                .into_iter()
                .any(|w| w.trim().eq_ignore_ascii_case(word))
        })
    };
    let is_handshake = has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let accept = derive_accept_key(key.as_bytes());
    is_handshake
        .then(|| HeaderValue::from_str(&accept).ok())
        .flatten()
}

fn upgrade_required() -> Response {
    let detail = "Here a WebSocket (RFC 6455, version 13) is expected.";
    let mut response = Problem::new(StatusCode::UPGRADE_REQUIRED, detail).into_response();
    let fields = response.headers_mut();
    fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    fields.insert(
        header::SEC_WEBSOCKET_VERSION,
        HeaderValue::from_static("13"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_needs_all_of_its_words() {
        let full = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        for missing in 0..=full.len() {
            let mut headers = HeaderMap::new();
            for (index, (name, value)) in full.iter().enumerate() {
                if index != missing {
                    headers.insert(*name, value.parse().unwrap());
                }
            }
            let accept = accept_key(&headers);
            // The example of RFC 6455 clause 1.3.
            let want = (missing == full.len())
                .then(|| HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
            assert_eq!(accept, want);
        }
    }
}

//! The live MJPEG stream: from the hub's newest frame to the HTTP library.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body::Frame;
use hub::{Demand, Ended, Reader, Stream};
use media::multipart;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    problem::Problem,
    state::App,
    viewers::{Place, Visitor},
    wire::Peer,
};

/// What the old server said, word for word; programs compare it.
pub(crate) const FULL: &str = "Sorry, the broadcast is full. Please try again later.";

/// How a stream is wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamOptions {
    /// Send each part's head before its picture is there (`1`). Browsers then show every picture at once and not one
    /// frame time late; the parts have no `Content-Length` and no `X-Timestamp`.
    #[serde(default, deserialize_with = "flag")]
    #[param(value_type = Option<u8>)]
    advance_headers: bool,
}

fn flag<'de, D: serde::Deserializer<'de>>(text: D) -> Result<bool, D::Error> {
    let text = String::deserialize(text)?;
    Ok(matches!(text.as_str(), "1" | "true" | "yes" | ""))
}

/// Live MJPEG of the first camera.
///
/// `multipart/x-mixed-replace`; every part has `Content-Type`, `Content-Length` and `X-Timestamp` (seconds and
/// microseconds of capture). `HEAD` answers at once, takes no place and starts no camera.
#[utoipa::path(
    get,
    path = "/stream",
    tag = "live",
    params(StreamOptions),
    responses(
        (status = 200, description = "The stream", content_type = "multipart/x-mixed-replace"),
        (status = 503, description = "Every place is taken; try again after `Retry-After` seconds", body = String, content_type = "text/plain"),
    )
)]
pub(crate) async fn first(
    State(app): State<App>,
    method: Method,
    peer: Peer,
    options: Query<StreamOptions>,
    headers: HeaderMap,
) -> Response {
    match app.hub.first() {
        Some(stream) => open(&app, &stream, &method, peer, options.0, &headers),
        None => Problem::no_such_camera().into_response(),
    }
}

/// Live MJPEG of one camera.
#[utoipa::path(
    get,
    path = "/api/v1/cameras/{id}/stream",
    tag = "live",
    params(("id" = String, Path, description = "Camera id"), StreamOptions),
    responses(
        (status = 200, description = "The stream", content_type = "multipart/x-mixed-replace"),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Every place is taken; try again after `Retry-After` seconds", body = String, content_type = "text/plain"),
    )
)]
pub(crate) async fn of_camera(
    State(app): State<App>,
    Path(id): Path<String>,
    method: Method,
    peer: Peer,
    options: Query<StreamOptions>,
    headers: HeaderMap,
) -> Response {
    match app.hub.get(&id) {
        Some(stream) => open(&app, &stream, &method, peer, options.0, &headers),
        None => Problem::no_such_camera().into_response(),
    }
}

/// Answers with the stream, or says that it is full.
pub(crate) fn open(
    app: &App,
    stream: &Arc<Stream>,
    method: &Method,
    peer: Peer,
    options: StreamOptions,
    headers: &HeaderMap,
) -> Response {
    let body = if method == Method::HEAD {
        Body::new(Unsent)
    } else {
        let user_agent = headers
            .get(header::USER_AGENT)
            .map(|agent| tame(&String::from_utf8_lossy(agent.as_bytes())));
        let visitor = Visitor {
            address: peer.address,
            user_agent,
            fate: peer.fate,
        };
        let reader = stream.latest();
        let Some(place) = app
            .viewers
            .admit(visitor, stream.id().clone(), reader.ender())
        else {
            let headers = [
                (header::RETRY_AFTER, "5"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            return (StatusCode::SERVICE_UNAVAILABLE, headers, FULL).into_response();
        };
        let _demand = stream.demand();
        Body::new(Live {
            reader,
            place,
            _demand,
            advance: options.advance_headers,
            state: Progress::Opening,
        })
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(multipart::CONTENT_TYPE),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-transform"),
    );
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    // Without it nginx collects pictures before it passes them on.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    // A stream ends with its connection; HTTP/1.0 clients then need no length.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A name from outside, fit for a log line and a page.
fn tame(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The body of a stream. Polled when the socket has room, so a slow viewer asks less often and sees the newest frame.
struct Live {
    reader: Reader,
    place: Place,
    _demand: Demand,
    advance: bool,
    state: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Opening,
    Running,
    Over,
}

impl http_body::Body for Live {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let data = match this.state {
            Progress::Over => return Poll::Ready(None),
            Progress::Opening => {
                // At once, so that a client knows that it was let in before the camera gives its first frame.
                this.state = Progress::Running;
                Bytes::from_static(if this.advance {
                    multipart::ADVANCE_OPENING
                } else {
                    multipart::OPENING
                })
            }
            Progress::Running => match this.reader.poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(frame)) => {
                    let part = if this.advance {
                        frame.advance_part()
                    } else {
                        frame.part()
                    };
                    this.place.count(part.len(), this.reader.skipped());
                    part
                }
                Poll::Ready(Err(ended)) => {
                    this.state = Progress::Over;
                    this.place.ended(match ended {
                        Ended::Reader => "was ended by request",
                        Ended::Closed => "the server stops",
                    });
                    Bytes::from_static(multipart::CLOSING)
                }
            },
        };
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

/// What `HEAD` stands for: a body of unknown length, of which nothing is sent.
struct Unsent;

impl http_body::Body for Unsent {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }
}

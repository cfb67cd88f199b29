//! The live MJPEG stream: who is let in, and what the answer's head says.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::{FromRequestParts, State},
    http::{HeaderValue, Method, StatusCode, Version, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hub::Stream;
use media::multipart;
use serde::{Deserialize, de::Error as _};
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::Visa,
    delivery::{Delivery, Departure, Handover},
    feed::Feed,
    gate::{Account, Refused},
    problem::{Asked, Problem},
    request_id::RequestId,
    state::{App, Camera},
    viewers::Visitor,
    wire::Peer,
    wish::{self, Wish},
};

/// What the old server said, word for word; programs compare it.
pub(crate) const FULL: &str = "Sorry, the broadcast is full. Please try again later.";

/// Yes or no, in an address.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document alone")]
pub(crate) enum Flag {
    #[schema(rename = "1")]
    One,
    #[schema(rename = "true")]
    True,
    #[schema(rename = "yes")]
    Yes,
    #[schema(rename = "0")]
    Zero,
    #[schema(rename = "false")]
    False,
    #[schema(rename = "no")]
    No,
}

/// How a stream is wanted.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamOptions {
    /// Send each part's head before its picture is there (`1`). Browsers then show every picture at once and not one
    /// frame time late; the parts have no `Content-Length` and no `X-Timestamp`.
    #[serde(default, deserialize_with = "flag")]
    #[param(value_type = Option<Flag>, inline)]
    advance_headers: bool,
    /// The camera's own pictures (`0`), however few of them get through: for programs that look at a few a second at their
    /// own pace, which from here cannot be told from a thin line.
    #[serde(default = "yes", deserialize_with = "flag")]
    #[param(value_type = Option<Flag>, inline)]
    adapt: bool,
    /// Frames per second, at most; the others are left out evenly.
    #[serde(default, deserialize_with = "wish::fps")]
    #[param(value_type = Option<f32>, minimum = 0.1, maximum = 240.0)]
    fps: Option<f32>,
}

pub(crate) fn yes() -> bool {
    true
}

pub(crate) fn flag<'de, D: serde::Deserializer<'de>>(text: D) -> Result<bool, D::Error> {
    match String::deserialize(text)?.as_str() {
        "1" | "true" | "yes" | "" => Ok(true),
        "0" | "false" | "no" => Ok(false),
        _ => Err(D::Error::custom("expected 1 or 0")),
    }
}

/// Live MJPEG of the first camera.
///
/// `multipart/x-mixed-replace`; every part has `Content-Type`, `Content-Length` and `X-Timestamp` (seconds and
/// microseconds of capture). `HEAD` answers at once, takes no place and starts no camera.
#[utoipa::path(
    get,
    path = "/stream",
    operation_id = "stream",
    tag = "live",
    params(StreamOptions, Wish),
    responses(
        (status = 200, description = "The stream", body = [u8], content_type = "multipart/x-mixed-replace"),
        (status = 400, description = "A wish that cannot be", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams were opened from this address or with this account; try again after `Retry-After` seconds", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Every place at the camera is taken; try again after `Retry-After` seconds", body = String, content_type = "text/plain"),
    )
)]
pub(crate) async fn first(
    State(app): State<App>,
    Camera(stream): Camera,
    visit: Visit,
    Asked(options): Asked<StreamOptions>,
    Asked(wish): Asked<Wish>,
) -> Response {
    open(&app, &stream, visit, options, wish)
}

/// Live MJPEG of one camera.
#[utoipa::path(
    get,
    path = "/api/v1/cameras/{id}/stream",
    operation_id = "camera_stream",
    tag = "live",
    params(("id" = String, Path, description = "Camera id"), StreamOptions, Wish),
    responses(
        (status = 200, description = "The stream", body = [u8], content_type = "multipart/x-mixed-replace"),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
        (status = 400, description = "A wish that cannot be", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams were opened from this address or with this account; try again after `Retry-After` seconds", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Every place at the camera is taken; try again after `Retry-After` seconds", body = String, content_type = "text/plain"),
    )
)]
pub(crate) async fn of_camera(
    State(app): State<App>,
    Camera(stream): Camera,
    visit: Visit,
    Asked(options): Asked<StreamOptions>,
    Asked(wish): Asked<Wish>,
) -> Response {
    open(&app, &stream, visit, options, wish)
}

/// Who asks, and whether for more than the head.
#[derive(Debug)]
pub(crate) struct Visit {
    is_head: bool,
    visitor: Visitor,
}

impl Visit {
    pub(crate) fn visa(&self) -> &Visa {
        &self.visitor.visa
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.visitor.address
    }

    pub(crate) fn into_visitor(self) -> Visitor {
        self.visitor
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let visa = Visa::from_request_parts(parts, state).await?;
        let Ok(Peer { address, fate, .. }) = Peer::from_request_parts(parts, state).await;
        let Ok(request) = RequestId::from_request_parts(parts, state).await;
        let agent = parts.headers.get(header::USER_AGENT);
        let user_agent = agent.map(|agent| tame(&String::from_utf8_lossy(agent.as_bytes())));
        Ok(Self {
            is_head: parts.method == Method::HEAD,
            visitor: Visitor {
                address,
                user_agent,
                visa,
                fate,
                request,
            },
        })
    }
}

/// Answers with the stream, or says that it is full.
pub(crate) fn open(
    app: &App,
    stream: &Arc<Stream>,
    visit: Visit,
    options: StreamOptions,
    wish: Wish,
) -> Response {
    let mut response = Response::new(Body::new(UntilClose));
    // A body that ends with its connection: old clients know nothing else, new ones understand it, and no frame needs
    // a chunk's head.
    *response.version_mut() = Version::HTTP_10;
    let fields = response.headers_mut();
    fields.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(multipart::CONTENT_TYPE),
    );
    fields.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-transform"),
    );
    fields.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    // Without it nginx collects pictures before it passes them on.
    fields.insert("x-accel-buffering", HeaderValue::from_static("no"));
    if visit.is_head {
        return response;
    }
    // Whoever finds no place has opened nothing, and is to come back.
    let opening = if app.viewers.is_full(stream.id()) {
        None
    } else {
        let Visitor { address, visa, .. } = &visit.visitor;
        let current = app.in_force.load();
        let account = Account::of(&visa.0);
        match app
            .openings
            .open(&current.config.gate, address.ip(), account)
        {
            Ok(opening) => Some(opening),
            Err(Refused::Address(wait)) => {
                return Problem::too_many("streams were opened", wait).into_response();
            }
            Err(Refused::Account(wait)) => {
                return Problem::too_many_of_account("streams were opened", wait).into_response();
            }
        }
    };
    let reader = stream.latest();
    let Some(place) = app
        .viewers
        .admit(visit.visitor, stream.id().clone(), reader.ender())
    else {
        let fields = [
            (header::RETRY_AFTER, "5"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        return (StatusCode::SERVICE_UNAVAILABLE, fields, FULL).into_response();
    };
    let delivery = Delivery {
        feed: Feed::new(reader, place, wish, options.fps, options.adapt),
        advance: options.advance_headers,
        _opening: opening,
    };
    let departure = Departure::Stream(Box::new(delivery));
    response.extensions_mut().insert(Handover::new(departure));
    response
}

/// A name from outside, fit for a log line and a page.
fn tame(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The body as the HTTP library sees it: of unknown length, and nothing in it. The frames follow by [`Delivery`].
struct UntilClose;

impl http_body::Body for UntilClose {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }
}

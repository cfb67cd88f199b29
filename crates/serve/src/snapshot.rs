//! One picture.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use hub::{CameraState, Stream};
use media::{Frame, Rendition};
use tokio::time::{Instant, timeout_at};

use crate::{
    problem::{Asked, Problem},
    state::{App, Camera},
    wish::Wish,
};

/// The newest picture of the first camera.
///
/// Starts the camera if it must. `X-Timestamp` is the time of capture in seconds and microseconds.
#[utoipa::path(
    get,
    path = "/snapshot",
    operation_id = "snapshot",
    tag = "live",
    params(Wish),
    responses(
        (status = 200, description = "The picture", body = [u8], content_type = "image/jpeg"),
        (status = 400, description = "A wish that cannot be", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The camera gives no picture", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn first(
    State(app): State<App>,
    Camera(stream): Camera,
    method: Method,
    Asked(wish): Asked<Wish>,
) -> Response {
    take(
        &stream,
        &method,
        wish,
        app.in_force.load().config.snapshot_timeout,
    )
    .await
}

/// The newest picture of one camera.
#[utoipa::path(
    get,
    path = "/api/v1/cameras/{id}/snapshot",
    operation_id = "camera_snapshot",
    tag = "live",
    params(("id" = String, Path, description = "Camera id"), Wish),
    responses(
        (status = 200, description = "The picture", body = [u8], content_type = "image/jpeg"),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
        (status = 400, description = "A wish that cannot be", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The camera gives no picture", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_camera(
    State(app): State<App>,
    Camera(stream): Camera,
    method: Method,
    Asked(wish): Asked<Wish>,
) -> Response {
    take(
        &stream,
        &method,
        wish,
        app.in_force.load().config.snapshot_timeout,
    )
    .await
}

/// Answers with the newest picture. `HEAD` answers at once and starts no camera.
pub(crate) async fn take(
    stream: &Arc<Stream>,
    method: &Method,
    wish: Wish,
    limit: Duration,
) -> Response {
    if method == Method::HEAD {
        return jpeg(Body::empty());
    }
    match picture(stream, wish, limit).await {
        Some(frame) => {
            let mut response = jpeg(Body::from(frame.bytes()));
            let time =
                HeaderValue::from_str(&frame.captured.to_string()).expect("digits and a point");
            response.headers_mut().insert("x-timestamp", time);
            response
        }
        None => {
            let detail = stream
                .status()
                .why
                .map_or("The camera gives no picture.", |why| why.sentence);
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
        }
    }
}

fn jpeg(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}

/// A picture that is new enough to be called the newest; a placeholder is none.
async fn picture(stream: &Arc<Stream>, wish: Wish, limit: Duration) -> Option<Arc<Frame>> {
    let deadline = Instant::now() + limit;
    let _demand = stream.demand();
    let original = first_picture(stream, stream, 0, deadline).await?;
    match wish.of_frame(&original) {
        Rendition::Original => Some(original),
        made => first_picture(stream, &stream.rendition(made), original.seq, deadline).await,
    }
}

/// The first picture out of `source`, with this number or a later one.
async fn first_picture(
    camera: &Stream,
    source: &Arc<Stream>,
    from_seq: u64,
    deadline: Instant,
) -> Option<Arc<Frame>> {
    let mut reader = source.latest();
    loop {
        let frame = timeout_at(deadline, reader.next()).await.ok()?.ok()?;
        if !frame.is_placeholder && frame.seq >= from_seq {
            return Some(frame);
        }
        // Its placeholder says already what is wrong: nobody has to wait for more of them.
        if camera.status().state == CameraState::Failed {
            return None;
        }
    }
}

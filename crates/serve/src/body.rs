//! Bodies of requests: JSON objects, small, and nothing that a foreign web page could send unasked.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use http_body_util::BodyExt as _;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::{admin::Keys, problem::Problem, state::App};

/// Largest body; far more than all keys of a camera take.
const BODY_BYTES: usize = 16 * 1024;
/// A whole configuration, which may come as one text.
const LARGE_BODY_BYTES: usize = 256 * 1024;
/// Of a body that is too large, so much is read and thrown away: a client that still writes would not see the answer.
const SWALLOWED_BYTES: usize = 1 << 20;

/// A JSON object.
#[derive(Debug)]
pub(crate) struct Object(pub(crate) Keys);

/// An object without keys.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// A request that says it is JSON, and may be empty.
#[derive(Debug)]
pub(crate) struct NoKeys;

impl FromRequest<App> for Object {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = read(request, app, BODY_BYTES).await?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(mut keys)) => {
                keys.values_mut().for_each(make_whole);
                Ok(Self(keys))
            }
            Ok(_) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "The body is JSON, but no object: expected something like {\"name\": \"Front door\"}.",
            )),
            Err(error) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                format!("The body is no JSON: {error}."),
            )),
        }
    }
}

/// A JSON object with these keys and no others.
#[derive(Debug)]
pub(crate) struct Fields<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Fields<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let Object(keys) = Object::from_request(request, app).await?;
        // The message names keys and kinds; it repeats text that was sent, so nothing secret may be anything but text.
        serde_json::from_value(Value::Object(keys))
            .map(Self)
            .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
    }
}

/// The same, with room for a whole configuration.
#[derive(Debug)]
pub(crate) struct Large<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Large<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = read(request, app, LARGE_BODY_BYTES).await?;
        let mut keys: Keys = serde_json::from_slice(&bytes).map_err(|error| {
            let detail = format!("The body is no JSON object: {error}.");
            Problem::new(StatusCode::BAD_REQUEST, detail)
        })?;
        keys.values_mut().for_each(make_whole);
        serde_json::from_value(Value::Object(keys))
            .map(Self)
            .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
    }
}

/// JSON knows one kind of number: `640.0` is `640`, whoever wrote it.
fn make_whole(value: &mut Value) {
    /// Up to here every whole number is a double of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or(f64::NAN);
            if float.fract() == 0.0 && float.abs() <= EXACT {
                #[expect(clippy::cast_possible_truncation, reason = "looked at above")]
                let whole = float as i64;
                *value = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        _ => {}
    }
}

impl FromRequest<App> for NoKeys {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = read(request, app, BODY_BYTES).await?;
        let is_empty = bytes.trim_ascii().is_empty()
            || serde_json::from_slice(&bytes).is_ok_and(|Nothing {}| true);
        if is_empty {
            Ok(Self)
        } else {
            Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "This address takes no keys: leave the body empty.",
            ))
        }
    }
}

async fn read(request: Request, app: &App, most: usize) -> Result<Vec<u8>, Problem> {
    is_json(request.headers())?;
    let patience = app.in_force.load().config.head_timeout;
    timeout(patience, collect(request.into_body(), most))
        .await
        .map_err(|_| {
            Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                format!("The body was not there within {} s.", patience.as_secs()),
            )
        })?
}

/// A form of a foreign page can send text and forms, but JSON only after the browser has asked us, and we do not agree.
fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .map(|kind| kind.trim().to_ascii_lowercase());
    match kind.as_deref() {
        Some("application/json" | "application/merge-patch+json") => Ok(()),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send it with `Content-Type: application/json` (or `application/merge-patch+json`).",
        )),
    }
}

async fn collect(mut body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                format!("The body ended early: {error}."),
            )
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length += data.len();
        if length <= most {
            bytes.extend_from_slice(&data);
        } else if length > SWALLOWED_BYTES {
            break;
        }
    }
    if length <= most {
        Ok(bytes)
    } else {
        Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "The body is too large: at most {} KiB are taken.",
                most / 1024
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_are_whole_however_they_are_written() {
        let mut value = json!({"a": 305.0, "b": [1.5, -2.0, "3.0"], "c": 1e300, "d": 7});
        make_whole(&mut value);
        assert_eq!(
            value,
            json!({"a": 305, "b": [1.5, -2, "3.0"], "c": 1e300, "d": 7})
        );
    }
}

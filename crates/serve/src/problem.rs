//! Errors as RFC 9457 `application/problem+json`.

use std::time::Duration;

use axum::{
    Json,
    body::Body,
    extract::{FromRequestParts, Path, Query},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::request_id::RequestId;

/// What a client is told about an error. RFC 9457 clause 3.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    #[schema(example = "Not Found")]
    title: &'static str,
    /// HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What went wrong in this case.
    #[schema(example = "There is no camera with this id.")]
    detail: String,
    /// The key of the request that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "width")]
    key: Option<String>,
    /// The request, by its name in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "4bf92f3577b34da6")]
    request_id: Option<RequestId>,
    /// When it is worth another try; told by `Retry-After`.
    #[serde(skip)]
    retry_after_s: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            detail: detail.into(),
            key: None,
            request_id: None,
            retry_after_s: None,
        }
    }

    /// A key of the request cannot be so.
    pub(crate) fn with_key(key: String, problem: String) -> Self {
        let detail = format!("`{key}`: {problem}");
        Self {
            key: Some(key),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        }
    }

    /// More than `limits` allows of something; told when it will be allowed again.
    pub(crate) fn too_many(what: &str, wait: Duration) -> Self {
        Self::wait(&format!("{what} from this address"), wait)
    }

    /// The same, for an account.
    pub(crate) fn too_many_of_account(what: &str, wait: Duration) -> Self {
        Self::wait(&format!("{what} with this account"), wait)
    }

    fn wait(what: &str, wait: Duration) -> Self {
        let wait_s = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let detail = format!("Too many {what}. Try again in {wait_s} s.");
        Self {
            retry_after_s: Some(wait_s),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
        }
    }

    /// Says in an answer which request it is about, if it is a problem.
    pub(crate) fn sign(response: &mut Response, id: &RequestId) {
        let Some(mut problem) = response.extensions_mut().remove::<Self>() else {
            return;
        };
        problem.request_id = Some(id.clone());
        if let Ok(text) = serde_json::to_vec(&problem) {
            *response.body_mut() = Body::from(text);
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
    }

    pub(crate) fn no_such_camera() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is no camera with this id.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let unavailable = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(5);
        let retry_after_s = self.retry_after_s.or(unavailable);
        let mut response = (status, Json(&self)).into_response();
        response.extensions_mut().insert(self);
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = retry_after_s {
            let fields = response.headers_mut();
            fields.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// `Path`, with a problem for what is no text.
#[derive(Debug)]
pub(crate) struct Named<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::new(StatusCode::BAD_REQUEST, rejection.body_text())),
        }
    }
}

/// `Query`, with a problem for values that make no sense.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::new(StatusCode::BAD_REQUEST, rejection.body_text())),
        }
    }
}

//! A name for each request, by which its answer is found in the log.

use std::{convert::Infallible, fmt, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
};
use serde::{Serialize, Serializer};
use tracing::{Span, info_span};

/// The header, in requests of trusted proxies and in every answer.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longest one that is taken from a proxy.
const LONGEST: usize = 64;
/// Of a path, in the log.
const LONGEST_PATH: usize = 200;

/// Random, or what a trusted proxy calls the request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    pub(crate) fn random() -> Self {
        // It is a name and no secret: without random numbers there are others.
        let number = getrandom::u64().unwrap_or_default();
        Self(format!("{number:016x}").into())
    }

    /// What a trusted proxy says, if it is fit for log lines and headers.
    pub(crate) fn given(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(HEADER).iter();
        let text = all.next()?.to_str().ok()?;
        let is_fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_one = all.next().is_none() && (1..=LONGEST).contains(&text.len());
        (is_one && text.chars().all(is_fit)).then(|| Self(text.into()))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("letters, digits and -_.")
    }

    /// What is said while the request is answered is about it. What stands behind the question mark may be a secret.
    pub(crate) fn span<B>(&self, request: &axum::http::Request<B>) -> Span {
        let path: String = request.uri().path().chars().take(LONGEST_PATH).collect();
        info_span!("request", id = %self, method = %request.method(), path)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let id = parts.extensions.get().cloned();
        Ok(id.unwrap_or_else(Self::random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_from_a_proxy() {
        let given = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, HeaderValue::from_str(value).unwrap());
            }
            RequestId::given(&headers).map(|id| id.to_string())
        };
        let long = "a".repeat(LONGEST);
        for good in ["1", "0af7651916cd43dd-8448eb211c80319c", "a_b.C", &long] {
            assert_eq!(given(&[good]).as_deref(), Some(good));
        }
        let longer = "a".repeat(LONGEST + 1);
        for bad in [
            &[][..],
            &[""],
            &["a b"],
            &["a\"b"],
            &["a", "b"],
            &[longer.as_str()],
            &["<x>"],
        ] {
            assert_eq!(given(bad), None, "{bad:?}");
        }
        assert_ne!(RequestId::random(), RequestId::random());
    }
}

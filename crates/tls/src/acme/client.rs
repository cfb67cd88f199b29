//! Asks the authority, over HTTPS alone, and takes no more of what it says than there can be.

use std::{
    error::Error as StdError,
    future::Future,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use httpdate::parse_http_date;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use instant_acme::{BodyWrapper, BytesResponse, Error as AcmeError, HttpClient, Problem};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::CryptoProvider,
    version::{TLS12, TLS13},
};
use tokio::time::timeout;

use super::trouble::Trouble;
use crate::{Error, identity};

/// Far more than the longest chain of certificates takes.
const MAX_BYTES: usize = 256 * 1024;
const CONNECT: Duration = Duration::from_secs(10);
/// For one request, the connection and all of its answer.
const REQUEST: Duration = Duration::from_secs(30);
/// No authority is waited for longer than this, whatever it asks for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Silence {
    /// No request got there.
    #[error("{0}")]
    Unreached(String),
    #[error("no answer within {} s", REQUEST.as_secs())]
    Slow,
    #[error("its answer is larger than {} KiB", MAX_BYTES / 1024)]
    TooLarge,
    /// Without the words that ACME has for what is wrong.
    #[error("it answers with HTTP status {0}")]
    Status(StatusCode),
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl From<Silence> for AcmeError {
    fn from(silence: Silence) -> Self {
        Self::Other(Box::new(silence))
    }
}

type Https = Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>;

/// For one order.
#[derive(Clone)]
pub(super) struct AuthorityClient {
    https: Https,
    come_back: Arc<Mutex<Option<Duration>>>,
}

impl AuthorityClient {
    /// Believes whom the system believes, and those in the file. Reads files.
    pub(super) fn new(root: Option<&Path>, provider: Arc<CryptoProvider>) -> Result<Self, Trouble> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if let Some(file) = root {
            add_roots(file, &mut roots).map_err(|error| Trouble::here(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(Trouble::here(
                "this machine believes no authority at all: install the Debian package ca-certificates",
            ));
        }
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| Trouble::here(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self {
            https: Client::builder(TokioExecutor::new()).build(connector),
            come_back: Arc::default(),
        })
    }

    /// When the authority said to come back, the newest time it had too much to do.
    pub(super) fn come_back(&self) -> Option<Duration> {
        *self
            .come_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, AcmeError> {
        let method = request.method().clone();
        let response = self.https.request(request).await.map_err(|error| {
            let cause = cause(&error);
            if error.is_connect() {
                Silence::Unreached(cause)
            } else {
                Silence::Broken(cause)
            }
        })?;
        let (mut parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_BYTES).collect().await;
        let body =
            body.map_err(
                |error| match error.downcast::<hyper_util::client::legacy::Error>() {
                    Ok(error) => Silence::Broken(cause(&*error)),
                    Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                        Silence::TooLarge
                    }
                    Err(error) => Silence::Broken(cause(&*error)),
                },
            )?;
        let body = body.to_bytes();
        // The library adds the number to a clock, and there are numbers with which that cannot be done.
        let wait = parts.headers.remove(header::RETRY_AFTER);
        let wait = wait.and_then(|it| retry_after(&it, SystemTime::now()));
        if let Some(wait) = wait {
            parts
                .headers
                .insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        let status = parts.status;
        if matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            *self
                .come_back
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = wait;
        }
        // The library looks at the status of its POSTs alone, and wants to hear of those what is wrong.
        if status.is_client_error() || status.is_server_error() {
            match serde_json::from_slice::<Problem>(&body) {
                Ok(problem) if method == Method::GET => return Err(AcmeError::Api(problem)),
                Ok(_) => {}
                Err(_) => return Err(Silence::Status(status).into()),
            }
        }
        Ok(BytesResponse::from(Response::from_parts(
            parts,
            http_body_util::Full::new(body),
        )))
    }
}

impl HttpClient for AuthorityClient {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, AcmeError>> + Send>> {
        let asked = timeout(REQUEST, self.clone().ask(request));
        Box::pin(async move {
            let answer = asked.await;
            answer.unwrap_or_else(|_| Err(Silence::Slow.into()))
        })
    }
}

/// The operator's authorities.
pub(super) fn add_roots(file: &Path, roots: &mut RootCertStore) -> Result<(), Error> {
    for root in identity::chain(file)? {
        roots.add(root).map_err(|_| {
            Error::content(
                file,
                "a certificate in it is not one of an authority, or is damaged",
            )
        })?;
    }
    Ok(())
}

/// In either form. RFC 9110 clause 10.2.3.
fn retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(s) => Duration::from_secs(s),
        Err(_) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => LONGEST,
        Err(_) => parse_http_date(text)
            .ok()?
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(wait.min(LONGEST))
}

/// What is behind all the layers that pass an error on.
fn cause(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_waited_for_longer_than_a_day() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_000);
        let check = |text: &'static str, want: Option<u64>| {
            let wait = retry_after(&HeaderValue::from_static(text), now);
            assert_eq!(wait.map(|wait| wait.as_secs()), want, "{text}");
        };
        check("0", Some(0));
        check(" 120 ", Some(120));
        check("18446744073709551615", Some(86_400));
        check("99999999999999999999999", Some(86_400));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(777));
        check("Sun, 06 Nov 1993 08:49:37 GMT", None);
        check("Sat, 06 Nov 1993 08:49:37 GMT", Some(0));
        check("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400));
        check("", None);
        check("soon", None);
        check("-1", None);
    }
}

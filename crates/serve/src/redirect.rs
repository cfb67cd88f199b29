//! Sends visitors who speak plain HTTP to where it is encrypted. Only an authority that looks for its challenge is
//! answered here.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Method, StatusCode, Uri, header, uri::Authority},
    response::{IntoResponse as _, Response},
};
use hyper::{Request, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tls::Tls;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::{InForce, gate::Gate, listener::Seats, viewers::Fate, wire::Wire};

/// Longest request head.
const BUFFER_BYTES: usize = 16 * 1024;
/// There is one answer and then the end: a connection that takes longer is not worth its place.
const LIMIT: Duration = Duration::from_secs(10);
const NO_HOST: &str = "This port speaks HTTPS: write https:// in front of the address.\n";

/// A plain port beside the encrypted one.
pub(crate) struct Redirecting {
    pub(crate) listener: TcpListener,
    pub(crate) https_port: u16,
    pub(crate) in_force: InForce,
    pub(crate) gate: Arc<Gate>,
    /// The same that the other connections take.
    pub(crate) seats: Arc<Seats>,
}

impl Redirecting {
    /// Answers until `stop`; nobody is worth waiting for.
    pub(crate) async fn run(self, connections: TaskTracker, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            let (mut socket, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "a connection could not be taken");
                    sleep(Duration::from_millis(200)).await;
                    continue;
                }
            };
            let current = self.in_force.load();
            // There is no redirect to what is not there.
            let Some(tls) = current.tls.clone() else {
                continue;
            };
            let Some(seat) = self.seats.take(current.config.max_connections) else {
                debug!("connection refused: too many are open");
                continue;
            };
            let Some(mut entry) = self.gate.enter(address) else {
                continue;
            };
            let (https_port, stop) = (self.https_port, stop.clone());
            let head_timeout = current.config.head_timeout;
            let gate = self.gate.clone();
            connections.spawn(async move {
                let answered = async {
                    let announced = gate.announced(&mut entry, &mut socket, head_timeout);
                    if announced.await.is_some() {
                        answer(socket, &tls, https_port, head_timeout).await;
                    }
                };
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = answered => {}
                }
                drop((seat, entry));
            });
        }
    }
}

/// Answers one request with the same address over HTTPS, or an authority with what it looks for, and closes.
pub(crate) async fn answer(socket: TcpStream, tls: &Tls, https_port: u16, head_timeout: Duration) {
    let wire = Wire::new(socket, LIMIT, Arc::new(Fate::default()));
    let service = service_fn(move |request| {
        let response = match challenged(&request, tls) {
            Some(text) => plain(StatusCode::OK, Body::from(text)),
            None => elsewhere(&request, https_port),
        };
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .title_case_headers(true)
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(wire), service);
    if let Ok(Err(error)) = timeout(LIMIT, connection).await {
        debug!(%error, "connection ended");
    }
}

/// What an authority is to find here. RFC 8555 clause 8.3.
fn challenged<B>(request: &Request<B>, tls: &Tls) -> Option<String> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    is_read.then(|| tls.answer(request.uri().path())).flatten()
}

fn elsewhere<B>(request: &Request<B>, https_port: u16) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let location = location(host, request.uri(), https_port)
        .and_then(|location| HeaderValue::try_from(location).ok());
    match location {
        Some(location) => {
            let text = format!(
                "Here it is encrypted: {}\n",
                location.to_str().unwrap_or_default()
            );
            let mut response = plain(StatusCode::PERMANENT_REDIRECT, Body::from(text));
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        None => plain(StatusCode::BAD_REQUEST, Body::from(NO_HOST)),
    }
}

fn plain(status: StatusCode, text: Body) -> Response {
    let mut response = (status, text).into_response();
    let fields = response.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    fields.insert(header::CONTENT_TYPE, plain);
    let nosniff = HeaderValue::from_static("nosniff");
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    // A browser would keep it for good, and the port may serve something else tomorrow.
    let no_store = HeaderValue::from_static("no-store");
    fields.insert(header::CACHE_CONTROL, no_store);
    response
}

/// The same address over HTTPS; none if the client did not say whom it takes us for.
fn location(host: Option<&str>, uri: &Uri, https_port: u16) -> Option<String> {
    let authority = match uri.authority() {
        Some(authority) => authority.clone(),
        None => host?.parse::<Authority>().ok()?,
    };
    let host = authority.host();
    if host.is_empty() {
        return None;
    }
    let port = match https_port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // `*` of OPTIONS is no path.
    let path = if path.starts_with('/') { path } else { "/" };
    Some(format!("https://{host}{port}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stays_but_for_scheme_and_port() {
        let check = |host: Option<&str>, uri: &str, port, want: Option<&str>| {
            let location = location(host, &uri.parse().unwrap(), port);
            assert_eq!(location.as_deref(), want, "{host:?} {uri}");
        };
        check(Some("pi"), "/", 3000, Some("https://pi:3000/"));
        check(
            Some("pi:80"),
            "/a%20b?c=d&e",
            443,
            Some("https://pi/a%20b?c=d&e"),
        );
        check(Some("[::1]:80"), "/s", 1, Some("https://[::1]:1/s"));
        check(Some("other"), "http://pi/x", 1, Some("https://pi:1/x"));
        check(Some("pi"), "*", 1, Some("https://pi:1/"));
        // Never to where a login stands in the address.
        check(Some("me:pw@pi"), "/", 1, Some("https://pi:1/"));
        check(Some("pi\\evil"), "/", 1, None);
        check(Some("pi/evil"), "/", 1, None);
        check(Some(""), "/", 1, None);
        check(None, "/", 1, None);
    }
}

//! One connection, as long as HTTP is spoken on it.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::Poll,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse as _, Redirect, Response},
};
use bytes::Bytes;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tower::ServiceExt as _;
use tracing::{Instrument as _, debug};

use crate::{
    base_path::{self, Place},
    delivery::{Departure, Handover},
    farewell::Ear,
    gate::Gate,
    in_force::Current,
    problem::Problem,
    request_id, secure,
    viewers::Fate,
    wire::{Peer, Wire},
};

/// Longest request head.
const BUFFER_BYTES: usize = 16 * 1024;
/// How long an answer may take to end when the server stops.
const GRACE: Duration = Duration::from_millis(2500);

/// A connection that was just taken.
pub(crate) struct Connection {
    pub(crate) socket: TcpStream,
    pub(crate) address: SocketAddr,
    pub(crate) router: Router,
    pub(crate) gate: Arc<Gate>,
    /// What held when it was taken.
    pub(crate) current: Arc<Current>,
    pub(crate) ear: Ear,
}

impl Connection {
    /// Answers requests until the connection ends, or until the answer is a stream or a socket: then that and the
    /// connection are given back, with the answer's head written, and with what the client sent right behind it.
    pub(crate) async fn speak_http(self) -> Option<(Departure, Wire, Bytes, Ear)> {
        let Self {
            socket,
            address,
            router,
            gate,
            current,
            mut ear,
        } = self;
        let config = &current.config;
        let tls = current.tls.clone();
        // An IPv4 peer of an IPv6 socket is shown as what it is.
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let fate = Arc::new(Fate::default());
        let wire = match &tls {
            None => Wire::new(socket, config.viewer_timeout, fate.clone()),
            // Apart, so that a plain connection has no room for a handshake.
            Some(tls) => Box::pin(secure::greet(socket, tls, config, &fate, &mut ear)).await?,
        };
        let peer = Peer {
            address,
            fate: fate.clone(),
            is_secure: tls.is_some(),
        };
        let handed_over = Arc::new(OnceLock::new());
        let for_service = handed_over.clone();
        let base_path = config.base_path.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            let answer = answer(request, router.clone(), gate.clone(), &base_path);
            let handed_over = for_service.clone();
            let tls = tls.clone();
            Box::pin(async move {
                let mut response = answer.await;
                if let Some(tls) = &tls {
                    secure::insist(tls, response.headers_mut());
                }
                if let Some(handover) = response.extensions_mut().remove::<Handover>() {
                    let _ = handed_over.set(handover);
                }
                Ok::<_, Infallible>(response)
            })
        });
        let mut connection = http1::Builder::new()
            // Some clients in small devices compare names of headers letter by letter.
            .title_case_headers(true)
            .timer(TokioTimer::new())
            .header_read_timeout(config.head_timeout)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(TokioIo::new(wire), service);
        let until_leaving = poll_fn(|cx| match connection.poll_without_shutdown(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if ear.heard(cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let result = match until_leaving.await {
            Some(result) => result,
            None => {
                Pin::new(&mut connection).graceful_shutdown();
                timeout(GRACE, poll_fn(|cx| connection.poll_without_shutdown(cx)))
                    .await
                    .ok()?
            }
        };
        if let Err(error) = result {
            debug!(%address, %error, "connection ended");
            return None;
        }
        let parts = connection.into_parts();
        let mut wire = parts.io.into_inner();
        match handed_over.get().and_then(Handover::take) {
            // The head may not be out yet, with a client that sends requests and reads no answers.
            Some(_) if wire.is_blocked() => None,
            Some(departure) => Some((departure, wire, parts.read_buf, ear)),
            None => {
                let _ = timeout(GRACE, wire.shutdown()).await;
                None
            }
        }
    }
}

/// Finds the handler, below the base path or without it.
fn answer(
    mut request: Request<Incoming>,
    router: Router,
    gate: Arc<Gate>,
    base_path: &str,
) -> impl Future<Output = Response> + use<> {
    let place = if base_path.len() > 1 {
        base_path::locate(request.uri(), base_path)
    } else {
        Place::Elsewhere
    };
    async move {
        let id = gate.name(&request);
        request.extensions_mut().insert(id.clone());
        let span = id.span(&request);
        let answered = async {
            match place {
                Place::NeedsSlash(address) => Redirect::permanent(&address).into_response(),
                Place::Below(uri) => {
                    *request.uri_mut() = uri;
                    route(router, request).await
                }
                Place::Elsewhere => route(router, request).await,
            }
        };
        let mut response = answered.instrument(span).await;
        Problem::sign(&mut response, &id);
        response
            .headers_mut()
            .insert(request_id::HEADER, id.header());
        gate.dress(&mut response);
        response
    }
}

async fn route(router: Router, request: Request<Incoming>) -> Response {
    match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

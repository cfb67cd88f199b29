//! Takes connections and serves each one until it ends.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Router,
    http::{HeaderValue, header},
};
use hub::Hub;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;
use tracing::{debug, warn};

use crate::{
    Config, base_path, openapi,
    state::App,
    viewers::{Fate, Viewers},
    wire::{Peer, Wire},
};

/// Longest request head, and the most that is kept for a viewer beyond the one part that is being written.
const BUFFER_BYTES: usize = 16 * 1024;
const BACKLOG: i32 = 1024;

/// Where the server listens.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    config: Config,
}

/// Takes the address.
///
/// # Errors
/// When the address is not ours or is in use.
pub fn bind(config: Config) -> io::Result<Listening> {
    let address = SocketAddr::new(config.listen, config.port);
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(Listening {
        listener: TcpListener::from_std(socket.into())?,
        config,
    })
}

impl Listening {
    /// The address and the port, the one chosen by the system too.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`, then lets every answer in progress end. Streams end when the hub closes.
    pub async fn serve(self, hub: Arc<Hub>, stop: CancellationToken) {
        let Self { listener, config } = self;
        let places = Arc::new(Semaphore::new(config.max_connections));
        let app = App {
            hub,
            viewers: Viewers::new(config.max_viewers),
            config: Arc::new(config),
            started: Instant::now(),
            started_at: SystemTime::now(),
        };
        let config = app.config.clone();
        let router = openapi::router(app);
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let (socket, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors or memory: those who are here go on, newcomers wait in the kernel.
                    warn!(%error, "a connection could not be taken");
                    sleep(Duration::from_millis(200)).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                debug!(%address, "connection refused: too many are open");
                continue;
            };
            let connection = serve_one(
                socket,
                address,
                router.clone(),
                config.clone(),
                stop.clone(),
            );
            connections.spawn(async move {
                connection.await;
                drop(place);
            });
        }
        connections.close();
        connections.wait().await;
    }
}

async fn serve_one(
    socket: TcpStream,
    address: SocketAddr,
    router: Router,
    config: Arc<Config>,
    stop: CancellationToken,
) {
    // An IPv4 peer of an IPv6 socket is shown as what it is.
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    let fate = Arc::new(Fate::default());
    let peer = Peer {
        address,
        fate: fate.clone(),
    };
    let wire = Wire::new(socket, config.viewer_timeout, fate.clone());
    let base = config.base_path.clone();
    let service =
        hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            let (router, peer) = (router.clone(), peer.clone());
            if base.len() > 1
                && let Some(uri) = base_path::strip(request.uri(), &base)
            {
                *request.uri_mut() = uri;
            }
            request.extensions_mut().insert(peer);
            async move {
                let mut response = router.oneshot(request.map(axum::body::Body::new)).await?;
                let nosniff = HeaderValue::from_static("nosniff");
                response
                    .headers_mut()
                    .insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
                Ok::<_, std::convert::Infallible>(response)
            }
        });
    let mut http = http1::Builder::new();
    // Some clients in small devices compare names of headers letter by letter.
    http.title_case_headers(true);
    http.timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        .max_buf_size(BUFFER_BYTES);
    let mut connection = pin!(http.serve_connection(TokioIo::new(wire), service));
    let result = tokio::select! {
        result = &mut connection => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            const GRACE: Duration = Duration::from_millis(2500);
            match timeout(GRACE, &mut connection).await {
                Ok(result) => result,
                Err(_) => {
                    fate.server_stops();
                    return;
                }
            }
        }
    };
    if let Err(error) = result {
        debug!(%address, %error, "connection ended");
    }
}

//! Takes connections and serves each one until it ends.

use std::{
    io,
    net::SocketAddr,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use accounts::Accounts;
use axum::middleware::from_fn_with_state;
use governor::{Quota, RateLimiter};
use hub::Hub;
use index::Index;
use socket2::{Domain, Protocol, Socket, Type};
use tls::Tls;
use tokio::{net::TcpListener, sync::Semaphore, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::{
    Admin, Config,
    access::{self, Alarm, Doors},
    connection::Connection,
    events::Events,
    farewell::Farewell,
    gate::Gate,
    metrics::{self, Counts},
    openapi,
    redirect::Redirecting,
    state::App,
    three::Three,
    viewers::Viewers,
};

const BACKLOG: i32 = 1024;
/// Failed logins in a burst that the log tells of; after that, one in a second.
const FAILURES: NonZeroU32 = NonZeroU32::new(60).unwrap();

/// Where the server listens.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    config: Config,
    tls: Option<Arc<Tls>>,
    /// A plain port whose visitors are sent here.
    redirecting: Option<TcpListener>,
}

/// Takes the address.
///
/// # Errors
/// When the address is not ours or is in use.
pub fn bind(config: Config) -> io::Result<Listening> {
    let address = SocketAddr::new(config.listen, config.port);
    Ok(Listening {
        listener: listen(address)?,
        config,
        tls: None,
        redirecting: None,
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
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
    TcpListener::from_std(socket.into())
}

impl Listening {
    /// The address and the port, the one chosen by the system too.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Encrypts every connection.
    pub fn encrypt(&mut self, tls: Arc<Tls>) {
        self.tls = Some(tls);
    }

    /// Takes one more port, 0 for any, whose visitors are sent to the encrypted one. Returns its address.
    ///
    /// # Errors
    /// When the port is in use.
    pub fn redirect_from(&mut self, port: u16) -> io::Result<SocketAddr> {
        let listener = listen(SocketAddr::new(self.address()?.ip(), port))?;
        let address = listener.local_addr()?;
        self.redirecting = Some(listener);
        Ok(address)
    }

    /// Serves until `stop`, then lets every answer in progress end. What changes cameras goes to `admin`;
    /// `accounts` say who may do what, `index` what happened. Streams end when the hub closes.
    pub async fn serve(
        self,
        hub: Arc<Hub>,
        index: Index,
        admin: Admin,
        accounts: Accounts,
        stop: CancellationToken,
    ) {
        let Self {
            listener,
            config,
            tls,
            redirecting,
        } = self;
        let places = Arc::new(Semaphore::new(config.max_connections));
        let events = Events::new();
        tokio::spawn(events.clone().run(hub.clone(), stop.clone()));
        let gate = Gate::new(config.gate.clone(), config.max_connections);
        let counts = Counts::new(gate.clone(), places.clone());
        let alarm = Alarm::new(config.alarm, hub.incidents().clone());
        let app = App {
            three: Three::new(config.three_dir.clone()),
            hub,
            index,
            alarm: alarm.clone(),
            events,
            admin,
            viewers: Viewers::new(config.max_viewers, accounts.clone()),
            accounts,
            doors: Doors::default(),
            logins: Arc::default(),
            failures: Arc::new(RateLimiter::direct(
                Quota::per_second(NonZeroU32::MIN).allow_burst(FAILURES),
            )),
            openings: gate.streams(),
            requests: gate.requests(),
            config: Arc::new(config),
            counts: counts.clone(),
            started: Instant::now(),
            started_at: SystemTime::now(),
        };
        tokio::spawn(access::run(app.clone(), stop.clone()));
        let config = app.config.clone();
        let router = gate
            .guard(openapi::router(app))
            .layer(from_fn_with_state(counts.clone(), metrics::count));
        let connections = TaskTracker::new();
        connections.spawn(alarm.run(stop.clone()));
        let farewell = Arc::new(Farewell::default());
        if let (Some(from), Some(tls), Ok(to)) = (redirecting, &tls, listener.local_addr()) {
            let redirecting = Redirecting {
                gate: gate.clone(),
                listener: from,
                https_port: to.port(),
                tls: tls.clone(),
                config: config.clone(),
                places: places.clone(),
            };
            connections.spawn(redirecting.run(connections.clone(), stop.clone()));
        }
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
                counts.turned_away();
                continue;
            };
            let Some(mut entry) = gate.enter(address) else {
                continue;
            };
            let mut connection = Connection {
                socket,
                address,
                router: router.clone(),
                gate: gate.clone(),
                config: config.clone(),
                ear: farewell.listen(),
                tls: tls.clone(),
            };
            let tracker = connections.clone();
            let gate = gate.clone();
            connections.spawn(async move {
                let patience = connection.config.head_timeout;
                let announced = gate.announced(&mut entry, &mut connection.socket, patience);
                let Some(address) = announced.await else {
                    return;
                };
                connection.address = address;
                // A stream goes on in a task of its own: what HTTP needed is not kept for it.
                if let Some((departure, wire, early, ear)) = connection.speak_http().await {
                    tracker.spawn(async move {
                        departure.run(wire, early, ear).await;
                        drop((place, entry));
                    });
                }
            });
        }
        farewell.say();
        connections.close();
        connections.wait().await;
    }
}

//! Takes connections and serves each one until it ends.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

use accounts::Accounts;
use axum::middleware::from_fn_with_state;
use hub::Hub;
use index::Index;
use logs::Logs;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::{
    Admin, InForce,
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

/// Where the server listens.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    /// A plain port whose visitors are sent here.
    redirecting: Option<TcpListener>,
}

/// Connections that are open. How many there may be is said by whoever takes one more.
#[derive(Debug, Default)]
pub(crate) struct Seats(AtomicUsize);

/// One of them; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Seats>);

impl Seats {
    pub(crate) fn take(self: &Arc<Self>, most: usize) -> Option<Seat> {
        let one_more = |open| (open < most).then_some(open + 1);
        let taken = self.0.fetch_update(Relaxed, Relaxed, one_more);
        taken.ok().map(|_| Seat(self.clone()))
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// Takes the address.
///
/// # Errors
/// When the address is not ours or is in use.
pub fn bind(address: SocketAddr) -> io::Result<Listening> {
    Ok(Listening {
        listener: listen(address)?,
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

/// What answers are made of.
#[derive(Debug)]
pub struct Services {
    /// Pictures.
    pub hub: Arc<Hub>,
    /// What happened.
    pub index: Index,
    /// Where changes of cameras and configuration go.
    pub admin: Admin,
    /// Who may do what.
    pub accounts: Accounts,
    /// What was said.
    pub logs: Logs,
}

impl Listening {
    /// The address and the port, the one chosen by the system too.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
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

    /// Serves by what is in force until `stop`, then lets every answer in progress end. Streams end when the hub closes.
    pub async fn serve(self, in_force: InForce, services: Services, stop: CancellationToken) {
        let Services {
            hub,
            index,
            admin,
            accounts,
            logs,
        } = services;
        let Self {
            listener,
            redirecting,
        } = self;
        let seats = Arc::<Seats>::default();
        let events = Events::new();
        tokio::spawn(events.clone().run(hub.clone(), stop.clone()));
        let gate = Gate::new(in_force.clone());
        let counts = Counts::new(gate.clone(), seats.clone());
        let alarm = Alarm::new(in_force.clone(), hub.incidents().clone());
        let app = App {
            three: Three::new(in_force.ask(|config| config.three_dir.clone())),
            hub,
            index,
            alarm: alarm.clone(),
            events,
            admin,
            viewers: Viewers::new(in_force.clone(), accounts.clone()),
            accounts,
            doors: Doors::default(),
            logins: Arc::default(),
            openings: gate.streams(),
            requests: gate.requests(),
            in_force: in_force.clone(),
            logs,
            disk: Arc::default(),
            counts: counts.clone(),
            stop: stop.clone(),
            started: Instant::now(),
            started_at: SystemTime::now(),
        };
        tokio::spawn(access::run(app.clone(), stop.clone()));
        let router = gate
            .guard(openapi::router(app))
            .layer(from_fn_with_state(counts.clone(), metrics::count));
        let connections = TaskTracker::new();
        connections.spawn(alarm.run(stop.clone()));
        let farewell = Arc::new(Farewell::default());
        if let (Some(from), Ok(to)) = (redirecting, listener.local_addr()) {
            let redirecting = Redirecting {
                gate: gate.clone(),
                listener: from,
                https_port: to.port(),
                in_force: in_force.clone(),
                seats: seats.clone(),
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
            let current = in_force.load();
            let Some(seat) = seats.take(current.config.max_connections) else {
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
                current,
                ear: farewell.listen(),
            };
            let tracker = connections.clone();
            let gate = gate.clone();
            connections.spawn(async move {
                let patience = connection.current.config.head_timeout;
                let announced = gate.announced(&mut entry, &mut connection.socket, patience);
                let Some(address) = announced.await else {
                    return;
                };
                connection.address = address;
                // A stream goes on in a task of its own: what HTTP needed is not kept for it.
                let spoken = tokio::select! {
                    biased;
                    spoken = connection.speak_http() => spoken,
                    () = gate.expelled(address.ip()) => None,
                };
                if let Some((departure, wire, early, ear)) = spoken {
                    tracker.spawn(async move {
                        departure.run(wire, early, ear).await;
                        drop((seat, entry));
                    });
                }
            });
        }
        farewell.say();
        connections.close();
        connections.wait().await;
    }
}

//! Wires everything together and runs it until it is told to stop.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use hub::Hub;
use index::Index;
use pipeline::{Cameras, Renditions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serve::{InForce, Services};
use tls::Tls;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{debug, error, info, warn};

use crate::{
    args::Options,
    config::{Config, Layers, TlsConfig, Values},
    databases::Databases,
    instance,
    keeper::Keeper,
    owner::{self, Owner},
    people,
    running::{Certificate, Running},
    service,
    settings::Desk,
    store::{Contents, Store},
};

/// The server is gone within three seconds of being told.
const FAREWELL: Duration = Duration::from_millis(2900);

/// Runs the server.
pub(crate) fn serve(layers: &Layers, options: Options) -> anyhow::Result<()> {
    // One thread moves all pictures: handing a viewer to another one costs more than the write it is woken for.
    // Whatever takes longer than a moment has threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let result = runtime.block_on(run(layers, options));
    // A picture being drawn is not waited for.
    runtime.shutdown_background();
    result
}

async fn run(layers: &Layers, options: Options) -> anyhow::Result<()> {
    let (mut config, written) = layers.check()?;
    let store = Store::new(config.data_dir.clone());
    let contents = owner::begin(&mut config, &written, &store);
    let Config {
        origin,
        serve,
        tls,
        cameras,
        logs,
        max_cpu_percent,
        is_login_on,
        audit,
        accounts,
        index,
        data_dir,
        ..
    } = config;
    let logs = logs::start(logs)?;
    let _logs = AbortOnDropHandle::new(tokio::spawn(logs.clone().run()));
    info!(
        version = env!("CARGO_PKG_VERSION"),
        configuration = origin,
        "my-cctv-server starts"
    );
    if rustix::process::geteuid().is_root() {
        warn!(
            "running as root, which nothing here needs: use a user of its own, as packaging/my-cctv-server.service does"
        );
    }
    raise_descriptor_limit();
    // A clash may be mended by the API, and by the file.
    let file_waits = contents.is_err();
    let contents = contents.unwrap_or_else(|error| {
        error!(%error, "what was changed through the API is left out: only the configuration's cameras run");
        Contents::default()
    });

    let databases = Databases::new(&data_dir, &accounts, &index.path);
    databases.check(options.accept_empty)?;
    let accounts = people::open(&accounts, is_login_on).await?;
    let _claim = instance::claim(&data_dir)?;
    let hub = Arc::new(Hub::default());
    let index = Index::new(index, hub.incidents().clone());
    let upgraded = index.upgrade().await;
    upgraded.context("open the index (`storage.index`, `server.data_dir`)")?;
    databases.note();
    let (audit, _forgetting) = {
        let (sender, retention) = watch::channel(audit);
        let forgetting = people::forget(accounts.clone(), retention);
        (sender, AbortOnDropHandle::new(tokio::spawn(forgetting)))
    };

    let base_path = serve.base_path.clone();
    let mut listening = bind(serve.listen, serve.port)?;
    let address = listening.address().context("ask for the address")?;
    let stop = CancellationToken::new();
    let (tls, certificate) = match tls {
        Some(config) => {
            let origin = config.origin.clone();
            let tls = encrypt(&mut listening, config)?;
            let certificate = Certificate::new(origin, tls.clone(), None, &stop);
            (Some(tls), Some(certificate))
        }
        None => (None, None),
    };
    let signals = Signals::new().context("listen for signals")?;

    let hang_up = signal(SignalKind::hangup()).context("listen for signals")?;

    info!(%address, cameras = cameras.len(), "listening");
    if !is_login_on {
        warn!(
            "LOGIN IS OFF: whoever reaches this port sees the pictures of all cameras (`auth.enabled`)"
        );
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    people::invite(&accounts, &link(scheme, address, &base_path));
    let version = concat!("my-cctv-server ", env!("CARGO_PKG_VERSION"));
    accounts.note(people::entry("server", "started", version.to_owned()));

    // Before a camera can fail: numbers go on, and so does what was going on.
    index.restore().await;
    let kept = CancellationToken::new();
    let keeping = tokio::spawn(index.clone().run(kept.clone()));
    let (sender, wanted) = watch::channel(cameras);
    let keeper = Keeper::new(contents.state);
    let cameras =
        tokio::spawn(Cameras::new(hub.clone(), wanted, keeper.memories.clone()).run(stop.clone()));
    let (max_cpu_percent, ceiling) = watch::channel(max_cpu_percent);
    let renditions = Renditions::new(hub.clone(), ceiling).run(stop.clone());
    let _renditions = AbortOnDropHandle::new(tokio::spawn(renditions));
    let (admin, orders) = serve::Admin::new();
    let in_force = InForce::new(serve, tls);
    let running = Running {
        values: Values::of(layers),
        pending: vec![],
        in_force: in_force.clone(),
        max_cpu_percent,
        audit,
        index: index.clone(),
        logs: logs.clone(),
        certificate,
        stop: stop.clone(),
    };
    let owner = Owner {
        options,
        running,
        written,
        changes: contents.cameras,
        keeper,
        store,
        hub: hub.clone(),
        cameras: sender,
        orders,
        hang_up,
        accounts: accounts.clone(),
        file_waits,
        desk: Desk::default(),
    };
    let _owner = AbortOnDropHandle::new(tokio::spawn(owner.run(stop.clone())));
    let services = Services {
        hub: hub.clone(),
        index: index.clone(),
        admin,
        accounts: accounts.clone(),
        logs: logs.clone(),
    };
    let server = tokio::spawn(listening.serve(in_force, services, stop.clone()));
    service::ready();
    let _pings = service::watch(hub).map(|pings| AbortOnDropHandle::new(tokio::spawn(pings)));
    signals.wait_and_arm().await;
    service::stopping();
    stop.cancel();
    let gone = timeout(FAREWELL, async {
        let ended = tokio::join!(server, cameras);
        // Whoever could be in trouble has ended.
        kept.cancel();
        let _ = keeping.await;
        index.finish().await;
        accounts.note(people::entry("server", "stopped", String::new()));
        accounts.close().await;
        databases.note();
        ended
    })
    .await;
    match gone {
        Ok((server, cameras)) => {
            if let Err(error) = server.and(cameras) {
                error!(%error, "a part of the server broke down");
            }
            info!("stopped");
        }
        Err(_) => warn!("not everything ended in time: leaving all the same"),
    }
    logs.finish();
    Ok(())
}

/// Listens; where the system has no IPv6, on IPv4 alone.
pub(crate) fn bind(listen: IpAddr, port: u16) -> anyhow::Result<serve::Listening> {
    let wanted = SocketAddr::new(listen, port);
    let result = match serve::bind(wanted) {
        Err(error) if listen == IpAddr::from([0_u16; 8]) && is_without_ipv6(&error) => {
            debug!(%error, "no IPv6 here");
            serve::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
        }
        other => other,
    };
    result.map_err(|error| {
        let advice = advice(&error);
        anyhow::Error::new(error).context(format!("listen on {wanted}{advice}"))
    })
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": another program has this port; stop it or choose another one with --port"
        }
        io::ErrorKind::PermissionDenied => {
            ": ports below 1024 need CAP_NET_BIND_SERVICE; choose one above"
        }
        io::ErrorKind::AddrNotAvailable => {
            ": this machine does not have this address; see `ip address`"
        }
        _ => "",
    }
}

/// Opens the certificate, and takes the plain port beside it.
fn encrypt(listening: &mut serve::Listening, config: TlsConfig) -> anyhow::Result<Arc<Tls>> {
    let tls = Tls::open(config.origin).context("set up TLS (`server.tls`)")?;
    if let Some(port) = config.redirect_from {
        let address = listening.redirect_from(port).map_err(|error| {
            let advice = advice(&error);
            anyhow::Error::new(error).context(format!(
                "listen on port {port} (`server.tls.redirect_from`){advice}"
            ))
        })?;
        info!(%address, "redirecting to HTTPS");
    }
    Ok(tls)
}

fn is_without_ipv6(error: &io::Error) -> bool {
    let code = error
        .raw_os_error()
        .map(rustix::io::Errno::from_raw_os_error);
    matches!(
        code,
        Some(rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::ADDRNOTAVAIL)
    )
}

/// The link to open: with the address that others on the network see, where there is one.
pub(crate) fn link(scheme: &str, address: SocketAddr, base_path: &str) -> String {
    let host = if address.ip().is_unspecified() {
        outward_address().unwrap_or(Ipv4Addr::LOCALHOST.into())
    } else {
        address.ip()
    };
    format!(
        "{scheme}://{}{}",
        SocketAddr::new(host, address.port()),
        base_path
    )
}

/// The address this machine would use towards the network. A UDP socket that is connected sends nothing.
pub(crate) fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}

/// Every viewer is a descriptor, and the usual soft limit of 1024 is an old habit.
fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: maximum,
                maximum,
            },
        )
    {
        warn!(%error, current, "the limit of open files could not be raised");
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Returns at the first signal; at the second one the process is gone at once, its camera programs with it.
    async fn wait_and_arm(mut self) {
        let signal = self.next().await;
        info!(signal, "stopping");
        tokio::spawn(async move {
            let signal = self.next().await;
            warn!(signal, "a second signal: leaving at once");
            std::process::exit(1);
        });
    }
}

//! Who may come in, with what, and how often: asked for every connection when it is taken, and for every request before
//! it reaches its handler. Nothing here is asked for a frame.

mod announcement;
mod bursts;
mod forwarded;
mod headers;
mod limits;
mod logins;
mod sites;
mod written;

use std::{
    future::pending,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use accounts::{Networks, Places, Who};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use logs::Flood;
use tokio::{
    io::AsyncRead,
    time::{sleep, timeout},
};
use tower::{Layer as _, ServiceExt as _};
use tower_http::cors::CorsLayer;
use tracing::{info, warn};

pub use bursts::AlarmConfig;
pub(crate) use bursts::{Burst, Bursts, Change, Tried};
pub(crate) use limits::{Account, Opening, Openings, Refused, Requests};
pub use logins::LoginLimiter;
pub use written::{FrameAncestor, HostName, Origin};

use crate::{
    InForce,
    problem::Problem,
    request_id::{self, RequestId},
    wire::Peer,
};
use headers::Dress;
use limits::{Adjusted, Crowd, Member};
use sites::Sites;

/// How long a connection stays whose address is not let in any more.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Who may come in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GateConfig {
    /// Proxies whose word about their clients is believed.
    pub trusted_proxies: Networks,
    /// Connections of trusted proxies begin with a PROXY header.
    pub proxy_protocol: bool,
    /// If there are any, only these may come in.
    pub allow: Networks,
    /// These may not, whatever else is said.
    pub deny: Networks,
    /// Names of the server, beside those that cannot be a foreign page's.
    pub hosts: Vec<HostName>,
    /// Pages of other sites that may use the API.
    pub cors_origins: Vec<Origin>,
    /// Who may put the page into a frame, as in `frame-ancestors`.
    pub frame_ancestors: Vec<FrameAncestor>,
    /// Streams an address may open; 0 is no limit.
    pub streams_per_15_min: u32,
    /// Streams an account may open; 0 is no limit.
    pub streams_per_15_min_and_account: u32,
    /// Requests to the API an address may make; 0 is no limit.
    pub api_per_minute: u32,
    /// Requests to the API an account may make; 0 is no limit.
    pub api_per_minute_and_account: u32,
    /// Connections an address may have; 0 is no limit.
    pub connections_per_address: u32,
}

/// What is made of it: another one whenever it changes.
#[derive(Debug)]
pub(crate) struct Rules {
    trusted_proxies: Networks,
    proxy_protocol: bool,
    places: Places,
    sites: Sites,
    cors: Option<CorsLayer>,
    dress: Dress,
}

/// Answers all of it.
#[derive(Debug)]
pub(crate) struct Gate {
    in_force: InForce,
    streams: Arc<Openings>,
    api: Adjusted<IpAddr>,
    requests: Arc<Requests>,
    connections: Arc<Crowd>,
    strangers: Flood,
    crowds: Flood,
    eager: Flood,
    names: Flood,
    unannounced: Flood,
}

/// A connection that was let in; given back when dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    address: SocketAddr,
    /// `None` for a proxy, which brings many.
    member: Option<Member>,
}

impl Rules {
    pub(crate) fn of(config: &GateConfig) -> Self {
        let hosts = config.hosts.iter().map(|host| host.0.clone()).collect();
        let origins: Vec<_> = config.cors_origins.iter().map(|o| o.0.clone()).collect();
        let ancestors: Vec<_> = config.frame_ancestors.iter().map(|a| a.0.clone()).collect();
        Self {
            trusted_proxies: config.trusted_proxies.clone(),
            proxy_protocol: config.proxy_protocol,
            places: Places {
                allow: config.allow.clone(),
                deny: config.deny.clone(),
            },
            sites: Sites::new(hosts, origins.clone()),
            cors: (!origins.is_empty()).then(|| cors(origins)),
            dress: Dress::new(&ancestors),
        }
    }

    /// Whether a client of this address may be here.
    pub(crate) fn is_allowed(&self, address: IpAddr) -> bool {
        self.places.contain(address.to_canonical())
    }

    /// The same of whoever is at the other end of a connection: for whom a proxy speaks, its requests tell.
    fn may_connect(&self, address: IpAddr) -> bool {
        self.trusted_proxies.contain(address) || self.is_allowed(address)
    }
}

fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(true)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([
            header::RETRY_AFTER,
            header::LOCATION,
            HeaderName::from_static("x-timestamp"),
            request_id::HEADER,
        ])
}

impl Gate {
    pub(crate) fn new(in_force: InForce) -> Arc<Self> {
        Arc::new(Self {
            in_force,
            streams: Openings::new(),
            api: Adjusted::new(Duration::from_secs(60)),
            requests: Requests::new(),
            connections: Arc::default(),
            strangers: Flood::default(),
            crowds: Flood::default(),
            eager: Flood::default(),
            names: Flood::default(),
            unannounced: Flood::default(),
        })
    }

    /// How streams are counted.
    pub(crate) fn streams(&self) -> Arc<Openings> {
        self.streams.clone()
    }

    /// How requests of accounts are counted.
    pub(crate) fn requests(&self) -> Arc<Requests> {
        self.requests.clone()
    }

    /// What was refused since the server started, by why.
    pub(crate) fn refusals(&self) -> [(&'static str, u64); 7] {
        [
            ("address", self.strangers.total()),
            ("connections_per_address", self.crowds.total()),
            ("proxy_header", self.unannounced.total()),
            ("server_name", self.names.total()),
            ("api_per_minute", self.eager.total()),
            ("api_per_minute_and_account", self.requests.refused()),
            ("streams_per_15_min", self.streams.refused()),
        ]
    }

    /// A connection was taken. `None`: it is to be closed at once.
    pub(crate) fn enter(&self, address: SocketAddr) -> Option<Entry> {
        // For whom a proxy speaks is not known yet.
        let is_proxy = self
            .in_force
            .load()
            .rules
            .trusted_proxies
            .contain(address.ip());
        let member = if is_proxy {
            None
        } else {
            Some(self.admit(address.ip())?)
        };
        Some(Entry { address, member })
    }

    fn admit(&self, address: IpAddr) -> Option<Member> {
        let address = address.to_canonical();
        let current = self.in_force.load();
        if !current.rules.is_allowed(address) {
            if let Some(count) = self.strangers.note() {
                warn!(%address, count, "connection refused: server.allow or server.deny does not let the address in");
            }
            return None;
        }
        let member = self.connections.join(
            address,
            current.config.gate.connections_per_address,
            current.config.max_connections,
        );
        if member.is_none()
            && let Some(count) = self.crowds.note()
        {
            warn!(%address, count, "connection refused: the address has limits.connections_per_address already");
        }
        member
    }

    /// Ready soon after the address of a connection is not let in any more. An answer that is on its way, such as the one
    /// to the very change, has a moment.
    pub(crate) async fn expelled(&self, address: IpAddr) {
        let mut changes = self.in_force.watch();
        loop {
            if !changes.borrow_and_update().rules.may_connect(address) {
                sleep(LAST_WORD).await;
                // Somebody may have thought better of it.
                if !self.in_force.load().rules.may_connect(address) {
                    info!(%address, "connection closed: server.allow or server.deny does not let the address in any more");
                    return;
                }
                continue;
            }
            if changes.changed().await.is_err() {
                pending().await
            }
        }
    }

    /// Whose connection it is, once a proxy has said so. `None`: it is to be closed.
    pub(crate) async fn announced(
        &self,
        entry: &mut Entry,
        socket: &mut (impl AsyncRead + Unpin),
        patience: Duration,
    ) -> Option<SocketAddr> {
        let proxy = entry.address;
        if !self.in_force.load().rules.proxy_protocol || entry.member.is_some() {
            return Some(proxy);
        }
        let announced = timeout(patience, announcement::read(socket)).await;
        match announced.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(None) => {}
            Ok(Some(client)) => {
                let is_proxy = self
                    .in_force
                    .load()
                    .rules
                    .trusted_proxies
                    .contain(client.ip());
                if !is_proxy {
                    entry.member = Some(self.admit(client.ip())?);
                }
                entry.address = client;
            }
            // A look at the port, as load balancers take.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return None,
            Err(error) => {
                if let Some(count) = self.unannounced.note() {
                    warn!(%proxy, count, %error, "connection refused: with server.proxy_protocol, a trusted proxy has to begin with a PROXY header");
                }
                return None;
            }
        }
        Some(entry.address)
    }

    /// The router behind the gate.
    pub(crate) fn guard(self: &Arc<Self>, router: Router) -> Router {
        router
            .layer(middleware::from_fn_with_state(self.clone(), pass))
            .layer(middleware::from_fn_with_state(self.clone(), share))
    }

    /// What a request is called: by the proxy that it comes from, if that is trusted, or by us.
    pub(crate) fn name<B>(&self, request: &axum::http::Request<B>) -> RequestId {
        let peer = request.extensions().get::<Peer>();
        peer.filter(|peer| {
            let current = self.in_force.load();
            current
                .config
                .gate
                .trusted_proxies
                .contain(peer.address.ip())
        })
        .and_then(|_| RequestId::given(request.headers()))
        .unwrap_or_else(RequestId::random)
    }

    /// Puts the headers on that every answer has.
    pub(crate) fn dress(&self, response: &mut Response) {
        self.in_force.load().rules.dress.put_on(response);
    }

    fn check(&self, request: &mut Request) -> Result<(), Problem> {
        let peer = request.extensions().get::<Peer>().cloned();
        let Some(mut peer) = peer else { return Ok(()) };
        let current = self.in_force.load();
        let rules = &current.rules;
        let proxy = peer.address;
        let seen = forwarded::seen(proxy, request.headers(), &rules.trusted_proxies);
        let seen = seen.map_err(|_| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "`Forwarded` and `X-Forwarded-For` name different clients: have the proxy set one of them and take the other off.",
            )
        })?;
        peer.address = seen.address;
        peer.is_secure = seen.is_https.unwrap_or(peer.is_secure);
        let address = peer.address.ip();
        // The address of a connection was looked at when it was taken, unless it is a proxy's; the lists may be others since.
        if !rules.is_allowed(address) {
            if let Some(count) = self.strangers.note() {
                warn!(%address, count, "request refused: server.allow or server.deny does not let the address in");
            }
            let detail = format!("This server does not let the address {address} in.");
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        if let Some(api) = self.api.of(current.config.gate.api_per_minute)
            && is_counted(request.method(), request.uri().path())
        {
            api.check(limits::key(address)).map_err(|wait| {
                if let Some(count) = self.eager.note() {
                    info!(%address, count, "request refused: the address has made limits.api_per_minute");
                }
                Problem::too_many("requests", wait)
            })?;
        }
        self.check_names(&rules.sites, request, seen.host.as_deref(), peer.is_secure)?;
        request.extensions_mut().insert(peer);
        Ok(())
    }

    /// The name that the server is called by, and the page that calls it.
    fn check_names(
        &self,
        sites: &Sites,
        request: &Request,
        forwarded_host: Option<&str>,
        is_https: bool,
    ) -> Result<(), Problem> {
        let headers = request.headers();
        let named = request.uri().authority().map(|name| name.as_str());
        let hosts = headers.get_all(header::HOST).iter();
        let hosts = hosts.map(|host| host.to_str().unwrap_or("?"));
        // A proxy's word about the name may be the client's own: it is one more that has to be right.
        for host in hosts.chain(named).chain(forwarded_host) {
            if !sites.is_ours(host) {
                let host = tame(host);
                if let Some(count) = self.names.note() {
                    warn!(%host, count, "request refused: unknown name of the server; if it is one, add it to server.hosts");
                }
                let name = host.rsplit_once(':').map_or(&*host, |(name, _)| name);
                let detail = format!(
                    "This server is not known as `{host}`. If that is its name, add it to the configuration: \
                     `hosts = [\"{name}\"]` below `[server]`. Its address works in any case."
                );
                return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
            }
        }
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let host = forwarded_host.or(named).or(host);
        if changes_something(request.method(), headers)
            && !sites.may_change(headers, host, is_https)
        {
            let detail = "Pages of other sites may not do this. If this is the server's own page behind a proxy, have \
                          the proxy pass `Host` on; if it is another one of yours, add its origin to `server.cors_origins`.";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        Ok(())
    }
}

async fn pass(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    match gate.check(&mut request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Lets pages of other sites read what they may.
async fn share(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let cors = gate.in_force.load().rules.cors.clone();
    let Some(cors) = cors else {
        return next.run(request).await;
    };
    match cors.layer(next).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Streams have a limit of their own. Pictures and the page's files have none: some programs take 20 pictures a second,
/// and neither costs more than its sending.
fn is_counted(method: &Method, path: &str) -> bool {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    if is_read && (path.ends_with("/stream") || path.ends_with("/snapshot")) {
        return false;
    }
    !is_read || path.starts_with("/api") || matches!(path, "/ws" | "/health" | "/metrics")
}

impl Requests {
    /// Counts a request of somebody, if it is one that counts.
    pub(crate) fn check(
        &self,
        config: &GateConfig,
        who: &Who,
        method: &Method,
        path: &str,
    ) -> Result<(), Problem> {
        if !is_counted(method, path) {
            return Ok(());
        }
        let checked = self.count(config.api_per_minute_and_account, who);
        checked.map_err(|wait| Problem::too_many_of_account("requests", wait))
    }
}

/// A socket changes things too: it carries control, and browsers let any page open it.
fn changes_something(method: &Method, headers: &HeaderMap) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
        || headers.contains_key(header::UPGRADE)
}

/// A name from outside, fit for a log line and a sentence.
fn tame(text: &str) -> String {
    let fit = |c: &char| c.is_ascii_graphic() && !matches!(c, '`' | '"' | '\\');
    text.chars().filter(fit).take(100).collect()
}

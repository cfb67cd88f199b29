//! Who may come in, with what, and how often: asked for every connection when it is taken, and for every request before
//! it reaches its handler. Nothing here is asked for a frame.

mod announcement;
mod bursts;
mod flood;
mod forwarded;
mod headers;
mod limits;
mod logins;
mod sites;
mod written;

use std::{
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
use tokio::{io::AsyncRead, time::timeout};
use tower_http::cors::CorsLayer;
use tracing::{info, warn};

pub use bursts::AlarmConfig;
pub(crate) use bursts::{Burst, Bursts, Change, Tried};
pub(crate) use limits::{Account, Opening, Openings, Refused, Requests};
pub use logins::LoginLimiter;
pub use written::{FrameAncestor, HostName, Origin};

use crate::{problem::Problem, wire::Peer};
use flood::Flood;
use headers::Dress;
use limits::{Crowd, Keyed, Member};
use sites::Sites;

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

/// Answers all of it.
#[derive(Debug)]
pub(crate) struct Gate {
    trusted_proxies: Networks,
    proxy_protocol: bool,
    places: Places,
    sites: Sites,
    cors_origins: Vec<HeaderValue>,
    dress: Dress,
    streams: Arc<Openings>,
    api: Option<Keyed<IpAddr>>,
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

impl Gate {
    pub(crate) fn new(config: GateConfig, max_connections: usize) -> Arc<Self> {
        let hosts = config.hosts.into_iter().map(|host| host.0).collect();
        let cors_origins: Vec<_> = config.cors_origins.into_iter().map(|o| o.0).collect();
        let ancestors: Vec<_> = config.frame_ancestors.into_iter().map(|a| a.0).collect();
        Arc::new(Self {
            trusted_proxies: config.trusted_proxies,
            proxy_protocol: config.proxy_protocol,
            places: Places {
                allow: config.allow,
                deny: config.deny,
            },
            sites: Sites::new(hosts, cors_origins.clone()),
            cors_origins,
            dress: Dress::new(&ancestors),
            streams: Openings::new(
                config.streams_per_15_min,
                config.streams_per_15_min_and_account,
            ),
            api: Keyed::new(config.api_per_minute, Duration::from_secs(60)),
            requests: Requests::new(config.api_per_minute_and_account),
            connections: Crowd::new(config.connections_per_address, max_connections),
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
        let member = if self.trusted_proxies.contain(address.ip()) {
            None
        } else {
            Some(self.admit(address.ip())?)
        };
        Some(Entry { address, member })
    }

    fn admit(&self, address: IpAddr) -> Option<Member> {
        let address = address.to_canonical();
        if !self.is_allowed(address) {
            if let Some(count) = self.strangers.note() {
                warn!(%address, count, "connection refused: server.allow or server.deny does not let the address in");
            }
            return None;
        }
        let member = self.connections.join(address);
        if member.is_none()
            && let Some(count) = self.crowds.note()
        {
            warn!(%address, count, "connection refused: the address has limits.connections_per_address already");
        }
        member
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        self.places.contain(address)
    }

    /// Whose connection it is, once a proxy has said so. `None`: it is to be closed.
    pub(crate) async fn announced(
        &self,
        entry: &mut Entry,
        socket: &mut (impl AsyncRead + Unpin),
        patience: Duration,
    ) -> Option<SocketAddr> {
        let proxy = entry.address;
        if !self.proxy_protocol || entry.member.is_some() {
            return Some(proxy);
        }
        let announced = timeout(patience, announcement::read(socket)).await;
        match announced.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(None) => {}
            Ok(Some(client)) => {
                if !self.trusted_proxies.contain(client.ip()) {
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
        let router = router.layer(middleware::from_fn_with_state(self.clone(), pass));
        if self.cors_origins.is_empty() {
            return router;
        }
        let cors = CorsLayer::new()
            .allow_origin(self.cors_origins.clone())
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
            ]);
        router.layer(cors)
    }

    /// Puts the headers on that every answer has.
    pub(crate) fn dress(&self, response: &mut Response) {
        self.dress.put_on(response);
    }

    fn check(&self, request: &mut Request) -> Result<(), Problem> {
        let peer = request.extensions().get::<Peer>().cloned();
        let Some(mut peer) = peer else { return Ok(()) };
        let proxy = peer.address;
        let seen = forwarded::seen(proxy, request.headers(), &self.trusted_proxies);
        let seen = seen.map_err(|_| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "`Forwarded` and `X-Forwarded-For` name different clients: have the proxy set one of them and take the other off.",
            )
        })?;
        peer.address = seen.address;
        peer.is_secure = seen.is_https.unwrap_or(peer.is_secure);
        let address = peer.address.ip();
        // The address of a connection was looked at when it was taken, unless it is a proxy's.
        if self.trusted_proxies.contain(proxy.ip()) && !self.is_allowed(address) {
            if let Some(count) = self.strangers.note() {
                warn!(%address, count, "request refused: server.allow or server.deny does not let the address in");
            }
            let detail = format!("This server does not let the address {address} in.");
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        if let Some(api) = &self.api
            && is_counted(request.method(), request.uri().path())
        {
            api.check(limits::key(address)).map_err(|wait| {
                if let Some(count) = self.eager.note() {
                    info!(%address, count, "request refused: the address has made limits.api_per_minute");
                }
                Problem::too_many("requests", wait)
            })?;
        }
        self.check_names(request, seen.host.as_deref(), peer.is_secure)?;
        request.extensions_mut().insert(peer);
        Ok(())
    }

    /// The name that the server is called by, and the page that calls it.
    fn check_names(
        &self,
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
            if !self.sites.is_ours(host) {
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
            && !self.sites.may_change(headers, host, is_https)
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
    pub(crate) fn check(&self, who: &Who, method: &Method, path: &str) -> Result<(), Problem> {
        if !is_counted(method, path) {
            return Ok(());
        }
        let checked = self.count(who);
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

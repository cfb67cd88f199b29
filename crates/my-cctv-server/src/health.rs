//! `health`: asks the running server how it is doing, for containers and scripts that have no curl.

use std::{
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::ServerName,
};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::{
    args::Options,
    config::{self, Config},
};

/// A server that is well answers within a moment.
const PATIENCE: Duration = Duration::from_secs(5);
/// Far more than the longest answer.
const MOST_BYTES: usize = 256 * 1024;

const DEGRADED: u8 = 1;
const SILENT: u8 = 2;

/// Whom to ask.
struct Target {
    address: String,
    /// The name that it is called by.
    host: String,
    path: String,
    /// None: not encrypted.
    tls: Option<Arc<ClientConfig>>,
    /// It expects a PROXY header from here.
    announces: bool,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    reasons: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    message: String,
    camera: Option<String>,
}

/// Runs the subcommand.
pub(crate) fn ask(options: &Options, url: Option<&str>) -> ExitCode {
    let (code, text) = match look(options, url) {
        Ok(answer) if answer.status == "ok" => (0, "ok\n".to_owned()),
        Ok(answer) => (DEGRADED, explain(&answer)),
        Err(error) => {
            let _ = writeln!(io::stderr(), "my-cctv-server: {error:#}");
            return ExitCode::from(SILENT);
        }
    };
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::from(code)
}

fn explain(answer: &Answer) -> String {
    let mut text = format!("{}\n", tame(&answer.status));
    for Reason {
        code,
        message,
        camera,
    } in &answer.reasons
    {
        let camera = camera
            .as_ref()
            .map_or_else(String::new, |id| format!("camera {id}: "));
        text.push_str(&tame(&format!("{code}: {camera}{message}")));
        text.push('\n');
    }
    text
}

/// Whoever answers at that address may be anybody, and this is a terminal.
fn tame(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

fn look(options: &Options, url: Option<&str>) -> anyhow::Result<Answer> {
    let target = match url {
        Some(url) => Target::of_url(url)?,
        None => Target::of(&config::load(options)?.0)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let Target { address, path, .. } = &target;
    let place = format!("ask {address}{path}");
    let answer = runtime.block_on(async { timeout(PATIENCE, target.ask()).await });
    // A name that is being looked up is not waited for.
    runtime.shutdown_background();
    match answer {
        Ok(answer) => answer.context(place),
        Err(_) => bail!("{place}: no answer within {} s", PATIENCE.as_secs()),
    }
}

impl Target {
    /// Where the configuration has it, seen from this machine.
    fn of(config: &Config) -> anyhow::Result<Self> {
        let serve::Config { listen, port, .. } = config.serve;
        if port == 0 {
            bail!(
                "the system chooses the port (`server.port` is 0): say where the server is with --url"
            );
        }
        let ip = match listen {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            // It takes IPv4 too, and some systems have no IPv6.
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            ip => ip,
        };
        let address = SocketAddr::new(ip, port).to_string();
        // No secret is sent, and the certificate may be the server's own or for another name: whoever has this
        // machine's address is believed.
        let tls = config
            .tls
            .as_ref()
            .map(|_| tls::believing_anybody(provider()).map(Arc::new))
            .transpose()?;
        let gate = &config.serve.gate;
        Ok(Self {
            host: address.clone(),
            address,
            path: format!("{}/health", config.serve.base_path.trim_end_matches('/')),
            tls,
            announces: gate.proxy_protocol && gate.trusted_proxies.contain(ip),
        })
    }

    fn of_url(text: &str) -> anyhow::Result<Self> {
        let expected = "expected an address such as http://127.0.0.1:3000/";
        let url = Url::parse(text).with_context(|| format!("--url: {expected}"))?;
        let tls = match url.scheme() {
            "http" => None,
            "https" => Some(verified()?),
            _ => bail!("--url: {expected}"),
        };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            bail!("--url: {expected}");
        };
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/health").unwrap_or(path);
        Ok(Self {
            address: format!("{host}:{port}"),
            host: url
                .port()
                .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            path: format!("{path}/health"),
            tls,
            announces: false,
        })
    }

    async fn ask(&self) -> anyhow::Result<Answer> {
        let mut socket = TcpStream::connect(&self.address).await.context("connect")?;
        if self.announces {
            socket.write_all(b"PROXY UNKNOWN\r\n").await?;
        }
        match &self.tls {
            None => self.speak(socket).await,
            Some(config) => {
                let (name, _) = self.address.rsplit_once(':').unwrap_or_default();
                let name = name
                    .trim_start_matches('[')
                    .trim_end_matches(']')
                    .to_owned();
                let name = ServerName::try_from(name).context("the server's name")?;
                let connector = TlsConnector::from(config.clone());
                let socket = connector.connect(name, socket).await.context("TLS")?;
                self.speak(socket).await
            }
        }
    }

    async fn speak(
        &self,
        socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> anyhow::Result<Answer> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        let request = Request::get(&self.path)
            .header(header::HOST, &self.host)
            .header(header::CONNECTION, "close")
            .body(Empty::<&[u8]>::new())?;
        let asked = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MOST_BYTES)
                .collect()
                .await;
            let body = body.map_err(|error| anyhow::anyhow!("{error}"))?;
            Ok::<_, anyhow::Error>((status, body.to_bytes()))
        };
        // The connection moves while the answer is waited for.
        let (asked, _) = tokio::join!(asked, connection);
        let (status, body) = asked?;
        if !status.is_success() {
            bail!("the answer is {status}");
        }
        serde_json::from_slice(&body).context("the answer is none of my-cctv-server's")
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn verified() -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

//! MJPEG over HTTP, from any other camera or program.
//!
//! Strict about where it connects and how much it takes. What a camera says of its boundary and its lengths is often
//! wrong, so the pictures are cut out of the body by their own markers.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::Incoming,
    client::conn::http1,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use media::jpeg::{Dropped, Splitter};
use percent_encoding::percent_decode_str;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{Failure, InvalidSource, Kind, Run, Settings, Sink, Source};

/// For each step until the head of the answer is there. After it, whoever runs the source watches.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest head of an answer.
const HEAD_BYTES: usize = 32 * 1024;

/// Where a network camera is. The login and the query are secrets: they are never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpAddress {
    host: String,
    port: u16,
    path_and_query: String,
    /// `name:password`
    login: Option<String>,
}

impl FromStr for HttpAddress {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let uri: Uri = text
            .parse()
            .map_err(|_| InvalidSource::Address("it is not well formed"))?;
        let authority = uri
            .authority()
            .ok_or(InvalidSource::Address("it names no host"))?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() {
            return Err(InvalidSource::Address("it names no host"));
        }
        let login = authority.as_str().rsplit_once('@').map(|(login, _)| {
            let (name, password) = login.split_once(':').unwrap_or((login, ""));
            let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
            format!("{}:{}", decoded(name), decoded(password))
        });
        Ok(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(80),
            path_and_query: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
            login,
        })
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        match self.host.contains(':') {
            true => write!(f, "http://[{}]:{}{path}", self.host, self.port),
            false => write!(f, "http://{}:{}{path}", self.host, self.port),
        }
    }
}

impl fmt::Debug for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A network camera.
#[derive(Debug)]
pub(crate) struct Http {
    address: HttpAddress,
    settings: Settings,
}

impl Http {
    pub(crate) fn new(address: HttpAddress, settings: Settings) -> Self {
        Self { address, settings }
    }

    fn failure(&self, kind: Kind, detail: impl fmt::Display) -> Failure {
        Failure::new(kind, format!("{}: {detail}", self.address))
    }

    /// Finds an address that may be connected to, and connects.
    async fn connect(&self) -> Result<TcpStream, Failure> {
        let unreachable = |error: &dyn fmt::Display| self.failure(Kind::Unreachable, error);
        let found: Vec<SocketAddr> = timeout(
            PATIENCE,
            lookup_host((&*self.address.host, self.address.port)),
        )
        .await
        .map_err(|_| unreachable(&"the name was not resolved in time"))?
        .map_err(|error| unreachable(&error))?
        .collect();
        // The address that was looked at is the one that is used: a name cannot change in between.
        let Some(allowed) = found.iter().find(|address| is_allowed(address.ip())) else {
            return Err(self.failure(
                Kind::Unreachable,
                "this address is reserved for the machine's own network services",
            ));
        };
        timeout(PATIENCE, TcpStream::connect(allowed))
            .await
            .map_err(|_| unreachable(&"no answer"))?
            .map_err(|error| unreachable(&error))
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, Failure> {
        let HttpAddress {
            host,
            port,
            path_and_query,
            login,
        } = &self.address;
        let host = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let mut request = Request::get(path_and_query.as_str())
            .header(HOST, host)
            .header(
                USER_AGENT,
                concat!("my-cctv-server/", env!("CARGO_PKG_VERSION")),
            )
            .header(ACCEPT, "multipart/x-mixed-replace, image/jpeg, */*");
        if let Some(login) = login {
            let mut value =
                HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(login)))
                    .map_err(|error| self.failure(Kind::Unreachable, error))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request
            .body(Empty::new())
            .map_err(|error| self.failure(Kind::Unreachable, error))
    }

    /// Anything but a stream of pictures is an error, in words that help. Redirects are not followed: they could lead
    /// anywhere.
    fn check(&self, response: &Response<Incoming>) -> Result<(), Failure> {
        let status = response.status();
        let kind = match status {
            StatusCode::OK => {
                let kind = response
                    .headers()
                    .get(CONTENT_TYPE)
                    .and_then(|kind| kind.to_str().ok())
                    .unwrap_or_default();
                let is_text = kind.starts_with("text/") || kind.starts_with("application/json");
                return match is_text {
                    true => Err(self.failure(
                        Kind::NoVideo,
                        format_args!(
                            "it answers with {}",
                            kind.chars().take(60).collect::<String>()
                        ),
                    )),
                    false => Ok(()),
                };
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Kind::LoginRefused,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Kind::Busy,
            _ => Kind::NoVideo,
        };
        Err(self.failure(kind, format_args!("it answers with {status}")))
    }

    async fn open(&self) -> Result<(Incoming, AbortOnDropHandle<()>), Failure> {
        let socket = self.connect().await?;
        let gone = |error: hyper::Error| self.failure(Kind::Unreachable, error);
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES)
            .ignore_invalid_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .handshake(TokioIo::new(socket))
            .await
            .map_err(gone)?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            // Its error comes out of the body as well.
            let _ = connection.await;
        }));
        let response = timeout(PATIENCE, sender.send_request(self.request()?))
            .await
            .map_err(|_| self.failure(Kind::Unreachable, "no answer to the request"))?
            .map_err(gone)?;
        self.check(&response)?;
        Ok((response.into_body(), connection))
    }

    async fn run(&self, sink: &mut dyn Sink, stop: &CancellationToken) -> Result<(), Failure> {
        let opened = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            opened = self.open() => opened?,
        };
        let (mut body, _connection) = opened;
        let mut splitter = Splitter::new(self.settings.max_frame_bytes);
        let mut reported = Dropped::default();
        loop {
            let data = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                frame = body.frame() => match frame {
                    Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                    Some(Err(error)) => return Err(self.failure(Kind::Unreachable, error)),
                    None => return Err(self.failure(Kind::Unreachable, "it ended the stream")),
                },
            };
            splitter.extend(&data);
            while let Some(picture) = splitter.next_picture() {
                sink.picture(picture);
            }
            // The heads between the pictures are no loss.
            let dropped = splitter.dropped().since(reported);
            if dropped.broken + dropped.oversized > 0 {
                sink.dropped(dropped);
                reported = splitter.dropped();
            }
        }
    }
}

impl Source for Http {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: &'a CancellationToken) -> Run<'a> {
        Box::pin(Self::run(self, sink, stop))
    }
}

/// A camera may be anywhere but where clouds and routers keep their secrets, and where no camera can be.
fn is_allowed(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let metadata = [100, 100, 100, 200];
            !(ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.octets() == metadata)
        }
        IpAddr::V6(ip) => {
            let metadata = [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];
            !(ip.is_unicast_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.segments() == metadata)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_their_secrets() {
        let address: HttpAddress = "http://me:p%40ss@cam.lan:8080/video?token=abc"
            .parse()
            .unwrap();
        assert_eq!(address.login.as_deref(), Some("me:p@ss"));
        assert_eq!(address.path_and_query, "/video?token=abc");
        assert_eq!(address.to_string(), "http://cam.lan:8080/video");
        assert_eq!(format!("{address:?}"), "http://cam.lan:8080/video");
        let six: HttpAddress = "http://[fd00::5]".parse().unwrap();
        assert_eq!(
            (six.host.as_str(), six.port, six.path_and_query.as_str()),
            ("fd00::5", 80, "/")
        );
        assert_eq!(six.to_string(), "http://[fd00::5]:80/");
        for bad in ["http://", "http:///path", "http:// x/", "http://u@/"] {
            assert!(bad.parse::<HttpAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn places_with_secrets_are_not_connected_to() {
        for ip in [
            "169.254.169.254",
            "fe80::1",
            "::ffff:169.254.1.1",
            "0.0.0.0",
            "fd00:ec2::254",
            "224.0.0.1",
            "::",
        ] {
            assert!(!is_allowed(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["192.168.1.9", "10.0.0.1", "127.0.0.1", "fd00::5", "8.8.8.8"] {
            assert!(is_allowed(ip.parse().unwrap()), "{ip}");
        }
    }
}

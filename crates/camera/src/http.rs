//! MJPEG over HTTP, from any other camera or program.
//!
//! Strict about where it connects and how much it takes. What a camera says of its boundary and its lengths is often
//! wrong, so the pictures are cut out of the body by their own markers.

use std::{fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use media::jpeg::{Dropped, Splitter};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    Failure, Kind, Run, Settings, Sink, Source,
    address::{Address, HttpAddress},
};

/// For each step until the head of the answer is there. After it, whoever runs the source watches.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest head of an answer.
const HEAD_BYTES: usize = 32 * 1024;

/// A network camera.
#[derive(Debug)]
pub(crate) struct Http {
    address: Address,
    settings: Settings,
}

impl Http {
    pub(crate) fn new(HttpAddress(address): HttpAddress, settings: Settings) -> Self {
        Self { address, settings }
    }

    fn failure(&self, kind: Kind, detail: impl fmt::Display) -> Failure {
        Failure::new(kind, format!("{}: {detail}", self.address))
    }

    /// Finds an address that may be connected to, and connects.
    async fn connect(&self) -> Result<TcpStream, Failure> {
        let unreachable = |error: &dyn fmt::Display| self.failure(Kind::Unreachable, error);
        let found = self
            .address
            .resolve()
            .await
            .map_err(|error| unreachable(&error))?;
        timeout(PATIENCE, TcpStream::connect(&*found))
            .await
            .map_err(|_| unreachable(&"no answer"))?
            .map_err(|error| unreachable(&error))
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, Failure> {
        let Address {
            path_and_query,
            login,
            ..
        } = &self.address;
        let mut request = Request::get(path_and_query.as_str())
            .header(HOST, self.address.authority())
            .header(
                USER_AGENT,
                concat!("my-cctv-server/", env!("CARGO_PKG_VERSION")),
            )
            .header(ACCEPT, "multipart/x-mixed-replace, image/jpeg, */*");
        if let Some(login) = login {
            let login = BASE64_STANDARD.encode(format!("{}:{}", login.name, login.password));
            let mut value = HeaderValue::try_from(format!("Basic {login}"))
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

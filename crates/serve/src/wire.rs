//! A connection: how its socket is set up, encrypted or not, and who is at the other end.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{extract::FromRequestParts, http::request::Parts};
use socket2::SockRef;
use tls::Tls;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};
use tracing::debug;

use crate::{
    tcp_info::{TcpInfo, tcp_info},
    viewers::Fate,
};

/// Bytes the kernel takes before they can be sent. What waits there grows old: with the default, a viewer that stops
/// reading gets seconds of stale video when it comes back.
const UNSENT_BYTES: u32 = 16 * 1024;
/// Encrypted bytes that wait for room in the kernel: about a frame, which so goes out in one call. A connection that
/// stalls holds no more than this.
const ENCRYPTED_BYTES: usize = 64 * 1024;

/// Who is at the other end. Handlers see the client, also where a trusted proxy stands between: `gate` sees to that.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) fate: Arc<Fate>,
    /// The client came over TLS: to us, or to a trusted proxy.
    pub(crate) is_secure: bool,
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts
            .extensions
            .get::<Self>()
            .expect("every connection puts its peer into its requests")
            .clone())
    }
}

/// Sets a socket up for live pictures.
fn prepare(socket: &TcpStream, write_timeout: Duration) {
    let socket_options = SockRef::from(socket);
    let set = || {
        socket_options.set_tcp_nodelay(true)?;
        socket_options.set_tcp_notsent_lowat(UNSENT_BYTES)?;
        // Ends a peer that vanished, and one that keeps its window shut.
        socket_options.set_tcp_user_timeout(Some(write_timeout))
    };
    // An old kernel, or a peer that is gone already: the connection works without, or says so soon.
    if let Err(error) = set() {
        debug!(%error, "a socket option was refused");
    }
}

type Timed = Pin<Box<TimeoutStream<TcpStream>>>;

enum Socket {
    Plain(Timed),
    Tls(Box<TlsStream<Timed>>),
}

/// Does the same with either kind of socket.
macro_rules! either {
    ($wire:expr, $socket:ident => $do:expr) => {
        match &mut $wire.socket {
            Socket::Plain(socket) => {
                let $socket = socket.as_mut();
                $do
            }
            Socket::Tls(socket) => {
                let $socket = Pin::new(&mut **socket);
                $do
            }
        }
    };
}

/// A socket whose writes must get on, and which notes it when they did not.
pub(crate) struct Wire {
    socket: Socket,
    fate: Arc<Fate>,
    /// The last write found no room.
    is_blocked: bool,
}

impl Wire {
    pub(crate) fn new(socket: TcpStream, write_timeout: Duration, fate: Arc<Fate>) -> Self {
        Self::on(Socket::Plain(timed(socket, write_timeout)), fate)
    }

    /// Shakes hands. That takes as long as the client wants it to. None if the client came for the handshake alone.
    pub(crate) async fn secure(
        socket: TcpStream,
        config: Arc<ServerConfig>,
        write_timeout: Duration,
        fate: Arc<Fate>,
    ) -> io::Result<Option<Self>> {
        let socket = timed(socket, write_timeout);
        let mut stream = TlsAcceptor::from(config).accept(socket).await?;
        if Tls::is_answered(stream.get_ref().1.alpn_protocol()) {
            stream.shutdown().await?;
            return Ok(None);
        }
        stream.get_mut().1.set_buffer_limit(Some(ENCRYPTED_BYTES));
        Ok(Some(Self::on(Socket::Tls(Box::new(stream)), fate)))
    }

    fn on(socket: Socket, fate: Arc<Fate>) -> Self {
        Self {
            socket,
            fate,
            is_blocked: false,
        }
    }
}

fn timed(socket: TcpStream, write_timeout: Duration) -> Timed {
    prepare(&socket, write_timeout);
    let mut socket = TimeoutStream::new(socket);
    socket.set_write_timeout(Some(write_timeout));
    Box::pin(socket)
}

fn noting<T>(fate: &Fate, result: io::Result<T>) -> Poll<io::Result<T>> {
    if result
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
    {
        fate.too_slow();
    }
    Poll::Ready(result)
}

impl Wire {
    /// What the kernel knows of the connection.
    pub(crate) fn tcp_info(&self) -> Option<TcpInfo> {
        let socket = match &self.socket {
            Socket::Plain(socket) => socket,
            Socket::Tls(stream) => stream.get_ref().0,
        };
        tcp_info(socket.get_ref())
    }

    /// Whether something written before may still wait with its writer.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Ready when the kernel has all that was written. Without TLS it has it at once.
    pub(crate) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Plain(_) => Poll::Ready(Ok(())),
            Socket::Tls(stream) => {
                let result = ready!(Pin::new(&mut **stream).poll_flush(cx));
                noting(&self.fate, result)
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = ready!(either!(self, socket => socket.poll_read(cx, buf)));
        noting(&self.fate, result)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = either!(self, socket => socket.poll_write(cx, buf));
        self.is_blocked = result.is_pending();
        noting(&self.fate, ready!(result))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = either!(self, socket => socket.poll_write_vectored(cx, bufs));
        self.is_blocked = result.is_pending();
        noting(&self.fate, ready!(result))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(socket) => socket.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(either!(self, socket => socket.poll_flush(cx)));
        noting(&self.fate, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(either!(self, socket => socket.poll_shutdown(cx)));
        noting(&self.fate, result)
    }
}

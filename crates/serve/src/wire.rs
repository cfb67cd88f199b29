//! A connection: how its socket is set up, and who is at the other end.

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
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_io_timeout::TimeoutStream;
use tracing::debug;

use crate::{
    tcp_info::{TcpInfo, tcp_info},
    viewers::Fate,
};

/// Bytes the kernel takes before they can be sent. What waits there grows old: with the default, a viewer that stops
/// reading gets seconds of stale video when it comes back.
const UNSENT_BYTES: u32 = 16 * 1024;

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

/// A socket whose writes must get on, and which notes it when they did not.
pub(crate) struct Wire {
    socket: Pin<Box<TimeoutStream<TcpStream>>>,
    fate: Arc<Fate>,
    /// The last write found no room.
    is_blocked: bool,
}

impl Wire {
    pub(crate) fn new(socket: TcpStream, write_timeout: Duration, fate: Arc<Fate>) -> Self {
        prepare(&socket, write_timeout);
        let mut socket = TimeoutStream::new(socket);
        socket.set_write_timeout(Some(write_timeout));
        Self {
            socket: Box::pin(socket),
            fate,
            is_blocked: false,
        }
    }
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
        tcp_info(self.socket.get_ref())
    }

    /// Whether something written before may still wait with its writer.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = ready!(self.socket.as_mut().poll_read(cx, buf));
        noting(&self.fate, result)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = self.socket.as_mut().poll_write(cx, buf);
        self.is_blocked = result.is_pending();
        noting(&self.fate, ready!(result))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = self.socket.as_mut().poll_write_vectored(cx, bufs);
        self.is_blocked = result.is_pending();
        noting(&self.fate, ready!(result))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(self.socket.as_mut().poll_flush(cx));
        noting(&self.fate, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(self.socket.as_mut().poll_shutdown(cx));
        noting(&self.fate, result)
    }
}

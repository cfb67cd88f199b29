//! One viewer: a socket and what was understood of its stream so far.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::http::Response;
use super::tally::Tally;
use super::tls::Encrypted;
use super::{Class, Target};
use crate::clock::monotonic_ns;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Enough for the head of a part and the start of its JPEG, and for the end of one and the next delimiter.
const LOOK: usize = 1024;
/// A discarding call for less than this costs more than copying it.
const WORTH_SKIPPING: usize = 4096;

/// The one buffer everybody reads into.
#[derive(Debug)]
pub(super) struct Buffer(Box<[u8]>);

impl Default for Buffer {
    fn default() -> Self {
        Self(vec![0; 256 << 10].into_boxed_slice())
    }
}

/// How a turn of reading ended.
#[derive(Debug)]
pub(super) enum Read {
    /// Ask again when there is more.
    Open,
    /// This viewer reads no further.
    Enough,
    /// The server ended it.
    Closed(&'static str),
}

#[derive(Debug)]
pub(super) struct Viewer {
    class: Class,
    socket: Option<TcpStream>,
    encrypted: Option<Encrypted>,
    response: Response,
    allowance: usize,
    paid_until_ns: u64,
}

impl Viewer {
    /// Connects and sends the request.
    pub(super) fn connect(class: Class, target: &Target) -> io::Result<Self> {
        let mut socket = TcpStream::connect_timeout(&target.address, CONNECT_TIMEOUT)?;
        let encrypted = if target.is_secure {
            Some(Encrypted::connect(&mut socket, target)?)
        } else {
            socket.write_all(&target.request)?;
            None
        };
        socket.set_nonblocking(true)?;
        Ok(Self {
            class,
            socket: Some(socket),
            encrypted,
            response: Response::default(),
            allowance: 0,
            paid_until_ns: monotonic_ns(),
        })
    }

    /// A viewer that never got a connection.
    pub(super) fn absent(class: Class) -> Self {
        Self {
            class,
            socket: None,
            encrypted: None,
            response: Response::default(),
            allowance: 0,
            paid_until_ns: 0,
        }
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }

    /// Frames inside the window.
    pub(super) fn frames(&self) -> u64 {
        self.response.frames()
    }

    /// The socket, if readiness wakes this viewer; a slow one wakes by the clock.
    pub(super) fn polled(&self) -> Option<&TcpStream> {
        self.socket
            .as_ref()
            .filter(|_| !matches!(self.class, Class::Slow(_)))
    }

    pub(super) fn hang_up(&mut self) {
        self.socket = None;
    }

    /// Reads what is there.
    pub(super) fn read(&mut self, buffer: &mut Buffer, tally: &mut Tally) -> Read {
        let Some(socket) = &self.socket else {
            return Read::Open;
        };
        if let Some(encrypted) = &mut self.encrypted {
            let read = encrypted.read(socket, &mut buffer.0, |bytes| {
                self.response.push(bytes, monotonic_ns(), tally);
            });
            let is_enough = self.class == Class::Stalled && self.response.streams();
            return if is_enough { Read::Enough } else { read };
        }
        loop {
            let skippable = self.response.skippable().min(buffer.0.len());
            let skips = WORTH_SKIPPING <= skippable;
            let (wanted, flags) = if skips {
                (skippable, RecvFlags::TRUNC)
            } else {
                (LOOK, RecvFlags::empty())
            };
            let count = match recv(socket, &mut buffer.0[..wanted], flags) {
                Ok((_, 0)) => return Read::Closed("end of stream"),
                Ok((_, count)) => count,
                Err(Errno::AGAIN) => return Read::Open,
                Err(Errno::INTR) => continue,
                Err(_) => return Read::Closed("connection reset"),
            };
            if skips {
                self.response.skip(count);
            } else {
                self.response
                    .push(&buffer.0[..count], monotonic_ns(), tally);
            }
            if self.class == Class::Stalled && self.response.streams() {
                return Read::Enough;
            }
            if count < wanted {
                // The socket is drained; asking again would only be told so.
                return Read::Open;
            }
        }
    }

    /// Reads as many bytes as a slow viewer may by now.
    pub(super) fn read_allowance(
        &mut self,
        now_ns: u64,
        buffer: &mut Buffer,
        tally: &mut Tally,
    ) -> Read {
        let (Class::Slow(rate), Some(socket)) = (self.class, &self.socket) else {
            return Read::Open;
        };
        let elapsed_us = now_ns.saturating_sub(self.paid_until_ns) / 1000;
        self.paid_until_ns += elapsed_us * 1000;
        let earned = u64::from(rate) * elapsed_us / 1_000_000;
        let second = usize::try_from(rate).unwrap_or(usize::MAX);
        // What was not used up within a second is forfeit: a slow line does not save up.
        self.allowance = second.min(self.allowance + usize::try_from(earned).unwrap_or(second));
        while 0 < self.allowance {
            let wanted = self.allowance.min(buffer.0.len());
            let count = match recv(socket, &mut buffer.0[..wanted], RecvFlags::empty()) {
                Ok((_, 0)) => return Read::Closed("end of stream"),
                Ok((_, count)) => count,
                Err(Errno::AGAIN) => return Read::Open,
                Err(Errno::INTR) => continue,
                Err(_) => return Read::Closed("connection reset"),
            };
            self.allowance -= count;
            self.response
                .push(&buffer.0[..count], monotonic_ns(), tally);
        }
        Read::Open
    }
}

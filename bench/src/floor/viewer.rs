//! One viewer of the floor: its request, then part after part.

use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::frames::{Frames, OPENING};

const END_OF_REQUEST: &[u8] = b"\r\n\r\n";

/// How a write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Was {
    /// Nothing is left over, or there was nothing to do.
    Sent,
    /// The socket is full: ask again when it is writable.
    Full,
    /// The viewer left.
    Gone,
}

#[derive(Debug)]
pub(super) struct Viewer {
    socket: OwnedFd,
    /// How much of [`END_OF_REQUEST`] was seen; all of it: the viewer is live.
    request: usize,
    /// The part it is in the middle of: buffer, bytes sent.
    within: Option<(usize, usize)>,
    /// Number of the last frame it was given.
    number: u64,
}

impl Viewer {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            request: 0,
            within: None,
            number: 0,
        }
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Reads the request, answers it; `false` when the viewer left.
    pub(super) fn listen(&mut self) -> bool {
        let mut buffer = [0; 2048];
        let count = match recv(&self.socket, &mut buffer, RecvFlags::empty()) {
            Ok((_, 0)) => return false,
            Ok((_, count)) => count,
            Err(error) => return matches!(error, Errno::AGAIN | Errno::INTR),
        };
        if self.request == END_OF_REQUEST.len() {
            return true;
        }
        for byte in &buffer[..count] {
            if *byte == END_OF_REQUEST[self.request] {
                self.request += 1;
            } else {
                self.request = usize::from(*byte == END_OF_REQUEST[0]);
            }
            if self.request == END_OF_REQUEST.len() {
                // The first bytes of a connection always fit into its empty socket.
                return send(&self.socket, OPENING, SendFlags::NOSIGNAL) == Ok(OPENING.len());
            }
        }
        true
    }

    /// There is a new frame.
    pub(super) fn newest(&mut self, frames: &mut Frames) -> Was {
        if self.request < END_OF_REQUEST.len() || self.within.is_some() {
            return Was::Sent;
        }
        let Some((slot, part)) = frames.newest() else {
            return Was::Sent;
        };
        let sent = match send(&self.socket, part, SendFlags::NOSIGNAL) {
            Ok(sent) if sent == part.len() => {
                self.number = frames.number;
                return Was::Sent;
            }
            Ok(sent) => sent,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(_) => return Was::Gone,
        };
        self.number = frames.number;
        self.within = Some((slot, sent));
        frames.enter(slot);
        Was::Full
    }

    /// There is room again: the rest of the part, then the newest frame.
    pub(super) fn go_on(&mut self, frames: &mut Frames) -> Was {
        if let Some((slot, sent)) = self.within {
            // A frame of which nothing went out is not worth finishing when there is a newer one.
            if sent != 0 || self.number == frames.number {
                let rest = &frames.part(slot)[sent..];
                match send(&self.socket, rest, SendFlags::NOSIGNAL) {
                    Ok(more) if more == rest.len() => {}
                    Ok(more) => {
                        self.within = Some((slot, sent + more));
                        return Was::Full;
                    }
                    Err(Errno::AGAIN | Errno::INTR) => return Was::Full,
                    Err(_) => {
                        self.release(frames);
                        return Was::Gone;
                    }
                }
            }
            self.release(frames);
        }
        if self.number == frames.number {
            return Was::Sent;
        }
        self.newest(frames)
    }

    /// Gives back the buffer it was in the middle of.
    pub(super) fn release(&mut self, frames: &mut Frames) {
        if let Some((slot, _)) = self.within.take() {
            frames.leave(slot);
        }
    }
}

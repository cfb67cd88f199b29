//! From the hub to the socket: one viewer's stream, after HTTP has been spoken.
//!
//! The HTTP library reads the request and writes the response's head. What follows is a body that ends with the
//! connection, and it is written here: a pointer from the hub, one write for each frame. Going through the library for
//! every frame costs more than the kernel's part of a small write.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hub::Ended;
use media::{Frame, multipart};
use tokio::{
    io::{AsyncRead as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf},
    time::timeout,
};

use crate::{farewell::Ear, feed::Feed, gate::Opening, socket::Session, wire::Wire};

/// How long the end of a stream may take when the server stops.
const GRACE: Duration = Duration::from_secs(2);

const STOPS: &str = "the server stops";

/// A viewer has nothing to say once it has asked; one that goes on for longer than this is not listened to for ever.
const HEARD_BYTES: usize = 64 * 1024;

/// A viewer that was let in. Holds its place, and the camera running.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) feed: Feed,
    /// Held for its end.
    pub(crate) _opening: Option<Opening>,
    /// Heads go in advance of their pictures.
    pub(crate) advance: bool,
}

/// What a connection is used for once HTTP has been spoken on it.
#[derive(Debug)]
pub(crate) enum Departure {
    /// A body that ends with the connection.
    Stream(Box<Delivery>),
    /// A WebSocket.
    Socket(Box<Session>),
}

impl Departure {
    /// `early` is what the client sent right behind its request.
    pub(crate) async fn run(self, wire: Wire, early: Bytes, ear: Ear) {
        match self {
            Self::Stream(delivery) => delivery.run(wire, ear).await,
            // Apart: what a socket needs is not kept for each of a thousand streams.
            Self::Socket(session) => Box::pin(session.run(wire, early.into(), ear)).await,
        }
    }
}

/// Carries a departure from the handler, through its response, to the owner of the connection.
#[derive(Clone, Debug)]
pub(crate) struct Handover(Arc<Mutex<Option<Departure>>>);

impl Handover {
    pub(crate) fn new(departure: Departure) -> Self {
        Self(Arc::new(Mutex::new(Some(departure))))
    }

    pub(crate) fn take(&self) -> Option<Departure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What is being written.
struct InFlight {
    bytes: Bytes,
    written: usize,
    /// The frame it is the part of, for the counts.
    frame: Option<Arc<Frame>>,
}

impl InFlight {
    /// Ready when the kernel has all of it.
    fn poll_send(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            let rest = &self.bytes[self.written..];
            match ready!(Pin::new(&mut *wire).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.written += n,
            }
        }
        wire.poll_sent(cx)
    }
}

impl Delivery {
    /// Writes frames to `wire` until the viewer leaves, the stream ends, or the server stops and the viewer does not
    /// take the end of it.
    pub(crate) async fn run(mut self, mut wire: Wire, mut ear: Ear) {
        let opening = if self.advance {
            multipart::ADVANCE_OPENING
        } else {
            multipart::OPENING
        };
        let mut in_flight = Some(InFlight {
            bytes: Bytes::from_static(opening),
            written: 0,
            frame: None,
        });
        let mut heard_bytes = 0;
        let frames = std::future::poll_fn(|cx| {
            let end = self.poll_frames(&mut wire, &mut in_flight, &mut heard_bytes, cx);
            match end {
                Poll::Pending if ear.heard(cx) => Poll::Ready(None),
                end => end.map(Some),
            }
        });
        let end = match frames.await {
            Some(end) => end,
            // The hub closes at the same time: what is in flight may still go, and then the end of the stream.
            None => {
                let rest = std::future::poll_fn(|cx| {
                    self.poll_frames(&mut wire, &mut in_flight, &mut heard_bytes, cx)
                });
                match timeout(GRACE, rest).await {
                    Ok(end) => end,
                    // Half a picture is on its way and stays half: nothing that follows would be understood.
                    Err(_) => {
                        self.feed.ended(STOPS);
                        return;
                    }
                }
            }
        };
        if let End::Stream(ended) = end {
            self.feed.ended(match ended {
                Ended::Reader => "was ended by request",
                Ended::Closed => STOPS,
            });
            // With heads in advance the next part has begun: a close delimiter would make it an empty one, which browsers
            // do not survive.
            let closing = if self.advance {
                &[][..]
            } else {
                multipart::CLOSING
            };
            let farewell = async {
                wire.write_all(closing).await?;
                wire.shutdown().await
            };
            let _ = timeout(GRACE, farewell).await;
        }
        // The place and the demand are given back before the socket is closed.
        drop(self);
    }

    /// Writes as much as the socket takes, then waits for whichever comes first: room, a frame, or the viewer's end.
    fn poll_frames(
        &mut self,
        wire: &mut Wire,
        in_flight: &mut Option<InFlight>,
        heard_bytes: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<End> {
        loop {
            if let Some(part) = in_flight {
                match part.poll_send(wire, cx) {
                    Poll::Ready(Err(_)) => return Poll::Ready(End::Left),
                    Poll::Ready(Ok(())) => {
                        if let Some(frame) = &part.frame {
                            self.feed.sent(frame, part.written);
                        }
                        *in_flight = None;
                    }
                    Poll::Pending => {
                        let was_watched = self.feed.blocked(wire);
                        // Not a byte of it is on its way: by the time there is room, there may be a newer one.
                        if part.written == 0
                            && was_watched
                            && let Some(frame) = part.frame.take()
                        {
                            self.feed.put_back(frame);
                            *in_flight = None;
                            continue;
                        }
                        break;
                    }
                }
            } else {
                match self.feed.poll_frame(wire, cx) {
                    Poll::Ready(Ok(frame)) => {
                        let bytes = if self.advance {
                            frame.advance_part()
                        } else {
                            frame.part()
                        };
                        *in_flight = Some(InFlight {
                            bytes,
                            written: 0,
                            frame: Some(frame),
                        });
                    }
                    Poll::Ready(Err(ended)) => return Poll::Ready(End::Stream(ended)),
                    Poll::Pending => break,
                }
            }
        }
        ready!(poll_left(wire, heard_bytes, cx));
        Poll::Ready(End::Left)
    }
}

/// Why no more frames are written.
enum End {
    /// The viewer is gone, or takes nothing.
    Left,
    /// The stream is over.
    Stream(Ended),
}

/// Ready when the viewer has closed its side, or talks instead of watching.
fn poll_left(wire: &mut Wire, heard_bytes: &mut usize, cx: &mut Context<'_>) -> Poll<()> {
    let mut space = [0; 256];
    loop {
        let mut buf = ReadBuf::new(&mut space);
        match ready!(Pin::new(&mut *wire).poll_read(cx, &mut buf)) {
            Ok(()) if buf.filled().is_empty() => return Poll::Ready(()),
            Ok(()) => {
                *heard_bytes += buf.filled().len();
                if *heard_bytes > HEARD_BYTES {
                    return Poll::Ready(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Poll::Ready(()),
        }
    }
}

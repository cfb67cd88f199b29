//! One socket, from the handshake to its end.
//!
//! One message is on its way out at a time: an answer, an event or the newest frame, in this order. While the line is
//! full nothing is taken from the hub, so a slow socket loses frames of its own and never sees an old one.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant, SystemTime},
};

use accounts::{Action, Entry};
use control::ControlSet;
use futures_util::{Sink as _, SinkExt as _, StreamExt as _};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hub::{Ended, Stream};
use media::{Frame, UnixMicros};
use serde_json::{Map, Value, json};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::protocol::{self, Format, Request};
use crate::{
    access::Door,
    controls,
    events::{Event, status_event},
    farewell::Ear,
    feed::Feed,
    gate::{Account, Opening, Refused},
    live::FULL,
    presets,
    state::App,
    viewers::Visitor,
    wire::Wire,
    wish::{self, Wish},
};

/// Nothing that a client has to say is longer.
const MESSAGE_BYTES: usize = 4096;
/// Messages a client may send, for long and in a burst: a slider that is dragged, and a page that loads.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(30).unwrap();
const BURST: NonZeroU32 = NonZeroU32::new(60).unwrap();
/// Answers that wait for a client which does not take them; then it is not listened to until it does.
const ANSWERS: usize = 16;
/// A client that says nothing is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// And is given up after so long.
const SILENCE: Duration = Duration::from_secs(60);
/// How long the end may take.
const GRACE: Duration = Duration::from_secs(1);

/// What a session knows before its socket is there.
#[derive(Debug)]
pub(crate) struct Session {
    app: App,
    stream: Arc<Stream>,
    visitor: Visitor,
    door: Door,
    begin: Option<Subscription>,
}

/// How pictures are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscription {
    pub(super) format: Format,
    pub(super) wish: Wish,
    pub(super) fps: Option<f32>,
    /// Less than was asked for, when the line carries less.
    pub(super) adapt: bool,
}

/// A camera that is being watched. Holds the viewer's place, and the camera running.
struct Watching {
    feed: Feed,
    format: Format,
}

/// What is on its way out.
enum Out {
    Nothing,
    /// Something that is not counted.
    Words,
    /// A frame as so many bytes.
    Frame(Arc<Frame>, usize),
}

struct Talk {
    app: App,
    /// The camera that is meant where a message names none.
    stream: Arc<Stream>,
    visitor: Visitor,
    door: Door,
    socket: WebSocketStream<Wire>,
    watching: Option<Watching>,
    /// A socket counts as one stream, however often it changes what it watches.
    opening: Option<Opening>,
    events: BroadcastStream<Event>,
    answers: VecDeque<Message>,
    out: Out,
    limit: DefaultDirectRateLimiter,
    pings: Interval,
    heard: Instant,
}

/// Why a socket ends.
enum End {
    /// The client is gone, or has said good-bye.
    Left,
    /// It is told why.
    Because(CloseCode, &'static str),
}

impl Session {
    pub(super) fn new(
        app: App,
        stream: Arc<Stream>,
        visitor: Visitor,
        door: Door,
        begin: Option<Subscription>,
    ) -> Self {
        Self {
            app,
            stream,
            visitor,
            door,
            begin,
        }
    }

    /// Talks until either side ends it. `early` is what came right behind the handshake.
    pub(crate) async fn run(self, wire: Wire, early: Vec<u8>, mut ear: Ear) {
        let Self {
            app,
            stream,
            visitor,
            door,
            begin,
        } = self;
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(MESSAGE_BYTES);
        config.max_frame_size = Some(MESSAGE_BYTES);
        let socket =
            WebSocketStream::from_partially_read(wire, early, Role::Server, Some(config)).await;
        let mut pings = interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        let mut talk = Talk {
            events: app.events.listen(),
            app,
            stream,
            visitor,
            door,
            socket,
            watching: None,
            opening: None,
            answers: VecDeque::new(),
            out: Out::Nothing,
            limit: RateLimiter::direct(Quota::per_second(PER_SECOND).allow_burst(BURST)),
            pings,
            heard: Instant::now(),
        };
        talk.greet();
        if let Some(begin) = begin
            && let Err(problem) = talk.subscribe(None, begin)
        {
            let refusal = protocol::refused(Value::Null, Some("subscribe"), &problem);
            talk.answers.push_back(refusal);
        }
        let mut shut = pin!(talk.door.shut());
        let end = std::future::poll_fn(|cx| match talk.poll(cx) {
            Poll::Pending if shut.as_mut().poll(cx).is_ready() => {
                Poll::Ready(End::Because(CloseCode::Policy, "your rights have changed"))
            }
            Poll::Pending if ear.heard(cx) => {
                Poll::Ready(End::Because(CloseCode::Away, "the server stops"))
            }
            end => end,
        })
        .await;
        talk.end(end).await;
    }
}

impl Talk {
    /// What is there, and how it is doing: events then say what changes.
    fn greet(&mut self) {
        let cameras: Vec<Value> = self
            .app
            .hub
            .streams()
            .iter()
            .filter(|stream| self.sees(stream))
            .map(|stream| status_event(stream.id(), &stream.status()))
            .collect();
        let text = json!({
            "type": "hello",
            "version": env!("CARGO_PKG_VERSION"),
            "camera": self.stream.id().as_str(),
            "time_us": UnixMicros::from(SystemTime::now()).0,
            "cameras": cameras,
        });
        self.answers
            .push_back(Message::Text(text.to_string().into()));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            if let Poll::Ready(end) = self.poll_out(cx) {
                return Poll::Ready(end);
            }
            if self.answers.len() >= ANSWERS {
                return Poll::Pending;
            }
            // Whatever was heard may have an answer, which goes out first.
            if let Err(end) = ready!(self.poll_in(cx)) {
                return Poll::Ready(end);
            }
        }
    }

    /// Sends until there is nothing to send or no room for it; ready when that is not possible any more.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            match self.socket.poll_flush_unpin(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(End::Left),
                Poll::Pending => {
                    if let (Out::Frame(..), Some(watching)) = (&self.out, &mut self.watching) {
                        watching.feed.blocked(self.socket.get_ref());
                    }
                    return Poll::Pending;
                }
            }
            if let Out::Frame(frame, bytes) = std::mem::replace(&mut self.out, Out::Nothing)
                && let Some(watching) = &mut self.watching
            {
                watching.feed.sent(&frame, bytes);
            }
            let message = match self.poll_message(cx) {
                Poll::Ready(Ok(message)) => message,
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                Poll::Pending => return Poll::Pending,
            };
            let mut socket = pin!(&mut self.socket);
            if ready!(socket.as_mut().poll_ready(cx)).is_err()
                || socket.start_send(message).is_err()
            {
                return Poll::Ready(End::Left);
            }
        }
    }

    /// What goes out next.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, End>> {
        self.out = Out::Words;
        if let Some(answer) = self.answers.pop_front() {
            return Poll::Ready(Ok(answer));
        }
        loop {
            match self.events.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(event))) => {
                    if event.is_for(self.door.visa()) {
                        return Poll::Ready(Ok(Message::Text(event.text)));
                    }
                }
                Poll::Ready(Some(Err(BroadcastStreamRecvError::Lagged(lost)))) => {
                    let text = json!({"type": "event", "event": "lost", "count": lost});
                    return Poll::Ready(Ok(Message::Text(text.to_string().into())));
                }
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        if self.pings.poll_tick(cx).is_ready() {
            return Poll::Ready(if self.heard.elapsed() > SILENCE {
                Err(End::Left)
            } else {
                Ok(Message::Ping(Default::default()))
            });
        }
        if let Some(watching) = &mut self.watching {
            match watching.feed.poll_frame(self.socket.get_ref(), cx) {
                Poll::Ready(Ok(frame)) => {
                    let message = watching.format.message(&frame);
                    self.out = Out::Frame(frame, message.len());
                    return Poll::Ready(Ok(message));
                }
                Poll::Ready(Err(ended)) => {
                    let reason = match ended {
                        Ended::Reader => "was ended by request",
                        Ended::Closed => "the camera is gone",
                    };
                    watching.feed.ended(reason);
                    self.watching = None;
                    let text = json!({"type": "event", "event": "ended", "message": reason});
                    return Poll::Ready(Ok(Message::Text(text.to_string().into())));
                }
                Poll::Pending => {}
            }
        }
        self.out = Out::Nothing;
        Poll::Pending
    }

    /// Takes one message.
    fn poll_in(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let message = match ready!(self.socket.poll_next_unpin(cx)) {
            Some(Ok(message)) => message,
            Some(Err(Error::Capacity(_))) => {
                let end = End::Because(CloseCode::Size, "a message may have 4096 bytes");
                return Poll::Ready(Err(end));
            }
            Some(Err(_)) | None => return Poll::Ready(Err(End::Left)),
        };
        self.heard = Instant::now();
        if self.limit.check().is_err() {
            let end = End::Because(CloseCode::Policy, "too many messages");
            return Poll::Ready(Err(end));
        }
        match message {
            Message::Text(text) => {
                let answer = match Request::read(&text) {
                    Ok(request) => self.answer(request),
                    Err((id, error)) => protocol::refused(id, None, &error),
                };
                self.answers.push_back(answer);
            }
            Message::Binary(_) => {
                let answer =
                    protocol::refused(Value::Null, None, "expected JSON in a text message");
                self.answers.push_back(answer);
            }
            // The library answers pings, and says good-bye.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) | Message::Close(_) => {}
        }
        Poll::Ready(Ok(()))
    }

    fn answer(&mut self, request: Request) -> Message {
        match request {
            Request::Control {
                id,
                camera,
                action,
                value,
            } => match self.control(camera.as_deref(), &action, value) {
                Ok(state) => protocol::done(id, "control", state),
                Err(error) => protocol::refused(id, Some("control"), &error),
            },
            Request::Subscribe {
                id,
                camera,
                frames,
                width,
                quality,
                fps,
                adapt,
            } => {
                let format = frames.unwrap_or(Format::Binary);
                let asked = wish::checked(width, quality, fps).and_then(|(wish, fps)| {
                    let adapt = adapt.unwrap_or(true);
                    let subscription = Subscription {
                        format,
                        wish,
                        fps,
                        adapt,
                    };
                    self.subscribe(camera.as_deref(), subscription)
                });
                match asked {
                    Ok(()) => {
                        let camera = json!({"camera": self.stream.id().as_str(), "frames": format});
                        protocol::done(id, "subscribe", camera)
                    }
                    Err(error) => protocol::refused(id, Some("subscribe"), &error),
                }
            }
            Request::Unsubscribe { id } => {
                self.watching = None;
                protocol::done(id, "unsubscribe", json!({}))
            }
            Request::Clock { id, sent_ms } => {
                let now_us = UnixMicros::from(SystemTime::now()).0;
                protocol::done(id, "clock", json!({"sent_ms": sent_ms, "time_us": now_us}))
            }
        }
    }

    fn control(&self, camera: Option<&str>, action: &str, value: Value) -> Result<Value, String> {
        let stream = self.camera(camera)?;
        if !self.door.visa().may(Action::Control, stream.id().as_str()) {
            return Err("you may not set this camera".to_owned());
        }
        let state = match (action, value) {
            ("reset", _) => stream.replace_controls(&ControlSet::default()),
            ("set", Value::Object(patch)) => stream.control(&patch),
            ("preset", Value::String(name)) => {
                let preset =
                    presets::find(&stream, &name).ok_or("there is no preset of this name")?;
                stream.replace_controls(&preset)
            }
            ("preset", _) => return Err("`value`: expected the name of a preset".to_owned()),
            ("set", _) => return Err("`value`: expected an object of controls".to_owned()),
            (name, value) => stream.control(&Map::from_iter([(name.to_owned(), value)])),
        };
        let state = state.map_err(|invalid| invalid.to_string())?;
        self.app.accounts.note(Entry {
            who: self.door.visa().0.name.clone(),
            address: self.visitor.address.to_string(),
            action: "controls set",
            camera: Some(stream.id().to_string()),
            detail: format!("{action}, by socket"),
        });
        let (progress, message) = controls::progress(&state);
        Ok(json!({
            "camera": stream.id().as_str(),
            "action": action,
            "state": progress,
            "message": message,
            "wanted": state.wanted.to_json(),
            "revision": state.revision,
        }))
    }

    fn camera(&self, id: Option<&str>) -> Result<Arc<Stream>, String> {
        match id {
            None => Ok(self.stream.clone()),
            Some(id) => self
                .app
                .hub
                .get(id)
                .filter(|stream| self.sees(stream))
                .ok_or_else(|| "there is no camera with this id".to_owned()),
        }
    }

    fn sees(&self, stream: &Stream) -> bool {
        self.door.visa().may(Action::See, stream.id().as_str())
    }

    /// From now on this camera's pictures; the place of the one before is given back first.
    fn subscribe(&mut self, camera: Option<&str>, how: Subscription) -> Result<(), String> {
        let stream = self.camera(camera)?;
        if !self.door.visa().may(Action::Stream, stream.id().as_str()) {
            return Err("you may not see this camera's pictures".to_owned());
        }
        self.watching = None;
        if self.opening.is_none() && !self.app.viewers.is_full(stream.id()) {
            let account = Account::of(&self.door.visa().0);
            let address = self.visitor.address.ip();
            let current = self.app.in_force.load();
            let config = &current.config.gate;
            let opening = self.app.openings.open(config, address, account);
            let too_many = |refused| {
                let (by, wait) = match refused {
                    Refused::Address(wait) => ("from this address", wait),
                    Refused::Account(wait) => ("with this account", wait),
                };
                let wait_s = wait.as_secs() + 1;
                format!("too many streams were opened {by}: try again in {wait_s} s")
            };
            self.opening = Some(opening.map_err(too_many)?);
        }
        let reader = stream.latest();
        let place = self
            .app
            .viewers
            .admit(self.visitor.clone(), stream.id().clone(), reader.ender())
            .ok_or(FULL)?;
        let Subscription {
            format,
            wish,
            fps,
            adapt,
        } = how;
        self.watching = Some(Watching {
            feed: Feed::new(reader, place, wish, fps, adapt),
            format,
        });
        self.stream = stream;
        Ok(())
    }

    async fn end(self, end: End) {
        let Self {
            mut socket,
            mut watching,
            ..
        } = self;
        let close = match end {
            End::Left => None,
            End::Because(code, reason) => {
                if let Some(watching) = &mut watching {
                    watching.feed.ended(reason);
                }
                Some(CloseFrame {
                    code,
                    reason: reason.into(),
                })
            }
        };
        drop(watching);
        let farewell = async {
            socket.close(close).await?;
            // Its own good-bye, or whatever it still says: a socket closed with unread bytes is reset, and the
            // reason lost.
            while let Some(Ok(_)) = socket.next().await {}
            Ok::<_, Error>(())
        };
        let _ = timeout(GRACE, farewell).await;
    }
}

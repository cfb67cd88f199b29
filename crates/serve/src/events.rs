//! What happens to the cameras, told to whoever has a socket open. Each event is made once, for all of them.

use std::sync::Arc;

use accounts::Action;
use futures_util::{StreamExt as _, stream::BoxStream, stream::SelectAll};
use hub::{CameraId, Controls, Hub, Incident, Status, Stream};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio_stream::wrappers::{BroadcastStream, WatchStream};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;

use crate::{access::Visa, api::rfc3339, controls};

/// Events that a socket may be late by; one that is later loses some and is told so.
const KEPT: usize = 64;

/// One event, as it is sent, and who may hear of it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    whom: Whom,
    pub(crate) text: Utf8Bytes,
}

#[derive(Clone, Debug)]
enum Whom {
    All,
    WhoeverSees(CameraId),
    Administrators,
}

impl Event {
    pub(crate) fn is_for(&self, visa: &Visa) -> bool {
        match &self.whom {
            Whom::All => true,
            Whom::WhoeverSees(camera) => visa.may(Action::See, camera.as_str()),
            Whom::Administrators => visa.0.may(Action::SeeAudit, None),
        }
    }
}

/// Where events come from.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    sender: broadcast::Sender<Event>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(KEPT),
        }
    }

    /// Everything from now on.
    pub(crate) fn listen(&self) -> BroadcastStream<Event> {
        BroadcastStream::new(self.sender.subscribe())
    }

    /// Follows the cameras of `hub` until `stop`.
    pub(crate) async fn run(self, hub: Arc<Hub>, stop: CancellationToken) {
        let mut list = hub.watch();
        let mut of_server = hub.incidents().watch_server();
        loop {
            list.mark_unchanged();
            let mut changes: SelectAll<_> = hub.streams().iter().flat_map(follow).collect();
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    Ok(()) = list.changed() => {
                        self.tell(Whom::All, &json!({"type": "event", "event": "cameras"}));
                        break;
                    }
                    Ok(()) = of_server.changed() => {
                        let event = incident_event(None, hub.incidents().newest(None));
                        self.tell(Whom::Administrators, &event);
                    }
                    Some((camera, event)) = changes.next() => self.tell(Whom::WhoeverSees(camera), &event),
                }
            }
        }
    }

    fn tell(&self, whom: Whom, event: &Value) {
        let text = event.to_string().into();
        // An error says that nobody listens.
        let _ = self.sender.send(Event { whom, text });
    }
}

type Changes = BoxStream<'static, (CameraId, Value)>;

/// What can happen to one camera.
fn follow(stream: &Arc<Stream>) -> [Changes; 3] {
    let [for_status, for_controls, for_incidents] = [0; 3].map(|_| stream.clone());
    [
        WatchStream::from_changes(stream.watch_status())
            .map(move |status| {
                let id = for_status.id();
                (id.clone(), status_event(id, &status))
            })
            .boxed(),
        WatchStream::from_changes(stream.watch_controls())
            .map(move |controls| {
                let id = for_controls.id();
                (id.clone(), controls_event(id, &controls))
            })
            .boxed(),
        WatchStream::from_changes(stream.watch_incidents())
            .map(move |_| {
                let id = for_incidents.id();
                let newest = for_incidents.newest_incident();
                (id.clone(), incident_event(Some(id), newest))
            })
            .boxed(),
    ]
}

/// How a camera is doing.
pub(crate) fn status_event(camera: &CameraId, status: &Status) -> Value {
    json!({
        "type": "event",
        "event": "status",
        "camera": camera.as_str(),
        "state": status.state.name(),
        "cause": status.why.map(|why| why.code),
        "message": status.why.map(|why| why.sentence),
        "since": rfc3339(status.since),
    })
}

fn controls_event(camera: &CameraId, now: &Controls) -> Value {
    let (state, message) = controls::progress(now);
    json!({
        "type": "event",
        "event": "controls",
        "camera": camera.as_str(),
        "revision": now.revision,
        "state": state,
        "message": message,
        "wanted": now.wanted.to_json(),
        "applied": now.applied.to_json(),
    })
}

fn incident_event(camera: Option<&CameraId>, newest: Option<Incident>) -> Value {
    json!({
        "type": "event",
        "event": "incident",
        "camera": camera.map(CameraId::as_str),
        "id": newest.as_ref().map(|incident| incident.id),
        "began": newest.as_ref().map(|incident| rfc3339(incident.began)),
        "ended": newest.as_ref().and_then(|incident| incident.ended).map(rfc3339),
        "cause": newest.as_ref().map(|incident| &incident.cause.code),
        "message": newest.as_ref().map(|incident| &incident.cause.sentence),
    })
}

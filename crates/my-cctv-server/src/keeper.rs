//! Keeps what was set of the cameras, and which ones they are, so that it holds after a restart too.

use std::collections::BTreeMap;

use camera::Learnt;
use control::{Class, ControlSet};
use hub::{CameraId, CameraState, Controls, Hub, Progress, Stream};
use pipeline::Memories;
use serde_json::{Map, Value};
use tracing::warn;

use crate::store::{Kept, KeptBoard};

/// What is kept, and which cameras have been told of it.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    pub(crate) kept: BTreeMap<String, Kept>,
    pub(crate) memories: Memories,
    told: Vec<CameraId>,
    /// What differed at the last look: somebody who drags a slider is not finished.
    seen: BTreeMap<String, Map<String, Value>>,
}

impl Keeper {
    pub(crate) fn new(kept: BTreeMap<String, Kept>) -> Self {
        let learnt = kept.iter().filter_map(|(id, kept)| {
            let learnt = Learnt {
                board: Some(kept.board.clone()?.into()),
                ..Learnt::default()
            };
            Some((id.parse().ok()?, learnt))
        });
        Self {
            memories: Memories::new(learnt),
            kept,
            ..Self::default()
        }
    }

    /// Tells cameras that are new what was set of them before.
    pub(crate) fn restore(&mut self, hub: &Hub) {
        let streams = hub.streams();
        self.told
            .retain(|id| streams.iter().any(|stream| stream.id() == id));
        for stream in streams {
            if self.told.contains(stream.id()) {
                continue;
            }
            self.told.push(stream.id().clone());
            if let Some(kept) = self.kept.get(stream.id().as_str()) {
                restore(&stream, kept);
            }
        }
    }

    /// What has to be written, because it was set and has held since the last look.
    pub(crate) fn due(&mut self, hub: &Hub) -> Option<BTreeMap<String, Kept>> {
        let mut next = self.kept.clone();
        for stream in hub.streams() {
            let id = stream.id().as_str();
            if let Some(board) = self.memories.learnt(stream.id()).board {
                let board = Some(KeptBoard::from(board));
                if board != self.kept.get(id).and_then(|kept| kept.board.clone()) {
                    next.entry(id.to_owned()).or_default().board = board;
                }
            }
            let controls = stream.controls();
            if !is_settled(&controls, stream.status().state) {
                continue;
            }
            let set = controls.wanted.to_json();
            let kept = self.kept.get(id).map(|kept| &kept.set);
            if kept.is_none_or(Map::is_empty) && set.is_empty() || kept == Some(&set) {
                self.seen.remove(id);
            } else if self.seen.insert(id.to_owned(), set.clone()) == Some(set.clone()) {
                next.entry(id.to_owned()).or_default().set = set;
            }
        }
        (next != self.kept).then_some(next)
    }
}

/// A camera runs with it, or is off: what was refused or is being tried is not worth keeping.
fn is_settled(controls: &Controls, state: CameraState) -> bool {
    match controls.progress {
        Progress::Applied => true,
        Progress::Pending => state == CameraState::Idle,
        Progress::Refused(_) => false,
    }
}

fn restore(stream: &Stream, kept: &Kept) {
    let id = stream.id();
    let class = stream.controls().class;
    if let Err(error) = stream.control(&kept.set) {
        warn!(camera = %id, %error, "what was set of this camera before cannot be set any more");
    }
    stream.set_presets(presets(kept, class));
}

/// The presets that this camera can have.
pub(crate) fn presets(kept: &Kept, class: Class) -> BTreeMap<String, ControlSet> {
    let read = |(name, json): (&String, &Map<String, Value>)| {
        let set = ControlSet::default().changed(json, class).ok()?;
        Some((name.clone(), set))
    };
    kept.presets.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::{About, Publisher};
    use serde_json::json;
    use std::sync::Arc;

    fn camera() -> (Hub, Arc<Stream>, Publisher) {
        let stream = Stream::new("main".parse().unwrap(), About::default());
        let publisher = stream.publisher();
        let frame = control::Frame {
            framerate: 20.0,
            ..control::Frame::default()
        };
        publisher.describe_controls(Class::Board, frame);
        let hub = Hub::default();
        hub.set(vec![stream.clone()]);
        (hub, stream, publisher)
    }

    fn set(stream: &Stream, patch: Value) -> ControlSet {
        stream.control(patch.as_object().unwrap()).unwrap().wanted
    }

    #[test]
    fn what_held_for_two_looks_is_kept_and_comes_back() {
        let (hub, stream, _) = camera();
        let mut keeper = Keeper::default();
        keeper.restore(&hub);
        assert_eq!(keeper.due(&hub), None);
        set(&stream, json!({"zoom": 2}));
        assert_eq!(keeper.due(&hub), None);
        set(&stream, json!({"zoom": 3}));
        assert_eq!(keeper.due(&hub), None, "somebody is still at it");
        keeper.kept = keeper.due(&hub).unwrap();
        assert_eq!(keeper.due(&hub), None);

        let (hub, stream, _) = camera();
        Keeper::new(keeper.kept).restore(&hub);
        assert_eq!(
            Value::Object(stream.controls().wanted.to_json()),
            json!({"zoom": 3})
        );
    }

    #[test]
    fn what_was_refused_or_is_being_tried_is_not() {
        let (hub, stream, publisher) = camera();
        let kept = Kept {
            set: json!({"zoom": 2}).as_object().unwrap().clone(),
            ..Kept::default()
        };
        let mut keeper = Keeper::new(BTreeMap::from([("main".to_owned(), kept)]));
        keeper.restore(&hub);
        publisher.set_status(CameraState::Starting, None);
        for _ in 0..3 {
            assert_eq!(keeper.due(&hub), None);
        }
        let wanted = stream.controls().wanted;
        publisher.controls_refused(&wanted, "");
        for _ in 0..3 {
            assert_eq!(
                keeper.due(&hub),
                None,
                "a bad day of the camera does not forget it"
            );
        }
        // Taken back by somebody.
        stream.replace_controls(&ControlSet::default()).unwrap();
        set(&stream, json!({"hflip": true}));
        publisher.controls_applied(&set(&stream, json!({"hflip": null})));
        assert_eq!(keeper.due(&hub), None);
        let next = keeper.due(&hub).unwrap();
        assert!(next["main"].set.is_empty());
    }
}

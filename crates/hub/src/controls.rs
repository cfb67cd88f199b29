//! What somebody set for a camera, and what has become of it.

use std::collections::BTreeMap;

use control::{Class, ControlSet, Frame, Invalid, Shape};
use serde_json::{Map, Value};
use tokio::sync::watch;

/// The controls of one camera.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controls {
    /// Which controls it has.
    pub class: Class,
    /// Its size and rate when nothing is set.
    pub base: Frame,
    /// Its sensor's shape, once it is known.
    pub sensor: Option<Shape>,
    /// What is wanted.
    pub wanted: ControlSet,
    /// The newest set with which it gave pictures.
    pub applied: ControlSet,
    /// What has become of `wanted`.
    pub progress: Progress,
    /// Counts changes of `wanted`.
    pub revision: u64,
    /// Sets that were given a name.
    pub presets: BTreeMap<String, ControlSet>,
}

/// What has become of a wanted set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// The camera gives pictures with it, or nothing was ever set.
    #[default]
    Applied,
    /// It waits for the camera's next start, which a running camera makes at once.
    Pending,
    /// The camera did not start with it, and went back to the set before. Says why.
    Refused(String),
}

/// Both sides of a camera's controls.
#[derive(Debug)]
pub(crate) struct Desk {
    state: watch::Sender<Controls>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            state: watch::Sender::new(Controls::default()),
        }
    }

    pub(crate) fn state(&self) -> Controls {
        self.state.borrow().clone()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Controls> {
        self.state.subscribe()
    }

    /// Merges `patch` into what is wanted. Returns the state that this made.
    pub(crate) fn ask(&self, patch: &Map<String, Value>) -> Result<Controls, Invalid> {
        self.want(|controls| controls.wanted.changed(patch, controls.class))
    }

    /// Wants `set` in place of everything that was set before.
    pub(crate) fn replace(&self, set: &ControlSet) -> Result<Controls, Invalid> {
        self.want(|controls| ControlSet::default().changed(&set.to_json(), controls.class))
    }

    fn want(
        &self,
        next: impl FnOnce(&Controls) -> Result<ControlSet, Invalid>,
    ) -> Result<Controls, Invalid> {
        let mut result = Ok(());
        self.state.send_if_modified(|controls| {
            let wanted = next(controls).and_then(|set| set.fits(controls.base).map(|()| set));
            match wanted {
                Ok(wanted) if wanted == controls.wanted => false,
                Ok(wanted) => {
                    controls.progress = if wanted == controls.applied {
                        Progress::Applied
                    } else {
                        Progress::Pending
                    };
                    controls.wanted = wanted;
                    controls.revision += 1;
                    true
                }
                Err(invalid) => {
                    result = Err(invalid);
                    false
                }
            }
        });
        result.map(|()| self.state())
    }

    /// The camera turned out to be of this class, and has this size and rate by itself.
    pub(crate) fn describe(&self, class: Class, base: Frame) {
        self.state.send_if_modified(|controls| {
            let is_new = (controls.class, controls.base) != (class, base);
            (controls.class, controls.base) = (class, base);
            is_new
        });
    }

    pub(crate) fn describe_sensor(&self, sensor: Shape) {
        self.state.send_if_modified(|controls| {
            let before = controls.sensor.replace(sensor);
            before != controls.sensor
        });
    }

    pub(crate) fn set_presets(&self, presets: BTreeMap<String, ControlSet>) {
        self.state.send_if_modified(|controls| {
            std::mem::replace(&mut controls.presets, presets) != controls.presets
        });
    }

    pub(crate) fn applied(&self, set: &ControlSet) {
        self.state.send_if_modified(|controls| {
            let before = controls.clone();
            controls.applied = set.clone();
            if controls.wanted == *set && controls.progress == Progress::Pending {
                controls.progress = Progress::Applied;
            }
            *controls != before
        });
    }

    /// Back to the set before, unless something else is wanted meanwhile.
    pub(crate) fn refused(&self, set: &ControlSet, why: String) {
        self.state.send_if_modified(|controls| {
            let is_it = controls.wanted == *set;
            if is_it {
                controls.wanted = controls.applied.clone();
                controls.progress = Progress::Refused(why);
                controls.revision += 1;
            }
            is_it
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ask(desk: &Desk, patch: Value) -> Result<Controls, Invalid> {
        desk.ask(patch.as_object().unwrap())
    }

    fn desk() -> Desk {
        let desk = Desk::new();
        let base = Frame {
            framerate: 20.0,
            ..Frame::default()
        };
        desk.describe(Class::Board, base);
        desk
    }

    #[test]
    fn a_set_that_does_not_start_gives_way_to_the_one_before() {
        let desk = desk();
        let good = ask(&desk, json!({"zoom": 2})).unwrap();
        assert_eq!(good.progress, Progress::Pending);
        desk.applied(&good.wanted);
        assert_eq!(desk.state().progress, Progress::Applied);

        let bad = ask(&desk, json!({"width": 4096})).unwrap();
        desk.refused(&bad.wanted, "no memory".to_owned());
        let state = desk.state();
        assert_eq!(
            (&state.wanted, &state.applied),
            (&good.wanted, &good.wanted)
        );
        assert_eq!(state.progress, Progress::Refused("no memory".to_owned()));

        // The one before starts again: the refusal is still what somebody has to read.
        desk.applied(&good.wanted);
        assert!(matches!(desk.state().progress, Progress::Refused(_)));
        ask(&desk, json!({"hflip": true})).unwrap();
        assert_eq!(desk.state().progress, Progress::Pending);
    }

    #[test]
    fn a_refusal_does_not_undo_what_came_after() {
        let desk = desk();
        let bad = ask(&desk, json!({"width": 4096})).unwrap();
        let newer = ask(&desk, json!({"width": 640})).unwrap();
        desk.refused(&bad.wanted, String::new());
        assert_eq!(desk.state().wanted, newer.wanted);
    }

    #[test]
    fn what_cannot_be_changes_nothing() {
        let desk = desk();
        let before = desk.state();
        for patch in [
            json!({"zoom": 99}),
            json!({"hflip": true, "shutter_us": 60_000}),
        ] {
            assert!(ask(&desk, patch).is_err());
        }
        assert_eq!(desk.state(), before);
    }
}

//! Times when a camera should have given pictures and did not.

use std::{collections::VecDeque, time::SystemTime};

use crate::BoardHealth;

/// Incidents kept for each camera; older ones are forgotten.
const KEPT: usize = 200;
/// Steps kept for each incident. A camera that stays dead is tried for days, always in the same way.
const STEPS: usize = 20;

/// Why there are no pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Stable word for programs, such as `no_camera`.
    pub code: &'static str,
    /// The same for people.
    pub sentence: &'static str,
    /// What to do about it.
    pub advice: &'static str,
    /// The program's own words, or the path at fault.
    pub detail: String,
    /// The last lines of the program's stderr, oldest first.
    pub words: Vec<String>,
}

/// One time without pictures.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Counts up from 1 for each camera.
    pub id: u64,
    /// When the pictures stopped, or should have begun.
    pub began: SystemTime,
    /// When there were pictures again, or nobody wanted them any more.
    pub ended: Option<SystemTime>,
    /// The newest known cause.
    pub cause: Cause,
    /// How the board was when it began, where that is known.
    pub board: Option<BoardHealth>,
    /// How often the camera was started again.
    pub restarts: u32,
    /// What was done, in order.
    pub steps: Vec<Step>,
}

/// Something that was done about an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: SystemTime,
    /// What, in words.
    pub what: String,
}

/// The incidents of one camera, the newest last.
#[derive(Debug, Default)]
pub(crate) struct Incidents {
    list: VecDeque<Incident>,
    total: u64,
}

impl Incidents {
    fn open(&mut self) -> Option<&mut Incident> {
        self.list
            .back_mut()
            .filter(|incident| incident.ended.is_none())
    }

    /// Opens an incident and returns its id, or tells the open one its newest cause.
    pub(crate) fn begin(&mut self, began: SystemTime, cause: Cause) -> Option<u64> {
        if let Some(open) = self.open() {
            open.cause = cause;
            return None;
        }
        if self.list.len() == KEPT {
            self.list.pop_front();
        }
        self.total += 1;
        let id = self.total;
        self.list.push_back(Incident {
            id,
            began,
            ended: None,
            cause,
            board: None,
            restarts: 0,
            steps: Vec::new(),
        });
        Some(id)
    }

    /// The board answers a little later, when the incident may be over.
    pub(crate) fn board(&mut self, id: u64, at: SystemTime, board: BoardHealth) {
        let Some(incident) = self.list.iter_mut().rfind(|incident| incident.id == id) else {
            return;
        };
        incident.board = Some(board);
        if let Some(hint) = board.hint()
            && incident.steps.len() < STEPS
        {
            let what = hint.to_owned();
            incident.steps.push(Step { at, what });
        }
    }

    pub(crate) fn step(&mut self, at: SystemTime, what: String) {
        if let Some(open) = self.open()
            && open.steps.len() < STEPS
        {
            open.steps.push(Step { at, what });
        }
    }

    pub(crate) fn restarted(&mut self) {
        if let Some(open) = self.open() {
            open.restarts += 1;
        }
    }

    /// Closes the open one; returns it.
    pub(crate) fn end(&mut self, ended: SystemTime) -> Option<Incident> {
        let open = self.open()?;
        open.ended = Some(ended);
        Some(open.clone())
    }

    pub(crate) fn newest_first(&self) -> Vec<Incident> {
        self.list.iter().rev().cloned().collect()
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn cause(code: &'static str) -> Cause {
        Cause {
            code,
            sentence: "",
            advice: "",
            detail: String::new(),
            words: Vec::new(),
        }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn one_outage_is_one_incident_with_its_newest_cause() {
        let mut incidents = Incidents::default();
        incidents.step(at(0), "to nobody".to_owned());
        assert!(incidents.end(at(0)).is_none());
        incidents.begin(at(1), cause("timed_out"));
        incidents.step(at(2), "started again".to_owned());
        incidents.restarted();
        incidents.begin(at(3), cause("no_camera"));
        let ended = incidents.end(at(4)).unwrap();
        assert_eq!(
            (ended.began, ended.ended, ended.cause.code),
            (at(1), Some(at(4)), "no_camera")
        );
        assert_eq!(
            (ended.restarts, ended.steps.len(), incidents.total()),
            (1, 1, 1)
        );
        incidents.begin(at(5), cause("ended"));
        assert_eq!(
            incidents
                .newest_first()
                .iter()
                .map(|i| i.id)
                .collect::<Vec<_>>(),
            [2, 1]
        );
    }

    #[test]
    fn a_camera_that_stays_dead_takes_no_more_memory() {
        let mut incidents = Incidents::default();
        for n in 0..1000 {
            incidents.begin(at(n), cause("ended"));
            for _ in 0..100 {
                incidents.step(at(n), "started again".to_owned());
            }
            incidents.end(at(n));
        }
        assert_eq!(incidents.newest_first().len(), KEPT);
        assert!(
            incidents
                .newest_first()
                .iter()
                .all(|i| i.steps.len() == STEPS)
        );
        assert_eq!(incidents.total(), 1000);
    }
}

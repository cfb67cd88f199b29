//! Incidents: times when a camera should have given pictures and did not, and what happened to the server itself.
//!
//! They are held here, in memory, whatever becomes of the disk. Whoever keeps them asks for those that changed, in its
//! own time, so that nothing that goes wrong there is felt by a camera.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use tokio::sync::watch;

use crate::{BoardHealth, CameraId};

/// Incidents held for each camera, and for the server; older ones are forgotten here.
const KEPT: usize = 200;
/// Steps kept for each incident. A camera that stays dead is tried for days, always in the same way.
const STEPS: usize = 20;
/// Room for notes of its end and of restarts, beyond that.
const LAST_STEPS: usize = 10;
/// Cameras whose incidents are held. Far more than there are; those that were removed count too.
const PAGES: usize = 256;

/// Why there are no pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Stable word for programs, such as `no_camera`.
    pub code: Cow<'static, str>,
    /// The same for people.
    pub sentence: Cow<'static, str>,
    /// What to do about it.
    pub advice: Cow<'static, str>,
    /// The program's own words, or the path at fault.
    pub detail: String,
    /// The last lines of the program's stderr, oldest first.
    pub words: Vec<String>,
}

/// One time without pictures, or one that the server itself was in trouble.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Each is larger than the one before, whichever camera it is about.
    pub id: u64,
    /// None: it is about the server.
    pub camera: Option<CameraId>,
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

impl Incident {
    /// What is noted whatever was noted before.
    fn note(&mut self, at: SystemTime, what: &str) {
        if self.steps.len() == STEPS + LAST_STEPS {
            self.steps.remove(STEPS);
        }
        let what = what.to_owned();
        self.steps.push(Step { at, what });
    }
}

/// All incidents. Cheap to clone: every clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    book: Mutex<Book>,
    /// Counts what is worth writing.
    changes: watch::Sender<u64>,
    /// Counts what happened to the server's own.
    server: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Book {
    last_id: u64,
    pages: BTreeMap<Option<CameraId>, Page>,
    /// Incidents that were forgotten before they were written.
    lost: u64,
}

/// The incidents of one camera, or of the server; the newest last.
#[derive(Debug, Default)]
struct Page {
    held: VecDeque<Held>,
    /// How many there were since the server started.
    total: u64,
    /// One that the end of the server before this one has cut short.
    cut_short: Option<u64>,
}

#[derive(Debug)]
struct Held {
    incident: Incident,
    /// Counts its changes.
    change: u64,
    /// The change that was written last.
    written: u64,
}

impl Held {
    fn new(incident: Incident) -> Self {
        Self {
            incident,
            change: 1,
            written: 0,
        }
    }

    fn is_unwritten(&self) -> bool {
        self.change != self.written
    }
}

/// An incident that is not written as it is now.
#[derive(Clone, Debug)]
pub struct Unwritten {
    /// As it is now.
    pub incident: Incident,
    change: u64,
}

impl Page {
    fn open(&mut self) -> Option<&mut Held> {
        self.held
            .back_mut()
            .filter(|held| held.incident.ended.is_none())
    }
}

impl Book {
    fn page(&mut self, camera: Option<&CameraId>) -> &mut Page {
        let camera = camera.cloned();
        if self.pages.len() >= PAGES && !self.pages.contains_key(&camera) {
            let is_done = |held: &Held| held.incident.ended.is_some() && !held.is_unwritten();
            let done = self.pages.iter().find(|(_, p)| p.held.iter().all(is_done));
            let done = done.or(self.pages.first_key_value());
            let done = done.map(|(camera, _)| camera.clone());
            done.map(|camera| self.pages.remove(&camera));
        }
        self.pages.entry(camera).or_default()
    }

    fn push(&mut self, incident: Incident) {
        let page = self.page(incident.camera.as_ref());
        let full = page.held.len() == KEPT;
        let oldest = if full { page.held.pop_front() } else { None };
        page.held.push_back(Held::new(incident));
        self.lost += u64::from(oldest.is_some_and(|held| held.is_unwritten()));
    }

    fn held(&self) -> impl Iterator<Item = &Held> {
        self.pages.values().flat_map(|page| &page.held)
    }
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Book> {
        // Nothing in the lock can panic half way.
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.0.changes.send_modify(|n| *n += 1);
    }

    /// Goes on after what an earlier server has kept: numbers after `last_id`, and `open` are the incidents that were
    /// going on when it ended. They are ended now; that of a camera which fails again before it gave a picture goes on.
    pub fn restore(&self, last_id: u64, open: Vec<Incident>, now: SystemTime) {
        let mut book = self.lock();
        book.last_id = book.last_id.max(last_id);
        let is_any = !open.is_empty();
        for mut incident in open {
            incident.ended = Some(now.max(incident.began));
            incident.note(now, "interrupted: the server ended");
            let cut_short = incident.camera.is_some().then_some(incident.id);
            let camera = incident.camera.clone();
            book.push(incident);
            book.page(camera.as_ref()).cut_short = cut_short;
        }
        drop(book);
        if is_any {
            self.changed();
        }
    }

    /// Opens an incident and returns its id, or tells the open one its newest cause.
    pub fn begin(&self, camera: Option<&CameraId>, began: SystemTime, cause: Cause) -> Option<u64> {
        let mut book = self.lock();
        let page = book.page(camera);
        if let Some(open) = page.open() {
            // Details differ with each try: they are written with the next thing that happens.
            let is_worth_writing = open.incident.cause.code != cause.code;
            open.incident.cause = cause;
            open.change += u64::from(is_worth_writing);
            drop(book);
            if is_worth_writing {
                self.changed();
            }
            return None;
        }
        let cut_short = page.cut_short.take();
        let id = match page.held.back_mut() {
            Some(held) if Some(held.incident.id) == cut_short => {
                held.incident.ended = None;
                held.incident.cause = cause;
                let what =
                    "it goes on: the server was started again, and there are still no pictures";
                held.incident.note(began, what);
                held.change += 1;
                held.incident.id
            }
            _ => {
                page.total += 1;
                book.last_id += 1;
                let id = book.last_id;
                book.push(Incident {
                    id,
                    camera: camera.cloned(),
                    began,
                    ended: None,
                    cause,
                    board: None,
                    restarts: 0,
                    steps: Vec::new(),
                });
                id
            }
        };
        drop(book);
        self.changed();
        if camera.is_none() {
            self.0.server.send_modify(|n| *n += 1);
        }
        Some(id)
    }

    /// Tells the open incident its newest cause, for good.
    pub fn retell(&self, camera: Option<&CameraId>, cause: Cause) {
        self.of_open(camera, |incident| {
            incident.cause = cause;
            true
        });
    }

    /// The board answers a little later, when the incident may be over.
    pub fn board(&self, camera: &CameraId, id: u64, at: SystemTime, board: BoardHealth) {
        let mut book = self.lock();
        let page = book.page(Some(camera));
        let Some(held) = page.held.iter_mut().rfind(|held| held.incident.id == id) else {
            return;
        };
        held.incident.board = Some(board);
        held.change += 1;
        if let Some(hint) = board.hint()
            && held.incident.steps.len() < STEPS
        {
            let what = hint.to_owned();
            held.incident.steps.push(Step { at, what });
        }
        drop(book);
        self.changed();
    }

    /// Notes what is done about the open incident.
    pub fn step(&self, camera: Option<&CameraId>, at: SystemTime, what: String) {
        self.of_open(camera, |incident| {
            let has_room = incident.steps.len() < STEPS;
            if has_room {
                incident.steps.push(Step { at, what });
            }
            has_room
        });
    }

    /// Counts a start of the camera; true when that was while pictures were missing. Not written by itself: a camera that
    /// stays dead is tried for days.
    pub fn restarted(&self, camera: &CameraId) -> bool {
        let mut was_missed = false;
        self.of_open(Some(camera), |incident| {
            incident.restarts += 1;
            was_missed = true;
            false
        });
        was_missed
    }

    /// Ends the open one, with a last word; returns it.
    pub fn end(
        &self,
        camera: Option<&CameraId>,
        ended: SystemTime,
        why: Option<&str>,
    ) -> Option<Incident> {
        let mut book = self.lock();
        let page = book.page(camera);
        page.cut_short = None;
        let open = page.open()?;
        if let Some(why) = why {
            open.incident.note(ended, why);
        }
        open.incident.ended = Some(ended);
        open.change += 1;
        let incident = open.incident.clone();
        drop(book);
        self.changed();
        if camera.is_none() {
            self.0.server.send_modify(|n| *n += 1);
        }
        Some(incident)
    }

    /// Changes the open incident; `change` says whether that is worth writing.
    fn of_open(&self, camera: Option<&CameraId>, change: impl FnOnce(&mut Incident) -> bool) {
        let mut book = self.lock();
        let Some(open) = book.page(camera).open() else {
            return;
        };
        let is_worth_writing = change(&mut open.incident);
        open.change += u64::from(is_worth_writing);
        drop(book);
        if is_worth_writing {
            self.changed();
        }
    }

    /// Those that are held and that `is_wanted`, the newest first.
    #[must_use]
    pub fn newest_first(&self, is_wanted: impl Fn(&Incident) -> bool) -> Vec<Incident> {
        let book = self.lock();
        let held = book.held().map(|held| &held.incident);
        let mut list: Vec<_> = held.filter(|i| is_wanted(i)).cloned().collect();
        list.sort_unstable_by_key(|incident| std::cmp::Reverse(incident.id));
        list
    }

    /// The newest of one camera, or of the server.
    #[must_use]
    pub fn newest(&self, camera: Option<&CameraId>) -> Option<Incident> {
        let book = self.lock();
        let page = book.pages.get(&camera.cloned())?;
        Some(page.held.back()?.incident.clone())
    }

    /// How many there were of a camera since the server started.
    #[must_use]
    pub fn total(&self, camera: &CameraId) -> u64 {
        let book = self.lock();
        let page = book.pages.get(&Some(camera.clone()));
        page.map_or(0, |page| page.total)
    }

    /// How many are to be written.
    #[must_use]
    pub fn unwritten_count(&self) -> usize {
        self.lock()
            .held()
            .filter(|held| held.is_unwritten())
            .count()
    }

    /// Those that are to be written, the oldest first.
    #[must_use]
    pub fn unwritten(&self) -> Vec<Unwritten> {
        let book = self.lock();
        let unwritten = book.held().filter(|held| held.is_unwritten());
        let mut list: Vec<_> = unwritten
            .map(|held| Unwritten {
                incident: held.incident.clone(),
                change: held.change,
            })
            .collect();
        list.sort_unstable_by_key(|unwritten| unwritten.incident.id);
        list
    }

    /// These are written. What changed meanwhile is to be written again.
    pub fn written(&self, list: &[Unwritten]) {
        let mut book = self.lock();
        for Unwritten { incident, change } in list {
            let page = book.page(incident.camera.as_ref());
            let held = page.held.iter_mut();
            if let Some(held) = held.rev().find(|held| held.incident.id == incident.id) {
                held.written = *change;
            }
        }
    }

    /// Whatever was written is gone.
    pub fn unwrite(&self) {
        let mut book = self.lock();
        let pages = book.pages.values_mut();
        for held in pages.flat_map(|page| &mut page.held) {
            held.written = 0;
        }
        drop(book);
        self.changed();
    }

    /// How many were forgotten before they were written, since this was asked last.
    #[must_use]
    pub fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.lock().lost)
    }

    /// Is told whenever there is something to be written.
    #[must_use]
    pub fn watch_unwritten(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Is told whenever an incident of the server begins or ends.
    #[must_use]
    pub fn watch_server(&self) -> watch::Receiver<u64> {
        self.0.server.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn cause(code: &'static str) -> Cause {
        Cause {
            code: code.into(),
            sentence: "".into(),
            advice: "".into(),
            detail: String::new(),
            words: Vec::new(),
        }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn camera(id: &str) -> CameraId {
        id.parse().unwrap()
    }

    fn all(ledger: &Ledger) -> Vec<Incident> {
        ledger.newest_first(|_| true)
    }

    /// Ids of those that are to be written, which are written then.
    fn write(ledger: &Ledger) -> Vec<u64> {
        let unwritten = ledger.unwritten();
        ledger.written(&unwritten);
        unwritten.iter().map(|u| u.incident.id).collect()
    }

    #[test]
    fn one_outage_is_one_incident_with_its_newest_cause() {
        let ledger = Ledger::default();
        let main = camera("main");
        let main = Some(&main);
        ledger.step(main, at(0), "to nobody".to_owned());
        assert!(ledger.end(main, at(0), None).is_none());
        ledger.begin(main, at(1), cause("timed_out"));
        ledger.step(main, at(2), "started again".to_owned());
        ledger.restarted(&camera("main"));
        ledger.begin(main, at(3), cause("no_camera"));
        let ended = ledger.end(main, at(4), None).unwrap();
        assert_eq!(
            (ended.began, ended.ended, &*ended.cause.code),
            (at(1), Some(at(4)), "no_camera")
        );
        assert_eq!(
            (
                ended.restarts,
                ended.steps.len(),
                ledger.total(&camera("main"))
            ),
            (1, 1, 1)
        );
        assert_eq!(
            ledger.begin(Some(&camera("yard")), at(4), cause("ended")),
            Some(2)
        );
        assert_eq!(ledger.begin(None, at(5), cause("login_burst")), Some(3));
        assert_eq!(ledger.begin(main, at(5), cause("ended")), Some(4));
        let ids: Vec<_> = all(&ledger).iter().map(|i| i.id).collect();
        assert_eq!(ids, [4, 3, 2, 1]);
        assert_eq!(ledger.newest(main).unwrap().id, 4);
    }

    #[test]
    fn a_camera_that_stays_dead_takes_no_more_memory_and_is_not_written_for_ever() {
        let ledger = Ledger::default();
        let main = camera("main");
        for n in 0..1000 {
            ledger.begin(Some(&main), at(n), cause("ended"));
            for _ in 0..100 {
                ledger.restarted(&main);
                ledger.step(Some(&main), at(n), "started again".to_owned());
            }
            assert_eq!(write(&ledger), [n + 1]);
            for _ in 0..100 {
                ledger.begin(Some(&main), at(n), cause("ended"));
                ledger.restarted(&main);
                ledger.step(Some(&main), at(n), "started again".to_owned());
            }
            assert!(write(&ledger).is_empty());
            ledger.end(Some(&main), at(n), Some("stopped"));
            assert_eq!(write(&ledger), [n + 1]);
        }
        assert_eq!(all(&ledger).len(), KEPT);
        assert!(
            all(&ledger)
                .iter()
                .all(|i| i.steps.len() == STEPS + 1 && i.restarts == 200)
        );
        assert_eq!(ledger.total(&main), 1000);
        for n in 0..1000 {
            ledger.begin(Some(&camera(&format!("c{n}"))), at(n), cause("ended"));
        }
        assert!(all(&ledger).len() <= PAGES + KEPT);
    }

    #[test]
    fn what_changed_while_it_was_written_is_written_again() {
        let ledger = Ledger::default();
        let main = camera("main");
        ledger.begin(Some(&main), at(0), cause("ended"));
        let first = ledger.unwritten();
        ledger.end(Some(&main), at(1), None);
        ledger.written(&first);
        assert_eq!(write(&ledger), [1]);
        assert!(write(&ledger).is_empty());
        ledger.unwrite();
        assert_eq!(write(&ledger), [1]);
        for n in 0..KEPT + 3 {
            ledger.begin(Some(&main), at(n as u64), cause("ended"));
            ledger.end(Some(&main), at(n as u64), None);
        }
        // The first one had been written.
        assert_eq!((ledger.take_lost(), ledger.take_lost()), (3, 0));
        assert_eq!(write(&ledger).len(), KEPT);
    }

    #[test]
    fn what_was_cut_short_goes_on_if_there_was_no_picture_meanwhile() {
        let old = Ledger::default();
        let [main, yard] = ["main", "yard"].map(camera);
        old.begin(Some(&main), at(0), cause("ended"));
        old.begin(Some(&yard), at(0), cause("ended"));
        old.begin(None, at(0), cause("login_burst"));
        let mut open = all(&old);
        for incident in &mut open {
            incident.steps = vec![
                Step {
                    at: at(0),
                    what: "tried".to_owned()
                };
                STEPS + LAST_STEPS
            ];
        }
        let ledger = Ledger::default();
        ledger.restore(7, open, at(10));
        assert!(all(&ledger).iter().all(|i| i.ended == Some(at(10))));
        assert_eq!(write(&ledger), [1, 2, 3]);
        // Pictures came, and then no more.
        assert_eq!(ledger.end(Some(&yard), at(11), None), None);
        assert_eq!(ledger.begin(Some(&yard), at(12), cause("ended")), Some(8));
        assert_eq!(ledger.begin(None, at(12), cause("login_burst")), Some(9));
        assert_eq!(
            ledger.begin(Some(&main), at(12), cause("no_camera")),
            Some(1)
        );
        let main = ledger.newest(Some(&main)).unwrap();
        assert_eq!(
            (main.began, main.ended, &*main.cause.code),
            (at(0), None, "no_camera")
        );
        let [.., first, last] = &main.steps[..] else {
            panic!("no steps")
        };
        assert!(first.what.starts_with("interrupted") && last.what.starts_with("it goes on"));
        assert_eq!(main.steps.len(), STEPS + LAST_STEPS);
        assert_eq!(write(&ledger), [1, 8, 9]);
    }
}

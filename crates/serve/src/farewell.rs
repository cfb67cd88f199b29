//! Tells every connection that the server stops.
//!
//! A token that each connection waits on would be locked and looked at for every frame of every viewer. This is one
//! flag to read; the wakers are kept aside for the one time they are needed.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Acquire, Ordering::Release},
    },
    task::{Context, Waker},
};

/// Shared by all connections.
#[derive(Debug, Default)]
pub(crate) struct Farewell {
    said: AtomicBool,
    waiting: Mutex<(u64, BTreeMap<u64, Waker>)>,
}

/// One connection's ear.
#[derive(Debug)]
pub(crate) struct Ear {
    farewell: Arc<Farewell>,
    id: Option<u64>,
}

impl Farewell {
    /// Wakes everybody; whoever listens later hears it too.
    pub(crate) fn say(&self) {
        self.said.store(true, Release);
        for waker in std::mem::take(&mut self.lock().1).into_values() {
            waker.wake();
        }
    }

    /// For one task, which must be the only one to poll it.
    pub(crate) fn listen(self: &Arc<Self>) -> Ear {
        Ear {
            farewell: self.clone(),
            id: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Waker>)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ear {
    /// Whether the server stops; if not yet, the task is woken when it does.
    pub(crate) fn heard(&mut self, cx: &Context<'_>) -> bool {
        if self.id.is_none() {
            let mut waiting = self.farewell.lock();
            let id = waiting.0;
            waiting.0 += 1;
            waiting.1.insert(id, cx.waker().clone());
            self.id = Some(id);
        }
        self.farewell.said.load(Acquire)
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.farewell.lock().1.remove(&id);
        }
    }
}

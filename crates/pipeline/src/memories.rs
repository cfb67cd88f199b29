//! What was learnt about each camera; outlives its actor, and can outlive the server if somebody keeps it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use camera::{Learnt, Memory};
use hub::CameraId;

/// The memories of all cameras. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Memories(Arc<Mutex<BTreeMap<CameraId, Memory>>>);

impl Memories {
    /// Begins with what is known already.
    #[must_use]
    pub fn new(known: impl IntoIterator<Item = (CameraId, Learnt)>) -> Self {
        let memories = known
            .into_iter()
            .map(|(id, learnt)| (id, Memory::new(learnt)));
        Self(Arc::new(Mutex::new(memories.collect())))
    }

    /// What is known now.
    #[must_use]
    pub fn learnt(&self, id: &CameraId) -> Learnt {
        self.lock().get(id).map(Memory::learnt).unwrap_or_default()
    }

    pub(crate) fn of(&self, id: &CameraId) -> Memory {
        self.lock().entry(id.clone()).or_default().clone()
    }

    pub(crate) fn forget(&self, id: &CameraId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CameraId, Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

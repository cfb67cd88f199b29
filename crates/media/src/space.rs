//! Memory for one picture and what a frame puts around it; used again when the frame is gone.
//!
//! A camera's bytes are read to where viewers are sent them from: nothing is copied in between.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

/// Room in front of a picture, for the head of its part.
pub(crate) const HEAD_ROOM: usize = 128;
/// Room behind it, for the delimiter and the next part's head.
pub(crate) const TAIL_ROOM: usize = 64;

/// Spaces that wait for a picture. One is shown while the next is filled; a third comes with a viewer who is late.
const SPARE: usize = 2;
/// One huge picture must not keep its memory for ever.
const KEPT_BYTES: usize = 2 << 20;

/// Where spaces come from and go back to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// At least `len` bytes, of whatever value.
    pub(crate) fn take(&self, len: usize) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match spare {
            Some(space) if space.len() >= len => space,
            _ => vec![0; len],
        }
    }

    fn give_back(&self, space: Vec<u8>) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE && space.len() <= KEPT_BYTES {
            spare.push(space);
        }
    }
}

/// One whole JPEG, SOI to EOI, with room around it.
pub struct Picture {
    space: Space,
    from: usize,
    len: usize,
}

/// The memory of a picture, on loan from its pool.
struct Space {
    bytes: Vec<u8>,
    /// None: it is nobody's but this picture's.
    pool: Option<Pool>,
}

impl Picture {
    /// `space[from..to]`, which has [`HEAD_ROOM`] in front of it and [`TAIL_ROOM`] behind.
    pub(crate) fn lent(bytes: Vec<u8>, from: usize, to: usize, pool: &Pool) -> Self {
        Self::new(bytes, from, to, Some(pool.clone()))
    }

    fn new(bytes: Vec<u8>, from: usize, to: usize, pool: Option<Pool>) -> Self {
        debug_assert!(from >= HEAD_ROOM && to + TAIL_ROOM <= bytes.len());
        Self {
            space: Space { bytes, pool },
            from,
            len: to - from,
        }
    }

    /// A copy of `jpeg`, in a space of `pool`.
    pub(crate) fn copied(jpeg: &[u8], pool: &Pool) -> Self {
        let to = HEAD_ROOM + jpeg.len();
        let mut bytes = pool.take(to + TAIL_ROOM);
        bytes[HEAD_ROOM..to].copy_from_slice(jpeg);
        Self::lent(bytes, HEAD_ROOM, to, pool)
    }

    /// Writes `head` in front of the picture and `tail` behind it, and gives all of it away.
    pub(crate) fn between(mut self, head: &[u8], tail: &[u8]) -> bytes::Bytes {
        let begin = self.from - head.len();
        let to = self.from + self.len;
        let end = to + tail.len();
        self.space.bytes[begin..self.from].copy_from_slice(head);
        self.space.bytes[to..end].copy_from_slice(tail);
        bytes::Bytes::from_owner(self.space).slice(begin..end)
    }
}

impl From<&[u8]> for Picture {
    /// Copies `jpeg` into memory of its own.
    fn from(jpeg: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(HEAD_ROOM + jpeg.len() + TAIL_ROOM);
        bytes.resize(HEAD_ROOM, 0);
        bytes.extend_from_slice(jpeg);
        bytes.resize(HEAD_ROOM + jpeg.len() + TAIL_ROOM, 0);
        Self::new(bytes, HEAD_ROOM, HEAD_ROOM + jpeg.len(), None)
    }
}

impl Deref for Picture {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.space.bytes[self.from..self.from + self.len]
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture of {} bytes", self.len)
    }
}

impl AsRef<[u8]> for Space {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.give_back(std::mem::take(&mut self.bytes));
        }
    }
}

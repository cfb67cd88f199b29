//! Cuts the camera's pipe into JPEGs, in the cheapest way that is sound for this camera program.
//!
//! It writes whole frames with a flush behind each, so a read that ends in EOI ends a frame. Only a reader
//! that was late gets the end of one and the start of the next in one read: EOI directly before SOI, a pair
//! that cannot stand inside a camera's JPEG (entropy-coded FF is stuffed, and it has no thumbnail).

use std::process::ChildStdout;

use anyhow::Context as _;
use memchr::memmem::Finder;

use super::frames::Slot;

const EOI: &[u8] = &[0xFF, 0xD9];
const EOI_SOI: &[u8] = &[0xFF, 0xD9, 0xFF, 0xD8];

#[derive(Debug)]
pub(super) struct Cutter {
    seam: Finder<'static>,
    /// Bytes of JPEG in the buffer that is being filled.
    filled: usize,
    /// Up to here there is no seam.
    searched: usize,
    surplus: usize,
}

impl Default for Cutter {
    fn default() -> Self {
        Self {
            seam: Finder::new(EOI_SOI),
            filled: 0,
            searched: 0,
            surplus: 0,
        }
    }
}

impl Cutter {
    /// One read behind what is there. 0 is the end of the camera.
    pub(super) fn read(
        &mut self,
        camera: &ChildStdout,
        target: &mut Slot,
    ) -> anyhow::Result<usize> {
        let count = rustix::io::read(camera, target.room(self.filled)).context("read camera")?;
        self.filled += count;
        Ok(count)
    }

    /// The length of the first whole frame in the buffer.
    pub(super) fn cut(&mut self, target: &Slot) -> Option<usize> {
        let bytes = target.filled(self.filled);
        let length = match self.seam.find(&bytes[self.searched..]) {
            Some(at) => self.searched + at + EOI.len(),
            None if bytes.ends_with(EOI) => bytes.len(),
            None => {
                self.searched = bytes.len().saturating_sub(EOI_SOI.len() - 1);
                return None;
            }
        };
        self.surplus = self.filled - length;
        self.searched = 0;
        self.filled = self.surplus;
        Some(length)
    }

    /// How many bytes behind the frame just cut belong to the next one.
    pub(super) fn take_surplus(&mut self) -> usize {
        std::mem::take(&mut self.surplus)
    }
}

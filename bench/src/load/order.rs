//! One viewer's frames in sequence: what came, what is missing, what came twice or too late.

use camera_sim::stamp::Stamp;

use super::tally::{Fault, Tally};

/// The order of one viewer's frames.
#[derive(Debug, Default)]
pub(super) struct Order {
    newest: Option<u64>,
    /// Frames inside the window.
    pub(super) frames: u64,
}

impl Order {
    /// A whole JPEG of `length` bytes was read at `now_ns`.
    pub(super) fn frame(
        &mut self,
        stamp: Option<Stamp>,
        length: usize,
        now_ns: u64,
        tally: &mut Tally,
    ) {
        let Some(stamp) = stamp else {
            // A placeholder may come before the camera is up, never once the window is open.
            if tally.in_window {
                tally.fault(Fault::Unstamped, || format!("a frame of {length} bytes"));
            }
            return;
        };
        if let Some(newest) = self.newest {
            if stamp.sequence == newest {
                tally.fault(Fault::Duplicate, || format!("frame {newest} again"));
                return;
            }
            if stamp.sequence < newest {
                tally.fault(Fault::Reordered, || {
                    format!("frame {} after {newest}", stamp.sequence)
                });
                return;
            }
            tally.lost += stamp.sequence - newest - 1;
        }
        self.newest = Some(stamp.sequence);
        if tally.in_window {
            self.frames += 1;
        }
        tally.frames += 1;
        tally.bytes += length as u64;
        tally
            .latency
            .record(now_ns.saturating_sub(stamp.written_ns));
    }
}

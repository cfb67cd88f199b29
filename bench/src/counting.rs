//! An allocator that counts, and the thread that writes the count where the bench can read it.
//!
//! A program installs [`Counting`] as its global allocator and calls [`publish`] once.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use crate::clock::pause;

/// Allocations so far; growing in place or by moving counts as one.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Names the file the count is written to.
pub const FILE: &str = "BENCH_ALLOC_FILE";
const INTERVAL: Duration = Duration::from_millis(100);
/// Digits of the largest count; the file is overwritten in place, so it has one width.
const WIDTH: usize = 20;

/// The system's allocator, counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counting;

#[expect(unsafe_code, reason = "a global allocator cannot be written without")]
// SAFETY: every call goes to `System` unchanged; counting touches no memory of the caller's and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: `place` came from `System` by one of these functions, with this layout.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: `place` came from `System` by one of these functions, with this layout.
        unsafe { System.dealloc(place, layout) }
    }
}

/// Allocations of this process so far.
#[must_use]
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// Writes the count to the file named by `BENCH_ALLOC_FILE` ten times a second, without allocating.
pub fn publish() -> anyhow::Result<()> {
    let name: OsString = std::env::var_os(FILE).with_context(|| format!("{FILE} is not set"))?;
    let file = File::create(&name).with_context(|| format!("create {}", name.display()))?;
    write(&file)?;
    thread::Builder::new()
        .name("allocations".to_owned())
        .spawn(move || {
            while write(&file).is_ok() {
                pause(INTERVAL);
            }
        })
        .context("start the counting thread")?;
    Ok(())
}

fn write(file: &File) -> std::io::Result<()> {
    let mut digits = [b' '; WIDTH + 1];
    let mut left = &mut digits[..];
    write!(left, "{:WIDTH$}", allocations())?;
    digits[WIDTH] = b'\n';
    file.write_all_at(&digits, 0)
}

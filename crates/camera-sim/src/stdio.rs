//! stdout as glibc's stdio writes it: the sizes of the write() calls are what a reader notices.
//!
//! A full block is written as soon as it is full, whole blocks of what follows go out directly, and the rest
//! stays here until the next call or a flush. So without a flush the tail of a frame waits for the next one.

use std::fs::File;
use std::io::{self, Write as _};

use rustix::io::Errno;

/// What stdio takes as its block on a pipe: the pipe's `st_blksize`.
pub const BLOCK: usize = 4096;

/// Where bytes end.
#[derive(Debug)]
pub enum Sink {
    /// The standard output, unbuffered.
    Stdout,
    /// A file.
    File(File),
    /// Without `-o` everything is thrown away.
    Nothing,
    /// Keeps the size of each write, for tests.
    #[cfg(test)]
    Sizes(Vec<usize>),
}

impl Sink {
    /// Writes all of it, in one call as long as the kernel takes it in one.
    pub fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                while !bytes.is_empty() {
                    match rustix::io::write(rustix::stdio::stdout(), bytes) {
                        Ok(n) => bytes = &bytes[n..],
                        Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(())
            }
            Self::File(file) => file.write_all(bytes),
            Self::Nothing => Ok(()),
            #[cfg(test)]
            Self::Sizes(sizes) => {
                sizes.push(bytes.len());
                Ok(())
            }
        }
    }
}

/// A FILE of C, fully buffered.
#[derive(Debug)]
pub struct Stdio {
    sink: Sink,
    block: [u8; BLOCK],
    held: usize,
    /// stdio has no buffer before its first write: that one is not filled up first.
    fresh: bool,
}

impl Stdio {
    /// Nothing held yet.
    #[must_use]
    pub fn new(sink: Sink) -> Self {
        Self {
            sink,
            block: [0; BLOCK],
            held: 0,
            fresh: true,
        }
    }

    /// As `fwrite`.
    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let room = if self.fresh { 0 } else { BLOCK - self.held };
        self.fresh = false;
        let (fill, rest) = bytes.split_at(room.min(bytes.len()));
        self.hold(fill);
        bytes = rest;
        if bytes.is_empty() {
            return Ok(());
        }
        self.flush()?;
        let (blocks, tail) = bytes.split_at(bytes.len() - bytes.len() % BLOCK);
        if !blocks.is_empty() {
            self.sink.write_all(blocks)?;
        }
        self.hold(tail);
        Ok(())
    }

    /// As `fflush`.
    pub fn flush(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        if held == 0 {
            return Ok(());
        }
        self.sink.write_all(&self.block[..held])
    }

    /// The way past the buffer, for what does not go through stdio.
    pub fn sink(&mut self) -> &mut Sink {
        &mut self.sink
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.block[self.held..self.held + bytes.len()].copy_from_slice(bytes);
        self.held += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes of the write() calls for frames of these sizes.
    fn check(flush: bool, frames: &[usize], expected: &[usize]) {
        let mut out = Stdio::new(Sink::Sizes(Vec::new()));
        for &size in frames {
            out.write(&vec![1; size]).unwrap();
            if flush {
                out.flush().unwrap();
            }
        }
        let Sink::Sizes(sizes) = out.sink else {
            unreachable!()
        };
        assert_eq!(sizes, expected, "flush {flush}, frames {frames:?}");
    }

    /// Expected values come from a C program under strace, glibc 2.36, stdout a pipe.
    #[test]
    fn writes_like_glibc() {
        check(false, &[16300, 16300], &[12288, 4096, 12288]);
        check(true, &[16300, 16300], &[12288, 4012, 4096, 8192, 4012]);
        check(false, &[100, 100], &[]);
        check(true, &[100, 100], &[100, 100]);
        check(false, &[4096, 4096], &[4096]);
        check(true, &[4096, 4096], &[4096, 4096]);
        check(false, &[5000, 3192, 1], &[4096, 4096]);
        check(true, &[12288, 12288], &[12288, 4096, 8192]);
    }
}

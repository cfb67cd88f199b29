//! Lines out of bytes that arrive in any pieces. A line that lies whole in one piece is not copied.

/// No honest header, chunk size or delimiter is longer.
const LONGEST: usize = 1024;

/// The started line of one reader.
#[derive(Debug, Default)]
pub(super) struct Lines {
    started: Vec<u8>,
    handed_out: bool,
}

/// More than [`LONGEST`] bytes without a line end.
#[derive(Debug)]
pub(super) struct TooLong;

impl Lines {
    /// Takes the next line, without its end, off the front of `bytes`; `None` means it goes on in the next piece.
    pub(super) fn take<'line, 'bytes: 'line>(
        &'line mut self,
        bytes: &mut &'bytes [u8],
    ) -> Result<Option<&'line [u8]>, TooLong> {
        if self.handed_out {
            self.started.clear();
            self.handed_out = false;
        }
        let near = &bytes[..bytes.len().min(LONGEST)];
        let Some(end) = memchr::memchr(b'\n', near) else {
            if LONGEST < self.started.len() + bytes.len() {
                self.started.clear();
                return Err(TooLong);
            }
            self.started.extend_from_slice(bytes);
            *bytes = &[];
            return Ok(None);
        };
        let (line, rest) = bytes.split_at(end);
        *bytes = &rest[1..];
        if self.started.is_empty() {
            return Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)));
        }
        self.started.extend_from_slice(line);
        self.handed_out = true;
        let whole = self.started.as_slice();
        Ok(Some(whole.strip_suffix(b"\r").unwrap_or(whole)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_gives_the_same_lines() {
        let text = b"a\r\n\r\nbcd\nlast\r\n";
        for piece in 1..=text.len() {
            let mut lines = Lines::default();
            let mut seen = Vec::new();
            for mut bytes in text.chunks(piece) {
                while let Some(line) = lines.take(&mut bytes).unwrap() {
                    seen.push(line.to_vec());
                }
            }
            assert_eq!(seen, [&b"a"[..], b"", b"bcd", b"last"], "pieces of {piece}");
        }
    }

    #[test]
    fn endless_line_is_refused() {
        let mut lines = Lines::default();
        let piece = [b'x'; 600];
        assert!(lines.take(&mut &piece[..]).unwrap().is_none());
        assert!(lines.take(&mut &piece[..]).is_err());
    }
}

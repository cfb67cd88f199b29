//! Reads `multipart/x-mixed-replace` to the letter: RFC 2046 clause 5.1.1, and what the server promises beyond it.

use std::io::{self, BufRead as _, BufReader, Read as _};

use camera_sim::stamp::{self, Stamp};

use super::{Reply, http::Body};

/// One part.
pub(crate) struct Part {
    headers: Vec<(String, String)>,
    pub(crate) jpeg: Vec<u8>,
    /// Of the simulated camera; a picture that the server drew has none.
    pub(crate) stamp: Option<Stamp>,
    /// Bytes of the multipart body up to the end of this part.
    pub(crate) position: u64,
}

impl Part {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name);
        let value = values.next().map(|(_, value)| &**value);
        assert!(values.next().is_none(), "{name} twice in a part");
        value
    }

    /// Names of the headers in their order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| &**name).collect()
    }

    /// Number of the picture, by the camera's count.
    pub(crate) fn sequence(&self) -> u64 {
        self.stamp
            .expect("a picture of the camera, and not one that the server drew")
            .sequence
    }
}

/// The parts of a stream.
pub(crate) struct Parts {
    source: BufReader<Body>,
    boundary: String,
    position: u64,
    is_first: bool,
}

impl Parts {
    /// Of an answer that has to be a stream.
    pub(crate) fn of(reply: Reply) -> Self {
        assert_eq!(reply.status, 200, "refused");
        let kind = reply.header("Content-Type").unwrap();
        let boundary = kind
            .strip_prefix("multipart/x-mixed-replace; boundary=")
            .unwrap()
            .to_owned();
        Self {
            source: BufReader::with_capacity(1024, reply.body),
            boundary,
            position: 0,
            is_first: true,
        }
    }

    /// The socket below.
    pub(crate) fn socket(&self) -> &std::net::TcpStream {
        self.source.get_ref().socket()
    }

    /// The next part, which has to come and to be right.
    pub(crate) fn part(&mut self) -> Part {
        self.next()
            .unwrap_or_else(|error| panic!("{error}"))
            .expect("a part, and not the end of the stream")
    }

    /// The next picture of the camera.
    pub(crate) fn picture(&mut self) -> Part {
        loop {
            let part = self.part();
            if part.stamp.is_some() {
                return part;
            }
        }
    }

    /// Reads on to the end, which has to be in good order: close delimiter (a picture's head that went in
    /// advance does without), then the end that the framing has.
    pub(crate) fn ends_well(mut self) {
        while self
            .next()
            .unwrap_or_else(|error| panic!("{error}"))
            .is_some()
        {}
    }

    /// The next part, `None` at the end of a stream that ended in good order.
    pub(crate) fn next(&mut self) -> io::Result<Option<Part>> {
        if std::mem::take(&mut self.is_first) {
            let delimiter = format!("--{}", self.boundary);
            self.expect(&delimiter)?;
        }
        let mut two = [0; 2];
        self.source.read_exact(&mut two)?;
        self.position += 2;
        match &two {
            b"--" => {
                let mut rest = Vec::new();
                self.source.read_to_end(&mut rest)?;
                return if rest == b"\r\n" {
                    Ok(None)
                } else {
                    Err(bad("something behind the close delimiter", &rest))
                };
            }
            b"\r\n" => {}
            other => return Err(bad("no line end behind the delimiter", other)),
        }
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line
                .split_once(": ")
                .ok_or_else(|| bad("no header", line.as_bytes()))?;
            headers.push((name.to_owned(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "Content-Length");
        let jpeg = match length.and_then(|(_, length)| length.parse().ok()) {
            Some(length) => {
                let mut jpeg = vec![0; length];
                self.source.read_exact(&mut jpeg)?;
                self.position += length as u64;
                let delimiter = format!("\r\n--{}", self.boundary);
                self.expect(&delimiter)?;
                jpeg
            }
            None => match self.up_to_delimiter()? {
                Some(jpeg) => jpeg,
                None => return Ok(None),
            },
        };
        if !(jpeg.starts_with(b"\xFF\xD8") && jpeg.ends_with(b"\xFF\xD9")) {
            return Err(bad("no whole JPEG", &jpeg[..jpeg.len().min(20)]));
        }
        let stamp = stamp::read(&jpeg);
        Ok(Some(Part {
            headers,
            jpeg,
            stamp,
            position: self.position,
        }))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.source.read_until(b'\n', &mut line)?;
        self.position += line.len() as u64;
        let text = line
            .strip_suffix(b"\r\n")
            .ok_or_else(|| bad("a line without CRLF", &line))?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn expect(&mut self, text: &str) -> io::Result<()> {
        let mut got = vec![0; text.len()];
        self.source.read_exact(&mut got)?;
        self.position += got.len() as u64;
        if got == text.as_bytes() {
            Ok(())
        } else {
            Err(bad("no delimiter", &got))
        }
    }

    /// A part that does not say its length; `None` if the stream ends behind its head, which went in advance.
    fn up_to_delimiter(&mut self) -> io::Result<Option<Vec<u8>>> {
        let delimiter = format!("\r\n--{}", self.boundary);
        let last = *delimiter.as_bytes().last().unwrap();
        let mut content = Vec::new();
        while !content.ends_with(delimiter.as_bytes()) {
            match self.source.read_until(last, &mut content)? {
                0 if content.is_empty() => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => self.position += n as u64,
            }
        }
        content.truncate(content.len() - delimiter.len());
        Ok(Some(content))
    }
}

fn bad(text: &str, bytes: &[u8]) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{text}: {}", bytes.escape_ascii()),
    )
}

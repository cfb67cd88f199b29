//! A viewer and an API client of a few lines. They check what they read: a soak notices broken parts, too.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use camera_sim::stamp::{self, Stamp};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(15);
const LONGEST_LINE: u64 = 1024;
const LARGEST_PICTURE: usize = 16 << 20;

/// A connection that has asked for something.
pub(super) fn ask(address: SocketAddr, path: &str, version: &str) -> io::Result<TcpStream> {
    let mut socket = connect(address)?;
    write!(
        socket,
        "GET {path} HTTP/{version}\r\nHost: {address}\r\n\r\n"
    )?;
    Ok(socket)
}

/// A connection with limits on how long it waits.
pub(super) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, TIMEOUT)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    Ok(socket)
}

/// Status and body.
pub(super) fn get(address: SocketAddr, path: &str) -> io::Result<(u16, Vec<u8>)> {
    let mut reader = BufReader::new(ask(address, path, "1.0")?);
    let status = head(&mut reader)?.status;
    let mut body = Vec::new();
    reader.read_to_end(&mut body)?;
    Ok((status, body))
}

/// The JSON at this address, which has to be there.
pub(super) fn json(address: SocketAddr, path: &str) -> io::Result<Value> {
    let (status, body) = get(address, path)?;
    if status != 200 {
        return Err(io::Error::other(format!("{path}: status {status}")));
    }
    Ok(serde_json::from_slice(&body)?)
}

struct Head {
    status: u16,
    boundary: Option<String>,
    length: Option<usize>,
}

/// Status line and headers, or just the headers of a part.
fn head(reader: &mut impl io::BufRead) -> io::Result<Head> {
    let mut head = Head {
        status: 0,
        boundary: None,
        length: None,
    };
    loop {
        let line = line(reader)?;
        if line.is_empty() {
            return Ok(head);
        }
        if let Some(rest) = line.strip_prefix("HTTP/1.") {
            let status = rest
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok());
            head.status = status.ok_or_else(|| bad(&line))?;
            continue;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad(&line))?;
        if name.eq_ignore_ascii_case("content-length") {
            head.length = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("content-type") {
            head.boundary = value
                .split_once("boundary=")
                .map(|(_, rest)| rest.to_owned());
        }
    }
}

fn line(reader: &mut impl io::BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    let read = reader
        .by_ref()
        .take(LONGEST_LINE)
        .read_until(b'\n', &mut line)?;
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = line
        .strip_suffix(b"\r\n")
        .ok_or_else(|| bad(&line.escape_ascii()))?;
    Ok(String::from_utf8_lossy(text).into_owned())
}

fn bad(what: &impl ToString) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("not understood: {}", what.to_string()),
    )
}

/// An open stream, part by part.
#[derive(Debug)]
pub(super) struct Parts {
    reader: BufReader<TcpStream>,
    delimiter: String,
    jpeg: Vec<u8>,
}

impl Parts {
    /// Opens a stream, which has to be granted.
    pub(super) fn open(address: SocketAddr, path: &str) -> io::Result<Self> {
        let mut reader = BufReader::new(ask(address, path, "1.1")?);
        let head = head(&mut reader)?;
        if head.status != 200 {
            return Err(io::Error::other(format!("{path}: status {}", head.status)));
        }
        let boundary = head.boundary.ok_or_else(|| bad(&"no boundary"))?;
        let mut parts = Self {
            reader,
            delimiter: format!("--{boundary}"),
            jpeg: Vec::new(),
        };
        parts.expect_delimiter()?;
        Ok(parts)
    }

    pub(super) fn socket(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    /// The next part's stamp: none in a picture that the server drew.
    pub(super) fn next(&mut self) -> io::Result<Option<Stamp>> {
        let length = head(&mut self.reader)?.length;
        let length = length.filter(|length| (4..LARGEST_PICTURE).contains(length));
        self.jpeg
            .resize(length.ok_or_else(|| bad(&"a part without a length"))?, 0);
        self.reader.read_exact(&mut self.jpeg)?;
        if !(self.jpeg.starts_with(b"\xFF\xD8") && self.jpeg.ends_with(b"\xFF\xD9")) {
            return Err(bad(&"a part that is no whole JPEG"));
        }
        if !line(&mut self.reader)?.is_empty() {
            return Err(bad(&"something behind the JPEG"));
        }
        self.expect_delimiter()?;
        Ok(stamp::read(&self.jpeg))
    }

    fn expect_delimiter(&mut self) -> io::Result<()> {
        let line = line(&mut self.reader)?;
        if line == self.delimiter {
            Ok(())
        } else if line.strip_suffix("--") == Some(&self.delimiter) {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            Err(bad(&line))
        }
    }
}

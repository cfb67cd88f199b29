//! A small HTTP client that hides nothing: it takes no more and no less than RFC 9112 allows, and shows every byte.

use std::{
    io::{self, BufReader, Read, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use super::{LIMIT, Token};

/// A connection to the server before its request.
pub(crate) struct Client {
    socket: TcpStream,
    version: &'static str,
    host: Option<String>,
    headers: String,
    body: Vec<u8>,
    is_stranger: bool,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::connect(address).unwrap()
    }

    /// For a server that may be gone.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::on(TcpStream::connect_timeout(&address, LIMIT)?))
    }

    /// A client with a receive buffer of about so many bytes.
    pub(crate) fn with_receive_buffer(address: SocketAddr, bytes: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // Before it connects: the window is announced then.
        socket.set_recv_buffer_size(bytes).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::on(socket.into())
    }

    /// A client at another address of this machine: all of 127.0.0.0/8 is.
    pub(crate) fn at(own: &str, address: SocketAddr) -> Self {
        let own: IpAddr = own.parse().unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(own, 0).into()).unwrap();
        socket.connect_timeout(&address.into(), LIMIT).unwrap();
        Self::on(socket.into())
    }

    fn on(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket.set_write_timeout(Some(LIMIT)).unwrap();
        Self {
            socket,
            version: "HTTP/1.1",
            host: Some("localhost".to_owned()),
            headers: String::new(),
            body: Vec::new(),
            is_stranger: false,
        }
    }

    pub(crate) fn http_1_0(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    /// Calls the server by this name; `None` by none.
    pub(crate) fn host(mut self, name: Option<&str>) -> Self {
        self.host = name.map(str::to_owned);
        self
    }

    /// Bytes in front of the request.
    pub(crate) fn first(mut self, bytes: &[u8]) -> Self {
        self.socket.write_all(bytes).unwrap();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    /// Without the tests' token.
    pub(crate) fn stranger(mut self) -> Self {
        self.is_stranger = true;
        self
    }

    /// Something to send.
    pub(crate) fn body(mut self, bytes: &[u8]) -> Self {
        self.body = bytes.to_vec();
        self.header("Content-Length", &bytes.len().to_string())
    }

    /// JSON to send.
    pub(crate) fn json(self, value: &Value) -> Self {
        self.header("Content-Type", "application/json")
            .body(value.to_string().as_bytes())
    }

    pub(crate) fn request(self, method: &str, path: &str) -> Reply {
        self.attempt(method, path)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// For a server that may be gone.
    pub(crate) fn attempt(mut self, method: &str, path: &str) -> io::Result<Reply> {
        if !self.is_stranger {
            let token = format!("Bearer {}", Token::get().secret);
            self = self.header("Authorization", &token);
        }
        let Self {
            version,
            host,
            headers,
            ..
        } = &self;
        let host = host.as_ref().map(|host| format!("Host: {host}\r\n"));
        let host = host.unwrap_or_default();
        let request = format!("{method} {path} {version}\r\n{host}{headers}\r\n");
        let request = [request.as_bytes(), &self.body].concat();
        self.socket.write_all(&request)?;
        Reply::read(self.socket, method)
    }

    /// Whatever these bytes are; what comes back until the server closes.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Vec<u8> {
        // The server may close before it has read all of it.
        let _ = self.socket.write_all(bytes);
        let mut answer = Vec::new();
        match self.socket.read_to_end(&mut answer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                panic!("neither answered nor closed")
            }
            _ => answer,
        }
    }

    /// The socket as it is.
    pub(crate) fn socket(self) -> TcpStream {
        self.socket
    }
}

/// An answer whose head has been read.
pub(crate) struct Reply {
    pub(crate) version: String,
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// The body, with the framing taken off.
pub(crate) struct Body {
    source: BufReader<TcpStream>,
    framing: Framing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// So many bytes are left.
    Length(u64),
    /// So many bytes are left of this chunk; the first one has not begun.
    Chunked { left: u64, begun: bool },
    /// To the end of the connection.
    Close,
}

fn line(source: &mut impl io::BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    source.read_until(b'\n', &mut line)?;
    let text = line
        .strip_suffix(b"\r\n")
        .ok_or_else(|| bad("a line without CRLF"))?;
    String::from_utf8(text.to_vec()).map_err(|_| bad("a line that is no text"))
}

fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

impl Reply {
    fn read(socket: TcpStream, method: &str) -> io::Result<Self> {
        let mut source = BufReader::with_capacity(2048, socket);
        let status_line = line(&mut source)?;
        let mut words = status_line.splitn(3, ' ');
        let version = words.next().unwrap_or_default().to_owned();
        let status = words
            .next()
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| bad("no status"))?;
        let mut headers = Vec::new();
        loop {
            let line = line(&mut source)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line
                .split_once(": ")
                .ok_or_else(|| bad("a header without a colon"))?;
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut reply = Self {
            version,
            status,
            headers,
            body: Body {
                source,
                framing: Framing::Close,
            },
        };
        reply.body.framing = if method == "HEAD" || matches!(status, 204 | 304) {
            Framing::Length(0)
        } else if reply.header("Transfer-Encoding") == Some("chunked") {
            Framing::Chunked {
                left: 0,
                begun: false,
            }
        } else if let Some(length) = reply.header("Content-Length") {
            Framing::Length(length.parse().map_err(|_| bad("Content-Length"))?)
        } else {
            Framing::Close
        };
        Ok(reply)
    }

    /// The only header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| &**value);
        assert!(values.next().is_none(), "{name} twice");
        value
    }

    pub(crate) fn bytes(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.body.read_to_end(&mut bytes).unwrap();
        bytes
    }

    pub(crate) fn text(self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    pub(crate) fn json(self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

impl Body {
    pub(crate) fn socket(&self) -> &TcpStream {
        self.source.get_ref()
    }
}

impl Read for Body {
    /// The end is only where the framing says so.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Framing::Chunked { left: 0, begun } = self.framing {
            if begun && !line(&mut self.source)?.is_empty() {
                return Err(bad("a chunk longer than it said"));
            }
            let size = line(&mut self.source)?;
            let left = u64::from_str_radix(&size, 16).map_err(|_| bad("the length of a chunk"))?;
            self.framing = if left > 0 {
                Framing::Chunked { left, begun: true }
            } else if line(&mut self.source)?.is_empty() {
                Framing::Length(0)
            } else {
                return Err(bad("a trailer"));
            };
        }
        let (Framing::Length(left) | Framing::Chunked { left, .. }) = &mut self.framing else {
            return self.source.read(out);
        };
        let room = out.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(0);
        }
        let n = self.source.read(&mut out[..room])?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        *left -= n as u64;
        Ok(n)
    }
}

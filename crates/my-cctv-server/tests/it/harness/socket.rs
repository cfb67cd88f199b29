//! A WebSocket client: a library's, so that both ends do not share one mistake.

use std::net::TcpStream;

use serde_json::{Value, json};
use tungstenite::{Error, Message, WebSocket, handshake::client::generate_key};

use super::{Client, Server, Token};

/// An open socket. Messages that a test does not wait for are kept.
pub(crate) struct Socket {
    inner: WebSocket<TcpStream>,
    words: Vec<Value>,
    next_id: u64,
}

/// A picture as a binary message.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) sequence: u64,
    pub(crate) captured_us: u64,
    pub(crate) size: (u16, u16),
    pub(crate) is_placeholder: bool,
    pub(crate) jpeg: Vec<u8>,
}

impl Picture {
    /// Reads the documented layout, and nothing of the server's own code.
    fn read(message: &[u8]) -> Self {
        let number = |at: usize, len: usize| {
            message[at..at + len]
                .iter()
                .fold(0_u64, |n, byte| n << 8 | u64::from(*byte))
        };
        assert_eq!(message[..2], [1, 1], "version and codec");
        let jpeg = message[32..].to_vec();
        assert_eq!(number(4, 4), jpeg.len() as u64);
        assert_eq!(number(28, 4), 0);
        assert_eq!(
            (&jpeg[..2], &jpeg[jpeg.len() - 2..]),
            (&[0xFF, 0xD8][..], &[0xFF, 0xD9][..])
        );
        Self {
            sequence: number(8, 8),
            captured_us: number(16, 8),
            size: (
                number(24, 2).try_into().unwrap(),
                number(26, 2).try_into().unwrap(),
            ),
            is_placeholder: number(2, 2) & 1 == 1,
            jpeg,
        }
    }
}

impl Socket {
    /// A socket that has to open.
    pub(crate) fn open(server: &Server, path: &str) -> Self {
        Self::on(Client::new(server.address).socket(), path, server)
    }

    pub(crate) fn on(stream: TcpStream, path: &str, server: &Server) -> Self {
        Self::of(stream, path, server, &Token::get().secret)
    }

    /// A socket of whoever has this token.
    pub(crate) fn of(stream: TcpStream, path: &str, server: &Server, token: &str) -> Self {
        let url = format!("ws://{}{path}", server.address);
        let request = tungstenite::http::Request::get(&url)
            .header("Host", server.address.to_string())
            .header("Authorization", format!("Bearer {token}"))
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key())
            .body(())
            .unwrap();
        let (inner, response) = tungstenite::client(request, stream).unwrap();
        assert_eq!(response.status(), 101);
        Self {
            inner,
            words: Vec::new(),
            next_id: 0,
        }
    }

    pub(crate) fn raw(&mut self) -> &mut WebSocket<TcpStream> {
        &mut self.inner
    }

    /// Says something; returns the answer to it.
    pub(crate) fn ask(&mut self, mut request: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        request["id"] = json!(id);
        self.inner.send(Message::text(request.to_string())).unwrap();
        self.words("an answer", |words| {
            (words["type"] == "answer" && words["id"] == id).then(|| words.clone())
        })
    }

    /// Waits for words that `wanted` picks, among those that came already too.
    pub(crate) fn words<T>(&mut self, what: &str, wanted: impl Fn(&Value) -> Option<T>) -> T {
        if let Some(at) = self.words.iter().position(|words| wanted(words).is_some()) {
            let words = self.words.remove(at);
            return wanted(&words).unwrap();
        }
        loop {
            match self.inner.read() {
                Ok(Message::Text(text)) => {
                    let words: Value = serde_json::from_str(&text).unwrap();
                    if let Some(found) = wanted(&words) {
                        return found;
                    }
                    self.words.push(words);
                }
                Ok(_) => {}
                Err(error) => panic!("{what} did not come: {error}; {:?}", self.words),
            }
        }
    }

    /// The next event of this kind.
    pub(crate) fn event(&mut self, kind: &str) -> Value {
        self.words(kind, |words| {
            (words["type"] == "event" && words["event"] == kind).then(|| words.clone())
        })
    }

    /// The next picture.
    pub(crate) fn picture(&mut self) -> Picture {
        loop {
            match self.inner.read().unwrap() {
                Message::Binary(bytes) => return Picture::read(&bytes),
                Message::Text(text) => self.words.push(serde_json::from_str(&text).unwrap()),
                _ => {}
            }
        }
    }

    /// Reads on until the server ends the socket; the code and reason it gave.
    pub(crate) fn end(mut self) -> (u16, String) {
        let mut told = (0, String::new());
        loop {
            match self.inner.read() {
                Ok(Message::Close(Some(frame))) => {
                    told = (frame.code.into(), frame.reason.to_string());
                }
                Ok(_) => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return told,
                Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("the socket was not ended")
                }
                Err(_) => return told,
            }
        }
    }
}

//! PROXY protocol, versions 1 and 2: a proxy that passes bytes on says first for whom.

use std::{io, net::SocketAddr};

use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 1 is never longer.
const LINE_BYTES: usize = 107;
/// Version 2 may have 64 KiB behind its head; addresses and what proxies add to them take a few hundred bytes.
const REST_BYTES: usize = 4096;

/// Reads the header and not a byte more. `None`: the proxy speaks for itself, as its health checks do.
pub(super) async fn read(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut bytes = vec![0; SIGNATURE.len()];
    socket.read_exact(&mut bytes).await?;
    if bytes == SIGNATURE {
        let mut head = [0; 4];
        socket.read_exact(&mut head).await?;
        let rest = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if rest > REST_BYTES {
            return Err(no_header());
        }
        bytes.extend(head);
        let begin = bytes.len();
        bytes.resize(begin + rest, 0);
        socket.read_exact(&mut bytes[begin..]).await?;
    } else {
        if !bytes.starts_with(b"PROXY ") {
            return Err(no_header());
        }
        // Where the line ends is not known before it is there, and what follows is not ours to read.
        while !bytes.ends_with(b"\r\n") {
            if bytes.len() == LINE_BYTES {
                return Err(no_header());
            }
            bytes.push(socket.read_u8().await?);
        }
    }
    let (header, length) =
        ProxyHeader::parse(&bytes, ParseConfig::default()).map_err(|_| no_header())?;
    if length != bytes.len() {
        return Err(no_header());
    }
    Ok(header.proxied_address().map(|proxied| proxied.source))
}

fn no_header() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no PROXY header")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address and what is left to read; `None` is an error.
    async fn take(mut bytes: &[u8]) -> Option<(Option<String>, &[u8])> {
        let address = read(&mut bytes).await.ok()?;
        Some((address.map(|address| address.to_string()), bytes))
    }

    #[tokio::test]
    async fn both_versions_are_read_and_nothing_behind_them() {
        let rest = &b"GET / HTTP/1.1\r\n"[..];
        let with_rest = |head: &[u8]| [head, rest].concat();
        for (line, want) in [
            (
                "PROXY TCP4 203.0.113.7 10.0.0.1 4711 80\r\n",
                Some("203.0.113.7:4711"),
            ),
            (
                "PROXY TCP6 2001:db8::7 fd00::1 4711 80\r\n",
                Some("[2001:db8::7]:4711"),
            ),
            ("PROXY UNKNOWN\r\n", None),
        ] {
            let bytes = with_rest(line.as_bytes());
            assert_eq!(
                take(&bytes).await,
                Some((want.map(str::to_owned), rest)),
                "{line}"
            );
        }
        let v2 = |command: u8, family: u8, addresses: &[u8]| {
            let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
            with_rest(&[&SIGNATURE[..], &[command, family], &length, addresses].concat())
        };
        let four = [203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x67, 0, 80];
        let want = Some((Some("203.0.113.7:4711".to_owned()), rest));
        assert_eq!(take(&v2(0x21, 0x11, &four)).await, want);
        let padded = [&four[..], &[4, 0, 1, 42]].concat();
        assert_eq!(take(&v2(0x21, 0x11, &padded)).await, want);
        assert_eq!(take(&v2(0x20, 0, &[])).await, Some((None, rest)));
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        let long = [&SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff]].concat();
        let short = [&SIGNATURE[..], &[0x21, 0x11, 0, 2, 1, 2]].concat();
        let endless = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
        for bytes in [
            &b""[..],
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"PROXY TCP4 203.0.113.7\r\n",
            b"PROXY TCP4 nobody 10.0.0.1 4711 80\r\n",
            b"PROXY TCP4 203.0.113.7 10.0.0.1 99999 80\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00",
            &long,
            &short,
            &endless,
        ] {
            assert_eq!(take(bytes).await, None, "{}", bytes.escape_ascii());
        }
    }
}

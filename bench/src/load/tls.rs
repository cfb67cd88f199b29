//! A viewer's encrypted connection. Whose certificate it is does not matter here.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite::TLS13_AES_128_GCM_SHA256, default_provider};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::Target;
use super::viewer::Read;

/// For every viewer the same. The cipher is the one that browsers agree on with servers that have AES instructions.
static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(CryptoProvider {
        cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
        ..default_provider()
    });
    let config = tls::believing_anybody(provider);
    Arc::new(config.expect("a provider with its own ciphers"))
});

#[derive(Debug)]
pub(super) struct Encrypted(Box<ClientConnection>);

impl Encrypted {
    /// Shakes hands and sends the request; waits for it.
    pub(super) fn connect(socket: &mut TcpStream, target: &Target) -> io::Result<Self> {
        let name = ServerName::from(target.address.ip());
        let mut connection =
            ClientConnection::new(CONFIG.clone(), name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(socket)?;
        }
        connection.writer().write_all(&target.request)?;
        while connection.wants_write() {
            connection.write_tls(socket)?;
        }
        Ok(Self(Box::new(connection)))
    }

    /// Reads what is there, decrypts it, and passes it on in pieces.
    pub(super) fn read(
        &mut self,
        mut socket: &TcpStream,
        buffer: &mut [u8],
        mut pass: impl FnMut(&[u8]),
    ) -> Read {
        loop {
            match self.0.read_tls(&mut socket) {
                Ok(0) => return Read::Closed("end of stream"),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Read::Open,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Read::Closed("connection reset"),
            }
            if self.0.process_new_packets().is_err() {
                return Read::Closed("a TLS record that is not right");
            }
            loop {
                match self.0.reader().read(buffer) {
                    Ok(0) => return Read::Closed("end of stream"),
                    Ok(count) => pass(&buffer[..count]),
                    Err(_) => break,
                }
            }
        }
    }
}

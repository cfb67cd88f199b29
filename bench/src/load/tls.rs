//! A viewer's encrypted connection. Whose certificate it is does not matter here.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::{cipher_suite::TLS13_AES_128_GCM_SHA256, default_provider};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};

use super::Target;
use super::viewer::Read;

/// For every viewer the same. The cipher is the one that browsers agree on with servers that have AES instructions.
static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(CryptoProvider {
        cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
        ..default_provider()
    });
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("a provider with its own ciphers")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    Arc::new(config)
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

/// Takes every certificate; signatures have to be right.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

//! An authority that says what the test has it say, over TLS.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::Pair;

/// Answers every request by a function, which gets method and path, and closes.
pub(crate) struct Scripted {
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Listens for as long as the tests run.
    pub(crate) fn start(
        address: SocketAddr,
        pair: &Pair,
        answer: impl Fn(&str, &str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let certificate = CertificateDer::from_pem_file(&pair.certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let (config, answer) = (Arc::new(config), Arc::new(answer));
        let listener = TcpListener::bind(address).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let list = asked.clone();
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (config, answer, list) = (config.clone(), answer.clone(), list.clone());
                // Whoever asks may leave in the middle of it.
                thread::spawn(move || serve(socket, config, &list, &*answer));
            }
        });
        Self { asked }
    }

    /// What it was asked so far, as `GET /dir`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    socket: TcpStream,
    config: Arc<ServerConfig>,
    list: &Mutex<Vec<String>>,
    answer: &impl Fn(&str, &str) -> Vec<u8>,
) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, socket));
    let mut first = String::new();
    stream.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
    }
    stream.read_exact(&mut vec![0; length])?;
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap_or_default());
    list.lock().unwrap().push(format!("{method} {path}"));
    let mut stream = stream.into_inner();
    stream.write_all(&answer(method, path))?;
    stream.conn.send_close_notify();
    stream.flush()
}

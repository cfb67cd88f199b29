//! TLS by another library than the server's: OpenSSL's program stands between a client and the server, and makes
//! certificates.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use toml::{Table, Value as Toml};

use super::{Server, Setup, tool};

/// Whoever connects to it speaks TLS with the server without knowing.
pub(crate) struct Tunnel {
    pub(crate) address: SocketAddr,
}

impl Tunnel {
    pub(crate) fn to(server: SocketAddr) -> Self {
        Self::to_name(server, "localhost")
    }

    /// The same, asking for the server of this name.
    pub(crate) fn to_name(server: SocketAddr, name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || carry(client, server, name));
            }
        });
        Self { address }
    }
}

fn carry(client: TcpStream, server: SocketAddr, name: &str) {
    let mut child = openssl(&["s_client", "-quiet", "-servername", name])
        .args(["-connect", &server.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let child = Arc::new(Mutex::new(child));
    let (mut requests, ender) = (client.try_clone().unwrap(), child.clone());
    thread::spawn(move || {
        pass_on(&mut requests, &mut to);
        // The client is gone; the program would wait for the server.
        end(&ender);
    });
    let mut client = client;
    pass_on(&mut from, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    end(&child);
}

fn pass_on(from: &mut impl Read, to: &mut impl Write) {
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..n]).is_err() {
            return;
        }
    }
}

fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap();
    let _ = child.kill();
    let _ = child.wait();
}

pub(crate) fn openssl(args: &[&str]) -> Command {
    let mut command = Command::new(tool("openssl", "openssl"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs it to its end; everything it said.
pub(crate) fn openssl_says(args: &[&str]) -> String {
    let output = openssl(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// The SHA-256 of a certificate in a file, as people compare it.
pub(crate) fn fingerprint(file: &Path) -> String {
    let file = file.to_str().unwrap();
    let said = openssl_says(&["x509", "-in", file, "-noout", "-fingerprint", "-sha256"]);
    said.trim().rsplit_once('=').unwrap().1.to_owned()
}

/// Certificate and key in files.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Pair {
    /// For `localhost`, valid for so many days; signed by `authority` or by itself.
    pub(crate) fn make(dir: &Path, name: &str, days: u32, authority: Option<&Self>) -> Self {
        let names = "DNS:localhost,IP:127.0.0.1";
        Self::make_for(names, dir, name, days, authority)
    }

    /// The same for these names, as OpenSSL writes them.
    pub(crate) fn make_for(
        names: &str,
        dir: &Path,
        name: &str,
        days: u32,
        authority: Option<&Self>,
    ) -> Self {
        let (certificate, key) = (
            dir.join(format!("{name}.crt")),
            dir.join(format!("{name}.key")),
        );
        let mut command = openssl(&["req", "-x509", "-newkey", "ec", "-nodes"]);
        command
            .args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj"])
            .arg(format!("/CN={name}"))
            .arg("-addext")
            .arg(format!("subjectAltName={names}"))
            .arg("-days")
            .arg(days.to_string())
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate);
        if let Some(authority) = authority {
            command
                .arg("-CA")
                .arg(&authority.certificate)
                .arg("-CAkey")
                .arg(&authority.key)
                .args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        }
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Self { certificate, key }
    }

    /// Puts its files in the place of another's.
    pub(crate) fn replace(&self, other: &Self) {
        for (from, to) in [
            (&self.certificate, &other.certificate),
            (&self.key, &other.key),
        ] {
            let new = to.with_extension("new");
            std::fs::copy(from, &new).unwrap();
            std::fs::rename(new, to).unwrap();
        }
    }
}

/// `[server.tls]` with these keys.
pub(crate) fn with_tls(setup: Setup, keys: &[(&str, Toml)]) -> Setup {
    let mut table = Table::from_iter([("enabled".to_owned(), Toml::Boolean(true))]);
    table.extend(
        keys.iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone())),
    );
    setup.server("tls", table)
}

/// From now on the harness's own requests go through OpenSSL. The server's address stays known.
pub(crate) fn through_tunnel(server: &mut Server) -> SocketAddr {
    let address = server.address;
    server.address = Tunnel::to(address).address;
    address
}

pub(crate) fn https(address: SocketAddr, path: &str) -> String {
    format!("https://localhost:{}{path}", address.port())
}

/// curl that trusts this certificate, and what it said on either side; it has to succeed.
pub(crate) fn curl(trusted: &Path, args: &[&str]) -> String {
    let output = Command::new(tool("curl", "curl"))
        .args(["-sS", "-4", "--max-time", "20", "--cacert"])
        .arg(trusted)
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "curl {args:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

//! The configurations in `deploy/` for reverse proxies, with the real ones: below a path, with TLS, streams, the socket
//! and a login.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;
use tungstenite::{Message, handshake::client::generate_key};

use crate::{
    accounts::PASSWORD,
    harness::{Pair, Program, Server, Setup, Tunnel, curl, eventually, free_port, tool},
};

/// The name in the configurations.
const NAME: &str = "cctv.example.org";
/// Where people come from; the proxy is at 127.0.0.1.
const CLIENT: &str = "127.0.0.2";

/// A file below `deploy/`, with what is different here put in. Each has to stand there.
fn deployed(path: &str, different: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(path);
    let mut text = fs::read_to_string(path).unwrap();
    for (ours, theirs) in different {
        assert!(text.contains(ours), "`{ours}` is not in the file");
        text = text.replace(ours, theirs);
    }
    text
}

/// As the heads of the files say, with two cameras; one gives a picture in ten seconds.
fn setup() -> Setup {
    Setup::with_source("test")
        .camera("id", "door")
        .another_camera("slow", "test")
        .camera("framerate", 0.1)
        .server("base_path", "/cctv")
        .server("trusted_proxies", vec!["127.0.0.1"])
        .server("hosts", vec![NAME])
        .with_login()
        .env("ADMIN_PASSWORD", PASSWORD)
}

/// A proxy that listens, and what a client needs to know of it.
struct Front {
    _program: Program,
    address: SocketAddr,
    certificate: std::path::PathBuf,
    cookies: std::path::PathBuf,
}

impl Front {
    fn start(server: &Server, command: &mut Command, port: u16, pair: &Pair) -> Self {
        command.stdout(Stdio::null());
        let program = Program::start(command);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("the proxy", || TcpStream::connect(address).ok());
        Self {
            _program: program,
            address,
            certificate: pair.certificate.clone(),
            cookies: server.path("cookies.txt"),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{NAME}:{}{path}", self.address.port())
    }

    /// What a browser would send, with a lie about where it comes from.
    fn args(&self, path: &str) -> Vec<String> {
        let port = self.address.port();
        let args = [
            "--interface",
            CLIENT,
            "--resolve",
            &format!("{NAME}:{port}:127.0.0.1"),
            "-b",
            self.cookies.to_str().unwrap(),
            "-H",
            &format!("Origin: https://{NAME}:{port}"),
            "-H",
            "X-Forwarded-For: 192.0.2.1",
            "-H",
            "Forwarded: for=192.0.2.2;proto=http",
            &self.url(path),
        ];
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }

    fn get(&self, more: &[&str], path: &str) -> String {
        let args = self.args(path);
        let args: Vec<&str> = more
            .iter()
            .copied()
            .chain(args.iter().map(|a| &**a))
            .collect();
        curl(&self.certificate, &args)
    }

    fn json(&self, path: &str) -> Value {
        let said = self.get(&["--fail-with-body"], path);
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    /// A stream; how many pictures have begun to come is counted.
    fn stream(&self, version: &str, path: &str) -> (Program, Arc<Mutex<usize>>) {
        let mut command = Command::new(tool("curl", "curl"));
        command
            .args(["-sS", "-N", version, "-A", version, "--cacert"])
            .arg(&self.certificate)
            .args(self.args(path))
            .stdout(Stdio::piped());
        let mut program = Program::start(&mut command);
        let mut source = BufReader::new(program.stdout());
        let pictures = Arc::new(Mutex::new(0));
        let count = pictures.clone();
        thread::spawn(move || {
            let mut line = Vec::new();
            while source.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                if let Some(length) = line.strip_prefix(b"Content-Length: ") {
                    let length = std::str::from_utf8(length).unwrap().trim().parse().unwrap();
                    // The other headers of the part, and the line that ends them.
                    let mut header = String::new();
                    while source.read_line(&mut header).unwrap() > 2 {
                        header.clear();
                    }
                    let mut jpeg = vec![0; length];
                    if source.read_exact(&mut jpeg).is_err() {
                        return;
                    }
                    assert!(jpeg.starts_with(&[0xFF, 0xD8]) && jpeg.ends_with(&[0xFF, 0xD9]));
                    *count.lock().unwrap() += 1;
                }
                line.clear();
            }
        });
        (program, pictures)
    }
}

fn come(pictures: &Mutex<usize>, count: usize) {
    eventually(&format!("{count} pictures through the proxy"), || {
        (*pictures.lock().unwrap() >= count).then_some(())
    });
}

/// Everything that people do there.
fn works(server: &mut Server, front: &Front) {
    let head = front.get(&["-I"], "/cctv");
    assert!(head.contains(" 308"), "{head}");
    assert!(head.to_ascii_lowercase().contains("location: "), "{head}");
    let place = ["-L", "-H", "Accept: text/html", "-w", "%{url_effective}"];
    let page = front.get(&place, "/cctv");
    assert!(page.contains("<script"), "{page}");
    let login = front.url("/cctv/login");
    assert!(page.contains(&login), "{login}: {page}");
    let refused = front.get(
        &["-o", "/dev/null", "-w", "%{http_code}"],
        "/cctv/api/v1/cameras",
    );
    assert_eq!(refused, "401");

    // A browser takes a cookie of this name only over TLS: the server has been told that there is some.
    let login = format!(r#"{{"name": "admin", "password": "{PASSWORD}"}}"#);
    let jar = front.cookies.to_str().unwrap();
    front.get(
        &[
            "--fail-with-body",
            "-c",
            jar,
            "-H",
            "Content-Type: application/json",
            "-d",
            &login,
        ],
        "/cctv/api/v1/session",
    );
    let kept = fs::read_to_string(jar).unwrap();
    let cookie = kept
        .lines()
        .find_map(|line| line.split_once("__Host-session\t"));
    let cookie = format!("__Host-session={}", cookie.unwrap().1);
    assert_eq!(front.json("/cctv/api/v1/session")["name"], "admin");
    assert_eq!(
        front.json("/cctv/api/v1/cameras")["cameras"][0]["id"],
        "door"
    );

    // Larger than what proxies take by themselves; the server says that it is no picture.
    let upload = server.path("upload");
    fs::write(&upload, vec![0; 4 << 20]).unwrap();
    let upload = format!("@{}", upload.display());
    let put = [
        "-X",
        "PUT",
        "-H",
        "Content-Type: image/png",
        "--data-binary",
        &upload,
    ];
    let answer = front.get(&put, "/cctv/api/v1/three/plan");
    assert!(answer.contains("request_id"), "{answer}");

    for version in ["--http1.1", "--http2"] {
        let (_one, pictures) = front.stream(version, "/cctv/stream");
        come(&pictures, 10);
        // Nothing follows this one for ten seconds: no proxy may wait for more.
        let (_other, pictures) = front.stream(version, "/cctv/api/v1/cameras/slow/stream");
        come(&pictures, 1);
        let list = front.json("/cctv/api/v1/viewers");
        let viewers = list["viewers"].as_array().unwrap();
        let ours = viewers
            .iter()
            .filter(|viewer| viewer["user_agent"] == version);
        let addresses: Vec<&str> = ours
            .map(|viewer| viewer["address"].as_str().unwrap())
            .collect();
        assert_eq!(addresses.len(), 2, "{list}");
        for address in addresses {
            assert!(address.starts_with(CLIENT), "{list}");
        }
    }
    let line = server.log.message("viewer came");
    let address = line.fields["address"].as_str().unwrap();
    assert!(address.starts_with(CLIENT), "{}", line.raw);

    let tunnel = Tunnel::to_name(front.address, NAME);
    let request = tungstenite::http::Request::get(format!("ws://{NAME}/cctv/ws?frames=binary"))
        .header("Host", format!("{NAME}:{}", front.address.port()))
        .header("Origin", format!("https://{NAME}:{}", front.address.port()))
        .header("Cookie", cookie)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", generate_key())
        .body(())
        .unwrap();
    let stream = TcpStream::connect(tunnel.address).unwrap();
    stream
        .set_read_timeout(Some(crate::harness::LIMIT))
        .unwrap();
    let (mut socket, _) = tungstenite::client(request, stream).unwrap();
    let mut pictures = 0;
    while pictures < 10 {
        pictures += usize::from(matches!(socket.read().unwrap(), Message::Binary(_)));
    }
    drop(socket);

    let audit = eventually("an entry of somebody who watched", || {
        let audit = front.json("/cctv/api/v1/audit?action=watched");
        let is_there = audit["items"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
        is_there.then_some(audit)
    });
    let login = front.json("/cctv/api/v1/audit?action=logged%20in");
    for list in [&login, &audit] {
        let entries = list["items"].as_array().unwrap();
        let last = entries.last().unwrap_or_else(|| panic!("{list}"));
        assert!(
            last["address"].as_str().unwrap().starts_with(CLIENT),
            "{list}"
        );
    }
}

#[test]
fn nginx_as_it_is_deployed() {
    let mut server = setup().start();
    let folder = server.path("nginx");
    fs::create_dir(&folder).unwrap();
    let pair = Pair::make_for(&format!("DNS:{NAME}"), &folder, "nginx", 2, None);
    let port = free_port();
    let site = deployed(
        "nginx/my-cctv-server.conf",
        &[
            (
                "listen 443 ssl;",
                &format!("listen 127.0.0.1:{port} ssl http2;"),
            ),
            ("    listen [::]:443 ssl;\n", ""),
            ("http://127.0.0.1:3000", &server.url("")),
            (
                &format!("/etc/letsencrypt/live/{NAME}/fullchain.pem"),
                pair.certificate.to_str().unwrap(),
            ),
            (
                &format!("/etc/letsencrypt/live/{NAME}/privkey.pem"),
                pair.key.to_str().unwrap(),
            ),
        ],
    );
    fs::write(folder.join("site.conf"), site).unwrap();
    // As it is in /etc/nginx/nginx.conf, in one process and with its files here.
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {name};"))
        .concat();
    let main = format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;\n\
         events {{}}\nhttp {{ access_log off; {temporary} include site.conf; }}\n"
    );
    fs::write(folder.join("nginx.conf"), main).unwrap();
    let mut command = Command::new(tool("nginx", "nginx"));
    command
        .arg("-p")
        .arg(&folder)
        .args(["-e", "stderr", "-c", "nginx.conf"]);
    let front = Front::start(&server, &mut command, port, &pair);
    works(&mut server, &front);
    drop(front);
    server.stop();
}

#[test]
fn caddy_as_it_is_deployed() {
    let mut server = setup().start();
    let folder = server.path("caddy");
    fs::create_dir(&folder).unwrap();
    let pair = Pair::make_for(&format!("DNS:{NAME}"), &folder, "caddy", 2, None);
    let port = free_port();
    let site = deployed(
        "caddy/Caddyfile",
        &[
            (
                "cctv.example.org {\n",
                // No authority would give one here.
                &format!(
                    "{{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {{\n\t\tprotocols h1 h2\n\t}}\n}}\n\
                     {NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {} {}\n",
                    pair.certificate.display(),
                    pair.key.display()
                ),
            ),
            ("127.0.0.1:3000", &server.address.to_string()),
        ],
    );
    fs::write(folder.join("Caddyfile"), site).unwrap();
    let mut command = Command::new(tool("caddy", "caddy"));
    command
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(folder.join("Caddyfile"))
        .current_dir(&folder)
        .env("HOME", &folder)
        .env("XDG_DATA_HOME", &folder)
        .env("XDG_CONFIG_HOME", &folder);
    let front = Front::start(&server, &mut command, port, &pair);
    works(&mut server, &front);
    drop(front);
    server.stop();
}

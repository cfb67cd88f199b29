//! TLS: certificates, what is spoken and what is not, and pictures on their way through it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use toml::{Table, Value as Toml};

use crate::harness::{
    Client, Line, Pair, Parts, Proxy, Server, Setup, Socket, Tunnel, Watcher, decode, eventually,
    fingerprint, openssl, openssl_says, tool,
};

/// `[server.tls]` with these keys.
fn tls(setup: Setup, keys: &[(&str, Toml)]) -> Setup {
    let mut table = Table::from_iter([("enabled".to_owned(), Toml::Boolean(true))]);
    table.extend(
        keys.iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone())),
    );
    setup.server("tls", table)
}

fn with_pair(setup: Setup, pair: &Pair) -> Setup {
    let text = |path: &Path| Toml::String(path.to_str().unwrap().to_owned());
    let keys = [
        ("certificate", text(&pair.certificate)),
        ("key", text(&pair.key)),
    ];
    tls(setup, &keys)
}

/// From now on the harness's own requests go through OpenSSL. The server's address stays known.
fn through_tunnel(server: &mut Server) -> std::net::SocketAddr {
    let address = server.address;
    server.address = Tunnel::to(address).address;
    address
}

fn https(address: std::net::SocketAddr, path: &str) -> String {
    format!("https://localhost:{}{path}", address.port())
}

/// curl that trusts this certificate, and what it said on either side; it has to succeed.
fn curl(trusted: &Path, args: &[&str]) -> String {
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

/// The fingerprint of what the server shows now.
fn shown(address: std::net::SocketAddr, dir: &Path) -> String {
    let said = openssl_says(&["s_client", "-connect", &address.to_string()]);
    let begin = said.find("-----BEGIN CERTIFICATE-----").unwrap();
    let file = dir.join("shown.crt");
    fs::write(&file, &said[begin..]).unwrap();
    fingerprint(&file)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_certificate_of_its_own_is_made_once_and_kept_for_the_owner_alone() {
    let setup = tls(Setup::camera_sim(), &[]);
    let mut server = setup.clone().start();
    let folder = server.path("data/tls");
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    assert_eq!((mode(&folder), mode(&key)), (0o700, 0o600));
    let told = server.log.message("certificate").fields;
    assert_eq!(told["fingerprint_sha256"], fingerprint(&certificate));
    assert_eq!(told["fingerprint_sha256"], shown(server.address, &folder));
    assert!(server.log.message("open https://").message.ends_with('/'));

    let text = openssl_says(&[
        "x509",
        "-in",
        certificate.to_str().unwrap(),
        "-noout",
        "-text",
    ]);
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .to_lowercase();
    let label = host.split('.').next().unwrap();
    for want in [
        "id-ecPublicKey",
        "NIST CURVE: P-256",
        "CA:FALSE",
        "TLS Web Server Authentication",
        "DNS:localhost",
        "IP Address:127.0.0.1",
        "IP Address:0:0:0:0:0:0:0:1",
        &format!("DNS:{label}"),
    ] {
        assert!(text.contains(want), "no `{want}` in {text}");
    }
    let file = certificate.to_str().unwrap();
    let ends_in = |days: u32| {
        let seconds = (days * 86_400).to_string();
        let args = ["x509", "-in", file, "-noout", "-checkend", &seconds];
        openssl(&args).output().unwrap().status.code() == Some(1)
    };
    assert!(!ends_in(300) && ends_in(397));

    // A client that trusts it needs no exception; and browsers with one are not told to refuse it.
    let head = curl(&certificate, &["-I", &https(server.address, "/health")]);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(!head.contains("Strict-Transport-Security"), "{head}");
    server.stop();

    let mut again = setup.clone().start();
    assert_eq!(shown(again.address, &folder), told["fingerprint_sha256"]);
    again.stop();

    // Damaged, or near its end: a new one.
    let mut before = told["fingerprint_sha256"].clone();
    let old = Pair::make(&folder, "old", 29, None);
    for spoil in [
        &|| fs::write(&key, "garbage").unwrap() as (),
        &|| fs::remove_file(&certificate).unwrap(),
        &|| {
            old.replace(&Pair {
                certificate: certificate.clone(),
                key: key.clone(),
            });
        },
    ] as [&dyn Fn(); 3]
    {
        spoil();
        let mut server = setup.clone().start();
        let now = server.log.message("certificate").fields["fingerprint_sha256"].clone();
        assert_ne!(now, before);
        assert_eq!(now, shown(server.address, &folder));
        assert_eq!(now, fingerprint(&certificate));
        assert_eq!(mode(&key), 0o600);
        before = now;
        server.stop();
    }
}

#[test]
fn without_a_place_to_keep_it_there_is_a_certificate_all_the_same() {
    // As the old server was told.
    let setup = Setup::camera_sim().env("ENABLE_HTTPS", "true");
    fs::write(setup.path("data"), "in the way").unwrap();
    let mut server = setup.start();
    let said = server
        .log
        .message("the server's own certificate could not be kept");
    assert!(said.raw.contains("data_dir"), "{}", said.raw);
    through_tunnel(&mut server);
    assert_eq!(server.get("/health").status, 200);
    server.stop();
}

#[test]
fn streams_snapshots_and_sockets_go_through_it() {
    let mut server = tls(Setup::camera_sim(), &[]).start();
    let trusted = server.path("data/tls/certificate.pem");
    let address = through_tunnel(&mut server);
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(10);
    let snapshot = server.get("/snapshot");
    assert_eq!(snapshot.status, 200);
    decode(&snapshot.bytes());

    let mut socket = Socket::open(&server, "/ws?frames=binary");
    let first = socket.picture();
    let second = socket.picture();
    assert!(second.sequence > first.sequence);
    decode(&second.jpeg);
    let answer = socket.ask(json!({"type": "clock", "sent_ms": 1}));
    assert_eq!(answer["ok"], true, "{answer}");
    drop(socket);

    // To the end in good order: curl fails if the connection ends without TLS saying so.
    for version in ["--http1.0", "--http1.1"] {
        let file = server.path("stream.out");
        let mut curl = Command::new(tool("curl", "curl"))
            .args(["-sS", "-4", "-N", version, "-A", version, "--cacert"])
            .arg(&trusted)
            .arg("-o")
            .arg(&file)
            .arg(https(address, "/stream"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let id = eventually("ten pictures", || {
            let list = server.json("/api/v1/viewers");
            let list = list["viewers"].as_array()?;
            let viewer = list.iter().find(|viewer| viewer["user_agent"] == version)?;
            (viewer["frames_sent"].as_u64()? >= 10).then(|| viewer["id"].clone())
        });
        let path = format!("/api/v1/viewers/{id}");
        assert_eq!(server.request("DELETE", &path).status, 204);
        assert!(curl.wait().unwrap().success(), "{version}");
        let bytes = fs::read(&file).unwrap();
        assert!(bytes.ends_with(b"\xFF\xD9\r\n--cctvframe--\r\n"));
    }
    let size = curl(
        &trusted,
        &[
            "-o",
            "/dev/null",
            "-w",
            "%{size_download}",
            &https(address, "/snapshot"),
        ],
    );
    assert!(size.parse::<usize>().unwrap() > 1000, "{size}");
    // Another TLS library again.
    let output = Command::new(tool("ffmpeg", "ffmpeg"))
        .args([
            "-v",
            "error",
            "-f",
            "mpjpeg",
            "-i",
            &https(address, "/stream"),
        ])
        .args(["-frames:v", "5", "-f", "null", "-"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    watcher.more_pictures(3);
    server.signal(rustix::process::Signal::TERM);
    watcher.ends_well();
    assert_eq!(server.exit_code(), 0);
    server.nothing_is_left();
}

#[test]
fn a_viewer_that_leaves_is_noticed_and_one_that_stalls_holds_little_and_is_closed() {
    const STALLED: usize = 12;
    let mut server = tls(Setup::camera_sim(), &[])
        .server("max_viewers", 50)
        .server("viewer_timeout_s", 8)
        .quality("policy", "fixed")
        .camera("framerate", 20.0)
        .frame_bytes(60_000)
        .start();
    let address = through_tunnel(&mut server);
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    let leaver = Watcher::of(server.stream("/stream"));
    leaver.more_pictures(2);
    server.viewers(2);
    drop(leaver);
    server.viewers(1);

    let line = Line {
        bits_per_s: 80_000_000,
        delay: Duration::ZERO,
    };
    let proxy = Proxy::to(address, line);
    let tunnel = Tunnel::to(proxy.address);
    let mut stalled: Vec<Parts> = (0..STALLED)
        .map(|_| Parts::of(Client::new(tunnel.address).request("GET", "/stream")))
        .collect();
    for parts in &mut stalled {
        parts.picture();
    }
    proxy.stall(true);
    let before_kib = server.rss_kib();
    watcher.more_pictures(40);
    let after_kib = server.rss_kib();
    // 40 pictures for each of them would be 29 MB; a picture and a half are 1 MB.
    assert!(
        after_kib < before_kib + 3 * 1024,
        "{before_kib} to {after_kib} KiB"
    );
    server.log.find("a viewer that took nothing", |line| {
        (line.message == "viewer gone" && line.fields["reason"] == "took nothing for too long")
            .then_some(())
    });
    server.viewers(1);
    watcher.more_pictures(5);
    server.stop();
}

#[test]
fn a_slow_viewer_sees_fewer_pictures_and_each_one_whole() {
    let mut server = tls(Setup::camera_sim(), &[])
        .quality("policy", "fixed")
        .frame_bytes(100_000)
        .start();
    let address = through_tunnel(&mut server);
    let fast = Watcher::of(server.stream("/stream"));
    fast.more_pictures(1);
    // A quarter of what the stream needs; a frame is more than what is encrypted in advance.
    let line = Line {
        bits_per_s: 4_000_000,
        delay: Duration::from_millis(20),
    };
    let tunnel = Tunnel::to(Proxy::to(address, line).address);
    let mut slow = Parts::of(Client::new(tunnel.address).request("GET", "/stream"));
    let numbers: Vec<u64> = (0..20).map(|_| slow.picture().sequence()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert!(
        numbers[19] - numbers[0] > 30,
        "skipped nothing: {numbers:?}"
    );
    fast.more_pictures(5);
    // Nor does it hold up the end.
    server.signal(rustix::process::Signal::TERM);
    fast.ends_well();
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn a_handshake_that_takes_its_time_is_in_nobody_s_way() {
    let mut server = tls(Setup::camera_sim(), &[])
        .server("head_timeout_s", 5)
        .start();
    let address = through_tunnel(&mut server);
    // Nothing at all, half a record's head, half a hello.
    let hello = [&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3][..], &[7; 40]].concat();
    let slow: Vec<TcpStream> = [&hello[..0], &hello[..3], &hello]
        .into_iter()
        .cycle()
        .take(30)
        .map(|begin| {
            let mut socket = TcpStream::connect(address).unwrap();
            socket.write_all(begin).unwrap();
            socket
        })
        .collect();
    assert_eq!(server.get("/health").status, 200);
    server.stream("/stream").picture();
    for mut socket in slow {
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut rest = Vec::new();
        let end = socket.read_to_end(&mut rest);
        assert!(
            !end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock),
            "a handshake that never ended"
        );
    }
    assert_eq!(server.get("/health").status, 200);
    // And one that is under way does not keep the server from stopping.
    let _last = TcpStream::connect(address).unwrap();
    server.stop();
}

#[test]
fn garbage_instead_of_a_handshake_is_cut_and_harms_nobody() {
    let mut server = tls(Setup::camera_sim(), &[])
        .server("head_timeout_s", 5)
        .start();
    let address = through_tunnel(&mut server);
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    let before_kib = server.rss_kib();
    let record = |kind: u8, len: u16, body: &[u8]| {
        let [high, low] = len.to_be_bytes();
        [&[kind, 3, 1, high, low], body].concat()
    };
    for bytes in [
        vec![22; 100_000],
        record(22, u16::MAX, &[1; 70_000]),
        record(22, 16_384, &[0xFF; 16_384]),
        // A hello of sixteen megabytes, a piece at a time.
        record(
            22,
            16_384,
            &[&[1, 0xFF, 0xFF, 0xFF][..], &[3; 16_380]].concat(),
        )
        .repeat(60),
        record(22, 0, &[]).repeat(10_000),
        record(22, 4, &[1, 0, 0, 0]),
        [record(22, 1, &[1]), record(23, 2, &[1, 2])].concat(),
        record(21, 2, &[2, 40]),
        b"GET".to_vec(),
        vec![0; 1000],
    ] {
        // Closed, with or without an alert.
        let said = Client::new(address).raw(&bytes);
        assert!(said.len() < 1000, "{} bytes", said.len());
    }
    watcher.more_pictures(3);
    assert_eq!(server.get("/health").status, 200);
    let after_kib = server.rss_kib();
    assert!(after_kib < before_kib + 8192, "{before_kib} to {after_kib}");
    server.stop();
}

#[test]
fn a_changed_certificate_is_taken_over_and_a_broken_one_is_not() {
    let setup = Setup::camera_sim();
    let dir = setup.path("certificates");
    fs::create_dir(&dir).unwrap();
    let authority = Pair::make(&dir, "authority", 100, None);
    let own = Pair::make(&dir, "own", 100, None);
    let issued = Pair::make(&dir, "issued", 100, Some(&authority));
    let used = Pair::make(&dir, "used", 100, None);
    let setup = with_pair(setup, &used);
    let mut server = setup.start();
    let address = through_tunnel(&mut server);
    let is_shown = |pair: &Pair| {
        let want = fingerprint(&pair.certificate);
        eventually("the certificate", || {
            (shown(address, &dir) == want).then_some(())
        });
    };
    is_shown(&used);
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    let url = https(address, "/health");
    let head = curl(&used.certificate, &["-I", &url]);
    assert!(!head.contains("Strict-Transport-Security"), "{head}");

    issued.replace(&used);
    is_shown(&issued);
    let head = curl(&authority.certificate, &["-I", &url]);
    assert!(
        head.contains("Strict-Transport-Security: max-age=15552000"),
        "{head}"
    );

    fs::write(&used.certificate, "-----BEGIN CERTIFICATE-----\nnonsense").unwrap();
    let said = server.log.message("the new certificate cannot be used");
    assert!(said.raw.contains("used.crt: it is damaged"), "{}", said.raw);
    is_shown(&issued);
    own.replace(&used);
    is_shown(&own);
    watcher.more_pictures(3);
    server.stop();
}

#[test]
fn files_that_cannot_be_used_are_refused_in_words() {
    let setup = Setup::camera_sim();
    let dir = setup.path("certificates");
    fs::create_dir(&dir).unwrap();
    let good = Pair::make(&dir, "good", 100, None);
    let other = Pair::make(&dir, "other", 100, None);
    let file = |name: &str, text: &[u8]| {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let made = |name: &str, args: &[&str]| {
        let path = dir.join(name);
        let output = openssl(args).arg("-out").arg(&path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        path
    };
    let key = good.key.to_str().unwrap();
    let encrypted = made(
        "pass",
        &["pkey", "-in", key, "-aes256", "-passout", "pass:x"],
    );
    let der = made("der", &["pkey", "-in", key, "-outform", "der"]);
    let weak = made(
        "weak",
        &[
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:1024",
        ],
    );
    let pem = fs::read(&good.key).unwrap();
    let half = file("half", &pem[..pem.len() / 2]);
    let empty = file("empty", b"");
    let large = file("large", &vec![b'x'; 2 << 20]);
    let missing = dir.join("missing");
    let secret = String::from_utf8(pem.clone()).unwrap();
    let secret = secret.lines().nth(1).unwrap();

    let (c, k) = (&good.certificate, &good.key);
    for (certificate, key, want) in [
        (&missing, k, "missing cannot be read: No such file"),
        (c, &missing, "missing cannot be read: No such file"),
        (&dir, k, "cannot be read: it is no file"),
        (&large, k, "large cannot be read: it is too large"),
        (&empty, k, "empty: there is no certificate in it"),
        (c, &empty, "empty: there is no private key in it"),
        (k, c, "good.key: there is a key in it and no certificate"),
        (c, c, "good.crt: there is a certificate in it and no key"),
        (c, &encrypted, "pass: a passphrase protects the key"),
        (c, &der, "der: it is in DER form"),
        (&der, k, "der: it is in DER form"),
        (c, &half, "half: it is damaged"),
        (c, &weak, "weak: the key in it cannot be used"),
        (c, &other.key, "does not belong to the key in"),
    ] {
        let pair = Pair {
            certificate: certificate.clone(),
            key: key.clone(),
        };
        let mut command = with_pair(setup.clone(), &pair).serve();
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{want}: {said}");
        assert!(said.contains(want), "`{said}` does not say `{want}`");
        assert!(said.contains("server.tls"), "{said}");
        assert!(!said.contains(secret), "the key is in the log: {said}");
        let config = setup.path("test.toml");
        let output = setup.run(&["check", "--config", config.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{want}: {said}");
        assert!(said.contains(want), "`{said}` does not say `{want}`");
    }
    let _ = with_pair(setup.clone(), &good).serve();
    let config = setup.path("test.toml");
    let output = setup.run(&["check", "--config", config.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&fingerprint(c)), "{said}");
}

#[test]
fn old_protocols_and_weak_ciphers_are_refused() {
    let mut server = tls(Setup::camera_sim(), &[]).start();
    let address = server.address.to_string();
    let try_it = |args: &[&str]| {
        let mut all = vec!["s_client", "-connect", &address];
        all.extend(args);
        openssl_says(&all)
    };
    // What OpenSSL itself would not offer without being told.
    let anything = "ALL:@SECLEVEL=0";
    for refused in [
        &["-tls1", "-cipher", anything][..],
        &["-tls1_1", "-cipher", anything],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"],
        &[
            "-tls1_2",
            "-cipher",
            "ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0",
        ],
        &[
            "-tls1_2",
            "-cipher",
            "AES128-GCM-SHA256:AES128-SHA:@SECLEVEL=0",
        ],
        &["-tls1_2", "-cipher", "aNULL:eNULL:RC4:3DES:@SECLEVEL=0"],
        &["-alpn", "h2"],
    ] {
        let said = try_it(refused);
        assert!(
            said.contains("alert") || said.contains("no cipher match"),
            "{refused:?}: {said}"
        );
        assert!(!said.contains("BEGIN CERTIFICATE"), "{refused:?}: {said}");
    }
    for (accepted, want) in [
        (&["-tls1_3"][..], "TLSv1.3"),
        (&["-tls1_2"], "TLSv1.2"),
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
            "ECDHE-ECDSA-CHACHA20-POLY1305",
        ),
        (
            &["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"],
            "TLS_AES_128_GCM_SHA256",
        ),
        (&["-alpn", "h2,http/1.1"], "ALPN protocol: http/1.1"),
        (&["-alpn", "http/1.0"], "ALPN protocol: http/1.0"),
    ] {
        let said = try_it(accepted);
        assert!(said.contains("BEGIN CERTIFICATE"), "{accepted:?}: {said}");
        assert!(said.contains(want), "{accepted:?}: {said}");
    }
    // Who comes back is known by its ticket.
    let ticket = server.path("ticket.pem");
    let ticket = ticket.to_str().unwrap();
    assert!(!try_it(&["-tls1_2", "-sess_out", ticket]).contains("Reused"));
    assert!(try_it(&["-tls1_2", "-sess_in", ticket]).contains("Reused, TLSv1.2"));
    server.stop();
}

#[test]
fn plain_http_is_told_where_to_go() {
    let mut server = tls(Setup::camera_sim(), &[("redirect_from", Toml::Integer(0))]).start();
    let said = server.log.message("redirecting to HTTPS");
    let redirecting = said.fields["address"].as_str().unwrap().parse().unwrap();
    assert_ne!(server.address, redirecting);
    for address in [server.address, redirecting] {
        let port = server.address.port();
        let reply = Client::new(address).request("GET", "/stream?width=320&fps=5");
        assert_eq!(reply.status, 308);
        let want = format!("https://localhost:{port}/stream?width=320&fps=5");
        assert_eq!(reply.header("Location"), Some(&*want));
        assert!(reply.text().contains(&want));
        assert_eq!(Client::new(address).request("HEAD", "/").status, 308);
        let said = Client::new(address).raw(b"GET / HTTP/1.0\r\n\r\n");
        assert!(said.starts_with(b"HTTP/1.0 400 ") || said.starts_with(b"HTTP/1.1 400 "));
        assert!(said.ends_with(b"write https:// in front of the address.\n"));
        // Neither of both; it must not hang.
        Client::new(address).raw(&[0x80, 0x2e, 1, 3, 1, b'\r', b'\n', b'\r', b'\n']);
        let trusted = server.path("data/tls/certificate.pem");
        let url = format!("http://localhost:{}/health", address.port());
        let body = curl(&trusted, &["-L", &url]);
        assert!(body.contains("\"status\""), "{body}");
    }
    // Nobody who dawdles there keeps the server from stopping.
    let _slow = TcpStream::connect(redirecting).unwrap();
    server.stop();
}

#[test]
fn a_critic_of_tls_finds_nothing() {
    let mut server = tls(Setup::camera_sim(), &[]).start();
    let report = server.path("testssl.json");
    let output = Command::new(tool("testssl", "testssl.sh"))
        .args(["--quiet", "--color", "0", "--warnings", "off"])
        .args(["--nodns", "none", "--protocols", "--std"])
        .args(["--server-defaults", "--fs", "--server-preference"])
        .arg("--jsonfile")
        .arg(&report)
        .arg(format!("127.0.0.1:{}", server.address.port()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = fs::read_to_string(&report).unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stdout);
    let findings: Vec<Value> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{said}"));
    let seen = |id: &str| {
        let finding = findings.iter().find(|finding| finding["id"] == id);
        finding.unwrap_or_else(|| panic!("not looked at: {id}; {said}"))
    };
    assert_eq!(seen("TLS1_1")["finding"], "not offered");
    assert_eq!(seen("TLS1_3")["finding"], "offered with final");
    assert_eq!(seen("PFS")["severity"], "OK");
    let expected = [
        // Nobody vouches for a certificate of one's own, and nobody can be asked about it.
        "cert_chain_of_trust",
        "cert_revocation",
        // All of ours are good, so a client with AES instructions and one without may choose.
        "cipher_order",
    ];
    let bad: Vec<_> = findings
        .iter()
        .filter(|finding| {
            let is_bad = ["MEDIUM", "HIGH", "CRITICAL"].map(Value::from);
            is_bad.contains(&finding["severity"])
                && !expected.map(Value::from).contains(&finding["id"])
        })
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    server.stop();
}

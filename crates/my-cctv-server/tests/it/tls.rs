//! TLS: what is spoken and what is not, and pictures on their way through it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use toml::Value as Toml;

use crate::harness::{
    Client, Line, Parts, Proxy, Setup, Socket, Tunnel, Watcher, curl, decode, eventually, https,
    openssl_says, through_tunnel, tool, with_tls,
};

#[test]
fn streams_snapshots_and_sockets_go_through_it() {
    let mut server = with_tls(Setup::camera_sim(), &[]).start();
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
    let mut server = with_tls(Setup::camera_sim(), &[])
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
    let mut server = with_tls(Setup::camera_sim(), &[])
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
    let mut server = with_tls(Setup::camera_sim(), &[])
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
    let mut server = with_tls(Setup::camera_sim(), &[])
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
fn old_protocols_and_weak_ciphers_are_refused() {
    let mut server = with_tls(Setup::camera_sim(), &[]).start();
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
    let mut server = with_tls(Setup::camera_sim(), &[("redirect_from", Toml::Integer(0))]).start();
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
    let mut server = with_tls(Setup::camera_sim(), &[]).start();
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

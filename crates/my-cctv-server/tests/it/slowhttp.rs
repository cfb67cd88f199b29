//! slowhttptest: heads, bodies and readers that take for ever, a thousand connections of each for a minute, against a server
//! as it is installed. `SLOWHTTP_S` makes the minute shorter. `scripts/test` runs it with nothing beside it.

use std::{
    env,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    attacks::exhaustion::raise_descriptor_limit,
    harness::{Client, Parts, Program, Server, Setup, Watcher, eventually, pass, tool},
};

/// As installed: the harness takes these limits off.
fn setup() -> Setup {
    Setup::camera_sim()
        .camera("width", 640)
        .camera("height", 480)
        .frame_bytes(40_000)
        .limit("connections_per_address", 64)
        .limit("streams_per_15_min", 100)
        .limit("api_per_minute", 600)
}

fn stream_at(own: &str, server: &Server) -> Option<Parts> {
    let client = Client::at(own, server.address);
    let reply = client.attempt("GET", "/stream").ok()?;
    (reply.status == 200).then(|| Parts::of(reply))
}

/// Pictures that the server left out, of those who watch all the time.
fn skipped(server: &Server) -> u64 {
    let client = Client::at("127.0.0.5", server.address);
    let list = client.request("GET", "/api/v1/viewers").json();
    let viewers = list["viewers"].as_array().unwrap();
    let of = |key: &str| viewers.iter().map(|v| v[key].as_u64().unwrap()).sum();
    let sent: u64 = of("frames_sent");
    assert!(sent > 0);
    of("frames_skipped")
}

fn count(watcher: &Watcher) -> usize {
    watcher.until("", |seen| Some(seen.pictures()))
}

#[test]
fn three_thousand_slow_connections_for_a_minute() {
    raise_descriptor_limit();
    let seconds: u64 = env::var("SLOWHTTP_S").map_or(60, |text| text.parse().unwrap());
    let mut server = setup().start();
    // The same beside it, which nobody attacks: what this machine can do at this time.
    let mut quiet = setup().start();
    // One in another house, and one behind the same router as the attacker.
    let neighbour = Watcher::of(stream_at("127.0.0.2", &server).unwrap());
    let housemate = Watcher::of(stream_at("127.0.0.1", &server).unwrap());
    let control = Watcher::of(stream_at("127.0.0.2", &quiet).unwrap());
    for watcher in [&neighbour, &housemate, &control] {
        watcher.more_pictures(5);
    }
    let rss_kib = server.rss_kib();
    let long = seconds.to_string();
    let attacks: Vec<Program> = [
        &["-H", "-i", "2", "-x", "24", "-t", "GET"][..],
        &["-B", "-i", "2", "-x", "10", "-s", "8192", "-t", "POST"],
        &[
            "-X", "-w", "1", "-y", "8", "-n", "2", "-z", "4", "-k", "3", "-t", "GET",
        ],
    ]
    .into_iter()
    .map(|mode| {
        let mut command = Command::new(tool("slowhttptest", "slowhttptest"));
        command
            .args(mode)
            .args(["-c", "1000", "-r", "200", "-l", &long, "-p", "3", "-u"])
            .arg(server.url("/api-docs/openapi.json"))
            .current_dir(server.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Program::start(&mut command)
    })
    .collect();
    eventually("an attack", || (connections(&server) > 40).then_some(()));
    let begin = Instant::now();
    let since = [&neighbour, &housemate, &control].map(count);
    let mut most = 0;
    while begin.elapsed() < Duration::from_secs(seconds) {
        // Somebody new comes, again and again, and gets in at once.
        let came = Instant::now();
        let mut parts = stream_at("127.0.0.3", &server).expect("a place for somebody new");
        parts.picture();
        assert!(came.elapsed() < Duration::from_secs(10));
        let health = Client::at("127.0.0.4", server.address).request("GET", "/health");
        assert_eq!(health.status, 200);
        most = most.max(connections(&server));
        pass(Duration::from_secs(2));
    }
    let elapsed_s = begin.elapsed().as_secs_f64();
    let [near, house, alone] = [&neighbour, &housemate, &control].map(count);
    let rates = [near - since[0], house - since[1], alone - since[2]]
        .map(|pictures| pictures as f64 / elapsed_s);
    let skipped = skipped(&server);
    eprintln!(
        "{most} connections open, {skipped} pictures skipped; per second came {:.2} and {:.2}, where nobody attacks {:.2}",
        rates[0], rates[1], rates[2]
    );
    // What other work on the machine does to pictures, it does to both servers.
    for rate in &rates[..2] {
        assert!(*rate >= 0.95 * rates[2], "{rates:?}");
    }
    let grown = server.peak_rss_kib().saturating_sub(rss_kib);
    assert!(grown < 24 << 10, "{grown} KiB more");
    // Whoever shares the attacker's address waits until it ends, and then gets in.
    drop(attacks);
    eventually("somebody new at the attacker's address", || {
        stream_at("127.0.0.1", &server)?.picture();
        Some(())
    });
    drop((neighbour, housemate, control));
    server.stop();
    quiet.stop();
}

/// Descriptors of the server: its connections, and a few.
fn connections(server: &Server) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid()));
    open.unwrap().count()
}

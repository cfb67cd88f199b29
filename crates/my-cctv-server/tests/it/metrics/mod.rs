//! `/metrics` and `/api/v1/stats`: what they say is what a client counted, and asking for it costs nobody anything.

mod prometheus;
mod words;

use std::{
    collections::BTreeMap,
    io::Write as _,
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use serde_json::{Value, json};

use crate::{
    accounts::{add_token, ask, basic, setup, stream},
    harness::{Client, Parts, Server, Setup, Watcher, eventually, tool},
};

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

/// Samples of the text format 0.0.4, by name and labels as they stand there.
struct Scrape {
    text: String,
    samples: BTreeMap<String, f64>,
}

impl Scrape {
    fn of(server: &Server) -> Self {
        Self::read(server.get("/metrics").text())
    }

    fn read(text: String) -> Self {
        let mut samples = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let value = value.parse().unwrap();
            assert_eq!(samples.insert(series.to_owned(), value), None, "{series}");
        }
        Self { text, samples }
    }

    fn get(&self, series: &str) -> f64 {
        let found = self.samples.get(series);
        *found.unwrap_or_else(|| panic!("no {series} in\n{}", self.text))
    }

    /// The sum of all series of a name.
    fn sum(&self, name: &str) -> f64 {
        let of_name = |series: &str| series.split('{').next() == Some(name);
        let samples = self.samples.iter().filter(|(series, _)| of_name(series));
        samples.map(|(_, value)| value).sum()
    }

    /// Names of samples, each once.
    fn names(&self) -> std::collections::BTreeSet<&str> {
        let names = self.samples.keys();
        names
            .map(|series| series.split('{').next().unwrap())
            .collect()
    }
}

/// Gives `text` to a program, which has to be content; what it says.
fn content(command: &mut Command, text: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = text.to_owned();
    let writer = thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    writer.join().unwrap().unwrap();
    said
}

/// Reads OpenMetrics by the letter, and says each sample's name and labels.
const PARSER: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        print(sample.name)
";

#[test]
fn both_formats_are_valid_and_say_the_same() {
    let mut server = Setup::camera_sim()
        .camera("name", "Front \"door\" \\ 1")
        .another_camera("yard", "test")
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(20);
    let reply = Client::new(server.address)
        .header("Accept", "text/plain;version=0.0.4;q=0.5, */*;q=0.1")
        .request("GET", "/metrics");
    assert_eq!(
        reply.header("Content-Type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(reply.header("Cache-Control"), Some("no-store"));
    let text = reply.text();
    let mut check = Command::new(tool("promtool", "prometheus"));
    let said = content(check.args(["check", "metrics"]), &text);
    assert_eq!(said, "", "what promtool finds fault with");

    let reply = Client::new(server.address)
        .header("Accept", OPEN_METRICS)
        .request("GET", "/metrics");
    assert_eq!(
        reply.header("Content-Type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let open = reply.text();
    assert!(open.ends_with("# EOF\n"));
    // Not the first python3 in the path: Debian's has Debian's packages.
    let said = content(Command::new("/usr/bin/python3").args(["-c", PARSER]), &open);
    let of_open: std::collections::BTreeSet<_> = said.lines().collect();
    let scrape = Scrape::read(text);
    assert_eq!(scrape.names(), of_open);
    scrape.get(r#"cctv_camera_info{camera="main",name="Front \"door\" \\ 1"}"#);
    server.stop();
}

/// A stream that is read to its end: parts, and bytes of them.
fn read_on(mut parts: Parts) -> thread::JoinHandle<(u64, u64)> {
    thread::spawn(move || {
        let (mut count, mut bytes) = (0, 0);
        while let Some(part) = parts.next().unwrap() {
            count += 1;
            bytes = part.position;
        }
        (count, bytes)
    })
}

#[test]
fn figures_are_what_a_client_counted() {
    let mut server = Setup::camera_sim().start();
    let asked = Instant::now();
    let parts = server.stream("/stream");
    let let_in = Instant::now();
    let reader = read_on(parts);
    let viewer = eventually("some frames", || {
        let viewers = server.json("/api/v1/viewers");
        let viewer = &viewers["viewers"][0];
        (viewer["frames_sent"].as_u64() >= Some(45)).then(|| viewer["id"].clone())
    });
    let while_watched = Scrape::of(&server);
    assert_eq!(while_watched.get(r#"cctv_viewers{camera="main"}"#), 1.0);
    // 20 in a second; a busy machine may be late with some.
    let rate = while_watched.get(r#"cctv_camera_framerate_hertz{camera="main"}"#);
    assert!((1.0..40.0).contains(&rate), "{rate} frames per second");
    let ending = Instant::now();
    let ended = server.request("DELETE", &format!("/api/v1/viewers/{viewer}"));
    assert_eq!(ended.status, 204);
    let at_least = ending - let_in;
    let (parts, bytes) = reader.join().unwrap();
    eventually("the end of the stream", || {
        (Scrape::of(&server).sum("cctv_viewers") == 0.0).then_some(())
    });
    let at_most = asked.elapsed();

    let scrape = Scrape::of(&server);
    let main = |name: &str| scrape.get(&format!("{name}{{camera=\"main\"}}"));
    let parts = f64::from(u32::try_from(parts).unwrap());
    let bytes = f64::from(u32::try_from(bytes).unwrap());
    let frame = bytes / parts;
    // One may have been on its way.
    assert!((main("cctv_sent_frames_total") - parts).abs() <= 1.0);
    let sent = main("cctv_sent_bytes_total");
    assert!(
        (sent - bytes).abs() <= 2.0 * frame,
        "{sent} and {bytes} bytes"
    );
    assert!(main("cctv_sent_frames_total") >= while_watched.sum("cctv_sent_frames_total"));
    assert_eq!(main("cctv_stream_duration_seconds_count"), 1.0);
    let duration = main("cctv_stream_duration_seconds_sum");
    assert!(
        (at_least.as_secs_f64()..=at_most.as_secs_f64()).contains(&duration),
        "{duration} s, between {at_least:?} and {at_most:?}"
    );
    assert_eq!(main("cctv_streams_opened_total"), 1.0);
    assert_eq!(
        scrape.get(r#"cctv_http_requests_total{route="/stream",method="GET",status="200"}"#),
        1.0
    );
    let timed = main("cctv_send_latency_seconds_count");
    assert!((1.0..=parts / 8.0).contains(&timed), "{timed} of {parts}");
    assert_eq!(
        scrape.get(r#"cctv_send_latency_seconds_bucket{le="+Inf",camera="main"}"#),
        timed
    );
    // The camera stops when nobody watches; then its figures stand still.
    let camera = server.wait_for_state("idle");
    let scrape = Scrape::of(&server);
    for (name, key) in [
        ("cctv_camera_frames_total", "frames"),
        ("cctv_camera_received_bytes_total", "bytes"),
        ("cctv_camera_starts_total", "starts"),
        ("cctv_camera_incidents_total", "incidents"),
    ] {
        let told = scrape.get(&format!("{name}{{camera=\"main\"}}"));
        assert_eq!(Some(told), camera[key].as_f64(), "{name}");
    }
    assert!(
        scrape.sum("cctv_camera_frames_total")
            >= parts - scrape.sum("cctv_skipped_frames_total") - 5.0
    );
    assert!(
        !scrape
            .text
            .contains("cctv_camera_newest_frame_age_seconds{")
    );

    let stats = server.json("/api/v1/stats");
    let number = |key: &str| {
        stats[key]
            .as_f64()
            .unwrap_or_else(|| panic!("{key} in {stats}"))
    };
    for (old, good) in [
        ("totalConnections", "streams_opened"),
        ("activeConnections", "viewers"),
        ("totalBytesTransferred", "sent_bytes"),
    ] {
        assert_eq!(number(old), number(good));
    }
    assert_eq!(number("totalConnections"), 1.0);
    assert_eq!(number("activeConnections"), 0.0);
    assert_eq!(number("totalBytesTransferred"), sent);
    assert_eq!(number("errors"), 0.0);
    assert!((number("averageStreamDuration") - duration * 1000.0).abs() <= 1.0);
    assert!((number("mean_stream_duration_s") - duration).abs() < 0.001);
    server.stop();
}

#[test]
fn a_camera_that_fails_and_a_viewer_too_many_are_counted() {
    let mut server = Setup::camera_sim()
        .server("max_viewers", 1)
        .camera("no_frame_timeout_s", 1.0)
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(3);
    assert_eq!(server.get("/stream").status, 503);
    let before = Scrape::of(&server);
    assert_eq!(
        before.get(r#"cctv_streams_refused_total{camera="main"}"#),
        1.0
    );
    assert_eq!(before.sum("cctv_camera_restarts_total"), 0.0);
    server.fault("freeze");
    eventually("an incident that is open", || {
        (Scrape::of(&server).sum("cctv_camera_incident_open") == 1.0).then_some(())
    });
    watcher.more_pictures(3);
    let after = eventually("its end", || {
        Some(Scrape::of(&server)).filter(|s| s.sum("cctv_camera_incident_open") == 0.0)
    });
    for name in ["restarts", "incidents"] {
        assert!(
            after.sum(&format!("cctv_camera_{name}_total")) >= 1.0,
            "{name}"
        );
    }
    assert!(server.json("/api/v1/stats")["errors"].as_u64() >= Some(2));
    server.stop();
}

#[test]
fn whoever_sees_one_camera_sees_its_figures_alone() {
    let mut server = setup().start();
    let admin = basic("admin");
    let watchers = ["main", "yard"].map(|id| {
        stream(
            &server,
            Some(&admin),
            &format!("/api/v1/cameras/{id}/stream"),
        )
    });
    for watcher in &watchers {
        watcher.more_parts(3);
    }
    let scrape = |who: &str| {
        let reply = ask(&server, Some(who), "GET", "/metrics", None);
        assert_eq!(reply.status, 200);
        Scrape::read(reply.text())
    };
    let stats = |who: &str| ask(&server, Some(who), "GET", "/api/v1/stats", None).json();
    let (_, yard) = add_token(&server, "operator", &["yard"]);
    let yard = format!("Bearer {yard}");
    let seen = scrape(&yard);
    assert!(!seen.text.contains("\"main\""), "{}", seen.text);
    assert!(seen.get(r#"cctv_sent_frames_total{camera="yard"}"#) >= 1.0);
    for series in seen.samples.keys() {
        let is_own = series.contains("camera=\"yard\"") || series.starts_with("cctv_build_info");
        assert!(is_own, "{series}");
    }
    let told = stats(&yard);
    assert_eq!(
        (&told["viewers"], &told["http_requests"]),
        (&1.into(), &Value::Null)
    );

    // What a Prometheus is to have: a viewer of every camera.
    let token = json!({"name": "prometheus", "role": "viewer"});
    let made = ask(
        &server,
        Some(&admin),
        "POST",
        "/api/v1/tokens",
        Some(&token),
    )
    .json();
    let all = format!("Bearer {}", made["secret"].as_str().unwrap());
    for who in [&all, &admin] {
        let seen = scrape(who);
        for camera in ["main", "yard"] {
            assert_eq!(
                seen.get(&format!("cctv_viewers{{camera=\"{camera}\"}}")),
                1.0
            );
        }
        assert!(seen.get("process_resident_memory_bytes") > 1e6);
        let told = stats(who);
        assert_eq!(told["viewers"], 2);
        assert!(told["http_requests"].as_u64() > Some(3));
    }
    for path in ["/metrics", "/api/v1/stats"] {
        assert_eq!(ask(&server, None, "GET", path, None).status, 401);
        let wrong = ask(&server, Some("Bearer wrong"), "GET", path, None);
        assert_eq!(wrong.status, 401);
    }
    assert_eq!(
        scrape(&all).get(r#"cctv_login_failures_total{tried="token"}"#),
        2.0
    );
    drop(watchers);
    server.stop();
}

/// Requests that nobody expects, one after the other on one connection.
fn odd_requests(server: &Server, range: std::ops::Range<u32>) {
    let mut text = String::new();
    let last = range.end - 1;
    for n in range {
        let close = if n == last {
            "Connection: close\r\n"
        } else {
            ""
        };
        let (line, host) = match n % 7 {
            0 => (format!("GET /odd-{n}"), "localhost".to_owned()),
            1 => (
                format!("GET /api/v1/cameras/odd-{n}"),
                "localhost".to_owned(),
            ),
            2 => (format!("ODD{n} /snapshot"), "localhost".to_owned()),
            3 => (format!("GET /api/v{n}/odd"), "localhost".to_owned()),
            4 => (format!("GET /health?odd={n}"), format!("odd-{n}.example")),
            5 => (
                format!("DELETE /api/v1/viewers/{n}"),
                "localhost".to_owned(),
            ),
            _ => (format!("PUT /stream?odd={n}"), "localhost".to_owned()),
        };
        text += &format!("{line} HTTP/1.1\r\nHost: {host}\r\n{close}\r\n");
    }
    let answer = Client::new(server.address).raw(text.as_bytes());
    assert!(answer.starts_with(b"HTTP/1."));
}

#[test]
fn odd_requests_make_no_new_series() {
    let mut server = Setup::with_source("test").start();
    odd_requests(&server, 0..70);
    Scrape::of(&server);
    let before = Scrape::of(&server);
    for n in 0..100 {
        odd_requests(&server, 100 + n * 100..200 + n * 100);
    }
    let after = Scrape::of(&server);
    let new: Vec<_> = after
        .samples
        .keys()
        .filter(|series| !before.samples.contains_key(*series))
        .collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(!after.text.contains("odd"), "{}", after.text);
    let name = "cctv_http_requests_total";
    assert!(
        after.sum(name) - before.sum(name) >= 10_000.0,
        "{}",
        after.text
    );
    server.stop();
}

/// Pictures that these viewers got and that they missed, while something was done.
fn got_and_missed(watchers: &[Watcher], from: &[usize]) -> (u64, u64) {
    let each = watchers.iter().zip(from).map(|(watcher, from)| {
        watcher.until("", |seen| {
            let stamps: Vec<_> = seen.stamps[*from..].iter().flatten().collect();
            let got = stamps.len() as u64;
            let span = stamps.last()?.sequence - stamps.first()?.sequence + 1;
            Some((got, span - got))
        })
    });
    each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

#[test]
fn a_scrape_disturbs_no_viewer() {
    let start = || Setup::camera_sim().server("max_viewers", 30).start();
    // The second one has the same to do, and nobody asks it for figures: what the machine does to both is not held
    // against the scrapes.
    let mut servers = [start(), start()];
    let watchers = [0, 1].map(|n| -> Vec<Watcher> {
        let server = &servers[n];
        (0..20)
            .map(|_| Watcher::of(server.stream("/stream")))
            .collect()
    });
    for watcher in watchers.iter().flatten() {
        watcher.more_pictures(2);
    }
    let from = [0, 1].map(|n| -> Vec<usize> {
        let all = watchers[n].iter();
        all.map(|watcher| watcher.until("", |seen| Some(seen.stamps.len())))
            .collect()
    });
    for n in 0..40 {
        let accept = if n % 2 == 0 { OPEN_METRICS } else { "*/*" };
        let reply = Client::new(servers[0].address)
            .header("Accept", accept)
            .request("GET", "/metrics");
        assert_eq!(reply.status, 200);
        assert!(reply.text().contains("cctv_viewers{camera=\"main\"} 20.0"));
    }
    let all = watchers.iter().flatten().zip(from.iter().flatten());
    for (watcher, from) in all {
        watcher.until("pictures", |seen| {
            (seen.stamps[*from..].iter().flatten().count() >= 40).then_some(())
        });
        assert!(watcher.is_watching());
    }
    let [scraped, left_alone] = [0, 1].map(|n| got_and_missed(&watchers[n], &from[n]));
    assert!(scraped.0 >= 800);
    #[expect(clippy::cast_precision_loss, reason = "some thousand pictures")]
    let share = |(got, missed): (u64, u64)| missed as f64 / (got + missed) as f64;
    assert!(
        share(scraped) <= share(left_alone) + 0.05,
        "got and missed: {scraped:?} with scrapes, {left_alone:?} without"
    );
    drop(watchers);
    for server in &mut servers {
        server.stop();
    }
}

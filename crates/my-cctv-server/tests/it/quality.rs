//! Smaller and fewer pictures: for who asks for them, and for who has a line that carries no more.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use crate::harness::{
    Client, Line, Networks, Parts, Proxy, Server, Setup, Socket, Watcher, decode, eventually,
    frames, pass,
};

const FRAME_TIME: Duration = Duration::from_millis(50);

/// 640x480 at 20 per second, about 40 KB each.
fn camera() -> Setup {
    Setup::camera_sim()
        .camera("width", 640)
        .camera("height", 480)
        .camera("framerate", 20.0)
        .frame_bytes(40_000)
}

/// What the API says about the viewer that asked for a stream on a connection from here.
fn viewer(server: &Server, parts: &Parts) -> Value {
    let own = parts.socket().local_addr().unwrap().to_string();
    let list = server.json("/api/v1/viewers");
    let viewers = list["viewers"].as_array().unwrap();
    let found = viewers.iter().find(|viewer| viewer["address"] == own);
    found
        .unwrap_or_else(|| panic!("{own} is not in {list:#}"))
        .clone()
}

#[test]
fn who_asks_for_less_gets_less_and_it_is_made_once() {
    let mut server = camera().start();
    let original = Watcher::of(server.stream("/stream"));
    original.more_pictures(2);
    assert_eq!(server.camera()["renditions"], Value::Array(vec![]));
    for (query, size, name) in [
        ("?width=320", (320, 240), "half-85"),
        ("?width=200&quality=55", (320, 240), "half-50"),
        ("?width=160&quality=30", (160, 120), "quarter-30"),
        ("?quality=50", (640, 480), "full-50"),
    ] {
        let mut first = server.stream(&format!("/stream{query}"));
        let mut second = server.stream(&format!("/api/v1/cameras/main/stream{query}"));
        let mut last = 0;
        for _ in 0..5 {
            let (picture, other) = (first.picture(), second.picture());
            assert_eq!(decode(&picture.jpeg), size, "{query}");
            assert_eq!(decode(&other.jpeg), size, "{query}");
            // The camera's own stamp came through, and never goes back.
            assert!(picture.sequence() > last);
            last = picture.sequence();
        }
        let view = viewer(&server, &first);
        assert_eq!(view["rendition"], name);
        assert_eq!(view["reason"], "asked");
        assert_eq!(view["width_px"], size.0);
        let camera = server.camera();
        let made = &camera["renditions"];
        assert_eq!(made.as_array().unwrap().len(), 1, "{made:#}");
        assert_eq!(
            (&made[0]["name"], &made[0]["viewers"]),
            (&name.into(), &2.into())
        );
        assert!(made[0]["mean_cost_us"].as_u64() > Some(0));
        // Each is made once, for however many.
        assert!(made[0]["frames"].as_u64() <= camera["frames"].as_u64());
        drop((first, second));
        eventually("the end of the rendition", || {
            server.camera()["renditions"]
                .as_array()
                .unwrap()
                .is_empty()
                .then_some(())
        });
    }
    assert!(server.camera()["made_ms"].as_u64() > Some(0));
    original.more_pictures(2);
    server.stop();
}

#[test]
fn fewer_frames_come_evenly_and_count_as_no_loss() {
    let mut server = Setup::camera_sim().camera("framerate", 20.0).start();
    let mut parts = server.stream("/stream?fps=5");
    let sequence: Vec<u64> = (0..9).map(|_| parts.picture().sequence()).collect();
    // A machine that stands still for a while may lose one; what is left out on purpose is even.
    let steps: Vec<u64> = sequence.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let even = steps.iter().filter(|step| (3..=5).contains(*step)).count();
    assert!(even >= 6, "{steps:?}");
    let view = viewer(&server, &parts);
    assert_eq!(view["asked_fps"], 5.0);
    let skipped = view["frames_skipped"].as_u64().unwrap();
    assert!(skipped <= 8, "left out on purpose is not lost: {view:#}");
    drop(parts);
    server.stop();
}

#[test]
fn snapshots_come_smaller_too() {
    let mut server = camera().start();
    let get = |query: &str| server.get(&format!("/snapshot{query}")).bytes();
    let original = get("");
    assert_eq!(decode(&original), (640, 480));
    let small = get("?width=100&quality=30");
    assert_eq!(decode(&small), (160, 120));
    assert!(small.len() * 4 < original.len(), "{}", small.len());
    assert_eq!(
        decode(&get("?width=1000")),
        (640, 480),
        "never larger than it is"
    );
    let by_action = server.get("/?action=snapshot&width=320").bytes();
    assert_eq!(decode(&by_action), (320, 240));
    server.stop();
}

#[test]
fn wishes_that_cannot_be_are_refused_in_words() {
    let mut server = Setup::camera_sim().start();
    for (path, field) in [
        ("/stream?width=0", "width"),
        ("/stream?width=65536", "width"),
        ("/stream?quality=101", "quality"),
        ("/stream?quality=-1", "quality"),
        ("/stream?fps=0", "fps"),
        ("/stream?fps=nan", "fps"),
        ("/stream?fps=1e9", "fps"),
        ("/snapshot?width=many", "width"),
        ("/?action=stream&quality=0", "quality"),
        ("/?action=stream&fps=0.01", "fps"),
        ("/api/v1/cameras/main/snapshot?quality=", "quality"),
    ] {
        let reply = server.get(path);
        assert_eq!(reply.status, 400, "{path}");
        let problem = reply.json();
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(field) && detail.contains("from"),
            "{path}: {detail}"
        );
    }
    assert_eq!(
        server.camera()["state"],
        "idle",
        "nothing was started for them"
    );
    server.stop();
}

#[test]
fn the_ceiling_holds_and_the_original_loses_nothing() {
    let mut server = camera().quality("max_cpu_percent", 1).start();
    let original = server.stream("/stream");
    let own = original.socket().local_addr().unwrap().to_string();
    let watcher = Watcher::of(original);
    watcher.more_pictures(1);
    let mut small = server.stream("/stream?width=160");
    let (before, begin) = (Instant::now(), server.camera());
    let first = small.picture().sequence();
    let last = (0..3).map(|_| small.picture().sequence()).last().unwrap();
    let end = server.camera();
    let passed_ms = u64::try_from(before.elapsed().as_millis()).unwrap();
    // CPU time for what was made, with room for the one at the edge.
    let made_ms = end["made_ms"].as_u64().unwrap() - begin["made_ms"].as_u64().unwrap();
    let each_ms = end["renditions"][0]["mean_cost_us"]
        .as_u64()
        .unwrap()
        .div_ceil(1000);
    assert!(
        made_ms <= passed_ms / 100 + 2 * each_ms + 1,
        "{made_ms} ms in {passed_ms} ms"
    );
    assert!(last - first >= 3);
    let list = server.json("/api/v1/viewers");
    let viewers = list["viewers"].as_array().unwrap();
    let view = viewers
        .iter()
        .find(|viewer| viewer["address"] == own)
        .unwrap();
    assert_eq!(view["rendition"], "original");
    server.stop();
}

/// A viewer that notes when its pictures came and how old they were.
#[derive(Clone, Debug)]
struct Arrival {
    at: Instant,
    age: Duration,
    bytes: usize,
}

struct Observer {
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    socket: std::net::TcpStream,
    address: String,
}

impl Observer {
    fn of(mut parts: Parts) -> Self {
        let socket = parts.socket().try_clone().unwrap();
        let arrivals = Arc::<Mutex<Vec<Arrival>>>::default();
        let writer = arrivals.clone();
        thread::spawn(move || {
            let mut newest = 0;
            while let Ok(Some(part)) = parts.next() {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                let stamp: f64 = part.header("X-Timestamp").unwrap().parse().unwrap();
                if let Some(stamp) = part.stamp {
                    assert!(stamp.sequence > newest, "went back in time");
                    newest = stamp.sequence;
                }
                let age = Duration::from_secs_f64((now.as_secs_f64() - stamp).max(0.0));
                let (at, bytes) = (Instant::now(), part.jpeg.len());
                writer.lock().unwrap().push(Arrival { at, age, bytes });
            }
        });
        let address = socket.local_addr().unwrap().to_string();
        Self {
            arrivals,
            socket,
            address,
        }
    }

    fn since(&self, begin: Instant) -> Vec<Arrival> {
        let arrivals = self.arrivals.lock().unwrap();
        arrivals
            .iter()
            .filter(|arrival| arrival.at >= begin)
            .cloned()
            .collect()
    }

    /// What the API says about it.
    fn view(&self, server: &Server) -> Value {
        let list = server.json("/api/v1/viewers");
        let viewers = list["viewers"].as_array().unwrap();
        let found = viewers
            .iter()
            .find(|viewer| viewer["address"] == self.address);
        found
            .unwrap_or_else(|| panic!("{} is not in {list:#}", self.address))
            .clone()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }
}

/// The age below which so many of a hundred arrivals are, once the line's own time for each is taken off.
fn late(arrivals: &[Arrival], bits_per_s: u64, own: Duration, percent: usize) -> Duration {
    let mut late: Vec<Duration> = arrivals
        .iter()
        .map(|a| {
            let sending = Duration::from_secs_f64(a.bytes as f64 * 8.0 / bits_per_s as f64);
            a.age.saturating_sub(sending + own)
        })
        .collect();
    late.sort_unstable();
    late[(late.len() - 1) * percent / 100]
}

fn longest_gap(arrivals: &[Arrival]) -> Duration {
    let gaps = arrivals.windows(2).map(|pair| pair[1].at - pair[0].at);
    gaps.max().unwrap_or(Duration::MAX)
}

/// The three lines, by which the test says what it saw.
const RATES: [u64; 3] = [200_000, 1_000_000, 5_000_000];

/// Throttled viewers beside others for some seconds. `own` is what each line adds by itself.
fn throttled_beside_others(server: &Server, slow: &[Observer], own: &[Duration]) {
    let reference = Instant::now();
    let fast: Vec<Observer> = (0..3)
        .map(|_| Observer::of(server.stream("/stream")))
        .collect();
    eventually("pictures", || {
        (!fast[0].since(reference).is_empty()).then_some(())
    });
    // The first picture is sent as it is: what a line carries is not known before.
    pass(Duration::from_secs(3));
    let mut errors = Vec::new();
    // A machine that stands still is late for everybody: then once more.
    for _ in 0..5 {
        errors.clear();
        let lost = |observer: &Observer| observer.view(server)["frames_skipped"].as_u64().unwrap();
        let (begin, before) = (Instant::now(), fast.iter().map(lost).sum::<u64>());
        pass(Duration::from_secs(6));
        let reference = fast[0].since(begin);
        let (busy, pause) = (
            late(&reference, u64::MAX, Duration::ZERO, 95),
            longest_gap(&reference),
        );
        for ((observer, rate), own) in slow.iter().zip(RATES).zip(own) {
            let arrivals = observer.since(begin);
            let view = observer.view(server);
            let fps = arrivals.len() as f64 / 6.0;
            let (most, gap) = (late(&arrivals, rate, *own, 95), longest_gap(&arrivals));
            let worst = late(&arrivals, rate, *own, 100);
            eprintln!(
                "{rate} bit/s: {fps:.1} fps, {most:?} late (95 of 100), {worst:?} at most, longest gap {gap:?}, {} since {}, \
                 line {} bit/s, lag {} ms",
                view["rendition"], view["reason"], view["line_bps"], view["lag_ms"]
            );
            if most > 2 * FRAME_TIME + busy {
                errors.push(format!(
                    "{rate} bit/s: {most:?} late, the others {busy:?}: {view:#}"
                ));
            }
            if gap > Duration::from_secs(1) + pause {
                errors.push(format!("{rate} bit/s: nothing for {gap:?}: {view:#}"));
            }
            if view["reason"] != "line" || view["line_bps"].is_null() {
                errors.push(format!("not said why: {view:#}"));
            }
        }
        let lost = fast.iter().map(lost).sum::<u64>() - before;
        for observer in &fast {
            let view = observer.view(server);
            if (&view["rendition"], &view["reason"]) != (&"original".into(), &"original".into()) {
                errors.push(format!("not throttled, and yet: {view:#}"));
            }
        }
        if lost > 0 {
            errors.push(format!("{lost} frames lost by the unthrottled"));
        }
        if errors.is_empty() {
            break;
        }
    }
    let camera = server.camera();
    eprintln!("renditions: {:#}", camera["renditions"]);
    assert!(errors.is_empty(), "{errors:#?}");
    let first = slow[0].view(server);
    assert_ne!(
        first["rendition"], "original",
        "200 kbit/s carry less than one of them a second"
    );
}

#[test]
fn behind_a_proxy_that_throttles_nobody_is_late_and_nobody_starves() {
    let mut server = camera().start();
    let lines = RATES.map(|bits_per_s| Line {
        bits_per_s,
        delay: Duration::from_millis(20),
    });
    let own = lines.map(Proxy::buffered);
    let proxies = lines.map(|line| Proxy::to(server.address, line));
    let slow: Vec<Observer> = proxies
        .iter()
        .map(|proxy| {
            let mut observer = Observer::of(Parts::of(
                Client::new(proxy.address).request("GET", "/stream"),
            ));
            // The server sees the proxy's address.
            observer.address = newest_viewer(&server);
            observer
        })
        .collect();
    throttled_beside_others(&server, &slow, &own);
    drop(slow);
    server.stop();
}

/// Address of the viewer that came last, as the server sees it.
fn newest_viewer(server: &Server) -> String {
    let list = server.json("/api/v1/viewers");
    let viewers = list["viewers"].as_array().unwrap();
    viewers.last().unwrap()["address"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_socket_on_a_thin_line_gets_smaller_pictures_and_recent_ones() {
    let mut server = camera().start();
    let fast = Watcher::of(server.stream("/stream"));
    let line = Line {
        bits_per_s: 400_000,
        delay: Duration::from_millis(20),
    };
    let proxy = Proxy::to(server.address, line);
    let stream = Client::new(proxy.address).socket();
    let mut socket = Socket::on(stream, "/ws?frames=binary", &server);
    let small = eventually("a smaller picture", || {
        Some(socket.picture()).filter(|picture| picture.size.0 < 640)
    });
    let mut last = small.sequence;
    let mut ages_ms: Vec<u64> = (0..20)
        .map(|_| {
            let picture = socket.picture();
            assert!(picture.sequence > last);
            last = picture.sequence;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::try_from(now.as_micros())
                .unwrap()
                .saturating_sub(picture.captured_us)
                / 1000
        })
        .collect();
    ages_ms.sort_unstable();
    // A picture's own time on the line, the proxy's buffer, and frames of a busy machine.
    assert!(ages_ms[10] < 1500, "{ages_ms:?}");
    fast.more_pictures(10);
    // A wish is an upper bound.
    let answer = socket.ask(serde_json::json!({"type": "subscribe", "width": 160, "fps": 2}));
    assert_eq!(answer["ok"], true);
    eventually("a picture as asked", || {
        (socket.picture().size == (160, 120)).then_some(())
    });
    let answer = socket.ask(serde_json::json!({"type": "subscribe", "width": 3}));
    assert_eq!(
        answer["error"],
        "`width`: expected a number from 16 to 16384"
    );
    server.stop();
}

#[test]
fn behind_lines_of_the_kernel_nobody_is_late_and_nobody_starves() {
    // The second and the third have queues for seconds, which nobody who only writes until it blocks would notice.
    let Some(networks) = Networks::new(&[
        "rate 200kbit burst 4kb latency 400ms",
        "rate 1mbit burst 4kb limit 400kb",
        "rate 5mbit burst 10kb limit 1mb",
    ]) else {
        return;
    };
    let listen = Networks::gateway(0).to_string();
    let mut server = camera().server("listen", listen).start();
    let slow: Vec<Observer> = (0..RATES.len())
        .map(|n| {
            let client = networks.client(n, server.address);
            Observer::of(Parts::of(client.request("GET", "/stream")))
        })
        .collect();
    throttled_beside_others(&server, &slow, &[Duration::from_millis(5); 3]);
    drop(slow);
    server.stop();
}

#[test]
fn a_line_that_stalls_goes_on_with_the_present_and_one_that_is_reset_is_over() {
    let mut server = camera().server("viewer_timeout_s", 60).start();
    let line = Line {
        bits_per_s: 10_000_000,
        delay: Duration::from_millis(5),
    };
    let proxy = Proxy::to(server.address, line);
    let observer = Observer::of(Parts::of(
        Client::new(proxy.address).request("GET", "/stream"),
    ));
    let count = || observer.arrivals.lock().unwrap().len();
    eventually("pictures", || (count() > 5).then_some(()));
    proxy.stall(true);
    pass(Duration::from_secs(2));
    let before = count();
    proxy.stall(false);
    eventually("pictures after the stall", || {
        (count() > before + 10).then_some(())
    });
    let arrivals = observer.arrivals.lock().unwrap().clone();
    // What was under way in buffers is old; some pictures fit in there, but by far not the forty of the time between.
    let old = arrivals[before..]
        .iter()
        .filter(|a| a.age > Duration::from_secs(1));
    assert!(old.count() <= 4, "{:?}", &arrivals[before..]);
    proxy.reset();
    server.viewers(0);
    assert_eq!(server.log.message("viewer gone").fields["reason"], "left");
    server.stop();
}

#[test]
fn a_fixed_quality_stays_and_a_wish_is_still_a_wish() {
    let mut server = camera().quality("policy", "fixed").start();
    let line = Line {
        bits_per_s: 1_000_000,
        delay: Duration::from_millis(5),
    };
    let proxy = Proxy::to(server.address, line);
    let mut slow = Parts::of(Client::new(proxy.address).request("GET", "/stream"));
    let sizes: BTreeSet<_> = (0..8).map(|_| decode(&slow.picture().jpeg)).collect();
    assert_eq!(
        sizes,
        BTreeSet::from([(640, 480)]),
        "2.5 s and more at 3 a second"
    );
    let mut asked = server.stream("/stream?width=160");
    assert_eq!(decode(&asked.picture().jpeg), (160, 120));
    drop((slow, asked));
    server.stop();
}

#[test]
fn another_policy_holds_for_those_who_watch() {
    let mut server = camera().quality("policy", "fixed").start();
    let line = Line {
        bits_per_s: 1_000_000,
        delay: Duration::from_millis(5),
    };
    let proxy = Proxy::to(server.address, line);
    let slow = Watcher::of(Parts::of(
        Client::new(proxy.address).request("GET", "/stream"),
    ));
    slow.more_pictures(4);
    let rendition = || server.json("/api/v1/viewers")["viewers"][0]["rendition"].clone();
    assert_eq!(rendition(), "original");
    let put = |policy: &str| {
        let client = Client::new(server.address).header("If-Match", "*");
        let change = serde_json::json!({"keys": {"quality.policy": policy}});
        let done = client.json(&change).request("PUT", "/api/v1/config").json();
        assert_eq!(done["live"], serde_json::json!(["quality.policy"]));
        done["restarts"].clone()
    };
    assert_eq!(put("per-viewer"), serde_json::json!([]));
    eventually("smaller pictures", || {
        (rendition() != "original").then_some(())
    });
    assert_eq!(put("fixed"), serde_json::json!([]));
    eventually("the camera's own pictures", || {
        (rendition() == "original").then_some(())
    });
    assert_eq!(server.sim_starts().len(), 1);
    // Here the camera itself becomes another one.
    assert_eq!(put("viewers"), serde_json::json!(["main"]));
    eventually("a larger camera", || {
        let last = server.sim_arguments().pop()?;
        last.contains("--width 1280 --height 720").then_some(())
    });
    slow.more_pictures(2);
    assert!(slow.is_watching(), "from the first picture on");
    drop(slow);
    server.stop();
}

#[test]
fn the_more_watch_the_less_each_of_them_gets() {
    let mut server = Setup::camera_sim()
        .quality("policy", "viewers")
        .another_camera("film", &format!("file:{}", frames().display()))
        .start();
    let line = "the pictures of this camera come as they are: `quality.policy` changes nothing";
    assert!(server.log.message(line).raw.contains("film"));
    let mut watchers = vec![Watcher::of(server.stream("/stream"))];
    watchers[0].more_pictures(2);
    let last = |server: &Server| server.sim_arguments().pop().unwrap();
    assert!(last(&server).contains("--width 1280 --height 720 --framerate 20 --quality 85"));
    for (count, want) in [
        (6, "--width 640 --height 480 --framerate 15 --quality 70"),
        (11, "--width 320 --height 240 --framerate 10 --quality 50"),
    ] {
        while watchers.len() < count {
            watchers.push(Watcher::of(server.stream("/stream")));
        }
        eventually(want, || last(&server).contains(want).then_some(()));
    }
    for watcher in &watchers {
        watcher.more_pictures(2);
        assert!(watcher.is_watching());
    }
    assert_eq!(server.camera()["framerate"], 10.0);
    assert_eq!(server.sim_starts().len(), 3);
    // Few come and go at a border: nobody is moved.
    watchers.truncate(9);
    pass(Duration::from_secs(3));
    assert_eq!(server.sim_starts().len(), 3);
    // What somebody sets goes over the table.
    let reply = server.send(
        "PATCH",
        "/api/v1/cameras/main/controls?wait_s=20",
        &serde_json::json!({"width": 800, "height": 600}),
    );
    assert_eq!(reply.status, 200);
    assert!(last(&server).contains("--width 800 --height 600 --framerate 10 --quality 50"));
    server.stop();
}

//! Many viewers at once, some of which do not keep up.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Setup, Watcher, sibling};

/// A hundred viewers for some seconds, by the load generator: what each class saw.
fn hundred(url: &str) -> Value {
    let output = Command::new(sibling("load", "cargo build -p bench --bin load"))
        .args([
            "--url",
            url,
            "--viewers",
            "90",
            "--stalled",
            "5",
            "--slow",
            "5:20000",
        ])
        .args(["--warmup", "0.5", "--seconds", "3", "--json"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "a part was not right: {report:#}");
    report
}

#[test]
fn of_a_hundred_viewers_the_bad_ones_lose_frames_and_the_others_none() {
    // Few frames per second: this is about who loses, and not about how fast a busy machine can be.
    let mut server = Setup::camera_sim()
        .server("max_viewers", 110)
        .server("viewer_timeout_s", 60)
        .camera("framerate", 5.0)
        .frame_bytes(40_000)
        .start();
    let own = Watcher::of(server.stream("/stream"));
    own.more_pictures(2);
    let url = server.url("/stream");
    // A machine that stands still for longer than a frame lasts loses one for everybody: then once more.
    let (mut report, mut memory) = (Value::Null, Vec::new());
    for _ in 0..3 {
        report = hundred(&url);
        memory.push(server.rss_kib());
        let fast = &report["fast"];
        assert_eq!(
            (&fast["viewers"], &fast["closed"]),
            (&90.into(), &0.into()),
            "{report:#}"
        );
        assert_eq!(
            (&report["slow"]["closed"], &report["slow"]["viewers"]),
            (&0.into(), &5.into()),
            "{report:#}"
        );
        if fast["lost"] == 0 && memory.len() > 1 {
            break;
        }
    }
    assert_eq!(report["fast"]["lost"], 0, "{report:#}");
    assert!(
        report["fast"]["frames_per_viewer"]["fewest"].as_u64() >= Some(15),
        "{report:#}"
    );
    // The slow ones get half of a frame per second, each one whole.
    assert!(
        report["slow"]["frames_per_viewer"]["most"].as_u64() <= Some(6),
        "{report:#}"
    );
    assert_eq!(report["stalled"]["frames"], 0, "{report:#}");
    // The second hundred needs nothing that the first one did not.
    assert!(memory[1] <= memory[0] + 2048, "{memory:?} KiB");
    assert!(memory[0] < 60 << 10, "{memory:?} KiB");
    assert!(own.is_watching());
    server.viewers(1);
    server.stop();
}

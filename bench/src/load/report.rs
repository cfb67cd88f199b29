//! What a run found, as lines for people and as JSON for `fanout`.

use std::fmt;

use serde_json::{Value, json};

use super::tally::Tally;

/// One class of viewers.
#[derive(Debug, Clone, Default)]
pub struct ClassReport {
    /// How many viewers.
    pub viewers: usize,
    /// Whole, correct frames inside the window.
    pub frames: u64,
    /// Bytes of JPEG in them.
    pub bytes: u64,
    /// Missing frames inside the window.
    pub lost: u64,
    /// Streams the server ended.
    pub closed: u64,
    /// What the viewer with the fewest frames got.
    pub fewest: u64,
    /// What the viewer with the most frames got.
    pub most: u64,
    /// Latency in nanoseconds: p50, p90, p99, largest.
    pub latency_ns: [u64; 4],
    /// Faults by name.
    pub faults: Vec<(String, u64)>,
    /// The first few, word for word.
    pub samples: Vec<String>,
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Length of the window.
    pub window_ns: u64,
    /// CPU time of the load generator inside the window.
    pub load_cpu_ns: u64,
    /// Viewers that read all they can.
    pub fast: ClassReport,
    /// Viewers that read slowly.
    pub slow: ClassReport,
    /// Viewers that read nothing.
    pub stalled: ClassReport,
}

impl ClassReport {
    pub(super) fn new(frames_each: impl Iterator<Item = u64>, tally: &Tally) -> Self {
        let (mut viewers, mut fewest, mut most) = (0, u64::MAX, 0);
        for frames in frames_each {
            viewers += 1;
            fewest = fewest.min(frames);
            most = most.max(frames);
        }
        Self {
            viewers,
            frames: tally.frames,
            bytes: tally.bytes,
            lost: tally.lost,
            closed: tally.closed,
            fewest: fewest.min(most),
            most,
            latency_ns: [500, 900, 990, 1000].map(|share| tally.latency.percentile(share)),
            faults: tally.seen_faults().collect(),
            samples: tally.samples().to_vec(),
        }
    }

    fn json(&self) -> Value {
        let [p50, p90, p99, max] = self.latency_ns;
        let faults: serde_json::Map<String, Value> = self
            .faults
            .iter()
            .map(|(name, count)| (name.clone(), (*count).into()))
            .collect();
        json!({
            "viewers": self.viewers,
            "frames": self.frames,
            "bytes": self.bytes,
            "lost": self.lost,
            "closed": self.closed,
            "frames_per_viewer": { "fewest": self.fewest, "most": self.most },
            "latency_ns": { "p50": p50, "p90": p90, "p99": p99, "max": max },
            "faults": faults,
            "samples": self.samples,
        })
    }

    /// The inverse of the JSON form; a missing number reads as 0.
    fn from_json(value: &Value) -> Self {
        let number = |name: &str| value.pointer(name).and_then(Value::as_u64).unwrap_or(0);
        let faults = value.get("faults").and_then(Value::as_object);
        let samples = value.get("samples").and_then(Value::as_array);
        Self {
            viewers: usize::try_from(number("/viewers")).unwrap_or(0),
            frames: number("/frames"),
            bytes: number("/bytes"),
            lost: number("/lost"),
            closed: number("/closed"),
            fewest: number("/frames_per_viewer/fewest"),
            most: number("/frames_per_viewer/most"),
            latency_ns: ["p50", "p90", "p99", "max"]
                .map(|name| number(&format!("/latency_ns/{name}"))),
            faults: faults
                .into_iter()
                .flatten()
                .map(|(name, count)| (name.clone(), count.as_u64().unwrap_or(0)))
                .collect(),
            samples: samples
                .into_iter()
                .flatten()
                .filter_map(|text| text.as_str().map(str::to_owned))
                .collect(),
        }
    }
}

impl Report {
    /// Everything in one object.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "window_ns": self.window_ns,
            "load_cpu_ns": self.load_cpu_ns,
            "fast": self.fast.json(),
            "slow": self.slow.json(),
            "stalled": self.stalled.json(),
        })
    }

    /// Reads what [`Self::json`] wrote.
    #[must_use]
    pub fn from_json(value: &Value) -> Self {
        let number = |name: &str| value.get(name).and_then(Value::as_u64).unwrap_or(0);
        let class = |name: &str| {
            value
                .get(name)
                .map(ClassReport::from_json)
                .unwrap_or_default()
        };
        Self {
            window_ns: number("window_ns"),
            load_cpu_ns: number("load_cpu_ns"),
            fast: class("fast"),
            slow: class("slow"),
            stalled: class("stalled"),
        }
    }

    /// Frames of all classes inside the window.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.fast.frames + self.slow.frames + self.stalled.frames
    }

    /// Faults of all classes.
    #[must_use]
    pub fn faults(&self) -> u64 {
        [&self.fast, &self.slow, &self.stalled]
            .into_iter()
            .flat_map(|class| &class.faults)
            .map(|(_, count)| count)
            .sum()
    }

    /// The first few complaints of all classes.
    pub fn samples(&self) -> impl Iterator<Item = &str> {
        [&self.fast, &self.slow, &self.stalled]
            .into_iter()
            .flat_map(|class| &class.samples)
            .map(String::as_str)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = [
            ("fast", &self.fast),
            ("slow", &self.slow),
            ("stalled", &self.stalled),
        ];
        let tenths = self.window_ns / 100_000_000;
        writeln!(out, "window {}.{} s", tenths / 10, tenths % 10)?;
        for (name, class) in classes.iter().filter(|(_, class)| class.viewers != 0) {
            let [p50, p90, p99, max] = class.latency_ns.map(|ns| ns / 1000);
            writeln!(
                out,
                "{name}: {} viewers, {} frames ({} to {} each), {} lost, {} closed by the server",
                class.viewers, class.frames, class.fewest, class.most, class.lost, class.closed
            )?;
            writeln!(
                out,
                "  latency µs: p50 {p50}, p90 {p90}, p99 {p99}, max {max}"
            )?;
            for (fault, count) in &class.faults {
                writeln!(out, "  FAULT {fault}: {count}")?;
            }
            for sample in &class.samples {
                writeln!(out, "    {sample}")?;
            }
        }
        let cpu_ns = self.load_cpu_ns.checked_div(self.frames()).unwrap_or(0);
        write!(out, "load generator itself: {cpu_ns} ns of CPU per frame")
    }
}

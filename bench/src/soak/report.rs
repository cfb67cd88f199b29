//! What a soak found, and whether that is good enough.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::camera::Aftermath;
use super::resources::Held;
use super::{Plan, RECOVERY};
use crate::round::median;

/// From here on, memory over time is told from noise.
const LONG: Duration = Duration::from_secs(4 * 3600);
/// How much the fitted line of a long run may rise in all, and that of a short one.
const MOST_RISE_KB: [f64; 2] = [2048.0, 8192.0];
/// Complaints printed in full.
const SHOWN: usize = 40;

/// What the threads of a run note down.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    faults: BTreeMap<&'static str, Tally>,
    pub(super) complaints: Vec<String>,
    pub(super) guests: u64,
    pub(super) reconnects: u64,
    pub(super) steady_pictures: u64,
}

/// One kind of fault.
#[derive(Debug, Default)]
struct Tally {
    struck: usize,
    recoveries_s: Vec<f64>,
    missed: usize,
    incidents: usize,
}

impl Outcome {
    /// What followed from a fault; none if that could not be found out, which was complained of.
    pub(super) fn record(&mut self, fault: &'static str, aftermath: Option<Aftermath>) {
        let tally = self.faults.entry(fault).or_default();
        tally.struck += 1;
        let Some(aftermath) = aftermath else {
            tally.missed += 1;
            return;
        };
        tally
            .recoveries_s
            .extend(aftermath.recovery.map(|recovery| recovery.as_secs_f64()));
        tally.missed += usize::from(aftermath.missed);
        tally.incidents += usize::from(aftermath.incident.is_some());
    }

    pub(super) fn struck(&self) -> usize {
        self.faults.values().map(|tally| tally.struck).sum()
    }
}

/// What the server held.
#[derive(Debug)]
pub(super) struct Resources {
    pub(super) first: Held,
    pub(super) last: Held,
    pub(super) slope_kb_per_h: f64,
    /// The time that the slope was taken over.
    pub(super) judged: Duration,
}

/// A whole run.
#[derive(Debug)]
pub struct Report {
    pub(super) plan: Plan,
    pub(super) lasted: Duration,
    pub(super) outcome: Outcome,
    pub(super) resources: Resources,
}

impl Report {
    /// Nothing to complain of.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.outcome.complaints.is_empty() && self.outcome.reconnects == 0 && self.is_flat()
    }

    fn most_rise_kb(&self) -> f64 {
        MOST_RISE_KB[usize::from(self.lasted < LONG)]
    }

    fn is_flat(&self) -> bool {
        let hours = self.resources.judged.as_secs_f64() / 3600.0;
        self.resources.slope_kb_per_h * hours <= self.most_rise_kb()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plan,
            lasted,
            outcome,
            resources,
        } = self;
        writeln!(
            out,
            "### Soak: {} s, seed {}, {} cameras with {} steady viewers each, {} guests at a time\n\n\
             | fault | struck | pictures back after, median | worst | missed | wrong incidents |\n\
             | --- | ---: | ---: | ---: | ---: | ---: |",
            lasted.as_secs(),
            plan.seed,
            plan.cameras,
            plan.steady.max(1),
            plan.guests
        )?;
        let (mut missed, mut incidents) = (0, 0);
        for (name, tally) in &outcome.faults {
            let worst = tally.recoveries_s.iter().copied().fold(f64::NAN, f64::max);
            let seconds = |value: f64| {
                if value.is_nan() {
                    "not noticed".to_owned()
                } else {
                    format!("{value:.2} s")
                }
            };
            writeln!(
                out,
                "| {name} | {} | {} | {} | {} | {} |",
                tally.struck,
                seconds(median(tally.recoveries_s.iter().copied())),
                seconds(worst),
                tally.missed,
                tally.incidents
            )?;
            missed += tally.missed;
            incidents += tally.incidents;
        }
        writeln!(
            out,
            "\nfaults: {}, missed recoveries (none within {} s of the fault's end): {missed}, \
             wrong or missing incidents: {incidents}",
            outcome.struck(),
            RECOVERY.as_secs()
        )?;
        writeln!(
            out,
            "steady viewers: {} pictures, {} had to connect anew; guests: {}",
            outcome.steady_pictures, outcome.reconnects, outcome.guests
        )?;
        let hours = resources.judged.as_secs_f64() / 3600.0;
        writeln!(
            out,
            "RSS: {} kB at the start, {} kB at the end; slope {:+.0} kB/h over {:.2} h{}, at most {:+.0} kB/h",
            resources.first.rss_kb,
            resources.last.rss_kb,
            resources.slope_kb_per_h,
            hours,
            if self.is_flat() { "" } else { ": TOO STEEP" },
            self.most_rise_kb() / hours.max(f64::MIN_POSITIVE)
        )?;
        writeln!(
            out,
            "at the start: {}\nat the end:   {}",
            resources.first, resources.last
        )?;
        for complaint in outcome.complaints.iter().take(SHOWN) {
            writeln!(out, "FAULT: {complaint}")?;
        }
        let hidden = outcome.complaints.len().saturating_sub(SHOWN);
        if hidden > 0 {
            writeln!(out, "FAULT: and {hidden} more")?;
        }
        Ok(())
    }
}

//! The soak: viewers that come and go, cameras that fail at random, and what is left of it afterwards.
//!
//! Everything random comes from one seed, which is printed. Each camera has a thread of its own that has it fail in one
//! way after the other and looks at what follows from outside: the pictures of a viewer that never leaves, the
//! camera programs' processes, the incidents of the API.

mod camera;
mod client;
mod faults;
mod guests;
mod report;
mod resources;
mod steady;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fastrand::Rng;

use crate::clock::pause;
use crate::subject::{Programs, Running, Settings, Subject};
use camera::Camera;
use faults::Deck;
pub use report::Report;
use report::{Outcome, Resources};
use resources::Sampler;
use steady::Steady;

/// When it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// After this time, and the faults then under way.
    Time(Duration),
    /// When every fault that heals has struck so often.
    Each(usize),
}

/// One run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the programs lie.
    pub server: PathBuf,
    /// The camera stand-in.
    pub camera: PathBuf,
    /// When it is over.
    pub until: Until,
    /// Of everything random.
    pub seed: u64,
    /// Cameras, each with a process of its own.
    pub cameras: usize,
    /// Viewers of each camera that never leave.
    pub steady: usize,
    /// Viewers at a time that come and go.
    pub guests: usize,
}

/// A picture has to be back so long after a fault's end.
pub const RECOVERY: Duration = Duration::from_secs(5);
/// With pictures for so long, the next failure is a new one for the server.
const RECOVERED_AFTER_S: u64 = 1;
/// Late pictures are told of after half of it.
const NO_FRAME_TIMEOUT_S: u64 = 4;
/// For whatever should happen at once, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(10);

/// What all threads of a run share.
#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    server_pid: u32,
    over: AtomicBool,
    outcome: Mutex<Outcome>,
}

impl Shared {
    fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complain(&self, complaint: String) {
        self.outcome().complaints.push(complaint);
    }

    /// Sleeps, but not past the end of the run.
    fn rest(&self, length: Duration) {
        let end = Instant::now() + length;
        while !self.is_over() && Instant::now() < end {
            pause(GLANCE.min(end.saturating_duration_since(Instant::now())));
        }
    }
}

/// Waits until `look` gives something; nothing after `patience`.
fn eventually<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if deadline < Instant::now() {
            return None;
        }
        pause(GLANCE);
    }
}

/// Starts the server, lets everything happen, stops the server; `progress` gets a line each minute.
pub fn run(plan: &Plan, progress: &mut impl Write) -> anyhow::Result<Report> {
    let folder = tempfile::tempdir().context("temporary folder")?;
    let mut rng = Rng::with_seed(plan.seed);
    let cameras = (0..plan.cameras)
        .map(|index| Camera::prepare(index, folder.path(), &plan.camera))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut running = start(plan, &cameras)?;
    let shared = Shared {
        address: running.address,
        server_pid: running.pid(),
        over: AtomicBool::new(false),
        outcome: Mutex::default(),
    };
    let steady = Steady::default();
    let begun = Instant::now();
    let resources = thread::scope(|scope| -> anyhow::Result<Resources> {
        for camera in &cameras {
            for number in 0..plan.steady.max(1) {
                let (shared, steady) = (&shared, &steady);
                let witness = (number == 0).then_some(&camera.seen);
                scope.spawn(move || steady.watch(shared, &camera.id, witness));
            }
        }
        // Whatever goes wrong from here on, the threads have to end.
        let result = (|| {
            resources::settle(&shared, plan)?;
            // With the first incident the server opens its index, and keeps it open.
            cameras[0].fail_once(&shared)?;
            let sampler = Sampler::start(&shared, plan)?;
            let players = play(scope, plan, &shared, &cameras, &mut rng);
            let report = wait(plan, &shared, &sampler, players, begun, progress);
            report?;
            sampler.end(&shared, plan)
        })();
        steady.dismiss();
        shared.over.store(true, Relaxed);
        result
    })?;
    let said = running.said();
    let status = running.stop();
    if status.is_none_or(|status| !status.success()) {
        shared.complain(format!("the server ended with {status:?}:\n{said}"));
    }
    for pid in resources::processes_of(folder.path()) {
        shared.complain(format!("process {pid} was left over"));
    }
    let mut outcome = shared
        .outcome
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    outcome.reconnects = steady.reconnects();
    outcome.steady_pictures = steady.pictures();
    Ok(Report {
        plan: plan.clone(),
        lasted: begun.elapsed(),
        outcome,
        resources,
    })
}

fn start(plan: &Plan, cameras: &[Camera]) -> anyhow::Result<Running> {
    let programs = Programs {
        server: plan.server.clone(),
        counted: None,
        limit: PathBuf::new(),
        camera: plan.camera.clone(),
        load: PathBuf::new(),
    };
    let settings = Settings {
        // A line for each guest and each start would fill the disk in a day.
        config: "log.level = \"info,serve=warn,pipeline=warn,camera=warn\"\n".to_owned(),
        server: "viewer_timeout_s = 5".to_owned(),
        camera_tables: Some(cameras.iter().map(Camera::table).collect()),
        ..Settings::default()
    };
    Running::start(Subject::Server, &programs, &settings)
}

/// Starts the guests, and the faults of each camera. The latter are handed back.
fn play<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    plan: &Plan,
    shared: &'scope Shared,
    cameras: &'scope [Camera],
    rng: &mut Rng,
) -> Vec<thread::ScopedJoinHandle<'scope, ()>> {
    for _ in 0..plan.guests {
        let rng = rng.fork();
        scope.spawn(move || guests::come_and_go(shared, cameras, rng));
    }
    let decks: Vec<Deck> = Deck::deal(plan.until, cameras.len(), rng);
    cameras
        .iter()
        .zip(decks)
        .map(|(camera, deck)| scope.spawn(move || camera.fail(shared, deck)))
        .collect()
}

/// Waits for the end, with a line each minute.
fn wait(
    plan: &Plan,
    shared: &Shared,
    sampler: &Sampler<'_>,
    players: Vec<thread::ScopedJoinHandle<'_, ()>>,
    begun: Instant,
    progress: &mut impl Write,
) -> anyhow::Result<()> {
    let mut minutes = 0;
    loop {
        let all_dealt = players.iter().all(thread::ScopedJoinHandle::is_finished);
        let time_is_up = matches!(plan.until, Until::Time(length) if length <= begun.elapsed());
        if all_dealt || time_is_up {
            break;
        }
        sampler.sample(begun.elapsed())?;
        if minutes < begun.elapsed().as_secs() / 60 {
            minutes = begun.elapsed().as_secs() / 60;
            let now = sampler.newest();
            let outcome = shared.outcome();
            writeln!(
                progress,
                "{minutes} min: {} faults, {} complaints, {} guests, RSS {} kB, {now}",
                outcome.struck(),
                outcome.complaints.len(),
                outcome.guests,
                now.rss_kb
            )?;
            progress.flush()?;
        }
        pause(Duration::from_millis(500));
    }
    shared.over.store(true, Relaxed);
    for player in players {
        if player.join().is_err() {
            shared.complain("a thread of the soak itself broke down".to_owned());
        }
    }
    Ok(())
}

//! One run of the program: start, the loop over frames, the stop.

use std::process::ExitCode;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGUSR1, SIGUSR2};

use crate::camera;
use crate::clock::{self, now_ns, sleep_until_ns, span_ns};
use crate::console::{Level, libcamera, say};
use crate::control::{self, Control};
use crate::encode;
use crate::faults::{Fault, Kind, Refusal, Waiting, parse_list};
use crate::options::{self, Options, Request};
use crate::output::{self, Job, Shared, Writer};
use crate::settings::Settings;
use crate::signals::{self, Received};
use crate::stdio::{Sink, Stdio};
use crate::texts;

/// Camera buffers: so many frames can wait for the output before the sensor's are dropped.
const BUFFERS: usize = 6;
/// While nothing moves, the control file is looked at this often.
const GLANCE: Duration = Duration::from_millis(20);

/// Does what the arguments say. An error here is one of the simulator, not of the simulated program.
pub fn run(args: &[String], settings: &Settings) -> Result<ExitCode> {
    let started_ns = now_ns();
    if let Some(path) = &settings.log {
        camera::log_start(path, args).with_context(|| format!("append to {}", path.display()))?;
    }
    let faults = |kind: fn(&Kind) -> bool| {
        settings
            .faults
            .iter()
            .filter(move |fault| kind(&fault.kind))
    };
    if faults(|kind| *kind == Kind::Refuse(Refusal::NoExec))
        .next()
        .is_some()
    {
        return Ok(ExitCode::from(126));
    }
    let unknown: Vec<String> = faults(|kind| matches!(kind, Kind::Unknown(_)))
        .filter_map(|fault| match &fault.kind {
            Kind::Unknown(option) => Some(option.clone()),
            _ => None,
        })
        .collect();
    let request = match options::parse(args, &unknown) {
        Ok(request) => request,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    let none = faults(|kind| *kind == Kind::Refuse(Refusal::NoCamera))
        .next()
        .is_some();
    let mut options = match request {
        Request::Help => return texts::print(&texts::help(&unknown)),
        Request::Version => return texts::print(texts::VERSION),
        Request::ListCameras => {
            let connected = if none {
                Vec::new()
            } else {
                camera::connected(settings)?
            };
            return texts::print(&camera::list(&connected));
        }
        Request::Stream(options) => options,
    };
    // From here on a camera is what hangs at a connector: places move, faults and locks do not.
    let connected = camera::connected(settings)?;
    if let Some(connector) = usize::try_from(options.camera)
        .ok()
        .and_then(|place| connected.get(place))
    {
        options.camera = *connector;
    } else {
        // One that is nowhere.
        options.camera = settings.cameras;
    }
    let starts = camera::count_start(settings, options.camera)?;
    let sick = settings.fault_runs.is_none_or(|runs| starts <= runs);
    let ours = |fault: &&Fault| sick && fault.camera.is_none_or(|camera| camera == options.camera);
    let mut faults: Vec<Fault> = settings.faults.iter().filter(ours).cloned().collect();
    let next = match &settings.next_starts {
        Some(path) => control::take_line(path)
            .with_context(|| format!("take a line of {}", path.display()))?,
        None => String::new(),
    };
    for fault in parse_list(&next).map_err(anyhow::Error::msg)? {
        match &fault.kind {
            Kind::Refuse(Refusal::NoExec) => return Ok(ExitCode::from(126)),
            Kind::Unknown(option) => {
                if let Err(refusal) = options::parse(args, std::slice::from_ref(option)) {
                    return Ok(refused(&refusal));
                }
            }
            _ => faults.push(fault),
        }
    }
    stream(settings, &options, faults, started_ns)
}

fn refused(text: &str) -> ExitCode {
    say(&format!("ERROR: *** {text} ***"));
    ExitCode::from(255)
}

fn stream(
    settings: &Settings,
    options: &Options,
    faults: Vec<Fault>,
    started_ns: u64,
) -> Result<ExitCode> {
    let mut waiting = Waiting::default();
    let mut first_ns = started_ns + span_ns(settings.start);
    let mut stuck = false;
    for fault in faults {
        match fault.kind {
            Kind::Refuse(why) => return Ok(refused(&camera::refuse(why, options.camera))),
            Kind::SlowStart(span) => first_ns += span_ns(span),
            Kind::Stuck => stuck = true,
            Kind::Unknown(_) => {}
            _ => waiting.add(fault, 0),
        }
    }
    if stuck {
        signals::ignore_requests_to_end().context("install signal handlers")?;
    }
    let _held = match camera::acquire(settings, options.camera)? {
        Ok(held) => held,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    let encoder = match encode::open(settings, options)? {
        Ok(encoder) => encoder,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    if options.verbose > 0 {
        texts::introduce(options);
    }
    let sink = match options.output.as_deref() {
        None => Sink::Nothing,
        Some("-") => Sink::Stdout,
        Some(path) => match std::fs::File::create(path) {
            Ok(file) => Sink::File(file),
            Err(_) => return Ok(refused(&format!("failed to open output file {path}"))),
        },
    };
    let shared = Shared::default();
    let out = Writer {
        stdio: Stdio::new(sink),
        flush: options.flush,
        verbose: options.verbose,
        shared: shared.clone(),
        failure: encode::failure(settings, options),
    };
    let (jobs, inbox) = sync_channel(BUFFERS);
    let writer = {
        let shared = shared.clone();
        let write = move || output::run(&inbox, encoder, out, &shared);
        std::thread::Builder::new()
            .name("output".into())
            .spawn(write)?
    };
    let period_ns = 1e9 / f64::from(options.framerate);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 100 s"
    )]
    let period_ns = period_ns as u64;
    // Until the sensor runs, a signal kills.
    sleep_until_ns(first_ns.saturating_sub(period_ns).max(started_ns));
    let received = if stuck {
        Received::default()
    } else {
        signals::install(options.verbose)?
    };
    let sensor = Sensor {
        options,
        control: settings
            .control
            .clone()
            .map(|path| Control::new(path, options.camera)),
        waiting,
        received,
        shared,
        jobs,
        first_ns,
        period_ns,
        streaming_ns: now_ns(),
        sequence: 0,
        delivered: 0,
        paused: options.paused,
    };
    sensor.run()?;
    // The camera stops first, then the encoder gives out what it still has.
    clock::sleep(settings.stop);
    writer.join().ok().context("output thread")?;
    Ok(ExitCode::SUCCESS)
}

/// The loop of rpicam-vid, fed by a sensor that keeps its own time.
struct Sensor<'a> {
    options: &'a Options,
    control: Option<Control>,
    waiting: Waiting,
    received: Received,
    shared: Shared,
    jobs: SyncSender<Job>,
    first_ns: u64,
    period_ns: u64,
    streaming_ns: u64,
    sequence: u64,
    delivered: u64,
    paused: bool,
}

impl Sensor<'_> {
    fn run(mut self) -> Result<()> {
        loop {
            self.wait_for_frame();
            self.look_at_control();
            // The output is stuck and has every buffer: this frame goes nowhere, and nothing else is looked at.
            if self.shared.in_flight() >= BUFFERS {
                self.sequence += 1;
                continue;
            }
            let faults = self.strike()?;
            let captured_ns = self.wait_for_frame();
            if self.is_over() {
                return Ok(());
            }
            if self.options.verbose > 1 {
                say(&format!("Viewfinder frame {}", self.delivered));
            }
            if !self.options.info_text.is_empty() {
                say(&texts::info(self.options, self.delivered));
            }
            self.shared.taken();
            let job = Job {
                sequence: self.sequence,
                captured_ns,
                paused: self.paused,
                faults,
            };
            self.jobs.send(job).ok().context("output thread is gone")?;
            self.sequence += 1;
            self.delivered += 1;
        }
    }

    fn look_at_control(&mut self) {
        let Some(control) = &mut self.control else {
            return;
        };
        for read in control.poll() {
            match read {
                Ok(fault)
                    if fault
                        .camera
                        .is_some_and(|camera| camera != self.options.camera) => {}
                // At once, since a fault under way may hold up the frames it would wait for.
                Ok(Fault {
                    kind: Kind::Heal, ..
                }) => self.heal(),
                Ok(fault) => self.waiting.add(fault, self.delivered),
                Err(reason) => say(&format!("camera-sim: control: {reason}")),
            }
        }
    }

    fn heal(&mut self) {
        self.waiting.clear();
        self.shared.heal();
    }

    /// Lets happen what is due; what concerns the output is handed back.
    fn strike(&mut self) -> Result<Vec<Kind>> {
        let mut rest = Vec::new();
        for fault in self.waiting.due(self.delivered) {
            match fault {
                Kind::Freeze(span) => self.silence(span, None),
                Kind::Timeout(span) => {
                    let every =
                        Duration::from_secs(1).max(Duration::from_nanos(5 * self.period_ns));
                    self.silence(span, Some(every));
                }
                Kind::StderrFlood(lines) => {
                    for number in 0..lines {
                        libcamera(
                            Level::Warn,
                            "Flood flood.cpp:1",
                            &format!("line {number:04} {}", "~".repeat(40)),
                        );
                    }
                }
                Kind::Stuck => self.received.ignore()?,
                Kind::Heal => self.heal(),
                Kind::Refuse(_) | Kind::Unknown(_) | Kind::SlowStart(_) => {
                    say("camera-sim: control: this fault strikes at start only");
                }
                other => rest.push(other),
            }
        }
        Ok(rest)
    }

    /// No frame arrives, so nothing else happens either: no signal, no time limit.
    fn silence(&mut self, span: Option<Duration>, complain_every: Option<Duration>) {
        let healed = self.shared.healed();
        let began_ns = now_ns();
        let mut complain_ns = began_ns;
        loop {
            let now = now_ns();
            if span.is_some_and(|span| now >= began_ns + span_ns(span)) {
                return;
            }
            if let Some(every) = complain_every
                && now >= complain_ns + span_ns(every)
            {
                texts::timed_out();
                complain_ns += span_ns(every);
            }
            clock::sleep(GLANCE);
            self.look_at_control();
            if self.shared.healed() != healed {
                return;
            }
        }
    }

    /// The sensor keeps its own time. Buffers make up for being a few frames late, what is older is gone.
    fn wait_for_frame(&mut self) -> u64 {
        let now_at = now_ns().saturating_sub(self.first_ns) / self.period_ns;
        if now_at > self.sequence + BUFFERS as u64 {
            self.sequence = now_at + 1;
        }
        let captured_ns = self.first_ns + self.sequence * self.period_ns;
        sleep_until_ns(captured_ns);
        captured_ns
    }

    fn is_over(&mut self) -> bool {
        let signal = self.received.take();
        let key = if self.options.keypress { key() } else { None };
        if self.options.signal && signal == Some(SIGUSR1) || key == Some(b'\n') {
            self.paused = !self.paused;
        }
        let quit = signal == Some(SIGINT) || self.options.signal && signal == Some(SIGUSR2);
        let options = self.options;
        let ran_ns = (now_ns() - self.streaming_ns).cast_signed();
        let timeout = options.frames == 0 && options.timeout_ns != 0 && ran_ns > options.timeout_ns;
        let enough = options.frames != 0 && self.delivered >= u64::from(options.frames);
        if timeout && options.verbose > 0 {
            let ms = options.timeout_ns / 1_000_000;
            say(&format!("Halting: reached timeout of {ms} milliseconds."));
        }
        timeout || enough || quit || matches!(key, Some(b'x' | b'X'))
    }
}

/// The first byte of what was typed, if anything was.
fn key() -> Option<u8> {
    let stdin = rustix::stdio::stdin();
    let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
    if poll(&mut polled, Some(&Timespec::default())).is_err() || polled[0].revents().is_empty() {
        return None;
    }
    let mut line = [0; 256];
    let n = rustix::io::read(stdin, &mut line).ok()?;
    line[..n].first().copied()
}

//! The life of one camera.
//!
//! Idle until somebody wants pictures, then one run of the source after the other until nobody has for a while.
//! A run ends by itself, by the watchdog, or because it is no longer wanted.

use std::{
    pin::pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use ::control::ControlSet;
use camera::{Blame, Failure, Kind, Language, Memory, Source};
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use hub::{About, CameraState, Controls, DemandWatch, Publisher, RestartWatch, Stream};
use serde_json::Value as Json;
use tokio::{
    sync::watch,
    time::{interval, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    Camera,
    backoff::Backoff,
    control::settled,
    feed::{Feed, Pulse},
    healing::Healing,
    incident::{self, why_of},
    ladder::Ladder,
    placeholder::Placeholder,
};

/// When a camera is started, given up and stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// How long a camera runs on after the last one who wanted it.
    pub linger: Duration,
    /// Without a picture for so long, a running camera is started again.
    pub no_frame: Duration,
    /// The same for the first picture after a start.
    pub first_frame: Duration,
    /// After pictures for so long, the next failure is a new one, and the waits begin anew.
    pub recovered_after: Duration,
}

impl Times {
    /// For slow rates, ten frame times are waited for if that is longer.
    fn no_frame(&self, framerate: f32) -> Duration {
        self.no_frame.max(frame_times(10.0, framerate))
    }

    /// A picture of this age is shown as late.
    fn late(&self, framerate: f32) -> Duration {
        (self.no_frame(framerate) / 2).min(Duration::from_secs(2).max(frame_times(5.0, framerate)))
    }
}

fn frame_times(count: f32, framerate: f32) -> Duration {
    Duration::from_secs_f32(count / framerate.max(0.01))
}

/// What may change while a camera runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manner {
    pub(crate) name: String,
    pub(crate) times: Times,
    pub(crate) language: Language,
}

/// Says what is shown while a camera has given nothing yet for this long.
const STARTING_SHOWN_AFTER: Duration = Duration::from_secs(2);
/// The same when it only starts again to change something: the last picture stays up meanwhile.
const CHANGING_SHOWN_AFTER: Duration = Duration::from_secs(5);
/// How often one looks at a camera that gives nothing.
const LOOK: Duration = Duration::from_millis(250);

/// Owns one camera.
pub(crate) struct Actor {
    source: Box<dyn Source>,
    memory: Memory,
    publisher: Publisher,
    demand: DemandWatch,
    restart: RestartWatch,
    /// As configured; what was set meanwhile lies over it.
    settings: camera::Settings,
    controls: watch::Receiver<Controls>,
    /// With what the source runs, or ran last.
    set: ControlSet,
    /// It runs again because something was set, and not because it failed.
    is_changing: bool,
    ladder: Option<Ladder>,
    manner: watch::Receiver<Manner>,
    framerate: f32,
    epoch: Instant,
    placeholder: Placeholder,
    backoff: Backoff,
    healing: Healing,
    /// Why it was told to end, once it was.
    why: Arc<OnceLock<&'static str>>,
}

/// How a run of the source ended.
enum Outcome {
    Unwanted,
    /// Something else was set.
    Changed,
    Shutdown,
    /// Somebody asked for it to start again.
    Restart,
    Failed(Failure),
}

impl Actor {
    pub(crate) fn new(
        camera: Camera,
        manner: watch::Receiver<Manner>,
        stream: &Arc<Stream>,
        why: Arc<OnceLock<&'static str>>,
        memory: &Memory,
    ) -> Self {
        let Camera {
            settings,
            language,
            is_sized_by_viewers,
            id,
            ..
        } = camera;
        let class = settings.spec.class();
        let is_sized = is_sized_by_viewers && class.control("quality").is_some();
        if is_sized_by_viewers && !is_sized {
            warn!(camera = %id, "the pictures of this camera come as they are: `quality.policy` changes nothing");
        }
        let publisher = stream.publisher();
        publisher.describe_controls(class, settings.frame());
        Self {
            source: camera::open(&settings, memory),
            memory: memory.clone(),
            healing: Healing::new(&settings),
            publisher,
            demand: stream.demand_watch(),
            restart: stream.restart_watch(),
            controls: stream.watch_controls(),
            set: ControlSet::default(),
            is_changing: false,
            ladder: is_sized.then(Ladder::default),
            manner,
            framerate: settings.framerate,
            epoch: Instant::now(),
            placeholder: Placeholder::new(
                (settings.width_px, settings.height_px),
                settings.name.clone(),
                language,
            ),
            settings,
            backoff: Backoff::default(),
            why,
        }
    }

    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = self.demand.wanted() => {}
            }
            if let Some(ladder) = &mut self.ladder {
                ladder.begin(self.demand.count());
            }
            let begin = Instant::now();
            while self.run_once(&shutdown).await {}
            self.publisher.clear();
            self.publisher.set_status(CameraState::Idle, None);
            self.is_changing = false;
            let reason = self.why.get().copied().unwrap_or("nobody is watching");
            self.publisher
                .end_incident(Some(&format!("stopped: {reason}")));
            info!(reason, ran_s = begin.elapsed().as_secs(), "camera stopped");
        }
    }

    /// One run and, if it failed, the wait after it. False when the camera is not wanted any more.
    async fn run_once(&mut self, shutdown: &CancellationToken) -> bool {
        self.restart.done();
        self.configure();
        self.publisher.count_start();
        self.publisher.set_status(CameraState::Starting, None);
        info!(
            source = self.publisher.stream().about().source,
            wanted_by = self.demand.count(),
            "camera starts"
        );
        let (outcome, good) = self.watch_over_source(shutdown).await;
        let was_changing =
            std::mem::replace(&mut self.is_changing, matches!(outcome, Outcome::Changed));
        let failure = match outcome {
            Outcome::Failed(failure) => failure,
            Outcome::Changed => return true,
            Outcome::Restart => return self.begin_anew(),
            Outcome::Unwanted | Outcome::Shutdown => return false,
        };
        if good.is_none() && (self.takes_back(&failure, was_changing) || self.steps_down(&failure))
        {
            self.is_changing = true;
            return true;
        }
        if good.is_some() {
            self.healing.tried(false);
        }
        let recovered_after = self.manner.borrow().times.recovered_after;
        let wait = self
            .backoff
            .after(failure.retry(), good.unwrap_or_default(), recovered_after);
        warn!(%failure, advice = failure.advice(), retry_in_s = wait.as_secs(), "the camera failed");
        incident::begin(&self.publisher, SystemTime::now(), &failure);
        self.publisher.note_step(format!(
            "started again after {} s: {failure}",
            wait.as_secs()
        ));
        self.publisher
            .set_status(CameraState::Failed, Some(why_of(&failure)));
        match self.wait_to_retry(&failure, wait, shutdown).await {
            None => true,
            Some(Outcome::Restart) => self.begin_anew(),
            Some(_) => false,
        }
    }

    /// Somebody asked for a start: no waiting, and what failed before does not count. False when the camera only
    /// lingered.
    fn begin_anew(&mut self) -> bool {
        info!("restart asked for");
        self.publisher.note_step("started again: somebody asked");
        self.backoff = Backoff::default();
        self.demand.count() > 0
    }

    /// Hands over to the source what is wanted now.
    fn configure(&mut self) {
        if let Some(ladder) = &self.ladder {
            let frame = ladder.frame();
            if self.settings.frame() != frame {
                info!(
                    ?frame,
                    viewers = self.demand.count(),
                    "as many watch: size, rate and quality"
                );
            }
            self.settings.set_frame(frame);
            let class = self.controls.borrow().class;
            self.publisher.describe_controls(class, frame);
        }
        self.settings.name.clone_from(&self.manner.borrow().name);
        self.set = self.controls.borrow().wanted.clone();
        let settings = self.settings.with(&self.set);
        self.framerate = settings.framerate;
        self.placeholder
            .resize((settings.width_px, settings.height_px));
        let about = self.publisher.stream().about();
        self.publisher.set_about(About {
            framerate: settings.framerate,
            ..about
        });
        if !self.set.is_empty() {
            info!(controls = %Json::Object(self.set.to_json()), "camera controls");
        }
        self.source.set(&settings);
    }

    /// Whether the source failed for what was set since it last gave pictures; that is taken back then.
    ///
    /// Some failures come of settings only; others come of a cable as well, and are blamed on what was set only if the
    /// camera was well until then.
    fn takes_back(&self, failure: &Failure, was_changing: bool) -> bool {
        let is_new = self.set != self.controls.borrow().applied;
        let is_blamed = match failure.blames_settings() {
            Blame::Settings => true,
            Blame::Perhaps => was_changing,
            Blame::Others => false,
        };
        if !is_new || !is_blamed {
            return false;
        }
        warn!(%failure, "the camera does not start with what was set: going back to what it ran with before");
        let why = failure.sentence(Language::English);
        self.publisher
            .controls_refused(&self.set, format!("{why} ({})", failure.detail));
        true
    }

    /// Whether the camera cannot be as large as few viewers would get it, and is to be smaller from now on.
    fn steps_down(&mut self, failure: &Failure) -> bool {
        let Some(ladder) = &mut self.ladder else {
            return false;
        };
        let steps = failure.blames_settings() == Blame::Settings && ladder.avoid();
        if steps {
            warn!(%failure, "the camera does not start with this size: trying a smaller one");
        }
        steps
    }

    /// Runs the source once; says how it ended, and for how long there had been pictures, if there were any.
    async fn watch_over_source(
        &mut self,
        shutdown: &CancellationToken,
    ) -> (Outcome, Option<Duration>) {
        let Self {
            source,
            publisher,
            demand,
            restart,
            manner,
            framerate,
            epoch,
            placeholder,
            controls,
            set,
            settings,
            is_changing,
            ladder,
            memory,
            ..
        } = self;
        let mut counted = demand.clone();
        let stop = CancellationToken::new();
        let pulse = Pulse::new();
        let mut feed = Feed::new(publisher, *epoch, &pulse, set, settings.frame(), memory);
        let mut run = source.run(&mut feed, &stop);
        // Each is polled when it was woken, and not with every picture.
        let mut calls: FuturesUnordered<BoxFuture<'_, Outcome>> = FuturesUnordered::new();
        calls.push(shutdown.cancelled().map(|()| Outcome::Shutdown).boxed());
        let unwanted = unwanted(demand, manner.clone());
        calls.push(unwanted.map(|()| Outcome::Unwanted).boxed());
        calls.push(settled(controls, set).map(|()| Outcome::Changed).boxed());
        if let Some(ladder) = ladder {
            let climbed = ladder.changed(&mut counted);
            calls.push(climbed.map(|()| Outcome::Changed).boxed());
        }
        calls.push(restart.asked().map(|()| Outcome::Restart).boxed());
        // Looked at when pictures could be late, and not at a steady beat: a running camera wakes nobody for it.
        let starting_shown_after = if *is_changing {
            CHANGING_SHOWN_AFTER.max(frame_times(10.0, *framerate))
        } else {
            STARTING_SHOWN_AFTER
        };
        let mut look = pin!(sleep(starting_shown_after));
        let mut stalled = None;
        let mut has_ended = false;
        let mut outcome = loop {
            tokio::select! {
                biased;
                result = &mut run => {
                    has_ended = true;
                    break Outcome::Failed(result.err().unwrap_or_else(|| Failure::new(Kind::Ended, "the source ended")));
                }
                Some(call) = calls.next() => break call,
                () = &mut look => {
                    // Read here, so that other times hold from the next look on.
                    let Manner { name, times, language } = manner.borrow().clone();
                    placeholder.tell(&name, language);
                    let (age, seen, trouble) = {
                        let pulse = Pulse::lock(&pulse);
                        (pulse.newest.unwrap_or(pulse.started).elapsed(), pulse.newest.is_some(), pulse.trouble.clone())
                    };
                    if let Some(failure) = trouble.as_ref().filter(|t| t.kind == Kind::Unkillable) {
                        let since = publisher.stream().status().since;
                        placeholder.show(publisher, *epoch, failure.sentence(language), since).await;
                        look.as_mut().reset(tokio::time::Instant::now() + LOOK);
                        continue;
                    }
                    let limit = if seen { times.no_frame(*framerate) } else { times.first_frame };
                    let late = if seen { times.late(*framerate) } else { starting_shown_after };
                    if age < late {
                        stalled = None;
                        look.as_mut().reset(tokio::time::Instant::now() + (late - age));
                        continue;
                    }
                    let since = *stalled.get_or_insert_with(|| SystemTime::now() - age);
                    let cause = trouble.unwrap_or_else(|| Failure::new(Kind::TimedOut, format!("no picture for {} s", age.as_secs())));
                    if age >= limit {
                        break Outcome::Failed(cause);
                    }
                    let sentence =
                        if seen { cause.sentence(language) } else { starting(language) };
                    if seen {
                        if std::mem::take(&mut Pulse::lock(&pulse).is_live) {
                            warn!(cause = %cause, "no pictures: viewers are told so");
                            incident::begin(publisher, since, &cause);
                            publisher.note_step("waited for the camera to recover by itself");
                        }
                        publisher.set_status(CameraState::Stalled, Some(why_of(&cause)));
                    }
                    placeholder.show(publisher, *epoch, sentence, since).await;
                    let until_limit = limit.saturating_sub(age);
                    look.as_mut().reset(tokio::time::Instant::now() + LOOK.min(until_limit));
                }
            }
        };
        if !has_ended {
            // Whatever the source started has to be gone before anything else happens.
            stop.cancel();
            let mut looks = interval(LOOK);
            let result = loop {
                tokio::select! {
                    biased;
                    result = &mut run => break result,
                    _ = looks.tick() => {
                        let held = Pulse::lock(&pulse).held().cloned();
                        if let Some(failure) = held {
                            let since = publisher.stream().status().since;
                            let language = manner.borrow().language;
                            placeholder.show(publisher, *epoch, failure.sentence(language), since).await;
                        }
                    }
                }
            };
            if let Err(failure) = result {
                debug!(%failure, "the source ended with an error when it was stopped");
            }
        }
        let pulse = Pulse::lock(&pulse);
        if let (Outcome::Failed(failure), Some(held)) = (&mut outcome, pulse.held()) {
            // Whatever came first, this is what people have to know.
            *failure = held.clone();
        }
        // Up to the newest picture: the silence before a failure was no good time.
        (outcome, pulse.good())
    }

    /// `None` when it is time for the next try. What somebody sets meanwhile ends the wait: it may be the cure.
    async fn wait_to_retry(
        &mut self,
        failure: &Failure,
        wait: Duration,
        shutdown: &CancellationToken,
    ) -> Option<Outcome> {
        let since = self.publisher.stream().status().since;
        let Self {
            publisher,
            demand,
            restart,
            manner,
            epoch,
            placeholder,
            controls,
            set,
            healing,
            ..
        } = self;
        let mut changed = pin!(settled(controls, set));
        let mut retry = pin!(sleep(wait));
        let mut unwanted = pin!(unwanted(demand, manner.clone()));
        let mut looks = interval(LOOK);
        let is_early = {
            let mut healed = pin!(healing.changed());
            loop {
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return Some(Outcome::Shutdown),
                    () = &mut unwanted => return Some(Outcome::Unwanted),
                    () = restart.asked() => return Some(Outcome::Restart),
                    () = &mut retry => break false,
                    () = &mut changed => break false,
                    () = &mut healed => break true,
                    _ = looks.tick() => {
                        let Manner { name, language, .. } = manner.borrow().clone();
                        placeholder.tell(&name, language);
                        placeholder.show(publisher, *epoch, failure.sentence(language), since).await;
                    }
                }
            }
        };
        healing.tried(is_early);
        if is_early {
            info!("something around the camera has changed: it is tried at once");
            publisher.note_step("tried at once, because something around the camera has changed");
        }
        None
    }
}

/// Ready once nobody has wanted the camera for as long as it is to run on, also when that becomes another time meanwhile.
async fn unwanted(demand: &mut DemandWatch, mut manner: watch::Receiver<Manner>) {
    loop {
        let linger = manner.borrow_and_update().times.linger;
        tokio::select! {
            () = demand.unwanted_for(linger) => return,
            Ok(()) = manner.changed() => {}
        }
    }
}

fn starting(language: Language) -> &'static str {
    match language {
        Language::English => "The camera is starting.",
        Language::Korean => "카메라를 시작하고 있습니다.",
    }
}

//! The life of one camera.
//!
//! Idle until somebody wants pictures, then one run of the source after the other until nobody has for a while.
//! A run ends by itself, by the watchdog, or because it is no longer wanted.

use std::{
    pin::pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use camera::{Failure, Kind, Language, Source};
use hub::{CameraState, Cause, DemandWatch, Publisher, Stream, Why};
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    Camera,
    backoff::Backoff,
    feed::{Feed, Pulse},
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

/// Says what is shown while a camera has given nothing yet for this long.
const STARTING_SHOWN_AFTER: Duration = Duration::from_secs(2);
/// How often one looks at a camera that gives nothing.
const LOOK: Duration = Duration::from_millis(250);

/// Owns one camera.
pub(crate) struct Actor {
    source: Box<dyn Source>,
    publisher: Publisher,
    demand: DemandWatch,
    times: Times,
    framerate: f32,
    epoch: Instant,
    placeholder: Placeholder,
    language: Language,
    backoff: Backoff,
    /// Why it was told to end, once it was.
    why: Arc<OnceLock<&'static str>>,
}

/// How a run of the source ended.
enum Outcome {
    Unwanted,
    Shutdown,
    Failed(Failure),
}

impl Actor {
    pub(crate) fn new(
        camera: Camera,
        stream: &Arc<Stream>,
        why: Arc<OnceLock<&'static str>>,
    ) -> Self {
        let Camera {
            settings,
            times,
            language,
            ..
        } = camera;
        Self {
            source: camera::open(&settings),
            publisher: stream.publisher(),
            demand: stream.demand_watch(),
            times,
            framerate: settings.framerate,
            epoch: Instant::now(),
            placeholder: Placeholder::new(
                (settings.width_px, settings.height_px),
                settings.name,
                language,
            ),
            language,
            backoff: Backoff::new(times.recovered_after),
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
            let begin = Instant::now();
            while self.run_once(&shutdown).await {}
            self.publisher.clear();
            self.publisher.set_status(CameraState::Idle, None);
            self.publisher
                .note_step("stopped: nobody wants the pictures any more");
            self.publisher.end_incident();
            let reason = self.why.get().copied().unwrap_or("nobody is watching");
            info!(reason, ran_s = begin.elapsed().as_secs(), "camera stopped");
        }
    }

    /// One run and, if it failed, the wait after it. False when the camera is not wanted any more.
    async fn run_once(&mut self, shutdown: &CancellationToken) -> bool {
        self.publisher.count_start();
        self.publisher.set_status(CameraState::Starting, None);
        info!(
            source = self.publisher.stream().about().source,
            wanted_by = self.demand.count(),
            "camera starts"
        );
        let (Outcome::Failed(failure), good) = self.watch_over_source(shutdown).await else {
            return false;
        };
        let wait = self.backoff.after(failure.retry(), good);
        warn!(%failure, advice = failure.advice(), retry_in_s = wait.as_secs(), "the camera failed");
        self.publisher
            .begin_incident(SystemTime::now(), cause_of(&failure));
        self.publisher.note_step(format!(
            "started again after {} s: {failure}",
            wait.as_secs()
        ));
        self.publisher
            .set_status(CameraState::Failed, Some(why_of(&failure)));
        self.wait_to_retry(&failure, wait, shutdown).await
    }

    /// Runs the source once; says how it ended, and for how long there had been pictures.
    async fn watch_over_source(&mut self, shutdown: &CancellationToken) -> (Outcome, Duration) {
        let Self {
            source,
            publisher,
            demand,
            times,
            framerate,
            epoch,
            placeholder,
            language,
            ..
        } = self;
        let stop = CancellationToken::new();
        let pulse = Pulse::new();
        let mut feed = Feed::new(publisher, *epoch, &pulse);
        let mut run = source.run(&mut feed, &stop);
        let mut unwanted = pin!(demand.unwanted_for(times.linger));
        // Looked at when pictures could be late, and not at a steady beat: a running camera wakes nobody for it.
        let mut look = pin!(sleep(STARTING_SHOWN_AFTER));
        let mut stalled = None;
        let mut has_ended = false;
        let outcome = loop {
            tokio::select! {
                biased;
                result = &mut run => {
                    has_ended = true;
                    break Outcome::Failed(result.err().unwrap_or_else(|| Failure::new(Kind::Ended, "the source ended")));
                }
                () = shutdown.cancelled() => break Outcome::Shutdown,
                () = &mut unwanted => break Outcome::Unwanted,
                () = &mut look => {
                    let (age, seen, trouble) = {
                        let pulse = Pulse::lock(&pulse);
                        (pulse.newest.unwrap_or(pulse.started).elapsed(), pulse.newest.is_some(), pulse.trouble.clone())
                    };
                    let limit = if seen { times.no_frame(*framerate) } else { times.first_frame };
                    let late = if seen { times.late(*framerate) } else { STARTING_SHOWN_AFTER };
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
                        if seen { cause.sentence(*language) } else { starting(*language) };
                    if seen {
                        if std::mem::take(&mut Pulse::lock(&pulse).is_live) {
                            warn!(cause = %cause, "no pictures: viewers are told so");
                            publisher.begin_incident(since, cause_of(&cause));
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
            if let Err(failure) = run.await {
                debug!(%failure, "the source ended with an error when it was stopped");
            }
        }
        // Up to the newest picture: the silence before a failure was no good time.
        let good = Pulse::lock(&pulse).good();
        (outcome, good)
    }

    /// False when nobody wants the camera any more.
    async fn wait_to_retry(
        &mut self,
        failure: &Failure,
        wait: Duration,
        shutdown: &CancellationToken,
    ) -> bool {
        let since = self.publisher.stream().status().since;
        let Self {
            publisher,
            demand,
            times,
            epoch,
            placeholder,
            language,
            ..
        } = self;
        let mut retry = pin!(sleep(wait));
        let mut unwanted = pin!(demand.unwanted_for(times.linger));
        let mut looks = interval(LOOK);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return false,
                () = &mut unwanted => return false,
                () = &mut retry => return true,
                _ = looks.tick() => placeholder.show(publisher, *epoch, failure.sentence(*language), since).await,
            }
        }
    }
}

fn why_of(failure: &Failure) -> Why {
    Why {
        code: failure.code(),
        sentence: failure.sentence(Language::English),
    }
}

fn starting(language: Language) -> &'static str {
    match language {
        Language::English => "The camera is starting.",
        Language::Korean => "카메라를 시작하고 있습니다.",
    }
}

fn cause_of(failure: &Failure) -> Cause {
    Cause {
        code: failure.code(),
        sentence: failure.sentence(Language::English),
        advice: failure.advice(),
        detail: failure.detail.clone(),
        words: failure.words.clone(),
    }
}

//! Makes the renditions that somebody watches, and no others.
//!
//! One maker for the whole server: a thread with a low priority that is given one picture after the other, taking turns
//! between the cameras, always the newest. Under a ceiling of CPU time it makes fewer pictures, evenly; the cameras and
//! whoever watches their originals notice nothing of it.

use std::{
    future::poll_fn,
    io,
    sync::{Arc, mpsc},
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hub::{Ended, Hub, Reader, Stream};
use media::{Frame, Quality, Rendition, Scale};
use rendition::Decoder;
use rustix::{
    process::setpriority_process,
    time::{ClockId, clock_gettime},
};
use tokio::{
    sync::{oneshot, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

/// Behind everything else that wants the processor: what is made late is late for those who asked for less.
const NICENESS: i32 = 5;
/// What a breakdown counts as: nobody gains by one after the other.
const BREAKDOWN: Duration = Duration::from_millis(100);
/// How often one says that a camera's pictures cannot be decoded.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Serves the wishes of a hub.
#[derive(Debug)]
pub struct Renditions {
    hub: Arc<Hub>,
    /// Percent of one core, from 1.
    ceiling: watch::Receiver<u8>,
    sources: Vec<Source>,
    /// Where the search for the next picture begins.
    turn: usize,
    worker: Option<Worker>,
    told: Option<Instant>,
}

/// A camera with renditions that somebody wants.
#[derive(Debug)]
struct Source {
    stream: Arc<Stream>,
    reader: Reader,
    /// How many renditions there were when the reader was made.
    wanted: Vec<Rendition>,
}

impl Renditions {
    /// For the renditions of `hub`, with at most so many percent of one core for all of them, whatever that is at the time.
    #[must_use]
    pub fn new(hub: Arc<Hub>, max_cpu_percent: watch::Receiver<u8>) -> Self {
        Self {
            hub,
            ceiling: max_cpu_percent,
            sources: Vec::new(),
            turn: 0,
            worker: None,
            told: None,
        }
    }

    /// Runs until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut wishes = self.hub.rendition_wishes();
        self.look_around();
        loop {
            let (at, frame) = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Ok(()) = wishes.changed() => {
                    self.look_around();
                    continue;
                }
                next = poll_fn(|cx| self.poll_frame(cx)) => next,
            };
            let rest = match frame {
                Ok(frame) => self.make(at, &frame).await,
                Err(_) => {
                    self.sources.remove(at);
                    continue;
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep(rest) => {}
            }
        }
    }

    /// Finds out which cameras have renditions that are wanted.
    fn look_around(&mut self) {
        let mut before = std::mem::take(&mut self.sources);
        for stream in self.hub.streams() {
            let wanted: Vec<_> = stream.renditions().into_iter().map(|(r, _)| r).collect();
            if wanted.is_empty() {
                continue;
            }
            let known = before
                .iter()
                .position(|source| Arc::ptr_eq(&source.stream, &stream));
            match known.map(|at| before.swap_remove(at)) {
                Some(source) if wanted.iter().all(|r| source.wanted.contains(r)) => {
                    self.sources.push(source);
                }
                // A new reader gets the picture that is there: who comes does not wait for the next one.
                _ => self.sources.push(Source {
                    reader: stream.latest(),
                    stream,
                    wanted,
                }),
            }
        }
        if self.sources.is_empty() {
            // Its thread ends, and the memory for a decoded picture is given back.
            self.worker = None;
        }
    }

    /// The next picture of any camera, in turn.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<(usize, Result<Arc<Frame>, Ended>)> {
        let count = self.sources.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            if let Poll::Ready(frame) = self.sources[at].reader.poll_next(cx) {
                self.turn = at + 1;
                return Poll::Ready((at, frame));
            }
        }
        Poll::Pending
    }

    /// Makes what is wanted of one picture; says how long to rest afterwards.
    async fn make(&mut self, at: usize, frame: &Arc<Frame>) -> Duration {
        let Source { stream, wanted, .. } = &mut self.sources[at];
        let renditions = stream.renditions();
        *wanted = renditions.iter().map(|(rendition, _)| *rendition).collect();
        if renditions.is_empty() {
            self.sources.remove(at);
            if self.sources.is_empty() {
                self.worker = None;
            }
            return Duration::ZERO;
        }
        // Whoever had it already keeps it.
        let (streams, forms): (Vec<_>, Vec<_>) = renditions
            .into_iter()
            .filter(|(_, stream)| stream.publisher().next_seq() <= frame.seq)
            .filter_map(|(rendition, stream)| match rendition {
                Rendition::Original => None,
                Rendition::Made(scale, quality) => Some((stream, (scale, quality))),
            })
            .unzip();
        if forms.is_empty() {
            return Duration::ZERO;
        }
        let id = stream.id().clone();
        let work = self.work(frame.bytes(), forms.clone()).await;
        let done = work.unwrap_or_else(|| Done {
            pictures: Err(rendition::Error::Decode("it broke down".to_owned())),
            cost: BREAKDOWN,
        });
        // Stopped meanwhile: nobody is to find an old picture.
        if self.sources[at].stream.newest().is_none() {
            return Duration::ZERO;
        }
        let cost = done.cost / u32::try_from(forms.len()).unwrap_or(1);
        match done.pictures {
            Ok(pictures) => {
                for ((stream, form), jpeg) in streams.iter().zip(forms).zip(pictures) {
                    let publisher = stream.publisher();
                    publisher.publish(smaller(frame, form.0, &jpeg));
                    publisher.count_made(cost);
                }
            }
            Err(error) => {
                if self.told.is_none_or(|at| at.elapsed() >= TELL_AGAIN) {
                    self.told = Some(Instant::now());
                    warn!(camera = %id, %error, "a picture cannot be made smaller: it is passed on as it is");
                }
                for stream in streams {
                    stream.publisher().publish(Frame::clone(frame));
                }
            }
        }
        let ceiling = f64::from((*self.ceiling.borrow()).max(1)) / 100.0;
        done.cost.mul_f64(1.0 / ceiling - 1.0)
    }

    /// Has the worker do it. `None` when that broke down.
    async fn work(&mut self, jpeg: Bytes, forms: Vec<(Scale, Quality)>) -> Option<Done> {
        let (reply, done) = oneshot::channel();
        let worker = match &self.worker {
            Some(worker) => worker,
            None => match Worker::start() {
                Ok(worker) => self.worker.insert(worker),
                Err(error) => {
                    warn!(%error, "no thread for smaller pictures");
                    return None;
                }
            },
        };
        let job = Job { jpeg, forms, reply };
        let given = worker.jobs.try_send(job).is_ok();
        match done.await {
            Ok(done) if given => Some(done),
            _ => {
                error!("making smaller pictures broke down: the thread is started again");
                self.worker = None;
                None
            }
        }
    }
}

/// A frame with other bytes; the original's where those are no more, at the same size.
fn smaller(frame: &Frame, scale: Scale, jpeg: &[u8]) -> Frame {
    if scale == Scale::Full && frame.len() <= jpeg.len() {
        return frame.clone();
    }
    let made = Frame::jpeg(frame.seq, frame.pts, frame.captured, frame.arrived, jpeg);
    if frame.is_placeholder {
        made.placeholder()
    } else {
        made
    }
}

/// One picture to make smaller.
struct Job {
    jpeg: Bytes,
    forms: Vec<(Scale, Quality)>,
    reply: oneshot::Sender<Done>,
}

struct Done {
    /// As many as forms were asked for.
    pictures: Result<Vec<Vec<u8>>, rendition::Error>,
    /// CPU time.
    cost: Duration,
}

/// A thread that ends when it is dropped.
#[derive(Debug)]
struct Worker {
    jobs: mpsc::SyncSender<Job>,
}

impl Worker {
    fn start() -> io::Result<Self> {
        let (jobs, work) = mpsc::sync_channel::<Job>(1);
        thread::Builder::new()
            .name("renditions".to_owned())
            .spawn(move || {
                // On Linux this is about the calling thread alone.
                if let Err(error) = setpriority_process(None, NICENESS) {
                    debug!(%error, "the priority stays as it is");
                }
                let mut decoder = Decoder::default();
                for Job { jpeg, forms, reply } in work {
                    let begin = cpu_time();
                    let pictures = decoder.decode(&jpeg).and_then(|pixels| {
                        forms
                            .into_iter()
                            .map(|(scale, quality)| pixels.encode(scale, quality))
                            .collect()
                    });
                    let cost = cpu_time().saturating_sub(begin);
                    let _ = reply.send(Done { pictures, cost });
                }
            })?;
        Ok(Self { jobs })
    }
}

/// What the calling thread has used so far. Not the time that passed: on a busy machine that is mostly other people's.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::About;
    use media::{Pts90k, jpeg::dimensions};
    use std::time::SystemTime;

    const HALF: Rendition = Rendition::Made(Scale::Half, Quality::Q50);
    const QUARTER: Rendition = Rendition::Made(Scale::Quarter, Quality::Q30);

    fn publish(stream: &Arc<Stream>, jpeg: &[u8]) {
        let publisher = stream.publisher();
        let (now, seq) = (Instant::now(), publisher.next_seq());
        let frame = Frame::jpeg(seq, Pts90k(seq * 4500), SystemTime::now().into(), now, jpeg);
        publisher.publish(frame);
    }

    fn running(streams: &[&Arc<Stream>]) -> (Arc<Hub>, CancellationToken) {
        let hub = Arc::new(Hub::default());
        hub.set(streams.iter().copied().cloned().collect());
        let stop = CancellationToken::new();
        tokio::spawn(
            Renditions::new(hub.clone(), watch::Sender::new(100).subscribe()).run(stop.clone()),
        );
        (hub, stop)
    }

    fn stream(id: &str) -> Arc<Stream> {
        Stream::new(id.parse().unwrap(), About::default())
    }

    fn drawn() -> Vec<u8> {
        picture::placeholder(320, 240, "door", &["?"]).unwrap()
    }

    #[tokio::test]
    async fn what_is_wanted_is_made_with_the_numbers_of_the_original() {
        let (door, gate) = (stream("door"), stream("gate"));
        let _running = running(&[&door, &gate]);
        publish(&door, &drawn());
        // The picture that is there already, then those that come.
        let mut half = door.rendition(HALF).latest();
        let first = half.next().await.unwrap();
        assert_eq!(
            (first.seq, dimensions(&first.bytes())),
            (0, Some((160, 120)))
        );
        let mut quarter = gate.rendition(QUARTER).latest();
        for _ in 0..3 {
            publish(&door, &drawn());
            publish(&gate, &drawn());
            let (a, b) = (half.next().await.unwrap(), quarter.next().await.unwrap());
            assert_eq!(a.pts.0, a.seq * 4500);
            assert_eq!(dimensions(&b.bytes()), Some((80, 60)));
        }
        assert!(door.counters().made_frames >= 2 && door.counters().made_us > 0);
        drop(half);
        assert!(door.renditions().is_empty(), "gone with its last reader");
    }

    #[tokio::test]
    async fn what_cannot_be_decoded_is_passed_on() {
        let door = stream("door");
        let _running = running(&[&door]);
        let mut half = door.rendition(HALF).latest();
        let odd = b"\xFF\xD8no picture\xFF\xD9";
        publish(&door, odd);
        assert_eq!(&half.next().await.unwrap().bytes()[..], odd);
        publish(&door, &drawn());
        let next = half.next().await.unwrap();
        assert_eq!(dimensions(&next.bytes()), Some((160, 120)));
    }

    #[tokio::test]
    async fn a_closed_camera_closes_its_renditions() {
        let door = stream("door");
        let _running = running(&[&door]);
        let mut half = door.rendition(HALF).latest();
        door.publisher().close();
        assert_eq!(half.next().await.unwrap_err(), Ended::Closed);
        let mut late = door.rendition(QUARTER).latest();
        assert_eq!(late.next().await.unwrap_err(), Ended::Closed);
    }
}

//! What readers of one stream see, and what they cannot do to each other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant, SystemTime},
};

use hub::{About, Cause, Ended, Hub, Publisher, Reader, Stream};
use media::{Frame, Pts90k, Quality, Rendition, Scale, UnixMicros};

fn stream() -> (Arc<Stream>, Publisher) {
    let stream = Stream::new("main".parse().expect("an id"), About::default());
    let publisher = stream.publisher();
    (stream, publisher)
}

fn publish(publisher: &Publisher, count: usize) {
    for _ in 0..count {
        let seq = publisher.next_seq();
        publisher.publish(Frame::jpeg(
            seq,
            Pts90k(0),
            UnixMicros(seq),
            Instant::now(),
            &[0; 1000],
        ));
    }
}

/// What the reader has for us now: a frame's number, or nothing yet.
fn poll(reader: &mut Reader) -> Option<Result<u64, Ended>> {
    match reader.poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result.map(|frame| frame.seq)),
        Poll::Pending => None,
    }
}

#[test]
fn a_newcomer_gets_the_newest_frame_and_then_what_comes() {
    let (stream, publisher) = stream();
    publish(&publisher, 3);
    let mut latest = stream.latest();
    let mut in_order = stream.in_order();
    assert_eq!((poll(&mut latest), poll(&mut latest)), (Some(Ok(2)), None));
    assert_eq!(poll(&mut in_order), None);
    publish(&publisher, 1);
    assert_eq!(
        (poll(&mut latest), poll(&mut in_order)),
        (Some(Ok(3)), Some(Ok(3)))
    );
    assert_eq!((latest.skipped(), in_order.skipped()), (0, 0));
}

#[test]
fn who_is_late_loses_its_own_frames_and_counts_them() {
    let (stream, publisher) = stream();
    let mut latest = stream.latest();
    let mut in_order = stream.in_order();
    publish(&publisher, 1);
    assert_eq!(
        (poll(&mut latest), poll(&mut in_order)),
        (Some(Ok(0)), Some(Ok(0)))
    );
    publish(&publisher, 10);
    assert_eq!((poll(&mut latest), latest.skipped()), (Some(Ok(10)), 9));
    assert_eq!(
        (1..=10)
            .map(|n| (poll(&mut in_order), n))
            .find(|(got, n)| *got != Some(Ok(*n))),
        None
    );
    assert_eq!(in_order.skipped(), 0);
    publish(&publisher, 1000);
    let next = poll(&mut in_order).unwrap().unwrap();
    assert!(next > 11 && next < 1011, "{next}");
    assert_eq!(in_order.skipped(), next - 11);
}

#[test]
fn one_frame_is_kept_unless_somebody_reads_in_order() {
    let (stream, publisher) = stream();
    publish(&publisher, 1);
    let first = Arc::downgrade(&stream.newest().unwrap());
    publish(&publisher, 1);
    assert!(first.upgrade().is_none(), "an old frame is freed");
    let reader = stream.in_order();
    publish(&publisher, 1);
    let kept = Arc::downgrade(&stream.newest().unwrap());
    publish(&publisher, 5);
    assert!(kept.upgrade().is_some());
    drop(reader);
    publish(&publisher, 1);
    assert!(kept.upgrade().is_none());
}

#[test]
fn a_stopped_camera_leaves_no_picture_behind() {
    let (stream, publisher) = stream();
    publish(&publisher, 1);
    publisher.clear();
    assert!(stream.newest().is_none());
    let mut reader = stream.latest();
    assert_eq!(poll(&mut reader), None);
    publish(&publisher, 1);
    assert_eq!(
        poll(&mut reader),
        Some(Ok(1)),
        "numbers go on over a restart"
    );
}

#[tokio::test]
async fn ends_reach_waiting_readers_and_only_those_meant() {
    let (stream, publisher) = stream();
    let [mut one, mut two] = [stream.latest(), stream.latest()];
    let ender = one.ender();
    let (ended, ()) = tokio::join!(one.next(), async { ender.end() });
    assert_eq!(ended.unwrap_err(), Ended::Reader);
    // The place is used again; the old handle must not reach its new owner.
    drop(one);
    let mut three = stream.latest();
    ender.end();
    publish(&publisher, 1);
    assert_eq!(
        (poll(&mut two), poll(&mut three)),
        (Some(Ok(0)), Some(Ok(0)))
    );
    let (ended, ()) = tokio::join!(two.next(), async { publisher.close() });
    assert_eq!(ended.unwrap_err(), Ended::Closed);
    assert_eq!(
        poll(&mut stream.latest()),
        Some(Ok(0)),
        "the last frame is still shown"
    );
}

#[tokio::test]
async fn many_readers_share_one_picture() {
    let (stream, publisher) = stream();
    let delivered = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let mut reader = stream.latest();
            let delivered = delivered.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while let Ok(frame) = reader.next().await {
                    delivered.fetch_add(1, Relaxed);
                    seen.push((frame.seq, frame.part().as_ptr() as usize));
                }
                (seen, reader.skipped())
            })
        })
        .collect();
    for n in 1..=50 {
        publish(&publisher, 1);
        while delivered.load(Relaxed) < n * 200 {
            tokio::task::yield_now().await;
        }
    }
    publisher.close();
    let mut all = Vec::new();
    for task in tasks {
        all.push(task.await.unwrap());
    }
    assert_eq!(all[0].0.len(), 50);
    assert!(
        all.iter().all(|other| *other == all[0]),
        "same frames, same memory, nothing lost"
    );
}

#[test]
fn the_directory_keeps_the_order() {
    let hub = Hub::default();
    assert!(hub.first().is_none());
    let stream = |id: &str| {
        let about = About {
            name: id.to_owned(),
            ..About::default()
        };
        Stream::new(id.parse().unwrap(), about)
    };
    hub.set(vec![stream("yard"), stream("main")]);
    assert_eq!(hub.first().unwrap().id().as_str(), "yard");
    assert_eq!(hub.get("main").unwrap().about().name, "main");
    assert!(hub.get("../main").is_none());
}

const HALF: Rendition = Rendition::Made(Scale::Half, Quality::Q70);

/// A frame of the camera, made smaller for its rendition.
fn make(rendition: &Arc<Stream>, seq: u64) {
    let frame = Frame::jpeg(seq, Pts90k(0), UnixMicros(seq), Instant::now(), &[0; 100]);
    rendition.publisher().publish(frame);
}

#[test]
fn a_rendition_keeps_numbers_and_what_is_not_made_is_nobodys_loss() {
    let (stream, publisher) = stream();
    publish(&publisher, 5);
    let rendition = stream.rendition(HALF);
    assert!(
        Arc::ptr_eq(&rendition, &stream.rendition(HALF)),
        "one for all"
    );
    assert!(Arc::ptr_eq(&stream, &stream.rendition(Rendition::Original)));
    let mut reader = rendition.latest();
    assert_eq!(poll(&mut reader), None);
    make(&rendition, 4);
    assert_eq!(poll(&mut reader), Some(Ok(4)));
    make(&rendition, 9);
    assert_eq!((poll(&mut reader), reader.skipped()), (Some(Ok(9)), 0));
    make(&rendition, 11);
    make(&rendition, 13);
    assert_eq!((poll(&mut reader), reader.skipped()), (Some(Ok(13)), 1));
    // Its demand is the camera's, and so is its end.
    let demand = rendition.demand();
    assert_eq!(stream.demand_watch().count(), 1);
    drop(demand);
    publisher.clear();
    assert!(
        rendition.newest().is_none(),
        "no old picture is left anywhere"
    );
    publisher.close();
    assert_eq!(poll(&mut reader), Some(Err(Ended::Closed)));
    let mut late = stream
        .rendition(Rendition::Made(Scale::Full, Quality::Q30))
        .latest();
    assert_eq!(poll(&mut late), Some(Err(Ended::Closed)));
}

#[test]
fn a_rendition_is_wanted_while_somebody_holds_it_and_the_maker_is_told() {
    let (stream, _) = stream();
    let hub = Hub::default();
    hub.set(vec![stream.clone()]);
    let mut wishes = hub.rendition_wishes();
    wishes.mark_unchanged();
    let reader = stream.rendition(HALF).latest();
    assert!(wishes.has_changed().unwrap());
    wishes.mark_unchanged();
    let second = stream.rendition(HALF).latest();
    assert!(!wishes.has_changed().unwrap(), "it is being made already");
    let made = stream.renditions();
    assert_eq!(
        (made.len(), made[0].0, made[0].1.reader_count()),
        (1, HALF, 2)
    );
    drop((made, reader, second));
    assert_eq!(stream.renditions().len(), 0);
}

#[test]
fn a_start_while_pictures_are_missing_is_a_restart() {
    let (stream, publisher) = stream();
    publisher.count_start();
    let cause = Cause {
        code: "timed_out".into(),
        sentence: "The camera stopped sending pictures.".into(),
        advice: "look at the cable".into(),
        detail: String::new(),
        words: Vec::new(),
    };
    publisher.begin_incident(SystemTime::now(), cause);
    publisher.count_start();
    publisher.count_start();
    publisher.end_incident(None);
    publisher.count_start();
    let counters = stream.counters();
    assert_eq!((counters.starts, counters.restarts), (4, 2));
}

#[test]
fn the_age_of_the_newest_picture_goes_on_beside_a_placeholder() {
    let (stream, publisher) = stream();
    assert_eq!(stream.newest_arrival(), None);
    publish(&publisher, 2);
    let arrived = stream.newest().map(|frame| frame.arrived);
    assert_eq!(stream.newest_arrival(), arrived);
    let frame = Frame::jpeg(2, Pts90k(0), UnixMicros(2), Instant::now(), &[0; 1000]);
    publisher.publish(frame.placeholder());
    assert!(stream.newest().is_some_and(|frame| frame.is_placeholder));
    assert_eq!(stream.newest_arrival(), arrived);
    publisher.clear();
    assert_eq!(stream.newest_arrival(), None, "it is off");
}

#[test]
fn the_rate_is_that_of_the_pictures_and_falls_when_none_comes() {
    let (stream, publisher) = stream();
    let at = |ms: u64| {
        let seq = publisher.next_seq();
        let arrived = Instant::now() - Duration::from_secs(3600) + Duration::from_millis(ms);
        publisher.publish(Frame::jpeg(
            seq,
            Pts90k(0),
            UnixMicros(seq),
            arrived,
            &[0; 1000],
        ));
    };
    at(0);
    assert_eq!(stream.framerate(), None);
    for n in 1..=20 {
        at(n * 100);
    }
    let long_ago = stream.framerate().expect("a rate");
    assert!(long_ago < 0.001, "{long_ago}: none came for an hour");
    // In the future, so that the newest is not old, however slow this test is.
    for n in 0..100 {
        at(7_200_000 + n * 100);
    }
    let rate = stream.framerate().expect("a rate");
    assert!((8.0..12.0).contains(&rate), "{rate}");
}

//! Figures of the cameras, and of their viewers.

use std::{sync::Arc, time::Duration};

use accounts::Action;
use hub::{CameraState, Counters, Stream};

use super::{
    family::{Families, Family, Value},
    tally::{Tally, Watched, seconds},
};
use crate::{access::Visa, state::App};

/// A camera at one time.
#[derive(Debug)]
pub(super) struct Seen {
    id: String,
    name: String,
    state: CameraState,
    asked_framerate: f32,
    framerate: Option<f64>,
    /// Since its newest picture came, if it is on and gave one.
    age: Option<Duration>,
    pub(super) counters: Counters,
    pub(super) incidents: u64,
    has_incident: bool,
    renditions: usize,
    pub(super) watched: Watched,
}

impl Seen {
    /// Those that this visitor may see.
    pub(super) fn all_of(app: &App, visa: &Visa) -> Vec<Self> {
        let mut watched = app.viewers.by_camera();
        let streams = app.hub.streams().into_iter();
        streams
            .filter(|stream| visa.may(Action::See, stream.id().as_str()))
            .map(|stream| {
                let watched = watched.remove(stream.id());
                let watched = watched.unwrap_or_else(|| Tally::default().read());
                Self::of(&stream, watched)
            })
            .collect()
    }

    fn of(stream: &Arc<Stream>, watched: Watched) -> Self {
        let about = stream.about();
        let state = stream.status().state;
        let incident = stream.newest_incident();
        Self {
            id: stream.id().to_string(),
            name: about.name,
            state,
            asked_framerate: about.framerate,
            framerate: stream.framerate(),
            age: stream.newest_arrival().map(|arrived| arrived.elapsed()),
            counters: stream.counters(),
            incidents: stream.incident_count(),
            has_incident: incident.is_some_and(|incident| incident.ended.is_none()),
            renditions: stream.renditions().len(),
            watched,
        }
    }
}

pub(super) fn tell(to: &mut Families, cameras: &[Seen]) {
    tell_of_cameras(to, cameras);
    tell_of_viewers(to, cameras);
}

/// A camera's name for people is the only label that somebody may choose freely: who configures, that is.
fn tell_of_cameras(to: &mut Families, cameras: &[Seen]) {
    let family = to.info("cctv_camera", "The cameras, and their names for people");
    for camera in cameras {
        let labels = [("camera", &*camera.id), ("name", &*camera.name)];
        family.with(&labels, Value::Info);
    }
    let help = "1 for the state that the camera is in: idle is off because nobody needs it, stalled and failed are wanted and give no pictures";
    let family = to.gauge("cctv_camera_state", help);
    for camera in cameras {
        for state in [
            CameraState::Idle,
            CameraState::Starting,
            CameraState::Live,
            CameraState::Stalled,
            CameraState::Failed,
        ] {
            let labels = [("camera", &*camera.id), ("state", state.name())];
            family.with(&labels, Value::flag(camera.state == state));
        }
    }
    let help = "Time since the camera's newest picture came; of cameras that are on and gave one";
    let family = to.gauge("cctv_camera_newest_frame_age", help).seconds();
    for camera in cameras {
        if let Some(age) = camera.age {
            let age = Value::Gauge(age.as_secs_f64());
            family.with(&[("camera", &camera.id)], age);
        }
    }
    let each = |family: &mut Family, value: &dyn Fn(&Seen) -> Value| {
        for camera in cameras {
            family.with(&[("camera", &camera.id)], value(camera));
        }
    };
    let help = "Pictures that came from the camera; their rate is the camera's";
    each(to.counter("cctv_camera_frames", help), &|c| {
        Value::Count(c.counters.frames)
    });
    let help = "Bytes of the pictures that came from the camera";
    each(to.counter("cctv_camera_received", help).bytes(), &|c| {
        Value::Count(c.counters.bytes)
    });
    let help = "Frames in a second that are asked of the camera";
    each(to.gauge("cctv_camera_asked_framerate_hertz", help), &|c| {
        Value::Gauge(f64::from(c.asked_framerate))
    });
    let help = "Frames in a second that come from the camera of late; 0 when it is off";
    each(to.gauge("cctv_camera_framerate_hertz", help), &|c| {
        Value::Gauge(c.framerate.unwrap_or_default())
    });
    let help = "Starts of the camera, those too that somebody's coming was the reason for";
    each(to.counter("cctv_camera_starts", help), &|c| {
        Value::Count(c.counters.starts)
    });
    let help = "Starts of the camera to get pictures back that had stopped";
    each(to.counter("cctv_camera_restarts", help), &|c| {
        Value::Count(c.counters.restarts)
    });
    let help = "Times without pictures that were wanted; see /api/v1/incidents";
    each(to.counter("cctv_camera_incidents", help), &|c| {
        Value::Count(c.incidents)
    });
    let help = "1 while pictures are wanted and do not come";
    each(to.gauge("cctv_camera_incident_open", help), &|c| {
        Value::flag(c.has_incident)
    });
    let help = "Pictures from the camera that were broken or too large";
    each(to.counter("cctv_camera_dropped_frames", help), &|c| {
        Value::Count(c.counters.dropped_pictures)
    });
    let help = "Bytes from the camera that belonged to no picture";
    each(to.counter("cctv_camera_dropped", help).bytes(), &|c| {
        Value::Count(c.counters.dropped_bytes)
    });
    let help = "Smaller forms of the camera's pictures that somebody watches now";
    each(to.gauge("cctv_camera_renditions", help), &|c| {
        Value::of(c.renditions as u64)
    });
    let help = "Pictures that were made smaller for thin lines";
    each(to.counter("cctv_rendition_frames", help), &|c| {
        Value::Count(c.counters.made_frames)
    });
    let help = "CPU time that making pictures smaller took";
    each(to.counter("cctv_rendition_cpu", help).seconds(), &|c| {
        Value::Seconds(seconds(c.counters.made_us))
    });
}

fn tell_of_viewers(to: &mut Families, cameras: &[Seen]) {
    let each = |family: &mut Family, value: &dyn Fn(&Watched) -> Value| {
        for camera in cameras {
            family.with(&[("camera", &camera.id)], value(&camera.watched));
        }
    };
    each(to.gauge("cctv_viewers", "Streams that are open"), &|w| {
        Value::of(w.now)
    });
    let help = "Streams that were opened";
    each(to.counter("cctv_streams_opened", help), &|w| {
        Value::Count(w.opened)
    });
    let help = "Streams that were refused because every place was taken";
    each(to.counter("cctv_streams_refused", help), &|w| {
        Value::Count(w.refused)
    });
    let help = "Streams that were ended because their viewers took nothing for too long";
    each(to.counter("cctv_streams_cut_off", help), &|w| {
        Value::Count(w.cut_off)
    });
    let help = "How long streams were open that are over";
    each(to.histogram("cctv_stream_duration", help).seconds(), &|w| {
        Value::Times(w.durations.clone())
    });
    let help = "Frames that were sent to viewers";
    each(to.counter("cctv_sent_frames", help), &|w| {
        Value::Count(w.frames)
    });
    let help = "Frames that viewers were too slow for";
    each(to.counter("cctv_skipped_frames", help), &|w| {
        Value::Count(w.skipped)
    });
    let help = "Bytes of the frames that were sent to viewers, with what stands around each";
    each(to.counter("cctv_sent", help).bytes(), &|w| {
        Value::Count(w.bytes)
    });
    let help = "From a frame's arrival at the server to its last byte in the kernel's hands, of every eighth frame of each viewer";
    each(to.histogram("cctv_send_latency", help).seconds(), &|w| {
        Value::Times(w.latency.clone())
    });
}

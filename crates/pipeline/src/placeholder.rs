//! The picture that says that there is no picture.

use std::time::{Duration, Instant, SystemTime};

use camera::Language;
use hub::Publisher;
use jiff::{Timestamp, tz::TimeZone};
use media::{Frame, Pts90k};
use tokio::task::spawn_blocking;
use tracing::warn;

/// Placeholders come at this pace, because browsers show a part only when the next one begins.
pub(crate) const PACE: Duration = Duration::from_secs(1);

/// Draws placeholders, each text once.
#[derive(Debug)]
pub(crate) struct Placeholder {
    size: (u16, u16),
    name: String,
    language: Language,
    drawn: Option<(String, Vec<u8>)>,
    shown: Option<Instant>,
}

impl Placeholder {
    /// `size` is width and height in pixels.
    pub(crate) fn new(size: (u16, u16), name: String, language: Language) -> Self {
        Self {
            size,
            name,
            language,
            drawn: None,
            shown: None,
        }
    }

    /// The camera gives pictures of another size from now on.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        if self.size != size {
            self.size = size;
            self.drawn = None;
        }
    }

    /// The camera is called so from now on, and the words are in this language.
    pub(crate) fn tell(&mut self, name: &str, language: Language) {
        if self.name != name || self.language != language {
            name.clone_into(&mut self.name);
            self.language = language;
            self.drawn = None;
        }
    }

    /// Publishes the picture if it is due: at most once a second.
    pub(crate) async fn show(
        &mut self,
        publisher: &Publisher,
        epoch: Instant,
        sentence: &str,
        since: SystemTime,
    ) {
        if self.shown.is_some_and(|at| at.elapsed() < PACE) {
            return;
        }
        self.shown = Some(Instant::now());
        if self.drawn.as_ref().is_none_or(|(text, _)| text != sentence) {
            let (name, (width, height), text) = (self.name.clone(), self.size, sentence.to_owned());
            let since = clock(since, self.language);
            let drawn = spawn_blocking(move || {
                picture::placeholder(width, height, &name, &[&text, &since])
            })
            .await;
            match drawn {
                Ok(Ok(jpeg)) => self.drawn = Some((sentence.to_owned(), jpeg)),
                Ok(Err(error)) => warn!(%error, "the placeholder cannot be drawn"),
                Err(error) => warn!(%error, "drawing the placeholder broke down"),
            }
        }
        if let Some((_, jpeg)) = &self.drawn {
            let now = Instant::now();
            let frame = Frame::jpeg(
                publisher.next_seq(),
                Pts90k::from(now - epoch),
                SystemTime::now().into(),
                now,
                jpeg,
            );
            publisher.publish(frame.placeholder());
        }
    }
}

/// `since 14:05:09`, in the time of the place.
fn clock(time: SystemTime, language: Language) -> String {
    let time = Timestamp::try_from(time)
        .unwrap_or_default()
        .to_zoned(TimeZone::system());
    let time = time.strftime("%H:%M:%S");
    match language {
        Language::English => format!("since {time}"),
        Language::Korean => format!("{time}부터"),
    }
}

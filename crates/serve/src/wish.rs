//! What a viewer asks for beside the camera: smaller pictures, or fewer of them.

use std::{fmt::Display, str::FromStr};

use media::{Frame, Quality, Rendition, Scale};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::{IntoParams, ToSchema};

/// How large the pictures shall be.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, IntoParams, ToSchema,
)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wish {
    /// Pictures of at least so many pixels in width, and no larger than needed: the camera's, half or a quarter of it.
    #[serde(default, deserialize_with = "width")]
    #[param(value_type = Option<u32>, minimum = 16, maximum = 16384)]
    pub(crate) width: Option<u32>,
    /// JPEG quality of at most this: 85, 70, 50 or 30. Above 85, the camera's own.
    #[serde(default, deserialize_with = "quality")]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    pub(crate) quality: Option<u8>,
}

impl Wish {
    /// The rendition that fulfils the wish, for a camera with pictures of this width.
    pub(crate) fn of(self, source_width_px: u16) -> Rendition {
        let fits = |scale: &Scale| {
            self.width
                .is_none_or(|w| u32::from(scale.of(source_width_px)) >= w)
        };
        let scale = match self.width {
            None => Scale::Full,
            Some(_) => Scale::ALL
                .into_iter()
                .rev()
                .find(fits)
                .unwrap_or(Scale::Full),
        };
        let best = Quality::ALL[0];
        match (scale, self.quality) {
            (Scale::Full, None) => Rendition::Original,
            (Scale::Full, Some(number)) if number > best.number() => Rendition::Original,
            (scale, number) => Rendition::Made(scale, number.map_or(best, Quality::at_most)),
        }
    }

    /// The same for a camera whose pictures look like this one.
    pub(crate) fn of_frame(self, frame: &Frame) -> Rendition {
        // Without a width to compare with, the size does not matter.
        let source = self.width.and_then(|_| frame.dimensions());
        self.of(source.map_or(0, |(width, _)| width))
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// A number within these bounds, or an error that names them.
fn bounded<'de, D, T>(text: D, (least, most): (T, T)) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr + PartialOrd + Display,
{
    let text = String::deserialize(text)?;
    match text.parse::<T>() {
        Ok(number) if least <= number && number <= most => Ok(Some(number)),
        _ => Err(D::Error::custom(format!(
            "expected a number from {least} to {most}"
        ))),
    }
}

const WIDTH: (u32, u32) = (16, 16384);
const QUALITY: (u8, u8) = (1, 100);
const FPS: (f32, f32) = (0.1, 240.0);

fn width<'de, D: Deserializer<'de>>(text: D) -> Result<Option<u32>, D::Error> {
    bounded(text, WIDTH)
}

fn quality<'de, D: Deserializer<'de>>(text: D) -> Result<Option<u8>, D::Error> {
    bounded(text, QUALITY)
}

/// Frames per second, for a query.
pub(crate) fn fps<'de, D: Deserializer<'de>>(text: D) -> Result<Option<f32>, D::Error> {
    bounded(text, FPS)
}

/// Wishes that come as numbers, and not in a query.
///
/// # Errors
/// Names the one that cannot be.
pub(crate) fn checked(
    width: Option<u32>,
    quality: Option<u8>,
    fps: Option<f32>,
) -> Result<(Wish, Option<f32>), String> {
    fn check<T: PartialOrd + Display>(
        name: &str,
        number: Option<T>,
        (least, most): (T, T),
    ) -> Result<Option<T>, String> {
        match number {
            Some(n) if !(least <= n && n <= most) => Err(format!(
                "`{name}`: expected a number from {least} to {most}"
            )),
            fine => Ok(fine),
        }
    }
    let wish = Wish {
        width: check("width", width, WIDTH)?,
        quality: check("quality", quality, QUALITY)?,
    };
    Ok((wish, check("fps", fps, FPS)?))
}

/// Lets through as many frames per second as were asked for, evenly.
#[derive(Debug)]
pub(crate) struct Pace {
    period_90k: f64,
    /// When the next one is due. What a frame was early or late is carried on to the next.
    due_90k: Option<f64>,
}

impl Pace {
    pub(crate) fn new(fps: f32) -> Self {
        Self {
            period_90k: 90_000.0 / f64::from(fps),
            due_90k: None,
        }
    }

    pub(crate) fn fps(&self) -> f64 {
        90_000.0 / self.period_90k
    }

    /// Whether the frame at this time goes through. `interval_90k` is the time between the camera's frames: one that comes
    /// less than half of it early is as near as any.
    pub(crate) fn passes(&mut self, pts_90k: u64, interval_90k: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "exact for a thousand years")]
        let now = pts_90k as f64;
        let due = self.due_90k.unwrap_or(now);
        if now < due - interval_90k / 2.0 {
            return false;
        }
        // After a pause the beat begins anew: nothing is made up for.
        let behind = now - due > self.period_90k;
        self.due_90k = Some(if behind { now } else { due } + self.period_90k);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_become_renditions() {
        let check = |width, quality, want: &str| {
            let wish = Wish { width, quality };
            assert_eq!(wish.of(640).to_string(), want, "{wish:?}");
        };
        check(None, None, "original");
        check(Some(641), None, "original");
        check(Some(640), None, "original");
        check(Some(321), None, "original");
        check(Some(320), None, "half-85");
        check(Some(161), Some(60), "half-50");
        check(Some(16), Some(100), "quarter-85");
        check(None, Some(85), "full-85");
        check(None, Some(86), "original");
        check(None, Some(1), "full-30");
    }

    /// Frames that pass in ten seconds of a camera with this rate, and the longest wait between two in frame times.
    fn paced(source_fps: u64, jitter: u64, fps: f32) -> (usize, u64) {
        let interval = 90_000 / source_fps;
        let mut pace = Pace::new(fps);
        let passed: Vec<u64> = (0..source_fps * 10)
            .filter(|n| {
                let pts = 90_000 + n * interval + (n * 7919) % (jitter + 1);
                pace.passes(pts, interval as f64)
            })
            .collect();
        let longest = passed.windows(2).map(|w| w[1] - w[0]).max();
        (passed.len(), longest.unwrap())
    }

    #[test]
    fn frames_are_left_out_evenly() {
        assert_eq!(paced(20, 0, 20.0), (200, 1));
        assert_eq!(paced(20, 900, 20.0), (200, 1), "jitter costs nothing");
        assert_eq!(paced(20, 0, 100.0), (200, 1));
        assert_eq!(paced(20, 900, 10.0), (100, 2));
        let (count, longest) = paced(20, 500, 15.0);
        assert!(
            (149..=151).contains(&count) && longest == 2,
            "{count} {longest}"
        );
        let (count, longest) = paced(30, 0, 7.0);
        assert!(
            (69..=71).contains(&count) && longest == 5,
            "{count} {longest}"
        );
        assert_eq!(paced(10, 0, 0.5).0, 5);
    }
}

//! What somebody set, checked.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value as Json, json};

use crate::{Area, Class, Control, Kind};

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number, in the unit of its control.
    Number(f64),
    /// A word of a choice.
    Word(&'static str),
    /// Two numbers.
    Pair([f64; 2]),
    /// A part of the sensor.
    Area(Area),
}

/// Values by the names of their controls. What is not in it was not set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ControlSet(BTreeMap<&'static str, Value>);

/// What the size and rate of a camera are when nothing was set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Frame {
    /// Picture width in pixels.
    pub width_px: u16,
    /// Picture height in pixels.
    pub height_px: u16,
    /// Frames per second.
    pub framerate: f32,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
}

/// A value that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}`: {problem}")]
pub struct Invalid {
    /// The control's name, as it was given.
    pub name: String,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl Invalid {
    fn new(name: &str, problem: impl Into<String>) -> Self {
        Self {
            name: name.chars().take(40).collect(),
            problem: problem.into(),
        }
    }
}

impl Kind {
    /// The value, if this kind of control can have it.
    pub(crate) fn check(self, value: Value) -> Result<Value, String> {
        let is_right = match (self, value) {
            (Self::Flag, Value::Flag(_)) => true,
            (
                Self::Number {
                    least, most, whole, ..
                },
                Value::Number(x),
            ) => (least..=most).contains(&x) && (!whole || x.fract() == 0.0),
            (Self::Choice(words), Value::Word(word)) => words.contains(&word),
            (Self::Pair { least, most }, Value::Pair(pair)) => {
                pair.iter().all(|x| (least..=most).contains(x))
            }
            (Self::Area, Value::Area(a)) => {
                let inside = |start: f64, size: f64| {
                    start >= 0.0 && size > 0.0 && start + size <= 1.0 + 1e-9
                };
                inside(a.x, a.width) && inside(a.y, a.height)
            }
            _ => false,
        };
        if is_right {
            Ok(value)
        } else {
            Err(format!("expected {self}"))
        }
    }

    fn read(self, json: &Json) -> Result<Value, String> {
        let wrong = || format!("expected {self}");
        let value = match self {
            Self::Flag => json.as_bool().map(Value::Flag),
            Self::Number { .. } => json.as_f64().map(Value::Number),
            // The word is the table's own: nothing from outside is kept.
            Self::Choice(words) => json
                .as_str()
                .and_then(|text| words.iter().find(|word| **word == text))
                .map(|word| Value::Word(word)),
            Self::Pair { .. } => match json.as_array().map(Vec::as_slice) {
                Some([a, b]) => a.as_f64().zip(b.as_f64()).map(|(a, b)| Value::Pair([a, b])),
                _ => None,
            },
            Self::Area => {
                let field = |name: &str| json.get(name)?.as_f64();
                let area = || {
                    Some(Area {
                        x: field("x")?,
                        y: field("y")?,
                        width: field("width")?,
                        height: field("height")?,
                    })
                };
                area().map(Value::Area)
            }
        };
        self.check(value.ok_or_else(wrong)?)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Flag => f.write_str("true or false"),
            Self::Number {
                least,
                most,
                whole,
                unit,
            } => {
                let number = if whole { "a whole number" } else { "a number" };
                write!(f, "{number} from {least} to {most}")?;
                if unit.is_empty() {
                    Ok(())
                } else {
                    write!(f, " ({unit})")
                }
            }
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Pair { least, most } => write!(f, "two numbers from {least} to {most}, as [a, b]"),
            Self::Area => f.write_str(
                "x, y, width and height as fractions of the sensor that lie inside of it, as {\"x\": 0.25, \"y\": 0.25, \
                 \"width\": 0.5, \"height\": 0.5}",
            ),
        }
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Flag(flag) => json!(flag),
            Value::Number(x) => number(x),
            Value::Word(word) => json!(word),
            Value::Pair(pair) => Self::Array(pair.map(number).to_vec()),
            Value::Area(a) => json!({
                "x": number(a.x), "y": number(a.y), "width": number(a.width), "height": number(a.height),
            }),
        }
    }
}

/// 2 and not 2.0, for people and for programs that compare texts.
fn number(x: f64) -> Json {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it has no fraction and is small"
    )]
    if x.fract() == 0.0 && x.abs() < 1e15 {
        json!(x as i64)
    } else {
        json!(x)
    }
}

/// Setting one of these takes the others back.
const RIVALS: [(&str, &[&str]); 7] = [
    ("roi", &["zoom", "pan", "tilt"]),
    ("zoom", &["roi"]),
    ("pan", &["roi"]),
    ("tilt", &["roi"]),
    ("awb", &["awb_gains"]),
    ("awb_gains", &["awb"]),
    ("autofocus", &["lens_position"]),
];

impl ControlSet {
    /// The set with `patch` merged into it: a value sets, `null` takes back (RFC 7396). Nothing is changed by halves.
    ///
    /// # Errors
    /// When a name is unknown, a camera of this class does not have it, or a value cannot be.
    pub fn changed(&self, patch: &Map<String, Json>, class: Class) -> Result<Self, Invalid> {
        let mut set = self.clone();
        for (name, json) in patch {
            let control = class.control(name).ok_or_else(|| unknown(name, class))?;
            if json.is_null() {
                set.0.remove(control.name);
                continue;
            }
            let value = control
                .kind
                .read(json)
                .map_err(|problem| Invalid::new(name, problem))?;
            if matches!(control.name, "width" | "height")
                && matches!(value, Value::Number(x) if x % 2.0 != 0.0)
            {
                return Err(Invalid::new(name, "expected an even number of pixels"));
            }
            for rival in RIVALS
                .iter()
                .filter(|(one, _)| *one == control.name)
                .flat_map(|(_, rivals)| *rivals)
                .filter(|rival| !patch.contains_key(**rival))
            {
                set.0.remove(rival);
            }
            set.0.insert(control.name, value);
        }
        set.check_together()?;
        Ok(set)
    }

    /// What no control can know of another.
    fn check_together(&self) -> Result<(), Invalid> {
        for (one, rivals) in RIVALS {
            if self.0.contains_key(one)
                && let Some(other) = rivals.iter().find(|other| self.0.contains_key(**other))
            {
                return Err(Invalid::new(
                    one,
                    format!("takes the place of `{other}`: set one of them"),
                ));
            }
        }
        Ok(())
    }

    /// Whether this set can be used with a camera whose own size and rate are `frame`.
    ///
    /// # Errors
    /// When the exposure is longer than a frame.
    pub fn fits(&self, frame: Frame) -> Result<(), Invalid> {
        let Frame { framerate, .. } = self.applied_to(frame);
        let frame_us = 1e6 / f64::from(framerate);
        match self.number("shutter_us") {
            // The program would cut it in silence.
            Some(shutter_us) if shutter_us > frame_us => Err(Invalid::new(
                "shutter_us",
                format!(
                    "is longer than a frame at {framerate} frames per second ({frame_us:.0} µs): lower the frame rate too"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The size and rate with this set.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the table's ranges are within the types'"
    )]
    pub fn applied_to(&self, frame: Frame) -> Frame {
        Frame {
            width_px: self.number("width").map_or(frame.width_px, |x| x as u16),
            height_px: self.number("height").map_or(frame.height_px, |x| x as u16),
            framerate: self
                .number("framerate")
                .map_or(frame.framerate, |x| x as f32),
            quality: self.number("quality").map_or(frame.quality, |x| x as u8),
        }
    }

    /// The same without what a camera of this class does not have.
    #[must_use]
    pub fn only_of(&self, class: Class) -> Self {
        let has = |name: &str| class.control(name).is_some();
        Self(
            self.0
                .iter()
                .filter(|(name, _)| has(name))
                .map(|(k, v)| (*k, *v))
                .collect(),
        )
    }

    /// The value of one control.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        self.0.get(name).copied()
    }

    /// Every value, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Value)> {
        self.0.iter().map(|(name, value)| (*name, *value))
    }

    /// Whether nothing was set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Value::Number(x) => Some(x),
            _ => None,
        }
    }

    pub(crate) fn area_of(&self, name: &str) -> Option<Area> {
        match self.get(name)? {
            Value::Area(area) => Some(area),
            _ => None,
        }
    }

    /// As a JSON object, which [`ControlSet::changed`] takes again.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Json> {
        self.iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect()
    }
}

fn unknown(name: &str, class: Class) -> Invalid {
    if Control::named(name).is_some() {
        return Invalid::new(name, "this camera cannot do that");
    }
    let nearest = class
        .controls()
        .map(|control| {
            (
                strsim::damerau_levenshtein(name, control.name),
                control.name,
            )
        })
        .min()
        .filter(|(distance, near)| *distance <= near.len() / 2);
    let meant = nearest
        .map(|(_, near)| format!(" (did you mean `{near}`?)"))
        .unwrap_or_default();
    Invalid::new(name, format!("there is no such control{meant}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn change(set: &ControlSet, patch: Json) -> Result<ControlSet, String> {
        set.changed(patch.as_object().unwrap(), Class::Board)
            .map_err(|error| error.to_string())
    }

    fn check(patches: &[Json], want: Json) {
        let set = patches.iter().fold(ControlSet::default(), |set, patch| {
            change(&set, patch.clone()).unwrap()
        });
        assert_eq!(Json::Object(set.to_json()), want, "{patches:?}");
    }

    #[test]
    fn values_merge_and_rivals_give_way() {
        check(
            &[json!({"zoom": 2.0, "hflip": true})],
            json!({"zoom": 2, "hflip": true}),
        );
        check(
            &[json!({"zoom": 2}), json!({"zoom": null, "ev": -0.5})],
            json!({"ev": -0.5}),
        );
        let roi = json!({"x": 0.5, "y": 0.5, "width": 0.5, "height": 0.25});
        check(
            &[json!({"zoom": 2, "pan": 1}), json!({"roi": roi})],
            json!({"roi": roi}),
        );
        check(
            &[json!({"roi": roi}), json!({"tilt": 0.5})],
            json!({"tilt": 0.5}),
        );
        check(
            &[json!({"awb": "daylight"}), json!({"awb_gains": [1.5, 2]})],
            json!({"awb_gains": [1.5, 2]}),
        );
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let set = ControlSet::default();
        for (patch, want) in [
            (
                json!({"zoom": 0.5}),
                "`zoom`: expected a number from 1 to 10",
            ),
            (json!({"zoom": "2"}), "`zoom`: expected a number"),
            (json!({"hflip": 1}), "`hflip`: expected true or false"),
            (json!({"zom": 2}), "did you mean `zoom`?"),
            (json!({"--output": "/etc/passwd"}), "no such control"),
            (
                json!({"awb": "night; reboot"}),
                "expected one of auto, incandescent",
            ),
            (json!({"awb_gains": [1]}), "expected two numbers"),
            (
                json!({"roi": {"x": 0.6, "y": 0, "width": 0.5, "height": 1}}),
                "lie inside",
            ),
            (json!({"roi": "0,0,1,1"}), "expected x, y"),
            (json!({"width": 641}), "even number"),
            (json!({"width": 640.5}), "whole number"),
            (
                json!({"zoom": 2, "roi": {"x": 0, "y": 0, "width": 1, "height": 1}}),
                "takes the place of",
            ),
        ] {
            let error = change(&set, patch.clone()).unwrap_err();
            assert!(error.contains(want), "{patch}: {error}");
        }
        let error = set
            .changed(json!({"zoom": 2}).as_object().unwrap(), Class::Usb)
            .unwrap_err();
        assert_eq!(error.to_string(), "`zoom`: this camera cannot do that");
    }

    #[test]
    fn an_exposure_longer_than_a_frame_is_refused() {
        let frame = Frame {
            framerate: 20.0,
            ..Frame::default()
        };
        let set = change(&ControlSet::default(), json!({"shutter_us": 100_000})).unwrap();
        assert!(
            set.fits(frame)
                .unwrap_err()
                .to_string()
                .contains("50000 µs")
        );
        let slower = change(&set, json!({"framerate": 5})).unwrap();
        assert_eq!(slower.fits(frame), Ok(()));
        assert_eq!(slower.applied_to(frame).framerate, 5.0);
    }

    proptest! {
        #[test]
        fn what_was_accepted_is_accepted_again(zoom in -5.0..20.0_f64, pan in -2.0..2.0_f64, gains in prop::array::uniform2(-1.0..40.0_f64)) {
            for patch in [json!({"zoom": zoom, "pan": pan}), json!({"awb_gains": gains})] {
                if let Ok(set) = change(&ControlSet::default(), patch) {
                    prop_assert_eq!(change(&ControlSet::default(), Json::Object(set.to_json())), Ok(set));
                }
            }
        }
    }
}

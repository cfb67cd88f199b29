//! Every control there is.

use crate::Value;

/// Which controls a camera has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// A camera on the board, through rpicam-vid: every control.
    Board,
    /// A USB camera: size and rate.
    Usb,
    /// The test pattern: what a drawn picture can have.
    Drawn,
    /// Nothing can be set: the pictures come as they are.
    #[default]
    Fixed,
}

/// A part of the picture, in fractions of the sensor's area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left edge, 0 to 1.
    pub x: f64,
    /// Upper edge, 0 to 1.
    pub y: f64,
    /// Width, above 0 to 1.
    pub width: f64,
    /// Height, above 0 to 1.
    pub height: f64,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Yes or no.
    Flag,
    /// A number from `least` to `most`.
    Number {
        /// Smallest value.
        least: f64,
        /// Largest value.
        most: f64,
        /// No fractions.
        whole: bool,
        /// Unit, empty if it has none.
        unit: &'static str,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Two numbers from `least` to `most`.
    Pair {
        /// Smallest value.
        least: f64,
        /// Largest value.
        most: f64,
    },
    /// An [`Area`].
    Area,
}

/// One thing that can be set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Control {
    /// Stable name.
    pub name: &'static str,
    /// What a value may be.
    pub kind: Kind,
    /// The value when nothing was set, where it does not depend on the camera.
    pub default: Option<Value>,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// The classes of cameras that have it.
    classes: &'static [Class],
}

impl Class {
    /// The controls that cameras of this class have, in the order in which a page shows them.
    pub fn controls(self) -> impl Iterator<Item = &'static Control> {
        ALL.iter()
            .filter(move |control| control.classes.contains(&self))
    }

    /// The control of this name, if cameras of this class have it.
    #[must_use]
    pub fn control(self, name: &str) -> Option<&'static Control> {
        self.controls().find(|control| control.name == name)
    }
}

impl Control {
    /// The control of this name, whichever cameras have it.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|control| control.name == name)
    }
}

const BOARD: &[Class] = &[Class::Board];
const SIZED: &[Class] = &[Class::Board, Class::Drawn, Class::Usb];
const ENCODED: &[Class] = &[Class::Board, Class::Drawn];

const fn number(least: f64, most: f64, unit: &'static str) -> Kind {
    Kind::Number {
        least,
        most,
        whole: false,
        unit,
    }
}

const fn whole(least: f64, most: f64, unit: &'static str) -> Kind {
    Kind::Number {
        least,
        most,
        whole: true,
        unit,
    }
}

const fn control(
    name: &'static str,
    kind: Kind,
    default: Option<Value>,
    classes: &'static [Class],
    about: &'static str,
) -> Control {
    Control {
        name,
        kind,
        default,
        about,
        classes,
    }
}

const fn zero() -> Option<Value> {
    Some(Value::Number(0.0))
}

const fn one() -> Option<Value> {
    Some(Value::Number(1.0))
}

const fn no() -> Option<Value> {
    Some(Value::Flag(false))
}

const fn word(word: &'static str) -> Option<Value> {
    Some(Value::Word(word))
}

/// Ranges and words are those that rpicam-vid 1.13 takes; what it would clamp or ignore in silence is refused here.
#[rustfmt::skip]
const ALL: &[Control] = &[
    control("zoom", number(1.0, 10.0, "x"), one(), BOARD, "Digital zoom. Gives real detail up to the sensor's resolution."),
    control("pan", number(-1.0, 1.0, ""), zero(), BOARD, "Where the zoomed part lies: -1 left, 0 centre, 1 right."),
    control("tilt", number(-1.0, 1.0, ""), zero(), BOARD, "Where the zoomed part lies: -1 top, 0 centre, 1 bottom."),
    control("roi", Kind::Area, None, BOARD, "The part of the sensor that is shown, in fractions; takes the place of zoom, pan and tilt, and is stretched to the picture."),
    control("hflip", Kind::Flag, no(), BOARD, "Mirror left and right."),
    control("vflip", Kind::Flag, no(), BOARD, "Mirror top and bottom; with hflip, upside down."),
    control("brightness", number(-1.0, 1.0, ""), zero(), BOARD, "Brightness."),
    control("contrast", number(0.0, 15.99, ""), one(), BOARD, "Contrast."),
    control("saturation", number(0.0, 15.99, ""), one(), BOARD, "Saturation; 0 is grey."),
    control("sharpness", number(0.0, 15.99, ""), one(), BOARD, "Sharpness."),
    control("exposure", Kind::Choice(&["normal", "sport", "long"]), word("normal"), BOARD, "What automatic exposure prefers."),
    control("shutter_us", whole(0.0, 200_000_000.0, "µs"), zero(), BOARD, "Exposure time; 0 is automatic. No longer than a frame time."),
    control("gain", number(0.0, 64.0, ""), zero(), BOARD, "Analogue gain; 0 is automatic."),
    control("ev", number(-8.0, 8.0, "EV"), zero(), BOARD, "Exposure compensation."),
    control("metering", Kind::Choice(&["centre", "spot", "average", "matrix"]), word("centre"), BOARD, "Which part of the picture decides about exposure."),
    control("flicker_period_us", whole(0.0, 100_000.0, "µs"), zero(), BOARD, "Against flicker of lamps: 10000 for 50 Hz mains, 8333 for 60 Hz, 0 off."),
    control("awb", Kind::Choice(&["auto", "incandescent", "tungsten", "fluorescent", "indoor", "daylight", "cloudy"]), word("auto"), BOARD, "White balance."),
    control("awb_gains", Kind::Pair { least: 0.0, most: 32.0 }, None, BOARD, "Fixed white balance: gain of red and blue; takes the place of awb."),
    control("denoise", Kind::Choice(&["auto", "off", "cdn_off", "cdn_fast", "cdn_hq"]), word("auto"), BOARD, "Noise reduction; cdn_off spares slow boards work."),
    control("hdr", Kind::Choice(&["off", "auto", "sensor", "single-exp"]), word("off"), BOARD, "High dynamic range, where the sensor or the board has it."),
    control("autofocus", Kind::Choice(&["default", "manual", "auto", "continuous"]), word("default"), BOARD, "Focus, where the lens has a motor."),
    control("autofocus_range", Kind::Choice(&["normal", "macro", "full"]), word("normal"), BOARD, "Distances that autofocus looks at."),
    control("autofocus_speed", Kind::Choice(&["normal", "fast"]), word("normal"), BOARD, "How fast the lens moves."),
    control("lens_position", number(0.0, 32.0, "dpt"), None, BOARD, "Fixed focus in dioptres: 0 is infinity, 2 is half a metre."),
    control("width", whole(16.0, 4096.0, "px"), None, SIZED, "Picture width; even."),
    control("height", whole(16.0, 4096.0, "px"), None, SIZED, "Picture height; even."),
    control("framerate", number(0.1, 240.0, "1/s"), None, SIZED, "Frames per second."),
    control("quality", whole(1.0, 100.0, ""), None, ENCODED, "JPEG quality."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_defaults_are_allowed() {
        for (index, control) in ALL.iter().enumerate() {
            assert!(ALL[..index].iter().all(|other| other.name != control.name));
            if let Some(default) = control.default {
                assert_eq!(control.kind.check(default), Ok(default), "{}", control.name);
            }
        }
        assert_eq!(Class::Fixed.controls().count(), 0);
        assert!(Class::Board.control("zoom").is_some() && Class::Drawn.control("zoom").is_none());
        assert_eq!(Class::Board.controls().count(), ALL.len());
    }
}

//! The forms in which a picture is offered: as it is, or smaller.

use std::fmt;

/// How much smaller than the camera's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scale {
    /// As large.
    Full,
    /// Half of its width and height.
    Half,
    /// A quarter of them.
    Quarter,
}

impl Scale {
    /// From the largest to the smallest.
    pub const ALL: [Self; 3] = [Self::Full, Self::Half, Self::Quarter];

    /// Pixels of the camera's picture, along one side, that become one.
    #[must_use]
    pub fn divisor(self) -> u16 {
        match self {
            Self::Full => 1,
            Self::Half => 2,
            Self::Quarter => 4,
        }
    }

    /// A side of so many pixels, made smaller; never nothing.
    #[must_use]
    pub fn of(self, side_px: u16) -> u16 {
        side_px.div_ceil(self.divisor()).max(1)
    }
}

/// JPEG quality. A few steps and no more, so that no request can ask for one that nobody else shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quality {
    /// 85
    Q85,
    /// 70
    Q70,
    /// 50
    Q50,
    /// 30
    Q30,
}

impl Quality {
    /// From the best down.
    pub const ALL: [Self; 4] = [Self::Q85, Self::Q70, Self::Q50, Self::Q30];

    /// The number that encoders take, 1 to 100.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Q85 => 85,
            Self::Q70 => 70,
            Self::Q50 => 50,
            Self::Q30 => 30,
        }
    }

    /// The best step that is not above `number`; the lowest if all are.
    #[must_use]
    pub fn at_most(number: u8) -> Self {
        let fits = Self::ALL.into_iter().find(|q| q.number() <= number);
        fits.unwrap_or(Self::Q30)
    }
}

/// One of the forms in which a camera's pictures are offered. There are thirteen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rendition {
    /// The camera's own bytes; costs nothing.
    #[default]
    Original,
    /// Decoded, made smaller and encoded again.
    Made(Scale, Quality),
}

impl Rendition {
    /// How much smaller its pictures are.
    #[must_use]
    pub fn scale(self) -> Scale {
        match self {
            Self::Original => Scale::Full,
            Self::Made(scale, _) => scale,
        }
    }

    /// The quality it is encoded with; the camera's own has none that is known.
    #[must_use]
    pub fn quality(self) -> Option<Quality> {
        match self {
            Self::Original => None,
            Self::Made(_, quality) => Some(quality),
        }
    }

    /// Whether it is neither larger nor better than `bound`.
    #[must_use]
    pub fn is_within(self, bound: Self) -> bool {
        self.scale() >= bound.scale() && self.quality() >= bound.quality()
    }
}

impl fmt::Display for Rendition {
    /// `original`, or like `half-70`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Made(scale, quality) = self else {
            return f.write_str("original");
        };
        let scale = match scale {
            Scale::Full => "full",
            Scale::Half => "half",
            Scale::Quarter => "quarter",
        };
        write!(f, "{scale}-{}", quality.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_names_and_sides() {
        use Quality::{Q30, Q50, Q70, Q85};
        use Rendition::{Made, Original};
        for (number, want) in [
            (100, Q85),
            (85, Q85),
            (84, Q70),
            (50, Q50),
            (30, Q30),
            (1, Q30),
        ] {
            assert_eq!(Quality::at_most(number), want, "{number}");
        }
        assert!(Made(Scale::Half, Q70).is_within(Original));
        assert!(Made(Scale::Half, Q50).is_within(Made(Scale::Half, Q70)));
        assert!(!Made(Scale::Half, Q70).is_within(Made(Scale::Full, Q50)));
        assert!(!Original.is_within(Made(Scale::Full, Q85)));
        assert_eq!(Made(Scale::Quarter, Q30).to_string(), "quarter-30");
        assert_eq!(Scale::Half.of(641), 321);
        assert_eq!(Scale::Quarter.of(1), 1);
    }
}

//! The test pattern as a source.

use std::io;

use jiff::Zoned;
use picture::{Clock, TestPattern};

use crate::{
    Settings,
    paced::{Album, Paced, Pictures},
};

/// The pattern with the wall clock in it; `note` says why it is shown, if it is not what was asked for.
pub(crate) fn open(settings: &Settings, note: Option<&'static str>) -> Paced<Card> {
    let card = Card {
        width_px: settings.width_px,
        height_px: settings.height_px,
        quality: settings.quality,
        name: settings.name.clone(),
        note,
    };
    Paced::new("test pattern", settings.framerate, card)
}

#[derive(Clone, Debug)]
pub(crate) struct Card {
    width_px: u16,
    height_px: u16,
    quality: u8,
    name: String,
    note: Option<&'static str>,
}

impl Album for Card {
    type Pictures = Drawn;

    fn open(&self) -> io::Result<Drawn> {
        let pattern = TestPattern::new(
            self.width_px,
            self.height_px,
            self.quality,
            &self.name,
            self.note,
        )
        .map_err(io::Error::other)?;
        Ok(Drawn { pattern, number: 0 })
    }

    fn set(&mut self, settings: &Settings) {
        self.width_px = settings.width_px;
        self.height_px = settings.height_px;
        self.quality = settings.quality;
        self.name.clone_from(&settings.name);
    }
}

#[derive(Debug)]
pub(crate) struct Drawn {
    pattern: TestPattern,
    number: u64,
}

impl Pictures for Drawn {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        self.pattern.draw(self.number, &clock(&Zoned::now()), out);
        self.number += 1;
        Ok(())
    }
}

fn clock(now: &Zoned) -> Clock {
    fn field<T: TryFrom<i64> + Default>(value: impl Into<i64>) -> T {
        T::try_from(value.into()).unwrap_or_default()
    }
    Clock {
        year: field(now.year()),
        month: field(now.month()),
        day: field(now.day()),
        hour: field(now.hour()),
        minute: field(now.minute()),
        second: field(now.second()),
        millisecond: field(now.millisecond()),
    }
}

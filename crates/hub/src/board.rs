//! How the board itself is doing: a weak power supply looks like a broken camera.

/// Power and temperature of the board, as far as it tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BoardHealth {
    /// What the firmware of a Raspberry Pi says about its power.
    pub throttled: Option<Throttled>,
    /// Temperature in degrees Celsius.
    pub temperature_c: Option<f64>,
}

/// The word of `vcgencmd get_throttled`: what is so now, and sixteen bits above it what was so since the board was
/// switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled(pub u32);

/// One of the things that [`Throttled`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The supply gives less than 4.63 V.
    UnderVoltage,
    /// The processor's clock is capped.
    FrequencyCapped,
    /// The processor runs slower.
    Throttled,
    /// It is so warm that the clock is lowered.
    SoftTemperature,
}

impl Throttled {
    /// Whether it is so now.
    #[must_use]
    pub fn now(self, limit: Limit) -> bool {
        self.0 & (1 << limit as u32) != 0
    }

    /// Whether it was so since the board was switched on.
    #[must_use]
    pub fn since_boot(self, limit: Limit) -> bool {
        self.0 & (1 << (16 + limit as u32)) != 0
    }
}

impl BoardHealth {
    /// What a person should be told beside a camera's failure.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        let throttled = self.throttled?;
        if throttled.now(Limit::UnderVoltage) {
            Some(
                "the board reports under-voltage now: use a stronger power supply and a better cable, a weak one is a \
                 usual cause of time-outs",
            )
        } else if throttled.since_boot(Limit::UnderVoltage) {
            Some(
                "the board reported under-voltage since it was switched on: a weak power supply is a usual cause of \
                 time-outs",
            )
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_as_the_firmware_sets_them() {
        let all = [
            Limit::UnderVoltage,
            Limit::FrequencyCapped,
            Limit::Throttled,
            Limit::SoftTemperature,
        ];
        for (n, limit) in all.into_iter().enumerate() {
            let (now, before) = (Throttled(1 << n), Throttled(1 << (16 + n)));
            assert!(now.now(limit) && !now.since_boot(limit));
            assert!(before.since_boot(limit) && !before.now(limit));
        }
        let hint = |word| {
            let health = BoardHealth {
                throttled: Some(Throttled(word)),
                temperature_c: None,
            };
            health.hint().unwrap_or_default()
        };
        assert!(hint(0x50005).contains("now"));
        assert!(hint(0x50000).contains("since"));
        assert_eq!(hint(0xe000e), "");
        assert_eq!(BoardHealth::default().hint(), None);
    }
}

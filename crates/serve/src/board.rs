//! The board's power and temperature, over the API.

use hub::{BoardHealth, Limit, Throttled};
use serde::Serialize;
use utoipa::ToSchema;

/// How the board is doing. Null is what it does not tell; only a Raspberry Pi tells of its power.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BoardView {
    /// The power supply gives too little now.
    under_voltage_now: Option<bool>,
    /// It did since the board was switched on.
    under_voltage_since_boot: Option<bool>,
    /// The processor's clock is capped now.
    frequency_capped_now: Option<bool>,
    /// It was since the board was switched on.
    frequency_capped_since_boot: Option<bool>,
    /// The processor is slowed down now.
    throttled_now: Option<bool>,
    /// It was since the board was switched on.
    throttled_since_boot: Option<bool>,
    /// So warm that the clock is lowered now.
    soft_temperature_limit_now: Option<bool>,
    /// It was since the board was switched on.
    soft_temperature_limit_since_boot: Option<bool>,
    /// Temperature in degrees Celsius.
    #[schema(example = 48.3)]
    temperature_c: Option<f64>,
}

impl From<BoardHealth> for BoardView {
    fn from(health: BoardHealth) -> Self {
        let BoardHealth {
            throttled,
            temperature_c,
        } = health;
        let now = |limit| throttled.map(|word: Throttled| word.now(limit));
        let since_boot = |limit| throttled.map(|word: Throttled| word.since_boot(limit));
        Self {
            under_voltage_now: now(Limit::UnderVoltage),
            under_voltage_since_boot: since_boot(Limit::UnderVoltage),
            frequency_capped_now: now(Limit::FrequencyCapped),
            frequency_capped_since_boot: since_boot(Limit::FrequencyCapped),
            throttled_now: now(Limit::Throttled),
            throttled_since_boot: since_boot(Limit::Throttled),
            soft_temperature_limit_now: now(Limit::SoftTemperature),
            soft_temperature_limit_since_boot: since_boot(Limit::SoftTemperature),
            temperature_c,
        }
    }
}

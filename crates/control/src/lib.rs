//! What of a camera can be set while it runs: names, ranges, and what goes with what.
//!
//! A [`Control`] is one thing that can be set, [`Class`] says which of them a camera has, and a [`ControlSet`] is what
//! somebody set. A set is checked when it is changed, so that whatever holds one can use it without looking again.
//!
//! Pure: knows no camera and no program. How a value becomes an option is the business of who starts the program.
#![warn(missing_docs)]

mod set;
mod table;
mod zoom;

pub use set::{ControlSet, Frame, Invalid, Value};
pub use table::{Area, Class, Control, Kind};
pub use zoom::{DEFAULT_SENSOR, Shape};

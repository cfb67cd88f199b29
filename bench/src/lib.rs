//! What the figures in the README are measured with: a load generator, the floor to compare with, and
//! the runners that put both side by side.
//!
//! Nothing here is installed. The programs are `limit`, `load`, `fanout`, `footprint`, `splitter`, `churn` and
//! `allocations`, which `bench/all` runs, and `soak`, which `bench/soak` runs.

pub mod clock;
pub mod counting;
pub mod floor;
pub mod histogram;
pub mod load;
pub mod round;
pub mod soak;
pub mod subject;

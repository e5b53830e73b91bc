//! Top-k: quick-select with zero eliminators (SpAtten, section IV-B).

mod counts;
mod engine;
mod memory;
mod pipeline;
mod schedule;
pub mod zero_eliminator;

pub use counts::Counts;
pub use engine::{Engine, Job, KeptRow, Threshold};
pub use schedule::{Schedule, round_overhead};

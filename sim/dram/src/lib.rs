//! The DRAM model: event-driven and cycle-exact. A library of its own.

mod channel;
mod inflight;
mod mapping;
mod memory;
mod queue;
mod replay;
mod request;
mod stats;
mod tick;
mod timing;

pub use channel::Channel;
pub use mapping::Mapping;
pub use memory::Memory;
pub use replay::{Access, Injection, Replay, replay};
pub use request::{Completion, Full, Kind, Location, Request};
pub use stats::{Latencies, Residency, Rows, Stats};
pub use tick::{Tick, Ticks};

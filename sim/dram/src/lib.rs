//! The DRAM model of Tamis: event-driven and cycle-exact, usable with nothing else of Tamis.
//!
//! What the chips are and how a controller drives them comes from [`tamis_arch::dram::Dram`]: a standard as data,
//! with every timing constraint in a table. A [`Channel`] is one channel with its controller; a [`Memory`] is all
//! of them behind one byte address. Time is in [`Tick`]s of the command clock.
//!
//! ```
//! use tamis_arch::dram::{Controller, Dram};
//! use tamis_dram::{Channel, Kind, Mapping, Request, Tick, energy};
//!
//! let dram = Dram::new("hbm2", 16, "tamis", Controller::usual())?;
//! let mapping = Mapping::new(&dram);
//! let mut channel = Channel::new(&dram);
//!
//! // Both halves of a vector of 64 bytes, in one row.
//! for id in 0..2 {
//!     let location = mapping.decode(32 * id);
//!     channel.push(Tick(0), Request { id, location, kind: Kind::Read }).expect("it is empty");
//! }
//!
//! let mut done = Vec::new();
//! while let Some(next) = channel.next_event() {
//!     channel.advance(next, &mut done);
//! }
//! // Activate, read after tRCD, last beat after CL and the burst; the second read tCCD_L later.
//! let at = done.iter().map(|done| done.at.0).collect::<Vec<_>>();
//! assert_eq!(at, [1 + 15 + 14 + 2, 1 + 15 + 4 + 14 + 2]);
//! assert!(energy(&dram, &channel.stats()).total().0 > 0.0);
//! # Ok::<(), tamis_arch::dram::DramError>(())
//! ```
//!
//! # The controller
//!
//! A queue of reads and one of writes. In a tick a channel issues at most one column command
//! and one row command (one command in all where the standard has one bus), in this order of preference:
//!
//! 1. the column command of a request whose row was opened for it. Such a request has left its queue, and its row stays
//!    open until it is served;
//! 2. a column command for a request that finds its row open;
//! 3. what a refresh that is due needs next: a precharge, then the refresh. While one waits, nothing else but 1 goes on;
//! 4. an activate or a precharge for the oldest request for which that is legal.
//!
//! That is `fr-fcfs`. `fr-fcfs-cap` holds 2 back from a row that has served `hit_cap` requests while an older one waits for
//! its bank; `fcfs` gives commands to the oldest request alone. A row is closed when another is asked for (`open`), with
//! the last read or write that a waiting request wants of it (`closed`), or, besides the former, when nobody has asked for
//! it for `page_timeout` ticks and the row bus has nothing else to do (`timeout`).
//!
//! Writes are served when more than `write_high_percent` of their queue is filled or no read waits, until less than
//! `write_low_percent` is filled and a read waits. Cycles are those of Ramulator 2.1 on every trace of reads that
//! we have its results for (`tests/references`), and those of an oracle that ticks through every cycle on any traffic
//! (`tests/oracle.rs`).
//!
//! # What it does not model
//!
//! Data: reads and writes of one address may pass each other, but for reads that a waiting write answers. Power-down,
//! self-refresh, error correction, temperature.

mod age;
mod channel;
mod energy;
mod inflight;
mod lost;
mod mapping;
mod memory;
mod queue;
mod replay;
mod request;
mod stats;
mod tick;
mod timing;
mod trace;
mod wait;

pub use channel::Channel;
pub use energy::{DramEnergy, Standby, command_energy, energy, standby_energy};
pub use mapping::Mapping;
pub use memory::Memory;
pub use replay::{Access, Injection, Replay, replay};
pub use request::{Completion, Full, Kind, Location, Request};
pub use stats::{Latencies, Residency, Rows, Stats};
pub use tick::{Tick, Ticks};
pub use trace::{RequestTrace, TraceError};
pub use wait::Wait;

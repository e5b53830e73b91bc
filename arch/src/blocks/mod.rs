//! What each hardware block is made of: one struct a block, one field a parameter.
//!
//! Names and units are those of the machine file; `docs/reference/machine.md` has the table.
//! Latencies are in core cycles from an item's arrival to its result, for a pipeline that accepts one
//! item a cycle unless an initiation interval is stated.

mod attention;
mod control;
mod memory;
mod selection;

pub use attention::{Array, BufferRead, KvBuffer, Refetch, Softmax, SoftmaxModel};
pub use control::{Core, Formats, LayerBarrier, Prefetch, Sequencer, Technology};
pub use memory::{
    Arbiter, Crossbar, Fetcher, Join, Layout, RecordLayout, Reorder, Widen, Writeback,
};
pub use selection::{Importance, Pivot, Topk, TopkModel};

use crate::reader::Rule;

/// Latency of a whole block.
const LATENCY: Rule = Rule::between(1, 1000).because("a block ends in a register");
/// Latency of one stage of a block, which may be folded into its neighbour.
const STAGE: Rule = Rule::between(0, 1000);
/// Entries of a queue.
const QUEUE: Rule = Rule::between(1, 65_536);
/// Lanes of a datapath.
const LANES: Rule = Rule::power_of_two(1, 256).because("lanes are picked by address bits");
/// Lines or keys that a memory holds.
const ENTRIES: Rule = Rule::between(1, 1 << 20);

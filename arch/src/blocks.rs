//! What each hardware block is made of: one struct a block, one field a parameter.
//!
//! Names, units and defaults are those of the machine file; `docs/reference/machine.md` has the table.
//! Latencies are in core cycles from an item's arrival to its result, for a pipeline that accepts one
//! item a cycle unless an initiation interval is stated.

use serde::Serialize;

use crate::units::{Bits, Bytes, Cycles, Megahertz};

/// The core's clock domain. The DRAM's comes with its standard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Core {
    /// Clock of everything but the DRAM.
    pub clock: Megahertz,
}

/// Number formats of the datapath (`docs/reference/fixed-point.md`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Formats {
    /// Width of Q, K and V on chip, signed.
    pub operand: Bits,
    /// Fraction bits of a probability on its way to PV, unsigned; at least 16.
    pub probability_fraction: Bits,
    /// Width of a token- or head-importance accumulator, unsigned; at least 32.
    pub importance: Bits,
}

/// Issues tasks and rows, and decides what may be fetched ahead.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sequencer {
    /// How far K and V of later tasks may be fetched.
    pub prefetch: Prefetch,
    /// Whether a layer's queries wait until the outputs of the layer before are written.
    pub layer_barrier: bool,
    /// Whether Q comes from DRAM, and is counted.
    pub query_traffic: bool,
    /// Whether outputs, and the K and V of a new token, are written to DRAM, and counted.
    pub write_traffic: bool,
    /// Numbers of keys and values are rounded up to a multiple of this (1: exact).
    pub round_counts_to: u32,
    /// Cycles from a row's turn to its descriptor at the key buffer.
    pub latency: Cycles,
}

/// Whether the next task's K is fetched while this one computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prefetch {
    /// Its fetch starts when this task's QK has finished.
    Serialized,
    /// Its fetch starts when the buffer has room.
    DoubleBuffered,
}

/// Turns token ids into DRAM transactions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fetcher {
    /// Fetch lanes: one transaction a lane and cycle, all lanes in lock step.
    pub lanes: u32,
    /// Cycles from an id to the address in its lane's queue.
    pub latency: Cycles,
}

/// Joins fetch lanes to DRAM channels, and back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Crossbar {
    /// Entries of each lane's address queue.
    pub address_queue: u32,
    /// Who wins a channel when several lanes want it.
    pub arbiter: Arbiter,
    /// Cycles from a granted address to the DRAM port.
    pub request_latency: Cycles,
    /// Cycles from the DRAM port back to the lane.
    pub response_latency: Cycles,
    /// Requests a channel may have outstanding.
    pub outstanding: u32,
}

/// How a channel chooses among lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arbiter {
    /// Lowest lane first.
    Fixed,
    /// The lane after the last winner first.
    RoundRobin,
    /// The request that was issued first.
    Oldest,
}

/// Puts responses back into the order of their requests.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reorder {
    /// Responses that a lane can hold; also the bound on its requests in flight.
    pub entries: u32,
    /// What leaves together.
    pub join: Join,
}

/// What the reorder buffers hand on together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Join {
    /// A row of all lanes, when every lane has its response.
    Row,
    /// Each lane by itself.
    Lane,
}

/// Widens fetched records to the operand width.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Widen {
    /// Buffer lines that it can complete in a cycle.
    pub lines_per_cycle: u32,
    /// Cycles from the last byte of a line to its write.
    pub latency: Cycles,
}

/// A K or a V buffer: an SRAM of lines, one line a multiply of the whole array.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KvBuffer {
    /// Capacity; a task may hold half of it while the next one loads.
    pub capacity: Bytes,
    /// Banks, by line number.
    pub banks: u32,
    /// Reads that wait for their data: queries (key buffer), or lines of `softmax.lanes`
    /// probabilities (value buffer).
    pub queue: u32,
    /// How a reader learns that a line is there.
    pub read: BufferRead,
    /// Cycles between two polls of a line that is not there.
    pub poll_period: Cycles,
    /// Cycles from the issue of a read to its data.
    pub read_latency: Cycles,
}

/// How the reader of a buffer waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BufferRead {
    /// It reads, checks the tag, and reads again.
    Polling,
    /// The writer tells it.
    Notified,
}

/// A multiplier array: QK or PV.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Array {
    /// Multipliers; a line holds `multipliers / head_dim` keys or values.
    pub multipliers: u32,
    /// Cycles to broadcast an operand to the array.
    pub broadcast_latency: Cycles,
    /// Cycles of the multiplier.
    pub multiply_latency: Cycles,
    /// Cycles of each level of the adder tree (log2 of the values it adds).
    pub tree_level_latency: Cycles,
    /// Cycles of the accumulator and output register (PV only).
    pub accumulate_latency: Cycles,
}

/// Scores to probabilities.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Softmax {
    /// Modelled, or a wire as in the authors' release.
    pub model: SoftmaxModel,
    /// Scores a cycle.
    pub lanes: u32,
    /// Rows of scores are kept until their maximum, then their sum, is known: lines of `lanes` scores.
    pub row_buffer_lines: u32,
    /// Cycles to scale a score to the exponent's domain and compare it with the maximum.
    pub scale_latency: Cycles,
    /// Cycles of the exponential.
    pub exponent_latency: Cycles,
    /// Cycles of the running sum.
    pub accumulate_latency: Cycles,
    /// Cycles of the reciprocal, once a row.
    pub divide_latency: Cycles,
    /// Cycles to multiply with the reciprocal and round.
    pub round_latency: Cycles,
}

/// What stands where the softmax is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SoftmaxModel {
    /// Maximum, exponential, sum, reciprocal.
    Modelled,
    /// Scores pass at once.
    Wire,
}

/// Decides which rows are computed again with the LSBs, and keeps rows in order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Refetch {
    /// Rows in flight between the key buffer and the decision.
    pub rows: u32,
    /// Lines of `softmax.lanes` probabilities held for rows that wait for an earlier one.
    pub buffer_lines: u32,
    /// Cycles from a row's sum to the decision.
    pub latency: Cycles,
}

/// Accumulates token importance (probabilities) and head importance (absolute outputs).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Importance {
    /// Token scores updated a cycle.
    pub lanes: u32,
    /// Tokens that the score memory holds.
    pub tokens: u32,
    /// Cycles from a probability to its updated score.
    pub latency: Cycles,
}

/// The top-k engine: quick-select with zero eliminators (paper section IV-B).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Topk {
    /// The engine, or the delay model of the authors' release.
    pub model: TopkModel,
    /// 1: token, head and value selection share one engine. 2: values have their own.
    pub engines: u32,
    /// Keys compared a cycle.
    pub comparators: u32,
    /// How a round chooses its pivot.
    pub pivot: Pivot,
    /// Seed of the random pivots.
    pub seed: u64,
    /// Keys that the engine holds.
    pub entries: u32,
    /// Cycles from a row of keys to their comparison with the pivot.
    pub compare_latency: Cycles,
    /// Cycles of the zero eliminator: prefix sum, then shifts.
    pub eliminate_latency: Cycles,
    /// Cycles to decide which side goes on, once a round.
    pub decide_latency: Cycles,
    /// Keys a cycle in the last pass, which keeps what beats the threshold in input order.
    pub filter_lanes: u32,
}

/// What stands where the top-k engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TopkModel {
    /// Quick-select, cycle by cycle.
    Engine,
    /// A delay of ⌈n/P⌉ + 3 a round.
    DelayModel,
}

/// How quick-select chooses a pivot. Never depends on the number of comparators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pivot {
    /// One of the remaining keys, by a seeded generator.
    Random,
    /// The middle of the range that still holds the answer: rounds bounded by the key's width.
    Midpoint,
}

/// Sends outputs and new K and V to DRAM.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Writeback {
    /// Transactions that wait for the DRAM.
    pub queue: u32,
    /// Cycles from an output to its first transaction.
    pub latency: Cycles,
}

/// Where Q, K and V lie in DRAM (`docs/reference/layout.md`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layout {
    /// How records that are not whole transactions are laid out.
    pub record: RecordLayout,
    /// Each region starts at a multiple of this.
    pub region_alignment: Bytes,
}

/// How a vector's record meets the size of a DRAM transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordLayout {
    /// Heads of a token lie together without gaps, and heads that share a transaction are fetched together.
    Packed,
    /// Each record starts at a transaction of its own.
    Aligned,
}

/// Process, corner and table that events are priced with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Technology {
    /// Name of an energy and area table.
    pub table: String,
}

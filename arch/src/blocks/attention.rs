//! The attention pipeline: K and V buffers, the two arrays, softmax and progressive quantisation.

use serde::Serialize;

use super::{ENTRIES, LANES, LATENCY, QUEUE, STAGE};
use crate::{
    choices, parameters,
    reader::Rule,
    units::{Bytes, Cycles},
};

parameters! {
    /// A K or a V buffer: an SRAM of lines, one line a multiply of the whole array.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct KvBuffer {
        /// Capacity; a task may hold half of it while the next one loads.
        pub capacity: Bytes where Rule::between(16, 1 << 30),
        /// Reads that wait for their data: queries (key buffer), or lines of `softmax.lanes`
        /// probabilities (value buffer).
        pub queue: u32 where QUEUE,
        /// How a reader learns that a line is there.
        pub read: BufferRead,
        /// Cycles between two polls of a line that is not there.
        pub poll_period: Cycles where Rule::between(1, 1000),
        /// How far the reader looks in a cycle for what it reads next: rows of a second pass (key buffer);
        /// lines of a row, in decode rows of each line, that may hold a kept value (value buffer).
        pub skip: u32 where Rule::between(1, 1024),
        /// Cycles from the issue of a read to its data.
        pub read_latency: Cycles where LATENCY,
    }

    /// A multiplier array: QK or PV.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Array {
        /// Multipliers; a line holds `multipliers / head_dim` keys or values.
        pub multipliers: u32 where Rule::power_of_two(16, 65_536)
            .because("a line holds a power of two of keys of a power of two of dimensions"),
        /// Cycles to broadcast an operand to the array.
        pub broadcast_latency: Cycles where STAGE,
        /// Cycles of the multiplier.
        pub multiply_latency: Cycles where LATENCY,
        /// Cycles of each level of the adder tree (log2 of the values it adds).
        pub tree_level_latency: Cycles where STAGE,
        /// Cycles from the adder tree to the result: accumulator (PV) and output register.
        pub accumulate_latency: Cycles where STAGE,
    }

    /// Scores to probabilities.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Softmax {
        /// Modelled, or a wire as in the authors' release.
        pub model: SoftmaxModel,
        /// Scores a cycle.
        pub lanes: u32 where LANES,
        /// Rows of scores are kept until their maximum, then their sum, is known: lines of `lanes` scores.
        pub row_buffer_lines: u32 where ENTRIES,
        /// Cycles to scale a score to the exponent's domain and compare it with the maximum.
        pub scale_latency: Cycles where LATENCY,
        /// Cycles of the exponential.
        pub exponent_latency: Cycles where STAGE,
        /// Cycles of the running sum.
        pub accumulate_latency: Cycles where STAGE,
        /// Cycles of the reciprocal, once a row.
        pub divide_latency: Cycles where STAGE,
        /// Cycles to multiply with the reciprocal and round.
        pub round_latency: Cycles where LATENCY,
    }

    /// Decides which rows are computed again with the LSBs, and keeps rows in order.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Refetch {
        /// Rows in flight between the key buffer and the decision.
        pub rows: u32 where QUEUE,
        /// Lines of `softmax.lanes` probabilities held for rows that wait for an earlier one.
        pub buffer_lines: u32 where ENTRIES,
        /// Cycles from a row's sum to the decision.
        pub latency: Cycles where LATENCY,
    }
}

choices! {
    /// How the reader of a buffer waits.
    pub enum BufferRead {
        /// It reads, checks the tag, and reads again.
        Polling = "polling",
        /// The writer tells it.
        Notified = "notified",
    }

    /// What stands where the softmax is.
    pub enum SoftmaxModel {
        /// Maximum, exponential, sum, reciprocal.
        Modelled = "modelled",
        /// Scores pass at once.
        Wire = "wire",
    }
}

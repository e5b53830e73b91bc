//! Clock, number formats, the issue of tasks, and the process that the machine is built in.

use serde::Serialize;

use super::LATENCY;
use crate::{
    choices, parameters,
    reader::Rule,
    units::{Bits, Cycles, Megahertz},
};

parameters! {
    /// The core's clock domain. The DRAM's comes with its standard.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Core {
        /// Clock of everything but the DRAM.
        pub clock: Megahertz where Rule::between(1, 10_000),
    }

    /// Number formats of the datapath (`docs/reference/fixed-point.md`).
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Formats {
        /// Width of Q, K and V on chip, signed.
        pub operand: Bits where Rule::between(4, 12)
            .because("the bounds of the fixed point are proved for no more"),
        /// Fraction bits of a probability on its way to PV, unsigned; at least 16.
        pub probability_fraction: Bits where Rule::between(16, 19)
            .because("with fewer, rounding shows in the outputs; with more, PV could wrap"),
        /// Width of a token- or head-importance accumulator, unsigned; at least 32.
        pub importance: Bits where Rule::between(32, 48)
            .because("it sums over queries, heads and layers and must not wrap"),
    }

    /// Issues tasks and rows, and decides what may be fetched ahead.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Sequencer {
        /// When K of the next task may be fetched.
        pub prefetch: Prefetch,
        /// What of a layer waits until the outputs of the layer before are written. A step of decode
        /// waits for the step before in the same way.
        pub layer_barrier: LayerBarrier,
        /// Whether Q comes from DRAM, and is counted.
        pub query_traffic: bool,
        /// Whether outputs, and the K and V of a new token, are written to DRAM, and counted.
        pub write_traffic: bool,
        /// The number of keys of a task, and of values where they are fetched ahead, is rounded up to a
        /// multiple of this (1: exact).
        pub round_counts_to: u32 where Rule::between(1, 1024),
        /// Cycles from a row's turn to its descriptor at the key buffer.
        pub latency: Cycles where LATENCY,
    }

    /// Process, corner and table that events are priced with.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Technology {
        /// Name of an energy and area table.
        pub table: String,
    }
}

choices! {
    /// What of a layer waits until the outputs of the layer before are written.
    pub enum LayerBarrier {
        /// Nothing: Q, K and V are in DRAM from the start, and layers overlap.
        None = "none",
        /// Its rows. Q, K and V are in DRAM from the start and are fetched ahead.
        Rows = "rows",
        /// Its rows, and the fetch of what is made from those outputs: Q; in prefill K and V; in decode K
        /// and V of the newest token (K with its line), and their write. K and V of earlier tokens are
        /// fetched ahead.
        Operands = "operands",
    }

    /// Whether the next task's K is fetched while this one computes.
    pub enum Prefetch {
        /// The fetch of its K starts when every row of this one is decided.
        Serialized = "serialized",
        /// The fetch of its K starts when the buffer has room.
        DoubleBuffered = "double-buffered",
    }
}

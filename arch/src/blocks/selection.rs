//! What decides who stays: the importance accumulators and the top-k engine.

use serde::Serialize;

use super::{ENTRIES, LANES, LATENCY, STAGE};
use crate::{choices, parameters, reader::Rule, units::Cycles};

parameters! {
    /// Accumulates token importance (probabilities) and head importance (absolute outputs).
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Importance {
        /// Token scores updated a cycle.
        pub lanes: u32 where LANES,
        /// Tokens that the score memory holds.
        pub tokens: u32 where ENTRIES,
        /// Cycles from a probability to its updated score.
        pub latency: Cycles where LATENCY,
    }

    /// The top-k engine: quick-select with zero eliminators (paper section IV-B).
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Topk {
        /// The engine, or the delay model of the authors' release.
        pub model: TopkModel,
        /// 1: token, head and value selection share one engine. 2: values have their own.
        pub engines: u32 where Rule::between(1, 2),
        /// Keys compared a cycle.
        pub comparators: u32 where Rule::power_of_two(1, 1024)
            .because("a zero eliminator shifts by powers of two"),
        /// How a round chooses its pivot.
        pub pivot: Pivot,
        /// Seed of the random pivots.
        pub seed: u64,
        /// Keys that the engine holds.
        pub entries: u32 where ENTRIES,
        /// Cycles from a row of keys to their comparison with the pivot.
        pub compare_latency: Cycles where LATENCY,
        /// Cycles of the zero eliminator: prefix sum, then shifts.
        pub eliminate_latency: Cycles where STAGE,
        /// Cycles to decide which side goes on, once a round.
        pub decide_latency: Cycles where STAGE,
        /// Keys a cycle in the last pass, which keeps what beats the threshold in input order.
        pub filter_lanes: u32 where LANES,
    }
}

choices! {
    /// What stands where the top-k engine is.
    pub enum TopkModel {
        /// Quick-select, cycle by cycle.
        Engine = "engine",
        /// A delay of ceil(n / comparators) + 3 a round.
        DelayModel = "delay-model",
    }

    /// How quick-select chooses a pivot. Never depends on the number of comparators.
    pub enum Pivot {
        /// One of the remaining keys, by a seeded generator.
        Random = "random",
        /// The middle of the range that still holds the answer: rounds bounded by the key's width.
        Midpoint = "midpoint",
    }
}

//! The way to DRAM and back: fetcher, crossbar, reorder, widening, write-back, and where data lie.

use serde::Serialize;

use super::{LATENCY, QUEUE};
use crate::{
    choices, parameters,
    reader::Rule,
    units::{Bytes, Cycles},
};

parameters! {
    /// Turns token ids into DRAM transactions.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Fetcher {
        /// Fetch lanes: one transaction a lane and cycle, all lanes in lock step.
        pub lanes: u32 where Rule::power_of_two(1, 64)
            .because("lanes are picked by address bits"),
        /// Cycles from an id to the address in its lane's queue.
        pub latency: Cycles where LATENCY,
    }

    /// Joins fetch lanes to DRAM channels, and back.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Crossbar {
        /// Entries of each lane's address queue.
        pub address_queue: u32 where QUEUE,
        /// Request and response ports of a channel: 1, or one a pseudo-channel. A port takes one
        /// transaction a cycle.
        pub ports_per_channel: u32 where Rule::power_of_two(1, 8).because("a port is picked by pseudo-channel bits"),
        /// Who wins a port when several lanes want it.
        pub arbiter: Arbiter,
        /// Cycles from a granted address to the DRAM port.
        pub request_latency: Cycles where LATENCY,
        /// Cycles from the DRAM port back to the lane.
        pub response_latency: Cycles where LATENCY,
        /// Requests a channel may have outstanding.
        pub outstanding: u32 where QUEUE,
    }

    /// Puts responses back into the order of their requests.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Reorder {
        /// Responses that a lane can hold; also the bound on its requests in flight.
        pub entries: u32 where QUEUE,
        /// What leaves together.
        pub join: Join,
    }

    /// Widens fetched records to the operand width.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Widen {
        /// Buffer lines that it can complete in a cycle.
        pub lines_per_cycle: u32 where Rule::power_of_two(1, 16)
            .because("a line's place among those of a cycle is the low bits of its number"),
        /// Cycles from the last byte of a line to its write.
        pub latency: Cycles where LATENCY,
    }

    /// Sends outputs and new K and V to DRAM.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Writeback {
        /// Transactions that wait for the DRAM.
        pub queue: u32 where QUEUE,
        /// Cycles from an output to its first transaction.
        pub latency: Cycles where LATENCY,
    }

    /// Where Q, K and V lie in DRAM (`docs/reference/layout.md`).
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Layout {
        /// How records that are not whole transactions are laid out.
        pub record: RecordLayout,
        /// Each region starts at a multiple of this.
        pub region_alignment: Bytes where Rule::power_of_two(1, 1 << 30)
            .because("a region's base has no low address bits"),
    }
}

choices! {
    /// How a channel chooses among lanes.
    pub enum Arbiter {
        /// Lowest lane first.
        Fixed = "fixed",
        /// The lane after the last winner first.
        RoundRobin = "round-robin",
        /// The request that was issued first.
        Oldest = "oldest",
    }

    /// What the reorder buffers hand on together.
    pub enum Join {
        /// A row of all lanes, when every lane has its response.
        Row = "row",
        /// Each lane by itself.
        Lane = "lane",
    }

    /// How a vector's record meets the size of a DRAM transaction.
    pub enum RecordLayout {
        /// Heads of a token lie together without gaps, and heads that share a transaction are fetched together.
        Packed = "packed",
        /// Each record starts at a transaction of its own.
        Aligned = "aligned",
    }
}

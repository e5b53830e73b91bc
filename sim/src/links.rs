//! Every link of the machine. A link that carries a block's results is its pipeline: as long as the
//! block's latency, and deep enough for an item a cycle.

use tamis_arch::{Accelerator, units::Cycles};

use crate::{
    items::{
        Arrivals, BatchId, Flight, KeptLine, KeyCredit, KeyLine, LaneCredits, Pass, ProbLine,
        Routed, RowCredit, RowId, ScoreLine, SelectJob, Transaction, ValueIds, ValueLine,
    },
    link::Link,
    machine::{array_latency, ports_per_channel},
    outcome::Block,
};

/// The links, by what they carry.
pub(crate) struct Links {
    pub(crate) loads: Link<BatchId>,
    pub(crate) value_loads: Link<BatchId>,
    pub(crate) appends: Link<BatchId>,
    pub(crate) passes: Link<Pass>,
    pub(crate) selected: Link<SelectJob>,
    pub(crate) written: Link<BatchId>,
    pub(crate) refetches: Link<BatchId>,
    pub(crate) replays: Link<Pass>,
    pub(crate) value_ids: Link<ValueIds>,
    pub(crate) key_credits: Link<KeyCredit>,
    pub(crate) lane_credits: Link<LaneCredits>,
    pub(crate) flights: Link<Flight>,
    pub(crate) writes: Link<Transaction>,
    pub(crate) requests: Vec<Link<Routed>>,
    pub(crate) responses: Vec<Link<Transaction>>,
    pub(crate) returns: Link<Flight>,
    pub(crate) arrivals: Link<Arrivals>,
    pub(crate) key_arrivals: Link<Arrivals>,
    pub(crate) value_arrivals: Link<Arrivals>,
    pub(crate) key_lines: Link<KeyLine>,
    pub(crate) scores: Link<ScoreLine>,
    pub(crate) probabilities: Link<ProbLine>,
    pub(crate) row_credits: Link<RowCredit>,
    pub(crate) settled: Link<ProbLine>,
    pub(crate) weighed: Link<ProbLine>,
    pub(crate) token_jobs: Link<SelectJob>,
    pub(crate) head_jobs: Link<SelectJob>,
    pub(crate) kept: Link<KeptLine>,
    pub(crate) value_lines: Link<ValueLine>,
    pub(crate) outputs: Link<RowId>,
}

/// A wire between two registers.
const WIRE: Cycles = Cycles(1);

impl Links {
    pub(crate) fn new(arch: &Accelerator, head_dim: u32) -> Self {
        use Block as B;
        let channels = 0..arch.dram.channels * ports_per_channel(arch);
        let keys_per_line = arch.pv_array.multipliers / head_dim;
        let layer_topk = if arch.topk.engines == 1 { B::ValueTopk } else { B::TokenTopk };
        Self {
            loads: Link::streaming(B::Sequencer, B::Fetcher, arch.sequencer.latency),
            value_loads: Link::streaming(B::Sequencer, B::ValueBuffer, arch.sequencer.latency),
            appends: Link::streaming(B::Sequencer, B::Writeback, arch.sequencer.latency),
            passes: Link::streaming(B::Sequencer, B::KeyBuffer, arch.sequencer.latency),
            selected: Link::streaming(layer_topk, B::Sequencer, WIRE),
            written: Link::streaming(B::Writeback, B::Sequencer, WIRE),
            refetches: Link::streaming(B::Refetch, B::Fetcher, arch.refetch.latency),
            replays: Link::streaming(B::Refetch, B::KeyBuffer, arch.refetch.latency),
            value_ids: Link::streaming(B::ValueBuffer, B::Fetcher, WIRE),
            key_credits: Link::streaming(B::KeyBuffer, B::Fetcher, WIRE),
            lane_credits: Link::streaming(B::Reorder, B::Fetcher, WIRE),
            flights: Link::streaming(B::Fetcher, B::Crossbar, arch.fetcher.latency),
            writes: Link::streaming(B::Writeback, B::Crossbar, arch.writeback.latency),
            requests: channels
                .clone()
                .map(|_| Link::streaming(B::Crossbar, B::Dram, arch.crossbar.request_latency))
                .collect(),
            responses: channels.map(|_| Link::streaming(B::Dram, B::Crossbar, WIRE)).collect(),
            returns: Link::streaming(B::Crossbar, B::Reorder, arch.crossbar.response_latency),
            arrivals: Link::streaming(B::Reorder, B::Widen, WIRE),
            key_arrivals: Link::streaming(B::Widen, B::KeyBuffer, arch.widen.latency),
            value_arrivals: Link::streaming(B::Widen, B::ValueBuffer, arch.widen.latency),
            key_lines: Link::streaming(B::KeyBuffer, B::QkArray, arch.key_buffer.read_latency),
            scores: Link::streaming(
                B::QkArray,
                B::Softmax,
                array_latency(&arch.qk_array, head_dim),
            ),
            probabilities: Link::streaming(B::Softmax, B::Refetch, arch.softmax.round_latency),
            row_credits: Link::streaming(B::Refetch, B::KeyBuffer, WIRE),
            settled: Link::streaming(B::Refetch, B::Importance, arch.refetch.latency),
            weighed: Link::streaming(B::Importance, B::ValueTopk, arch.importance.latency),
            token_jobs: Link::streaming(B::Importance, layer_topk, arch.importance.latency),
            head_jobs: Link::streaming(
                B::PvArray,
                layer_topk,
                array_latency(&arch.pv_array, keys_per_line),
            ),
            kept: Link::streaming(B::ValueTopk, B::ValueBuffer, WIRE),
            value_lines: Link::streaming(
                B::ValueBuffer,
                B::PvArray,
                arch.value_buffer.read_latency,
            ),
            outputs: Link::streaming(
                B::PvArray,
                B::Writeback,
                array_latency(&arch.pv_array, keys_per_line),
            ),
        }
    }

    /// Links that hold items: from, to, items, slots.
    pub(crate) fn filled(&self) -> Vec<(Block, Block, usize, usize)> {
        let mut filled = Vec::new();
        macro_rules! look {
            ($($link:ident),+) => {$( self.$link.note_fill(&mut filled); )+};
        }
        look!(loads, value_loads, appends, passes, selected, written, refetches, replays);
        look!(value_ids, key_credits, lane_credits, flights, writes, returns, arrivals);
        look!(key_arrivals, value_arrivals, key_lines, scores, probabilities, row_credits);
        look!(settled, weighed, token_jobs, head_jobs, kept, value_lines, outputs);
        self.requests.iter().for_each(|link| link.note_fill(&mut filled));
        self.responses.iter().for_each(|link| link.note_fill(&mut filled));
        filled
    }
}

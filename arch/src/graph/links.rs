//! The links of the machine: who sends what to whom, in how many cycles, through how many slots.

use crate::{Accelerator, accelerator::Unsupported, units::Cycles};

/// A link between two blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// Its name, which no other link has.
    pub name: &'static str,
    /// Block that sends.
    pub from: &'static str,
    /// Block that receives.
    pub to: &'static str,
    /// Cycles from a push to the item's landing; at least 1.
    pub latency: Cycles,
    /// Slots. A slot is free again one cycle after its pop, so that `latency + 1` of them sustain an
    /// item a cycle.
    pub depth: u32,
    /// What travels on it.
    pub item: Item,
}

/// What travels on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// A line of keys, or of their scores.
    KeyLine,
    /// Probabilities of `softmax.lanes` keys.
    ProbabilityLine,
    /// A line of values.
    ValueLine,
    /// Transactions that go side by side, one a fetch lane at most.
    Flight,
    /// A DRAM transaction. Of the links of requests and of responses there is one for each port of a
    /// channel ([`Accelerator::ports_per_channel`]).
    Transaction,
    /// A row, a task or a credit: too few of them to bind a row.
    Control,
}

impl Accelerator {
    /// The links of the machine, for heads of `head_dim` dimensions, which set the depth of the adder
    /// trees. An array's pipeline is the link on which its results leave.
    ///
    /// # Errors
    /// If the machine does not support the head dimension.
    pub fn links(&self, head_dim: u32) -> Result<Vec<LinkSpec>, Unsupported> {
        let register = Cycles(1);
        let scores = self.scores_latency(head_dim)?;
        let outputs = self.outputs_latency(head_dim)?;
        let (key, value) = (self.key_buffer.read_latency, self.value_buffer.read_latency);
        let (request, response) = (self.crossbar.request_latency, self.crossbar.response_latency);
        let importance = self.importance.latency;
        let (issue, decision) = (self.sequencer.latency, self.refetch.latency);
        // One engine has the place of that of the values, beside the pipeline.
        let layer_topk = if self.topk.engines == 1 { "value_topk" } else { "token_topk" };
        let links = [
            ("loads", "sequencer", "fetcher", issue, Item::Control),
            ("value_loads", "sequencer", "value_buffer", issue, Item::Control),
            ("made", "sequencer", "fetcher", issue, Item::Control),
            ("values_made", "sequencer", "value_buffer", issue, Item::Control),
            ("appends", "sequencer", "writeback", issue, Item::Control),
            ("passes", "sequencer", "key_buffer", issue, Item::Control),
            ("flights", "fetcher", "crossbar", self.fetcher.latency, Item::Flight),
            ("requests", "crossbar", "dram", request, Item::Transaction),
            ("responses", "dram", "crossbar", register, Item::Transaction),
            ("returns", "crossbar", "reorder", response, Item::Flight),
            ("lane_credits", "reorder", "fetcher", register, Item::Control),
            ("arrivals", "reorder", "widen", register, Item::Flight),
            ("key_arrivals", "widen", "key_buffer", self.widen.latency, Item::Flight),
            ("value_arrivals", "widen", "value_buffer", self.widen.latency, Item::Flight),
            ("key_credits", "key_buffer", "fetcher", register, Item::Control),
            ("key_lines", "key_buffer", "qk_array", key, Item::KeyLine),
            ("scores", "qk_array", "softmax", scores, Item::KeyLine),
            (
                "probabilities",
                "softmax",
                "refetch",
                self.softmax.round_latency,
                Item::ProbabilityLine,
            ),
            ("replays", "refetch", "key_buffer", decision, Item::Control),
            ("refetches", "refetch", "fetcher", decision, Item::Control),
            ("row_credits", "refetch", "key_buffer", register, Item::Control),
            ("settled", "refetch", "importance", decision, Item::ProbabilityLine),
            ("token_jobs", "importance", layer_topk, importance, Item::Control),
            ("weighed", "importance", "value_topk", importance, Item::ProbabilityLine),
            ("kept", "value_topk", "value_buffer", register, Item::ProbabilityLine),
            ("value_ids", "value_buffer", "fetcher", register, Item::Control),
            ("value_lines", "value_buffer", "pv_array", value, Item::ValueLine),
            ("outputs", "pv_array", "writeback", outputs, Item::Control),
            ("head_jobs", "pv_array", layer_topk, outputs, Item::Control),
            ("selected", layer_topk, "sequencer", register, Item::Control),
            ("writes", "writeback", "crossbar", self.writeback.latency, Item::Transaction),
            ("written", "writeback", "sequencer", register, Item::Control),
        ];
        Ok(links
            .map(|(name, from, to, latency, item)| {
                let depth = u32::try_from(latency.0).expect("latencies are small, as checked") + 1;
                LinkSpec { name, from, to, latency, depth, item }
            })
            .into())
    }

    /// Cycles of the QK array: broadcast, multiply, a level of adders for each halving of a key, and the
    /// output register.
    fn scores_latency(&self, head_dim: u32) -> Result<Cycles, Unsupported> {
        self.keys_per_line(head_dim)?;
        let array = &self.qk_array;
        let tree = array.tree_level_latency * u64::from(head_dim.ilog2());
        Ok(array.broadcast_latency + array.multiply_latency + tree + array.accumulate_latency)
    }

    /// Cycles of the PV array: broadcast, multiply, a level of adders for each halving of the values of
    /// a line, and the accumulator.
    fn outputs_latency(&self, head_dim: u32) -> Result<Cycles, Unsupported> {
        let values = self.values_per_line(head_dim)?;
        let array = &self.pv_array;
        let tree = array.tree_level_latency * u64::from(values.ilog2());
        Ok(array.broadcast_latency + array.multiply_latency + tree + array.accumulate_latency)
    }
}

//! What a run of the machine gives: integers, to be priced and written elsewhere.

use serde::Serialize;
use tamis_arch::{
    energy::Events,
    units::{Bytes, Cycle, Cycles},
};
use tamis_workloads::plan::Phase;

use crate::stats::{Activity, Interval};

/// The blocks of the machine, in the order of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Issues tasks and rows.
    Sequencer,
    /// Ids to transactions.
    Fetcher,
    /// Lanes to channels.
    Crossbar,
    /// The memory.
    Dram,
    /// Order of responses.
    Reorder,
    /// Stored widths to operand width.
    Widen,
    /// K on chip.
    KeyBuffer,
    /// Scores.
    QkArray,
    /// Probabilities.
    Softmax,
    /// Progressive quantisation.
    Refetch,
    /// Token importance.
    Importance,
    /// Selection of tokens and heads (of values too, where one engine is shared).
    TokenTopk,
    /// Selection of values.
    ValueTopk,
    /// V on chip.
    ValueBuffer,
    /// Outputs and head importance.
    PvArray,
    /// Results to memory.
    Writeback,
}

impl Block {
    /// All blocks, in the order of the pipeline.
    pub const ALL: [Self; 16] = [
        Self::Sequencer,
        Self::Fetcher,
        Self::Crossbar,
        Self::Dram,
        Self::Reorder,
        Self::Widen,
        Self::KeyBuffer,
        Self::QkArray,
        Self::Softmax,
        Self::Refetch,
        Self::Importance,
        Self::TokenTopk,
        Self::ValueTopk,
        Self::ValueBuffer,
        Self::PvArray,
        Self::Writeback,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Its name, as in reports and in the RTL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequencer => "sequencer",
            Self::Fetcher => "fetcher",
            Self::Crossbar => "crossbar",
            Self::Dram => "dram",
            Self::Reorder => "reorder",
            Self::Widen => "widen",
            Self::KeyBuffer => "key_buffer",
            Self::QkArray => "qk_array",
            Self::Softmax => "softmax",
            Self::Refetch => "refetch",
            Self::Importance => "importance",
            Self::TokenTopk => "token_topk",
            Self::ValueTopk => "value_topk",
            Self::ValueBuffer => "value_buffer",
            Self::PvArray => "pv_array",
            Self::Writeback => "writeback",
        }
    }
}

/// What one block did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BlockOutcome {
    /// Which.
    pub block: Block,
    /// Where its time went.
    pub activity: Activity,
    /// What it did that costs energy.
    pub events: Vec<Events>,
    /// Its intervals, where a timeline was asked for.
    #[serde(skip)]
    pub timeline: Vec<Interval>,
}

impl BlockOutcome {
    /// From a ledger's books and a block's counts.
    #[must_use]
    pub fn new(
        block: Block,
        (activity, timeline): (Activity, Vec<Interval>),
        events: Vec<Events>,
    ) -> Self {
        Self { block, activity, events, timeline }
    }
}

/// DRAM bytes by stream, whole transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Queries read.
    pub query_read_bytes: Bytes,
    /// First pass of K.
    pub key_msb_read_bytes: Bytes,
    /// Second pass of K.
    pub key_lsb_read_bytes: Bytes,
    /// Values read.
    pub value_read_bytes: Bytes,
    /// Outputs written.
    pub output_written_bytes: Bytes,
    /// New keys and values written (decode).
    pub key_value_written_bytes: Bytes,
}

/// Time of one layer. A layer ends when write-back takes its last output, the last one with the phase;
/// what the machine already does for the next layer by then counts for this one. So the layers add up
/// to the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LayerTime {
    /// Layer in the trace.
    pub layer: u32,
    /// From the end of the layer before to the end of this one, summed over steps.
    #[serde(rename = "elapsed_cycles")]
    pub elapsed: Cycles,
}

/// Work that the arrays did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Rows computed (a row computed twice counts once).
    pub rows: u64,
    /// Rows computed again with the LSBs.
    pub refetched_rows: u64,
    /// Multiply-accumulates of QK with real operands, both passes.
    pub qk_macs: u64,
    /// Multiply-accumulates of PV with real operands.
    pub pv_macs: u64,
    /// Lines that QK read.
    pub qk_lines: u64,
    /// Lines that PV read.
    pub pv_lines: u64,
    /// Selections of values, tokens and heads.
    pub selections: u64,
    /// Their rounds.
    pub selection_rounds: u64,
}

/// One phase of one sequence on one machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Which phase ran.
    pub phase: Phase,
    /// Core cycles from the first task to the last write.
    #[serde(rename = "elapsed_cycles")]
    pub elapsed: Cycles,
    /// By layer, in order.
    pub layers: Vec<LayerTime>,
    /// Decode: when each step ended.
    #[serde(rename = "step_end_cycles")]
    pub step_ends: Vec<Cycle>,
    /// By block, in the order of [`Block`].
    pub blocks: Vec<BlockOutcome>,
    /// By DRAM channel.
    pub channels: Vec<tamis_dram::Stats>,
    /// By stream.
    pub traffic: Traffic,
    /// Work done.
    pub work: Work,
}

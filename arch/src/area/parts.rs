//! What a block is made of, in the units that a table prices.

use serde::Serialize;

use crate::{
    energy::sram::is_macro,
    units::{Bits, Bytes},
};

/// Blocks of an area report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AreaBlock {
    /// Multipliers and adder tree of QK.
    QkArray,
    /// Multipliers, adders and accumulators of PV.
    PvArray,
    /// Softmax, its row buffer, and the refetch decision with its buffer.
    Softmax,
    /// Quick-select with its zero eliminators and queues.
    Topk,
    /// K SRAM and the queries that wait for it.
    KeyBuffer,
    /// V SRAM and the probabilities that wait for it.
    ValueBuffer,
    /// Address queues, reorder buffers and the write queue.
    Queues,
    /// Lanes to channels and back.
    Crossbar,
    /// Ids to addresses, and stored widths to operand width.
    Fetcher,
    /// Score memory and adders.
    Importance,
    /// Sequencer, state machines, configuration: a share of the logic.
    Control,
}

/// Memories of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// How many.
    pub count: u32,
    /// Words of each.
    pub words: u32,
    /// Width of a word.
    pub width: Bits,
}

impl Memory {
    /// Bytes of one of them.
    #[must_use]
    pub fn capacity(&self) -> Bytes {
        self.width.times(u64::from(self.words))
    }

    fn bits(&self) -> u64 {
        u64::from(self.words) * u64::from(self.width.0)
    }

    pub(super) fn is_sram(&self) -> bool {
        is_macro(self.words, self.width)
    }
}

/// What one block is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockParts {
    /// Which.
    pub block: AreaBlock,
    /// Sum over multipliers of the product of their widths.
    pub multiplier_cells: u64,
    /// Sum over adders and comparators of their widths.
    pub adder_bits: u64,
    /// Bits of pipeline registers.
    pub pipeline_bits: u64,
    /// Sum over multiplexer stages of their widths.
    pub mux_bits: u64,
    /// Crossings of wires in crossbars.
    pub wire_crossings: u64,
    /// Memories, large and small.
    pub memories: Vec<Memory>,
}

impl BlockParts {
    pub(super) fn new(block: AreaBlock) -> Self {
        Self {
            block,
            multiplier_cells: 0,
            adder_bits: 0,
            pipeline_bits: 0,
            mux_bits: 0,
            wire_crossings: 0,
            memories: Vec::new(),
        }
    }

    /// Memories that are made of macros.
    pub fn srams(&self) -> impl Iterator<Item = &Memory> {
        self.memories.iter().filter(|memory| memory.is_sram())
    }

    /// Bits of registers: of pipelines, and of memories that are too small for a macro.
    #[must_use]
    pub fn register_bits(&self) -> u64 {
        let small = self.memories.iter().filter(|memory| !memory.is_sram());
        self.pipeline_bits
            + small.map(|memory| u64::from(memory.count) * memory.bits()).sum::<u64>()
    }
}

//! What a machine is made of, counted in the units that a table prices.
//!
//! These are the parts that the description implies, block by block; a synthesis run is the only exact
//! answer. Widths that the description does not state are constants here, each with its reason.

use serde::Serialize;

use crate::{
    Accelerator,
    blocks::{Array, KvBuffer, SoftmaxModel},
    energy::sram::is_macro,
    units::{Bits, Bytes},
};

/// Bits of an address in a lane's queue: they reach a terabyte.
pub const ADDRESS: u32 = 40;
/// Bits of a token's place: enough for a million tokens.
pub const TOKEN: u32 = 20;
/// Multiplications in an exponential, as the tables' typical price has it.
const EXPONENT_STEPS: u64 = 2;

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

    fn is_sram(&self) -> bool {
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
    fn new(block: AreaBlock) -> Self {
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

/// Everything that a machine is made of, in the order of [`AreaBlock`], without control.
#[must_use]
pub fn inventory(machine: &Accelerator) -> Vec<BlockParts> {
    let probability = machine.formats.probability_fraction.0;
    let operand = machine.formats.operand.0;
    let line = |array: &Array| Bits(array.multipliers * operand);
    // A waiting query is a vector of at most a line; a waiting probability line has all lanes.
    let lanes = Bits(machine.softmax.lanes * probability);
    vec![
        array(AreaBlock::QkArray, &machine.qk_array, operand, operand),
        array(AreaBlock::PvArray, &machine.pv_array, operand, probability),
        softmax(machine),
        topk(machine),
        buffer(
            AreaBlock::KeyBuffer,
            &machine.key_buffer,
            line(&machine.qk_array),
            Bits(256 * operand),
        ),
        buffer(AreaBlock::ValueBuffer, &machine.value_buffer, line(&machine.pv_array), lanes),
        queues(machine),
        crossbar(machine),
        fetcher(machine),
        importance(machine),
    ]
}

/// A multiplier, an adder of the tree and its registers for each lane of the array.
fn array(block: AreaBlock, array: &Array, left: u32, right: u32) -> BlockParts {
    let lanes = u64::from(array.multipliers);
    let product = u64::from(left + right);
    // Half the adders of a tree are its first level, a quarter the second: sums of n levels average
    // two bits more than a product. The accumulator of PV is in the same average.
    let sum = product + 2;
    BlockParts {
        multiplier_cells: lanes * u64::from(left) * u64::from(right),
        adder_bits: lanes * sum,
        // The broadcast operand, the product, and one sum.
        pipeline_bits: lanes * (u64::from(right) + product + sum),
        ..BlockParts::new(block)
    }
}

fn softmax(machine: &Accelerator) -> BlockParts {
    let spec = &machine.softmax;
    let probability = machine.formats.probability_fraction.0;
    let (lanes, wide, score) =
        (u64::from(spec.lanes), u64::from(probability), u64::from(machine.score_bits()));
    let held = Memory {
        count: 1,
        words: machine.refetch.buffer_lines,
        width: Bits(spec.lanes * probability),
    };
    if spec.model == SoftmaxModel::Wire {
        return BlockParts { memories: vec![held], ..BlockParts::new(AreaBlock::Softmax) };
    }
    let rows = Memory {
        count: 1,
        words: spec.row_buffer_lines,
        width: Bits(spec.lanes * machine.score_bits()),
    };
    let stages = spec.scale_latency.0
        + spec.exponent_latency.0
        + spec.accumulate_latency.0
        + spec.round_latency.0;
    BlockParts {
        // Scaling of a score, the exponential, and the product with the reciprocal.
        multiplier_cells: lanes * (score * wide + (EXPONENT_STEPS + 1) * wide * wide),
        // Maximum, difference, polynomial, sum; and a row of subtractors for the one divider.
        adder_bits: lanes * ((2 + EXPONENT_STEPS) * score + score) + wide * wide,
        pipeline_bits: lanes * score * stages,
        mux_bits: lanes * wide * u64::from(probability.max(2).ilog2()) + wide * wide,
        memories: vec![rows, held],
        ..BlockParts::new(AreaBlock::Softmax)
    }
}

fn topk(machine: &Accelerator) -> BlockParts {
    let spec = &machine.topk;
    let (engines, lanes) = (u64::from(spec.engines), u64::from(spec.comparators));
    let score = machine.score_bits();
    let key = u64::from(score + TOKEN);
    let levels = u64::from(spec.comparators.max(2).ilog2());
    // Keys above, keys below, and all keys in input order for the last pass.
    let width = Bits(spec.comparators * (score + TOKEN));
    let words = spec.entries.div_ceil(spec.comparators.max(1));
    BlockParts {
        // A comparator a lane, and the prefix sums of the two zero eliminators.
        adder_bits: engines * lanes * (u64::from(score) + 2 * levels * levels),
        pipeline_bits: engines * lanes * key * (2 * levels + 2),
        // The shift layers of the two zero eliminators.
        mux_bits: engines * 2 * lanes * levels * key,
        memories: vec![Memory { count: 3 * spec.engines, words, width }],
        ..BlockParts::new(AreaBlock::Topk)
    }
}

fn buffer(block: AreaBlock, spec: &KvBuffer, line: Bits, waiting: Bits) -> BlockParts {
    let bytes_per_line = line.times(1).0.max(1);
    let words = u32::try_from(spec.capacity.0 / bytes_per_line).unwrap_or(u32::MAX);
    let queue = Memory { count: 1, words: spec.queue, width: waiting };
    BlockParts {
        pipeline_bits: u64::from(line.0),
        memories: vec![Memory { count: 1, words, width: line }, queue],
        ..BlockParts::new(block)
    }
}

fn queues(machine: &Accelerator) -> BlockParts {
    let lanes = machine.fetcher.lanes;
    let transaction = transaction_bits(machine);
    BlockParts {
        memories: vec![
            Memory { count: lanes, words: machine.crossbar.address_queue, width: Bits(ADDRESS) },
            Memory { count: lanes, words: machine.reorder.entries, width: Bits(transaction) },
            Memory { count: 1, words: machine.writeback.queue, width: Bits(transaction + ADDRESS) },
        ],
        ..BlockParts::new(AreaBlock::Queues)
    }
}

/// Addresses one way, data the other: two matrices of wires.
fn crossbar(machine: &Accelerator) -> BlockParts {
    let ports = u64::from(machine.fetcher.lanes) * u64::from(machine.dram.channels);
    let crossings = |width: u32| ports * u64::from(width) * u64::from(width);
    BlockParts {
        wire_crossings: crossings(ADDRESS) + crossings(transaction_bits(machine)),
        // A lane's claim on a channel: the arbiter compares ages or priorities of every pair.
        adder_bits: ports * u64::from(TOKEN),
        ..BlockParts::new(AreaBlock::Crossbar)
    }
}

fn fetcher(machine: &Accelerator) -> BlockParts {
    let lanes = u64::from(machine.fetcher.lanes);
    let line = u64::from(machine.widen.lines_per_cycle)
        * u64::from(machine.qk_array.multipliers.max(machine.pv_array.multipliers))
        * u64::from(machine.formats.operand.0);
    let transaction = u64::from(transaction_bits(machine));
    BlockParts {
        // Base plus id times record, by shift and add.
        adder_bits: lanes * 2 * u64::from(ADDRESS),
        // Ids and addresses; and the K and the V line that are being filled.
        pipeline_bits: lanes * u64::from(TOKEN + ADDRESS) + 2 * line,
        // Each bit of a transaction finds its place in a line.
        mux_bits: lanes * transaction * u64::from(transaction.max(2).ilog2()),
        ..BlockParts::new(AreaBlock::Fetcher)
    }
}

fn importance(machine: &Accelerator) -> BlockParts {
    let spec = &machine.importance;
    let width = machine.formats.importance.0;
    let banks = spec.lanes.max(1);
    let words = spec.tokens.div_ceil(banks);
    BlockParts {
        // Token and head importance.
        adder_bits: 2 * u64::from(spec.lanes) * u64::from(width),
        pipeline_bits: 2 * u64::from(spec.lanes) * u64::from(width) * spec.latency.0.max(1),
        memories: vec![Memory { count: banks, words, width: Bits(width) }],
        ..BlockParts::new(AreaBlock::Importance)
    }
}

fn transaction_bits(machine: &Accelerator) -> u32 {
    u32::try_from(8 * machine.dram.transaction.0).unwrap_or(u32::MAX)
}

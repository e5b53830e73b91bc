//! What a machine is made of, counted in the units that a table prices.
//!
//! These are the parts that the description implies, block by block: every memory that a block of the simulator reads or
//! writes, every slot of every link. A synthesis run is the only exact answer. Widths that the description does not state
//! are constants here, each with its reason. State of a few bits (credits, pointers, flags of a row) is in the share for
//! control.

use super::{
    links,
    parts::{AreaBlock, BlockParts, Memory},
};
use crate::{
    Accelerator,
    accelerator::HEAD_DIMS,
    blocks::{Array, KvBuffer, SoftmaxModel},
    energy::barrel_stages,
    units::Bits,
};

/// Bits of an address in a lane's queue: they reach a terabyte.
pub const ADDRESS: u32 = 40;
/// Bits of a token's place: enough for a million tokens.
pub const TOKEN: u32 = 20;
/// Heads whose importance is kept: as many as the largest models of today have in a layer.
const HEADS: u32 = 64;
/// Bits that count the transactions a line waits for: a line of 65,536 bits in transactions of 256.
const LINE_COUNTER: u32 = 8;
/// Multiplications in an exponential, as the tables' typical price has it.
const EXPONENT_STEPS: u64 = 2;

/// Everything that a machine is made of, in the order of [`AreaBlock`], without control.
///
/// # Panics
/// If the machine has a link that is not counted: a promise between this module and the list of links.
#[must_use]
pub fn inventory(machine: &Accelerator) -> Vec<BlockParts> {
    let mut parts = vec![
        qk_array(machine),
        pv_array(machine),
        softmax(machine),
        topk(machine),
        key_buffer(machine),
        value_buffer(machine),
        queues(machine),
        crossbar(machine),
        fetcher(machine),
        importance(machine),
    ];
    for (block, bits) in links::registers(machine) {
        let part = parts.iter_mut().find(|part| part.block == block);
        part.expect("a block that sends has parts").pipeline_bits += bits;
    }
    parts
}

/// Bits of a vector of the largest head.
fn largest_vector(machine: &Accelerator) -> Bits {
    Bits(HEAD_DIMS.end() * machine.formats.operand.0)
}

/// Stages of an array: both operands are broadcast, products formed, and a tree of `levels` adds them up: each level
/// halves the sums, which are a bit wider. Registers follow the latencies of the stages.
fn array(block: AreaBlock, array: &Array, left: u32, right: u32, levels: u32) -> BlockParts {
    let lanes = u64::from(array.multipliers);
    let product = left + right;
    let sums: u64 = (1..=levels).map(|level| (lanes >> level) * u64::from(product + level)).sum();
    BlockParts {
        multiplier_cells: lanes * u64::from(left) * u64::from(right),
        adder_bits: sums,
        pipeline_bits: lanes * u64::from(product) * array.broadcast_latency.0
            + lanes * u64::from(product) * array.multiply_latency.0
            + sums * array.tree_level_latency.0,
        ..BlockParts::new(block)
    }
}

/// A tree over the dimensions of a key, and a register for the scores: most of them come from the smallest head.
fn qk_array(machine: &Accelerator) -> BlockParts {
    let (spec, operand) = (&machine.qk_array, machine.formats.operand.0);
    let levels = spec.multipliers.min(*HEAD_DIMS.end()).ilog2();
    let mut parts = array(AreaBlock::QkArray, spec, operand, operand, levels);
    let scores = u64::from(spec.multipliers / HEAD_DIMS.start()) * u64::from(machine.score_bits());
    parts.pipeline_bits += scores * (spec.accumulate_latency.0 + 1);
    parts
}

/// A tree over the values of a line, the accumulators, and a memory of sums for rows that take turns. Importance of a head:
/// an adder for each dimension.
fn pv_array(machine: &Accelerator) -> BlockParts {
    let (spec, formats) = (&machine.pv_array, &machine.formats);
    let levels = (spec.multipliers / HEAD_DIMS.start()).ilog2();
    let probability = formats.probability_fraction.0;
    let mut parts = array(AreaBlock::PvArray, spec, formats.operand.0, probability, levels);
    let dimensions = spec.multipliers.min(*HEAD_DIMS.end());
    let sums = dimensions * machine.output_accumulator_bits();
    parts.adder_bits += u64::from(sums) + u64::from(dimensions * formats.importance.0);
    parts.pipeline_bits += u64::from(sums) * (spec.accumulate_latency.0 + 1);
    parts.memories.push(Memory { count: 1, words: machine.refetch.rows, width: Bits(sums) });
    parts
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
    let rows = Memory {
        count: 1,
        words: spec.row_buffer_lines,
        width: Bits(spec.lanes * machine.score_bits()),
    };
    let memories = vec![rows, held];
    if spec.model == SoftmaxModel::Wire {
        return BlockParts { memories, ..BlockParts::new(AreaBlock::Softmax) };
    }
    // The last stage, which rounds, is the link on which probabilities leave.
    let stages = spec.scale_latency.0 + spec.exponent_latency.0 + spec.accumulate_latency.0;
    BlockParts {
        // Scaling of a score, the exponential, and the product with the reciprocal.
        multiplier_cells: lanes * (score * wide + (EXPONENT_STEPS + 1) * wide * wide),
        // Maximum, difference, polynomial, sum; and a row of subtractors for the one divider, which works on one
        // row at a time.
        adder_bits: lanes * ((2 + EXPONENT_STEPS) * score + score) + wide * wide,
        pipeline_bits: lanes * score * stages + wide * spec.divide_latency.0,
        mux_bits: lanes * wide * u64::from(barrel_stages(Bits(probability))) + wide * wide,
        memories,
        ..BlockParts::new(AreaBlock::Softmax)
    }
}

/// Engines for values rank scores, for tokens importance; one for both has the wider keys.
fn topk(machine: &Accelerator) -> BlockParts {
    let spec = &machine.topk;
    let (score, importance) = (machine.score_bits(), machine.formats.importance.0);
    let mut parts = BlockParts::new(AreaBlock::Topk);
    match spec.engines {
        1 => add_engine(&mut parts, machine, score.max(importance)),
        _ => [score, importance].into_iter().for_each(|key| add_engine(&mut parts, machine, key)),
    }
    parts
}

fn add_engine(parts: &mut BlockParts, machine: &Accelerator, key: u32) {
    let spec = &machine.topk;
    let word = u64::from(key + TOKEN);
    let network = |lanes: u32| {
        let (lanes, levels) = (u64::from(lanes), u64::from(lanes.max(2).ilog2()));
        (lanes * levels, levels)
    };
    let ((cells, levels), (filter_cells, filter_levels)) =
        (network(spec.comparators), network(spec.filter_lanes));
    let (lanes, filter) = (u64::from(spec.comparators), u64::from(spec.filter_lanes));
    // Prefix sums of the two zero eliminators; of the ties and of the kept keys of the filter pass.
    let sums = 2 * cells * (levels + 1) + 2 * filter_cells * (filter_levels + 1);
    parts.adder_bits += (lanes + filter) * u64::from(key) + sums;
    // Read register, flags, and a row on each side, after the latencies of the stages.
    let stages = 1 + spec.compare_latency.0 + 2 * spec.eliminate_latency.0 + spec.decide_latency.0;
    parts.pipeline_bits +=
        lanes * word * stages + filter * u64::from(TOKEN) * spec.eliminate_latency.0;
    // Shifters of the two zero eliminators, rotators of the two realigners; one eliminator of kept places.
    parts.mux_bits += 4 * cells * word + filter_cells * u64::from(TOKEN);
    // Keys at work and keys that come in; candidates above and below. A FIFO of candidates reads one row while it
    // writes parts of two others: it is two macros, of even and of odd rows, and as large as one.
    let width = Bits(spec.comparators * (key + TOKEN));
    let words = spec.entries.div_ceil(spec.comparators);
    parts.memories.push(Memory { count: 4, words, width });
}

/// Lines, what each still waits for, and a find-first.
fn buffer(block: AreaBlock, spec: &KvBuffer, array: &Array, operand: u32) -> BlockParts {
    let line = Bits(array.multipliers * operand);
    let words = u32::try_from(spec.capacity.0 / line.times(1).0.max(1)).unwrap_or(u32::MAX);
    BlockParts {
        memories: vec![
            Memory { count: 1, words, width: line },
            Memory { count: 1, words, width: Bits(LINE_COUNTER) },
        ],
        // The first of the places that the reader looks at in a cycle where there is something to read.
        mux_bits: u64::from(spec.skip) * u64::from(barrel_stages(Bits(spec.skip))),
        ..BlockParts::new(block)
    }
}

/// Beside the lines: queries, and the one that stands at the array.
fn key_buffer(machine: &Accelerator) -> BlockParts {
    let (spec, operand) = (&machine.key_buffer, machine.formats.operand.0);
    let mut parts = buffer(AreaBlock::KeyBuffer, spec, &machine.qk_array, operand);
    let query = largest_vector(machine);
    parts.memories.push(Memory { count: 1, words: spec.queue, width: query });
    parts.pipeline_bits += u64::from(query.0);
    parts
}

/// Beside the lines: probabilities with whether each value is kept, the place of each
/// value of a packed line, and whether the value of each token has been asked for (of two tasks).
fn value_buffer(machine: &Accelerator) -> BlockParts {
    let (spec, lanes) = (&machine.value_buffer, machine.softmax.lanes);
    let operand = machine.formats.operand.0;
    let mut parts = buffer(AreaBlock::ValueBuffer, spec, &machine.pv_array, operand);
    let lines = parts.memories[0].words;
    let values = machine.pv_array.multipliers / HEAD_DIMS.start();
    let memory = |count, words, width| Memory { count, words, width: Bits(width) };
    parts.memories.extend([
        memory(1, spec.queue, lanes * machine.formats.probability_fraction.0),
        memory(1, spec.queue, lanes),
        memory(1, lines, values * TOKEN),
        memory(2, machine.importance.tokens, 1),
    ]);
    parts
}

/// Addresses of each lane, and of the write-back with its data; responses; outputs that wait for the other heads of their
/// query, and transactions that wait to be written.
fn queues(machine: &Accelerator) -> BlockParts {
    let lanes = machine.fetcher.lanes;
    let transaction = transaction_bits(machine);
    let write = Bits(transaction + ADDRESS);
    let addresses = machine.crossbar.address_queue;
    BlockParts {
        memories: vec![
            Memory { count: lanes, words: addresses, width: Bits(ADDRESS) },
            Memory { count: 1, words: addresses, width: write },
            Memory { count: lanes, words: machine.reorder.entries, width: Bits(transaction) },
            Memory { count: 1, words: machine.writeback.queue, width: write },
            Memory { count: 1, words: machine.refetch.rows, width: largest_vector(machine) },
        ],
        ..BlockParts::new(AreaBlock::Queues)
    }
}

/// Three matrices of wires between lanes and the ports of channels: addresses, data of the write-back, data back.
fn crossbar(machine: &Accelerator) -> BlockParts {
    let lanes = u64::from(machine.fetcher.lanes);
    let ports = u64::from(machine.dram.channels * machine.ports_per_channel());
    let crossings = |inputs: u64, width: u32| inputs * ports * u64::from(width) * u64::from(width);
    let transaction = transaction_bits(machine);
    BlockParts {
        wire_crossings: crossings(lanes + 1, ADDRESS)
            + crossings(1, transaction)
            + crossings(lanes, transaction),
        // A lane's claim on a port: the arbiter compares ages or priorities of every pair. A channel counts what it has
        // outstanding.
        adder_bits: (lanes + 1) * ports * u64::from(TOKEN)
            + u64::from(machine.dram.channels)
                * u64::from(barrel_stages(Bits(machine.crossbar.outstanding))),
        ..BlockParts::new(AreaBlock::Crossbar)
    }
}

/// Live ids of this layer and those that the next will have; and the shifters of the widener.
fn fetcher(machine: &Accelerator) -> BlockParts {
    let lanes = u64::from(machine.fetcher.lanes);
    let operand = u64::from(machine.formats.operand.0);
    let lines = u64::from(machine.qk_array.multipliers + machine.pv_array.multipliers) * operand;
    let transaction = Bits(transaction_bits(machine));
    BlockParts {
        // Base plus id times record, by shift and add.
        adder_bits: lanes * 2 * u64::from(ADDRESS),
        // The K and the V line that are being filled.
        pipeline_bits: lines,
        // Each bit of a transaction finds its place in a line.
        mux_bits: lanes * u64::from(transaction.0) * u64::from(barrel_stages(transaction)),
        memories: vec![Memory { count: 2, words: machine.importance.tokens, width: Bits(TOKEN) }],
        ..BlockParts::new(AreaBlock::Fetcher)
    }
}

/// A bank for each lane, and the heads.
fn importance(machine: &Accelerator) -> BlockParts {
    let spec = &machine.importance;
    let width = machine.formats.importance;
    let words = spec.tokens.div_ceil(spec.lanes);
    BlockParts {
        adder_bits: u64::from(spec.lanes) * u64::from(width.0),
        pipeline_bits: u64::from(spec.lanes) * u64::from(width.0) * spec.latency.0,
        memories: vec![
            Memory { count: spec.lanes, words, width },
            Memory { count: 1, words: HEADS, width },
        ],
        ..BlockParts::new(AreaBlock::Importance)
    }
}

/// Bits of a DRAM transaction.
pub(super) fn transaction_bits(machine: &Accelerator) -> u32 {
    u32::try_from(8 * machine.dram.transaction.0).unwrap_or(u32::MAX)
}

//! Every memory that a block reads or writes is in the inventory that its area comes from.

mod common;

use common::{Dense, PLANES, play};
use tamis_arch::{
    Accelerator,
    area::{self, AreaBlock},
    energy::Action,
    units::Bits,
};
use tamis_sim::{Options, outcome::Block};
use tamis_workloads::plan::{LayerEnd, Phase, Selection};

/// The part of the area report that a block is in. A block of which there is none here has no memories, or none of the
/// machine's.
fn part(block: Block) -> Option<AreaBlock> {
    match block {
        Block::Sequencer | Block::Dram => None,
        Block::Fetcher | Block::Widen => Some(AreaBlock::Fetcher),
        Block::Crossbar | Block::Reorder | Block::Writeback => Some(AreaBlock::Queues),
        Block::KeyBuffer => Some(AreaBlock::KeyBuffer),
        Block::QkArray => Some(AreaBlock::QkArray),
        Block::Softmax | Block::Refetch => Some(AreaBlock::Softmax),
        Block::Importance => Some(AreaBlock::Importance),
        Block::TokenTopk | Block::ValueTopk => Some(AreaBlock::Topk),
        Block::ValueBuffer => Some(AreaBlock::ValueBuffer),
        Block::PvArray => Some(AreaBlock::PvArray),
    }
}

/// Words, where the action tells them, and width of the memory that an action is of.
fn memory(action: &Action) -> Option<(Option<u64>, Bits)> {
    match *action {
        Action::SramRead { capacity, width } | Action::SramWrite { capacity, width } => {
            Some((Some(capacity.0 * 8 / u64::from(width.0)), width))
        }
        Action::Fifo { entries: words, width } | Action::RegisterRead { words, width } => {
            Some((Some(u64::from(words)), width))
        }
        Action::RegisterWrite { width } => Some((None, width)),
        _ => None,
    }
}

fn machines() -> Vec<Accelerator> {
    let file = |text: &str| {
        let head = "extends = \"spatten\"\nname = \"other\"\ndescription = \"other\"\n";
        Accelerator::parse("other.toml", &format!("{head}{text}")).expect("it is sound")
    };
    vec![
        file(""),
        tamis_arch::load("spatten-eighth").expect("a preset"),
        file(
            "topk.engines = 1\nsoftmax.lanes = 16\nimportance.lanes = 16\nqk_array.multipliers = 256",
        ),
        // So small that they are registers.
        file(
            "key_buffer.queue = 2\nvalue_buffer.queue = 28\nreorder.entries = 8\nimportance.tokens = 128",
        ),
    ]
}

#[test]
fn every_memory_that_a_block_uses_is_in_its_part_of_the_inventory() {
    let step = Dense {
        phase: Phase::Decode,
        layers: 1,
        heads: 4,
        kv_heads: 1,
        head_dim: 64,
        tokens: 56,
        causal: true,
        bits: PLANES,
    };
    let mut seen = Vec::new();
    for machine in machines() {
        let inventory = area::inventory(&machine);
        let mut tasks = step.tasks();
        (tasks[0].weighs.tokens, tasks[0].weighs.heads) = (true, true);
        let all = |candidates| Some(Selection { candidates, keep: 1, rounds: Vec::new() });
        tasks[0].layer_end = Some(LayerEnd { tokens: all(56), heads: all(4) });
        tasks[0].values_ahead = false;
        for row in &mut tasks[0].rows {
            row.select = all(56);
        }
        let outcome = play(&machine, &step, tasks, &Options::default()).expect("it runs");
        for found in &outcome.blocks {
            for event in found.events.iter().filter(|event| event.count > 0) {
                let Some((words, width)) = memory(&event.action) else { continue };
                let block = part(found.block);
                let parts = inventory.iter().find(|parts| Some(parts.block) == block);
                let has = parts.expect("a block with memories has a part").memories.iter().any(
                    |memory| {
                        // Those of vectors and scores are made for the largest head.
                        words.is_none_or(|words| words == u64::from(memory.words))
                            && width <= memory.width
                    },
                );
                assert!(has, "{}: {:?} of {}", found.block.name(), event.action, machine.name);
                seen.push(found.block);
            }
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 11, "{seen:?}");
}

//! Events that blocks count for energy, against what the hardware would do: closed formulas of the plan.

mod common;

use common::{Dense, PLANES, WHOLE, play};
use tamis_arch::{
    Accelerator,
    area::TOKEN,
    blocks::SoftmaxModel,
    energy::Action,
    units::{Bits, Bytes},
};
use tamis_sim::{
    Options,
    outcome::{Block, Outcome},
};
use tamis_workloads::plan::{LayerEnd, Phase, Round, Selection, Task};

const PROMPT: Dense = Dense {
    phase: Phase::Prefill,
    layers: 1,
    heads: 1,
    kv_heads: 1,
    head_dim: 64,
    tokens: 33,
    causal: true,
    bits: WHOLE,
};
/// Four heads that share the keys and values of 64 tokens: 8 lines.
const STEP: Dense = Dense { phase: Phase::Decode, heads: 4, tokens: 64, ..PROMPT };
const LINES: u64 = 8;
const QUERY: Bits = Bits(64 * 12);

fn spatten() -> Accelerator {
    tamis_arch::load("spatten").expect("a preset")
}

fn run(arch: &Accelerator, dense: &Dense, change: impl Fn(&mut Task)) -> Outcome {
    let mut tasks = dense.tasks();
    tasks.iter_mut().for_each(change);
    play(arch, dense, tasks, &Options::default()).expect("it runs")
}

fn plain(dense: &Dense) -> Outcome {
    run(&spatten(), dense, |_| {})
}

/// How often an action that passes happened in a block.
fn count(outcome: &Outcome, block: Block, passes: impl Fn(&Action) -> bool) -> u64 {
    let found =
        outcome.blocks.iter().find(|found| found.block == block).expect("every block is there");
    found.events.iter().filter(|events| passes(&events.action)).map(|events| events.count).sum()
}

fn reads(outcome: &Outcome, block: Block, word: Bits) -> u64 {
    count(outcome, block, |action| match *action {
        Action::SramRead { width, .. } | Action::RegisterRead { width, .. } => width == word,
        _ => false,
    })
}

fn writes(outcome: &Outcome, block: Block, word: Bits) -> u64 {
    count(outcome, block, |action| match *action {
        Action::SramWrite { width, .. } | Action::RegisterWrite { width } => width == word,
        _ => false,
    })
}

fn all(outcome: &Outcome, block: Block) -> u64 {
    count(outcome, block, |_| true)
}

/// Transactions on the data buses: none is forwarded here.
fn moved(outcome: &Outcome) -> (u64, u64) {
    let bytes = |of: fn(&tamis_dram::Stats) -> Bytes| -> u64 {
        outcome.channels.iter().map(|channel| of(channel).0).sum()
    };
    (bytes(|stats| stats.read_bytes) / 32, bytes(|stats| stats.written_bytes) / 32)
}

#[test]
fn importance_costs_nothing_where_nothing_is_ranked() {
    let dense = plain(&PROMPT);
    let adds = |outcome: &Outcome| {
        count(outcome, Block::PvArray, |action| matches!(action, Action::Add { .. }))
    };
    for block in [Block::Importance, Block::TokenTopk, Block::ValueTopk] {
        assert_eq!(all(&dense, block), 0, "{}", block.name());
    }
    assert_eq!(adds(&dense), 0);
    let weighed = run(&spatten(), &PROMPT, |task| {
        (task.weighs.tokens, task.weighs.heads) = (true, true);
    });
    let probabilities = 33 * 34 / 2;
    // Read, added to, written.
    assert_eq!(all(&weighed, Block::Importance), 3 * probabilities);
    assert_eq!(adds(&weighed), 33 * 64);
    assert_eq!(weighed.elapsed, dense.elapsed);
}

#[test]
fn a_query_is_read_when_another_stood_at_the_array_before() {
    // Row by row: once.
    let prompt = plain(&PROMPT);
    assert_eq!(reads(&prompt, Block::KeyBuffer, QUERY), 33);
    assert_eq!(writes(&prompt, Block::KeyBuffer, QUERY), 33);
    // Line by line: rows take turns at every line.
    let step = plain(&STEP);
    assert_eq!(reads(&step, Block::KeyBuffer, QUERY), 4 * LINES);
    assert_eq!(writes(&step, Block::KeyBuffer, QUERY), 4);
    // A row alone stays, even when it is computed again.
    let alone = Dense { heads: 1, bits: PLANES, ..STEP };
    let again = run(&spatten(), &alone, |task| task.rows[0].refetch = true);
    assert_eq!(reads(&again, Block::KeyBuffer, QUERY), 1);
    assert_eq!(writes(&again, Block::KeyBuffer, QUERY), 1);
}

#[test]
fn sums_of_rows_that_take_turns_wait_in_memory_between_lines() {
    let sums = Bits(64 * spatten().output_accumulator_bits());
    let step = plain(&STEP);
    assert_eq!(writes(&step, Block::PvArray, sums), 4 * (LINES - 1));
    assert_eq!(reads(&step, Block::PvArray, sums), 4 * (LINES - 1));
    for alone in [PROMPT, Dense { heads: 1, ..STEP }] {
        let outcome = plain(&alone);
        assert_eq!(
            writes(&outcome, Block::PvArray, sums) + reads(&outcome, Block::PvArray, sums),
            0
        );
    }
}

#[test]
fn a_word_of_probabilities_is_read_with_each_line_of_values() {
    let word = Bits(8 * 18);
    let outcome = plain(&STEP);
    assert_eq!(writes(&outcome, Block::ValueBuffer, word), 4 * LINES);
    assert_eq!(reads(&outcome, Block::ValueBuffer, word), 4 * LINES);
    // Lines of 16 values take two words.
    let narrow = plain(&Dense { head_dim: 32, ..STEP });
    assert_eq!(reads(&narrow, Block::ValueBuffer, word), 4 * (64 / 16) * 2);
}

#[test]
fn what_is_written_crosses_the_crossbar_too() {
    let outcome = plain(&PROMPT);
    let (read, written) = moved(&outcome);
    // An output of 64 values of 12 bits is three transactions.
    assert_eq!(written, 33 * 3);
    let crossed = |inputs, width| {
        let matrix = Action::Crossbar { inputs, outputs: 32, width: Bits(width) };
        count(&outcome, Block::Crossbar, |action| *action == matrix)
    };
    assert_eq!(crossed(33, 40), read + written);
    assert_eq!(crossed(1, 256), written);
    assert_eq!(crossed(32, 256), read);
    let queued = |width| {
        let queue = Action::Fifo { entries: 16, width: Bits(width) };
        count(&outcome, Block::Crossbar, |action| *action == queue)
    };
    assert_eq!((queued(40), queued(40 + 256)), (read, written));
}

#[test]
fn outputs_wait_for_the_other_heads_of_their_query() {
    let waits = Action::Fifo { entries: 64, width: QUERY };
    for (dense, rows) in [(PROMPT, 33), (STEP, 4)] {
        let outcome = plain(&dense);
        assert_eq!(count(&outcome, Block::Writeback, |action| *action == waits), rows);
    }
}

#[test]
fn a_transaction_passes_every_stage_of_the_barrel_shifter() {
    let outcome = plain(&PROMPT);
    let shift = Action::Shift { width: Bits(256) };
    // 2^8 places.
    let stages = 8 * moved(&outcome).0;
    assert_eq!(count(&outcome, Block::Widen, |action| *action == shift), stages);
}

#[test]
fn each_row_fills_lines_of_its_own_in_the_row_buffer() {
    // Rows of 1 to 33 scores, 8 a line: 8 rows each of 1, 2, 3 and 4 lines, one of 5.
    let lines = 8 * (1 + 2 + 3 + 4) + 5;
    let mut arch = spatten();
    for (model, times) in [(SoftmaxModel::Modelled, 2), (SoftmaxModel::Wire, 1)] {
        arch.softmax.model = model;
        let outcome = run(&arch, &PROMPT, |_| {});
        let word = Bits(8 * arch.score_bits());
        assert_eq!(reads(&outcome, Block::Softmax, word), times * lines);
        assert_eq!(writes(&outcome, Block::Softmax, word), times * lines);
    }
}

/// Ten of 40 keys: nine of them above the second pivot and one equal to it.
fn ten_of_forty() -> Selection {
    let rounds = vec![
        Round { candidates: 40, greater: 18, equal: 1 },
        Round { candidates: 18, greater: 9, equal: 1 },
    ];
    Selection { candidates: 40, keep: 10, rounds }
}

#[test]
fn top_k_reads_and_writes_rows_of_which_the_last_of_a_round_is_not_full() {
    let arch = spatten();
    let scene = Dense { heads: 1, tokens: 40, ..STEP };
    let of_values = run(&arch, &scene, |task| task.rows[0].select = Some(ten_of_forty()));
    let of_tokens = run(&arch, &scene, |task| {
        task.weighs.tokens = true;
        task.layer_end = Some(LayerEnd { tokens: Some(ten_of_forty()), heads: None });
    });
    // Sixteen lanes. Keys: 3 rows come in, and are read in the first round and in the last pass. Then
    // 18 above (2 rows) and 21 below (2); the 18 are read, and leave 9 (1) and 8 (1).
    let (written, read) = (3 + 2 + 2 + 1 + 1, 3 + 2 + 3);
    for (outcome, block, key) in [
        (&of_values, Block::ValueTopk, arch.score_bits()),
        (&of_tokens, Block::TokenTopk, arch.formats.importance.0),
    ] {
        let row = Bits(16 * (key + TOKEN));
        assert_eq!(writes(outcome, block, row), written, "{}", block.name());
        assert_eq!(reads(outcome, block, row), read, "{}", block.name());
        let compared = count(outcome, block, |action| matches!(action, Action::Compare { .. }));
        // Each key of a round with the pivot, and all with the threshold.
        assert_eq!(compared, 40 + 18 + 40, "{}", block.name());
    }
}

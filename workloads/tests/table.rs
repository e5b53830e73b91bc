//! The authors' tables: their totals, their schedules, and the traffic of their own bench.

use std::{io::Write, path::PathBuf};

use tamis_arch::blocks::Pivot;
use tamis_workloads::{
    plan::{KeySet, Phase, Task},
    quickselect::PivotRule,
    table::{Replay, Table, TablePlan, TableSummary, Widths},
};

const SMALL: &str = "tests/tables/small.csv";
const GPT2_SMALL: &str = "tests/tables/gpt2-small-wikitext2-iterations-0-1.csv";
const GPT2_MEDIUM: &str = "tests/tables/gpt2-medium-wikitext2-iteration-31.csv";

const PIVOTS: PivotRule = PivotRule { pivot: Pivot::Random, seed: 1 };
const AS_WRITTEN: Replay =
    Replay { widths: Widths::AsWritten, round_counts: false, pivots: PIVOTS };
const BENCH: Replay = Replay { widths: Widths::Bench, round_counts: true, pivots: PIVOTS };

fn open(path: &str) -> Table {
    Table::open(path).unwrap()
}

fn tasks(path: &str, replay: Replay) -> Vec<Task> {
    TablePlan::new(&open(path), replay).collect()
}

#[test]
fn the_last_line_names_the_configuration() {
    let table = open(SMALL);
    let name = "configs/gpt2/ptb/medium_baseline_train+eval.yml";
    assert_eq!(table.configuration.as_deref(), Some(name));
    assert_eq!(table.head_dim, 64);
    // Of the whole file in the authors' repository.
    assert_eq!(table.sha256, "51150d785d94fe2b195e04c53ce0bbdaa2a55956b8ea6d07cb1f924e8f2cf404");
}

#[test]
fn a_row_has_what_its_line_says() {
    let row = open(GPT2_SMALL).rows[0];
    assert_eq!((row.iteration, row.layer, row.head, row.length), (0, 0, 0, 993));
    assert_eq!((row.keys, row.key_bits, row.query_bits), (993, Some(6), Some(16)));
    assert_eq!((row.threshold, row.refetch, row.lsb_bits), (Some(0.05), true, Some(4)));
    assert_eq!((row.values, row.value_bits, row.topk), (204, Some(6), None));
    assert!(row.accumulates && !row.rescales);
    let dense = open(SMALL).rows[0];
    assert_eq!((dense.key_bits, dense.value_bits, dense.lsb_bits), (None, None, None));
}

/// Keys per layer in iteration 1 of the pruned GPT-2-small run: 0.9, 0.7, 0.2 and 0.1 of 1024,
/// in 1, 1, 4 and 6 layers of 12 heads; values a fifth of these. Nothing is pruned in iteration 0.
#[test]
fn totals_of_the_excerpt_follow_from_the_schedule() {
    let keys = 12 * (921 + 716 + 4 * 204 + 6 * 102);
    let values = 12 * (184 + 143 + 4 * 40 + 6 * 20);
    let expected = TableSummary {
        rows: 288,
        tokens: 144 * (993 + 994),
        keys: 144 * 993 + keys,
        values: 144 * 204 + values,
        refetched_rows: 51 + 24,
    };
    assert_eq!(open(GPT2_SMALL).summary(), expected);
}

/// 16 heads in layers 0 to 15, 13 in 16 to 21, 10 in 22 and 23.
#[test]
fn pruned_heads_leave_compact_ids() {
    let table = open(GPT2_MEDIUM);
    let heads = |layer| table.rows.iter().filter(|row| row.layer == layer).count();
    let found: Vec<usize> = (0..24).map(heads).collect();
    assert_eq!(found, [[16; 16].as_slice(), &[13; 6], &[10; 2]].concat());
    assert_eq!(table.rows.len(), 354);
}

#[test]
fn a_task_has_the_counts_of_its_row() {
    for path in [SMALL, GPT2_SMALL, GPT2_MEDIUM] {
        let (table, tasks) = (open(path), tasks(path, AS_WRITTEN));
        assert_eq!(tasks.len(), table.rows.len());
        let mut place = None;
        for (row, task) in table.rows.iter().zip(tasks) {
            assert_eq!((task.step, task.layer, task.kv_head), (row.iteration, row.layer, row.head));
            assert_eq!(task.phase, Phase::Decode);
            let starts_layer =
                place.replace((row.iteration, row.layer)) != Some((row.iteration, row.layer));
            assert_eq!(task.appended, starts_layer.then_some(row.length - 1));
            assert_eq!(task.tokens.len(), row.keys as usize);
            let [planned] = &task.rows[..] else { panic!("one row a task") };
            assert_eq!((planned.head, planned.token), (row.head, row.length - 1));
            assert_eq!((planned.visible.clone(), planned.refetch), (0..row.keys, row.refetch));
            assert_eq!(planned.kept.len(), row.values);
            assert_eq!(planned.select.is_some(), row.values < row.keys);
            assert_eq!(task.values_ahead, row.values == row.keys);
            if let Some(select) = &planned.select {
                assert_eq!((select.candidates, select.keep), (row.keys, row.values));
                assert_eq!(select.rounds[0].candidates, row.keys);
            }
        }
    }
}

#[test]
fn kept_values_are_among_the_keys() {
    for task in tasks(GPT2_SMALL, AS_WRITTEN) {
        let KeySet::Bits { start: 0, words } = &task.rows[0].kept else { panic!("pruned rows") };
        let last = words.last().expect("at least one value");
        assert_ne!(*last, 0, "no word is empty at the end");
        let highest = 64 * words.len() - last.leading_zeros() as usize;
        assert!(highest <= task.tokens.len(), "place {} is not a key", highest - 1);
    }
}

/// What a cascade does: ascending, the newest there, and each layer within the one before.
#[test]
fn keys_of_a_step_are_nested() {
    for path in [GPT2_SMALL, GPT2_MEDIUM] {
        let tasks = tasks(path, AS_WRITTEN);
        for task in &tasks {
            assert!(task.tokens.is_sorted_by(|a, b| a < b));
            assert!(task.appended.is_none_or(|newest| task.tokens.last() == Some(&newest)));
        }
        for pair in tasks.windows(2).filter(|pair| pair[0].step == pair[1].step) {
            assert!(pair[1].tokens.iter().all(|token| pair[0].tokens.binary_search(token).is_ok()));
        }
    }
}

/// Keys that stay from step to step, as tokens that matter do, but for the newest.
#[test]
fn keys_stay_from_one_step_to_the_next() {
    let text = std::fs::read_to_string(GPT2_SMALL).unwrap();
    let next = text.replace("\n1,", "\n2,").replace(",994,", ",995,");
    let deepest = |text: &str| {
        let table = Table::from_bytes("t", text.as_bytes()).unwrap();
        TablePlan::new(&table, AS_WRITTEN).last().unwrap().tokens
    };
    let (before, after) = (deepest(&text), deepest(&next));
    let stay = after.iter().filter(|token| before.contains(token)).count();
    assert_eq!((before.len(), after.len()), (102, 102));
    assert_eq!(stay, 101);
}

/// The choice at the end of a layer is as large as the next layer, and at the end of a step it is
/// from all tokens for the first layer of the next.
#[test]
fn layers_end_with_the_choice_of_the_next_ones_tokens() {
    let tasks = tasks(GPT2_SMALL, AS_WRITTEN);
    let ends: Vec<_> = tasks.iter().filter_map(|task| task.layer_end.as_ref()).collect();
    assert_eq!(ends.len(), 24);
    let choices: Vec<_> = ends
        .iter()
        .map(|end| end.tokens.as_ref().map(|choice| (choice.candidates, choice.keep)))
        .collect();
    let mut expected = vec![None; 24];
    expected[11] = Some((993, 921));
    expected[12] = Some((921, 716));
    expected[13] = Some((716, 204));
    expected[17] = Some((204, 102));
    expected[23] = Some((994, 921));
    assert_eq!(choices, expected);
    for (end, next) in tasks.iter().zip(&tasks[1..]) {
        let chosen = end.layer_end.as_ref().and_then(|end| end.tokens.as_ref());
        if let Some(chosen) = chosen {
            assert_eq!(chosen.keep as usize, next.tokens.len());
        }
    }
}

#[test]
fn widths_are_those_of_the_bench_or_those_of_the_columns() {
    let widths = |path, replay| {
        let task: Task = tasks(path, replay).swap_remove(0);
        let bits = task.bits;
        (bits.key_msb, bits.key_lsb, bits.value, task.rows[0].refetch)
    };
    assert_eq!(widths(SMALL, BENCH), (8, 4, 8, true));
    assert_eq!(widths(SMALL, AS_WRITTEN), (12, 0, 12, false));
    assert_eq!(widths(GPT2_SMALL, BENCH), (6, 4, 6, true));
    assert_eq!(widths(GPT2_SMALL, AS_WRITTEN), (6, 4, 6, true));
    assert_eq!(widths(GPT2_MEDIUM, BENCH), (8, 4, 8, true));
    assert_eq!(widths(GPT2_MEDIUM, AS_WRITTEN), (12, 0, 8, false));
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let other = Replay { pivots: PivotRule { seed: 2, ..PIVOTS }, ..AS_WRITTEN };
    assert_eq!(tasks(GPT2_MEDIUM, AS_WRITTEN), tasks(GPT2_MEDIUM, AS_WRITTEN));
    let (one, two) = (tasks(GPT2_MEDIUM, AS_WRITTEN), tasks(GPT2_MEDIUM, other));
    assert_ne!(one.last().unwrap().tokens, two.last().unwrap().tokens);
    let rows = |tasks: &[Task]| tasks[0].rows[0].clone();
    assert_ne!(rows(&one).kept, rows(&two).kept);
    assert_ne!(one[0].rows[0].kept, one[1].rows[0].kept, "heads choose apart");
}

/// Bytes of K, refetched LSBs and V, in vectors of 64.
fn bytes(tasks: &[Task]) -> u64 {
    let of = |task: &Task| {
        let (keys, values) = (task.tokens.len() as u64, u64::from(task.rows[0].kept.len()));
        let lsb = if task.rows[0].refetch { task.bits.key_lsb } else { 0 };
        let key_bits = keys * u64::from(task.bits.key_msb + lsb);
        64 * (key_bits + values * u64::from(task.bits.value)) / 8
    };
    tasks.iter().map(of).sum()
}

/// One row of 993 is 1000 vectors of 8 bits, 4 bits more of K, and as many V of 8 bits.
#[test]
fn the_bench_fetches_what_its_authors_table_asks_for() {
    assert_eq!(bytes(&tasks(SMALL, BENCH)), 1000 * (64 + 32 + 64));
}

/// The whole tables are not in the repository; `TAMIS_TABLES` names the folder that has them.
/// Totals derived from the files apart from this program, with the bench's own rules.
#[test]
fn whole_tables_have_the_totals_derived_from_them() {
    let Some(folder) = std::env::var_os("TAMIS_TABLES").map(PathBuf::from) else {
        // Not `eprintln!`, which the test harness would hide.
        let note = "SKIPPED: TAMIS_TABLES is not set, so the whole tables were not checked";
        writeln!(std::io::stderr(), "{note}").unwrap();
        return;
    };
    let medium =
        "summary-gpt2-medium-wikitext2-per0-hp-step5+dedic+glob_p+local_p+hp+topk+quant.csv";
    for (file, [rows, tokens, keys, values, refetched_rows], bench) in [
        ("small.csv", [1, 993, 993, 993, 0], (1, 160_000)),
        (
            "summary-gpt2-medium-ptb-per0.csv",
            [12_288, 12_392_448, 12_392_448, 12_392_448, 0],
            (12_288, 1_989_672_960),
        ),
        (medium, [11_328, 11_424_288, 6_143_004, 1_848_398, 0], (11_328, 714_776_576)),
        (
            "summary-gpt2-small-wikitext2-per8-step1+dedic.csv",
            [4608, 4_647_168, 4_647_168, 4_647_168, 0],
            (4608, 746_127_360),
        ),
        (
            "summary-gpt2-small-wikitext2-per8.csv",
            [4608, 4_647_168, 1_283_172, 255_180, 323],
            (323, 83_704_064),
        ),
    ] {
        let table = Table::open(folder.join(file)).unwrap();
        let expected = TableSummary { rows, tokens, keys, values, refetched_rows };
        assert_eq!(table.summary(), expected, "{file}");
        let tasks: Vec<Task> = TablePlan::new(&table, BENCH).collect();
        let refetched = tasks.iter().filter(|task| task.rows[0].refetch).count();
        assert_eq!((refetched, bytes(&tasks)), bench, "{file}");
    }
}

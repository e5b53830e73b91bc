//! Lines of keys leave when they are there, for one row after the other or for all rows of a batch
//! line by line; room is given back once, when nobody reads what it holds.

mod memory;
mod oracle;
mod scenes;
mod surroundings;

use proptest::prelude::*;
use tamis_sim::work::WorkTable;

use self::surroundings::{Setting, drive};
use crate::{
    bench::{batches, cutter, spatten},
    workload::{Shape, any_shape},
};

/// Room beyond the least that the work needs, and the patience of the neighbours.
#[derive(Clone, Debug)]
struct Around {
    spare: [u32; 4],
    lanes: u32,
    query_traffic: bool,
    poll: Option<u64>,
    times: [u64; 3],
    rate: usize,
    disorder: usize,
    patience: [Vec<bool>; 4],
    /// Keys in a line, and what their number is rounded up to.
    width: u32,
    round_to: u32,
}

fn any_around() -> impl Strategy<Value = Around> {
    let pattern = || prop::collection::vec(any::<bool>(), 1..6);
    let spare = prop::array::uniform4(prop_oneof![Just(0_u32), 0_u32..8, Just(1000)]);
    let patience = [pattern(), pattern(), pattern(), pattern()];
    let times = [1_u64..6, 1..30, 1..30];
    let poll = prop::option::weighted(0.3, 1_u64..7);
    let sizes = (0_u32..4, 0_u32..4, prop_oneof![Just(1_u32), Just(5), Just(16)]);
    (spare, any::<bool>(), poll, times, 1_usize..40, 1_usize..6, patience, sizes).prop_map(
        |(spare, query_traffic, poll, times, rate, disorder, patience, sizes)| Around {
            spare,
            lanes: 1 << sizes.0,
            query_traffic,
            poll,
            times,
            rate,
            disorder,
            patience,
            width: 1 << sizes.1,
            round_to: sizes.2,
        },
    )
}

/// The work of a shape on lines of `width` keys, not more than a few tasks of it. In decode, keys that
/// are read twice stay, or none do.
fn work(shape: &Shape, (width, round_to): (u32, u32), stay: bool) -> WorkTable {
    let mut arch = spatten();
    arch.qk_array.multipliers = width * shape.head_dim;
    let mut cutter = cutter(&arch, shape.dimensions());
    cutter.key_lines = if stay || !shape.decode { 1 << 20 } else { shape.kv_heads };
    cutter.round_counts_to = round_to;
    let mut tasks = shape.tasks();
    tasks.truncate(6);
    batches(&cutter, &tasks)
}

/// The least lines, rows and lines of probabilities with which a batch can be worked on.
fn least(table: &WorkTable, lanes: u32) -> [u32; 3] {
    let lines = |row: u32| table.row(row).visible.clone().count().div_ceil(lanes as usize);
    let mut least = [0; 3];
    for batch in (0..).map_while(|id| table.get(id)) {
        let keeps = batch.heads * if batch.resident { batch.blocks() } else { 1 };
        let (rows, row_lines) = if batch.line_by_line() {
            (batch.rows.len(), batch.rows.clone().map(lines).sum())
        } else {
            (1, batch.rows.clone().map(lines).max().unwrap())
        };
        let needs = [keeps, u32::try_from(rows).unwrap(), u32::try_from(row_lines).unwrap()];
        least = std::array::from_fn(|of| needs[of].max(least[of]));
    }
    least
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_line_and_every_credit_in_the_cycle_of_the_oracle(
        shape in any_shape(),
        stay in any::<bool>(),
        around in any_around(),
    ) {
        let shape =
            Shape { kv_heads: shape.kv_heads.min(3), tokens: shape.tokens.min(24), ..shape };
        let table = work(&shape, (around.width, around.round_to), stay);
        let [lines, rows, row_lines] = least(&table, around.lanes);
        let setting = Setting {
            lines: lines + around.spare[0],
            queries: 1 + around.spare[1],
            rows: rows + around.spare[2],
            row_lines: row_lines + around.spare[3],
            lanes: around.lanes,
            query_traffic: around.query_traffic,
            poll: around.poll,
            read_latency: around.times[0],
            memory: around.times[1],
            decision: around.times[2],
            rate: around.rate,
            disorder: around.disorder,
            patience: around.patience,
            ..Setting::generous(&table)
        };
        let (seen, _) = drive(&setting);
        prop_assert!(seen.ended, "it never ends");
    }
}

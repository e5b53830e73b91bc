//! Values are asked for once, in order; each row gets the lines that hold a value it keeps, and its end
//! once, when they are there.

mod oracle;
mod scenes;
mod surroundings;

use proptest::prelude::*;
use tamis_sim::work::WorkTable;

use self::{
    oracle::{all_asked, all_served},
    surroundings::{Setting, asked, drive},
};
use crate::{
    bench::{batches, cutter, spatten},
    workload::{Shape, any_shape},
};

/// Room beyond the least that the work needs, and the patience of the neighbours.
#[derive(Clone, Debug)]
struct Around {
    /// Lines of values, and of probabilities; without, there is room for all.
    spare: Option<[u32; 2]>,
    lanes: u32,
    fetch_lanes: u32,
    skip: u32,
    poll: Option<u64>,
    read_latency: u64,
    memory: u64,
    rate: usize,
    disorder: usize,
    made_from: u64,
    patience: [Vec<bool>; 5],
    /// Values in a line, and what the number of keys is rounded up to.
    width: u32,
    round_to: u32,
}

fn any_around() -> impl Strategy<Value = Around> {
    let spare = prop::option::of(prop::array::uniform2(prop_oneof![Just(0_u32), 0_u32..8]));
    let lanes = (0_u32..6, 0_u32..7, prop_oneof![1_u32..5, Just(64)]);
    let poll = prop::option::weighted(0.3, 1_u64..7);
    let times = (1_u64..6, 1_u64..30, 1_usize..40, 1_usize..6, prop_oneof![Just(0_u64), 0_u64..90]);
    let patience = prop::array::uniform5(prop::collection::vec(any::<bool>(), 1..6));
    let sizes = (0_u32..4, prop_oneof![Just(1_u32), Just(5), Just(16)]);
    (spare, lanes, poll, times, patience, sizes).prop_map(
        |(spare, lanes, poll, times, mut patience, sizes)| {
            if spare.is_none() {
                patience[2] = Vec::new();
            }
            Around {
                spare,
                lanes: 1 << lanes.0,
                fetch_lanes: 1 << lanes.1,
                skip: lanes.2,
                poll,
                read_latency: times.0,
                memory: times.1,
                rate: times.2,
                disorder: times.3,
                made_from: if poll.is_some() { 0 } else { times.4 },
                patience,
                width: 1 << sizes.0,
                round_to: sizes.1,
            }
        },
    )
}

/// The work of a shape on lines of `width` values, not more than a few tasks of it.
fn work(shape: &Shape, (width, round_to): (u32, u32)) -> WorkTable {
    let mut arch = spatten();
    arch.pv_array.multipliers = width * shape.head_dim;
    let mut cutter = cutter(&arch, shape.dimensions());
    (cutter.value_lines, cutter.key_lines) = (1 << 20, 1 << 20);
    cutter.round_counts_to = round_to;
    let mut tasks = shape.tasks();
    tasks.truncate(6);
    batches(&cutter, &tasks)
}

/// The least lines of values and of `lanes` probabilities with which a batch can be worked on.
fn least(table: &WorkTable, lanes: u32) -> [u32; 2] {
    let lines = |row: u32| {
        let keys = table.row(row).visible.end - table.row(row).visible.start;
        keys.div_ceil(lanes)
    };
    let mut least = [0; 2];
    for batch in (0..).map_while(|id| table.get(id)) {
        let rows = batch.rows.clone().map(lines);
        let needs = if batch.line_by_line() {
            let sharing = batch.value_groups.iter().map(|group| group.heads).max();
            [sharing.unwrap(), rows.sum()]
        } else {
            [batch.value_lines() * batch.heads, rows.max().unwrap()]
        };
        least = std::array::from_fn(|of| needs[of].max(least[of]));
    }
    least
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_value_is_asked_for_once_and_each_row_gets_what_it_keeps_in_the_cycle_of_the_oracle(
        shape in any_shape(),
        around in any_around(),
    ) {
        let shape =
            Shape { kv_heads: shape.kv_heads.min(3), tokens: shape.tokens.min(24), ..shape };
        let table = work(&shape, (around.width, around.round_to));
        let [lines, queue] = least(&table, around.lanes);
        let mut setting = Setting {
            lanes: around.lanes,
            fetch_lanes: around.fetch_lanes,
            skip: around.skip,
            poll: around.poll,
            read_latency: around.read_latency,
            memory: around.memory,
            rate: around.rate,
            disorder: around.disorder,
            made_from: around.made_from,
            patience: around.patience,
            ..Setting::generous(&table)
        };
        if let Some([spare_lines, spare_queue]) = around.spare {
            (setting.lines, setting.queue) = (lines + spare_lines, queue + spare_queue);
            setting.exact = false;
        }
        let (seen, _) = drive(&setting);
        prop_assert!(seen.ended, "it never ends");
        prop_assert_eq!(asked(&seen), all_asked(&table));
        let served = seen.lines.iter().map(|(_, line)| line);
        let served: Vec<(u32, u32)> = served
            .filter(|line| line.values > 0)
            .map(|line| (line.row, line.values))
            .collect();
        prop_assert_eq!(served, all_served(&table));
        // A row ends with its last line, or behind it.
        for row in seen.lines.iter().map(|(_, line)| line.row) {
            let of_row: Vec<_> = seen.lines.iter().filter(|(_, line)| line.row == row).collect();
            let (last, before) = of_row.split_last().unwrap();
            prop_assert!(last.1.last && before.iter().all(|(_, line)| !line.last && line.values > 0));
        }
    }
}

//! Batches and rows go out once, in the order of the plan, when what they wait for is there.

mod oracle;
mod scenes;

use std::collections::VecDeque;

use proptest::prelude::*;
use tamis_arch::{
    blocks::{self, LayerBarrier},
    units::{Cycle, Cycles},
};
use tamis_sim::{
    blocks::sequencer::{Sequencer, SequencerPorts},
    clock::Clock,
    component::Component,
    items::{BatchId, Candidates, Pass, SelectJob},
    link::Link,
    outcome::BlockOutcome,
    stats::Ledger,
    work::{Batch, WorkTable},
};

use self::oracle::Oracle;
use crate::{
    bench::{Pipe, batches, cutter, moves, spatten, wire},
    workload::{Shape, any_shape},
};

/// A sequencer and the patience of its neighbours.
struct Setting<'a> {
    table: &'a WorkTable,
    spec: blocks::Sequencer,
    /// Cycles from the last row of a batch to its being written, and to the selections at its layer's end.
    written_after: u64,
    selected_after: u64,
    /// In which cycles loads, news of what is made, appends and rows are taken.
    patience: [Vec<bool>; 4],
    /// Rows, and appends, are taken from these cycles on.
    rows_from: u64,
    appends_from: u64,
    cycles: u64,
}

impl<'a> Setting<'a> {
    fn generous(table: &'a WorkTable, spec: blocks::Sequencer) -> Self {
        Self {
            table,
            spec,
            written_after: 1,
            selected_after: 1,
            patience: [const { Vec::new() }; 4],
            rows_from: 0,
            appends_from: 0,
            cycles: 1000,
        }
    }
}

/// What came out, each with its cycle.
#[derive(Default)]
struct Seen {
    loads: Vec<(u64, BatchId)>,
    made: Vec<(u64, BatchId)>,
    appends: Vec<(u64, BatchId)>,
    passes: Vec<(u64, Pass)>,
    /// Batches that were written, each with the cycle in which the sequencer hears of it.
    written: Vec<(u64, BatchId)>,
    /// Selections, likewise.
    selected: Vec<u64>,
}

impl Seen {
    /// When the first row of a batch came.
    fn first_row(&self, table: &WorkTable, batch: BatchId) -> u64 {
        let first = table.batch(batch).rows.start;
        self.passes.iter().find(|(_, pass)| pass.first == first).expect("it came").0
    }
}

/// Takes what a link and its oracle give: the same.
fn take<T: PartialEq + std::fmt::Debug>(
    (link, pipe): (&mut Link<T>, &mut Pipe<T>),
    clock: &mut Clock,
    may: bool,
) -> Option<T> {
    let now = clock.now().0;
    let item = may.then(|| link.pop(clock)).flatten();
    assert_eq!(item, may.then(|| pipe.pop(now)).flatten(), "in cycle {now}");
    item
}

/// The links out of the sequencer.
struct Links {
    loads: Link<BatchId>,
    value_loads: Link<BatchId>,
    made: Link<BatchId>,
    values_made: Link<BatchId>,
    appends: Link<BatchId>,
    passes: Link<Pass>,
}

impl Links {
    fn new(latency: Cycles) -> Self {
        Self {
            loads: wire(latency),
            value_loads: wire(latency),
            made: wire(latency),
            values_made: wire(latency),
            appends: wire(latency),
            passes: wire(latency),
        }
    }

    fn take(
        &mut self,
        oracle: &mut Oracle<'_>,
        setting: &Setting<'_>,
        clock: &mut Clock,
        seen: &mut Seen,
    ) {
        let now = clock.now().0;
        let [loads, made, appends, rows] =
            std::array::from_fn(|of| moves(&setting.patience[of], clock));
        let out = &mut oracle.out;
        let load = take((&mut self.loads, &mut out.loads), clock, loads);
        take((&mut self.value_loads, &mut out.value_loads), clock, loads);
        let is_made = take((&mut self.made, &mut out.made), clock, made);
        take((&mut self.values_made, &mut out.values_made), clock, made);
        let may = appends && now >= setting.appends_from;
        let append = take((&mut self.appends, &mut out.appends), clock, may);
        let may = rows && now >= setting.rows_from;
        let pass = take((&mut self.passes, &mut out.passes), clock, may);
        seen.loads.extend(load.map(|batch| (now, batch)));
        seen.made.extend(is_made.map(|batch| (now, batch)));
        seen.appends.extend(append.map(|batch| (now, batch)));
        seen.passes.extend(pass.map(|pass| (now, pass)));
    }
}

/// What is selected at the end of a batch's layer: tokens, then heads.
fn selections(batch: &Batch) -> impl Iterator<Item = SelectJob> {
    let end = batch.layer_end.clone().unwrap_or_default();
    let of = [end.tokens.map(|_| Candidates::Tokens), end.heads.map(|_| Candidates::Heads)];
    let batch = batch.id;
    of.into_iter().flatten().map(move |of| SelectJob { batch, of })
}

/// Runs the sequencer and the oracle side by side: in every cycle the same comes out of both.
fn drive(setting: &Setting<'_>) -> (Seen, BlockOutcome) {
    let table = setting.table;
    let mut sequencer = Sequencer::new(&setting.spec, Ledger::default());
    let mut oracle = Oracle::new(table, &setting.spec);
    let mut links = Links::new(setting.spec.latency);
    let (mut written, mut selected) = (wire(Cycles(1)), wire(Cycles(1)));
    let (mut to_write, mut to_select) = (VecDeque::new(), VecDeque::new());
    let (mut seen, mut clock) = (Seen::default(), Clock::new());
    for now in 0..setting.cycles {
        clock.advance(Cycle(now));
        // What was sent in the cycle before is heard now.
        if seen.written.last().is_some_and(|&(at, _)| at == now) {
            oracle.written += 1;
        }
        oracle.selected += usize::from(seen.selected.last() == Some(&now));
        let before = seen.passes.len();
        links.take(&mut oracle, setting, &mut clock, &mut seen);
        if let Some(&(_, pass)) = seen.passes.get(before) {
            let batch = table.batch_of(pass.first);
            if pass.first + pass.rows == batch.rows.end {
                to_write.push_back((now + setting.written_after, batch.id));
                let asked = now + setting.selected_after;
                to_select.extend(selections(batch).map(|job| (asked, job)));
            }
        }
        if let Some((_, batch)) = to_write.pop_front_if(|(at, _)| *at <= now) {
            written.push(&mut clock, batch);
            seen.written.push((now + 1, batch));
        }
        if let Some((_, job)) = to_select.pop_front_if(|(at, _)| *at <= now) {
            selected.push(&mut clock, job);
            seen.selected.push(now + 1);
        }
        oracle.tick(now);
        let ports = SequencerPorts {
            table,
            loads: &mut links.loads,
            value_loads: &mut links.value_loads,
            made: &mut links.made,
            values_made: &mut links.values_made,
            appends: &mut links.appends,
            passes: &mut links.passes,
            selected: &mut selected,
            written: &mut written,
        };
        sequencer.tick(&mut clock, ports);
    }
    let outcome = sequencer.close(Cycle(setting.cycles));
    assert_eq!(outcome.activity, oracle.activity);
    assert_eq!(outcome.activity.total(), Cycles(setting.cycles));
    (seen, outcome)
}

fn any_barrier() -> impl Strategy<Value = LayerBarrier> {
    prop_oneof![Just(LayerBarrier::None), Just(LayerBarrier::Rows), Just(LayerBarrier::Operands)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn everything_goes_out_once_in_order_in_the_cycle_of_the_oracle(
        shape in any_shape(),
        layer_barrier in any_barrier(),
        write_traffic in any::<bool>(),
        latency in 1_u64..5,
        after in prop::array::uniform2(0_u64..30),
        patience in prop::array::uniform4(prop::collection::vec(any::<bool>(), 1..6)),
    ) {
        let shape = Shape { tokens: shape.tokens.min(16), ..shape };
        let mut tasks = shape.tasks();
        tasks.truncate(8);
        let table = batches(&cutter(&spatten(), shape.dimensions()), &tasks);
        let mut spec = spatten().sequencer;
        (spec.layer_barrier, spec.write_traffic) = (layer_barrier, write_traffic);
        spec.latency = Cycles(latency);
        let all = || (0..).map_while(|id| table.get(id));
        let rows = all().map(|batch| batch.rows.len() as u64).sum::<u64>();
        let mut setting = Setting::generous(&table, spec);
        [setting.written_after, setting.selected_after] = after;
        setting.patience = patience;
        // A row is taken every sixth cycle at worst, and each batch may wait for the one before.
        setting.cycles = 6 * rows + 100 * table.len() as u64 + 50;
        let (seen, _) = drive(&setting);
        let ids: Vec<BatchId> = all().map(|batch| batch.id).collect();
        let of = |seen: &[(u64, BatchId)]| seen.iter().map(|&(_, id)| id).collect::<Vec<_>>();
        prop_assert_eq!(of(&seen.loads), &ids[..]);
        prop_assert_eq!(of(&seen.made), &ids[..]);
        let appends = all().filter(|batch| write_traffic && batch.append.is_some());
        prop_assert_eq!(of(&seen.appends), appends.map(|batch| batch.id).collect::<Vec<_>>());
        let issued = seen.passes.iter().flat_map(|&(_, pass)| pass.first..pass.first + pass.rows);
        let in_order = all().flat_map(|batch| batch.rows.clone());
        prop_assert_eq!(issued.collect::<Vec<_>>(), in_order.collect::<Vec<_>>());
    }
}

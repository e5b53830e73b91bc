//! Rows pass or are selected from, in order; layers' selections go first; each takes the cycles of its
//! rounds.

mod oracle;
mod scenes;

use std::collections::VecDeque;

use proptest::prelude::*;
use tamis_arch::{
    blocks::{self, TopkModel},
    units::{Bits, Cycle, Cycles},
};
use tamis_sim::{
    blocks::topk::{Topk, TopkPorts},
    clock::Clock,
    component::Component,
    items::{Candidates, KeptLine, ProbLine, SelectJob},
    outcome::{Block, BlockOutcome},
    stats::Ledger,
    work::WorkTable,
};

use self::oracle::{Landed, Oracle};
use crate::{
    bench::{moves, spatten, table, wire},
    workload::{Shape, any_shape},
};

/// Token scores that the importance memory gives in a cycle.
const BANKS: u32 = 8;

/// Cycles in which the scores of a layer's selection come in, a row each: the heads' from registers.
fn load_cycles(spec: &blocks::Topk, of: Candidates, candidates: u32) -> u32 {
    let lanes = match of {
        Candidates::Tokens => spec.comparators.min(BANKS),
        Candidates::Heads => spec.comparators,
    };
    candidates.div_ceil(lanes)
}

/// What an engine is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Values alone (`engines = 2`).
    Values,
    /// Tokens and heads alone (`engines = 2`).
    Layers,
    /// All of them (`engines = 1`).
    Shared,
}

/// An engine, what comes to it, and the patience of its neighbours.
struct Setting<'a> {
    table: &'a WorkTable,
    spec: blocks::Topk,
    place: Place,
    /// Lines in their order, and tokens and heads to select, each with the cycle from which on it is sent.
    lines: VecDeque<(u64, ProbLine)>,
    jobs: [VecDeque<(u64, SelectJob)>; 2],
    /// In which cycles lines and jobs are sent, kept values are taken, and selections are taken.
    patience: [Vec<bool>; 4],
    /// Nothing is taken before this cycle.
    refused_until: u64,
    until: u64,
}

impl<'a> Setting<'a> {
    fn generous(table: &'a WorkTable, spec: blocks::Topk, place: Place) -> Self {
        Self {
            table,
            spec,
            place,
            lines: VecDeque::new(),
            jobs: [const { VecDeque::new() }; 2],
            patience: [const { Vec::new() }; 4],
            refused_until: 0,
            until: 100_000,
        }
    }
}

/// What came out, each with its cycle.
#[derive(Default)]
struct Seen {
    kept: Vec<(u64, KeptLine)>,
    selected: Vec<(u64, SelectJob)>,
}

/// Runs the engine and the oracle side by side: in every cycle the same comes out of both.
fn drive(setting: &Setting<'_>) -> (Seen, BlockOutcome) {
    let mut lines = setting.lines.clone();
    let mut jobs = setting.jobs.clone();
    let rows = lines.iter().filter(|(_, line)| line.last).count();
    let all = (rows, jobs.iter().map(VecDeque::len).sum());
    let mut engine = Topk::new(&setting.spec, BANKS, Block::ValueTopk, Bits(24), Ledger::default());
    let mut oracle = Oracle::new(setting.table, &setting.spec);
    let (mut weighed, mut kept) = (wire(Cycles(1)), wire(Cycles(1)));
    let (mut job_links, mut selected) = ([wire(Cycles(1)), wire(Cycles(1))], wire(Cycles(1)));
    let (mut seen, mut came, mut clock) = (Seen::default(), (0, 0), Clock::new());
    let (mut landed, mut end) = (Landed::default(), 0);
    let [give, ask, take, hear] = &setting.patience;
    while end < setting.until && came != all {
        clock.advance(Cycle(end));
        let now = end;
        let open = now >= setting.refused_until;
        if open && moves(take, &clock) {
            let line = kept.pop(&mut clock);
            assert_eq!(line, oracle.kept.pop(now), "kept values of cycle {now}");
            came.0 += usize::from(line.is_some_and(|line: KeptLine| line.last));
            seen.kept.extend(line.map(|line| (now, line)));
        }
        if open && moves(hear, &clock) {
            let job = selected.pop(&mut clock);
            assert_eq!(job, oracle.selected.pop(now), "selection of cycle {now}");
            came.1 += usize::from(job.is_some());
            seen.selected.extend(job.map(|job| (now, job)));
        }
        let mut sent = Landed::default();
        if moves(give, &clock) && weighed.can_push(&clock) {
            sent.line = lines.pop_front_if(|(at, _)| *at <= now).map(|(_, line)| line);
            sent.line.iter().for_each(|&line| weighed.push(&mut clock, line));
        }
        if moves(ask, &clock) {
            for ((of, link), sent) in jobs.iter_mut().zip(&mut job_links).zip(&mut sent.jobs) {
                *sent = of.pop_front_if(|(at, _)| *at <= now).map(|(_, job)| job);
                sent.iter().for_each(|&job| link.push(&mut clock, job));
            }
        }
        oracle.tick(now, std::mem::replace(&mut landed, sent));
        let [tokens, heads] = &mut job_links;
        let (values, layers) = (setting.place != Place::Layers, setting.place != Place::Values);
        let ports = TopkPorts {
            table: setting.table,
            weighed: values.then_some(&mut weighed),
            kept: values.then_some(&mut kept),
            jobs: [layers.then_some(tokens), layers.then_some(heads)],
            selected: layers.then_some(&mut selected),
        };
        engine.tick(&mut clock, ports);
        end += 1;
    }
    assert!(came == all || end == setting.until);
    assert_eq!(engine.work().1, oracle.rounds);
    let outcome = engine.close(Cycle(end));
    assert_eq!(outcome.activity, oracle.activity);
    assert_eq!(outcome.activity.total(), Cycles(end));
    (seen, outcome)
}

/// The probabilities of all rows, in lines of `lanes`.
fn probabilities(table: &WorkTable, lanes: u32) -> VecDeque<(u64, ProbLine)> {
    let mut lines = VecDeque::new();
    for batch in (0..).map_while(|id| table.get(id)) {
        for row in batch.rows.clone() {
            let keys = table.row(row).visible.end - table.row(row).visible.start;
            for start in (0..keys).step_by(lanes as usize) {
                let (left, full) = (keys - start, true);
                let line =
                    ProbLine { row, start, keys: left.min(lanes), last: left <= lanes, full };
                lines.push_back((0, line));
            }
        }
    }
    lines
}

/// The selections of all layers: of tokens, of heads.
fn layer_ends(table: &WorkTable) -> [VecDeque<(u64, SelectJob)>; 2] {
    let ends = || (0..).map_while(|id| table.get(id)).filter(|batch| batch.layer_end.is_some());
    let end = |batch: &tamis_sim::work::Batch| batch.layer_end.clone().unwrap();
    let job = |batch, of| (0, SelectJob { batch, of });
    let tokens = ends().filter(|batch| end(batch).tokens.is_some());
    let heads = ends().filter(|batch| end(batch).heads.is_some());
    [
        tokens.map(|batch| job(batch.id, Candidates::Tokens)).collect(),
        heads.map(|batch| job(batch.id, Candidates::Heads)).collect(),
    ]
}

fn any_engine() -> impl Strategy<Value = blocks::Topk> {
    let power = || (0_u32..6).prop_map(|level| 1 << level);
    (any::<bool>(), power(), power(), [1_u64..3, 0..5, 0..3]).prop_map(
        |(delay, comparators, filter_lanes, [compare, eliminate, decide])| blocks::Topk {
            model: if delay { TopkModel::DelayModel } else { TopkModel::Engine },
            comparators,
            filter_lanes,
            compare_latency: Cycles(compare),
            eliminate_latency: Cycles(eliminate),
            decide_latency: Cycles(decide),
            ..spatten().topk
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_row_and_every_selection_in_the_cycle_of_the_oracle(
        shape in any_shape(),
        spec in any_engine(),
        place in prop_oneof![Just(Place::Values), Just(Place::Layers), Just(Place::Shared)],
        lanes in (0_u32..6).prop_map(|level| 1 << level),
        patience in prop::array::uniform4(prop::collection::vec(any::<bool>(), 1..6)),
    ) {
        let shape = Shape { selects: true, tokens: shape.tokens.min(24), ..shape };
        let mut tasks = shape.tasks();
        tasks.truncate(6);
        let table = table(&spatten(), shape.dimensions(), tasks);
        let mut setting =
            Setting { patience, ..Setting::generous(&table, spec, place) };
        if place != Place::Layers {
            setting.lines = probabilities(&table, lanes);
        }
        if place != Place::Values {
            setting.jobs = layer_ends(&table);
        }
        let (seen, _) = drive(&setting);
        // Every key of every row is settled once, in order.
        for row in setting.lines.iter().map(|&(_, line)| line.row) {
            let settled: Vec<u32> = seen
                .kept
                .iter()
                .filter(|(_, line)| line.row == row)
                .flat_map(|(_, line)| line.start..line.start + line.keys)
                .collect();
            prop_assert_eq!(settled, table.row(row).visible.clone().collect::<Vec<u32>>());
        }
    }
}

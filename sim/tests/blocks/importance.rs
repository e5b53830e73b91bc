//! Probabilities pass in order, as many a cycle as there are lanes; the last of a layer asks for the
//! choice of tokens.

use std::collections::VecDeque;

use proptest::prelude::*;
use tamis_arch::units::{Bits, Cycles};
use tamis_sim::{
    blocks::importance::{Importance, ImportancePorts},
    component::Component,
    items::{Candidates, ProbLine, SelectJob},
    stats::Ledger,
};
use tamis_workloads::plan::{LayerEnd, Phase, Selection};

use crate::{
    bench::{each_cycle, moves, offer, spatten, table, wire},
    common::Dense,
};

const ROWS: u32 = 12;

/// Lines of 8 of rows that see all keys.
fn lines() -> Vec<ProbLine> {
    let starts = |row| (0..ROWS).step_by(8).map(move |start| (row, start));
    (0..ROWS)
        .flat_map(starts)
        .map(|(row, start)| ProbLine {
            row,
            start,
            keys: (ROWS - start).min(8),
            last: start + 8 >= ROWS,
            full: true,
        })
        .collect()
}

type Came = (Vec<(u64, ProbLine)>, Vec<(u64, SelectJob)>);

fn weighed(lanes: u32, give: &[bool], take: &[bool]) -> Came {
    let dense = Dense::one_head(Phase::Prefill, ROWS);
    let mut tasks = dense.tasks();
    let tokens = Selection { candidates: ROWS, keep: 2, rounds: Vec::new() };
    tasks[0].weighs.tokens = true;
    tasks[0].layer_end = Some(LayerEnd { tokens: Some(tokens), heads: None });
    let table = table(&spatten(), dense.dimensions(), tasks);
    let mut spec = spatten().importance;
    (spec.lanes, spec.latency) = (lanes, Cycles(3));
    let mut importance = Importance::new(&spec, Bits(48), Ledger::default());
    let mut waiting: VecDeque<ProbLine> = lines().into();
    let (mut settled, mut weighed) = (wire(Cycles(1)), wire(spec.latency));
    let mut token_jobs = wire(spec.latency);
    let (mut came, mut jobs) = (Vec::new(), Vec::new());
    each_cycle(600, |clock| {
        let gives = moves(give, clock);
        offer(&mut settled, clock, &mut waiting, gives);
        let ports = ImportancePorts {
            table: &table,
            settled: &mut settled,
            weighed: &mut weighed,
            token_jobs: &mut token_jobs,
        };
        importance.tick(clock, ports);
        if moves(take, clock) {
            came.extend(weighed.pop(clock).map(|line| (clock.now().0, line)));
        }
        jobs.extend(token_jobs.pop(clock).map(|job| (clock.now().0, job)));
    });
    (came, jobs)
}

#[test]
fn a_line_takes_the_latency_and_holds_the_adders_for_its_keys() {
    for lanes in [1, 4, 8, 64] {
        let (came, jobs) = weighed(lanes, &[true], &[true]);
        let mut starts = vec![1];
        for line in lines() {
            starts.push(starts.last().unwrap() + u64::from(line.keys.div_ceil(lanes)));
        }
        starts.pop();
        let expected: Vec<u64> = starts.iter().map(|start| start + 3).collect();
        assert_eq!(came.iter().map(|&(at, _)| at).collect::<Vec<_>>(), expected, "{lanes} lanes");
        let job = SelectJob { batch: 0, of: Candidates::Tokens };
        assert_eq!(jobs, [(*expected.last().unwrap(), job)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_lost_doubled_or_overtaken(
        lanes in (0_u32..7).prop_map(|level| 1 << level),
        give in prop::collection::vec(any::<bool>(), 1..6),
        take in prop::collection::vec(any::<bool>(), 1..6),
    ) {
        let (came, jobs) = weighed(lanes, &give, &take);
        prop_assert_eq!(came.into_iter().map(|(_, line)| line).collect::<Vec<_>>(), lines());
        prop_assert_eq!(jobs.len(), 1);
    }
}

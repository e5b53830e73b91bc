//! A selection at the end of a layer starts when its scores are loaded: tokens as fast as the engine
//! compares and the importance memory has banks, heads as fast as the engine compares.

use tamis_arch::units::{Bits, Cycles};
use tamis_sim::{
    blocks::topk::{Schedule, Topk, TopkPorts},
    component::Component,
    items::{Candidates, SelectJob},
    outcome::Block,
    stats::Ledger,
};
use tamis_workloads::plan::{LayerEnd, Phase, Round, Selection};

use crate::{
    bench::{each_cycle, spatten, table, wire},
    common::{Dense, WHOLE},
};

/// When the selection of 13 of 40 candidates, which comes in cycle 1, is done.
fn done(comparators: u32, banks: u32, of: Candidates) -> (u64, u64) {
    let rounds = vec![Round { candidates: 40, greater: 12, equal: 1 }];
    let selection = Selection { candidates: 40, keep: 13, rounds };
    let dense = Dense {
        phase: Phase::Prefill,
        layers: 1,
        heads: 1,
        kv_heads: 1,
        head_dim: 64,
        tokens: 40,
        causal: false,
        bits: WHOLE,
    };
    let mut arch = spatten();
    arch.topk.comparators = comparators;
    let mut tasks = dense.tasks();
    let some = Some(selection.clone());
    tasks[0].layer_end = Some(LayerEnd { tokens: some.clone(), heads: some });
    let table = table(&arch, dense.dimensions(), tasks);
    let mut engine = Topk::new(&arch.topk, banks, Block::TokenTopk, Bits(48), Ledger::default());
    let (mut jobs, mut selected) = (wire(Cycles(1)), wire(Cycles(1)));
    let mut ended = Vec::new();
    each_cycle(400, |clock| {
        if clock.now().0 == 0 {
            jobs.push(clock, SelectJob { batch: 0, of });
        }
        let ports = TopkPorts {
            table: &table,
            weighed: None,
            kept: None,
            jobs: [Some(&mut jobs), None],
            selected: Some(&mut selected),
        };
        engine.tick(clock, ports);
        ended.extend(selected.pop(clock).map(|_| clock.now().0));
    });
    assert_eq!(ended.len(), 1);
    (ended[0], Schedule::new(&arch.topk, &selection).last_row.0)
}

#[test]
fn scores_come_as_fast_as_the_slower_of_the_two_allows() {
    for (comparators, banks, rate) in [(16, 8, 8), (8, 16, 8), (16, 16, 16), (16, 1, 1), (1, 8, 1)]
    {
        let (at, alone) = done(comparators, banks, Candidates::Tokens);
        // The job is there in cycle 1, and its end is a register away.
        assert_eq!(at, 1 + 40_u64.div_ceil(rate) + alone + 1, "{comparators} and {banks}");
    }
}

#[test]
fn scores_of_heads_are_registers() {
    let (at, alone) = done(16, 1, Candidates::Heads);
    assert_eq!(at, 1 + 3 + alone + 1);
}

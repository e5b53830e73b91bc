//! Outputs are written once, when all heads of their query are there, in whichever order they end.

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;
use tamis_arch::units::{Bits, Cycles};
use tamis_sim::{
    blocks::writeback::{Writeback, WritebackPorts},
    component::Component,
    stats::Ledger,
};
use tamis_workloads::plan::Phase;

use crate::{
    bench::{each_cycle, moves, offer, spatten, table, wire},
    common::Dense,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_step_is_written_when_its_last_row_has_come(
        order in Just([0_u32, 1, 2, 3]).prop_shuffle(),
        queue in 1_u32..70,
        give in prop::collection::vec(any::<bool>(), 1..6),
        take in prop::collection::vec(any::<bool>(), 1..6),
    ) {
        let dense = Dense { heads: 4, causal: true, ..Dense::one_head(Phase::Decode, 16) };
        let table = table(&spatten(), dense.dimensions(), dense.tasks());
        let mut spec = spatten().writeback;
        (spec.queue, spec.latency) = (queue, Cycles(4));
        let mut writeback = Writeback::new(&spec, true, (64, Bits(768)), 32, 32, Ledger::default());
        let (mut outputs, mut appends) = (wire(Cycles(1)), wire(Cycles(1)));
        let (mut writes, mut written) = (wire(spec.latency), wire(Cycles(1)));
        let mut rows: VecDeque<u32> = order.into();
        let (mut last_row, mut addresses, mut ends) = (0, Vec::new(), Vec::new());
        each_cycle(400, |clock| {
            let before = rows.len();
            let gives = moves(&give, clock);
            offer(&mut outputs, clock, &mut rows, gives);
            if rows.len() < before {
                last_row = clock.now().0;
            }
            let ports = WritebackPorts {
                table: &table,
                outputs: &mut outputs,
                appends: &mut appends,
                writes: &mut writes,
                written: &mut written,
            };
            writeback.tick(clock, ports);
            if moves(&take, clock) {
                addresses.extend(writes.pop(clock).map(|one| (clock.now().0, one.address)));
            }
            ends.extend(written.pop(clock));
        });
        // Four records of 96 bytes side by side are 12 transactions; the first leaves two cycles after
        // the last row was sent, and the latency later it is there.
        let distinct: BTreeSet<u64> = addresses.iter().map(|&(_, address)| address).collect();
        prop_assert_eq!((addresses.len(), distinct.len()), (12, 12));
        prop_assert!(addresses[0].0 >= last_row + 2 + 4);
        if take.iter().all(|&takes| takes) {
            let times: Vec<u64> = addresses.iter().map(|&(at, _)| at).collect();
            let first = last_row + 2 + 4;
            prop_assert_eq!(times, (first..first + 12).collect::<Vec<u64>>());
        }
        prop_assert_eq!(ends, [0]);
    }
}

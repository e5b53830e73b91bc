//! The widener sends what came to the buffer that waits, and takes the time that its lines need.

use std::collections::VecDeque;

use proptest::prelude::*;
use tamis_arch::{blocks, units::Cycles};
use tamis_sim::{
    blocks::widen::{Widen, WidenPorts},
    component::Component,
    items::{Arrivals, Destination, Stream},
    stats::Ledger,
};
use tamis_workloads::plan::{Phase, StoredBits};

use crate::{
    bench::{each_cycle, moves, offer, spatten, table, wire},
    common::Dense,
};

const LATENCY: u64 = 7;

/// What came to either side, each with its cycle: keys and queries, then values.
type Sides = [Vec<(u64, u32)>; 2];

/// Groups of `transactions` of K (even) or V (odd), widened from records of `bits`.
fn sides(bits: u32, lines_per_cycle: u32, groups: &[u32], take: &[bool]) -> Sides {
    let dense = Dense {
        bits: StoredBits { query: 12, key_msb: bits, key_lsb: 0, value: bits },
        ..Dense::one_head(Phase::Prefill, 16)
    };
    let table = table(&spatten(), dense.dimensions(), dense.tasks());
    let spec = blocks::Widen { lines_per_cycle, latency: Cycles(LATENCY) };
    let mut widen = Widen::new(&spec, 512, 512, 32, Ledger::default());
    let mut waiting: VecDeque<Arrivals> = (0..)
        .zip(groups)
        .map(|(place, &count)| {
            let stream = if place % 2 == 0 { Stream::KeyMsb } else { Stream::Value };
            Arrivals::from_iter([(Destination { stream, batch: 0, index: 0 }, count)])
        })
        .collect();
    let (mut arrivals, mut keys, mut values) =
        (wire(Cycles(1)), wire(Cycles(LATENCY)), wire(Cycles(LATENCY)));
    let mut came: Sides = [Vec::new(), Vec::new()];
    each_cycle(800, |clock| {
        offer(&mut arrivals, clock, &mut waiting, true);
        let ports = WidenPorts {
            table: &table,
            arrivals: &mut arrivals,
            key_arrivals: &mut keys,
            value_arrivals: &mut values,
        };
        widen.tick(clock, ports);
        if moves(take, clock) {
            for (side, link) in came.iter_mut().zip([&mut keys, &mut values]) {
                if let Some(group) = link.pop(clock) {
                    side.extend(group.iter().map(|&(_, count)| (clock.now().0, count)));
                }
            }
        }
    });
    came
}

#[test]
fn a_group_takes_a_cycle_for_each_pair_of_lines_that_it_fills() {
    for (bits, lines_per_cycle, transactions) in
        [(12, 2, 32), (12, 1, 32), (4, 2, 32), (4, 1, 64), (8, 2, 1)]
    {
        let [keys, _] = sides(bits, lines_per_cycle, &[transactions, 0, transactions], &[true]);
        // 256 bits a transaction, operands of the stored width, 512 operands a line.
        let operands = u64::from(transactions) * 256 / u64::from(bits);
        let cycles = operands.div_ceil(512 * u64::from(lines_per_cycle));
        let times: Vec<u64> = keys.iter().map(|&(at, _)| at).collect();
        // A group comes when its last line is widened: at the widener in cycle 1, its last line starts in cycle
        // `cycles`. An empty group in between takes a cycle of its own.
        assert_eq!(times, [cycles + LATENCY, 2 * cycles + 1 + LATENCY], "{bits} bits");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_side_gets_what_is_its_own_in_order(
        groups in prop::collection::vec(1_u32..33, 0..30),
        take in prop::collection::vec(any::<bool>(), 1..6),
    ) {
        let [keys, values] = sides(12, 1, &groups, &take);
        let counts = |side: Vec<(u64, u32)>| side.into_iter().map(|(_, count)| count).collect();
        let every = |first: usize| groups.iter().skip(first).step_by(2).copied().collect();
        let (keys, values): (Vec<u32>, Vec<u32>) = (counts(keys), counts(values));
        prop_assert_eq!((keys, values), (every(0), every(1)));
    }
}

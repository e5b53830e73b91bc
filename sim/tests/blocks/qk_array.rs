//! Lines of keys pass in order, one a cycle, whatever the head.

use std::collections::VecDeque;

use proptest::prelude::*;
use tamis_arch::units::{Bits, Cycle, Cycles};
use tamis_sim::{
    blocks::qk_array::{QkArray, QkArrayPorts},
    component::Component,
    items::KeyLine,
    stats::Ledger,
};

use crate::bench::{each_cycle, moves, offer, wire};

/// Lines that came out, each with its cycle.
fn scores(lines: &[KeyLine], latency: u64, give: &[bool], take: &[bool]) -> Vec<(u64, KeyLine)> {
    let mut array = QkArray::new(64, Bits(12), Ledger::default());
    let (mut keys, mut out) = (wire(Cycles(1)), wire(Cycles(latency)));
    let mut waiting: VecDeque<KeyLine> = lines.to_vec().into();
    let mut came = Vec::new();
    let end = 400 + latency;
    each_cycle(end, |clock| {
        let gives = moves(give, clock);
        offer(&mut keys, clock, &mut waiting, gives);
        array.tick(clock, QkArrayPorts { key_lines: &mut keys, scores: &mut out });
        if moves(take, clock)
            && let Some(line) = out.pop(clock)
        {
            came.push((clock.now().0, line));
        }
    });
    let macs = lines.iter().map(|line| u64::from(line.keys) * 64).sum();
    assert_eq!(array.work(), (lines.len() as u64, macs));
    let activity = array.close(Cycle(end)).activity;
    assert_eq!(activity.total(), Cycles(end));
    assert_eq!(activity.busy, Cycles(lines.len() as u64));
    came
}

fn lines(count: u32) -> Vec<KeyLine> {
    (0..count)
        .map(|row| KeyLine { row, keys: row % 8 + 1, last: row % 3 == 0, full: false })
        .collect()
}

#[test]
fn a_line_takes_the_latency_and_the_next_follows_a_cycle_later() {
    for latency in [1, 8, 30] {
        let came = scores(&lines(100), latency, &[true], &[true]);
        // Offered in cycle 0, at the array in cycle 1.
        let expected: Vec<u64> = (0..100).map(|line| 1 + latency + line).collect();
        assert_eq!(came.iter().map(|&(at, _)| at).collect::<Vec<_>>(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_lost_doubled_or_overtaken(
        count in 0_u32..60,
        latency in 1_u64..12,
        give in prop::collection::vec(any::<bool>(), 1..6),
        take in prop::collection::vec(any::<bool>(), 1..6),
    ) {
        let came = scores(&lines(count), latency, &give, &take);
        prop_assert_eq!(came.into_iter().map(|(_, line)| line).collect::<Vec<_>>(), lines(count));
    }
}

//! Responses in any order leave in the order of their requests.

use std::collections::VecDeque;

use proptest::prelude::*;
use tamis_arch::{
    blocks::{self, Join},
    units::{Bits, Cycles},
};
use tamis_sim::{
    blocks::reorder::{Reorder, ReorderPorts},
    component::Component,
    items::{Destination, Response, Returns, Stream},
    stats::Ledger,
};

use crate::bench::{each_cycle, moves, wire};

const LANES: usize = 4;
const ENTRIES: u32 = 3;

/// Requests as a fetcher issues them: flights of 1 to 4 transactions, each with a name of its own.
fn flights(sizes: &[usize], join: Join) -> Vec<Vec<Response>> {
    let mut slots = [0; LANES];
    let mut names = 0..;
    let flight = |&size: &usize| {
        let flight = (0..size).map(|lane| Response {
            to: Destination { stream: Stream::Value, batch: 0, index: names.next().unwrap() },
            lane: u8::try_from(lane).unwrap(),
            slot: slots[lane],
            ends_flight: lane + 1 == size,
        });
        let flight: Vec<Response> = flight.collect();
        let used = if join == Join::Row { LANES } else { size };
        for slot in &mut slots[..used] {
            *slot = (*slot + 1) % ENTRIES;
        }
        flight
    };
    sizes.iter().map(flight).collect()
}

/// What is handed on, cycle by cycle, when requests come back in an order drawn by `luck`: at most one
/// a lane and cycle, and never more than a lane's buffer holds.
fn handed_on(join: Join, sizes: &[usize], luck: &[u16], room: &[bool]) -> Vec<(u64, Vec<u32>)> {
    let spec = blocks::Reorder { entries: ENTRIES, join };
    let mut reorder =
        Reorder::new(&spec, u32::try_from(LANES).unwrap(), Bits(256), Ledger::default());
    let (mut returns, mut arrivals) = (wire(Cycles(1)), wire(Cycles(1)));
    let mut lane_credits = wire(Cycles(1));
    let mut to_send: VecDeque<Vec<Response>> = flights(sizes, join).into();
    let mut flying: Vec<Response> = Vec::new();
    let mut free = [ENTRIES; LANES];
    let mut handed_on = Vec::new();
    each_cycle(400, |clock| {
        if let Some(credits) = lane_credits.pop(clock) {
            for (lane, free) in free.iter_mut().enumerate() {
                *free += u32::from(credits >> lane & 1 == 1);
            }
        }
        // A flight is issued when every lane that it uses has room.
        let used = to_send.front().map_or(0, |flight| match join {
            Join::Row => LANES,
            Join::Lane => flight.len(),
        });
        if used > 0 && free[..used].iter().all(|&free| free > 0) {
            free[..used].iter_mut().for_each(|free| *free -= 1);
            flying.extend(to_send.pop_front().unwrap());
        }
        let now = usize::try_from(clock.now().0).unwrap();
        let mut back = Returns::new();
        for lane in 0..LANES {
            let of_lane: Vec<usize> =
                (0..flying.len()).filter(|&at| usize::from(flying[at].lane) == lane).collect();
            let drawn = usize::from(luck[(now * LANES + lane) % luck.len()]);
            if !of_lane.is_empty() && drawn % 3 > 0 {
                back.push(flying.remove(of_lane[drawn % of_lane.len()]));
            }
        }
        if !back.is_empty() {
            returns.push(clock, back);
        }
        let ports = ReorderPorts {
            returns: &mut returns,
            arrivals: &mut arrivals,
            lane_credits: &mut lane_credits,
        };
        reorder.tick(clock, ports);
        if moves(room, clock)
            && let Some(joined) = arrivals.pop(clock)
        {
            let names: Vec<u32> = joined.into_iter().map(|(to, _)| to.index).collect();
            handed_on.push((clock.now().0, names));
        }
    });
    handed_on
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_of_responses_gives_the_order_of_requests(
        sizes in prop::collection::vec(1..=LANES, 1..24),
        luck in prop::collection::vec(any::<u16>(), 97),
        room in prop::collection::vec(any::<bool>(), 1..9),
    ) {
        let names = |join| -> Vec<Vec<u32>> {
            let requests = flights(&sizes, join);
            requests.iter().map(|row| row.iter().map(|one| one.to.index).collect()).collect()
        };
        // In whole rows: the very flights, in their order.
        let rows: Vec<Vec<u32>> =
            handed_on(Join::Row, &sizes, &luck, &room).into_iter().map(|(_, row)| row).collect();
        prop_assert_eq!(rows, names(Join::Row));
        // Lane by lane: nothing lost or doubled, and each lane by itself in its order.
        let all: Vec<u32> =
            handed_on(Join::Lane, &sizes, &luck, &room).into_iter().flat_map(|(_, row)| row).collect();
        for lane in 0..LANES {
            let of_lane: Vec<u32> =
                names(Join::Lane).iter().filter_map(|row| row.get(lane).copied()).collect();
            let came: Vec<u32> =
                all.iter().copied().filter(|name| of_lane.contains(name)).collect();
            prop_assert_eq!(came, of_lane);
        }
        prop_assert_eq!(all.len(), sizes.iter().sum::<usize>());
    }
}

#[test]
fn responses_in_order_pass_in_the_cycle_in_which_they_come_a_row_a_cycle() {
    // Returned in cycle t, in the buffer in t + 1, on the other side of a register in t + 2.
    for join in [Join::Row, Join::Lane] {
        let passed = handed_on(join, &[LANES; 20], &[1], &[true]);
        let times: Vec<u64> = passed.iter().map(|&(at, _)| at).collect();
        assert_eq!(times, (2..22).collect::<Vec<u64>>(), "{join:?}");
    }
}

//! Transactions reach the port of their address, one a port and cycle, and their answers come back.

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;
use tamis_arch::{
    blocks::{self, Arbiter},
    units::{Bits, Cycles},
};
use tamis_dram::Mapping;
use tamis_sim::{
    blocks::crossbar::{Crossbar, CrossbarPorts, CrossbarSpec},
    component::Component,
    items::{Destination, Flight, Response, Stream, Transaction},
    ports::Ports,
    stats::Ledger,
};

use crate::bench::{each_cycle, moves, spatten, wire};

const LANES: u32 = 4;
const CHANNELS: u32 = 16;

fn spec(arbiter: Arbiter, outstanding: u32) -> blocks::Crossbar {
    blocks::Crossbar {
        address_queue: 3,
        ports_per_channel: 1,
        arbiter,
        request_latency: Cycles(3),
        response_latency: Cycles(2),
        outstanding,
    }
}

fn read(name: u32, lane: u32, address: u64) -> Transaction {
    Transaction {
        address,
        to: Destination { stream: Stream::KeyMsb, batch: 0, index: name },
        lane: u8::try_from(lane).unwrap(),
        slot: 0,
        ends_flight: false,
    }
}

/// What was granted: cycle of the grant, channel, name; and what came back: cycle, name.
struct Seen {
    granted: Vec<(u64, usize, u32)>,
    back: Vec<(u64, u32)>,
    most_outstanding: u32,
}

/// A memory that answers each request after `delay` cycles.
fn drive(spec: &blocks::Crossbar, flights: &[Vec<u64>], delay: u64, room: &[bool]) -> Seen {
    let arch = spatten();
    let mapping = Mapping::new(&arch.dram);
    let of = CrossbarSpec {
        crossbar: spec,
        lanes: LANES,
        channels: CHANNELS,
        ports_per_channel: 1,
        data: Bits(256),
    };
    let mut crossbar = Crossbar::new(&of, Ledger::default());
    let (mut link, mut writes) = (wire(Cycles(1)), wire(Cycles(1)));
    let mut requests = Ports::new(CHANNELS as usize, &wire(spec.request_latency));
    let mut responses = Ports::new(CHANNELS as usize, &wire(Cycles(1)));
    let mut returns = wire(spec.response_latency);
    let addresses = flights.concat();
    let mut names = 0..;
    let mut waiting: VecDeque<Flight> = flights
        .iter()
        .map(|flight| {
            (0..).zip(flight).map(|(lane, &at)| read(names.next().unwrap(), lane, at)).collect()
        })
        .collect();
    let mut memory: Vec<VecDeque<(u64, Response)>> = vec![VecDeque::new(); CHANNELS as usize];
    let mut seen = Seen { granted: Vec::new(), back: Vec::new(), most_outstanding: 0 };
    each_cycle(1500, |clock| {
        if link.can_push(clock)
            && let Some(flight) = waiting.pop_front()
        {
            link.push(clock, flight);
        }
        let ports = CrossbarPorts {
            mapping: &mapping,
            flights: &mut link,
            writes: &mut writes,
            requests: &mut requests,
            responses: &mut responses,
            returns: &mut returns,
        };
        crossbar.tick(clock, ports);
        for (channel, memory) in memory.iter_mut().enumerate() {
            if let Some(routed) = requests.pop(channel, clock) {
                let name = routed.response.to.index;
                let address = addresses[name as usize];
                assert_eq!(routed.location, mapping.decode(address));
                assert_eq!(routed.location.channel as usize, channel);
                let granted = clock.now().0 - spec.request_latency.0;
                seen.granted.push((granted, channel, name));
                memory.push_back((clock.now().0 + delay, routed.response));
            }
            let outstanding = u32::try_from(memory.len()).unwrap();
            seen.most_outstanding = seen.most_outstanding.max(outstanding);
            if responses.can_push(channel, clock)
                && memory.front().is_some_and(|&(at, _)| at <= clock.now().0)
            {
                responses.push(channel, clock, memory.pop_front().unwrap().1);
            }
        }
        if moves(room, clock)
            && let Some(flight) = returns.pop(clock)
        {
            let lanes: BTreeSet<u8> = flight.iter().map(|one| one.lane).collect();
            assert_eq!(lanes.len(), flight.len(), "a lane takes one response a cycle");
            seen.back.extend(flight.iter().map(|one| (clock.now().0, one.to.index)));
        }
    });
    seen
}

/// The rule by a naive scan: `lanes` want the port; the cycle of issue breaks ties for the oldest.
fn winner(arbiter: Arbiter, lanes: &[(u32, u64)], last: u32) -> u32 {
    let pick = match arbiter {
        Arbiter::Fixed => lanes.iter().min_by_key(|&&(lane, _)| lane),
        Arbiter::RoundRobin => {
            lanes.iter().min_by_key(|&&(lane, _)| (lane + LANES - last) % (LANES + 1))
        }
        Arbiter::Oldest => lanes.iter().min_by_key(|&&(lane, issued)| (issued, lane)),
    };
    pick.expect("somebody wants it").0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_lost_or_doubled_and_limits_hold(
        flights in prop::collection::vec(
            prop::collection::vec((0_u64..4096).prop_map(|line| line * 32), 1..=LANES as usize), 1..40),
        arbiter in prop_oneof![
            Just(Arbiter::Fixed), Just(Arbiter::RoundRobin), Just(Arbiter::Oldest)],
        outstanding in 1_u32..9,
        delay in 0_u64..30,
        room in prop::collection::vec(any::<bool>(), 1..6),
    ) {
        let seen = drive(&spec(arbiter, outstanding), &flights, delay, &room);
        let count = flights.iter().map(Vec::len).sum::<usize>();
        let names = |all: Vec<u32>| all.into_iter().collect::<BTreeSet<u32>>();
        prop_assert_eq!(seen.granted.len(), count);
        prop_assert_eq!(names(seen.granted.iter().map(|&(.., name)| name).collect()).len(), count);
        prop_assert_eq!(seen.back.len(), count);
        prop_assert_eq!(names(seen.back.iter().map(|&(_, name)| name).collect()).len(), count);
        prop_assert!(seen.most_outstanding <= outstanding);
        let ports: BTreeSet<(u64, usize)> =
            seen.granted.iter().map(|&(at, channel, _)| (at, channel)).collect();
        prop_assert_eq!(ports.len(), count, "a port takes one a cycle");
    }

    #[test]
    fn the_arbiter_follows_its_rule(
        rows in prop::collection::vec(prop::collection::vec(any::<bool>(), LANES as usize), 1..3),
        arbiter in prop_oneof![
            Just(Arbiter::Fixed), Just(Arbiter::RoundRobin), Just(Arbiter::Oldest)],
    ) {
        // All want channel 0: flights of one to four lanes that fit the queues at once.
        let flights: Vec<Vec<u64>> = rows
            .iter()
            .map(|row| vec![0; row.iter().filter(|&&used| used).count().max(1)])
            .collect();
        let seen = drive(&spec(arbiter, 96), &flights, 0, &[true]);
        // Flight n is in the queues from the end of cycle 1 + n.
        let mut queues: Vec<VecDeque<(u64, u32)>> = vec![VecDeque::new(); LANES as usize];
        let (mut names, mut last, mut expected) = (0.., 0, Vec::new());
        for cycle in 1..100_u64 {
            let wanting: Vec<(u32, u64)> = (0..)
                .zip(&queues)
                .filter_map(|(lane, queue)| Some((lane, queue.front()?.0)))
                .collect();
            if !wanting.is_empty() {
                last = winner(arbiter, &wanting, last);
                expected.push((cycle, queues[last as usize].pop_front().unwrap().1));
            }
            if let Some(flight) = flights.get(usize::try_from(cycle).unwrap() - 1) {
                for queue in &mut queues[..flight.len()] {
                    queue.push_back((cycle, names.next().unwrap()));
                }
            }
        }
        let granted: Vec<(u64, u32)> =
            seen.granted.iter().map(|&(at, _, name)| (at, name)).collect();
        prop_assert_eq!(granted, expected);
    }
}

#[test]
fn an_answer_is_back_after_the_stated_latencies() {
    let seen = drive(&spec(Arbiter::RoundRobin, 96), &[vec![0]], 7, &[true]);
    // At the crossbar in cycle 1, in its lane's queue in cycle 2; the DRAM's port is a register.
    assert_eq!(seen.granted, [(2, 0, 0)]);
    assert_eq!(seen.back, [(2 + 3 + 7 + 1 + 2, 0)]);
}

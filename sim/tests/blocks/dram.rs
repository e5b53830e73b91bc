//! The memory beside the core: an answer comes when the DRAM's clock says, on the core's next edge.

use std::collections::VecDeque;

use proptest::prelude::*;
use tamis_arch::{
    dram::{Controller, Dram as Spec},
    units::{Cycles, Megahertz},
};
use tamis_dram::{Channel, Kind, Mapping, Request, Tick};
use tamis_sim::{
    blocks::dram::{Dram, DramPorts},
    component::Component,
    items::{Destination, Response, Routed, Stream},
    ports::Ports,
    stats::Ledger,
};

use crate::bench::{Pipe, each_cycle, spatten, wire};

/// When a read of a closed bank, offered in cycle `start`, is back, with a core of this clock.
fn answer(core: u64, start: u64) -> u64 {
    let arch = spatten();
    let mapping = Mapping::new(&arch.dram);
    let clock = Megahertz(core.try_into().unwrap());
    let mut dram = Dram::new(&arch.dram, clock, 1, Ledger::default());
    let ports = arch.dram.channels as usize;
    let mut requests = Ports::new(ports, &wire(Cycles(1)));
    let mut responses = Ports::new(ports, &wire(Cycles(1)));
    let response = response(0, false);
    let mut back = None;
    each_cycle(2000, |clock| {
        if clock.now().0 == start {
            let location = mapping.decode(0);
            requests.push(location.channel as usize, clock, Routed { response, location });
        }
        dram.tick(clock, DramPorts { requests: &mut requests, responses: &mut responses });
        for port in 0..ports {
            if responses.pop(port, clock).is_some() {
                assert_eq!(back.replace(clock.now().0), None, "one answer");
            }
        }
    });
    back.expect("it answers")
}

const PORTS: usize = 2;

fn response(name: u32, write: bool) -> Response {
    let stream = if write { Stream::Output } else { Stream::KeyMsb };
    Response {
        to: Destination { stream, batch: 0, index: name },
        lane: 0,
        slot: 0,
        ends_flight: true,
    }
}

/// A request: how many cycles after the one before it, its address, and whether it writes.
type Asked = (u64, u64, bool);

/// A memory of two channels with two ports each and short queues, at reset.
fn small() -> Spec {
    let mut dram = Spec::new("hbm2", 2, "tamis", Controller::usual()).unwrap();
    (dram.controller.read_queue, dram.controller.write_queue) = (4, 3);
    dram
}

/// Cycle, port and name of each answer of the block.
fn answers(core: Megahertz, asked: &[Asked], cycles: u64) -> Vec<(u64, usize, u32)> {
    let spec = small();
    let mapping = Mapping::new(&spec);
    let mut dram = Dram::new(&spec, core, PORTS, Ledger::default());
    let mut requests = Ports::new(2 * PORTS, &wire(Cycles(1)));
    let mut responses = Ports::new(2 * PORTS, &wire(Cycles(1)));
    let mut waiting = in_ports(&mapping, asked);
    let mut seen = Vec::new();
    each_cycle(cycles, |clock| {
        for (port, waiting) in waiting.iter_mut().enumerate() {
            if requests.can_push(port, clock)
                && let Some((_, routed)) = waiting.pop_front_if(|(at, _)| *at <= clock.now().0)
            {
                requests.push(port, clock, routed);
            }
        }
        dram.tick(clock, DramPorts { requests: &mut requests, responses: &mut responses });
        for port in 0..2 * PORTS {
            if let Some(response) = responses.pop(port, clock) {
                seen.push((clock.now().0, port, response.to.index));
            }
        }
    });
    seen
}

/// The same, from channels that are looked at in every cycle.
fn answers_of_channels(core: u64, asked: &[Asked], cycles: u64) -> Vec<(u64, usize, u32)> {
    let spec = small();
    let mapping = Mapping::new(&spec);
    let mut channels = [Channel::new(&spec), Channel::new(&spec)];
    let mut requests: Vec<Pipe<Routed>> = (0..2 * PORTS).map(|_| Pipe::new(1)).collect();
    let mut responses: Vec<Pipe<u32>> = (0..2 * PORTS).map(|_| Pipe::new(1)).collect();
    let mut waiting = in_ports(&mapping, asked);
    let mut done: Vec<VecDeque<u32>> = vec![VecDeque::new(); 2 * PORTS];
    let mut ports_of_names = vec![0; asked.len()];
    let mut seen = Vec::new();
    for now in 0..cycles {
        let tick = Tick(now * spec.clock.0.get() / core);
        for port in 0..2 * PORTS {
            let (channel, requests) = (&mut channels[port / PORTS], &mut requests[port]);
            if requests.has_room(now)
                && let Some((_, routed)) = waiting[port].pop_front_if(|(at, _)| *at <= now)
            {
                requests.push(now, routed);
            }
            let mut completions = Vec::new();
            channel.advance(tick, &mut completions);
            for completion in completions {
                let name = u32::try_from(completion.id).unwrap();
                done[ports_of_names[name as usize]].push_back(name);
            }
        }
        for port in 0..2 * PORTS {
            if responses[port].has_room(now)
                && let Some(name) = done[port].pop_front()
            {
                responses[port].push(now, name);
            }
            let name = |routed: &Routed| routed.response.to.index;
            let kind = |routed: &Routed| match routed.response.to.stream {
                Stream::Output => Kind::Write,
                _ => Kind::Read,
            };
            let channel = &mut channels[port / PORTS];
            if let Some(routed) =
                requests[port].pop_if(now, |routed| channel.can_push(kind(routed)))
            {
                ports_of_names[name(&routed) as usize] = port;
                let (id, location) = (u64::from(name(&routed)), routed.location);
                channel.push(tick, Request { id, location, kind: kind(&routed) }).unwrap();
            }
            if let Some(name) = responses[port].pop(now) {
                seen.push((now, port, name));
            }
        }
    }
    seen
}

/// Requests by port, each with the cycle from which on it is offered.
fn in_ports(mapping: &Mapping, asked: &[Asked]) -> Vec<VecDeque<(u64, Routed)>> {
    let mut ports = vec![VecDeque::new(); 2 * PORTS];
    let mut at = 0;
    for (name, &(gap, address, write)) in (0..).zip(asked) {
        at += gap;
        let location = mapping.decode(address);
        let port = location.channel as usize * PORTS + location.pseudo as usize;
        ports[port].push_back((at, Routed { response: response(name, write), location }));
    }
    ports
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn looking_at_channels_when_they_are_due_is_looking_at_them_always(
        core in prop_oneof![Just(1000_u64), Just(800), Just(333), Just(1700)],
        asked in prop::collection::vec(
            (0_u64..4, (0_u64..1 << 14).prop_map(|place| place * 32), any::<bool>()), 1..120),
    ) {
        let cycles = 6000;
        let seen = answers(Megahertz(core.try_into().unwrap()), &asked, cycles);
        prop_assert_eq!(seen.len(), asked.len());
        prop_assert_eq!(seen, answers_of_channels(core, &asked, cycles));
    }

    #[test]
    fn a_read_takes_what_the_channel_says_rounded_up_to_the_core_s_clock(
        core in prop_oneof![Just(1000_u64), Just(800), Just(333), Just(1700)],
        start in 0_u64..700,
    ) {
        let arch = spatten();
        let memory = arch.dram.clock.0.get();
        // Taken a cycle after it was offered, at the last edge of the memory's clock by then.
        let tick = (start + 1) * memory / core;
        let mut channel = Channel::new(&arch.dram);
        let location = Mapping::new(&arch.dram).decode(0);
        channel.push(Tick(tick), Request { id: 0, location, kind: Kind::Read }).unwrap();
        let mut done = Vec::new();
        channel.advance(Tick(tick + 10_000), &mut done);
        let at = done[0].at.0;
        prop_assert_eq!(answer(core, start), (at * core).div_ceil(memory) + 1);
    }
}

#[test]
fn a_closed_bank_answers_after_activate_read_and_burst() {
    // JESD235, at 1 GHz: RCD 14, CL 14, BL 2; a tick into the queue, and the activate's second tick.
    assert_eq!(answer(1000, 0), 1 + (1 + 1 + 14 + 14 + 2) + 1);
}

//! The memory beside the core: an answer comes when the DRAM's clock says, on the core's next edge.

use proptest::prelude::*;
use tamis_arch::units::{Cycles, Megahertz};
use tamis_dram::{Channel, Kind, Mapping, Request, Tick};
use tamis_sim::{
    blocks::dram::{Dram, DramPorts},
    component::Component,
    items::{Destination, Response, Routed, Stream},
    ports::Ports,
    stats::Ledger,
};

use crate::bench::{each_cycle, spatten, wire};

/// When a read of a closed bank, offered in cycle `start`, is back, with a core of this clock.
fn answer(core: u64, start: u64) -> u64 {
    let arch = spatten();
    let mapping = Mapping::new(&arch.dram);
    let clock = Megahertz(core.try_into().unwrap());
    let mut dram = Dram::new(&arch.dram, clock, 1, Ledger::default());
    let ports = arch.dram.channels as usize;
    let mut requests = Ports::new(ports, &wire(Cycles(1)));
    let mut responses = Ports::new(ports, &wire(Cycles(1)));
    let response = Response {
        to: Destination { stream: Stream::KeyMsb, batch: 0, index: 0 },
        lane: 0,
        slot: 0,
        ends_flight: true,
    };
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

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

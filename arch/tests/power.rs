//! What a run costs: events priced, static power over time, split by part.

mod common;

use tamis_arch::{
    energy::{Action, DramEnergy, EnergyReport, EnergyTable, Events, Spread},
    units::{Bits, Bytes, Picojoules, Seconds},
};

const MICROSECOND: Seconds = Seconds(1e-6);

fn table() -> EnergyTable {
    EnergyTable::named("40nm").expect("it is compiled in")
}

fn report(events: &[Events], elapsed: Seconds) -> EnergyReport {
    let dram = DramEnergy {
        dynamic: Spread::exact(Picojoules(500.0)),
        background: Spread::exact(Picojoules(70.0)),
    };
    EnergyReport::of(&table(), &common::preset("spatten"), events, elapsed, dram)
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

#[test]
fn events_are_priced_into_the_part_that_they_happen_in() {
    let add = Action::Add { width: Bits(32) };
    let read = Action::SramRead { capacity: Bytes(8192), width: Bits(64) };
    let events = [
        Events { action: add, count: 1000 },
        Events { action: read, count: 10 },
        Events { action: add, count: 1 },
    ];
    let found = report(&events, MICROSECOND);
    assert!(close(found.logic.dynamic.typical.0, 1001.0 * table().price(&add).typical.0));
    assert!(close(found.sram.dynamic.high.0, 10.0 * 14.0));
    assert!(close(found.dram.total().low.0, 570.0));
    let total = found.logic.total() + found.sram.total() + found.dram.total();
    assert_eq!(found.total(), total);
}

#[test]
fn a_word_through_a_deep_fifo_is_energy_of_sram_through_a_shallow_one_of_logic() {
    let word = |entries| Action::Fifo { entries, width: Bits(256) };
    let found = report(&[Events { action: word(64), count: 3 }], MICROSECOND);
    assert!(close(found.sram.dynamic.typical.0, 3.0 * table().price(&word(64)).typical.0));
    assert_eq!(found.logic.dynamic.typical, Picojoules(0.0));
    let found = report(&[Events { action: word(2), count: 3 }], MICROSECOND);
    assert!(close(found.logic.dynamic.typical.0, 3.0 * table().price(&word(2)).typical.0));
    assert_eq!(found.sram.dynamic.typical, Picojoules(0.0));
}

#[test]
fn static_energy_is_static_power_over_the_time() {
    let power = table().static_power(&common::preset("spatten"));
    let found = report(&[], Seconds(2e-6));
    assert!(close(found.logic.background.typical.0, power.logic.typical.0 * 2e6));
    assert!(close(found.sram.background.high.0, power.sram.high.0 * 2e6));
    assert_eq!(found.logic.dynamic.typical, Picojoules(0.0));
}

#[test]
fn no_time_has_no_power() {
    assert_eq!(report(&[], Seconds(0.0)).power(), None);
}

/// At the utilisation that the paper reports for BERT (1.61 of 2.05 TFLOPS) the two arrays and their
/// buffers alone. The paper has 1.36 W of logic and 1.24 W of SRAM in all: the arrays lie below the
/// former, and reads of the buffers well below the latter, which also counts fills, queues and leakage.
#[test]
fn arrays_and_buffers_at_the_papers_utilisation_draw_about_a_watt() {
    let formats = common::preset("spatten").formats;
    let (operand, probability) = (formats.operand, formats.probability_fraction);
    let busy = 786;
    let read = Action::SramRead { capacity: Bytes(196_608), width: Bits(6144) };
    let events = [
        Events {
            action: Action::MultiplyAccumulate { left: operand, right: operand },
            count: busy * 512,
        },
        Events {
            action: Action::MultiplyAccumulate { left: operand, right: probability },
            count: busy * 512,
        },
        Events { action: read, count: busy * 2 },
    ];
    let found = report(&events, MICROSECOND);
    let logic = (found.logic.dynamic.typical / MICROSECOND).0;
    let sram = (found.sram.dynamic.typical / MICROSECOND).0;
    assert!((0.8..1.36).contains(&logic), "{logic} W");
    assert!((0.2..0.4).contains(&sram), "{sram} W");
}

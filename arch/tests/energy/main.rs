//! Energy tables: the figures follow from their published points, the SRAM model from CACTI, and both
//! agree, within stated bounds, with publications that were not used.

mod faults;
mod sram;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use tamis_arch::{
    energy::{Action, EnergyTable, Figure, Spread, barrel_stages},
    units::{Bits, Bytes, Picojoules},
};

const NODES: [(&str, f64); 2] = [("40nm", 40.0), ("28nm", 28.0)];

fn table(name: &str) -> EnergyTable {
    EnergyTable::named(name).expect("it is compiled in")
}

fn rows<T: for<'d> Deserialize<'d>>(text: &str) -> Vec<T> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.expect("the file is well formed")).collect()
}

#[derive(Deserialize)]
struct Point {
    figure: String,
    scaling: String,
    node_nm: f64,
    voltage_v: f64,
    stated: f64,
    divisor: f64,
}

/// Energy of a gate relative to the others of the paper, Stillmaker and Baas 2017, table of energy
/// coefficients: `a V² + b V + c`.
fn stillmaker(node: f64, voltage: f64) -> f64 {
    let (a, b, c) = match node {
        65.0 => (3.755, -4.398, 1.975),
        45.0 => (1.103, -0.362, 0.2767),
        32.0 => (0.9559, -0.7823, 0.471),
        _ => panic!("the paper has no bulk process of {node} nm"),
    };
    a * voltage * voltage + b * voltage + c
}

/// What a figure at the node and voltage of a point becomes at 0.9 V and node `to`: to 45 nm by the
/// paper, from there by the power law through its 45 and 32 nm.
fn scaled(point: &Point, to: f64) -> f64 {
    let ratio = to / point.node_nm;
    let factor = match point.scaling.as_str() {
        "area" => ratio * ratio,
        "leakage" => 1.0 / ratio,
        _ => {
            let slope =
                (stillmaker(32.0, 0.9) / stillmaker(45.0, 0.9)).ln() / (32.0_f64 / 45.0).ln();
            let (start, known) = if point.node_nm >= 45.0 {
                (45.0, stillmaker(45.0, 0.9) / stillmaker(point.node_nm, point.voltage_v))
            } else {
                (point.node_nm, 1.0)
            };
            known * (to / start).powf(slope)
        }
    };
    point.stated / point.divisor * factor
}

fn published(table: &EnergyTable) -> [(&'static str, &Figure); 10] {
    let (energy, area) = (&table.energy, &table.area);
    [
        ("energy.multiply", &energy.multiply),
        ("energy.add", &energy.add),
        ("energy.register", &energy.register),
        ("energy.mux", &energy.mux),
        ("energy.crossbar", &energy.crossbar),
        ("area.multiply", &area.multiply),
        ("area.add", &area.add),
        ("area.register", &area.register),
        ("area.mux", &area.mux),
        ("area.leakage", &area.leakage),
    ]
}

#[test]
fn every_published_figure_is_the_geometric_mean_of_its_points_and_ranges_over_them() {
    let mut points: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    for point in rows::<Point>(include_str!("../../tables/points.csv")) {
        points.entry(point.figure.clone()).or_default().push(point);
    }
    for (name, node) in NODES {
        let table = table(name);
        for (key, figure) in published(&table) {
            let values: Vec<f64> = points[key].iter().map(|point| scaled(point, node)).collect();
            let mean = values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64;
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(0.0, f64::max);
            for (stated, derived) in
                [(figure.low, least), (figure.typical, mean.exp()), (figure.high, most)]
            {
                let error = (stated / derived - 1.0).abs();
                assert!(error < 1e-3, "{name} {key}: {stated} in the table, {derived} derived");
            }
        }
        assert_eq!(points.len(), published(&table).len());
    }
}

/// 8 x 8 and 32 x 32 bits are 0.2 and 3.1 pJ at 45 nm (Horowitz): the price of a 12-bit
/// multiply-accumulate lies between, nearer to the small one, with the adder and the clock on top.
#[test]
fn a_multiply_accumulate_of_12_bits_costs_about_a_picojoule() {
    let price =
        table("40nm").price(&Action::MultiplyAccumulate { left: Bits(12), right: Bits(12) });
    assert!((0.35..0.6).contains(&price.low.0), "{price:?}");
    assert!((0.7..1.4).contains(&price.typical.0), "{price:?}");
    assert!((2.5..5.0).contains(&price.high.0), "{price:?}");
}

/// 64 words of 63 bits are registers, of 64 bits a macro of 512 bytes: written once and read once.
#[test]
fn a_deep_fifo_costs_what_its_memory_does_and_a_shallow_one_what_registers_do() {
    let table = table("40nm");
    let fifo = |entries, width| Action::Fifo { entries, width: Bits(width) };
    let register = 63.0 * table.energy.register.typical * table.energy.clock.typical;
    assert!((table.price(&fifo(64, 63)).typical.0 / register - 1.0).abs() < 1e-9);
    assert!((table.price(&fifo(1, 63)).typical.0 / register - 1.0).abs() < 1e-9);
    assert!(!fifo(64, 63).is_of_sram() && fifo(64, 64).is_of_sram());
    let (read, write) = (
        Action::SramRead { capacity: Bytes(512), width: Bits(64) },
        Action::SramWrite { capacity: Bytes(512), width: Bits(64) },
    );
    assert_eq!(table.price(&fifo(64, 64)), table.price(&read) + table.price(&write));
}

/// A word of a small memory is written into registers, and read through a tree of multiplexers that halves
/// the words at each stage.
#[test]
fn a_memory_of_less_than_4096_bits_is_made_of_registers() {
    let table = table("40nm");
    let clock = table.energy.clock.typical;
    let cost = |action| table.price(&action).typical.0;
    let close = |one: f64, other: f64| (one / other - 1.0).abs() < 1e-9;
    let (write, read) = (Action::write(64, Bits(63)), Action::read(64, Bits(63)));
    assert!(!write.is_of_sram() && !read.is_of_sram());
    assert!(close(cost(write), 63.0 * table.energy.register.typical * clock));
    assert!(close(cost(read), 6.0 * 63.0 * table.energy.mux.typical * clock));
    let capacity = Bytes(512);
    assert_eq!(Action::write(64, Bits(64)), Action::SramWrite { capacity, width: Bits(64) });
    assert_eq!(Action::read(64, Bits(64)), Action::SramRead { capacity, width: Bits(64) });
}

#[test]
fn a_barrel_shifter_doubles_the_distance_at_each_stage() {
    for (width, stages) in [(1, 1), (2, 1), (3, 2), (256, 8), (257, 9)] {
        assert_eq!(barrel_stages(Bits(width)), stages, "{width} bits");
    }
}

#[test]
fn energy_at_28_nm_is_three_fifths_of_that_at_40() {
    let action = Action::Add { width: Bits(32) };
    let ratio = table("28nm").price(&action).typical.0 / table("40nm").price(&action).typical.0;
    assert!((ratio - 0.628).abs() < 0.005, "{ratio}");
}

fn action(kind: u32, width: u32, capacity: u64, ports: u32) -> Action {
    let (width, capacity) = (Bits(width), Bytes(capacity));
    match kind {
        0 => Action::MultiplyAccumulate { left: width, right: Bits(12) },
        1 => Action::Add { width },
        2 => Action::Compare { width },
        3 => Action::Exponent { width },
        4 => Action::Divide { width },
        5 => Action::Shift { width },
        6 => Action::Fifo { entries: 1, width },
        9 => Action::Fifo { entries: 8192 + ports, width },
        7 => Action::SramRead { capacity, width },
        8 => Action::SramWrite { capacity, width },
        _ => Action::Crossbar { inputs: ports, outputs: 16, width },
    }
}

fn ordered(price: &Spread<Picojoules>) -> bool {
    0.0 < price.low.0 && price.low.0 <= price.typical.0 && price.typical.0 <= price.high.0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn prices_grow_with_width_capacity_and_ports(
        kind in 0..11_u32,
        // A word of 4096 bits would no longer be kept in registers.
        width in 1..3500_u32,
        capacity in 1024..(1_u64 << 22),
        ports in 1..64_u32,
        more in 1..500_u32,
    ) {
        let table = table("40nm");
        let base = table.price(&action(kind, width, capacity, ports));
        let wider = table.price(&action(kind, width + more, capacity, ports));
        let larger = table.price(&action(kind, width, capacity + u64::from(more), ports + more));
        prop_assert!(ordered(&base), "{base:?}");
        prop_assert!(base.typical < wider.typical, "{base:?} {wider:?}");
        prop_assert!(base.typical <= larger.typical, "{base:?} {larger:?}");
    }
}

/// Every figure of both tables stands in the reference with its range.
#[test]
fn the_reference_has_the_figures_of_the_tables() {
    let reference = include_str!("../../../docs/reference/energy.md");
    for (name, _) in NODES {
        let EnergyTable { energy, sram, area, .. } = table(name);
        let energy = [
            energy.multiply,
            energy.add,
            energy.register,
            energy.mux,
            energy.crossbar,
            energy.exponent_steps,
            energy.clock,
        ];
        let sram = [sram.read, sram.write, sram.leakage, sram.bit_area, sram.edge_area];
        let area = [
            area.multiply,
            area.add,
            area.register,
            area.mux,
            area.crossbar,
            area.utilization,
            area.control,
            area.leakage,
        ];
        for figure in energy.iter().chain(&sram).chain(&area) {
            let range = format!("| {} / {} / {} |", figure.low, figure.typical, figure.high);
            assert!(reference.contains(&range), "{name}: {range} ({})", figure.rule);
        }
    }
}

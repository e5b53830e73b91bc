//! The area of a machine: by block, beside the paper's, and what it depends on.

mod common;

use proptest::prelude::*;
use tamis_arch::{
    Accelerator,
    area::{self, AreaBlock, AreaReport},
    energy::EnergyTable,
    units::Bytes,
};

fn report(machine: &Accelerator, table: &str) -> AreaReport {
    area::report(machine, &EnergyTable::named(table).expect("it is compiled in"))
}

/// The machine that the paper compares with A3 and MNNFast: an eighth of the multipliers and of the
/// bandwidth, buffers of the same capacity.
fn eighth() -> Accelerator {
    let mut machine = common::spatten();
    machine.name = "spatten-eighth".into();
    machine.qk_array.multipliers = 64;
    machine.pv_array.multipliers = 64;
    machine.fetcher.lanes = 4;
    machine.dram.channels = 2;
    machine.softmax.lanes = 1;
    machine.softmax.row_buffer_lines = 2048;
    machine.refetch.buffer_lines = 2048;
    machine.importance.lanes = 1;
    machine
}

fn share(report: &AreaReport, block: AreaBlock) -> f64 {
    let found = report.blocks.iter().find(|area| area.block == block);
    found.expect("every block is reported").total().typical.0 / report.total().typical.0
}

/// The paper reports 18.71 mm² at 40 nm. Ours is 0.29 of it, 0.53 at the high end, and that is not
/// tuned away: `docs/reference/energy.md` says where the rest may be (CACTI asked for one macro with a
/// port of 768 bytes gives 6.85 mm² for each buffer, where macros side by side take 0.53).
#[test]
fn the_papers_machine_has_a_third_of_the_papers_area() {
    let total = report(&common::spatten(), "40nm").total();
    let ratio = total.typical.0 / 18.71;
    assert!((0.26..0.33).contains(&ratio), "{total:?} is {ratio} of the paper's");
    assert!((0.45..0.60).contains(&(total.high.0 / 18.71)), "{total:?}");
}

/// 1.55 mm² (MECLA, Table III); its memory accounting is unknown.
#[test]
fn an_eighth_of_it_has_the_area_that_the_paper_reports_for_that() {
    let total = report(&eighth(), "40nm").total();
    let ratio = total.typical.0 / 1.55;
    assert!((0.8..1.25).contains(&ratio), "{total:?} is {ratio} of the paper's");
}

/// "Largest consumers of area: QK and PV module", buffers included; "top-k about 2.7 %", for the one
/// engine that the paper speaks of.
#[test]
fn the_arrays_with_their_buffers_are_the_largest_and_topk_is_small() {
    let machine = common::spatten();
    let report = report(&machine, "40nm");
    let keys = share(&report, AreaBlock::QkArray) + share(&report, AreaBlock::KeyBuffer);
    let values = share(&report, AreaBlock::PvArray) + share(&report, AreaBlock::ValueBuffer);
    for block in [AreaBlock::Crossbar, AreaBlock::Softmax, AreaBlock::Queues, AreaBlock::Topk] {
        assert!(share(&report, block) < keys.min(values), "{block:?}");
    }
    let engine = share(&report, AreaBlock::Topk) / f64::from(machine.topk.engines);
    assert!((0.01..0.05).contains(&engine), "{engine}");
}

/// Two nodes on, half the area: between the 0.49 of (28/40)² and the 0.525 of TSMC's SRAM cells.
#[test]
fn at_28_nm_it_is_half_as_large() {
    let machine = common::spatten();
    let ratio =
        report(&machine, "28nm").total().typical.0 / report(&machine, "40nm").total().typical.0;
    assert!((0.47..0.54).contains(&ratio), "{ratio}");
}

#[test]
fn the_blocks_add_up_and_each_is_there_once() {
    let report = report(&common::spatten(), "40nm");
    let sum: f64 = report.blocks.iter().map(|block| block.total().typical.0).sum();
    assert!((sum - report.total().typical.0).abs() < 1e-9);
    let blocks = report.blocks.iter().map(|block| block.block).collect::<Vec<_>>();
    assert!(blocks.is_sorted_by(|one, other| one < other), "{blocks:?}");
    assert_eq!(blocks.len(), 11);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn more_of_anything_is_not_smaller(which in 0..8_u32, factor in 1..=4_u32) {
        let small = common::spatten();
        let mut large = small.clone();
        match which {
            0 => large.qk_array.multipliers *= factor,
            1 => large.key_buffer.capacity = Bytes(small.key_buffer.capacity.0 * u64::from(factor)),
            2 => large.fetcher.lanes *= factor,
            3 => large.dram.channels *= factor,
            4 => large.topk.comparators *= factor,
            5 => large.topk.engines *= factor,
            6 => large.reorder.entries *= factor,
            _ => large.formats.operand.0 *= factor,
        }
        let (small, large) = (report(&small, "40nm").total(), report(&large, "40nm").total());
        prop_assert!(small.typical.0 <= large.typical.0);
        prop_assert!(large.low.0 <= large.typical.0 && large.typical.0 <= large.high.0);
    }
}

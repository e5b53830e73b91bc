//! Cycles of Ramulator 2.1.

use std::sync::LazyLock;

use tamis_arch::dram::{Controller, Dram, Refresh};

use crate::row::{Class, Compared, Row, rows};

/// Writes are done there when their command issues, here when their last beat is on the bus: CWL + BL later.
const WRITE_TICKS: u64 = 5 + 2;

/// All rows, with what we make of them.
pub(crate) static COMPARED: LazyLock<Vec<Compared>> =
    LazyLock::new(|| rows("ramulator.csv").into_iter().map(compare).collect());

fn compare(row: Row) -> Compared {
    let controller = Controller {
        read_queue: row.queue("read_q="),
        write_queue: row.queue("write_q="),
        refresh: row.refresh,
        ..Controller::usual()
    };
    let dram = Dram::new("hbm2", row.channels, &row.mapping, controller).expect("a memory");
    row.compare(&dram)
}

/// How far off a row may be, in percent. We are nearer: see [`assert_the_same`].
pub(crate) fn tolerance(row: &Row) -> f64 {
    match row.class() {
        Class::Single => 0.0,
        Class::Stream | Class::Gather => 1.0,
        Class::Random => 3.0,
    }
}

/// Reads end in the same cycle. A mix ends as much later as its last write does, or not at all when it ends with a read.
fn is_the_same(one: &Compared) -> bool {
    let last = if one.row.has_writes() { WRITE_TICKS } else { 0 };
    (one.row.cycles..=one.row.cycles + last).contains(&one.ours)
}

/// The one mix in which a read comes for a write whose row was just opened for it. We answer from the write; Ramulator
/// has forgotten it by then and reads the DRAM (`ControllerBase::promote_to_active`), and what follows goes another way.
fn meets_an_active_write(row: &Row) -> bool {
    let Row { channels, mapping, refresh, trace, .. } = row;
    let found = (*channels, mapping.as_str(), *refresh, trace.as_str());
    found == (16, "RoBaRaCoCh", Refresh::None, "rand64k_w3")
}

fn assert_the_same<'a>(all: impl IntoIterator<Item = &'a Compared>) {
    let (mut rows, mut off) = (0, String::new());
    for one in all {
        if !is_the_same(one) && !meets_an_active_write(&one.row) {
            off += &format!("\n{one}");
        }
        rows += 1;
    }
    assert!(rows > 0, "there is nothing to compare");
    assert!(off.is_empty(), "they differ:{off}");
}

#[test]
fn single_requests_take_the_same_cycles() {
    let single = rows("ramulator.csv").into_iter().filter(|row| row.class() == Class::Single);
    assert_the_same(&single.map(compare).collect::<Vec<_>>());
}

#[test]
fn sixteen_channels_take_the_same_cycles() {
    let small = |row: &Row| row.channels == 16 && row.cycles < 20_000;
    let some = rows("ramulator.csv").into_iter().filter(small).step_by(5);
    assert_the_same(&some.map(compare).collect::<Vec<_>>());
}

#[test]
fn every_row_takes_the_same_cycles() {
    assert_the_same(&*COMPARED);
}

#[test]
fn every_row_is_within_its_tolerance() {
    let off = COMPARED.iter().filter(|one| one.percent().abs() > tolerance(&one.row));
    let off = off.map(Compared::to_string).collect::<Vec<_>>();
    assert!(off.is_empty(), "they are further off than is allowed:\n{}", off.join("\n"));
}

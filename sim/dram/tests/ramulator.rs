//! Cycles against Ramulator 2.1, for the same requests. `--nocapture` prints the table.

#![expect(clippy::print_stdout, reason = "the table of differences is for people")]

mod common;

use tamis_arch::dram::{Controller, Dram, Refresh};
use tamis_dram::{Injection, replay};

struct Row {
    channels: u32,
    mapping: String,
    refresh: Refresh,
    read_queue: u32,
    write_queue: u32,
    trace: String,
    injection: Injection,
    cycles: u64,
}

fn rows() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/dram/ramulator.csv");
    let mut reader = csv::Reader::from_path(path).expect("the reference is in the repository");
    reader.records().map(|record| row(&record.expect("a record"))).collect()
}

fn row(record: &csv::StringRecord) -> Row {
    let queue = |name: &str| {
        let found = record[5].split(' ').find_map(|part| part.strip_prefix(name));
        found.map_or(32, |depth| depth.trim_end_matches("/ch").parse().expect("a depth"))
    };
    Row {
        channels: record[2].parse().expect("channels"),
        mapping: record[3].to_owned(),
        refresh: match &record[4] {
            "AllBank" => Refresh::AllBank,
            "PerBank" => Refresh::PerBank,
            _ => Refresh::None,
        },
        read_queue: queue("read_q="),
        write_queue: queue("write_q="),
        trace: record[7].to_owned(),
        injection: if &record[8] == "inorder" { Injection::InOrder } else { Injection::PerChannel },
        cycles: record[10].parse().expect("cycles"),
    }
}

/// Writes are done there when their command issues, here when their last beat is on the bus.
const WRITE_TICKS: u64 = 5 + 2;

fn ours(row: &Row) -> u64 {
    let controller = Controller {
        read_queue: row.read_queue,
        write_queue: row.write_queue,
        refresh: row.refresh,
        ..Controller::usual()
    };
    let dram = Dram::new("hbm2", row.channels, &row.mapping, controller).expect("a memory");
    replay(&dram, common::trace(&row.trace), 64, row.injection).end.0
}

/// One line of the table, and whether we agree to the cycle.
fn judge(row: &Row) -> (String, bool) {
    let ours = ours(row);
    let line = format!(
        "{:2} channels {:10} {:8} {:3} deep {:11} {:10} {:8} cycles, ours {ours}",
        row.channels,
        row.mapping,
        row.refresh.name(),
        row.read_queue,
        row.trace,
        format!("{:?}", row.injection),
        row.cycles,
    );
    let last = if row.trace.ends_with("_w3") { WRITE_TICKS } else { 0 };
    (line, ours == row.cycles + last)
}

fn compare(rows: &[Row]) {
    let judged = rows.iter().map(judge).collect::<Vec<_>>();
    let table = judged.iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>().join("\n");
    println!("{table}");
    assert!(!rows.is_empty() && judged.iter().all(|(_, same)| *same), "they differ:\n{table}");
}

#[test]
fn single_requests_take_the_same_cycles() {
    compare(&rows().into_iter().filter(|row| row.cycles < 100).collect::<Vec<_>>());
}

#[test]
fn sixteen_channels_take_the_same_cycles() {
    let small = |row: &Row| row.channels == 16 && row.cycles < 20_000;
    compare(&rows().into_iter().filter(small).step_by(5).collect::<Vec<_>>());
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes half a minute without optimisation")]
fn every_row_takes_the_same_cycles() {
    compare(&rows());
}

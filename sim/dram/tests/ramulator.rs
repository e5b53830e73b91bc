//! Cycles against Ramulator 2.1, for the same requests.

mod common;

use tamis_arch::dram::{Controller, Dram, Refresh, Standard};
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

fn cycles(row: &Row) -> u64 {
    let controller = Controller {
        read_queue: row.read_queue,
        write_queue: row.write_queue,
        refresh: row.refresh,
        ..Controller::usual()
    };
    let standard = Standard::preset("hbm2").expect("a preset");
    let dram = Dram::new(standard, row.channels, &row.mapping, controller).expect("a memory");
    replay(&dram, common::trace(&row.trace), 64, row.injection).end.0
}

#[test]
fn every_row() {
    for row in rows() {
        let start = std::time::Instant::now();
        let ours = cycles(&row);
        let t = start.elapsed().as_secs_f64();
        println!(
            "{:2} {:10} {:8?} {:3} {:10} {:?} {} {} {:+.2}% {:.2}s",
            row.channels,
            row.mapping,
            row.refresh,
            row.read_queue,
            row.trace,
            row.injection,
            row.cycles,
            ours,
            100.0 * (ours as f64 / row.cycles as f64 - 1.0),
            t
        );
    }
}

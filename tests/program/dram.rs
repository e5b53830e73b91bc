//! `tamis dram`.

mod refusals;
mod standards;

use std::{fs, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    files::path_of,
    vocabulary::{Ran, tamis, tamis_reading},
};

/// A file in a folder of its own.
struct File {
    _folder: TempDir,
    path: String,
}

impl File {
    fn holding(name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("writable");
        Self { path: path_of(&path), _folder: folder }
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// Replays what stands on standard input.
fn replay(trace: impl Into<Vec<u8>>, more: &[&str]) -> Ran {
    let words: Vec<&str> = ["dram", "replay", "-"].iter().chain(more).copied().collect();
    tamis_reading(trace, &words)
}

fn json(ran: Ran) -> Value {
    serde_json::from_str(&ran.succeeds().stdout()).expect("valid JSON")
}

fn replayed(trace: &str, more: &[&str]) -> Value {
    let more: Vec<&str> = more.iter().copied().chain(["--format", "json"]).collect();
    json(replay(trace, &more))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no whole number"))
}

/// 64 bytes each, one after the other.
fn stream(requests: u64) -> String {
    (0..requests).map(|request| format!("R {:#x}\n", 64 * request)).collect()
}

/// Rows of the reference of another simulator, as words by column.
fn reference(wanted: &[(usize, &str)]) -> u64 {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("tests/reference/dram/ramulator.csv"));
    let text = text.expect("the reference is in the repository");
    let mut rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let row = rows.find(|row| wanted.iter().all(|&(column, word)| row[column] == word));
    row.expect("there is such a row")[10].parse().expect("cycles")
}

#[test]
fn a_compressed_stream_takes_the_cycles_of_ramulator() {
    let cycles = reference(&[
        (2, "16"),
        (3, "MOP4CLXOR"),
        (4, "AllBank"),
        (5, "read_q=32/ch"),
        (7, "seq4M"),
        (8, "inorder"),
    ]);
    let file = File::holding("seq4M.trace.gz", gzip(&stream(65_536)));
    let words = ["--dram", "hbm2", "--channels", "16", "--mapping", "MOP4CLXOR", "--queue", "32"];
    let words = ["dram", "replay", &file.path, "--format", "json"].into_iter().chain(words);
    let report = json(tamis(&words.collect::<Vec<_>>()));
    assert_eq!(number(&report["cycles"]), cycles);
    assert_eq!(number(&report["requests"]["reads"]), 65_536);
    assert_eq!(number(&report["read_bytes"]), 64 * 65_536);
}

#[test]
fn single_requests_take_the_cycles_of_ramulator() {
    for (name, trace) in [("one", "0x0"), ("hit2", "R 0\nR 40"), ("conf2", "0\nR 0x1000000")] {
        let cycles = reference(&[(4, "NoRefresh"), (7, name)]);
        let report = replayed(trace, &["--mapping", "RoBaRaCoCh", "--refresh", "none"]);
        assert_eq!(number(&report["cycles"]), cycles, "{name}");
    }
}

#[test]
fn a_file_its_compressed_form_and_standard_input_are_one_trace() {
    let text = stream(200).replace("R 0x40\n", "W 0x40\n# a comment\n\n");
    let plain = File::holding("a.trace", &text);
    let packed = File::holding("b", gzip(&text));
    let from = |path: &str| tamis(&["dram", "replay", path]).succeeds().stdout();
    let printed = from(&plain.path);
    assert!(printed.starts_with("199 reads and 1 write of 64 B"), "{printed}");
    assert_eq!(from(&packed.path), printed);
    assert_eq!(replay(text, &[]).succeeds().stdout(), printed);
}

/// The accounts of data buses: every cycle of each is in one place.
#[track_caller]
fn assert_accounts(buses: &Value, elapsed: u64) {
    let lost = |key: &str| {
        let parts = buses[key].as_object().expect("by cause").values();
        parts.map(number).sum::<u64>()
    };
    assert_eq!(number(&buses["elapsed_clocks"]), elapsed);
    assert_eq!(number(&buses["moving_data_clocks"]) + lost("lost_clocks"), elapsed);
    assert_eq!(lost("wait_clocks"), lost("lost_clocks"));
}

#[test]
fn lost_cycles_add_up_to_the_elapsed_ones_in_each_channel_and_in_all() {
    let trace: String = (0..2000_u64)
        .map(|i| format!("{} {:#x}\n", if i % 3 == 0 { "W" } else { "R" }, (i * 7919 % 4096) << 12))
        .collect();
    for (dram, buses) in [("hbm2", 2), ("ddr4", 1)] {
        let report = replayed(&trace, &["--dram", dram, "--channels", "4"]);
        let cycles = number(&report["cycles"]);
        assert_accounts(&report["data_buses"], 4 * buses * cycles);
        let channels = report["channels"].as_array().expect("a list");
        assert_eq!(channels.len(), 4);
        for channel in channels {
            assert_accounts(&channel["data_buses"], buses * cycles);
        }
        let sum = |key: &str| channels.iter().map(|channel| number(&channel[key])).sum::<u64>();
        assert_eq!(sum("read_bytes"), number(&report["read_bytes"]));
        assert_eq!(sum("written_bytes"), number(&report["written_bytes"]));
    }
}

#[test]
fn the_table_accounts_for_every_cycle_and_ends_with_the_limit() {
    let printed = replay(stream(4096), &["--mapping", "RoBaRaCoCh"]).succeeds().stdout();
    let (_, accounts) = printed.split_once("cycles of 2 data buses").expect("the accounts");
    let rows = accounts.lines().skip(1).take_while(|line| !line.is_empty());
    let shares = rows.map(|line| {
        let (before, _) = line.split_once(" %").expect("a share");
        before.split_whitespace().last().and_then(|share| share.parse::<f64>().ok()).expect(line)
    });
    let sum: f64 = shares.sum();
    assert!((sum - 100.0).abs() < 0.5, "{sum} in {printed}");
    // Both halves of a request lie in one bank group there, so half of the time is tCCD_L's.
    let verdict = printed.lines().last().expect("a last line");
    assert!(verdict.starts_with("What limits the memory: column spacing, 4"), "{verdict}");
    assert!(printed.lines().all(|line| line.chars().count() <= 110), "{printed}");
}

#[test]
fn commands_standby_and_interface_add_up_to_the_energy() {
    let report = replayed(&stream(2000), &["--page", "closed"]);
    let energy = &report["energy"];
    let real = |value: &Value| value.as_f64().expect("a number");
    let commands = energy["commands"].as_object().expect("by command");
    let commands: f64 = commands.values().map(|spent| real(&spent["energy_pj"])).sum();
    let standby = energy["standby"].as_object().expect("by state");
    let standby: f64 = standby.values().map(real).sum();
    let total = real(&energy["total_pj"]);
    let sum = commands + standby + real(&energy["interface_pj"]);
    assert!((sum - total).abs() < 1e-9 * total, "{sum} and {total}");
    let per_bit = real(&energy["pj_per_bit"]);
    assert!((per_bit * 2000.0 * 512.0 - total).abs() < 1e-9 * total, "{per_bit}");
}

#[test]
fn knobs_change_what_they_say() {
    let random: String =
        (0..3000_u64).map(|i| format!("{:#x}\n", (i * i * 31 % 9973) << 13)).collect();
    let cycles = |more: &[&str]| number(&replayed(&random, more)["cycles"]);
    let usual = cycles(&[]);
    assert!(cycles(&["--refresh", "none"]) < usual);
    assert!(cycles(&["--row-bus", "split"]) < usual);
    assert!(cycles(&["--queue", "1"]) > usual);
    assert!(cycles(&["--scheduler", "fcfs"]) > usual);
    assert!(cycles(&["--channels", "2", "--inject", "perchan"]) < usual);
    assert!(cycles(&["--request-bytes", "32"]) < usual);
    // Every other request goes back to a row that others want, too.
    let mixed: String = (0..3000_u64)
        .map(|i| format!("{:#x}\n", ((i % 2) << 20) | ((i % 7) << 18) | (i << 6)))
        .collect();
    let cycles = |more: &[&str]| number(&replayed(&mixed, more)["cycles"]);
    let usual = cycles(&[]);
    for more in [
        &["--refresh", "per-bank"][..],
        &["--page", "timeout", "--page-timeout", "20"],
        &["--page", "closed"],
        &["--scheduler", "fr-fcfs-cap", "--hit-cap", "1"],
        &["--mapping", "row bank column[:2] group pseudo column[1:0] channel"],
    ] {
        assert_ne!(cycles(more), usual, "{more:?}");
    }
}

#[test]
fn addresses_beyond_the_memory_wrap_around_and_are_counted() {
    let within = replayed("0x40\n0x80", &[]);
    let beyond = replayed("0x7fff00000040\n0x80", &[]);
    assert_eq!(within["cycles"], beyond["cycles"]);
    assert_eq!(number(&within["requests"]["wrapped"]), 0);
    assert_eq!(number(&beyond["requests"]["wrapped"]), 1);
    let table = replay("0x7fff00000040", &[]).succeeds().stdout();
    assert!(table.contains("1 address lies beyond the memory: it wraps around"), "{table}");
    assert!(table.contains("1 read and 0 writes"), "{table}");
    assert!(table.contains("1 command\n"), "{table}");
    let small = replay("0x40", &["--request-bytes", "1"]).succeeds().stdout();
    assert!(small.contains("32 B   moved, in whole transactions; asked for was 1 B\n"), "{small}");
}

#[test]
fn requests_that_meet_a_waiting_write_are_told_apart_from_those_that_moved() {
    let met = "  met in the write queue";
    // All but the first are taken in by the first, which waits for its row.
    let writes = "W 0x40\n".repeat(1000);
    let table = replay(writes.as_str(), &[]).succeeds().stdout();
    assert!(table.contains("64 B   moved; asked for was 64.0 kB\n"), "{table}");
    let line = table.lines().find(|line| line.starts_with(met)).expect("a line");
    let (figure, note) = (" 63.9 kB ", "reads answered 0 B, writes taken in 63.9 kB; any number a");
    assert!(line.contains(figure) && line.contains(note), "{line}");
    // A write and, before it is served, a read of it: half of what was asked for is moved.
    let table = replay("W 0x40\nR 0x40\n", &[]).succeeds().stdout();
    assert!(table.contains("64 B   moved; asked for was 128 B\n"), "{table}");
    assert!(table.contains(" 64 B   reads answered 64 B, writes taken in 0 B;"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 110), "{table}");
    // Nothing meets where each goes elsewhere, or only reads do.
    for apart in ["W 0x40\nR 0x80\n", "R 0x40\nR 0x40\n"] {
        let table = replay(apart, &[]).succeeds().stdout();
        assert!(!table.contains(met) && !table.contains("asked for"), "{table}");
    }
}

#[test]
fn the_same_replay_prints_the_same_bytes_whatever_the_threads() {
    // Long enough to be shared among threads.
    let trace = stream(40_000);
    for inject in ["inorder", "perchan"] {
        let printed = |more: &[&str]| {
            let words = ["--channels", "16", "--inject", inject, "--format", "json"];
            replay(trace.as_str(), &[&words[..], more].concat()).succeeds().stdout()
        };
        let first = printed(&[]);
        for threads in ["1", "2", "3"] {
            assert!(printed(&["--threads", threads]) == first, "{inject}, {threads} threads");
        }
    }
}

#[test]
fn the_head_of_the_table_says_what_acts() {
    let head = |more: &[&str]| {
        let printed = replay("0x0", more).succeeds().stdout();
        printed.lines().nth(2).expect("a third line").to_owned()
    };
    let capped = ["--scheduler", "fr-fcfs-cap"];
    let timed = ["--page", "timeout"];
    for (more, text) in [
        (&[][..], ", fr-fcfs, pages open, refresh all-bank, row bus shared"),
        (&capped, ", fr-fcfs-cap (4), pages open,"),
        (&[&capped[..], &["--hit-cap", "7"]].concat(), ", fr-fcfs-cap (7), pages open,"),
        (&timed, ", pages timeout (200 cycles), "),
        (&[&timed[..], &["--page-timeout", "1"]].concat(), ", pages timeout (1 cycle), "),
        (&["--row-bus", "split"], ", row bus split"),
        (&["--dram", "hbm2-release", "--row-bus", "split"], ", command bus split"),
        (&["--dram", "ddr4"], ", one command bus a channel"),
        (&["--dram", "ddr4", "--row-bus", "split"], ", one command bus a channel"),
    ] {
        let head = head(more);
        assert!(head.contains(text), "{more:?}: {head}");
        assert_eq!(head.ends_with("split"), text.ends_with("split"), "{more:?}: {head}");
    }
}

#[test]
fn the_bundled_trace_is_what_its_head_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/dram/examples/gather.trace");
    let text = fs::read_to_string(path).expect("it is in the repository");
    let kept = (0..8192_u64).filter(|key| key * 2_654_435_761 % (1 << 32) < 1 << 30);
    let expected: String = kept.map(|key| format!("R {:#x}\n", 64 * key)).collect();
    let requests: String =
        text.split_inclusive('\n').filter(|line| !line.starts_with('#')).collect();
    assert!(requests == expected);
}

#[test]
fn a_full_row_bus_is_the_limit_whatever_waits_it_shows_as() {
    let addresses = (0..4096_u64).map(|i| 64 * (i * 2_654_435_761 % (1 << 22)));
    let random: String = addresses.map(|address| format!("{address:#x}\n")).collect();
    let more = ["--mapping", "RoBaRaCoCh", "--queue", "512"];
    let verdict = |more: &[&str]| {
        let printed = replay(random.as_str(), more).succeeds().stdout();
        printed.lines().last().expect("a last line").to_owned()
    };
    // An activate takes two clocks of the row bus and a precharge one, for nearly every request.
    let shared = verdict(&more);
    assert!(shared.starts_with("What limits the memory: the row bus, busy in 9"), "{shared}");
    let split = verdict(&[&more[..], &["--row-bus", "split"]].concat());
    assert!(!split.contains("row bus"), "{split}");
}

#[test]
fn requests_that_go_in_order_are_the_limit_and_not_a_bus_that_is_idle() {
    let addresses = (0..4096_u64).map(|i| 64 * (i * 2_654_435_761 % (1 << 22)));
    let random: String = addresses.map(|address| format!("{address:#x}\n")).collect();
    let of = |scheduler| ["--mapping", "RoBaRaCoCh", "--scheduler", scheduler];
    let table = replay(random.as_str(), &of("fcfs")).succeeds().stdout();
    let verdict = table.lines().last().expect("a last line");
    assert!(verdict.starts_with("What limits the memory: request order, "), "{table}");
    assert!(table.contains("   a command is legal, but older requests go first\n"), "{table}");
    assert!(!table.contains("wait for their command bus"), "{table}");
    let ordered = replayed(&random, &of("fcfs"));
    assert_eq!(ordered["limited_by"]["by"], "request_order");
    assert!(number(&ordered["data_buses"]["lost_clocks"]["request order"]) > 0);
    let waits = |report: &Value| {
        let waits = report["data_buses"]["wait_clocks"].as_object().expect("by kind");
        ["row_bus", "column_bus", "request_order"].map(|kind| waits.contains_key(kind))
    };
    assert_eq!(waits(&ordered), [false, false, true]);
    assert_eq!(waits(&replayed(&random, &of("fr-fcfs"))), [true, true, false]);
}

#[test]
fn a_standard_with_one_command_bus_is_told_of_that() {
    let addresses = (0..4096_u64).map(|i| 64 * (i * 2_654_435_761 % (1 << 22)));
    let random: String = addresses.map(|address| format!("{address:#x}\n")).collect();
    let more = ["--dram", "hbm2-release", "--refresh", "none", "--mapping", "RoBaRaCoCh"];
    let more = [&more[..], &["--queue", "512"]].concat();
    // Two clocks for an activate, one for a precharge and one for a read, of 32 bytes each.
    let table = replay(random.as_str(), &more).succeeds().stdout();
    let verdict = table.lines().last().expect("a last line");
    assert!(verdict.starts_with("What limits the memory: the command bus, busy in 9"), "{table}");
    assert!(table.contains("command bus shared"), "{table}");
    assert!(!table.contains("row-command bus") && !table.contains("the column bus"), "{table}");
    let report = replayed(&random, &more);
    assert_eq!(report["limited_by"]["by"], "command_bus");
    assert!(report["command_buses"]["utilization"].as_f64().is_some_and(|share| share > 0.9));
    assert!(number(&report["data_buses"]["wait_clocks"]["command_bus"]) > 0);
    assert!(number(&report["data_buses"]["lost_clocks"]["command bus"]) > 0);
    let printed = report.to_string();
    for key in ["row_bus", "column_bus", "row bus", "column bus", "row_utilization"] {
        assert!(!printed.contains(key), "{key}");
    }
}

//! Standards and mappings, by name and as files.

use super::*;

#[test]
fn a_standard_that_is_not_there() {
    replay("0x0", &["--dram", "hbm"]).fails(4, &["no such DRAM standard", "`hbm`", "hbm2"]);
    replay("0x0", &["--dram", "no-such.toml"]).fails(4, &["no-such.toml"]);
    replay("0x0", &["--dram", "."]).fails(4, &[".: must be a standard", "not a directory"]);
    replay("0x0", &["--dram", "jedec"]).fails(4, &["jedec: is the table of constraints"]);
    tamis(&["dram", "show", "ddr3"]).fails(4, &["`ddr3`", "ddr4"]);
    let more = ["--dram", "ddr4", "--refresh", "per-bank"];
    replay("0x0", &more).fails(4, &["--refresh per-bank", "ddr4"]);
}

#[test]
fn each_listed_standard_replays_and_so_does_the_file_that_is_shown_of_it() {
    let list = tamis(&["dram", "list"]).succeeds().stdout();
    let names = list.lines().filter(|line| !line.starts_with(' '));
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    for expected in ["hbm2", "hbm2-release", "hbm2e", "hbm3", "gddr6", "lpddr5", "ddr4", "ddr5"] {
        assert!(names.contains(&expected), "{names:?}");
    }
    for name in names {
        let shown = tamis(&["dram", "show", name]).succeeds().stdout();
        let file = File::holding("mine.toml", shown);
        let [preset, own] = [name, &file.path].map(|dram| {
            let mut report = replayed(&stream(300), &["--dram", dram]);
            report["memory"]["standard"].take();
            report
        });
        assert_eq!(preset, own, "{name}");
    }
}

#[test]
fn a_mapping_can_be_looked_up_by_name_and_given_back() {
    let addresses = (0..500_u64).map(|i| 64 * (i * 2_654_435_761 % (1 << 24)));
    let random: String = addresses.map(|address| format!("{address:#x}\n")).collect();
    let words = ["dram", "show", "hbm2", "--mapping", "tamis", "--channels", "16"];
    let shown = tamis(&words).succeeds().stdout();
    let bits = shown.trim_end();
    let [mut named, mut given] = ["tamis", bits]
        .map(|mapping| replayed(&random, &["--channels", "16", "--mapping", mapping]));
    for report in [&named, &given] {
        assert_eq!(report["memory"]["mapping_bits"], bits);
    }
    assert_eq!(named["memory"]["mapping"].take(), "tamis");
    assert_eq!(given["memory"]["mapping"].take(), bits);
    assert_eq!(named, given);
    let refused = tamis(&["dram", "show", "hbm2", "--channels", "16"]);
    refused.fails(2, &["--mapping"]);
    tamis(&["dram", "show", "hbm2", "--mapping", "lane"]).fails(2, &["--mapping `lane`"]);
}

#[test]
fn the_smallest_file_of_the_guide_replays_under_its_own_name() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide/dram-replay.md");
    let guide = fs::read_to_string(guide).expect("it is in the repository");
    let (_, after) = guide.split_once("```toml\n").expect("the guide shows a file");
    let (shown, _) = after.split_once("```").expect("a block ends");
    let file = File::holding("mine.toml", shown);
    // Another row of the same bank: `RC` is from one activate to the other.
    let conflict = "0x0\n0x800000\n";
    let more = ["--mapping", "row bank group pseudo column channel"];
    let [base, own] = ["hbm2", &file.path]
        .map(|dram| replayed(conflict, &[&more[..], &["--dram", dram]].concat()));
    assert_eq!(number(&own["cycles"]) - number(&base["cycles"]), 60 - 48);
    assert_eq!(own["memory"]["standard"], file.path);
    assert_eq!(own["memory"]["name"], "hbm2-slow-rows");
    assert_eq!([&base["memory"]["standard"], &base["memory"]["name"]], ["hbm2"; 2]);
    let table = replay(conflict, &["--dram", &file.path]).succeeds().stdout();
    let told = format!("of hbm2-slow-rows in {} (HBM2 with a longer tRC)", file.path);
    assert!(table.contains(&told), "{table}");
}

/// The file of `hbm2` with one text replaced is refused with the texts.
#[track_caller]
fn standard_refused(from: &str, to: &str, texts: &[&str]) {
    let shown = tamis(&["dram", "show", "hbm2"]).succeeds().stdout();
    assert!(shown.contains(from), "{shown}");
    let file = File::holding("mine.toml", shown.replacen(from, to, 1));
    let texts: Vec<&str> = ["mine.toml:"].iter().chain(texts).copied().collect();
    replay("0x0", &["--dram", &file.path]).fails(4, &texts);
}

#[test]
fn a_standard_with_a_fault_with_its_line() {
    standard_refused("RC = 48 ", "RC = 47 ", &["`timing.RC`", "`RAS` + `RP`", "RC = 47", "^^"]);
    standard_refused("RAS = 34 ", "#", &["`timing.RAS`", "missing"]);
    standard_refused(
        "FAW = 15",
        "FAWN = 15",
        &["`FAW`, which is not a span of `timing`", "[timing]"],
    );
    standard_refused("banks = 4 ", "banks = 5 ", &["`organisation.banks`", "power of two"]);
    standard_refused("REFI = 3900", "REFI = 200 ", &["`timing.REFI`", "`RFC`"]);
    standard_refused("volts = 1.2", "volts = \"a lot\"", &["`power.volts`"]);
    standard_refused("clock_mhz = 1000", "clock_mhz = 0", &["`clock_mhz`"]);
}

#[test]
fn the_constraints_that_standards_share_can_be_shown() {
    let shown = tamis(&["dram", "show", "jedec"]).succeeds().stdout();
    assert!(shown.contains("name = \"tFAW\""), "{shown}");
}

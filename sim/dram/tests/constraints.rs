//! Our standards beside those of Ramulator 2.1, constraint by constraint: each of theirs is in our table with the same
//! clocks, or below with the reason why not.

use std::collections::{BTreeMap, BTreeSet};

use tamis_arch::dram::Standard;

/// Standard, from, to, theirs, ours (none: left out), why.
type Reason = (&'static str, &'static str, &'static str, u32, Option<u32>, &'static str);

/// Where we say something else.
const REASONS: [Reason; 22] = [
    ("ddr5", "ACT", "ACT", 48, Some(32), "tFAW of pages of 1 KB, as modules state it"),
    ("ddr5", "WR", "WR", 48, Some(24), "tCCD_L_WR2: a full burst needs no read-modify-write"),
    ("ddr5", "REFAB", "ACT", 710, Some(708), "295 ns at 2.4 GHz; theirs has a clock of 416 ps"),
    ("ddr5", "REFAB", "PREA", 710, Some(708), "the same"),
    ("gddr6", "ACT", "ACT", 79, Some(80), "tRC is no less than tRAS + tRP"),
    ("gddr6", "ACT", "REFPB", 79, Some(80), "the same"),
    ("gddr6", "ACT", "REFAB", 79, Some(80), "the same"),
    ("gddr6", "REFAB", "PRE", 211, None, "no bank has an open row then"),
    ("gddr6", "REFAB", "RD", 211, None, "the same"),
    ("gddr6", "REFAB", "WR", 211, None, "the same"),
    ("gddr6", "REFPB", "REFAB", 106, None, "a controller does one kind of refresh"),
    ("gddr6", "PREA", "REFPB", 27, None, "the same: PREA goes before REFAB"),
    ("gddr6", "RD", "REFPB", 31, None, "of another bank; the table has it for the same bank"),
    ("gddr6", "WR", "REFPB", 62, None, "the same"),
    ("gddr6", "ACT", "REFPB", 8, None, "tRRD_L is no longer than tRRD_S, which the table has"),
    ("gddr6", "ACT", "REFPB", 29, None, "tFAW is shorter than four tRRD_S"),
    ("gddr6", "REFPB", "ACT", 29, None, "tFAW is shorter than four tRREFD"),
    ("gddr6", "REFPB", "REFPB", 29, None, "the same"),
    ("hbm3", "REFPB", "ACT", 16, Some(26), "tRREFD is 8 ns (JESD238), theirs 8 clocks"),
    ("hbm3", "REFPB", "REFPB", 16, Some(26), "the same"),
    ("lpddr5", "PREA", "REFAB", 15, Some(17), "tRP of a precharge of all banks"),
    ("lpddr5", "REFPB", "REFAB", 96, None, "a controller does one kind of refresh"),
];

/// Clocks by level, from, to and window; of two rules the longer one.
type Table = BTreeMap<[String; 4], u32>;

fn ours(standard: &str) -> Table {
    let mut table = Table::new();
    for rule in Standard::preset(standard).expect("it is known").constraints {
        let [level, from, to] = [rule.level.name(), rule.from.name(), rule.to.name()];
        let key = [level.into(), from.into(), to.into(), rule.window.to_string()];
        let clocks = table.entry(key).or_default();
        *clocks = rule.clocks.max(*clocks);
    }
    table
}

/// With or without auto-precharge.
fn plain(command: &str) -> &str {
    match command {
        "RDA" => "RD",
        "WRA" => "WR",
        other => other,
    }
}

#[test]
fn every_constraint_of_ramulator_is_ours_or_there_is_a_reason() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/dram/constraints.csv");
    let reader = csv::Reader::from_path(path).expect("it is in the repository");
    let (mut compared, mut used, mut unexplained) = (0, BTreeSet::new(), Vec::new());
    for record in reader.into_records() {
        let record = record.expect("a record");
        let [standard, level, from, to, window] = [0, 1, 2, 3, 4].map(|column| &record[column]);
        let theirs: u32 = record[5].parse().expect("clocks");
        let key = [level, from, to, window].map(str::to_owned);
        let ours = ours(standard).get(&key).copied();
        compared += 1;
        if ours == Some(theirs) {
            continue;
        }
        let found = (standard, plain(from), plain(to), theirs, ours);
        match REASONS.iter().position(|&(a, b, c, d, e, _)| (a, b, c, d, e) == found) {
            Some(reason) => _ = used.insert(reason),
            None => unexplained.push(format!("{level} {found:?}")),
        }
    }
    assert!(compared > 350, "only {compared} constraints were compared");
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    assert_eq!(used.len(), REASONS.len(), "a reason without a difference; used are {used:?}");
}

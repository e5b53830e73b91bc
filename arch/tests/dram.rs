//! Standards and mappings: the presets are good, and each fault is said with its place and rule.

use std::path::Path;

use tamis_arch::{
    dram::{
        Controller, DataPins, Dram, MappingPreset, MappingSpec, Refresh, STANDARDS, Standard,
        standard_source,
    },
    fault::{Faults, Source},
};

#[test]
fn every_standard_is_good_and_maps_every_way() {
    for (name, _) in STANDARDS {
        let standard = Standard::preset(name).expect("it is known");
        assert_eq!(standard.name, *name);
        for preset in MappingPreset::ALL {
            for channels in [1, 2, 16] {
                let dram = Dram::new(name, channels, preset.name(), Controller::usual());
                dram.unwrap_or_else(|error| panic!("{name} {preset:?} {channels}: {error}"));
            }
        }
    }
}

/// The message of a standard that differs from HBM2 in a line.
fn fault_of(change: &str) -> String {
    let faults = faults_of(change);
    assert_ne!(faults, "", "{change}");
    faults
}

/// The same of one that may have none.
fn faults_of(change: &str) -> String {
    let text =
        format!("extends = \"hbm2\"\nname = \"edge\"\ndescription = \"an edge\"\n{change}\n");
    let mut faults = Faults::default();
    let standard = Standard::read(Source { name: "edge.toml".into(), text }, &mut faults);
    assert_eq!(standard.is_none(), !faults.is_empty(), "{change}");
    if faults.is_empty() { String::new() } else { faults.to_string() }
}

#[test]
fn a_contradiction_of_a_standard_is_shown_where_it_stands() {
    assert_eq!(
        fault_of("[timing]\nRC = 47"),
        "error: `timing.RC` must be at least `RAS` + `RP`: a row is opened and closed in it\n  \
         --> edge.toml:5:6\n   | RC = 47\n   |      ^^\n"
    );
    for (change, message) in [
        ("clock_mhz = 0", "`clock_mhz` must be 1 to 100000 MHz (found 0)"),
        ("[timing]\nRFC = 3900", "`timing.REFI` must be longer than `RFC`"),
        ("[timing]\nBL = 0", "`timing.BL` must be at least 1"),
        // A refresh of one bank: 8 clocks to an activate of another, last clocks of one and of two, and one on the bus.
        ("[timing]\nREFIPB = 1\nRFCPB = 130", "`timing.REFIPB` must be more than the 8 clocks"),
        ("[timing]\nREFIPB = 8", "`timing.REFIPB` must be more than the 8 clocks"),
        (
            "[timing]\nREFIPB = 10\nRFCPB = 319",
            "`timing.REFIPB` times 32 banks must be more than the 320 clocks",
        ),
        // 260 clocks, and on the bus a refresh of each of two pseudo-channels.
        ("[timing]\nREFI = 262", "`timing.REFI` must be more than the 262 clocks"),
        ("[timing]\nRAS = 13", "`timing.RAS` must be at least `RCDRD`, which is 14"),
        ("[timing]\nCCDL = 1", "`timing.CCDL` must be at least `CCDS`, which is 2"),
        ("[timing]\nCCDLW = 1", "`timing.CCDLW` must be at least `CCDSW`, which is 2"),
        ("[timing]\nRRDL = 3", "`timing.RRDL` must be at least `RRDS`, which is 4"),
        ("[timing]\nWTRL = 5", "`timing.WTRL` must be at least `WTRS`, which is 6"),
        ("[timing]\nFAW = 3", "`timing.FAW` must be at least `RRDS`, which is 4"),
        ("[timing]\nRPA = 13", "`timing.RPA` must be at least `RP`, which is 14"),
        ("[timing]\nCL = -3", "`timing.CL` must be 0 to 1000000 (found -3)"),
        ("[organisation]\nrows = 1000", "`organisation.rows` must be a power of two"),
        ("[organisation]\nbanks = 32", "`organisation` has more than 64 banks a channel"),
        ("[organisation]\nbank = 4", "`organisation.bank` is not known"),
        (
            "[organisation]\ntransaction_bytes = 64",
            "`organisation.transaction_bytes` must be what a burst moves: `BL` 2 clocks, `beats_per_clock` 2 and \
             `bits` 64 are 256 bits (found 64 bytes)",
        ),
        ("[data_bus]\nbits = 65", "are 260 bits (found 32 bytes)"),
        ("[data_bus]\nbeats_per_clock = 1", "are 128 bits (found 32 bytes)"),
        ("[data_bus]\nbits = 0", "`data_bus.bits` must be 1 to 1024"),
        ("[power]\nvolts = nan", "`power.volts` must be a finite number 0.1 to 5"),
        ("[occupancy]\nACT = 0", "`occupancy.ACT` must be 1 to 16 (found 0)"),
    ] {
        let found = fault_of(change);
        assert!(found.contains(message), "{change}: {found}");
    }
}

/// A rule that joins two values shows the one that the file states, though the other, of its base, is named first.
#[test]
fn a_rule_that_joins_values_shows_the_line_that_the_file_has() {
    for (change, message) in [
        ("[timing]\nRFC = 5000", "`timing.REFI` must be longer than `RFC`"),
        ("[timing]\nRFC = 3899", "`timing.REFI` must be more than the 3901 clocks"),
        ("[timing]\nRFCPB = 5000", "`timing.REFIPB` times 32 banks must be more than the 5001"),
        ("[timing]\nRREFD = 130", "`timing.REFIPB` must be more than the 130 clocks"),
        ("[timing]\nPBR = 130", "`timing.REFIPB` must be more than the 131 clocks"),
        (
            "[organisation]\npseudo_channels = 1\nbank_groups = 1\nbanks = 1",
            "`timing.REFIPB` times 1 banks",
        ),
        ("[timing]\nRAS = 35", "`timing.RC` must be at least `RAS` + `RP`"),
        ("[timing]\nRP = 15", "`timing.RC` must be at least `RAS` + `RP`"),
        ("[timing]\nRRDS = 5", "`timing.RRDL` must be at least `RRDS`"),
        ("[power]\nprecharged_ma = 28.0", "`power.open_ma` must be at least `precharged_ma`"),
    ] {
        let found = fault_of(change);
        assert!(found.contains(message), "{change}: {found}");
        assert!(found.contains("  --> edge.toml:"), "{change}: {found}");
        assert!(found.contains("  --> preset:dram/hbm2.toml:"), "{change}: {found}");
    }
}

#[test]
fn no_command_draws_less_than_the_standby_it_contains() {
    for (change, message) in [
        ("open_ma = 19.9", "`power.open_ma` must be at least `precharged_ma`, which is 20"),
        ("read_ma = 27.4", "`power.read_ma` must be at least `open_ma`, which is 27.5"),
        ("write_ma = 27.4", "`power.write_ma` must be at least `open_ma`, which is 27.5"),
        ("refresh_ma = 27.4", "`power.refresh_ma` must be at least `open_ma`, which is 27.5"),
        ("refresh_bank_ma = 27.4", "`power.refresh_bank_ma` must be at least `open_ma`"),
        // 27.5 for 34 clocks and 20 for 14, of 48.
        ("activate_ma = 25.3", "`power.activate_ma` must be at least what standby draws"),
        ("activate_ma = 25.3", "which is 25.3125: a row is opened and closed besides (found 25.3)"),
    ] {
        let found = fault_of(&format!("[power]\n{change}"));
        assert!(found.contains(message) && found.contains("edge.toml:5:"), "{change}: {found}");
    }
    for change in ["open_ma = 20.0", "read_ma = 27.5", "refresh_bank_ma = 27.5"] {
        assert_eq!(faults_of(&format!("[power]\n{change}")), "", "{change}");
    }
    assert_eq!(faults_of("[power]\nactivate_ma = 25.3125\nrefresh_ma = 27.5\nwrite_ma = 27.5"), "");
    // Who raises standby is told of it, and of the current in the base.
    let found = fault_of("[power]\nopen_ma = 126.0");
    assert!(
        found.contains("`power.refresh_ma` must be at least `open_ma`, which is 126"),
        "{found}"
    );
    assert!(found.contains("edge.toml:5:11"), "{found}");
    assert!(found.contains("preset:dram/hbm2.toml"), "{found}");
}

/// A current that nothing uses is no fault: DDR4 has no refresh of one bank.
#[test]
fn a_refresh_of_one_bank_draws_nothing_where_there_is_none() {
    let text = "extends = \"ddr4\"\nname = \"edge\"\ndescription = \"an edge\"\n[power]\nrefresh_bank_ma = 0.0\n";
    let mut faults = Faults::default();
    let source = Source { name: "edge.toml".into(), text: text.into() };
    assert!(Standard::read(source, &mut faults).is_some(), "{faults}");
}

#[test]
fn a_span_that_nothing_names_is_a_fault_with_what_it_was_meant_to_be() {
    assert_eq!(
        fault_of("[timing]\nRRDSS = 20"),
        "error: `timing.RRDSS` is not known; did you mean `RRDS`?\n  \
         --> edge.toml:5:1\n   | RRDSS = 20\n   | ^^^^^\n"
    );
    let found = fault_of("[timing]\nrrds = 20");
    assert!(found.contains("`timing.rrds` is not known"), "{found}");
    // A table of the file's own may name a span of its own, and need not name those of its base.
    let own = "[timing]\nOWN = 20\n[[constraint]]\nname = \"tX\"\nlevel = \"bank\"\nfrom = [\"ACT\"]\n\
               to = [\"ACT\"]\nclocks = \"OWN\"";
    let found = fault_of(own);
    assert!(!found.contains("is not known"), "{found}");
}

#[test]
fn two_transfers_are_never_on_the_data_bus_at_once() {
    // HBM2: data 14 clocks after RD, 5 after WR, for 2: a WR whose data follow those of a RD comes 11 after it.
    assert_eq!(
        fault_of("[timing]\nRTW = 10"),
        "error: `timing.RTW` lets WR follow RD after 10 clocks: it must be at least 11, `CL` + `BL` - `CWL`, \
         as the data bus carries one transfer at a time\n  \
         --> edge.toml:5:7\n   | RTW = 10\n   |       ^^\n"
    );
    assert_eq!(faults_of("[timing]\nRTW = 11"), "");
    // Who makes reads slower is told of it, and of the distance in the base.
    let found = fault_of("[timing]\nCL = 17");
    assert!(found.contains("lets WR follow RD after 13 clocks: it must be at least 14"), "{found}");
    assert!(found.contains("edge.toml:5:6"), "{found}");
    assert!(found.contains("preset:dram/hbm2.toml"), "{found}");
    // A table without the constraints is no way around them.
    let found =
        fault_of_constraint("level = \"bank\"\nfrom = [\"WR\"]\nto = [\"RD\"]\nclocks = \"RC\"");
    for (pair, least) in [("WR follow RD", 11), ("RD follow WR", 2), ("RD follow RD", 2)] {
        let rule = format!("`constraint` lets {pair} after 0 clocks: it must be at least {least}");
        assert!(found.contains(&rule), "{found}");
    }
}

#[test]
fn what_holds_a_command_holds_its_twin() {
    let shared = include_str!("../presets/dram/jedec.toml");
    let table = &shared[shared.find("[[constraint]]").expect("it has a table")..];
    assert_eq!(faults_of(table), "");
    let changed = |before: &str, after: &str| {
        assert!(table.contains(before), "{before}");
        fault_of(&table.replace(before, after))
    };
    // All banks closed before the data of a write are in one of them.
    let found = changed(
        "from = [\"WR\"]\nto = [\"PRE\"]\nclocks = \"CWL + BL + WR\"",
        "from = [\"WR\"]\nto = [\"PRE\"]\nclocks = \"CWL + BL + WR + 1\"",
    );
    assert!(
        found.contains("`constraint` holds PRE for 24 clocks after WR, by tWR, and PREA for 23"),
        "{found}"
    );
    assert!(found.contains("what holds PRE must hold PREA as long"), "{found}");
    // A read that closes its row is asked for as a read.
    let found =
        changed("from = [\"ACT\"]\nto = [\"RD\", \"RDA\"]", "from = [\"ACT\"]\nto = [\"RDA\"]");
    assert!(found.contains("holds RDA for 15 clocks after ACT, by tRCD, and RD for 0"), "{found}");
}

#[test]
fn a_standard_at_the_edge_of_its_rules_is_good() {
    for change in [
        "REFIPB = 10\nRFCPB = 318",
        "REFI = 263",
        "REFIPB = 9",
        "RAS = 14",
        "CCDL = 2\nCCDLW = 2",
        "BL = 1\n[organisation]\ntransaction_bytes = 16",
        "BL = 1\n[data_bus]\nbits = 128",
        "CCDL = 0\nRRDL = 0\nFAW = 0",
        "FAW = 4",
    ] {
        assert_eq!(faults_of(&format!("[timing]\n{change}")), "", "{change}");
    }
}

#[test]
fn a_section_that_is_missing_is_told_once() {
    let source = Source { name: "empty.toml".into(), text: String::new() };
    let mut faults = Faults::default();
    assert_eq!(Standard::read(source, &mut faults), None);
    let text = faults.to_string();
    assert_eq!(text.matches("`timing` is missing").count(), 1, "{text}");
    assert!(!text.contains("`timing."), "{text}");
}

/// The message of HBM2 with one constraint in place of its table.
fn fault_of_constraint(lines: &str) -> String {
    fault_of(&format!("[[constraint]]\nname = \"tX\"\n{lines}"))
}

#[test]
fn a_constraint_names_known_things_and_no_negative_distance() {
    let rule = |level: &str, from: &str, clocks: &str| {
        fault_of_constraint(&format!(
            "level = \"{level}\"\nfrom = [\"{from}\"]\nto = [\"ACT\"]\nclocks = \"{clocks}\""
        ))
    };
    for (found, message) in [
        (rule("bank", "ACT", "CL + NOPE"), "names `NOPE`, which is not a span of `timing`"),
        (rule("bank", "ACT", "CWL - CL"), "comes to -9 clocks: it must be 0 to 65536"),
        (rule("bank", "ACT", "CL CWL"), "lacks `+` or `-` before `CWL`"),
        (rule("bank", "ACT", "CL +"), "must be a sum of spans and numbers"),
        (rule("bank", "REFAB", "RFC"), "cannot be `bank`: REFAB goes to all banks"),
        (rule("die", "ACT", "RC"), "`constraint[0].level` must be one of"),
        (rule("bank", "NOP", "RC"), "`constraint[0].from` must be one of"),
    ] {
        assert!(found.contains(message), "{found}");
    }
}

#[test]
fn banks_are_refreshed_one_by_one_only_where_the_standard_can() {
    let controller = Controller { refresh: Refresh::PerBank, ..Controller::usual() };
    assert!(Dram::new("lpddr5", 1, "tamis", controller.clone()).is_ok());
    let message = Dram::new("ddr4", 1, "tamis", controller).expect_err("it cannot").to_string();
    assert_eq!(message, "`ddr4` has no refresh of single banks: refresh is all-bank or none");
}

#[test]
fn a_standard_moves_as_many_bytes_a_second_as_its_name_says() {
    // Gigabytes a second of a channel: a transaction every burst on each data bus.
    for (name, rate) in [
        ("hbm2", 32.0),
        ("hbm2-release", 16.0),
        ("hbm2e", 51.2),
        ("hbm3", 51.2),
        ("gddr6", 28.0),
        ("lpddr5", 12.8),
        ("ddr4", 25.6),
        ("ddr5", 19.2),
    ] {
        let standard = Standard::preset(name).expect("it is known");
        let buses = f64::from(standard.organisation.pseudo_channels);
        let bytes = standard.organisation.transaction.0 as f64 * buses;
        let found = bytes * standard.clock.0.get() as f64 * 1e-3 / f64::from(standard.timing.burst);
        assert!((found - rate).abs() < 1e-9, "{name}: {found}");
    }
}

/// Gigabits a second of a pin, and pins of a pseudo-channel, as the standards' own names say them.
#[test]
fn a_pin_is_as_fast_as_the_name_of_its_standard_says() {
    for (name, rate, pins) in [
        ("hbm2", 2.0, 64),
        // Half of HBM2's, as released.
        ("hbm2-release", 1.0, 64),
        ("hbm2e", 3.2, 64),
        ("hbm3", 6.4, 32),
        ("gddr6", 14.0, 16),
        ("lpddr5", 6.4, 16),
        ("ddr4", 3.2, 64),
        ("ddr5", 4.8, 32),
    ] {
        let standard = Standard::preset(name).expect("it is known");
        let DataPins { bits, beats_per_clock } = standard.data_bus;
        let found = standard.clock.0.get() as f64 * 1e-3 * f64::from(beats_per_clock);
        assert!((found - rate).abs() < 1e-9, "{name}: {found}");
        assert_eq!(bits, pins, "{name}");
    }
}

/// Burst currents scale with the rate: the same bytes take the same charge beyond standby, however fast they move.
#[test]
fn a_byte_of_every_hbm_takes_the_charge_of_hbm2_at_its_own_rate() {
    for name in ["hbm2e", "hbm3", "hbm2-release"] {
        for write in [false, true] {
            let [found, expected] = [name, "hbm2"].map(|name| charge_of_a_byte(name, write));
            assert!((found / expected - 1.0).abs() < 1e-9, "{name}: {found}, hbm2: {expected}");
        }
    }
}

/// What a burst draws beyond the standby of an open row (pC a byte).
fn charge_of_a_byte(name: &str, write: bool) -> f64 {
    let standard = Standard::preset(name).expect("it is known");
    let power = &standard.power;
    let current = if write { power.write_ma } else { power.read_ma } - power.open_ma;
    let nanoseconds = 1e3 * f64::from(standard.timing.burst) / standard.clock.0.get() as f64;
    current * nanoseconds / standard.organisation.transaction.0 as f64
}

#[test]
fn a_standard_that_is_not_there_is_an_error_that_says_so() {
    let message =
        |name| standard_source(name, Path::new("/nowhere")).map(|_| ()).expect_err("none");
    assert_eq!(
        message("hbmm2"),
        "none is called `hbmm2` (did you mean `hbm2`?); there are hbm2, hbm2-release, hbm2e, hbm3, gddr6, \
         lpddr5, ddr4, ddr5, and a file ends in .toml"
    );
    assert!(message("mine.toml").starts_with("/nowhere/mine.toml: "));
}

fn mapping_error(text: &str, channels: u32) -> String {
    let organisation = Standard::preset("hbm2").expect("it is known").organisation;
    let found = MappingSpec::parse(text, channels, &organisation);
    found.expect_err("it is no mapping").to_string()
}

#[test]
fn a_mapping_names_every_bit_once() {
    for (text, message) in [
        ("row bank group pseudo column channel row[0]", "the mapping uses bit 0 of row twice"),
        ("row bank group pseudo channel", "the mapping leaves out bit 0 of column"),
        ("row bank group pseudo column[4:1] channel", "the mapping leaves out bit 0 of column"),
        ("", "the mapping leaves out bit 0 of row"),
        ("row[15:0]", "`row[15:0]` names a bit that the field does not have: row has 15 bits"),
        (
            "row bank^column group pseudo column channel",
            "`bank^column` joins 2 bits with 5: both sides of ^ have the same width",
        ),
        (
            "row bank^group group^bank pseudo column channel",
            "the exclusive-ors of the mapping go in a circle: two addresses would be one place",
        ),
    ] {
        assert_eq!(mapping_error(text, 16), message);
    }
    for text in ["rows", "row[", "row[a]", "row[1:2", "row^", "^", "row[-1]"] {
        let found = mapping_error(text, 16);
        assert!(found.contains("is not a field of a mapping"), "{text}: {found}");
    }
    assert_eq!(
        mapping_error("tamis", 12),
        "12 channels: an address has whole bits, so the number is a power of two"
    );
}

//! The machine: presets, rules that join parameters, digests, round trips.

use serde_json::Value;
use tamis_arch::{
    Accelerator,
    accelerator::{PRESETS, load},
    units::Bytes,
};

fn spatten() -> Accelerator {
    load("spatten").expect("the preset is good")
}

/// The machine of `spatten` with some parameters changed, as a file that extends it.
fn variant(changes: &str) -> Result<Accelerator, String> {
    let text = format!("name = 'edge'\ndescription = 'x'\nextends = 'spatten'\n{changes}");
    Accelerator::parse("edge.toml", &text).map_err(|faults| faults.to_string())
}

/// The faults of such a file, without the line numbers and the comments of the preset.
fn faults_of(changes: &str) -> String {
    let faults = variant(changes).expect_err("the machine has faults");
    let lines = faults.lines().map(|line| match line.split_once("preset:spatten.toml:") {
        Some((arrow, _)) => format!("{arrow}preset:spatten.toml\n"),
        None => format!("{}\n", line.split('#').next().unwrap_or_default().trim_end()),
    });
    lines.collect()
}

#[test]
fn the_presets_are_the_papers_machines() {
    let full = spatten();
    assert_eq!((full.qk_array.multipliers, full.pv_array.multipliers), (512, 512));
    assert_eq!(
        (full.key_buffer.capacity, full.value_buffer.capacity),
        (Bytes(196_608), Bytes(196_608))
    );
    assert_eq!((full.key_lines(), full.value_lines()), (256, 256));
    assert_eq!((full.fetcher.lanes, full.dram.channels, full.topk.comparators), (32, 16, 16));
    let eighth = load("spatten-eighth").expect("the preset is good");
    assert_eq!(
        (eighth.qk_array.multipliers, eighth.dram.channels, eighth.fetcher.lanes),
        (64, 2, 4)
    );
    assert_eq!(eighth.key_lines(), 2048);
    assert_eq!(eighth.softmax.exponent_latency, full.softmax.exponent_latency);
}

#[test]
fn every_preset_loads_by_its_own_name_and_says_what_it_is() {
    for preset in PRESETS {
        let machine = load(preset.name).unwrap_or_else(|error| panic!("{}: {error}", preset.name));
        assert_eq!(machine.name, preset.name);
        assert_ne!(machine.description, "");
    }
}

#[test]
fn a_machine_written_loads_back_to_the_same_value() {
    for preset in PRESETS {
        let machine = load(preset.name).expect("the preset is good");
        let again = Accelerator::parse("again.toml", &machine.to_toml());
        assert_eq!(again.map_err(|faults| faults.to_string()), Ok(machine));
    }
}

#[test]
fn the_digest_depends_on_every_parameter_and_on_nothing_else() {
    let full = spatten();
    let renamed = variant("").expect("it is spatten");
    assert_eq!(renamed.digest(), full.digest());
    // The same values, in another order and without comments.
    let reordered = Accelerator::parse("again.toml", &full.to_table().to_string());
    assert_eq!(reordered.expect("it is spatten").digest(), full.digest());
    let mut other_chips = full.clone();
    other_chips.dram.standard.timing.burst += 1;
    assert_ne!(other_chips.digest(), full.digest());
    for (section, key, other) in other_values(&full) {
        let changed = variant(&format!("[{section}]\n{key} = {other}\n"));
        match changed {
            Ok(changed) => assert_ne!(changed.digest(), full.digest(), "{section}.{key} = {other}"),
            // A neighbouring value that breaks a rule is at least not taken for the old one.
            Err(faults) => assert!(faults.contains(&format!("{section}.{key}")), "{faults}"),
        }
    }
}

/// Another value for each parameter, of its type.
fn other_values(machine: &Accelerator) -> Vec<(String, String, String)> {
    let mut others = Vec::new();
    for section in machine.values() {
        for (field, value) in section.values {
            let other = match value {
                toml::Value::Integer(integer) => (integer * 2 + 1).to_string(),
                toml::Value::Boolean(flag) => (!flag).to_string(),
                other => format!("'other than {}'", other.to_string().trim_matches('"')),
            };
            others.push((section.name.to_string(), field.name, other));
        }
    }
    others
}

#[test]
fn every_parameter_of_a_file_without_base_must_be_stated() {
    let full = spatten().to_toml();
    let keys = full.lines().filter(|line| line.contains(" = ") && !line.starts_with('#'));
    for (place, line) in keys.enumerate() {
        let without =
            full.lines().enumerate().filter(|(row, _)| Some(*row) != nth_key(&full, place));
        let text = without.map(|(_, line)| format!("{line}\n")).collect::<String>();
        let faults = Accelerator::parse("edge.toml", &text).expect_err("a parameter is missing");
        let key = line.split(' ').next().expect("a line has a first word");
        let messages = faults.iter().map(|fault| fault.message()).collect::<Vec<_>>();
        assert!(
            matches!(messages[..], [message] if message.ends_with("is missing") && message.contains(key)),
            "{messages:?}"
        );
    }
}

fn nth_key(text: &str, place: usize) -> Option<usize> {
    let rows = text.lines().enumerate();
    let mut keys = rows.filter(|(_, line)| line.contains(" = ") && !line.starts_with('#'));
    keys.nth(place).map(|(row, _)| row)
}

#[test]
fn a_buffer_holds_an_even_number_of_whole_lines() {
    insta::assert_snapshot!(faults_of("[key_buffer]\ncapacity_bytes = 100_000\n"), @"
    error: `key_buffer.capacity_bytes` must be an even number of whole lines: a task may hold half of them (found 100000; a line of 512 operands of 12 bits is 768 bytes)
      --> edge.toml:5:18
       | capacity_bytes = 100_000
       |                  ^^^^^^^
      --> preset:spatten.toml
       | multipliers = 512
       |               ^^^
      --> preset:spatten.toml
       | operand_bits = 12
       |                ^^
    ");
    assert!(
        faults_of("[value_buffer]\ncapacity_bytes = 768\n")
            .contains("`value_buffer.capacity_bytes` must be")
    );
    assert!(variant("[key_buffer]\ncapacity_bytes = 1536\n").is_ok());
}

#[test]
fn the_row_buffers_hold_a_row() {
    let changes = "[softmax]\nrow_buffer_lines = 127\n[refetch]\nbuffer_lines = 127\n";
    let faults = faults_of(changes);
    insta::assert_snapshot!(faults, @"
    error: `softmax.row_buffer_lines` must hold at least one row: 128 lines for 1024 tokens in 8 lanes (found 127)
      --> edge.toml:5:20
       | row_buffer_lines = 127
       |                    ^^^
      --> preset:spatten.toml
       | tokens = 1024
       |          ^^^^
      --> preset:spatten.toml
       | lanes = 8
       |         ^
    error: `refetch.buffer_lines` must hold at least one row: 128 lines for 1024 tokens in 8 lanes (found 127)
      --> edge.toml:7:16
       | buffer_lines = 127
       |                ^^^
      --> preset:spatten.toml
       | tokens = 1024
       |          ^^^^
      --> preset:spatten.toml
       | lanes = 8
       |         ^
    ");
    assert!(variant(&changes.replace("127", "128")).is_ok());
}

#[test]
fn the_topk_engine_holds_every_token() {
    insta::assert_snapshot!(faults_of("[topk]\nentries = 1023\n"), @"
    error: `topk.entries` must be at least `importance.tokens`: a selection chooses from every token (found 1023 for 1024 tokens)
      --> edge.toml:5:11
       | entries = 1023
       |           ^^^^
      --> preset:spatten.toml
       | tokens = 1024
       |          ^^^^
    ");
}

#[test]
fn regions_start_at_a_transaction() {
    insta::assert_snapshot!(faults_of("[layout]\nregion_alignment_bytes = 16\n"), @r#"
    error: `layout.region_alignment_bytes` must be a multiple of the DRAM's transaction of 32 bytes (found 16)
      --> edge.toml:5:26
       | region_alignment_bytes = 16
       |                          ^^
      --> preset:spatten.toml
       | standard = "hbm2"
       |            ^^^^^^
    "#);
}

#[test]
fn the_energy_table_is_one_that_tamis_has() {
    insta::assert_snapshot!(faults_of("[technology]\ntable = '7nm'\n"), @r#"
    error: `technology.table` must be the name of an energy table: no energy table is called "7nm": there are 40nm, 28nm
      --> edge.toml:5:9
       | table = '7nm'
       |         ^^^^^
    "#);
}

#[test]
fn each_parameter_has_its_rule() {
    let changes = "
[dram]
channels = 0
[topk]
engines = 3
comparators = 12
[formats]
probability_fraction_bits = 15
importance_bits = 31
[qk_array]
multipliers = 500
[core]
clock_mhz = 1_000_000
[softmax]
lanes = 'many'
[technology]
table = ''
";
    insta::assert_snapshot!(faults_of(changes), @r#"
    error: `dram.channels` must be a power of two, 1 to 64: the channel is a slice of the address (found 0)
      --> edge.toml:6:12
       | channels = 0
       |            ^
    error: `topk.engines` must be 1 to 2 (found 3)
      --> edge.toml:8:11
       | engines = 3
       |           ^
    error: `topk.comparators` must be a power of two, 1 to 1024: a zero eliminator shifts by powers of two (found 12)
      --> edge.toml:9:15
       | comparators = 12
       |               ^^
    error: `formats.probability_fraction_bits` must be 16 to 19 bits: with fewer, rounding shows in the outputs; with more, PV could wrap (found 15)
      --> edge.toml:11:29
       | probability_fraction_bits = 15
       |                             ^^
    error: `formats.importance_bits` must be 32 to 48 bits: it sums over queries, heads and layers and must not wrap (found 31)
      --> edge.toml:12:19
       | importance_bits = 31
       |                   ^^
    error: `qk_array.multipliers` must be a power of two, 16 to 65536: a line holds a power of two of keys of a power of two of dimensions (found 500)
      --> edge.toml:14:15
       | multipliers = 500
       |               ^^^
    error: `core.clock_mhz` must be 1 to 10000 MHz (found 1000000)
      --> edge.toml:16:13
       | clock_mhz = 1_000_000
       |             ^^^^^^^^^
    error: `softmax.lanes` must be an integer, a power of two, 1 to 256: lanes are picked by address bits (found "many")
      --> edge.toml:18:9
       | lanes = 'many'
       |         ^^^^^^
    error: `technology.table` must be a string that is not empty (found "")
      --> edge.toml:20:9
       | table = ''
       |         ^^
    "#);
}

#[test]
fn rules_of_one_parameter_do_not_hide_rules_that_join_others() {
    let faults = faults_of("[core]\nclock_mhz = 0\n[topk]\nentries = 8\n");
    assert!(faults.contains("`core.clock_mhz` must be"), "{faults}");
    assert!(faults.contains("`topk.entries` must be at least"), "{faults}");
}

#[test]
fn a_name_is_not_inherited_and_a_misspelled_section_is_named_with_what_was_meant() {
    let text = "extends = 'spatten'\n[sofmax]\nlanes = 8\n";
    let faults = Accelerator::parse("edge.toml", text).expect_err("it has faults");
    let messages = faults.iter().map(|fault| fault.message()).collect::<Vec<_>>();
    assert_eq!(
        messages,
        [
            "`name` is missing: a file states its own, whatever it extends",
            "`description` is missing: a file states its own, whatever it extends",
            "`sofmax` is not known; did you mean `softmax`?",
        ]
    );
    let places = faults.iter().map(|fault| fault.places()[0].to_string()).collect::<Vec<_>>();
    assert!(
        places[..2].iter().all(|place| place.starts_with("  --> edge.toml:1:1\n")),
        "{places:?}"
    );
}

#[test]
fn the_schema_has_the_sections_and_keys_of_the_presets() {
    let schema = Accelerator::schema();
    for preset in PRESETS {
        let machine = serde_json::to_value(load(preset.name).expect("the preset is good"));
        let machine = machine.expect("a machine is JSON");
        for (section, values) in machine.as_object().expect("a machine is an object") {
            let rule = &schema["properties"][section];
            assert_ne!(*rule, Value::Null, "{section}");
            let Some(values) = values.as_object() else { continue };
            let keys = rule["properties"].as_object().expect("a section has keys");
            assert_eq!(keys.keys().collect::<Vec<_>>(), values.keys().collect::<Vec<_>>());
            for (key, value) in values {
                assert!(admits(&keys[key], value), "{section}.{key} = {value} by {}", keys[key]);
            }
        }
    }
}

/// The few words of JSON schema that ours uses.
fn admits(rule: &Value, value: &Value) -> bool {
    if let Some(names) = rule["enum"].as_array() {
        return names.contains(value);
    }
    match rule["type"].as_str() {
        Some("integer") => value.as_u64().is_some_and(|integer| {
            Some(integer) >= rule["minimum"].as_u64() && Some(integer) <= rule["maximum"].as_u64()
        }),
        Some("boolean") => value.is_boolean(),
        Some("string") => value.as_str().is_some_and(|text| !text.is_empty()),
        _ => false,
    }
}

//! `tamis run`.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    files::{Trace, path_of},
    vocabulary::{tamis, tamis_in},
};

const ENCODER: &str = "minilm-l6_alice_s40";

/// A decoder of two layers in a file: 6 tokens of prompt, 3 decoded.
fn decoder(folder: &Path) -> String {
    let path = folder.join("decoder.safetensors");
    fs::write(&path, Trace::decoder().bytes()).expect("writable");
    path_of(&path)
}

fn json_of(words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().copied().chain(["--format", "json"]).collect();
    serde_json::from_str(&tamis(&words).succeeds().stdout()).expect("valid JSON")
}

#[test]
fn the_report_has_the_policy_and_dense_beside_it_in_both_phases() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = json_of(&["run", &decoder(folder.path())]);
    assert_eq!(report["schema"], 2);
    assert_eq!(report["machine"]["name"], "spatten");
    let policies = report["policies"].as_array().expect("a list");
    let names: Vec<&Value> = policies.iter().map(|policy| &policy["name"]).collect();
    assert_eq!(names, ["cascade", "dense"]);
    for policy in policies {
        let phases: Vec<&Value> = policy["phases"].as_array().expect("a list").iter().collect();
        let names: Vec<&Value> = phases.iter().map(|phase| &phase["phase"]).collect();
        assert_eq!(names, ["prefill", "decode"]);
        for phase in phases {
            assert_phase(phase);
            assert_eq!(phase["layers"].as_array().map(Vec::len), Some(2));
        }
        assert_eq!(policy["generation"]["steps"], 3);
        assert!(policy["knobs"].as_object().is_some_and(|knobs| !knobs.is_empty()));
    }
}

/// Where the clocks of the memory's data buses went: all of them, in each channel and in all. The presets' DRAM has the
/// clock of the core and two buses a channel.
fn assert_memory(dram: &Value, elapsed: u64) {
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} in {dram}"));
    let accounted = |buses: &Value, kind: &str| {
        let parts = buses[kind].as_object().expect("by cause").values();
        number(&buses["moving_data_clocks"]) + parts.map(number).sum::<u64>()
    };
    let channels = dram["channels"].as_array().expect("a list");
    let moved = channels
        .iter()
        .map(|channel| number(&channel["read_bytes"]) + number(&channel["written_bytes"]))
        .sum::<u64>();
    let queued = number(&dram["forwarded_read_bytes"]) + number(&dram["coalesced_write_bytes"]);
    assert_eq!(moved + queued, number(&dram["total_bytes"]));
    let buses = channels.iter().map(|channel| (&channel["data_buses"], 2 * elapsed));
    let all = 2 * elapsed * channels.len() as u64;
    for (buses, clocks) in buses.chain([(&dram["data_buses"], all)]) {
        assert_eq!(number(&buses["elapsed_clocks"]), clocks);
        assert_eq!(accounted(buses, "lost_clocks"), clocks);
        assert_eq!(accounted(buses, "wait_clocks"), clocks);
    }
    let bytes =
        |channel: &Value| number(&channel["read_bytes"]) + number(&channel["written_bytes"]);
    let sum: u64 = channels.iter().map(bytes).sum();
    assert!(sum <= number(&dram["total_bytes"]), "the channels moved {sum} bytes");
}

#[test]
fn the_rows_of_the_data_buses_add_up_in_every_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let printed = tamis(&["run", &decoder(folder.path())]).succeeds().stdout();
    let (_, after) = printed.split_once("\ndata buses, limited by").expect("the rows");
    let rows = after.lines().skip(1).take_while(|line| line.starts_with("  "));
    let mut sums = [0.0; 4];
    for row in rows {
        let shares = row.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
        sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
    }
    assert!(sums.iter().all(|sum| (sum - 100.0_f64).abs() < 0.5), "{sums:?} in {printed}");
}

/// Every part of the report is there, and the parts add up.
fn assert_phase(phase: &Value) {
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} in {phase}"));
    let elapsed = number(&phase["elapsed_cycles"]);
    assert!(elapsed > 0);
    let layers = phase["layers"].as_array().expect("a list");
    let sum: u64 = layers.iter().map(|layer| number(&layer["elapsed_cycles"])).sum();
    assert_eq!(sum, elapsed, "the layers do not add up to the phase");
    if let Some(reached) = phase["bound"]["reached_share"].as_f64() {
        assert!(reached <= 1.0, "faster than the machine's graph allows: {reached}");
    }
    for (block, spent) in phase["blocks"].as_object().expect("by block") {
        let cycles = ["busy_cycles", "starved_cycles", "blocked_cycles"];
        let sum: u64 = cycles.iter().map(|key| number(&spent[key])).sum();
        assert_eq!(sum, elapsed, "{block}");
    }
    let dram = &phase["dram"];
    let streams = [
        "query_read_bytes",
        "key_msb_read_bytes",
        "key_lsb_read_bytes",
        "value_read_bytes",
        "output_written_bytes",
        "key_value_written_bytes",
    ];
    let sum: u64 = streams.iter().map(|stream| number(&dram[stream])).sum();
    assert_eq!(sum, number(&dram["total_bytes"]));
    assert_memory(dram, elapsed);
    assert!(phase["energy"]["total_pj"]["typical"].as_f64().is_some_and(|energy| energy > 0.0));
    let baselines = phase["baselines"].as_object().expect("by device");
    assert!(baselines.values().any(|device| device["latency_origin"] == "by-construction"));
    assert!(baselines.keys().any(|device| device.contains("H200")));
}

#[test]
fn an_encoder_has_prefill_alone() {
    let report = json_of(&["run", ENCODER, "--policy", "dense"]);
    assert_eq!(report["policies"].as_array().map(Vec::len), Some(1));
    let policy = &report["policies"][0];
    assert_eq!(policy["phases"].as_array().map(Vec::len), Some(1));
    assert_eq!(policy["generation"], Value::Null);
    tamis(&["run", ENCODER, "--phase", "decode"])
        .fails(4, &[ENCODER, "--phase decode needs a trace with `prompt_len`"]);
}

#[test]
fn the_same_run_prints_the_same_bytes_whatever_the_threads_and_the_skipping() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = decoder(folder.path());
    let words = ["run", &trace, "--format", "json"];
    let first = tamis(&words).succeeds().stdout();
    for more in [&[][..], &["--threads", "1"], &["--threads", "3"], &["--no-skip"]] {
        let words: Vec<&str> = words.iter().chain(more).copied().collect();
        assert!(tamis(&words).succeeds().stdout() == first, "{more:?} changed the report");
    }
}

#[test]
fn the_report_does_not_depend_on_where_the_trace_lies() {
    let [here, there] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let [one, other] = [&here, &there].map(|folder| {
        tamis(&["run", &decoder(folder.path()), "--format", "json"]).succeeds().stdout()
    });
    assert!(one == other);
}

#[test]
fn the_output_folder_holds_the_report_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    decoder(folder.path());
    let words = ["run", "decoder.safetensors", "--format", "json", "-o", "results"];
    let printed = tamis_in(folder.path(), &words).succeeds().stdout();
    let results = folder.path().join("results");
    let mut names: Vec<_> = fs::read_dir(&results)
        .expect("it was made")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["baselines.csv", "layers.csv", "summary.json"]);
    assert!(fs::read_to_string(results.join("summary.json")).expect("text") == printed);
    let layers = fs::read_to_string(results.join("layers.csv")).expect("text");
    assert_eq!(layers.lines().count(), 1 + 2 * 2 * 2, "policies, phases, layers:\n{layers}");
}

#[test]
fn csv_has_the_same_columns_whatever_ran() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("two.csv");
    fs::write(&table, crate::files::TABLE).expect("writable");
    let (decoder, table) = (decoder(folder.path()), path_of(&table));
    let head = |words: &[&str]| {
        let words: Vec<&str> =
            ["run"].iter().chain(words).chain(&["--format", "csv"]).copied().collect();
        let printed = tamis(&words).succeeds().stdout();
        printed.lines().next().expect("a head").to_owned()
    };
    let first = head(&[&decoder]);
    assert!(first.starts_with("policy,phase,schema,version,machine.name,"), "{first}");
    for words in [
        &[ENCODER, "--policy", "dense"][..],
        &[&decoder, "--phase", "decode"],
        &[&table],
        &[&decoder, "--arch", "spatten-eighth"],
    ] {
        assert_eq!(head(words), first, "{words:?}");
    }
}

/// `fields.csv` lists the keys of the report, and a unit test holds it against a sample. Here a real
/// report is held against it: a number that the CSV does not have is in no list and no document.
#[test]
fn every_number_of_a_phase_is_a_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let words = ["run", &decoder(folder.path()), "--format"];
    let csv = tamis(&[&words[..], &["csv"]].concat()).succeeds().stdout();
    let json = tamis(&[&words[..], &["json"]].concat()).succeeds().stdout();
    let columns: Vec<&str> = csv.lines().next().expect("a head").split(',').collect();
    let report: Value = serde_json::from_str(&json).expect("valid JSON");
    let mut numbers = Vec::new();
    numbers_of("", &report["policies"][0]["phases"][0], &mut numbers);
    assert!(numbers.len() > 150, "{} numbers", numbers.len());
    for number in numbers {
        assert!(columns.contains(&number.as_str()), "`{number}` is no column");
    }
}

/// Their keys are names from data, so they are no columns.
const NAMED_BY_DATA: [&str; 2] = ["baselines", "lost_clocks"];

/// Paths of the numbers outside lists, devices and what a DRAM standard has names for.
fn numbers_of(path: &str, value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in
                fields.iter().filter(|(key, _)| !NAMED_BY_DATA.contains(&key.as_str()))
            {
                let dot = if path.is_empty() { "" } else { "." };
                numbers_of(&format!("{path}{dot}{key}"), value, into);
            }
        }
        Value::Number(_) => into.push(path.to_owned()),
        _ => {}
    }
}

#[test]
fn the_timeline_has_a_track_for_each_block_and_phases_side_by_side() {
    let folder = tempfile::tempdir().expect("a folder");
    decoder(folder.path());
    let words = ["run", "decoder.safetensors", "--timeline", "timeline.json"];
    tamis_in(folder.path(), &words).succeeds();
    let text = fs::read(folder.path().join("timeline.json")).expect("it was written");
    let timeline: Value = serde_json::from_slice(&text).expect("valid JSON");
    let events = timeline["traceEvents"].as_array().expect("a list");
    let count = |name: &str| events.iter().filter(|event| event["name"] == name).count();
    assert_eq!(count("process_name"), 2);
    assert_eq!(count("thread_name"), 2 * 16);
    assert!(count("busy") > 32, "{} busy slices", count("busy"));
}

#[test]
fn a_timeline_does_not_change_the_report() {
    let folder = tempfile::tempdir().expect("a folder");
    decoder(folder.path());
    let words = ["run", "decoder.safetensors", "--format", "csv"];
    let plain = tamis_in(folder.path(), &words).succeeds().stdout();
    let words: Vec<&str> = words.into_iter().chain(["--timeline", "timeline.json"]).collect();
    assert!(tamis_in(folder.path(), &words).succeeds().stdout() == plain);
}

#[test]
fn the_cycle_limit_is_three() {
    tamis(&["run", ENCODER, "--limit", "100"]).fails(3, &["limit of 100 cycles"]);
}

#[test]
fn outputs_that_cannot_be_written_are_seven_before_the_first_cycle() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "").expect("writable");
    // The limit would end the run with 3 if it started.
    let words = ["run", ENCODER, "--limit", "1"];
    let file = "`: it must be a folder, and is a file";
    for (option, place, rule) in [
        ("-o", "file/results", "`: the folder cannot be made: "),
        ("-o", "file", file),
        ("--timeline", "no/such/timeline.json", "`: its folder is not there"),
        ("--timeline", ".", "`: is a directory"),
    ] {
        let words: Vec<&str> = words.iter().chain(&[option, place]).copied().collect();
        tamis_in(folder.path(), &words).fails(7, &[&format!("cannot write `{place}{rule}")]);
        let left: Vec<_> = fs::read_dir(folder.path()).expect("readable").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}

/// Nobody, root included, can make a file in /proc.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_no_files_is_seven() {
    let rule = "summary.json`: its folder takes no new file: ";
    tamis(&["run", ENCODER, "--limit", "1", "-o", "/proc"])
        .fails(7, &[&format!("cannot write `/proc/{rule}")]);
    tamis(&["run", ENCODER, "--limit", "1", "-o", "/proc/results"])
        .fails(7, &["cannot write `/proc/results`: the folder cannot be made: "]);
    tamis(&["rtl", "emit", "-o", "/proc"])
        .fails(7, &["cannot write `/proc/tamis_pkg.sv`: its folder takes no new file: "]);
}

/// New files are put in the place of old ones when they are whole, and not before.
#[test]
fn a_run_that_fails_leaves_the_results_before_it_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = decoder(folder.path());
    let words = ["run", &trace, "-o", "results"];
    tamis_in(folder.path(), &words).succeeds();
    let files = ["baselines.csv", "layers.csv", "summary.json"];
    let results = folder.path().join("results");
    let read = || files.map(|name| fs::read(results.join(name)).expect("it was written"));
    let before = read();
    tamis_in(folder.path(), &[&words[..], &["--limit", "10"]].concat()).fails(3, &[]);
    assert!(read() == before);
    assert_eq!(fs::read_dir(&results).expect("readable").count(), files.len());
}

#[test]
fn a_run_that_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let words = ["run", ENCODER, "--limit", "100", "-o", "results", "--timeline", "timeline.json"];
    tamis_in(folder.path(), &words).fails(3, &[]);
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
}

#[test]
fn a_table_is_replayed_beside_all_its_keys_and_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("two.csv");
    fs::write(&path, crate::files::TABLE).expect("writable");
    let path = path_of(&path);
    let report = json_of(&["run", &path]);
    let names: Vec<&Value> =
        report["policies"].as_array().expect("a list").iter().map(|p| &p["name"]).collect();
    assert_eq!(names, ["table", "dense"]);
    let read =
        |policy: usize| report["policies"][policy]["phases"][0]["dram"]["total_bytes"].as_u64();
    assert!(read(0) < read(1), "{:?} {:?}", read(0), read(1));
    assert_eq!(report["policies"][0]["phases"][0]["quality"], Value::Null);

    let dense =
        crate::files::TABLE.replace(",10,6,16,0.05,False,4,4,6,", ",20,-1,-1,-1,False,-1,20,-1,");
    let dense = dense.replace(",10,6,16,0.05,True,4,4,6,", ",20,-1,-1,-1,False,-1,20,-1,");
    let path_of_dense = folder.path().join("dense.csv");
    fs::write(&path_of_dense, dense).expect("writable");
    let alone = json_of(&["run", &path_of(&path_of_dense)]);
    assert_eq!(alone["policies"].as_array().map(Vec::len), Some(1), "it is dense itself");

    tamis(&["run", &path, "--policy", "dense"]).fails(4, &["no policy applies"]);
    tamis(&["run", &path, "--phase", "prefill"]).fails(4, &["decode steps only"]);
}

/// With `tests/run --traces DIR`: whatever is recorded, both phases run and the report adds up.
#[test]
fn every_trace_of_the_folder_runs_in_every_phase() {
    let Some(folder) = std::env::var_os("TAMIS_TRACES") else { return };
    let entries = fs::read_dir(folder).expect("tests/run checked that it is a folder");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let traces: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "safetensors")).collect();
    assert!(!traces.is_empty(), "there is no trace in the folder");
    for trace in traces {
        let report = json_of(&["run", &path_of(&trace)]);
        let phases = if report["workload"]["prompt_len"].is_null() { 1 } else { 2 };
        for policy in report["policies"].as_array().expect("a list") {
            let ran = policy["phases"].as_array().expect("a list");
            assert_eq!(ran.len(), phases);
            ran.iter().for_each(assert_phase);
        }
    }
}

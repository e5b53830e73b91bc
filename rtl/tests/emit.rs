//! The four files say the same numbers, in a form that tools take.

mod common;

use std::{fmt::Write, fs, path::Path, process::Command};

use common::{Parameters, run, tool};
use tamis_arch::{Accelerator, accelerator::PRESETS, load};
use tamis_rtl::{files, parameters};

fn machines() -> impl Iterator<Item = Accelerator> {
    PRESETS.iter().map(|preset| load(preset.name).expect("the preset is good"))
}

/// The list itself, by name.
fn listed(machine: &Accelerator) -> Parameters {
    parameters(machine).into_iter().map(|each| (each.name, each.value)).collect()
}

fn file(machine: &Accelerator, name: &str) -> String {
    let found = files(machine, &machine.name).into_iter().find(|(file, _)| *file == name);
    found.expect("there is such a file").1
}

/// All of them in a folder, for tools.
fn emit(machine: &Accelerator, folder: &Path) {
    for (name, text) in files(machine, &machine.name) {
        fs::write(folder.join(name), text).expect("a temporary file");
    }
}

/// What follows `prefix` on a line, as a name and a number, for each line that begins so. A guard of a
/// header has no number.
fn read_back(text: &str, prefix: &str, between: &str) -> Parameters {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix(prefix));
    let pairs = lines.filter_map(|line| line.split_once(between));
    let pair = |(name, value): (&str, &str)| {
        let value = value.trim_end_matches(';').trim_end_matches("ULL");
        let value = value.trim_start_matches("64'd");
        (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{name} is {value}")))
    };
    pairs.map(pair).collect()
}

#[test]
fn every_number_of_the_machine_file_is_there_once() {
    for machine in machines() {
        let list = parameters(&machine);
        let names = listed(&machine);
        assert_eq!(names.len(), list.len(), "a name occurs twice");
        for section in machine.values() {
            for (field, value) in section.values {
                let name = format!("{}_{}", section.name, field.name).to_uppercase();
                match value {
                    toml::Value::Integer(integer) => {
                        assert_eq!(
                            names.get(&name).copied(),
                            u64::try_from(integer).ok(),
                            "{name}"
                        );
                    }
                    toml::Value::Boolean(flag) => {
                        assert_eq!(names.get(&name), Some(&u64::from(flag)), "{name}");
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn the_numbers_of_the_papers_machine_are_those_of_the_paper() {
    let names = listed(&load("spatten").expect("the preset is good"));
    for (name, value) in [
        ("KEY_BUFFER_LINES", 256),
        ("KEY_BUFFER_LINE_BITS", 512 * 12),
        ("KEY_BUFFER_ADDRESS_BITS", 8),
        ("KEYS_PER_LINE_D64", 8),
        ("VALUES_PER_LINE_D256", 2),
        ("SCORE_BITS", 32),
        ("OUTPUT_ACCUMULATOR_BITS", 31),
        ("TOKEN_BITS", 10),
        ("LINK_SCORES_LATENCY_D64", 8),
        ("LINK_SCORES_DEPTH_D64", 9),
        ("LINK_KEY_LINES_LATENCY", 5),
        ("SEQUENCER_PREFETCH", 1),
        ("SEQUENCER_PREFETCH_IS_DOUBLE_BUFFERED", 1),
        ("SEQUENCER_LAYER_BARRIER", 2),
        ("DRAM_TRANSACTION_BYTES", 32),
        ("ADDRESS_CHANNEL_BITS", 4),
    ] {
        assert_eq!(names.get(name), Some(&value), "{name}");
    }
}

#[test]
fn the_json_file_reads_back_to_the_list() {
    for machine in machines() {
        let read = serde_json::from_str::<serde_json::Value>(&file(&machine, "tamis_params.json"));
        let read = read.expect("the file is JSON");
        assert_eq!(read["schema"], 1);
        assert_eq!(read["machine_digest"], machine.digest());
        let values = read["parameters"].as_object().expect("the parameters are an object");
        let values = values
            .iter()
            .map(|(name, value)| (name.clone(), value.as_u64().expect("a parameter is a number")));
        assert_eq!(values.collect::<Parameters>(), listed(&machine));
        assert_eq!(
            read["meanings"].as_object().map(serde_json::Map::len),
            Some(listed(&machine).len())
        );
    }
}

#[test]
fn the_package_and_both_headers_read_back_to_the_list() {
    for machine in machines() {
        let package = file(&machine, "tamis_pkg.sv");
        let mut found = read_back(&package, "localparam int unsigned ", " = ");
        found.extend(read_back(&package, "localparam longint unsigned ", " = "));
        assert_eq!(found, listed(&machine));
        for (name, prefix) in
            [("tamis_params.vh", "`define TAMIS_"), ("tamis_params.h", "#define TAMIS_")]
        {
            let text = file(&machine, name);
            assert_eq!(read_back(&text, prefix, " "), listed(&machine), "{name}");
        }
    }
}

#[test]
fn a_c_program_prints_the_numbers_of_the_header() {
    if !tool("cc") {
        return;
    }
    for machine in machines() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        emit(&machine, folder.path());
        // Included twice: the header guards itself.
        let mut program = String::from("#include <stdio.h>\n");
        program += "#include \"tamis_params.h\"\n#include \"tamis_params.h\"\nint main(void) {\n";
        for name in listed(&machine).keys() {
            let line = format!("printf(\"{name} %llu\\n\", (unsigned long long)TAMIS_{name});\n");
            program += &line;
        }
        program += "return 0; }\n";
        let source = folder.path().join("print.c");
        fs::write(&source, program).expect("a temporary file");
        let binary = folder.path().join("print");
        let flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-o"];
        let built = run(Command::new("cc").args(flags).arg(&binary).arg(&source));
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let printed = run(&mut Command::new(&binary)).stdout;
        let printed = String::from_utf8(printed).expect("names and numbers are text");
        assert_eq!(read_back(&printed, "", " "), listed(&machine));
    }
}

/// What Verilator says of a file beside those of a machine; empty if nothing.
fn lint(folder: &Path, source: &str, flags: &[&str]) -> String {
    let top = folder.join("top.v");
    fs::write(&top, source).expect("a temporary file");
    let mut command = Command::new("verilator");
    command.args(["--lint-only", "-Wall", "--top-module", "top"]).args(flags);
    command.arg(format!("-I{}", folder.display())).arg(folder.join("tamis_pkg.sv")).arg(top);
    let output = run(&mut command);
    if output.status.success() {
        return String::new();
    }
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A module that does not elaborate unless the package and the header have these numbers.
fn checking_module(numbers: &Parameters) -> String {
    let mut text = String::from("`include \"tamis_params.vh\"\n`include \"tamis_params.vh\"\n");
    text += "module top (output tamis_pkg::operand_t q_o, output tamis_pkg::score_t s_o,\n";
    text += "  output tamis_pkg::probability_t p_o, output tamis_pkg::importance_t i_o,\n";
    text += "  output tamis_pkg::accumulator_t a_o, output tamis_pkg::token_t t_o,\n";
    text += "  output tamis_pkg::address_t d_o, output tamis_pkg::transaction_t x_o);\n";
    text += "  assign {q_o, s_o, p_o, i_o, a_o, t_o, d_o, x_o} = '0;\n";
    for (name, value) in numbers {
        writeln!(text, "  if (64'(tamis_pkg::{name}) != 64'd{value}) $error(\"package: {name}\");")
            .expect("writing to a string cannot fail");
        writeln!(text, "  if (64'(`TAMIS_{name}) != 64'd{value}) $error(\"header: {name}\");")
            .expect("writing to a string cannot fail");
    }
    text + "endmodule\n"
}

#[test]
fn verilator_finds_the_same_numbers_in_the_package_and_the_header() {
    if !tool("verilator") {
        return;
    }
    for machine in machines() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        emit(&machine, folder.path());
        let mut numbers = listed(&machine);
        let flags = ["--language", "1800-2012"];
        assert_eq!(lint(folder.path(), &checking_module(&numbers), &flags), "");
        // The same check sees a number that differs.
        numbers.insert("SCORE_BITS".into(), 33);
        let found = lint(folder.path(), &checking_module(&numbers), &flags);
        for place in ["package: SCORE_BITS", "header: SCORE_BITS"] {
            assert!(found.contains(place), "{found}");
        }
    }
}

#[test]
fn a_design_need_not_use_every_number() {
    if !tool("verilator") {
        return;
    }
    let machine = load("spatten").expect("the preset is good");
    let folder = tempfile::tempdir().expect("a temporary folder");
    emit(&machine, folder.path());
    let module = "module top (output tamis_pkg::token_t t_o);\n  assign t_o = '0;\nendmodule\n";
    assert_eq!(lint(folder.path(), module, &["--language", "1800-2012"]), "");
}

#[test]
fn the_header_is_verilog_2001() {
    if !tool("verilator") {
        return;
    }
    let machine = load("spatten").expect("the preset is good");
    let folder = tempfile::tempdir().expect("a temporary folder");
    emit(&machine, folder.path());
    let mut module = String::from("`include \"tamis_params.vh\"\nmodule top (sum_o);\n");
    module += "  output [63:0] sum_o;\n  wire [63:0] sum_o;\n  assign sum_o = 64'd0\n";
    for name in listed(&machine).keys() {
        writeln!(module, "    ^ {{32'd0, 32'd0 | `TAMIS_{name}}}").expect("a string");
    }
    module += "  ;\nendmodule\n";
    // The package is of another language: it stays out.
    fs::write(folder.path().join("tamis_pkg.sv"), "").expect("a temporary file");
    let flags = ["--language", "1364-2001", "-Wno-WIDTH"];
    assert_eq!(lint(folder.path(), &module, &flags), "");
}

#[test]
fn each_file_says_which_machine_it_is_and_how_it_was_made() {
    for machine in machines() {
        for (name, text) in files(&machine, &machine.name) {
            let head = text.lines().take(6).collect::<String>();
            assert!(head.contains(&machine.digest()), "{name}");
            let command = format!("`tamis rtl emit --arch {} -o DIR`", machine.name);
            assert!(head.contains(&command), "{name}");
            assert!(text.is_ascii(), "{name}");
        }
    }
}

#[test]
fn no_name_of_a_machine_breaks_a_file() {
    let mut machine = load("spatten").expect("the preset is good");
    let plain = files(&machine, &machine.name);
    machine.name = "evil\n`define TAMIS_X 1 */ \u{2028} \\".into();
    for ((name, text), (_, plain)) in files(&machine, &machine.name).into_iter().zip(plain) {
        assert_eq!(text.lines().count(), plain.lines().count(), "{name}");
        assert!(text.is_ascii() || name.ends_with(".json"), "{name}");
        assert!(text.lines().take(3).all(|line| !line.ends_with('\\')), "{name}");
    }
}

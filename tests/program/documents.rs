//! What the documents say, held against the program, so that they cannot go stale.

use std::{collections::BTreeMap, fs, path::Path};

use tamis_arch::{
    area,
    energy::{EnergyTable, Spread},
};

use crate::vocabulary::{tamis, tamis_in};

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Rows of the table that follows the heading, cell by cell, without its head.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, after) = text.split_once(heading).unwrap_or_else(|| panic!("no heading `{heading}`"));
    let lines = after.lines().map(str::trim);
    let rows = lines.skip_while(|line| !line.starts_with('|')).take_while(|l| l.starts_with('|'));
    let cells = |line: &str| {
        line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.skip(2).map(cells).collect()
}

#[test]
fn the_readme_has_the_exit_codes_of_the_program() {
    let help = tamis(&["--help"]).succeeds().stdout();
    let (_, codes) = help.split_once("Exit codes:").expect("the help lists them");
    let told: Vec<Vec<String>> = codes
        .lines()
        .filter_map(|line| line.trim().split_once("  "))
        .map(|(code, meaning)| vec![code.to_owned(), meaning.to_owned()])
        .collect();
    assert_eq!(table(&document("README.md"), "## Exit codes"), told);
    assert_eq!(told.len(), 8);
}

#[test]
fn the_readme_lists_the_subcommands_of_the_program() {
    let mut told = BTreeMap::new();
    subcommands("", &mut told);
    let listed: Vec<String> = table(&document("README.md"), "## Subcommands")
        .into_iter()
        .map(|mut row| row.remove(0))
        .collect();
    let mut first_words: Vec<String> = listed.iter().map(|usage| command_of(usage)).collect();
    first_words.sort();
    let names: Vec<String> = told.into_keys().collect();
    assert_eq!(first_words, names);
}

#[test]
fn the_readme_lists_the_folders_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders: Vec<String> = table(&document("README.md"), "## Layout")
        .into_iter()
        .map(|mut row| row.remove(0))
        .collect();
    for folder in &folders {
        assert!(root.join(folder).is_dir(), "README.md lists `{folder}`, which is not there");
    }
    let members = document("Cargo.toml");
    let (_, members) = members.split_once("members = [").expect("a workspace");
    let (members, _) = members.split_once(']').expect("a list");
    for member in members.split(',').map(|member| member.trim().trim_matches('"')) {
        let top = member.split('/').next().expect("a path has a first part");
        assert!(folders.iter().any(|folder| folder == top), "README.md does not list `{top}`");
    }
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let summary = document("docs/SUMMARY.md");
    let linked: Vec<&str> =
        summary.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    for page in &linked {
        assert!(docs.join(page).is_file(), "docs/SUMMARY.md links `{page}`, which is not there");
    }
    for folder in ["guide", "reference", "decisions"] {
        let Ok(pages) = fs::read_dir(docs.join(folder)) else { continue };
        for page in pages {
            let page = page.expect("readable").file_name().into_string().expect("UTF-8");
            let page = format!("{folder}/{page}");
            let is_page = page.ends_with(".md");
            assert!(!is_page || linked.contains(&page.as_str()), "docs/SUMMARY.md lacks `{page}`");
        }
    }
}

#[test]
fn the_areas_of_the_presets_are_those_that_the_reference_gives() {
    let rows = table(&document("docs/reference/energy.md"), "## Area of a machine");
    let figures = |[low, typical, high]: [f64; 3], digits: usize| {
        format!("{typical:.digits$} ({low:.digits$} to {high:.digits$})")
    };
    for (name, digits) in [("spatten", 1), ("spatten-eighth", 2)] {
        let machine = tamis_arch::load(name).expect("a preset");
        let prices = EnergyTable::named(&machine.technology.table).expect("its table");
        let Spread { low, typical, high } = area::report(&machine, &prices).total();
        let ours = [low.0, typical.0, high.0];
        let row = rows.iter().find(|row| row[0] == name).expect("a row of the preset");
        let paper: f64 = row[2].parse().expect("the paper's area");
        assert_eq!(row[1], figures(ours, digits), "{name}");
        assert_eq!(row[3], figures(ours.map(|area| area / paper), 2), "{name}, ratio");
    }
}

#[test]
fn the_readme_gives_the_two_commands() {
    let text = document("README.md");
    assert!(text.contains("cargo run --release -- run "));
    assert!(text.contains("tests/run "));
}

/// `tamis arch show NAME` is the command `arch show`.
fn command_of(usage: &str) -> String {
    let words = usage.split_whitespace().skip(1);
    let plain = words.take_while(|word| word.chars().all(|c| c.is_ascii_lowercase()));
    plain.collect::<Vec<_>>().join(" ")
}

/// Commands that do something, from the help.
fn subcommands(path: &str, into: &mut BTreeMap<String, ()>) {
    let words: Vec<&str> = path.split_whitespace().chain(["--help"]).collect();
    let help = tamis(&words).succeeds().stdout();
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        into.insert(path.to_owned(), ());
        return;
    };
    let names = list.lines().take_while(|line| line.starts_with("  "));
    let starts = names.filter(|line| !line.starts_with("   "));
    for name in starts.filter_map(|line| line.split_whitespace().next()) {
        if name != "help" {
            subcommands(format!("{path} {name}").trim(), into);
        }
    }
}

/// Documents whose examples are run.
const DOCUMENTS: [&str; 2] = ["README.md", "docs/guide/dram-replay.md"];

/// Every `$ tamis …` of a `console` block runs, and prints what stands below it. A last line `…`
/// stands for the rest. With `TAMIS_UPDATE=1` the blocks are written anew.
#[test]
fn the_examples_print_what_the_documents_show() {
    let bless = std::env::var_os("TAMIS_UPDATE").is_some();
    for name in DOCUMENTS {
        let text = document(name);
        let current = with_examples_run(&text);
        if bless {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            fs::write(path, current).expect("the document is writable");
        } else {
            assert!(
                current == text,
                "the examples of {name} have gone stale: run TAMIS_UPDATE=1 cargo test -p tamis\n{current}"
            );
        }
    }
}

const FENCE: &str = "```console\n";
const REST: &str = "…\n";

/// The document with each example's output as the program prints it now.
fn with_examples_run(text: &str) -> String {
    let mut parts = text.split(FENCE);
    let mut current = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (block, after) = part.split_once("```").expect("a block ends");
        current += FENCE;
        current += &example_run(block);
        current += "```";
        current += after;
    }
    current
}

fn example_run(block: &str) -> String {
    let (command, shown) = block.split_once('\n').expect("a command and what it prints");
    let words = command.strip_prefix("$ tamis ").expect("an example starts with `$ tamis `");
    let words: Vec<&str> = words.split_whitespace().collect();
    // In the repository, as the files that examples read are named from there.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let printed = tamis_in(root, &words).succeeds().stdout();
    let lines = shown.strip_suffix(REST).map(|shown| shown.lines().count());
    let kept: String = printed.split_inclusive('\n').take(lines.unwrap_or(usize::MAX)).collect();
    let rest = if lines.is_some() { REST } else { "" };
    format!("{command}\n{kept}{rest}")
}

#[test]
fn an_example_that_has_gone_stale_is_found() {
    let fresh = with_examples_run("a\n```console\n$ tamis --version\nold\n```\nb\n");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(fresh, format!("a\n```console\n$ tamis --version\ntamis {version}\n```\nb\n"));
    let help = with_examples_run("```console\n$ tamis --help\nx\ny\n…\n```\n");
    assert_eq!(help.lines().count(), 2 + 2 + 2, "{help}");
}

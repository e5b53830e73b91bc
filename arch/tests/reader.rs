//! The reader of descriptions: everything that is wrong is reported at once, each with its place.

use std::cell::Cell;

use proptest::prelude::*;
use serde::Serialize;
use tamis_arch::{
    fault::{Faults, Source},
    reader::{Block, Document, Rule},
    units::{Bytes, Cycles, Megahertz},
};

tamis_arch::choices! {
    /// Who goes first.
    pub enum Order {
        /// The one that came first.
        Oldest = "oldest",
        /// Each in turn.
        RoundRobin = "round-robin",
    }
}

tamis_arch::parameters! {
    /// A bank.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Bank {
        /// Number of rows.
        pub rows: u32 where Rule::power_of_two(1, 64).because("the row is a slice of the address"),
        /// Bytes
        /// of a row.
        pub size: Bytes where Rule::between(32, 4096),
        /// Time of an access.
        pub latency: Cycles,
        /// Its clock.
        pub clock: Megahertz where Rule::between(1, 5000),
        /// Who goes first.
        pub order: Order,
        /// Whether it is there.
        pub present: bool,
        /// Supply.
        pub volts: f64 where Rule::real(0.5, 1.5),
        /// Label.
        pub label: String,
        /// Weights.
        pub weights: Vec<u32> where Rule::between(1, 9),
    }
}

const GOOD: &str = r#"
[bank]
rows = 16
size_bytes = 0x400
latency = 7
clock_mhz = 1_000
order = "round-robin"
present = true
volts = 1
label = "a"
weights = [1, 2, 3]
"#;

fn read(text: &str, bases: &[(&str, &str)]) -> Result<Bank, Faults> {
    let mut faults = Faults::default();
    let find = |name: &str, _: &Source| {
        let found = bases.iter().find(|(base, _)| *base == name);
        let (name, text) = found.ok_or_else(|| format!("no base is called {name:?}"))?;
        Ok(Source { name: (*name).into(), text: (*text).into() })
    };
    let source = Source { name: "edge.toml".into(), text: text.into() };
    let document = Document::parse_extending(source, &["title"], &find, &mut faults);
    let bank = document.and_then(|document| {
        let mut root = document.root(&mut faults);
        let _: Option<Option<String>> = root.get_optional("title", Rule::ANY);
        let bank = Bank::read(root.section("bank"));
        root.finish();
        bank
    });
    faults.into_result(bank)
}

fn faults_of(text: &str, bases: &[(&str, &str)]) -> String {
    read(text, bases).expect_err("the text has faults").to_string()
}

#[test]
fn a_good_text_gives_the_value() {
    let bank = read(GOOD, &[]).expect("the text is good");
    assert_eq!((bank.rows, bank.size, bank.latency), (16, Bytes(1024), Cycles(7)));
    assert_eq!((bank.clock.0.get(), bank.order, bank.present), (1000, Order::RoundRobin, true));
    assert!((bank.volts - 1.0).abs() < f64::EPSILON);
    assert_eq!(bank.weights, [1, 2, 3]);
}

#[test]
fn what_is_written_reads_back() {
    let bank = read(GOOD, &[]).expect("the text is good");
    let table = bank.write().into_iter().map(|(field, value)| (field.name, value));
    let text = format!("[bank]\n{}", table.collect::<toml::Table>());
    assert_eq!(read(&text, &[]).expect("what was written is good"), bank);
}

#[test]
fn a_declaration_gives_the_table_of_its_parameters() {
    let fields = Bank::fields();
    assert_eq!(Bank::PURPOSE, "A bank.");
    assert_eq!(
        (fields[1].name.as_str(), fields[1].doc, fields[1].unit),
        ("size_bytes", "Bytes of a row.", "bytes")
    );
    assert_eq!(fields[0].rule.to_string(), "a power of two, 1 to 64");
}

#[test]
fn every_fault_is_reported_with_its_place_and_rule() {
    let text = r#"
[bank]
rows = 12
size_bytes = -1
latensy = 7
clock_mhz = "fast"
order = "round-robbin"
present = 1
volts = nan
label = ""
weights = [1, 20, 3, "x"]

[bnk]
"#;
    insta::assert_snapshot!(faults_of(text, &[]), @r#"
    error: `bank.latency` is missing
      --> edge.toml:2:1
       | [bank]
       | ^^^^^^
    error: `bank.rows` must be a power of two, 1 to 64: the row is a slice of the address (found 12)
      --> edge.toml:3:8
       | rows = 12
       |        ^^
    error: `bank.size_bytes` must be 32 to 4096 bytes (found -1)
      --> edge.toml:4:14
       | size_bytes = -1
       |              ^^
    error: `bank.latensy` is not known; did you mean `latency`?
      --> edge.toml:5:1
       | latensy = 7
       | ^^^^^^^
    error: `bank.clock_mhz` must be an integer, 1 to 5000 MHz (found "fast")
      --> edge.toml:6:13
       | clock_mhz = "fast"
       |             ^^^^^^
    error: `bank.order` must be one of "oldest", "round-robin" (found "round-robbin"); did you mean "round-robin"?
      --> edge.toml:7:9
       | order = "round-robbin"
       |         ^^^^^^^^^^^^^^
    error: `bank.present` must be true or false (found 1)
      --> edge.toml:8:11
       | present = 1
       |           ^
    error: `bank.volts` must be a finite number 0.5 to 1.5 (found NaN)
      --> edge.toml:9:9
       | volts = nan
       |         ^^^
    error: `bank.label` must be a string that is not empty (found "")
      --> edge.toml:10:9
       | label = ""
       |         ^^
    error: `bank.weights` must be 1 to 9 (found 20)
      --> edge.toml:11:15
       | weights = [1, 20, 3, "x"]
       |               ^^
    error: `bank.weights` must be an integer, 1 to 9 (found "x")
      --> edge.toml:11:22
       | weights = [1, 20, 3, "x"]
       |                      ^^^
    error: `bnk` is not known
      --> edge.toml:13:2
       | [bnk]
       |  ^^^
    "#);
}

#[test]
fn a_section_that_is_missing_or_no_section_is_one_fault() {
    insta::assert_snapshot!(faults_of("title = 'x'\n", &[]), @"
    error: `bank` is missing
      --> edge.toml:1:1
       | title = 'x'
       | ^
    ");
    insta::assert_snapshot!(faults_of("bank = 3\n", &[]), @"
    error: `bank` must be a section (found 3)
      --> edge.toml:1:8
       | bank = 3
       |        ^
    ");
}

#[test]
fn every_fault_of_syntax_is_reported() {
    insta::assert_snapshot!(faults_of("[bank]\nrows = 3\nrows = 4\nsize_bytes = many\n", &[]), @"
    error: this is not TOML: duplicate key
      --> edge.toml:3:1
       | rows = 4
       | ^^^^
    error: this is not TOML: string values must be quoted, expected literal string
      --> edge.toml:4:14
       | size_bytes = many
       |              ^^^^
    ");
}

#[test]
fn numbers_too_large_for_their_type_are_faults() {
    let text =
        GOOD.replace("latency = 7", "latency = 99999999999999999999999999999999999999999999");
    insta::assert_snapshot!(faults_of(&text, &[]), @"
    error: `bank.latency` must be 0 to 9223372036854775807 cycles (found an integer of more than 127 bits)
      --> edge.toml:5:11
       | latency = 99999999999999999999999999999999999999999999
       |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
}

#[test]
fn what_a_file_leaves_out_is_its_bases() {
    let text = "extends = 'middle'\n[bank]\nrows = 4\n";
    let middle = "extends = 'good'\ntitle = 'not inherited'\n[bank]\nrows = 2\nlatency = 9\n";
    let bank = read(text, &[("good", GOOD), ("middle", middle)]).expect("the text is good");
    assert_eq!((bank.rows, bank.latency, bank.size), (4, Cycles(9), Bytes(1024)));
}

#[test]
fn a_fault_of_a_base_is_shown_in_the_base() {
    let base = GOOD.replace("latency = 7\n", "").replace("rows = 16", "rows = 15");
    let text = "extends = 'base.toml'\n[bank]\nsize_bytes = 1\n";
    insta::assert_snapshot!(faults_of(text, &[("base.toml", &base)]), @"
    error: `bank.latency` is missing
      --> base.toml:2:1
       | [bank]
       | ^^^^^^
    error: `bank.rows` must be a power of two, 1 to 64: the row is a slice of the address (found 15)
      --> base.toml:3:8
       | rows = 15
       |        ^^
    error: `bank.size_bytes` must be 32 to 4096 bytes (found 1)
      --> edge.toml:3:14
       | size_bytes = 1
       |              ^
    ");
}

#[test]
fn bases_that_cannot_be_had_are_faults() {
    let a = "extends = 'b.toml'\n";
    let b = "extends = 'a.toml'\n";
    insta::assert_snapshot!(faults_of(a, &[("a.toml", a), ("b.toml", b)]), @"
    error: `extends` goes in a circle: edge.toml -> b.toml -> a.toml -> b.toml
      --> a.toml:1:11
       | extends = 'b.toml'
       |           ^^^^^^^^
    ");
    insta::assert_snapshot!(faults_of("extends = 'nowhere'\n", &[]), @r#"
    error: no base is called "nowhere"
      --> edge.toml:1:11
       | extends = 'nowhere'
       |           ^^^^^^^^^
    "#);
    insta::assert_snapshot!(faults_of("extends = 3\n", &[]), @"
    error: `extends` must be a string: the name of a base
      --> edge.toml:1:11
       | extends = 3
       |           ^
    ");
}

#[test]
fn bases_without_end_are_a_fault() {
    let next = Cell::new(0);
    let find = |_: &str, _: &Source| {
        next.set(next.get() + 1);
        let name = format!("{}.toml", next.get());
        Ok(Source { name, text: "extends = 'more'\n".into() })
    };
    let mut faults = Faults::default();
    let source = Source { name: "0.toml".into(), text: "extends = 'more'\n".into() };
    assert!(Document::parse_extending(source, &[], &find, &mut faults).is_none());
    let messages = faults.iter().map(|fault| fault.message()).collect::<Vec<_>>();
    assert_eq!(messages, ["`extends` goes more than 16 files deep"]);
}

#[test]
fn a_place_is_found_by_path_in_the_file_that_states_it() {
    let mut faults = Faults::default();
    let document = Document::parse("edge.toml", GOOD, &mut faults).expect("the text is good");
    assert_eq!(document.place("bank.latency").line_and_column(), (5, 11));
    assert_eq!(document.place("bank.nothing").line_and_column(), (2, 1));
}

#[test]
fn sections_may_repeat() {
    let mut faults = Faults::default();
    let text = "[[entry]]\nsize = 3\n[[entry]]\nsize = 400\nmore = 1\n";
    let document = Document::parse("table.toml", text, &mut faults).expect("it is TOML");
    let mut root = document.root(&mut faults);
    let sizes = root.each("entry", |mut entry| {
        let size = entry.get::<u32>("size", Rule::between(1, 9));
        entry.finish();
        size
    });
    assert_eq!(sizes, None);
    root.finish();
    let messages = faults.iter().map(|fault| fault.message()).collect::<Vec<_>>();
    assert_eq!(
        messages,
        ["`entry[1].size` must be 1 to 9 (found 400)", "`entry[1].more` is not known"]
    );
}

proptest! {
    #[test]
    fn any_text_gives_a_value_or_faults(text in "\\PC{0,80}") {
        if let Err(faults) = read(&text, &[]) {
            prop_assert!(faults.to_string().starts_with("error: "));
        }
    }

    #[test]
    fn a_good_text_with_some_bytes_changed_gives_a_value_or_faults(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = GOOD.as_bytes().to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Err(faults) = read(&String::from_utf8_lossy(&bytes), &[]) {
            prop_assert!(faults.to_string().starts_with("error: "));
        }
    }
}

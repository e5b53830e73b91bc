//! What is wrong with a workload table is said: the file, the line, and the rule.

use proptest::prelude::*;
use tamis_arch::blocks::Pivot;
use tamis_workloads::quickselect::PivotRule;
use tamis_workloads::table::{Replay, Table, TablePlan, Widths};

const HEADER: &str = "iteration_id,layer_id,head_id,embedding_length_D,sentence_length_L,\
                      key_fetch_num,quant_key_bit,quant_query_bit,auto_requant_thres,if_requant,\
                      auto_requant_incre,value_fetch_num,quant_value_bit,if_accumulate_importance,\
                      if_rescale_previous_importance,if_topk,topk";
const COLUMNS: usize = 17;

/// Two heads of one layer.
const ROWS: [&str; 2] = [
    "0,0,0,64.0,20,10,6,16,0.05,True,4,5,6,True,False,False,-1",
    "0,0,1,64.0,20,10,6,16,0.05,False,4,5,6,True,False,True,8",
];

fn text(rows: &[&str]) -> String {
    [&[HEADER], rows].concat().join("\n") + "\n"
}

fn error(text: &str) -> String {
    Table::from_bytes("t.csv", text.as_bytes()).unwrap_err().to_string()
}

/// The error with one field of the first row replaced.
fn with(column: &str, value: &str) -> String {
    let index = HEADER.split(',').position(|name| name == column).unwrap();
    let mut fields: Vec<&str> = ROWS[0].split(',').collect();
    fields[index] = value;
    error(&text(&[&fields.join(","), ROWS[1]]))
}

#[test]
fn the_table_is_sound_before_it_is_spoiled() {
    assert_eq!(Table::from_bytes("t.csv", text(&ROWS).as_bytes()).unwrap().rows.len(), 2);
}

#[test]
fn missing_file_directory_and_device() {
    let open = |path: &str| Table::open(path).unwrap_err().to_string();
    assert!(open("no/such.csv").starts_with("no/such.csv: No such file"));
    assert_eq!(open("src"), "src: must be a regular file, not a directory or a device");
    #[cfg(unix)]
    assert_eq!(open("/dev/zero"), "/dev/zero: must be a regular file, not a directory or a device");
}

#[test]
fn too_large_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::File::create(&path).unwrap().set_len((64 << 20) + 1).unwrap();
    let text = Table::open(&path).unwrap_err().to_string();
    assert_eq!(text, format!("{}: must be a table of at most 67108864 bytes", path.display()));
}

#[test]
fn empty_file_and_no_rows() {
    assert_eq!(error(""), "t.csv:1: must name the columns; the file is empty");
    assert_eq!(error(&text(&[])), "t.csv: must have at least one row");
    assert_eq!(error(&text(&["name,,,,,,,,,,,,,,,,"])), "t.csv: must have at least one row");
}

#[test]
fn other_columns() {
    assert_eq!(error("a,b\n"), "t.csv:1: must name 17 columns (found 2)");
    let renamed = HEADER.replace("key_fetch_num", "key_value_query_fetch_num");
    let rule = "must name column `key_fetch_num` (found `key_value_query_fetch_num`)";
    assert_eq!(error(&renamed), format!("t.csv:1: {rule}"));
}

#[test]
fn fields_too_few_or_not_text() {
    let short = text(&[ROWS[0], "0,0,1"]);
    assert_eq!(error(&short), "t.csv:3: must have 17 fields, as the first line (found 3)");
    let bytes = [text(&ROWS).as_bytes(), b"\xff,,,,,,,,,,,,,,,,\n"].concat();
    let found = Table::from_bytes("t.csv", &bytes).unwrap_err().to_string();
    assert_eq!(found, "t.csv:4: must be UTF-8 text");
}

#[test]
fn rows_after_the_configuration() {
    let found = error(&text(&[ROWS[0], &("name".to_owned() + &",".repeat(COLUMNS - 1)), ROWS[1]]));
    assert_eq!(found, "t.csv:4: must be the end: the line before names the configuration");
}

#[test]
fn numbers_that_are_none_or_out_of_range() {
    for (column, value, rule) in [
        ("iteration_id", "one", "must be a whole number from 0 to 1048576 (found `one`)"),
        ("layer_id", "-2", "must be a whole number from 0 to 1048576 (found `-2`)"),
        ("embedding_length_D", "64.5", "must be a whole number from 1 to 1048576 (found `64.5`)"),
        ("embedding_length_D", "0.0", "must be a whole number from 1 to 1048576 (found `0.0`)"),
        ("sentence_length_L", "0", "must be a whole number from 1 to 1048576 (found 0)"),
        ("key_fetch_num", "0", "must be a whole number from 1 to 20 (found 0)"),
        ("key_fetch_num", "21", "must be a whole number from 1 to 20 (found 21)"),
        ("value_fetch_num", "0", "must be a whole number from 1 to 10 (found 0)"),
        ("value_fetch_num", "11", "must be a whole number from 1 to 10 (found 11)"),
        ("quant_key_bit", "7", "must be -1, 4, 6, 8, 10 or 12 (found 7)"),
        ("quant_value_bit", "32", "must be -1, 4, 6, 8, 10 or 12 (found 32)"),
        ("quant_query_bit", "0", "must be a whole number from 1 to 32 (found 0)"),
        ("auto_requant_incre", "9", "must be a whole number from 1 to 8 (found 9)"),
        ("auto_requant_thres", "NaN", "must be -1 or a number from 0 to 1 (found NaN)"),
        ("auto_requant_thres", "2", "must be -1 or a number from 0 to 1 (found 2)"),
        ("if_requant", "true", "must be True or False (found `true`)"),
        ("topk", "4", "must be -1 without `if_topk` (found `4`)"),
    ] {
        assert_eq!(with(column, value), format!("t.csv:2: `{column}` {rule}"));
    }
    assert_eq!(
        with("auto_requant_incre", "-1"),
        "t.csv:2: `if_requant` needs `auto_requant_incre`: the bits that it adds"
    );
}

#[test]
fn top_k_that_keeps_none_or_more_than_there_are() {
    for keep in ["0", "21"] {
        let row = ROWS[1].replace(",8", &format!(",{keep}"));
        let rule = format!("`topk` must be a whole number from 1 to 20 (found {keep})");
        assert_eq!(error(&text(&[ROWS[0], &row])), format!("t.csv:3: {rule}"));
    }
}

#[test]
fn rows_out_of_order() {
    let with_start = |start: &str| ROWS[0].replacen("0,0,0", start, 1);
    let found = error(&text(&[ROWS[0], &with_start("0,0,2")]));
    assert_eq!(found, "t.csv:3: `head_id` must be 1 here (found 2)");
    let found = error(&text(&[ROWS[0], &with_start("0,1,1")]));
    assert_eq!(found, "t.csv:3: `head_id` must be 0 here (found 1)");
    let found = error(&text(&[&with_start("0,0,1")]));
    assert_eq!(found, "t.csv:2: `head_id` must be 0 in the first row (found 1)");
    let found = error(&text(&[&with_start("1,0,0"), &with_start("0,5,0")]));
    assert_eq!(found, "t.csv:3: rows must come by `iteration_id`, then by `layer_id`");
    let found = error(&text(&[ROWS[0], ROWS[1], &with_start("0,0,2")]));
    assert_eq!(found, "t.csv:4: must be of another layer: the row before has `if_topk`");
}

#[test]
fn rows_that_disagree() {
    let found = error(&text(&[ROWS[0], &ROWS[1].replace("64.0", "32.0")]));
    assert_eq!(found, "t.csv:3: `embedding_length_D` must be 64 as before (found 32)");
    let found = error(&text(&[ROWS[0], &ROWS[1].replace(",20,", ",21,")]));
    let rule = "`sentence_length_L` must be 20 as before in iteration 0 (found 21)";
    assert_eq!(found, format!("t.csv:3: {rule}"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The authors' files, cut short and with bits flipped: a plan or an error, never a panic.
    #[test]
    fn mutated_tables_are_a_plan_or_an_error(
        len in any::<prop::sample::Index>(),
        bits in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        round_counts in any::<bool>(),
    ) {
        let mut bytes = std::fs::read("tests/tables/gpt2-small-wikitext2-iterations-0-1.csv").unwrap();
        bytes.truncate(len.index(bytes.len()) + 1);
        for bit in bits {
            let bit = bit.index(8 * bytes.len());
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        match Table::from_bytes("t.csv", &bytes) {
            Ok(table) => {
                let pivots = PivotRule { pivot: Pivot::Midpoint, seed: 0 };
                let replay = Replay { widths: Widths::Bench, round_counts, pivots };
                prop_assert_eq!(TablePlan::new(&table, replay).count(), table.rows.len());
            }
            Err(error) => prop_assert!(error.to_string().starts_with("t.csv:"), "{}", error),
        }
    }
}

//! Every key of the report, with its unit and meaning: what the CSV has for columns, and the reference
//! page has for rows. `fields.csv` lists them; the tests hold it against the report.

use tamis_dram::Wait;
use tamis_sim::outcome::Block;

/// The list: key, unit, meaning.
const LIST: &str = include_str!("fields.csv");

/// Where each key stands in the JSON, in the order of the report; `[]` is each item of a list,
/// `{block}` and its like each key of a map.
pub(crate) fn paths() -> Vec<String> {
    let mut reader = csv::Reader::from_reader(LIST.as_bytes());
    let path = |row: csv::Result<csv::StringRecord>| {
        row.expect("fields.csv has three columns in every row")[0].to_owned()
    };
    reader.records().map(path).collect()
}

/// The columns of the CSV: every key that has one value for a policy and phase. Keys of the policy
/// begin with `policy.`, keys of the phase stand alone. The same in every run.
pub(crate) fn columns() -> Vec<String> {
    let flat = paths().into_iter().filter_map(|path| {
        let path = match path.strip_prefix("policies[].") {
            None => path,
            Some(path) => match path.strip_prefix("phases[].") {
                Some(path) => path.to_owned(),
                None => format!("policy.{path}"),
            },
        };
        let is_flat =
            !["[]", "{device}", "{knob}", "{cause}"].iter().any(|mark| path.contains(mark));
        is_flat.then_some(path)
    });
    flat.flat_map(|path| each_block(&path)).flat_map(|path| each_wait(&path)).collect()
}

/// A path for each kind of wait, where it is one of every kind.
fn each_wait(path: &str) -> Vec<String> {
    if !path.contains("{wait}") {
        return vec![path.to_owned()];
    }
    Wait::ALL.iter().map(|wait| path.replace("{wait}", wait.name())).collect()
}

/// A path for each block, where it is one of every block.
fn each_block(path: &str) -> Vec<String> {
    if !path.contains("{block}") {
        return vec![path.to_owned()];
    }
    // The energy of the memory stands by itself.
    let has = |block: &Block| *block != Block::Dram || !path.starts_with("energy.");
    let blocks = Block::ALL.into_iter().filter(has);
    blocks.map(|block| path.replace("{block}", block.name())).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use serde_json::Value;

    use super::*;
    use crate::report::sample;

    /// A row of the list; the unit is empty for what has none.
    #[derive(Debug, serde::Deserialize)]
    struct Field {
        key: String,
        unit: String,
        meaning: String,
    }

    fn all() -> Vec<Field> {
        let mut reader = csv::Reader::from_reader(LIST.as_bytes());
        reader.deserialize().map(|row| row.expect("three columns")).collect()
    }

    /// Paths of all values, as the list writes them; the second set has those that are null.
    fn walk(value: &Value, path: &str, of: &mut [BTreeSet<String>; 2]) {
        let mark = match path.rsplit('.').next() {
            Some("blocks") => Some("{block}"),
            Some("baselines") => Some("{device}"),
            Some("knobs") => Some("{knob}"),
            Some("wait_clocks") => Some("{wait}"),
            Some("lost_clocks") => Some("{cause}"),
            _ => None,
        };
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let key = mark.unwrap_or(key);
                    let path =
                        if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                    walk(value, &path, of);
                }
            }
            Value::Array(items) => {
                items.iter().for_each(|item| walk(item, &format!("{path}[]"), of));
            }
            value => {
                of[usize::from(value.is_null())].insert(path.to_owned());
            }
        }
    }

    #[test]
    fn the_list_has_every_key_of_a_report_and_no_other() {
        let mut report = sample::report();
        report.workload.widths = Some("bits".to_owned());
        for phase in report.policies.iter_mut().flat_map(|policy| &mut policy.phases) {
            for device in phase.baselines.values_mut() {
                device.energy = device.dynamic_energy;
            }
        }
        report.policies[1].phases[1].dram.activity = sample::memory_with_one_bus();
        let mut found = [BTreeSet::new(), BTreeSet::new()];
        walk(&serde_json::to_value(&report).expect("it is JSON"), "", &mut found);
        let [present, null] = found;
        let listed: BTreeSet<String> = super::paths().into_iter().collect();
        assert_eq!(present, listed);
        for path in null {
            let known = listed.iter().any(|field| field.starts_with(&path));
            assert!(known, "`{path}` is not in the list");
        }
    }

    #[test]
    fn keys_that_have_a_unit_end_with_it() {
        let endings = [
            ("MHz", "_mhz"),
            ("B/s", "_bytes_per_second"),
            ("nm", "_nm"),
            ("V", "_v"),
            ("°C", "_c"),
            ("s", "_seconds"),
            ("cycles", "_cycles"),
            ("clocks", "_clocks"),
            ("bytes", "_bytes"),
            ("pJ", "_pj"),
            ("W", "_w"),
            ("mm²", "_mm2"),
            ("10¹²/s", "_teraflops"),
            ("operations", "_operations"),
        ];
        for field in all() {
            let Some((_, ending)) = endings.iter().find(|(unit, _)| *unit == field.unit) else {
                let plain = ["", "1/s", "ratio", "share", "layers", "heads", "values", "tokens"];
                let known = plain
                    .iter()
                    .chain(&["steps", "rows", "transactions"])
                    .any(|unit| *unit == field.unit);
                assert!(known, "`{}` has the unit {}", field.key, field.unit);
                continue;
            };
            let key = field.key.trim_end_matches(".low").trim_end_matches(".high");
            let key = key.trim_end_matches(".typical");
            let key = key.trim_end_matches(".{wait}").trim_end_matches(".{cause}");
            assert!(key.ends_with(ending), "`{}` is in {}", field.key, field.unit);
        }
    }

    fn page() -> String {
        let mut page = include_str!("fields.md").to_owned();
        for Field { key, unit, meaning } in all() {
            page += &format!("| `{key}` | {unit} | {meaning} |\n");
        }
        page
    }

    #[test]
    fn the_reference_page_lists_them() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/report.md");
        if std::env::var_os("TAMIS_UPDATE").is_some() {
            fs::write(&path, page()).expect("the page is writable");
        }
        let current = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            current == page(),
            "docs/reference/report.md: run TAMIS_UPDATE=1 cargo test -p tamis"
        );
    }
}

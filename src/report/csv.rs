//! The report as CSV. The columns of the summary are the numbers of the JSON, named by their path,
//! so that the two cannot drift apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use serde_json::Value;

use super::{PhaseReport, Report};

/// One row a policy and phase. Lists (the layers) are left to [`write_layers`].
pub(crate) fn write_summary(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = Vec::new();
    for policy in &report.policies {
        for phase in &policy.phases {
            rows.push((&policy.name, phase_name(phase), numbers_of(phase)?));
        }
    }
    let columns: BTreeSet<&String> = rows.iter().flat_map(|(_, _, row)| row.keys()).collect();

    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["policy", "phase"].into_iter().chain(columns.iter().map(|c| c.as_str())))?;
    for (policy, phase, row) in &rows {
        let cells = columns.iter().map(|&column| row.get(column).map_or("", String::as_str));
        csv.write_record([policy.as_str(), phase.as_str()].into_iter().chain(cells))?;
    }
    csv.flush()
}

/// One row a policy, phase and layer.
pub(crate) fn write_layers(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record([
        "policy",
        "phase",
        "layer",
        "elapsed_cycles",
        "elapsed_seconds",
        "relative_output_error",
        "attention_mass_kept",
        "live_rows_share",
        "clipped_values",
    ])?;
    for policy in &report.policies {
        for phase in &policy.phases {
            for layer in &phase.layers {
                let quality = layer.quality;
                csv.write_record([
                    policy.name.clone(),
                    phase_name(phase),
                    layer.layer.to_string(),
                    layer.elapsed_cycles.to_string(),
                    layer.elapsed_seconds.to_string(),
                    cell(quality.and_then(|q| q.relative_output_error)),
                    cell(quality.and_then(|q| q.attention_mass_kept)),
                    cell(quality.and_then(|q| q.live_rows_share)),
                    quality.map_or_else(String::new, |q| q.clipped_values.to_string()),
                ])?;
            }
        }
    }
    csv.flush()
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn phase_name(phase: &PhaseReport) -> String {
    super::key(phase.phase)
}

fn numbers_of(phase: &PhaseReport) -> io::Result<BTreeMap<String, String>> {
    let mut numbers = BTreeMap::new();
    flatten("", &serde_json::to_value(phase)?, &mut numbers);
    numbers.remove("phase");
    Ok(numbers)
}

/// Nested objects become paths; lists are left out; null is an empty cell.
fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    let text = match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, into);
            }
            return;
        }
        Value::Array(_) => return,
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    into.insert(path.to_owned(), text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn parsed(bytes: &[u8]) -> (Vec<String>, Vec<Vec<String>>) {
        let mut reader = csv::Reader::from_reader(bytes);
        let head = reader.headers().expect("a head").iter().map(str::to_owned).collect();
        let row = |row: csv::Result<csv::StringRecord>| {
            row.expect("every row has every column").iter().map(str::to_owned).collect()
        };
        (head, reader.records().map(row).collect())
    }

    #[test]
    fn the_summary_has_a_row_for_each_policy_and_phase() {
        let mut bytes = Vec::new();
        write_summary(&sample::report(), &mut bytes).expect("memory takes everything");
        let (head, rows) = parsed(&bytes);
        assert_eq!(&head[..2], ["policy", "phase"]);
        let names: Vec<_> = rows.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
        let expected = [
            ("cascade", "prefill"),
            ("cascade", "decode"),
            ("dense", "prefill"),
            ("dense", "decode"),
        ];
        assert_eq!(names, expected);
        let column = head.iter().position(|name| name == "dram.key_msb_read_bytes");
        assert_eq!(rows[0][column.expect("the path is a column")], "4000");
    }

    #[test]
    fn layers_have_a_row_each() {
        let mut bytes = Vec::new();
        let report = sample::report();
        write_layers(&report, &mut bytes).expect("memory takes everything");
        let (_, rows) = parsed(&bytes);
        let layers: usize =
            report.policies.iter().flat_map(|policy| &policy.phases).map(|p| p.layers.len()).sum();
        assert_eq!(rows.len(), layers);
        assert_eq!(&rows[0][..4], ["cascade", "prefill", "0", "700"]);
    }
}

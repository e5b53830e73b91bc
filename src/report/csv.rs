//! The report as CSV. The columns of the summary are the keys of the JSON that have one value for a
//! policy and phase, named by their path; they do not depend on the run.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde_json::Value;

use super::{PhaseReport, Policy, Report, fields};

/// One row a policy and phase. What has more than one value there is left to [`write_layers`] and
/// [`write_baselines`].
pub(crate) fn write_summary(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let columns = fields::columns();
    let columns = || columns.iter().filter(|column| !NAMED.contains(&column.as_str()));
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["policy", "phase"].into_iter().chain(columns().map(String::as_str)))?;
    for policy in &report.policies {
        for phase in &policy.phases {
            let values = values(report, policy, phase)?;
            let cells = columns().map(|column| values.get(column).map_or("", String::as_str));
            let phase = phase_name(phase);
            csv.write_record([policy.name.as_str(), &phase].into_iter().chain(cells))?;
        }
    }
    csv.flush()
}

/// What the first two columns say.
const NAMED: [&str; 2] = ["policy.name", "phase"];

/// Values by column.
fn values(
    report: &Report,
    policy: &Policy,
    phase: &PhaseReport,
) -> io::Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    flatten("", &serde_json::to_value(report)?, &mut values);
    flatten("policy", &serde_json::to_value(policy)?, &mut values);
    flatten("", &serde_json::to_value(phase)?, &mut values);
    Ok(values)
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

/// One row a policy, phase and device.
pub(crate) fn write_baselines(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let paths = fields::paths();
    let columns = paths.iter().filter_map(|path| path.split_once("{device}."));
    let columns: Vec<&str> = columns.map(|(_, column)| column).collect();
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["policy", "phase", "device"].into_iter().chain(columns.iter().copied()))?;
    for policy in &report.policies {
        for phase in &policy.phases {
            for (device, compared) in &phase.baselines {
                let mut values = BTreeMap::new();
                flatten("", &serde_json::to_value(compared)?, &mut values);
                let cells = columns.iter().map(|&c| values.get(c).map_or("", String::as_str));
                let names = [policy.name.as_str(), &phase_name(phase), device];
                csv.write_record(names.into_iter().chain(cells))?;
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
        let cell = |row: usize, column: &str| {
            let place = head.iter().position(|name| name == column);
            rows[row][place.unwrap_or_else(|| panic!("no column `{column}`"))].as_str()
        };
        assert_eq!(cell(0, "dram.key_msb_read_bytes"), "4000");
        assert_eq!(cell(0, "blocks.qk_array.busy_cycles"), "600");
        assert_eq!(cell(1, "policy.generation.steps"), "2");
        assert_eq!(cell(0, "machine.clock_mhz"), "500");
        // Dense is not compared with itself, and the sample has no softmax.
        assert_eq!((cell(0, "over_dense.speedup"), cell(2, "over_dense.speedup")), ("1.0", ""));
        assert_eq!(cell(0, "blocks.softmax.busy_cycles"), "");
    }

    #[test]
    fn the_columns_do_not_depend_on_the_run() {
        let head = |report: &Report| {
            let mut bytes = Vec::new();
            write_summary(report, &mut bytes).expect("memory takes everything");
            parsed(&bytes).0
        };
        let full = sample::report();
        let mut bare = sample::report();
        bare.policies.truncate(1);
        bare.policies[0].generation = None;
        bare.policies[0].phases = vec![sample::nothing()];
        assert_eq!(head(&bare), head(&full));
        let mut columns = head(&full);
        let all = columns.len();
        columns.sort();
        columns.dedup();
        assert_eq!(columns.len(), all, "a column appears twice");
    }

    #[test]
    fn devices_have_a_row_each() {
        let mut bytes = Vec::new();
        write_baselines(&sample::report(), &mut bytes).expect("memory takes everything");
        let (head, rows) = parsed(&bytes);
        assert_eq!(rows.len(), 2 * 2 * 3, "policies, phases, devices");
        let speedup = head.iter().position(|name| name == "speedup").expect("a column");
        assert_eq!((rows[0][2].as_str(), rows[0][speedup].as_str()), ("some CPU, code", "1234.0"));
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

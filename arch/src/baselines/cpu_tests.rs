//! The CPU fits are made again from the measured rows, and tried on models left out.

use std::collections::BTreeSet;

use super::{
    super::statistics::{Errors, least_squares, predict},
    *,
};

fn prefill_terms(row: &CpuRow) -> [f64; 3] {
    let shape = &row.workload;
    let pairs = f64::from(shape.q_len) * f64::from(shape.kv_len);
    let scores = f64::from(shape.heads) * pairs * 1e-6;
    [1.0, scores, (scores - 4.0).max(0.0)]
}

fn decode_terms(row: &CpuRow) -> [f64; 2] {
    let shape = &row.workload;
    let values = 2.0 * f64::from(shape.kv_heads) * f64::from(shape.kv_len);
    [1.0, values * f64::from(shape.head_dim) * 4e-6]
}

fn per_layer(row: &CpuRow) -> f64 {
    row.time_us / f64::from(row.workload.layers)
}

/// The fit to all rows, and the errors on each model by a fit to the others.
fn refit<const N: usize>(rows: &[&CpuRow], terms: fn(&CpuRow) -> [f64; N]) -> ([f64; N], Errors) {
    let fit = |rows: &[&CpuRow]| {
        let inputs: Vec<[f64; N]> = rows.iter().map(|row| terms(row)).collect();
        let times: Vec<f64> = rows.iter().map(|row| per_layer(row)).collect();
        least_squares(&inputs, &times)
    };
    let models: BTreeSet<&str> = rows.iter().map(|row| row.model.as_str()).collect();
    let mut pairs = Vec::new();
    for model in models {
        let others: Vec<&CpuRow> = rows.iter().copied().filter(|row| row.model != model).collect();
        let coefficients = fit(&others);
        let left_out = rows.iter().filter(|row| row.model == model);
        pairs.extend(left_out.map(|row| (predict(&terms(row), &coefficients), per_layer(row))));
    }
    (fit(rows), Errors::of(pairs))
}

fn assert_close(stated: &[f64], derived: &[f64], within: f64, what: &str) {
    for (stated, derived) in stated.iter().zip(derived) {
        let error = (stated - derived).abs() / derived.abs().max(1e-9);
        assert!(error < within || (*stated, *derived) == (0.0, 0.0), "{what}: {stated} {derived}");
    }
}

#[test]
fn the_fits_and_their_errors_on_models_left_out_are_as_stated() {
    let mut runs = 0;
    for cpu in Cpu::all() {
        for run in &cpu.runs {
            let what = format!("{}, {} threads", cpu.key, run.threads);
            let rows = |decode| -> Vec<&CpuRow> {
                let own = cpu.rows.iter().filter(|row| row.device == cpu.key);
                own.filter(|row| row.threads == run.threads)
                    .filter(|row| row.workload.is_decode() == decode)
                    .collect()
            };
            let (found, errors) = refit(&rows(false), prefill_terms);
            let stated = &run.prefill;
            assert_eq!(errors.len(), 24, "{what}");
            let stated_terms =
                [stated.t0_us, stated.us_per_million_scores, stated.us_per_million_scores_beyond];
            assert_close(&stated_terms, &found, 1e-3, &what);
            assert!((errors.median() - stated.median_error).abs() < 1e-3, "{what}");
            assert!((errors.p90() - stated.p90_error).abs() < 1e-3, "{what}");

            let (found, errors) = refit(&rows(true), decode_terms);
            let stated = &run.decode;
            assert_eq!(errors.len(), 12, "{what}");
            assert_close(&[stated.t0_us, stated.us_per_megabyte], &found, 1e-3, &what);
            assert!((errors.median() - stated.median_error).abs() < 1e-3, "{what}");
            assert!((errors.p90() - stated.p90_error).abs() < 1e-3, "{what}");
            runs += 1;
        }
    }
    assert_eq!(runs, 3);
}

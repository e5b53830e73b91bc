//! The values of a task are those that its plan was made from.

use tamis_workloads::{
    plan::{Phase, Task},
    planner::Phases,
    trace::{DECODER, LayerSource},
    values::{RowValues, values},
};

use crate::build::{FORMATS, cascade, dense, plan};

/// 0.1 with 18 fraction bits: 26214.4.
const THRESHOLD: u32 = 26_214;

/// Recomputes with plain integers what the pipeline does after the probabilities.
fn check_outputs(task: &Task, row: usize, found: &RowValues, values: &[i16]) {
    let row = &task.rows[row];
    let dim = found.query.len();
    for lane in 0..dim {
        let product = |place: u32| {
            let probability = found.probabilities[(place - row.visible.start) as usize];
            i64::from(probability) * i64::from(values[place as usize * dim + lane])
        };
        let sum: i64 = row.kept.places().map(product).sum();
        assert_eq!(i64::from(found.accumulators[lane]), sum);
        let rounded = (sum as f64 / f64::from(1 << 18) + 0.5).floor().clamp(-2047.0, 2047.0);
        assert!((f64::from(found.outputs[lane]) - rounded).abs() < 1e-9);
    }
}

fn check(task: &Task, source: &dyn LayerSource) {
    let layer = source.layer(task.layer).unwrap();
    let found = values(task, &layer, source.shape(), &FORMATS).unwrap();
    assert_eq!(found.rows.len(), task.rows.len());
    for (index, (row, numbers)) in task.rows.iter().zip(&found.rows).enumerate() {
        let dim = numbers.query.len();
        let seen = row.visible.start as usize * dim..row.visible.end as usize * dim;
        let keys = found.keys[seen].chunks_exact(dim);
        let exact: Vec<i32> = keys
            .map(|key| {
                key.iter().zip(&numbers.query).map(|(&k, &q)| i32::from(k) * i32::from(q)).sum()
            })
            .collect();
        if row.refetch || task.bits.key_lsb == 0 {
            assert_eq!(numbers.scores, exact);
        } else {
            assert_eq!(numbers.scores, numbers.first_scores);
        }
        let peak = *numbers.first_probabilities.iter().max().unwrap();
        assert_eq!(row.refetch, task.bits.key_lsb > 0 && peak < THRESHOLD);
        check_outputs(task, index, numbers, &found.values);
    }
}

#[test]
fn scores_probabilities_and_outputs_of_both_policies_and_phases() {
    let source = DECODER.open().unwrap();
    for policy in [cascade(""), dense()] {
        let (tasks, _) = plan(&source, &policy, Phases::All);
        let of = |phase| tasks.iter().filter(move |task| task.phase == phase);
        of(Phase::Prefill).step_by(17).chain(of(Phase::Decode).step_by(97)).for_each(|task| {
            check(task, &source);
        });
    }
}

#[test]
fn rows_that_refetch_and_rows_that_do_not_are_both_among_them() {
    let source = DECODER.open().unwrap();
    let (tasks, _) = plan(&source, &cascade(""), Phases::Prefill);
    let rows = tasks[0].rows.iter();
    let refetched = rows.filter(|row| row.refetch).count();
    assert!(refetched > 0 && refetched < tasks[0].rows.len());
}

//! The values of a task: every number as the hardware has it, made again on request.
//!
//! A [`Task`] says what is computed; with the layer of the trace it says all numbers too. Blocks are
//! tested against these, and co-simulation carries them as payload. Planning computes them the same
//! way and keeps none.

use tamis_arch::blocks::Formats;

use crate::{
    fixed::{Arithmetic, Unsupported, exponent::ScoreScale, quantise::Quantised},
    plan::{Row, Task},
    planner::score_scale,
    quickselect::{PivotRule, SelectionOf, Site},
    row::{Keys, Outputs, Planes, RowSetting, RowView, Scratch},
    trace::{Heads, Layer, Shape},
};

/// The numbers of one task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskValues {
    /// Keys of the task, all bits, by place: `[tokens, head_dim]`.
    pub keys: Vec<i16>,
    /// Values of the task, by place: `[tokens, head_dim]`.
    pub values: Vec<i16>,
    /// What one unit of a key stands for.
    pub key_scale: f64,
    /// What one unit of a value stands for.
    pub value_scale: f64,
    /// What one unit of an output stands for.
    pub output_unit: f64,
    /// In the order of the task.
    pub rows: Vec<RowValues>,
}

/// The numbers of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowValues {
    /// Query: `[head_dim]`.
    pub query: Vec<i16>,
    /// What one unit of the query stands for.
    pub query_scale: f64,
    /// From scores to exponents.
    pub score_scale: ScoreScale,
    /// Scores of the visible keys with the first pass of K.
    pub first_scores: Vec<i32>,
    /// Their probabilities, by which the refetch is decided.
    pub first_probabilities: Vec<u32>,
    /// Scores after a refetch; the same where there was none.
    pub scores: Vec<i32>,
    /// Probabilities of the visible keys, after a refetch.
    pub probabilities: Vec<u32>,
    /// Sums of probabilities times values: `[head_dim]`.
    pub accumulators: Vec<i32>,
    /// What is written: `[head_dim]`.
    pub outputs: Vec<i16>,
}

/// Computes a task's numbers from its layer of the trace.
///
/// # Errors
///
/// If the trace or the machine is beyond what the fixed point is proved for.
///
/// # Panics
///
/// If the task is not one of this trace.
pub fn values(
    task: &Task,
    layer: &Layer,
    shape: &Shape,
    formats: &Formats,
) -> Result<TaskValues, Unsupported> {
    let arithmetic = Arithmetic::new(formats, shape.head_dim, shape.seq_len)?;
    let k = quantised(&layer.k, task.kv_head, task.bits.key_msb + task.bits.key_lsb, shape);
    let v = quantised(&layer.v, task.kv_head, task.bits.value, shape);
    let keys = Keys::new(task.tokens.clone(), &k, task.bits.key_lsb);
    let mut outputs = Outputs::new(arithmetic, task.bits, shape.head_dim as usize);
    let mut rows = Vec::with_capacity(task.rows.len());
    for group in task.rows.chunk_by(|one, next| one.head == next.head) {
        let q = quantised(&layer.q, group[0].head, task.bits.query, shape);
        let setting = setting(task, group[0].head, score_scale(shape, &q, &k), arithmetic);
        let row = |row| row_values(row, &q, &keys, &v, setting, &mut outputs);
        rows.extend(group.iter().map(row));
    }
    Ok(TaskValues {
        keys: gather(&k, &task.tokens),
        values: gather(&v, &task.tokens),
        key_scale: k.scale,
        value_scale: v.scale,
        output_unit: outputs.unit(v.scale),
        rows,
    })
}

fn quantised(heads: &Heads, head: u32, bits: u32, shape: &Shape) -> Quantised {
    let (seq, dim) = (heads.seq_len as usize, heads.head_dim as usize);
    let prompt = shape.prompt_len.unwrap_or(shape.seq_len) as usize;
    let start = head as usize * seq * dim;
    Quantised::new(&heads.values[start..start + seq * dim], dim, prompt, bits)
}

fn gather(head: &Quantised, tokens: &[u32]) -> Vec<i16> {
    tokens.iter().flat_map(|&token| head.vector(token)).copied().collect()
}

fn setting(task: &Task, head: u32, scale: ScoreScale, arithmetic: Arithmetic) -> RowSetting {
    let Task { phase, step, layer, .. } = *task;
    RowSetting {
        site: Site { of: SelectionOf::Values, phase, step, layer, head, token: 0 },
        scale,
        fraction: arithmetic.probability_fraction(),
        // The plan holds what was selected; nothing is selected again.
        pivots: PivotRule::MIDPOINT,
    }
}

fn row_values(
    row: &Row,
    q: &Quantised,
    keys: &Keys<'_>,
    v: &Quantised,
    setting: RowSetting,
    outputs: &mut Outputs,
) -> RowValues {
    let query = q.vector(row.token);
    let mut scratch = Scratch::default();
    let visible = row.visible.clone();
    let mut view = RowView::new(setting, row.token, query, keys, visible, &mut scratch);
    view.attend(Planes::Msb);
    let (first_scores, first_probabilities) =
        (view.scores().to_vec(), view.probabilities().to_vec());
    if row.refetch {
        view.attend(Planes::All);
    }
    outputs.compute(row, view.probabilities(), &keys.tokens, v);
    RowValues {
        query: query.to_vec(),
        query_scale: q.scale,
        score_scale: setting.scale,
        first_scores,
        first_probabilities,
        scores: view.scores().to_vec(),
        probabilities: view.probabilities().to_vec(),
        accumulators: outputs.accumulators().to_vec(),
        outputs: outputs.outputs().to_vec(),
    }
}

//! What a designer wants to know of a trace before building for it: where its attention goes.
//!
//! Everything is computed in f64 from dense attention. A mean is over all heads and query rows of
//! a layer; means of distributions leave out rows that see fewer than [`MIN_KEYS`] keys, where a
//! share of the keys says little.

use rayon::prelude::*;
use serde::Serialize;

use crate::{
    reference::{Attention, attend},
    trace::{Heads, Layer, LayerSource, Origin, Precision, Shape, TraceError, TraceFile},
};

/// Fewest visible keys of the rows that count for the shape of the distributions.
pub const MIN_KEYS: u32 = 16;

/// A row whose largest probability is below this is flat: the case in which progressive
/// quantisation fetches more bits (the paper's threshold, SpAtten section VI-A).
pub const FLAT: f64 = 0.1;

/// A trace file in figures, as `tamis trace info` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceInfo {
    /// Length of the file.
    pub file_bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// How its values are stored.
    pub precision: Precision,
    /// Values of one layer as f32: what a run holds in memory of the trace.
    pub layer_bytes: u64,
    /// What the trace says of itself.
    pub shape: Shape,
    /// Where it comes from.
    pub origin: Origin,
    /// Figures of every layer.
    pub layers: Vec<LayerStatistics>,
}

impl TraceInfo {
    /// Reads the whole file, one layer at a time.
    ///
    /// # Errors
    ///
    /// If a layer cannot be read.
    pub fn of(file: &TraceFile) -> Result<Self, TraceError> {
        Ok(Self {
            file_bytes: file.bytes(),
            sha256: file.digest()?,
            precision: file.precision(),
            layer_bytes: file.shape().layer_bytes(),
            shape: file.shape().clone(),
            origin: file.origin().clone(),
            layers: statistics(file)?,
        })
    }
}

/// The attention of one layer in figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerStatistics {
    /// Layer in the trace.
    pub layer: u32,
    /// Figures of the rows that see at least [`MIN_KEYS`] keys; none if there are no such rows.
    pub rows: Option<RowStatistics>,
    /// Mean probability on token 0 (an attention sink), row 0 left out; none with one token.
    pub first_token_mass: Option<f64>,
    /// Share of the importance that the top quarter of the tokens holds: 0.25 if all are equal.
    /// The importance of a token is the sum of its probabilities over heads and rows.
    pub importance_top_quarter: f64,
    /// The same without token 0; none if nothing else is important.
    pub importance_top_quarter_without_first: Option<f64>,
    /// The same, token 0 included, of the importance added up over the layers so far.
    pub importance_top_quarter_cumulative: f64,
    /// Largest head importance over the mean. The importance of a head is the sum of its |output|;
    /// none if all outputs are 0.
    pub head_importance_max_over_mean: Option<f64>,
    /// Smallest head importance over the mean.
    pub head_importance_min_over_mean: Option<f64>,
    /// Scaled scores of the pairs that see each other.
    pub scores: Span,
    /// Queries.
    pub q: Span,
    /// Keys.
    pub k: Span,
    /// Values.
    pub v: Span,
}

/// Means over rows of how a row's probabilities are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RowStatistics {
    /// Attention mass on the largest tenth (rounded up) of the visible keys.
    pub mass_top_tenth: f64,
    /// Attention mass on the largest quarter (rounded up) of the visible keys.
    pub mass_top_quarter: f64,
    /// Smallest share of the visible keys that holds 90 % of the mass.
    pub keys_for_90_percent: f64,
    /// Largest probability.
    pub max_probability: f64,
    /// Share of rows whose largest probability is below [`FLAT`].
    pub flat_rows: f64,
}

/// Smallest and largest of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Span {
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

/// Figures of every layer, in order. Memory holds one layer.
///
/// # Errors
///
/// If a layer cannot be read.
pub fn statistics(
    source: &(impl LayerSource + ?Sized),
) -> Result<Vec<LayerStatistics>, TraceError> {
    let shape = source.shape();
    let mut cumulative = vec![0.0; shape.seq_len as usize];
    let of_layer = |index| {
        let layer = source.layer(index)?;
        Ok(layer_statistics(shape, index, &layer, &mut cumulative))
    };
    (0..shape.layers).map(of_layer).collect()
}

fn layer_statistics(
    shape: &Shape,
    index: u32,
    layer: &Layer,
    cumulative: &mut [f64],
) -> LayerStatistics {
    let heads: Vec<HeadSums> = (0..shape.heads)
        .into_par_iter()
        .map(|head| HeadSums::of(shape, index, layer, head))
        .collect();
    let mut importance = vec![0.0; shape.seq_len as usize];
    for head in &heads {
        add(&mut importance, &head.importance);
    }
    add(cumulative, &importance);
    let sum = |of: fn(&HeadSums) -> f64| heads.iter().map(of).sum::<f64>();
    let rows = f64::from(shape.heads) * f64::from(shape.seq_len - 1);
    let head_mean = sum(|head| head.output) / f64::from(shape.heads);
    let over_mean = |value: f64| (head_mean > 0.0).then(|| value / head_mean);
    const SUM: &str = "the probabilities of every row sum to 1";
    let outputs = heads.iter().fold(Span::NOTHING, |span, head| span.with(&head.output));
    LayerStatistics {
        layer: index,
        rows: RowStatistics::mean(&heads),
        first_token_mass: (rows > 0.0).then(|| sum(|head| head.first_token) / rows),
        importance_top_quarter: top_quarter(&importance).expect(SUM),
        importance_top_quarter_without_first: top_quarter(&importance[1..]),
        importance_top_quarter_cumulative: top_quarter(cumulative).expect(SUM),
        head_importance_max_over_mean: over_mean(outputs.max),
        head_importance_min_over_mean: over_mean(outputs.min),
        scores: heads.iter().map(|head| head.scores).fold(Span::NOTHING, Span::join),
        q: values(&layer.q),
        k: values(&layer.k),
        v: values(&layer.v),
    }
}

/// Sums over the rows of one head.
struct HeadSums {
    /// Rows with enough keys, and the sums of their figures.
    rows: f64,
    spread: RowStatistics,
    /// Probability on token 0 of the rows after the first.
    first_token: f64,
    /// By token.
    importance: Vec<f64>,
    /// Sum of |output|.
    output: f64,
    scores: Span,
}

impl HeadSums {
    fn of(shape: &Shape, index: u32, layer: &Layer, head: u32) -> Self {
        let mut sums = Self {
            rows: 0.0,
            spread: RowStatistics::default(),
            first_token: 0.0,
            importance: vec![0.0; shape.seq_len as usize],
            output: 0.0,
            scores: Span::NOTHING,
        };
        for token in 0..shape.seq_len {
            let row = attend(shape, index, layer, head, token);
            let visible = shape.visible(index, token);
            let seen = visible.start as usize..visible.end as usize;
            sums.scores = row.scores[seen.clone()].iter().fold(sums.scores, Span::with);
            if visible.end - visible.start >= MIN_KEYS {
                sums.add_distribution(&row.probabilities[seen]);
            }
            sums.add_row(token, &row);
        }
        sums
    }

    fn add_row(&mut self, token: u32, row: &Attention) {
        if token > 0 {
            self.first_token += row.probabilities[0];
        }
        add(&mut self.importance, &row.probabilities);
        self.output += row.output.iter().map(|value| value.abs()).sum::<f64>();
    }

    fn add_distribution(&mut self, visible: &[f64]) {
        let mut sorted = visible.to_vec();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        let mut reached = 0.0;
        let short_of_90_percent = |probability: &&f64| {
            reached += **probability;
            reached < 0.9
        };
        let keys = 1 + sorted.iter().take_while(short_of_90_percent).count();
        let share = |part: usize| sorted[..sorted.len().div_ceil(part)].iter().sum::<f64>();
        self.rows += 1.0;
        self.spread.mass_top_tenth += share(10);
        self.spread.mass_top_quarter += share(4);
        self.spread.keys_for_90_percent += keys.min(sorted.len()) as f64 / sorted.len() as f64;
        self.spread.max_probability += sorted[0];
        self.spread.flat_rows += f64::from(sorted[0] < FLAT);
    }
}

impl RowStatistics {
    fn mean(heads: &[HeadSums]) -> Option<Self> {
        let rows: f64 = heads.iter().map(|head| head.rows).sum();
        let mean =
            |of: fn(&Self) -> f64| heads.iter().map(|head| of(&head.spread)).sum::<f64>() / rows;
        (rows > 0.0).then(|| Self {
            mass_top_tenth: mean(|spread| spread.mass_top_tenth),
            mass_top_quarter: mean(|spread| spread.mass_top_quarter),
            keys_for_90_percent: mean(|spread| spread.keys_for_90_percent),
            max_probability: mean(|spread| spread.max_probability),
            flat_rows: mean(|spread| spread.flat_rows),
        })
    }
}

/// Share of the sum that the largest quarter (rounded up) holds; none if the sum is 0.
fn top_quarter(importance: &[f64]) -> Option<f64> {
    let mut sorted = importance.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let top: f64 = sorted[..sorted.len().div_ceil(4)].iter().sum();
    let total: f64 = sorted.iter().sum();
    (total > 0.0).then(|| top / total)
}

fn add(sums: &mut [f64], values: &[f64]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

fn values(heads: &Heads) -> Span {
    heads.values.iter().fold(Span::NOTHING, |span, &value| span.with(&f64::from(value)))
}

impl Span {
    const NOTHING: Self = Self { min: f64::INFINITY, max: f64::NEG_INFINITY };

    fn with(self, value: &f64) -> Self {
        self.join(Self { min: *value, max: *value })
    }

    fn join(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

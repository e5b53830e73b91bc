//! One layer of one pass: its tasks, what they showed, and what they cost in quality.

use std::{ops::Range, sync::Arc};

use rayon::prelude::*;

use super::operands::{Operands, score_scale};
use crate::{
    dense_f32::DenseRow,
    fixed::{Arithmetic, softmax},
    plan::{Phase, Row, StoredBits, Task},
    policy::{Course, Live, Pass, Seen},
    quality::Tally,
    quickselect::{PivotRule, SelectionOf, Site},
    row::{Keys, Outputs, RowSetting, RowView, Scratch},
    trace::Shape,
};

/// Everything that the rows of a layer need.
pub(crate) struct LayerRun<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) arithmetic: Arithmetic,
    pub(crate) bits: StoredBits,
    pub(crate) pivots: PivotRule,
    pub(crate) values_ahead: bool,
    pub(crate) pass: Pass,
    pub(crate) layer: u32,
    pub(crate) operands: &'a Operands,
    pub(crate) live: &'a Live,
    pub(crate) course: &'a dyn Course,
    /// Whether outputs are compared with those of dense attention.
    pub(crate) judged: bool,
}

/// What a layer gives.
#[derive(Debug)]
pub(crate) struct LayerResult {
    pub(crate) tasks: Vec<Task>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) tally: Tally,
}

/// What one query head gives.
struct HeadResult {
    head: u32,
    rows: Vec<Row>,
    mass: Vec<u64>,
    magnitude: u64,
    tally: Tally,
}

impl LayerRun<'_> {
    /// Runs the heads in parallel; what comes out does not depend on how many at once.
    pub(crate) fn run(&self) -> LayerResult {
        let keys: Vec<Keys<'_>> =
            (0..).zip(&self.live.keys).map(|(head, all)| self.keys(head, all)).collect();
        let heads = self.live.heads.par_iter();
        let results: Vec<HeadResult> =
            heads.map(|&head| self.head(head, &keys[self.kv_head(head) as usize])).collect();
        let mut result =
            LayerResult { tasks: Vec::new(), seen: Vec::new(), tally: Tally::default() };
        let mut results = results.into_iter().peekable();
        while let Some(first) = results.next() {
            let kv_head = self.kv_head(first.head);
            let mut group = vec![first];
            while let Some(next) = results.next_if(|next| self.kv_head(next.head) == kv_head) {
                group.push(next);
            }
            self.join(kv_head, &keys[kv_head as usize], group, &mut result);
        }
        result
    }

    fn kv_head(&self, head: u32) -> u32 {
        head / self.shape.group()
    }

    /// The keys that a row sees: with a window, those before the first row's are out of sight.
    fn keys(&self, kv_head: u32, all: &Arc<[u32]>) -> Keys<'_> {
        let ends = self.live.queries.first().zip(self.live.queries.last());
        let seen = ends.map_or(0..0, |(&first, &last)| {
            self.shape.visible(self.layer, first).start..self.shape.visible(self.layer, last).end
        });
        let seen = places(all, &seen);
        let tokens = match (seen.end - seen.start) as usize {
            count if count == all.len() => Arc::clone(all),
            _ => Arc::from(&all[seen.start as usize..seen.end as usize]),
        };
        Keys::new(tokens, &self.operands.k[kv_head as usize], self.bits.key_lsb)
    }

    fn head(&self, head: u32, keys: &Keys<'_>) -> HeadResult {
        let kv_head = self.kv_head(head) as usize;
        let (q, v) = (&self.operands.q[head as usize], &self.operands.v[kv_head]);
        let Pass { phase, step, .. } = self.pass;
        let setting = RowSetting {
            site: Site { of: SelectionOf::Values, phase, step, layer: self.layer, head, token: 0 },
            scale: score_scale(self.shape, q, &self.operands.k[kv_head]),
            fraction: self.arithmetic.probability_fraction(),
            pivots: self.pivots,
        };
        let mut scratch = Scratch::default();
        let mut pv = Outputs::new(self.arithmetic, self.bits, q.head_dim);
        let mut dense = DenseRow::default();
        let mut result = HeadResult {
            head,
            rows: Vec::with_capacity(self.live.queries.len()),
            mass: vec![0; keys.tokens.len()],
            magnitude: 0,
            tally: Tally::default(),
        };
        for &token in &*self.live.queries {
            let visible = places(&keys.tokens, &self.shape.visible(self.layer, token));
            let query = q.vector(token);
            let mut view = RowView::new(setting, token, query, keys, visible.clone(), &mut scratch);
            let choice = self.course.choose(&mut view);
            let row = Row {
                head,
                token,
                visible,
                refetch: choice.refetch,
                kept: choice.kept,
                select: choice.select,
            };
            self.note_mass(&view, &mut result.mass);
            pv.compute(&row, view.probabilities(), &keys.tokens, v);
            result.magnitude += pv.magnitude();
            result.tally.row(row.refetch);
            if self.judged {
                dense.attend(self.shape, self.layer, &self.operands.exact, head, token);
                let first = self.shape.visible(self.layer, token).start;
                let kept = row.kept.places().map(|place| keys.tokens[place as usize] - first);
                result.tally.judge(&dense, pv.outputs(), pv.unit(v.scale), kept);
            }
            result.rows.push(row);
        }
        result
    }

    fn note_mass(&self, row: &RowView<'_>, mass: &mut [u64]) {
        let shift = self.live.importance_shift;
        let seen = row.visible();
        let mass = &mut mass[seen.start as usize..seen.end as usize];
        for (sum, &probability) in mass.iter_mut().zip(row.probabilities()) {
            *sum = sum.wrapping_add(u64::from(softmax::without_bits(probability, shift)));
        }
    }

    fn join(&self, kv_head: u32, keys: &Keys<'_>, group: Vec<HeadResult>, into: &mut LayerResult) {
        let unit = Outputs::new(self.arithmetic, self.bits, 0);
        let mut seen = Seen {
            tokens: Arc::clone(&keys.tokens),
            mass: vec![0; keys.tokens.len()],
            outputs: Vec::new(),
            rows: u32::try_from(self.live.queries.len()).expect("tokens are counted in 32 bits"),
            output_unit: unit.unit(self.operands.v[kv_head as usize].scale),
        };
        let mut rows = Vec::new();
        for head in group {
            for (sum, mass) in seen.mass.iter_mut().zip(&head.mass) {
                *sum += mass;
            }
            seen.outputs.push((head.head, head.magnitude));
            into.tally += head.tally;
            rows.extend(head.rows);
        }
        into.seen.push(seen);
        into.tasks.push(Task {
            phase: self.pass.phase,
            step: self.pass.step,
            layer: self.layer,
            kv_head,
            bits: self.bits,
            tokens: Arc::clone(&keys.tokens),
            appended: (self.pass.phase == Phase::Decode && into.tasks.is_empty())
                .then(|| self.pass.tokens - 1),
            values_ahead: self.values_ahead,
            weighs: self.live.weighs,
            rows,
            layer_end: None,
        });
    }
}

/// Places of the tokens whose positions are in a range.
fn places(tokens: &[u32], positions: &Range<u32>) -> Range<u32> {
    let place = |position: u32| {
        let place = tokens.partition_point(|&token| token < position);
        u32::try_from(place).expect("tokens are counted in 32 bits")
    };
    place(positions.start)..place(positions.end)
}

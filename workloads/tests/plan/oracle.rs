//! `cascade` once more, in plain f64, slow and obvious. It shares no arithmetic with the planner.
//!
//! It follows a plan layer by layer. Where its own figures lie further from a decision's edge than
//! the fixed point can be off, the plan must have decided as it does; and most must lie so.

use std::collections::BTreeMap;

use tamis_workloads::{
    plan::{Phase, Row, Task},
    planner::Phases,
    trace::{DECODER, ENCODER, Heads, LayerSource, Shape},
};

use crate::build::{cascade, plan};

/// What `cascade` does, as numbers.
#[derive(Clone, Copy)]
pub(crate) struct Knobs {
    pub(crate) tokens: f64,
    pub(crate) heads: f64,
    pub(crate) values_prefill: f64,
    pub(crate) values_decode: f64,
    pub(crate) lsb_bits: u32,
    pub(crate) threshold: f64,
}

pub(crate) const DEFAULTS: Knobs = Knobs {
    tokens: 0.5,
    heads: 0.9,
    values_prefill: 1.0,
    values_decode: 0.5,
    lsb_bits: 4,
    threshold: 0.1,
};

impl Knobs {
    pub(crate) fn toml(&self) -> String {
        let Self { tokens, heads, values_prefill, values_decode, lsb_bits, threshold } = self;
        format!(
            "tokens_keep = {tokens}\nheads_keep = {heads}\nvalues_keep_prefill = {values_prefill}\n\
             values_keep_decode = {values_decode}\nkey_msb_bits = 8\nkey_lsb_bits = {lsb_bits}\n\
             refetch_threshold = {threshold}\n"
        )
    }
}

/// The paper's rule, A.6 of the facts: `start` of the layers keep all, then a line whose ends add up
/// to twice the average.
fn share(average: f64, start: f64, layers: u32, layer: u32) -> f64 {
    let spared = f64::max((start * f64::from(layers)).ceil(), 1.0);
    let steps = f64::from(layers) - spared - 1.0;
    let step = f64::from(layer) - spared;
    let first = f64::min(1.5 * average, 1.0);
    match step {
        step if step < 0.0 => 1.0,
        _ if steps <= 0.0 => average,
        step => first + (2.0 * average - 2.0 * first) * step / steps,
    }
}

/// `share` of `count`, rounded down, at least one.
fn part(share: f64, count: usize) -> usize {
    let whole = (1..=count).take_while(|&whole| whole as f64 <= share * count as f64 + 1e-9);
    whole.last().unwrap_or(1)
}

pub(crate) fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap()
}

/// One head's vectors as integers in f64, and their scale.
pub(crate) struct Head {
    pub(crate) scale: f64,
    pub(crate) vectors: Vec<Vec<f64>>,
}

/// The scale comes from the prompt, and later values saturate.
pub(crate) fn quantise(heads: &Heads, head: u32, prompt: u32, bits: u32) -> Head {
    let vectors: Vec<&[f32]> = (0..heads.seq_len).map(|token| heads.vector(head, token)).collect();
    let calibration = vectors[..prompt as usize].iter().flat_map(|vector| vector.iter());
    let peak = calibration.fold(0.0f64, |peak, &value| peak.max(f64::from(value).abs()));
    let most = f64::from((1 << (bits - 1)) - 1);
    let peak = if peak > 0.0 { peak } else { most };
    let integer =
        |&value: &f32| (f64::from(value) * most / peak).round_ties_even().clamp(-most, most);
    let vectors = vectors.into_iter().map(|vector| vector.iter().map(integer).collect()).collect();
    Head { scale: peak / most, vectors }
}

pub(crate) fn dot(left: &[f64], right: impl Iterator<Item = f64>) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

pub(crate) fn softmax(scores: &[f64], scale: f64) -> Vec<f64> {
    let top = scores.iter().copied().fold(f64::MIN, f64::max);
    let raised: Vec<f64> = scores.iter().map(|score| ((score - top) * scale).exp()).collect();
    let sum: f64 = raised.iter().sum();
    raised.into_iter().map(|value| value / sum).collect()
}

/// The state of the algorithm: importances and by how much the plan's may differ.
struct Oracle<'a> {
    source: &'a dyn LayerSource,
    shape: Shape,
    knobs: Knobs,
    tokens: Vec<f64>,
    token_margin: Vec<f64>,
    heads: Vec<f64>,
    head_margin: Vec<f64>,
    /// Decisions about tokens, heads, values and refetches: all, and those beyond the margin.
    decided: BTreeMap<&'static str, (u64, u64)>,
}

impl Oracle<'_> {
    fn prompt(&self) -> u32 {
        self.shape.prompt_len.unwrap_or(self.shape.seq_len)
    }

    fn count(&mut self, what: &'static str, clear: bool) {
        let (all, beyond) = self.decided.entry(what).or_default();
        *all += 1;
        *beyond += u64::from(clear);
    }

    fn layer(&mut self, tasks: &[Task]) {
        let index = tasks[0].layer;
        let layer = self.source.layer(index).unwrap();
        for task in tasks {
            let k = quantise(&layer.k, task.kv_head, self.prompt(), 8 + self.knobs.lsb_bits);
            let v = quantise(&layer.v, task.kv_head, self.prompt(), 12);
            for rows in task.rows.chunk_by(|one, next| one.head == next.head) {
                assert_eq!(rows[0].head / self.shape.group(), task.kv_head);
                let q = quantise(&layer.q, rows[0].head, self.prompt(), 12);
                for row in rows {
                    self.row(task, row, &q, &k, &v);
                }
            }
        }
    }

    fn row(&mut self, task: &Task, row: &Row, q: &Head, k: &Head, v: &Head) {
        let seen = self.shape.visible(task.layer, row.token);
        let keys: Vec<u32> =
            task.tokens.iter().copied().filter(|token| seen.contains(token)).collect();
        let places = row.visible.start as usize..row.visible.end as usize;
        assert_eq!(task.tokens[places], keys, "a row sees the live keys of its window");
        let query = &q.vectors[row.token as usize];
        let step = f64::from(1 << self.knobs.lsb_bits);
        let msb = |value: f64| (value / step).floor() * step + step / 2.0;
        let scores = |plane: &dyn Fn(f64) -> f64| -> Vec<f64> {
            let score = |&key: &u32| dot(query, k.vectors[key as usize].iter().map(|&k| plane(k)));
            keys.iter().map(score).collect()
        };
        let scale = self.shape.scale * q.scale * k.scale;
        let mut found = if self.knobs.lsb_bits > 0 { scores(&msb) } else { scores(&|key| key) };
        let mut mass = softmax(&found, scale);
        let peak = mass.iter().copied().fold(0.0, f64::max);
        let clear = (peak - self.knobs.threshold).abs() > 1e-4;
        if clear && self.knobs.lsb_bits > 0 {
            assert_eq!(row.refetch, peak < self.knobs.threshold, "{row:?}: {peak}");
        }
        self.count("refetches", clear);
        if row.refetch {
            found = scores(&|key| key);
            mass = softmax(&found, scale);
        }
        let kept = self.kept(task, row, &found, &mass);
        self.note(row, &keys, &mass, &kept, v);
    }

    /// The values that the row keeps, by place among those it sees; checks the plan's.
    fn kept(&mut self, task: &Task, row: &Row, scores: &[f64], mass: &[f64]) -> Vec<usize> {
        let share = match task.phase {
            Phase::Prefill => self.knobs.values_prefill,
            Phase::Decode => self.knobs.values_decode,
        };
        let keep = part(share, scores.len());
        let mut ranked: Vec<usize> = (0..scores.len()).collect();
        ranked.sort_by(|&one, &other| scores[other].total_cmp(&scores[one]).then(one.cmp(&other)));
        let (best, rest) = ranked.split_at(keep);
        let found = |&place: &usize| row.kept.contains(row.visible.start + narrow(place));
        assert!(!rest.iter().any(found), "only the best values are kept");
        assert_eq!(row.select.is_some(), keep < scores.len());
        for place in best {
            // A probability of half a unit is where rounding starts to see it.
            let units = mass[*place] * f64::from(1 << 18);
            let clear = (units - 0.5).abs() > 0.01;
            if clear {
                assert_eq!(found(place), units > 0.5, "{units} units of probability");
            }
            self.count("values", clear);
        }
        best.iter().copied().filter(found).collect()
    }

    fn note(&mut self, row: &Row, keys: &[u32], mass: &[f64], kept: &[usize], v: &Head) {
        for (&token, &mass) in keys.iter().zip(mass) {
            self.tokens[token as usize] += mass;
            // Relative error of the exponential and rounding to 18 bits.
            self.token_margin[token as usize] += mass / 4096.0 + libm::exp2(-18.0);
        }
        for dim in 0..self.shape.head_dim as usize {
            let value = |&place: &usize| mass[place] * v.vectors[keys[place] as usize][dim];
            let output: f64 = kept.iter().map(value).sum();
            self.heads[row.head as usize] += output.abs() * v.scale;
            // Outputs are rounded to integers.
            let margin = 0.51 + output.abs() / 4096.0 + keys.len() as f64 / 256.0;
            self.head_margin[row.head as usize] += margin * v.scale;
        }
    }

    /// The prompt is worth the mean of its rows, of which there are a power of two.
    fn end_prompt(&mut self) {
        let rows = f64::from(self.prompt()).log2().floor().exp2();
        let all =
            [&mut self.tokens, &mut self.token_margin, &mut self.heads, &mut self.head_margin];
        all.into_iter().flatten().for_each(|value| *value /= rows);
        // The division drops bits of a token's importance.
        self.token_margin.iter_mut().for_each(|margin| *margin += libm::exp2(-18.0));
    }

    /// The next layer's tasks must hold the most important of this one's.
    fn check_next(&mut self, now: &[Task], next: &[Task], length: usize) {
        let (layer, layers) = (next[0].layer, self.shape.layers);
        let tokens = part(share(self.knobs.tokens, 0.15, layers, layer), length);
        let newest = self.shape.causal.then(|| narrow(length) - 1);
        let live = live_tokens(now);
        let keep = tokens.min(live.len());
        let (kept, free) = (live_tokens(next), newest.map_or(keep, |_| keep - 1));
        assert_eq!(kept.len(), keep, "layer {layer} keeps by the rule");
        assert!(newest.is_none_or(|newest| kept.contains(&newest)));
        let others: Vec<u32> = live.into_iter().filter(|&token| Some(token) != newest).collect();
        let (scores, margins) = (self.tokens.clone(), self.token_margin.clone());
        self.check_choice("tokens", &others, &kept, free, &scores, &margins);

        let live = live_heads(now);
        let heads = part(share(self.knobs.heads, 0.3, layers, layer), self.shape.heads as usize);
        let keep = heads.min(live.len());
        let kept = live_heads(next);
        assert_eq!(kept.len(), keep, "layer {layer} keeps by the rule");
        let (scores, margins) = (self.heads.clone(), self.head_margin.clone());
        self.check_choice("heads", &live, &kept, keep, &scores, &margins);
    }

    fn check_choice(
        &mut self,
        what: &'static str,
        from: &[u32],
        kept: &[u32],
        keep: usize,
        scores: &[f64],
        margins: &[f64],
    ) {
        assert!(kept.is_sorted_by(|one, next| one < next), "input order is kept");
        if keep == from.len() {
            return;
        }
        for &one in from {
            let gap = |&other: &u32| scores[one as usize] - scores[other as usize];
            let margin = |other: &u32| margins[one as usize] + margins[*other as usize];
            let others = || from.iter().filter(|&&other| other != one);
            let surely_above = others().filter(|other| gap(other) < -margin(other)).count();
            let surely_below = others().filter(|other| gap(other) > margin(other)).count();
            let out = surely_above >= keep;
            let kept_for_sure = surely_below + keep >= from.len();
            let found = kept.contains(&one);
            assert!(!(out && found), "{what} {one} is kept: {}", scores[one as usize]);
            assert!(!kept_for_sure || found, "{what} {one} is lost: {}", scores[one as usize]);
            self.count(what, out || kept_for_sure);
        }
    }
}

fn live_tokens(tasks: &[Task]) -> Vec<u32> {
    tasks[0].tokens.to_vec()
}

fn live_heads(tasks: &[Task]) -> Vec<u32> {
    let mut heads: Vec<u32> =
        tasks.iter().flat_map(|task| &task.rows).map(|row| row.head).collect();
    heads.dedup();
    heads
}

/// Follows a whole plan of a trace without windows; returns how many decisions were clear.
pub(crate) fn follow(
    source: &(dyn LayerSource + Sync),
    knobs: Knobs,
) -> BTreeMap<&'static str, (u64, u64)> {
    let shape = source.shape().clone();
    let (tasks, _) = plan(source, &cascade(&knobs.toml()), Phases::All);
    let (tokens, heads) = (shape.seq_len as usize, shape.heads as usize);
    let mut oracle = Oracle {
        source,
        shape: shape.clone(),
        knobs,
        tokens: vec![0.0; tokens],
        token_margin: vec![0.0; tokens],
        heads: vec![0.0; heads],
        head_margin: vec![0.0; heads],
        decided: BTreeMap::new(),
    };
    let layers: Vec<&[Task]> = tasks
        .chunk_by(|one, next| {
            (one.phase, one.step, one.layer) == (next.phase, next.step, next.layer)
        })
        .collect();
    for (index, now) in layers.iter().enumerate() {
        let Task { phase, step, layer, .. } = now[0];
        let prompt = oracle.prompt();
        let length = if phase == Phase::Prefill { prompt } else { prompt + step + 1 };
        if (phase, step, layer) == (Phase::Decode, 0, 0) {
            oracle.end_prompt();
        }
        if layer == 0 {
            let all: Vec<u32> = (0..length).collect();
            assert_eq!(live_tokens(now), all, "a pass starts from all tokens");
            assert_eq!(live_heads(now).len(), heads, "and all heads");
        }
        oracle.layer(now);
        if layer + 1 < shape.layers {
            oracle.check_next(now, layers[index + 1], length as usize);
        }
    }
    oracle.decided
}

fn check_shares(decided: &BTreeMap<&'static str, (u64, u64)>, wanted: &[(&str, f64)]) {
    for &(what, least) in wanted {
        let (all, clear) = decided[what];
        let share = clear as f64 / all as f64;
        assert!(all > 0 && share >= least, "{what}: {clear} of {all} were beyond the margin");
    }
}

#[test]
fn the_encoder_is_planned_as_in_f64() {
    let decided = follow(&ENCODER.open().unwrap(), DEFAULTS);
    check_shares(
        &decided,
        &[("tokens", 0.97), ("heads", 0.9), ("values", 0.99), ("refetches", 0.99)],
    );
}

#[test]
fn the_decoder_is_planned_as_in_f64() {
    let decided = follow(&DECODER.open().unwrap(), DEFAULTS);
    check_shares(
        &decided,
        &[("tokens", 0.97), ("heads", 0.9), ("values", 0.99), ("refetches", 0.99)],
    );
}

#[test]
fn other_knobs_are_planned_as_in_f64() {
    let knobs = Knobs {
        tokens: 0.8,
        heads: 0.6,
        values_prefill: 0.3,
        values_decode: 0.2,
        lsb_bits: 2,
        threshold: 0.3,
    };
    follow(&ENCODER.open().unwrap(), knobs);
    follow(&ENCODER.open().unwrap(), Knobs { lsb_bits: 0, ..knobs });
}

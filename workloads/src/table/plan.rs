//! The tasks of a table.
//!
//! A table says how many keys and values each head fetches, not which. Which ones matters for
//! addresses and for the rounds of the top-k engine, so they are chosen by a rule that keeps what
//! is known of the real choice:
//!
//! - **Keys.** Every position has a rank, drawn once from the seed; a layer has the highest ranks.
//!   So the keys of a layer are among those of every layer with more, and stay the same from step
//!   to step, as tokens that matter do. The newest token ranks above all, so it is always there.
//! - **Values.** Each row draws a distinct score for each of its keys and keeps the largest by
//!   quick-select with the machine's pivots. No two rows draw the same scores.
//! - **Tokens.** Where the table has `if_topk`, a quick-select on the ranks chooses that many from
//!   the keys of the layer; or from all tokens where it asks for more than these, which is how the
//!   last layer of a step chooses for the first of the next.

use std::{iter::Peekable, sync::Arc, vec};

use super::{Row, Table};
use crate::{
    plan::{self, KeySet, LayerEnd, Phase, Selection, StoredBits, Task, Weighs},
    quickselect::{PivotRule, Selected, SelectionOf, Site, select, splitmix},
};

/// Width of operands that the table does not quantise: that of the machine's arithmetic.
const OPERAND_BITS: u32 = 12;

/// Widths of the planes that the released hardware has for keys of more than 8 bits, and the width
/// of its LSB plane in any case.
const RELEASE_MSB_BITS: u32 = 8;
const RELEASE_LSB_BITS: u32 = 4;

/// The released bench asks for whole lines of keys and values.
const RELEASE_MULTIPLE: u32 = 8;

/// How the rows of a table become tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// What the width columns mean.
    pub widths: Widths,
    /// Whether keys, values and tokens so far are rounded up to a multiple of 8, as the authors'
    /// bench does.
    pub round_counts: bool,
    /// Pivots of the selections. Its seed also draws ranks and scores.
    pub pivots: PivotRule,
}

/// What the width columns mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Widths {
    /// As the authors' bench plays them: keys of -1, 10 or 12 bits are 8 bits and a refetch of 4;
    /// others are 4, 6 or 8 bits, with a refetch of 4 where `if_requant` says so; values of -1,
    /// 10 or 12 bits have 8.
    Bench,
    /// As the columns say: keys have `quant_key_bit` bits, and `auto_requant_incre` more where
    /// `if_requant` says so; values have `quant_value_bit` bits. What is not quantised (-1) has
    /// the 12 bits of the machine's operands.
    AsWritten,
}

/// The tasks of a table, in its order: one for each row.
#[derive(Clone, Debug)]
pub struct TablePlan {
    rows: Peekable<vec::IntoIter<Row>>,
    replay: Replay,
    /// The keys of the row before, which the next row has as well unless a layer starts.
    keys: Option<Keys>,
    /// Iteration and layer of the row before.
    layer: Option<(u32, u32)>,
}

/// The positions of a layer's keys.
#[derive(Clone, Debug)]
struct Keys {
    length: u32,
    positions: Arc<[u32]>,
}

impl TablePlan {
    /// Plays `table` by the rules of `replay`.
    #[must_use]
    pub fn new(table: &Table, replay: Replay) -> Self {
        Self { rows: table.rows.clone().into_iter().peekable(), replay, keys: None, layer: None }
    }

    fn positions(&mut self, length: u32, keys: u32) -> Arc<[u32]> {
        if let Some(before) = &self.keys
            && (before.length, before.positions.len()) == (length, keys as usize)
        {
            return Arc::clone(&before.positions);
        }
        let mut ranked: Vec<(i64, u32)> =
            (0..length).map(|position| (self.rank(length, position), position)).collect();
        ranked.sort_unstable_by(|a, b| b.cmp(a));
        let mut kept: Vec<u32> =
            ranked[..keys as usize].iter().map(|&(_, position)| position).collect();
        kept.sort_unstable();
        let positions: Arc<[u32]> = kept.into();
        self.keys = Some(Keys { length, positions: Arc::clone(&positions) });
        positions
    }

    /// The rank of a position among all: different for each.
    fn rank(&self, length: u32, position: u32) -> i64 {
        if position + 1 == length {
            return i64::MAX;
        }
        distinct(mix(self.replay.pivots.seed, position), position)
    }

    fn task(&mut self, row: Row) -> Task {
        let multiple = if self.replay.round_counts { RELEASE_MULTIPLE } else { 1 };
        let round = |count: u32| count.next_multiple_of(multiple);
        let (length, keys, values) = (round(row.length), round(row.keys), round(row.values));
        let tokens = self.positions(length, keys);
        let (bits, refetch) = self.replay.widths.of(&row);
        let chosen = (values < keys).then(|| self.select_values(&row, keys, values));
        let kept = chosen.as_ref().map_or(KeySet::Range(0..keys), |chosen| bit_set(&chosen.kept));
        let newest = length - 1;
        let planned = plan::Row {
            head: row.head,
            token: newest,
            visible: 0..keys,
            refetch,
            kept,
            select: chosen.map(|chosen| chosen.selection),
        };
        let place = (row.iteration, row.layer);
        let starts_layer = self.layer.replace(place) != Some(place);
        let ends_layer = self
            .rows
            .peek()
            .is_none_or(|next| (next.iteration, next.layer) != (row.iteration, row.layer));
        let layer_end = ends_layer.then(|| LayerEnd {
            tokens: row.topk.and_then(|keep| self.select_tokens(&row, &tokens, length, keep)),
            heads: None,
        });
        Task {
            phase: Phase::Decode,
            step: row.iteration,
            layer: row.layer,
            kv_head: row.head,
            bits,
            tokens,
            appended: starts_layer.then_some(newest),
            values_ahead: values == keys,
            // Heads that are gone are not in the table, and neither is the choice among them.
            weighs: Weighs { tokens: row.accumulates, heads: false },
            rows: vec![planned],
            layer_end,
        }
    }

    fn select_values(&self, row: &Row, keys: u32, values: u32) -> Selected {
        let seed = [row.iteration, row.layer, row.head]
            .into_iter()
            .fold(splitmix(self.replay.pivots.seed), mix);
        let scores: Vec<i64> = (0..keys).map(|place| distinct(mix(seed, place), place)).collect();
        let site = Site { head: row.head, ..site(SelectionOf::Values, row) };
        select(&scores, values, self.replay.pivots.at(site))
    }

    /// None where all candidates are kept.
    fn select_tokens(&self, row: &Row, live: &[u32], length: u32, keep: u32) -> Option<Selection> {
        let ranks: Vec<i64> = if keep as usize > live.len() {
            (0..length).map(|position| self.rank(length, position)).collect()
        } else {
            live.iter().map(|&position| self.rank(length, position)).collect()
        };
        let pivots = self.replay.pivots.at(site(SelectionOf::Tokens, row));
        ((keep as usize) < ranks.len()).then(|| select(&ranks, keep, pivots).selection)
    }
}

impl Iterator for TablePlan {
    type Item = Task;

    fn next(&mut self) -> Option<Task> {
        let row = self.rows.next()?;
        Some(self.task(row))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl ExactSizeIterator for TablePlan {}

impl Widths {
    /// Stored widths of a row, and whether its LSBs are fetched.
    fn of(self, row: &Row) -> (StoredBits, bool) {
        let query = OPERAND_BITS;
        match self {
            Self::Bench => {
                let narrow = row.key_bits.filter(|&bits| bits <= RELEASE_MSB_BITS);
                let value = row.value_bits.filter(|&bits| bits <= RELEASE_MSB_BITS);
                let bits = StoredBits {
                    query,
                    key_msb: narrow.unwrap_or(RELEASE_MSB_BITS),
                    key_lsb: RELEASE_LSB_BITS,
                    value: value.unwrap_or(RELEASE_MSB_BITS),
                };
                (bits, row.refetch || narrow.is_none())
            }
            Self::AsWritten => {
                let bits = StoredBits {
                    query,
                    key_msb: row.key_bits.unwrap_or(OPERAND_BITS),
                    key_lsb: row.lsb_bits.unwrap_or(0),
                    value: row.value_bits.unwrap_or(OPERAND_BITS),
                };
                (bits, row.refetch)
            }
        }
    }
}

fn site(of: SelectionOf, row: &Row) -> Site {
    let Row { iteration: step, layer, .. } = *row;
    Site { of, phase: Phase::Decode, step, layer, head: 0, token: 0 }
}

/// Ascending places as bits from the first word on.
fn bit_set(places: &[u32]) -> KeySet {
    let words = places.last().map_or(0, |last| last / 64 + 1);
    let mut words = vec![0; words as usize];
    for place in places {
        words[(place / 64) as usize] |= 1 << (place % 64);
    }
    KeySet::Bits { start: 0, words: words.into() }
}

/// A number that no other place has: random above, the place below.
fn distinct(random: u64, place: u32) -> i64 {
    (random >> 33 << 32 | u64::from(place)).cast_signed()
}

/// A random number that depends on both.
fn mix(seed: u64, part: u32) -> u64 {
    splitmix(splitmix(seed) ^ u64::from(part))
}

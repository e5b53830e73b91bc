//! Top-k by quick-select, as the engine of the paper does it (SpAtten, section IV-B).
//!
//! Rounds find the threshold. Each compares all candidates with a pivot, counts those that are
//! greater (`g`) and equal (`e`), and looks where the wanted rank `r` (1 is the largest) falls:
//! among the greater (`r <= g`, same rank), on the pivot (`r <= g + e`, the answer), or among the
//! lesser (rank `r - g - e`). Candidates keep their order from round to round. A last pass over the
//! keys as they came keeps all that beat the threshold and, of those equal to it, the first ones.
//! So the result is in input order and ties go to the earlier key.

use serde::{Deserialize, Serialize};
use tamis_arch::blocks::{Pivot, Topk};

use crate::plan::{Phase, Round, Selection};

/// What a selection chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The smallest key kept.
    pub threshold: i64,
    /// Places of the kept keys, ascending.
    pub kept: Vec<u32>,
    /// What it took.
    pub selection: Selection,
}

/// Keeps the `keep` largest of `keys`; among equal keys the earlier ones.
///
/// # Panics
///
/// If `keep` is 0 or more than there are keys: such a selection never reaches the engine.
#[must_use]
pub fn select(keys: &[i64], keep: u32, mut pivots: Pivots) -> Selected {
    let candidates = count(keys.len());
    assert!((1..=candidates).contains(&keep), "a selection keeps 1 to all of its keys");
    let (threshold, rounds) = threshold(keys, keep, &mut pivots);
    let beat = count(keys.iter().filter(|&&key| key > threshold).count());
    let mut ties = keep - beat;
    let kept = (0..candidates)
        .zip(keys)
        .filter(|&(_, &key)| {
            let tied = key == threshold && ties > 0;
            ties -= u32::from(tied);
            tied || key > threshold
        })
        .map(|(place, _)| place)
        .collect();
    Selected { threshold, kept, selection: Selection { candidates, keep, rounds } }
}

/// The key of rank `rank` from the largest, and the rounds that found it.
fn threshold(keys: &[i64], mut rank: u32, pivots: &mut Pivots) -> (i64, Vec<Round>) {
    let mut candidates = keys.to_vec();
    let mut rounds = Vec::new();
    loop {
        let pivot = pivots.choose(&candidates);
        let greater = count(candidates.iter().filter(|&&key| key > pivot).count());
        let equal = count(candidates.iter().filter(|&&key| key == pivot).count());
        rounds.push(Round { candidates: count(candidates.len()), greater, equal });
        if rank <= greater {
            candidates.retain(|&key| key > pivot);
            pivots.answer_is_above(pivot);
        } else if rank <= greater + equal {
            return (pivot, rounds);
        } else {
            candidates.retain(|&key| key < pivot);
            pivots.answer_is_below(pivot);
            rank -= greater + equal;
        }
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).expect("a selection has fewer than 2^32 keys")
}

/// How the pivots of a run are chosen: the rule, and the seed of the random ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PivotRule {
    /// The rule.
    pub pivot: Pivot,
    /// Seed of the run.
    pub seed: u64,
}

impl From<&Topk> for PivotRule {
    fn from(topk: &Topk) -> Self {
        Self { pivot: topk.pivot, seed: topk.seed }
    }
}

/// Where in a run a selection happens: two selections never share their pivots' generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Site {
    /// What is selected.
    pub of: SelectionOf,
    /// Prefill or decode.
    pub phase: Phase,
    /// Decode step; 0 in prefill.
    pub step: u32,
    /// Layer.
    pub layer: u32,
    /// Query head of a value selection; 0 at the end of a layer.
    pub head: u32,
    /// Position of the query of a value selection; 0 at the end of a layer.
    pub token: u32,
}

/// What a selection selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SelectionOf {
    /// Values of one row.
    Values,
    /// Tokens that the next layer keeps.
    Tokens,
    /// Heads that the next layer keeps.
    Heads,
}

impl PivotRule {
    /// The rule that needs no seed.
    pub const MIDPOINT: Self = Self { pivot: Pivot::Midpoint, seed: 0 };

    /// The pivots of one selection.
    #[must_use]
    pub fn at(self, site: Site) -> Pivots {
        match self.pivot {
            Pivot::Random => Pivots::Random { state: state(self.seed, site) },
            Pivot::Midpoint => Pivots::Midpoint { range: None },
        }
    }
}

/// The pivots of one selection, round after round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pivots {
    /// The candidate at place `⌊x n / 2^32⌋` of the `n` that remain, where `x` is the next number
    /// of a 32-bit xorshift generator. (The multiply-shift favours no place by more than `n / 2^32`.)
    Random {
        /// The generator's register, never 0.
        state: u32,
    },
    /// The middle of the range of values that can still be the answer, rounded down. The range
    /// starts as that of the keys; each round halves it, so there are no more rounds than the range
    /// has bits, and one more. A lone candidate is its own pivot.
    Midpoint {
        /// Lowest and highest value; unknown before the first round.
        range: Option<(i64, i64)>,
    },
}

impl Pivots {
    /// The pivot of the next round.
    ///
    /// # Panics
    ///
    /// If there are no candidates: the wanted rank is then among none of them.
    pub fn choose(&mut self, candidates: &[i64]) -> i64 {
        let first = *candidates.first().expect("the wanted rank is among the candidates");
        match self {
            Self::Random { state } => {
                *state = xorshift(*state);
                let place = (u64::from(*state) * u64::from(count(candidates.len()))) >> 32;
                candidates[usize::try_from(place).expect("a place is below 2^32")]
            }
            Self::Midpoint { .. } if candidates.len() == 1 => first,
            Self::Midpoint { range } => {
                let span = |(low, high): (i64, i64), &key: &i64| (low.min(key), high.max(key));
                let (low, high) =
                    *range.get_or_insert_with(|| candidates.iter().fold((first, first), span));
                low + (high - low) / 2
            }
        }
    }

    /// Notes that the answer is greater than `pivot`.
    pub fn answer_is_above(&mut self, pivot: i64) {
        if let Self::Midpoint { range: Some((low, _)) } = self {
            *low = pivot + 1;
        }
    }

    /// Notes that the answer is less than `pivot`.
    pub fn answer_is_below(&mut self, pivot: i64) {
        if let Self::Midpoint { range: Some((_, high)) } = self {
            *high = pivot - 1;
        }
    }
}

/// Marsaglia's xorshift, triple (13, 17, 5): period 2^32 - 1, three shifts and three XORs a step
/// (Journal of Statistical Software 8(14), 2003).
fn xorshift(mut state: u32) -> u32 {
    state ^= state << 13;
    state ^= state >> 17;
    state ^ (state << 5)
}

/// Where the generator of a site starts. The sequencer sends it with the selection's descriptor, so
/// the engine itself needs no 64-bit arithmetic.
fn state(seed: u64, site: Site) -> u32 {
    let kind = match (site.of, site.phase) {
        (SelectionOf::Values, Phase::Prefill) => 0,
        (SelectionOf::Values, Phase::Decode) => 1,
        (SelectionOf::Tokens, Phase::Prefill) => 2,
        (SelectionOf::Tokens, Phase::Decode) => 3,
        (SelectionOf::Heads, Phase::Prefill) => 4,
        (SelectionOf::Heads, Phase::Decode) => 5,
    };
    let mixed = [kind, site.step, site.layer, site.head, site.token]
        .into_iter()
        .fold(splitmix(seed), |mixed, part| splitmix(mixed ^ u64::from(part)));
    u32::try_from(mixed >> 32).expect("32 of 64 bits fit").max(1)
}

/// One output of the generator SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) from state `x`.
pub(crate) fn splitmix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SITE: Site = Site {
        of: SelectionOf::Values,
        phase: Phase::Decode,
        step: 3,
        layer: 2,
        head: 1,
        token: 40,
    };

    /// Slow and obvious: largest first, on a tie the earlier key, and back into input order.
    fn by_sorting(keys: &[i64], keep: usize) -> Vec<u32> {
        let mut ranked: Vec<(u32, i64)> = (0..).zip(keys.iter().copied()).collect();
        ranked.sort_by_key(|&(place, key)| (std::cmp::Reverse(key), place));
        ranked.truncate(keep);
        let mut kept: Vec<u32> = ranked.into_iter().map(|(place, _)| place).collect();
        kept.sort_unstable();
        kept
    }

    /// Plays the rounds back from their sizes alone: each starts with the side that the one before
    /// chose, and the last holds the rank.
    fn rounds_follow(selection: &Selection) -> bool {
        let mut candidates = selection.candidates;
        let mut rank = selection.keep;
        let (last, before) = selection.rounds.split_last().expect("at least one round");
        for round in before {
            if round.candidates != candidates {
                return false;
            }
            if rank <= round.greater {
                candidates = round.greater;
            } else if rank > round.greater + round.equal {
                candidates -= round.greater + round.equal;
                rank -= round.greater + round.equal;
            } else {
                return false;
            }
        }
        last.candidates == candidates
            && last.greater < rank
            && rank <= last.greater + last.equal
            && last.greater + last.equal <= last.candidates
    }

    fn rule() -> impl Strategy<Value = PivotRule> {
        (prop_oneof![Just(Pivot::Random), Just(Pivot::Midpoint)], any::<u64>())
            .prop_map(|(pivot, seed)| PivotRule { pivot, seed })
    }

    fn keys_and_keep(key: std::ops::RangeInclusive<i64>) -> impl Strategy<Value = (Vec<i64>, u32)> {
        prop::collection::vec(key, 1..200).prop_flat_map(|keys| {
            let most = count(keys.len());
            (Just(keys), 1..=most)
        })
    }

    proptest! {
        // Seven distinct values over 200 keys: ties are the common case, not the rare one.
        #[test]
        fn keeps_what_a_sort_would_keep_when_most_keys_tie(
            (keys, keep) in keys_and_keep(-3..=3),
            rule in rule(),
        ) {
            let selected = select(&keys, keep, rule.at(SITE));
            prop_assert_eq!(&selected.kept, &by_sorting(&keys, keep as usize));
            prop_assert!(rounds_follow(&selected.selection), "{:?}", selected.selection);
        }

        #[test]
        fn keeps_what_a_sort_would_keep_over_the_whole_range_of_scores(
            (keys, keep) in keys_and_keep(-(1 << 31)..=(1 << 48)),
            rule in rule(),
        ) {
            let selected = select(&keys, keep, rule.at(SITE));
            prop_assert_eq!(&selected.kept, &by_sorting(&keys, keep as usize));
            prop_assert!(rounds_follow(&selected.selection), "{:?}", selected.selection);
        }

        #[test]
        fn midpoint_needs_no_more_rounds_than_the_range_has_bits_and_one(
            (keys, keep) in keys_and_keep(-40..=5000),
        ) {
                        let range = keys.iter().max().unwrap() - keys.iter().min().unwrap();
            let bits = u64::BITS - range.unsigned_abs().leading_zeros();
            let rounds = select(&keys, keep, PivotRule::MIDPOINT.at(SITE)).selection.rounds.len();
            prop_assert!(rounds <= bits as usize + 1, "{rounds} rounds for {bits} bits");
        }
    }

    #[test]
    fn the_first_of_equal_keys_are_kept_in_input_order() {
        let selected = select(&[5, 7, 5, 9, 5], 4, PivotRule::MIDPOINT.at(SITE));
        assert_eq!(selected.threshold, 5);
        assert_eq!(selected.kept, [0, 1, 2, 3]);
    }

    #[test]
    fn midpoint_rounds_of_a_hand_made_case() {
        // Range 0..=9: pivot 4 leaves {7, 9} above for rank 2. Range 5..=9: pivot 7 is the answer.
        let selected = select(&[0, 7, 3, 9, 4], 2, PivotRule::MIDPOINT.at(SITE));
        let rounds = [
            Round { candidates: 5, greater: 2, equal: 1 },
            Round { candidates: 2, greater: 1, equal: 1 },
        ];
        assert_eq!(selected.selection.rounds, rounds);
        assert_eq!(selected.kept, [1, 3]);
    }

    #[test]
    fn another_seed_or_site_gives_other_pivots_and_the_same_choice() {
        let keys: Vec<i64> = (0..500).map(|place: i64| place * 7919 % 1009).collect();
        let at = |seed, site| select(&keys, 100, PivotRule { pivot: Pivot::Random, seed }.at(site));
        let base = at(1, SITE);
        for other in [at(2, SITE), at(1, Site { head: 2, ..SITE }), at(1, Site { step: 4, ..SITE })]
        {
            assert_ne!(other.selection.rounds, base.selection.rounds);
            assert_eq!(other.kept, base.kept);
        }
        assert_eq!(at(1, SITE), base);
    }

    #[test]
    fn random_pivots_of_1024_distinct_keys_take_about_the_rounds_of_the_literature() {
        // Facts C.9.1: 12.6 rounds on average for 512 of 1024, a standard deviation near 3.
        let keys: Vec<i64> = (0..1024).map(|place: i64| place * 389 % 1024).collect();
        let rounds = |seed| {
            let pivots = PivotRule { pivot: Pivot::Random, seed }.at(SITE);
            select(&keys, 512, pivots).selection.rounds.len()
        };
        let total: usize = (0..400).map(rounds).sum();
        assert!((4720..5360).contains(&total), "{total} rounds in 400 selections");
    }
}

//! The zero eliminator: closes the gaps in a row of lanes, in order (SpAtten, section IV-C).
//!
//! A Kogge-Stone prefix sum counts, for each lane, the dropped lanes before it: log2 N levels of
//! adders. Then log2 N layers of multiplexers move words to lower lanes: layer `k` moves a word by
//! `2^k` lanes if bit `k` of its count is set. No two words meet: of two that stay in order with
//! `d` lanes between them, the second can never have more than `d` dropped lanes more below it,
//! in any number of low bits of the counts. Empty lanes carry no count.
//!
//! The realigner, log2 N layers of a rotator, turns a compacted row so that its first word meets
//! the first free bank of a FIFO: so partial rows come out of the FIFO as full ones.

use super::Counts;

/// Number of levels of a prefix sum, of the shifter and of the rotator over `width` lanes.
///
/// # Panics
///
/// If `width` is not a power of two: the check on the description promises it.
#[must_use]
pub fn levels(width: usize) -> u32 {
    assert!(width.is_power_of_two(), "a network has a power of two of lanes, not {width}");
    width.ilog2()
}

/// How many flags are set below each lane, by a Kogge-Stone network of one level per power of two.
///
/// # Panics
///
/// If the number of flags is not a power of two.
#[must_use]
pub fn set_below(flags: &[bool], counts: &mut Counts) -> Vec<u32> {
    let mut sums: Vec<u32> = flags.iter().copied().map(u32::from).collect();
    for level in 0..levels(flags.len()) {
        let distance = 1 << level;
        let previous = sums.clone();
        for lane in distance..sums.len() {
            sums[lane] = previous[lane] + previous[lane - distance];
            counts.adds += 1;
        }
    }
    // The network sums up to and with each lane; its neighbour wants the sum without itself.
    sums.rotate_right(1);
    sums[0] = 0;
    sums
}

/// Moves the words of `lanes` to the lowest lanes, in order.
///
/// # Panics
///
/// If the number of lanes is not a power of two.
#[must_use]
pub fn eliminate<T: Copy>(lanes: &[Option<T>], counts: &mut Counts) -> Vec<Option<T>> {
    let dropped: Vec<bool> = lanes.iter().map(Option::is_none).collect();
    let below = set_below(&dropped, counts);
    let mut moving: Vec<_> =
        lanes.iter().zip(below).map(|(lane, count)| lane.map(|word| (word, count))).collect();
    for level in 0..levels(lanes.len()) {
        moving = shift_layer(&moving, level);
        counts.shifts += u64::from(words_in(&moving));
    }
    moving.into_iter().map(|lane| lane.map(|(word, _)| word)).collect()
}

/// One layer of two-way multiplexers: a lane takes the word `2^level` lanes above it if bit
/// `level` of that word's count is set, and else keeps its own unless that one leaves.
fn shift_layer<T: Copy>(lanes: &[Option<(T, u32)>], level: u32) -> Vec<Option<(T, u32)>> {
    let leaves = |&(_, count): &(T, u32)| count >> level & 1 == 1;
    let arriving = |lane: usize| lanes.get(lane + (1 << level)).copied().flatten().filter(leaves);
    let staying = |lane: usize| lanes[lane].filter(|word| !leaves(word));
    (0..lanes.len()).map(|lane| arriving(lane).or(staying(lane))).collect()
}

/// Turns `lanes` up by `by` places: the word of lane 0 comes out of lane `by`.
///
/// # Panics
///
/// If the number of lanes is not a power of two.
#[must_use]
pub fn rotate<T: Copy>(lanes: &[Option<T>], by: usize, counts: &mut Counts) -> Vec<Option<T>> {
    let mut turned = lanes.to_vec();
    for level in 0..levels(lanes.len()) {
        if by >> level & 1 == 1 {
            turned.rotate_right(1 << level);
        }
        counts.shifts += u64::from(words_in(&turned));
    }
    turned
}

/// How many lanes hold a word.
#[must_use]
pub fn words_in<T>(lanes: &[Option<T>]) -> u32 {
    lanes.iter().map(|lane| u32::from(lane.is_some())).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The row of the worked example: a letter is a word, a dot an empty lane.
    fn row(text: &str) -> Vec<Option<char>> {
        text.chars().map(|letter| (letter != '.').then_some(letter)).collect()
    }

    fn text<T: Into<char> + Copy>(lanes: &[Option<T>]) -> String {
        lanes.iter().map(|lane| lane.map_or('.', Into::into)).collect()
    }

    #[test]
    fn the_worked_example_of_the_paper_layer_by_layer() {
        let lanes = row("a.b.cd.e");
        let dropped: Vec<bool> = lanes.iter().map(Option::is_none).collect();
        let below = set_below(&dropped, &mut Counts::default());
        assert_eq!(below, [0, 0, 1, 1, 2, 2, 2, 3]);

        let letters = |lanes: &[Option<(char, u32)>]| {
            text(&lanes.iter().map(|lane| lane.map(|(letter, _)| letter)).collect::<Vec<_>>())
        };
        let counted: Vec<_> =
            lanes.iter().zip(below).map(|(lane, count)| lane.map(|word| (word, count))).collect();
        let by_one = shift_layer(&counted, 0);
        assert_eq!(letters(&by_one), "ab..cde.");
        let by_two = shift_layer(&by_one, 1);
        assert_eq!(letters(&by_two), "abcde...");
        assert_eq!(letters(&shift_layer(&by_two, 2)), "abcde...");
    }

    #[test]
    fn a_row_of_one_lane_passes_through_without_any_network() {
        let mut counts = Counts::default();
        assert_eq!(eliminate(&[Some(7)], &mut counts), [Some(7)]);
        assert_eq!(eliminate::<u8>(&[None], &mut counts), [None]);
        assert_eq!(counts, Counts::default());
    }

    #[test]
    fn eight_lanes_add_seventeen_times_and_move_each_word_through_three_layers() {
        // 7 + 6 + 4 adders in the three levels; five words.
        let mut counts = Counts::default();
        assert_eq!(text(&eliminate(&row("a.b.cd.e"), &mut counts)), "abcde...");
        assert_eq!(counts, Counts { adds: 17, shifts: 15, ..Counts::default() });
    }

    #[test]
    fn a_row_turned_by_three_starts_in_bank_three_and_wraps() {
        let mut counts = Counts::default();
        assert_eq!(text(&rotate(&row("abcdef.."), 3, &mut counts)), "f..abcde");
        assert_eq!(counts, Counts { shifts: 18, ..Counts::default() });
    }

    #[test]
    #[should_panic(expected = "a power of two of lanes, not 3")]
    fn three_lanes_are_a_broken_promise() {
        let _ = eliminate(&[Some(1), None, Some(2)], &mut Counts::default());
    }

    #[test]
    fn every_row_of_up_to_eight_lanes_is_what_a_filter_leaves() {
        for width in [1, 2, 4, 8] {
            for kept in 0_u32..1 << width {
                let lanes: Vec<_> =
                    (0..width).map(|lane| (kept >> lane & 1 == 1).then_some(lane)).collect();
                check_against_a_filter(&lanes);
            }
        }
    }

    fn check_against_a_filter<T: Copy + PartialEq + std::fmt::Debug>(lanes: &[Option<T>]) {
        let mut expected: Vec<_> = lanes.iter().copied().filter(Option::is_some).collect();
        expected.resize(lanes.len(), None);
        assert_eq!(eliminate(lanes, &mut Counts::default()), expected);
    }

    proptest! {
        #[test]
        fn any_row_is_what_a_filter_leaves(
            lanes in (0_u32..9).prop_flat_map(|levels| {
                prop::collection::vec(any::<Option<i64>>(), 1 << levels)
            }),
        ) {
            check_against_a_filter(&lanes);
        }
    }
}

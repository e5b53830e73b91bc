//! The memories of the engine: the keys as they came, and the candidates on a side of the pivot.

use std::{collections::VecDeque, ops::Range};

use super::{Counts, zero_eliminator::rotate};

/// Candidates on one side of the pivot: a ring for each lane, all of one depth.
///
/// The rings let a round read its candidates from the FIFO and append those of the next round to
/// the same FIFO: what is appended has been read before. Each round begins in lane 0.
#[derive(Debug)]
pub(super) struct CandidateFifo {
    banks: Vec<VecDeque<i64>>,
    rows: usize,     // depth of each ring
    waiting: usize,  // words of this round, still to be read
    incoming: usize, // words of the next round
}

impl CandidateFifo {
    /// An empty FIFO of `lanes` rings that hold `entries` words in all.
    pub(super) fn new(lanes: usize, entries: usize) -> Self {
        let banks = vec![VecDeque::new(); lanes];
        Self { banks, rows: entries.div_ceil(lanes), waiting: 0, incoming: 0 }
    }

    /// Appends the words of a compacted row: the realigner turns it to the first free lane.
    pub(super) fn append(&mut self, compacted: &[Option<i64>], counts: &mut Counts) {
        let lanes = self.banks.len();
        let turned = rotate(compacted, self.incoming % lanes, counts);
        let before = self.incoming;
        for (bank, word) in self.banks.iter_mut().zip(turned) {
            let Some(word) = word else { continue };
            assert!(bank.len() < self.rows, "a side never has more candidates than the round");
            bank.push_back(word);
            self.incoming += 1;
        }
        counts.rows_written += rows_begun(lanes, before..self.incoming);
    }

    /// A round begins: it reads what came in. Gives these candidates, for the choice of a pivot.
    pub(super) fn turn(&mut self) -> Vec<i64> {
        assert_eq!(self.waiting, 0, "a round reads all of its candidates");
        (self.waiting, self.incoming) = (self.incoming, 0);
        let lanes = self.banks.len();
        (0..self.waiting).map(|place| self.banks[place % lanes][place / lanes]).collect()
    }

    /// Drops everything: the answer is elsewhere.
    pub(super) fn flush(&mut self) {
        self.banks.iter_mut().for_each(VecDeque::clear);
        (self.waiting, self.incoming) = (0, 0);
    }

    /// The next row of this round, and whether it is the last. The last may have empty lanes; a
    /// row after it has only those.
    pub(super) fn read_row(&mut self, counts: &mut Counts) -> (Vec<Option<i64>>, bool) {
        let words = self.waiting.min(self.banks.len());
        self.waiting -= words;
        let banks = self.banks.iter_mut().enumerate();
        let row: Vec<_> =
            banks.map(|(lane, bank)| if lane < words { bank.pop_front() } else { None }).collect();
        counts.rows_read += u64::from(words > 0);
        (row, self.waiting == 0)
    }
}

/// The keys as they came. The first round and the filter pass both read them from the first on.
#[derive(Debug)]
pub(super) struct KeyMemory {
    words: Vec<i64>,
    lanes: usize, // words of a row
    entries: usize,
    next: usize, // place of the next to be read
}

impl KeyMemory {
    /// An empty memory of `entries` words in rows of `lanes`.
    pub(super) fn new(lanes: usize, entries: usize) -> Self {
        Self { words: Vec::new(), lanes, entries, next: 0 }
    }

    /// Forgets the keys of the selection before.
    pub(super) fn clear(&mut self) {
        self.words.clear();
    }

    /// Appends keys, of which there may be more or fewer than a row has.
    pub(super) fn append(&mut self, keys: &[i64], counts: &mut Counts) {
        let before = self.words.len();
        self.words.extend_from_slice(keys);
        counts.rows_written += rows_begun(self.lanes, before..self.words.len());
        assert!(self.words.len() <= self.entries, "a selection fits the entries of the engine");
    }

    /// Number of keys.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.words.len()).expect("a selection has fewer than 2^32 keys")
    }

    /// The keys in order.
    pub(super) fn words(&self) -> &[i64] {
        &self.words
    }

    /// Reads from the first key again.
    pub(super) fn rewind(&mut self) {
        self.next = 0;
    }

    /// Place of the next key to be read.
    pub(super) fn next_place(&self) -> u32 {
        u32::try_from(self.next).expect("a selection has fewer than 2^32 keys")
    }

    /// The next `lanes` keys, and whether it is the last. The last may have empty lanes; a
    /// row after it has only those.
    pub(super) fn read_row(
        &mut self,
        lanes: usize,
        counts: &mut Counts,
    ) -> (Vec<Option<i64>>, bool) {
        let first = self.next;
        let row: Vec<_> =
            (first..first + lanes).map(|place| self.words.get(place).copied()).collect();
        self.next = self.words.len().min(self.next + lanes);
        counts.rows_read += rows_begun(self.lanes, first..self.next);
        (row, self.next == self.words.len())
    }
}

/// Rows of `lanes` words whose first word is at one of these places.
fn rows_begun(lanes: usize, places: Range<usize>) -> u64 {
    let rows = places.end.div_ceil(lanes) - places.start.div_ceil(lanes);
    u64::try_from(rows).expect("a memory has fewer than 2^64 rows")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(fifo: &mut CandidateFifo, words: &[i64]) {
        let lanes = fifo.banks.len();
        let row: Vec<_> = (0..lanes).map(|lane| words.get(lane).copied()).collect();
        fifo.append(&row, &mut Counts::default());
    }

    fn read(fifo: &mut CandidateFifo) -> (Vec<Option<i64>>, bool) {
        fifo.read_row(&mut Counts::default())
    }

    #[test]
    fn partial_rows_come_out_as_full_ones() {
        let mut fifo = CandidateFifo::new(4, 12);
        for words in [&[1, 2, 3][..], &[], &[4, 5, 6, 7], &[8, 9]] {
            append(&mut fifo, words);
        }
        assert_eq!(fifo.turn(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(read(&mut fifo), ([1, 2, 3, 4].map(Some).to_vec(), false));
        assert_eq!(read(&mut fifo), ([5, 6, 7, 8].map(Some).to_vec(), false));
        assert_eq!(read(&mut fifo), (vec![Some(9), None, None, None], true));
    }

    #[test]
    fn the_next_round_queues_behind_the_one_that_is_read() {
        let mut fifo = CandidateFifo::new(2, 4);
        append(&mut fifo, &[1, 2]);
        append(&mut fifo, &[3]);
        assert_eq!(fifo.turn(), [1, 2, 3]);
        assert_eq!(read(&mut fifo), (vec![Some(1), Some(2)], false));
        append(&mut fifo, &[2]);
        assert_eq!(read(&mut fifo), (vec![Some(3), None], true));
        append(&mut fifo, &[3]);
        assert_eq!(fifo.turn(), [2, 3]);
    }

    #[test]
    #[should_panic(expected = "never has more candidates than the round")]
    fn a_full_fifo_takes_no_more() {
        let mut fifo = CandidateFifo::new(2, 2);
        append(&mut fifo, &[1, 2]);
        append(&mut fifo, &[3]);
    }
}

//! Which values of a batch have been asked for, and which lines have come.

use crate::{
    items::{RowId, ValueId},
    work::{Batch, ValueGroup, WorkTable, transactions},
};

/// The V of one group of heads of a batch: lines of values, each with what it still waits for.
///
/// In prefill every live token has its place. In decode, and where values are fetched ahead, lines are
/// packed: they hold the values that any row of the group keeps, in order.
pub(super) struct Directory {
    group: u32,
    groups: u32,
    per_value: u32,
    pub(super) heads: u32,
    values_per_line: u32,
    pub(super) packed: bool,
    /// Whether the value of each place has been asked for.
    asked: Vec<bool>,
    /// Packed: the place that each slot holds.
    slots: Vec<u32>,
    /// Whether every value that this group will ever need has been asked for.
    pub(super) complete: bool,
    /// Transactions still to come, by line.
    pending: Vec<u32>,
    /// Rows of the group.
    pub(super) rows: Vec<RowId>,
}

impl Directory {
    /// Directories of a batch, one a group.
    pub(super) fn of(batch: &Batch, table: &WorkTable) -> Vec<Self> {
        let groups = u32::try_from(batch.value_groups.len()).expect("groups are few");
        (0..groups)
            .zip(&batch.value_groups)
            .map(|(group, heads)| Self::new(batch, group, groups, heads, table))
            .collect()
    }

    fn new(batch: &Batch, group: u32, groups: u32, heads: &ValueGroup, table: &WorkTable) -> Self {
        Self {
            group,
            groups,
            per_value: transactions(&heads.units),
            heads: heads.heads,
            values_per_line: batch.values_per_line,
            packed: batch.line_by_line() || batch.values_ahead,
            asked: vec![false; batch.keys as usize],
            slots: Vec::new(),
            complete: false,
            pending: vec![0; batch.value_lines() as usize],
            rows: batch.rows.clone().filter(|&row| table.row(row).value_group == group).collect(),
        }
    }

    /// The link's name of a line: lines of all groups, interleaved.
    fn index(&self, line: u32) -> u32 {
        line * self.groups + self.group
    }

    /// Asks for the value at `place`, unless it has been; what to fetch, and whether that opens a line.
    pub(super) fn ask(&mut self, batch: &Batch, place: u32) -> Option<(ValueId, bool)> {
        if std::mem::replace(&mut self.asked[place as usize], true) {
            return None;
        }
        let (line, opens) = if self.packed {
            let slot = u32::try_from(self.slots.len()).expect("tokens fit 32 bits");
            self.slots.push(place);
            (slot / self.values_per_line, slot.is_multiple_of(self.values_per_line))
        } else {
            (place / self.values_per_line, false)
        };
        self.pending[line as usize] += self.per_value;
        let id = ValueId { group: self.group, token: batch.token(place), line: self.index(line) };
        Some((id, opens))
    }

    /// Values that can still be asked for while `free` lines of the buffer are.
    pub(super) fn room(&self, free: u32) -> u32 {
        let slots = u32::try_from(self.slots.len()).expect("tokens fit 32 bits");
        slots.next_multiple_of(self.values_per_line) - slots
            + free / self.heads * self.values_per_line
    }

    /// Whether all that was asked for has come.
    pub(super) fn has_all(&self) -> bool {
        self.pending.iter().all(|&left| left == 0)
    }

    /// Lines that transactions are still to come for.
    pub(super) fn incomplete_lines(&self) -> usize {
        self.pending.iter().filter(|&&left| left > 0).count()
    }

    /// Notes that transactions of a line came; whether the line is now whole.
    pub(super) fn arrive(&mut self, line: u32, count: u32) -> bool {
        let pending = &mut self.pending[line as usize];
        *pending -= count;
        *pending == 0
    }

    /// Whether all that was asked of a line has come; of a packed line, also that it is full.
    pub(super) fn has(&self, line: u32) -> bool {
        let full = !self.packed
            || self.complete
            || self.slots.len() >= (line as usize + 1) * self.values_per_line as usize;
        full && self.pending[line as usize] == 0
    }

    /// Lines in use.
    pub(super) fn lines(&self) -> u32 {
        let slots = u32::try_from(self.slots.len()).expect("tokens fit 32 bits");
        slots.div_ceil(self.values_per_line)
    }

    /// The places that a packed line holds.
    pub(super) fn places(&self, line: u32) -> &[u32] {
        let start = (line * self.values_per_line) as usize;
        let end = (start + self.values_per_line as usize).min(self.slots.len());
        &self.slots[start..end]
    }
}

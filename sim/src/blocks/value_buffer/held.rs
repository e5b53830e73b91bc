//! What the value buffer holds of batches and rows, and where its reader is.

use tamis_arch::text::counted;

use super::{ahead::Ahead, directory::Directory};
use crate::items::{BatchId, RowId, ValueId};

/// What is here of a batch.
pub(super) struct Held {
    pub(super) batch: BatchId,
    pub(super) groups: Vec<Directory>,
    /// Whether its lines are set aside (prefill: all at once).
    pub(super) reserved: bool,
    /// What to fetch ahead next.
    pub(super) ahead: Option<Ahead>,
    /// V of the newest token, to be fetched when it is made; its lines have their room.
    pub(super) newest: Vec<ValueId>,
    /// Whether its last row is through; values that were fetched for nobody may still come.
    pub(super) ended: bool,
}

impl Held {
    /// What is missing of it, where batches before `made` have all their operands.
    pub(super) fn waits_for(&self, made: BatchId) -> String {
        if !self.reserved {
            return "it waits for room for all its lines".to_owned();
        }
        let lines: usize = self.groups.iter().map(Directory::incomplete_lines).sum();
        let mut waits = vec![format!("{} not whole", counted(lines, "line", "lines"))];
        if self.ahead.is_some() {
            waits.push("not all is asked for".to_owned());
        }
        if !self.newest.is_empty() && made <= self.batch {
            waits.push("the newest value is not made".to_owned());
        }
        waits.join(", ")
    }

    /// Whether it asks for no more lines.
    pub(super) fn has_its_room(&self) -> bool {
        self.reserved && self.groups.iter().all(|group| !group.packed || group.complete)
    }
}

/// A row on its way to the PV array.
///
/// Which of its lines is the last is known when all its keys have come: then no value that it keeps is
/// left to be read. Where the last line left before, an end without values follows it.
pub(super) struct RowRead {
    pub(super) row: RowId,
    /// Keys whose values are settled, from the first visible one.
    pub(super) came: u32,
    /// All of them.
    pub(super) complete: bool,
    /// Values to multiply (known when all have come), and how many have been read.
    pub(super) kept: u32,
    pub(super) read: u32,
    /// Whether the array has been told that nothing follows.
    pub(super) ended: bool,
    /// Next line (row by row).
    pub(super) line: u32,
}

/// Where line-by-line reading is: group, line, row of the group.
#[derive(Default)]
pub(super) struct LineCursor {
    pub(super) group: usize,
    pub(super) line: u32,
    pub(super) row: usize,
}

//! Which line of values the PV array gets next, and when rows and lines are done with.

use tamis_arch::blocks::BufferRead;

use super::{Directory, LineCursor, ValueBuffer, ValueBufferPorts};
use crate::{
    clock::Clock,
    items::ValueLine,
    work::{Batch, WorkTable},
};

/// What the reader did in a cycle.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Read,
    Blocked,
    Waiting,
}

/// Why there is no line to read.
enum Missing {
    /// Not known yet which values a row keeps.
    Rows,
    /// The values of the line have not come.
    Values,
}

impl ValueBuffer {
    /// Reads a line for the array, if it is there. `None` where no row is here.
    pub(super) fn read(
        &mut self,
        clock: &mut Clock,
        ports: &mut ValueBufferPorts<'_>,
    ) -> Option<Reading> {
        let table = ports.table;
        let batch = table.batch_of(self.rows.front()?.row);
        if !ports.value_lines.can_push(clock) {
            return Some(Reading::Blocked);
        }
        if clock.now() < self.next_poll {
            return Some(Reading::Waiting);
        }
        let line = if batch.line_by_line() {
            self.next_of_group(table)
        } else {
            self.next_of_row(table, batch)
        };
        if batch.line_by_line() {
            self.retire_group();
        } else {
            self.retire_row(table, batch);
        }
        let line = match line {
            Ok(line) => line,
            Err(Missing::Rows) => return Some(Reading::Waiting),
            Err(Missing::Values) => {
                if self.reader == BufferRead::Polling {
                    self.next_poll = clock.now() + self.poll_period;
                    self.reads += 1;
                }
                return Some(Reading::Waiting);
            }
        };
        ports.value_lines.push(clock, line);
        self.reads += 1;
        Some(Reading::Read)
    }

    /// The next line of the oldest row, skipping those that hold no value it keeps.
    fn next_of_row(&mut self, table: &WorkTable, batch: &Batch) -> Result<ValueLine, Missing> {
        let place = batch.id - self.batches.front().ok_or(Missing::Rows)?.batch;
        let head = self.rows.front_mut().ok_or(Missing::Rows)?;
        let row = table.row(head.row);
        let directory = &self.batches[place as usize].groups[row.value_group as usize];
        while head.read < head.kept {
            let places = batch.values_of_line(head.line);
            let settled = head.complete || row.visible.start + head.came >= places.end;
            if !settled {
                return Err(Missing::Rows);
            }
            let values = row.kept.count_in(places);
            if values == 0 {
                head.line += 1;
                continue;
            }
            if !directory.has(head.line) {
                return Err(Missing::Values);
            }
            head.line += 1;
            head.read += values;
            return Ok(ValueLine { row: head.row, values, last: head.read == head.kept });
        }
        Err(Missing::Rows)
    }

    /// The next line of the present group, for the next row that keeps a value in it.
    fn next_of_group(&mut self, table: &WorkTable) -> Result<ValueLine, Missing> {
        let first_row = self.rows.front().ok_or(Missing::Rows)?.row;
        loop {
            let held = self.batches.front().ok_or(Missing::Rows)?;
            let directory = &held.groups[self.cursor.group];
            if self.cursor.line == directory.lines() {
                return Err(Missing::Rows);
            }
            if !directory.has(self.cursor.line) {
                return Err(Missing::Values);
            }
            let places = directory.places(self.cursor.line);
            let furthest = *places.last().expect("a line that is used holds a value");
            let id = directory.rows[self.cursor.row];
            let read = self.rows.get_mut((id - first_row) as usize).ok_or(Missing::Rows)?;
            let row = table.row(id);
            if !read.complete && row.visible.start + read.came <= furthest {
                return Err(Missing::Rows);
            }
            let values = places.iter().filter(|&&place| row.kept.contains(place)).count();
            let values = u32::try_from(values).expect("a line is small");
            read.read += values;
            let last = read.read == read.kept;
            self.cursor.row += 1;
            if self.cursor.row == directory.rows.len() {
                self.free_lines += directory.heads;
                (self.cursor.row, self.cursor.line) = (0, self.cursor.line + 1);
            }
            if values > 0 {
                return Ok(ValueLine { row: id, values, last });
            }
        }
    }

    /// Forgets the rows of a group when all its lines are read, and the batch with its last group.
    fn retire_group(&mut self) {
        let Some(held) = self.batches.front() else { return };
        let directory = &held.groups[self.cursor.group];
        if !directory.complete || self.cursor.line < directory.lines() {
            return;
        }
        for read in self.rows.drain(..directory.rows.len()) {
            assert_eq!(read.read, read.kept, "a row leaves with all the values that it keeps");
            self.free_keys += read.came;
        }
        self.cursor = LineCursor { group: self.cursor.group + 1, ..LineCursor::default() };
        if self.cursor.group == held.groups.len() {
            self.cursor = LineCursor::default();
            self.batches.pop_front();
        }
    }

    /// Forgets the oldest row when it is through, and the batch with its last row.
    fn retire_row(&mut self, table: &WorkTable, batch: &Batch) {
        if let Some(head) = self.rows.front()
            && head.complete
            && head.read == head.kept
        {
            self.free_keys += head.came;
            let last = table.row(head.row).last.batch;
            self.rows.pop_front();
            self.held(batch.id).ended |= last;
        }
    }

    /// Forgets prefill batches whose rows are through, when all that was asked for has come.
    pub(super) fn retire_batches(&mut self, table: &WorkTable) {
        while let Some(held) = self.batches.front()
            && held.ended
            && held.ahead.is_none()
            && held.groups.iter().all(Directory::has_all)
        {
            let batch = table.batch(held.batch);
            self.free_lines += batch.value_lines() * batch.heads;
            self.batches.pop_front();
        }
    }
}

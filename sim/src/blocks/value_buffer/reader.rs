//! Which line of values the PV array gets next, and when rows and lines are done with.

use tamis_arch::blocks::BufferRead;

use super::{Directory, LineCursor, RowRead, ValueBuffer, ValueBufferPorts};
use crate::{
    clock::Clock,
    items::ValueLine,
    work::{Batch, RowWork, WorkTable},
};

/// What the reader did in a cycle.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Read,
    /// It looked for the next line and has not found it yet.
    Searching,
    Blocked,
    Waiting,
}

/// Why there is no line to read.
enum Missing {
    /// Not known yet which values a row keeps.
    Rows,
    /// The values of the line have not come.
    Values,
    /// There is none among those that were looked at in this cycle.
    InView,
}

impl RowRead {
    /// Whether nothing of it is left to be read, as far as that is known.
    fn is_read(&self) -> bool {
        self.complete && self.read == self.kept
    }

    /// A line with some of its values.
    fn line(&mut self, values: u32) -> ValueLine {
        self.read += values;
        self.ended = self.is_read();
        ValueLine { row: self.row, values, last: self.ended }
    }
}

impl ValueBuffer {
    /// Reads a line for the array, if it is there. `None` where no row is here.
    pub(super) fn read(
        &mut self,
        clock: &mut Clock,
        ports: &mut ValueBufferPorts<'_>,
    ) -> Option<Reading> {
        let table = ports.table;
        let row = table.row(self.rows.front()?.row);
        let batch = table.batch(row.batch);
        if !ports.value_lines.can_push(clock) {
            return Some(Reading::Blocked);
        }
        if clock.now() < self.next_poll {
            return Some(Reading::Waiting);
        }
        let line = if batch.line_by_line() {
            self.next_of_group(table)
        } else {
            self.next_of_row(row, batch)
        };
        if batch.line_by_line() {
            self.retire_group();
        } else {
            self.retire_row(row, batch);
        }
        let line = match line {
            Ok(line) => line,
            Err(Missing::Rows) => return Some(Reading::Waiting),
            Err(Missing::InView) => return Some(Reading::Searching),
            Err(Missing::Values) => {
                if self.reader == BufferRead::Polling {
                    self.next_poll = clock.now() + self.poll_period;
                    self.reads += 1;
                }
                return Some(Reading::Waiting);
            }
        };
        ports.value_lines.push(clock, line);
        if line.values > 0 {
            self.reads += 1;
            // Kept probabilities lie side by side: a line of values takes one word of them, or as many as
            // it is wider.
            self.weights_read += u64::from(batch.values_per_line.div_ceil(self.queue.1));
        }
        Some(Reading::Read)
    }

    /// The next line of the oldest row that holds a value it keeps, or its end.
    fn next_of_row(&mut self, row: &RowWork, batch: &Batch) -> Result<ValueLine, Missing> {
        let place = batch.id - self.batches.front().ok_or(Missing::Rows)?.batch;
        let head = self.rows.front_mut().ok_or(Missing::Rows)?;
        if head.is_read() {
            return Ok(head.line(0));
        }
        let directory = &self.batches[place as usize].groups[row.value_group as usize];
        for _ in 0..self.skip {
            let places = batch.values_of_line(head.line);
            let settled = head.complete || row.visible.start + head.came >= places.end;
            if !settled {
                return Err(Missing::Rows);
            }
            let values = row.kept.count_in(places);
            if values > 0 && !directory.has(head.line) {
                return Err(Missing::Values);
            }
            head.line += 1;
            if values > 0 {
                return Ok(head.line(values));
            }
        }
        Err(Missing::InView)
    }

    /// The next line of the present group, for the next row that keeps a value in it; or the end of a row.
    fn next_of_group(&mut self, table: &WorkTable) -> Result<ValueLine, Missing> {
        let first_row = self.rows.front().ok_or(Missing::Rows)?.row;
        for _ in 0..self.skip {
            let held = self.batches.front().ok_or(Missing::Rows)?;
            let directory = &held.groups[self.cursor.group];
            if self.cursor.line == directory.lines() {
                let open = self.rows.iter_mut().take(directory.rows.len()).find(|row| !row.ended);
                let read = open.filter(|row| directory.complete && row.is_read());
                return Ok(read.ok_or(Missing::Rows)?.line(0));
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
            self.cursor.row += 1;
            if self.cursor.row == directory.rows.len() {
                self.free_lines += directory.heads;
                (self.cursor.row, self.cursor.line) = (0, self.cursor.line + 1);
            }
            if values > 0 || (read.is_read() && !read.ended) {
                return Ok(read.line(values));
            }
        }
        Err(Missing::InView)
    }

    /// Forgets the rows of a group when all its lines are read, and the batch with its last group.
    fn retire_group(&mut self) {
        let Some(held) = self.batches.front() else { return };
        let directory = &held.groups[self.cursor.group];
        let mut rows = self.rows.iter().take(directory.rows.len());
        if !directory.complete || self.cursor.line < directory.lines() || !rows.all(|row| row.ended)
        {
            return;
        }
        for read in self.rows.drain(..directory.rows.len()) {
            self.free_keys += read.came;
        }
        self.cursor = LineCursor { group: self.cursor.group + 1, ..LineCursor::default() };
        if self.cursor.group == held.groups.len() {
            self.cursor = LineCursor::default();
            self.batches.pop_front();
        }
    }

    /// Forgets the oldest row when it is through, and the batch with its last row.
    fn retire_row(&mut self, row: &RowWork, batch: &Batch) {
        if let Some(head) = self.rows.front()
            && head.ended
        {
            self.free_keys += head.came;
            self.rows.pop_front();
            self.held(batch.id).ended |= row.last.batch;
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

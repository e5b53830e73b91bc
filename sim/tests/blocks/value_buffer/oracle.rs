//! What the value buffer serves, slow and obvious: which values are asked for, in which order, and,
//! where there is room for all, which line of values leaves in which cycle.

use std::collections::{BTreeMap, VecDeque};

use tamis_sim::{
    items::{BatchId, KeptLine, RowId, ValueId, ValueLine},
    work::{Batch, WorkTable},
};

use super::surroundings::Setting;
use crate::bench::Pipe;

fn batches(table: &WorkTable) -> impl Iterator<Item = &Batch> {
    (0..).map_while(|id| table.get(id))
}

/// Rows of a group of heads.
fn rows_of(table: &WorkTable, batch: &Batch, group: u32) -> Vec<RowId> {
    batch.rows.clone().filter(|&row| table.row(row).value_group == group).collect()
}

/// The places whose values are asked for, in order, for a group of a batch: all of them where they are
/// fetched ahead; in decode, those that any row keeps; else those that a row keeps and none before it.
fn asked_places(table: &WorkTable, batch: &Batch, group: u32) -> Vec<u32> {
    let keeps = |row: RowId, place: u32| table.row(row).kept.places().any(|kept| kept == place);
    let rows = rows_of(table, batch, group);
    if batch.values_ahead {
        return (0..batch.keys).collect();
    }
    if batch.line_by_line() {
        let any = |&place: &u32| rows.iter().any(|&row| keeps(row, place));
        return (0..batch.keys).filter(any).collect();
    }
    let mut places: Vec<u32> = Vec::new();
    for row in rows {
        let new: Vec<u32> =
            table.row(row).kept.places().filter(|place| !places.contains(place)).collect();
        places.extend(new);
    }
    places
}

/// What is asked for, by batch and group, in order.
pub(super) fn all_asked(table: &WorkTable) -> BTreeMap<(BatchId, u32), Vec<ValueId>> {
    let mut all = BTreeMap::new();
    for batch in batches(table) {
        let groups = u32::try_from(batch.value_groups.len()).unwrap();
        for group in 0..groups {
            let places = asked_places(table, batch, group);
            let id = |(slot, &place): (usize, &u32)| {
                let token = batch.tokens[(place as usize).min(batch.tokens.len() - 1)];
                let slot = if batch.line_by_line() { u32::try_from(slot).unwrap() } else { place };
                let line = slot / batch.values_per_line * groups + group;
                ValueId { group, token, line }
            };
            let ids: Vec<ValueId> = places.iter().enumerate().map(id).collect();
            if !ids.is_empty() {
                all.insert((batch.id, group), ids);
            }
        }
    }
    all
}

/// A line of values that a row may read: which values it holds.
#[derive(Clone)]
struct Look {
    batch: BatchId,
    row: RowId,
    /// The name of the line in the batch.
    line: u32,
    places: Vec<u32>,
    /// Of those, how many the row keeps.
    values: u32,
}

/// Rows that are read together: one, or in decode all of a group of heads.
struct Part {
    rows: Vec<RowId>,
    /// Lines that are looked at, in order: for a row by place, from the first that it sees; in decode the
    /// packed lines, each for all rows.
    looks: VecDeque<Look>,
}

fn parts(table: &WorkTable) -> VecDeque<Part> {
    let mut parts = VecDeque::new();
    for batch in batches(table) {
        let groups = u32::try_from(batch.value_groups.len()).unwrap();
        let width = batch.values_per_line;
        let look = |row: RowId, line: u32, places: Vec<u32>| {
            let kept = &table.row(row).kept;
            let values = places.iter().filter(|&&place| kept.contains(place)).count();
            let line = line * groups + table.row(row).value_group;
            Look { batch: batch.id, row, line, places, values: u32::try_from(values).unwrap() }
        };
        if batch.line_by_line() {
            for group in 0..groups {
                let (rows, places) =
                    (rows_of(table, batch, group), asked_places(table, batch, group));
                let lines = (0..).zip(places.chunks(width as usize));
                let looks = lines.flat_map(|(line, places)| {
                    rows.iter().map(move |&row| look(row, line, places.to_vec()))
                });
                parts.push_back(Part { looks: looks.collect(), rows: rows.clone() });
            }
        } else {
            for row in batch.rows.clone() {
                let visible = &table.row(row).visible;
                let lines = visible.start / width..visible.end.div_ceil(width);
                let places = |line: u32| line * width..((line + 1) * width).min(batch.keys);
                let looks = lines.map(|line| look(row, line, places(line).collect()));
                parts.push_back(Part { rows: vec![row], looks: looks.collect() });
            }
        }
    }
    parts
}

/// Lines of values that hold some that their row keeps, in the order in which they leave.
pub(super) fn all_served(table: &WorkTable) -> Vec<(RowId, u32)> {
    let looks = parts(table).into_iter().flat_map(|part| part.looks);
    looks.filter(|look| look.values > 0).map(|look| (look.row, look.values)).collect()
}

/// What has been asked for and what has come of a line.
#[derive(Clone, Copy, Default)]
struct Fill {
    values: u32,
    asked: u32,
    came: u32,
}

/// The reader, where there is room for everything.
pub(super) struct Reader<'a> {
    setting: &'a Setting<'a>,
    parts: VecDeque<Part>,
    fills: BTreeMap<(BatchId, u32), Fill>,
    /// Values that each group asks for in all, and has asked for.
    all: BTreeMap<(BatchId, u32), usize>,
    /// How many keys of each row have come.
    keys: BTreeMap<RowId, u32>,
    /// How many values of each row have been read, and whether its end has been told.
    read: BTreeMap<RowId, (u32, bool)>,
    next_look: u64,
    pub(super) lines: Pipe<ValueLine>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(setting: &'a Setting<'a>) -> Self {
        let all = all_asked(setting.table);
        Self {
            setting,
            parts: parts(setting.table),
            fills: BTreeMap::new(),
            all: all.iter().map(|(&of, ids)| (of, ids.len())).collect(),
            keys: BTreeMap::new(),
            read: BTreeMap::new(),
            next_look: 0,
            lines: Pipe::new(setting.read_latency),
        }
    }

    pub(super) fn note_asked(&mut self, batch: BatchId, id: ValueId, transactions: u32) {
        let fill = self.fills.entry((batch, id.line)).or_default();
        fill.values += 1;
        fill.asked += transactions;
        *self.all.get_mut(&(batch, id.group)).unwrap() -= 1;
    }

    pub(super) fn note_came(&mut self, batch: BatchId, line: u32, transactions: u32) {
        self.fills.entry((batch, line)).or_default().came += transactions;
    }

    pub(super) fn note_kept(&mut self, line: KeptLine) {
        *self.keys.entry(line.row).or_default() += line.keys;
    }

    fn has_come(&self, row: RowId) -> bool {
        let visible = self.setting.table.row(row).visible.len();
        self.keys.get(&row).is_some_and(|&keys| keys as usize == visible)
    }

    /// Whether it is known which values of a line the row keeps.
    fn is_settled(&self, look: &Look) -> bool {
        let seen = self.setting.table.row(look.row).visible.start
            + self.keys.get(&look.row).copied().unwrap_or(0);
        let furthest = look.places.iter().max().unwrap();
        self.keys.contains_key(&look.row) && (seen > *furthest || self.has_come(look.row))
    }

    /// Whether all that was asked of a line has come, and no more can be asked of it in decode.
    fn is_there(&self, look: &Look) -> bool {
        let batch = self.setting.table.batch(look.batch);
        let fill = self.fills.get(&(look.batch, look.line)).copied().unwrap_or_default();
        let group = self.setting.table.row(look.row).value_group;
        let packed = batch.line_by_line() || batch.values_ahead;
        // That a line stays short is known when all is asked for: of what rows choose, with their last keys.
        let no_more = if batch.values_ahead {
            self.all[&(look.batch, group)] == 0
        } else {
            rows_of(self.setting.table, batch, group).iter().all(|&row| self.has_come(row))
        };
        let full = fill.values == batch.values_per_line || no_more;
        (!packed || full) && fill.asked == fill.came
    }

    /// What is read for a row; the end of the row is told with it if it is known.
    fn serve(&mut self, row: RowId, values: u32) -> ValueLine {
        let kept = self.setting.table.row(row).kept.places().count();
        let complete = self.has_come(row);
        let (read, ended) = self.read.entry(row).or_default();
        *read += values;
        *ended = complete && *read as usize == kept;
        ValueLine { row, values, last: *ended }
    }

    /// Whether all of a row is read, but its end is not told.
    fn is_open(&self, row: RowId) -> bool {
        let kept = self.setting.table.row(row).kept.places().count();
        let (read, ended) = self.read.get(&row).copied().unwrap_or_default();
        !ended && read as usize == kept && self.has_come(row)
    }

    fn is_ended(&self, row: RowId) -> bool {
        self.read.get(&row).is_some_and(|&(_, ended)| ended)
    }

    pub(super) fn tick(&mut self, now: u64) {
        let Some(part) = self.parts.front() else { return };
        let first = part.rows[0];
        if !self.keys.contains_key(&first) || !self.lines.has_room(now) || now < self.next_look {
            return;
        }
        let decode = self.setting.table.batch_of(first).line_by_line();
        let line = if decode { self.next_of_group(now) } else { self.next_of_row(now) };
        if let Some(line) = line {
            self.lines.push(now, line);
        }
        let part = &self.parts[0];
        let all_read = !decode || part.looks.is_empty();
        if all_read && part.rows.iter().all(|&row| self.is_ended(row)) {
            self.parts.pop_front();
        }
    }

    /// The next line with a value that the row keeps, if it is known and there; or the row's end.
    fn next_of_row(&mut self, now: u64) -> Option<ValueLine> {
        let row = self.parts[0].rows[0];
        if self.is_open(row) {
            return Some(self.serve(row, 0));
        }
        for _ in 0..self.setting.skip {
            let look = self.parts[0].looks.front()?.clone();
            if !self.is_settled(&look) {
                return None;
            }
            if look.values > 0 && !self.is_there(&look) {
                return self.look_later(now, &look);
            }
            self.parts[0].looks.pop_front();
            if look.values > 0 {
                return Some(self.serve(row, look.values));
            }
        }
        None
    }

    /// The next line for the next row that keeps a value in it; behind the last, ends that were not told.
    fn next_of_group(&mut self, now: u64) -> Option<ValueLine> {
        for _ in 0..self.setting.skip {
            let Some(look) = self.parts[0].looks.front().cloned() else {
                let row = *self.parts[0].rows.iter().find(|&&row| !self.is_ended(row))?;
                return self.is_open(row).then(|| self.serve(row, 0));
            };
            if !self.is_there(&look) {
                return self.look_later(now, &look);
            }
            if !self.is_settled(&look) {
                return None;
            }
            self.parts[0].looks.pop_front();
            if look.values > 0 || self.is_open(look.row) {
                return Some(self.serve(look.row, look.values));
            }
        }
        None
    }

    /// A polling reader that found a line not whole looks again after its period.
    fn look_later(&mut self, now: u64, look: &Look) -> Option<ValueLine> {
        let begun = self.fills.contains_key(&(look.batch, look.line));
        if let Some(period) = self.setting.poll.filter(|_| begun) {
            self.next_look = now + period;
        }
        None
    }
}

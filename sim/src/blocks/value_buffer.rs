//! V on chip: asks for the values that rows keep, and feeds the PV array line by line.
//!
//! A value is fetched when the first row keeps it, or ahead of all rows where the policy prunes
//! none. In prefill each row reads the lines that hold a value it keeps; in decode each line is read
//! by all rows of the batch and then freed, so that V larger than the buffer streams through.

mod ahead;
mod directory;
mod held;
mod reader;

use std::collections::VecDeque;

use arrayvec::ArrayVec;
use tamis_arch::{
    blocks::{self, BufferRead},
    energy::{Action, Events},
    text::counted,
    units::{Bits, Cycle, Cycles},
};

use self::{
    ahead::Ahead,
    directory::Directory,
    held::{Held, LineCursor, RowRead},
    reader::Reading,
};
use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{Arrivals, BatchId, KeptLine, MAX_LANES, RowId, ValueId, ValueIds, ValueLine},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
    work::{Batch, RowWork, WorkTable},
};

/// What the value buffer is made for.
pub struct ValueBufferSpec<'a> {
    /// Its own parameters.
    pub buffer: &'a blocks::KvBuffer,
    /// Bits of a line.
    pub line: Bits,
    /// Lines that it holds.
    pub lines: u32,
    /// Probabilities in a line of the queue.
    pub softmax_lanes: u32,
    /// Bits of a probability.
    pub probability: Bits,
    /// Lanes of the fetcher: ids sent in a cycle where values are fetched ahead.
    pub fetch_lanes: u32,
}

/// V on chip.
pub struct ValueBuffer {
    lines: u32,
    line: Bits,
    fetch_lanes: u32,
    skip: u32,
    /// Words of the queue of probabilities, and probabilities and bits of each.
    queue: (u32, u32, Bits),
    reader: BufferRead,
    poll_period: Cycles,
    /// With a polling reader: when it looks again.
    next_poll: Cycle,
    ledger: Ledger,
    batches: VecDeque<Held>,
    /// Batches whose lines are not yet set aside.
    unreserved: u32,
    /// Batches whose lines are, with values still to be fetched ahead.
    fetching: u32,
    /// Batches before this one have all their operands.
    made: BatchId,
    /// Values of newest tokens that are fetched when these are made.
    set_aside: usize,
    /// Rows whose probabilities are here, in order.
    rows: VecDeque<RowRead>,
    free_lines: u32,
    /// Probabilities that there is room for.
    free_keys: u32,
    cursor: LineCursor,
    /// Keys of the present line of a row that were taken already.
    taken: u32,
    reads: u64,
    writes: u64,
    /// Lines of probabilities that came into the queue, and that were read with lines of values.
    queued: u64,
    weights_read: u64,
}

/// The value buffer's links.
pub struct ValueBufferPorts<'m> {
    /// What there is to do.
    pub table: &'m WorkTable,
    /// Batches to come.
    pub value_loads: &'m mut Link<BatchId>,
    /// Batches whose operands are all made.
    pub values_made: &'m mut Link<BatchId>,
    /// Which values rows keep.
    pub kept: &'m mut Link<KeptLine>,
    /// Values to fetch.
    pub value_ids: &'m mut Link<ValueIds>,
    /// Values that came.
    pub arrivals: &'m mut Link<Arrivals>,
    /// To the PV array.
    pub value_lines: &'m mut Link<ValueLine>,
}

impl ValueBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(spec: &ValueBufferSpec<'_>, ledger: Ledger) -> Self {
        let buffer = spec.buffer;
        let lanes = spec.softmax_lanes;
        Self {
            queue: (buffer.queue, lanes, Bits(lanes * spec.probability.0)),
            reader: buffer.read,
            poll_period: buffer.poll_period,
            next_poll: Cycle::ZERO,
            lines: spec.lines,
            line: spec.line,
            fetch_lanes: spec.fetch_lanes,
            skip: buffer.skip,
            ledger,
            batches: VecDeque::new(),
            unreserved: 0,
            fetching: 0,
            made: 0,
            set_aside: 0,
            rows: VecDeque::new(),
            free_lines: spec.lines,
            free_keys: buffer.queue * spec.softmax_lanes,
            cursor: LineCursor::default(),
            taken: 0,
            reads: 0,
            writes: 0,
            queued: 0,
            weights_read: 0,
        }
    }

    /// The oldest batch that it still holds.
    #[must_use]
    pub fn oldest(&self) -> Option<BatchId> {
        self.batches.front().map(|held| held.batch)
    }

    fn store(&mut self, clock: &mut Clock, ports: &mut ValueBufferPorts<'_>) -> bool {
        let Some(arrivals) = ports.arrivals.pop(clock) else { return false };
        for (to, count) in arrivals {
            let held = self.held(to.batch);
            let groups = u32::try_from(held.groups.len()).expect("groups are few");
            let directory = &mut held.groups[(to.index % groups) as usize];
            if directory.arrive(to.index / groups, count) {
                self.writes += u64::from(directory.heads);
            }
        }
        true
    }

    fn announce(&mut self, clock: &mut Clock, ports: &mut ValueBufferPorts<'_>) -> bool {
        let Some(id) = ports.value_loads.pop(clock) else { return false };
        let batch = ports.table.batch(id);
        let reserved = batch.line_by_line();
        self.unreserved += u32::from(!reserved);
        self.fetching += u32::from(reserved && batch.values_ahead);
        self.batches.push_back(Held {
            batch: id,
            groups: Directory::of(batch, ports.table),
            reserved,
            ahead: batch.values_ahead.then(Ahead::default),
            newest: Vec::new(),
            ended: false,
        });
        true
    }

    fn note_made(&mut self, clock: &mut Clock, ports: &mut ValueBufferPorts<'_>) -> bool {
        let made = ports.values_made.pop(clock);
        self.made = made.map_or(self.made, |batch| batch + 1);
        made.is_some()
    }

    /// A batch that was announced and is not through.
    fn held(&mut self, batch: BatchId) -> &mut Held {
        let first = self.batches.front().expect("a batch is announced before its rows come").batch;
        &mut self.batches[(batch - first) as usize]
    }

    /// Sets the lines of prefill batches aside, in their order.
    fn reserve(&mut self, table: &WorkTable) {
        if self.unreserved == 0 {
            return;
        }
        for held in self.batches.iter_mut().filter(|held| !held.reserved) {
            let batch = table.batch(held.batch);
            let lines = batch.value_lines() * batch.heads;
            if lines > self.free_lines {
                return;
            }
            self.free_lines -= lines;
            held.reserved = true;
            self.unreserved -= 1;
            self.fetching += u32::from(held.ahead.is_some());
        }
    }

    /// Takes a line of a row, or as much of it as there is room for, and asks for the values in it
    /// that nobody has asked for.
    fn take(&mut self, clock: &mut Clock, ports: &mut ValueBufferPorts<'_>) -> bool {
        let Some(&line) = ports.kept.peek(clock) else { return false };
        let left =
            KeptLine { start: line.start + self.taken, keys: line.keys - self.taken, ..line };
        let row = ports.table.row(line.row);
        let batch = ports.table.batch(row.batch);
        let mut part = KeptLine { keys: left.keys.min(self.free_keys), ..left };
        if !batch.values_ahead {
            if !ports.value_ids.can_push(clock) || !self.may_take_lines(batch) {
                return false;
            }
            let free_lines = self.free_lines;
            let held = self.held(row.batch);
            let directory = &mut held.groups[row.value_group as usize];
            part.keys = part.keys.min(u32::try_from(MAX_LANES).expect("lanes are few"));
            if batch.line_by_line() {
                part.keys = part.keys.min(directory.room(free_lines));
            }
            part.last = line.last && part.keys == left.keys;
            let (ids, opened) = ask_for(directory, batch, ports.table, part);
            self.free_lines -= opened * u32::from(batch.line_by_line());
            if !ids.is_empty() {
                ports.value_ids.push(clock, ValueIds { batch: batch.id, urgent: true, ids });
            }
        }
        if part.keys == 0 {
            return false;
        }
        part.last = line.last && part.keys == left.keys;
        if part.keys == left.keys {
            ports.kept.pop(clock);
            self.taken = 0;
        } else {
            self.taken += part.keys;
        }
        self.free_keys -= part.keys;
        self.queued += u64::from(part.keys == left.keys);
        self.note(part, row, batch);
        true
    }

    /// Whether a batch may have lines: in prefill when its own are set aside; in decode when those before
    /// it ask for no more, as they are read first.
    fn may_take_lines(&mut self, batch: &Batch) -> bool {
        let mut before = self.batches.iter().take_while(|held| held.batch < batch.id);
        let goes_first = !batch.line_by_line() || before.all(Held::has_its_room);
        goes_first && self.held(batch.id).reserved
    }

    fn note(&mut self, line: KeptLine, row: &RowWork, batch: &Batch) {
        if self.rows.back().is_none_or(|last| last.row != line.row) {
            self.rows.push_back(RowRead {
                row: line.row,
                came: 0,
                complete: false,
                kept: row.kept.len(),
                read: 0,
                ended: false,
                line: row.visible.start / batch.values_per_line,
            });
        }
        let last = self.rows.back_mut().expect("it is there");
        last.came += line.keys;
        last.complete = line.last;
    }
}

/// Asks for the values of a line of a row that nobody has asked for. Where rows go together, what
/// they keep between them is known when the last of them comes.
fn ask_for(
    directory: &mut Directory,
    batch: &Batch,
    table: &WorkTable,
    line: KeptLine,
) -> (ArrayVec<ValueId, MAX_LANES>, u32) {
    let mut ids = ArrayVec::new();
    let mut opened = 0;
    let together = batch.line_by_line();
    if together && directory.rows.last() != Some(&line.row) {
        return (ids, opened);
    }
    for place in line.start..line.start + line.keys {
        let keeps = |row: RowId| table.row(row).kept.contains(place);
        let kept =
            if together { directory.rows.iter().any(|&row| keeps(row)) } else { keeps(line.row) };
        if kept && let Some((id, opens)) = directory.ask(batch, place) {
            ids.push(id);
            opened += directory.heads * u32::from(opens);
        }
    }
    directory.complete = together && line.last;
    (ids, opened)
}

impl Component for ValueBuffer {
    type Ports<'m> = ValueBufferPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: ValueBufferPorts<'_>) -> Wake {
        self.retire_batches(ports.table);
        let announced = self.announce(clock, &mut ports);
        let noted = self.note_made(clock, &mut ports);
        self.reserve(ports.table);
        let stored = self.store(clock, &mut ports);
        let reading = self.read(clock, &mut ports);
        let took = self.take(clock, &mut ports);
        let asked = self.fetch_ahead(clock, &mut ports);
        let waits = ports.kept.peek(clock).is_some();
        let moved = announced
            || noted
            || stored
            || took
            || asked
            || matches!(reading, Some(Reading::Read | Reading::Searching));
        let doing = match reading {
            _ if moved => Doing::Busy,
            Some(Reading::Blocked) => Doing::Blocked,
            _ if waits => Doing::Blocked,
            _ => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        if moved {
            Wake::NextCycle
        } else if clock.now() < self.next_poll && reading == Some(Reading::Waiting) {
            Wake::At(self.next_poll)
        } else {
            Wake::OnLink
        }
    }

    fn holds(&self) -> Option<String> {
        let held = self.batches.front()?;
        let row = match self.rows.front() {
            None => "no row has come".to_owned(),
            Some(row) => format!(
                "row {}: {} of {} read, {} came",
                row.row,
                row.read,
                counted(row.kept, "value", "values"),
                counted(row.came, "key", "keys")
            ),
        };
        Some(format!(
            "batch {}: {}; {row}; {} behind it; room for {} and {}",
            held.batch,
            held.waits_for(self.made),
            counted(self.batches.len() - 1, "batch", "batches"),
            counted(self.free_lines, "line", "lines"),
            counted(self.free_keys, "probability", "probabilities")
        ))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let (words, width) = (self.lines, self.line);
        let (queue, _, weights) = self.queue;
        let events = vec![
            Events { action: Action::read(words, width), count: self.reads },
            Events { action: Action::write(words, width), count: self.writes },
            Events { action: Action::read(queue, weights), count: self.weights_read },
            Events { action: Action::write(queue, weights), count: self.queued },
        ];
        BlockOutcome::new(Block::ValueBuffer, self.ledger.close(end), events)
    }
}

//! The blocks around the value buffer, as far as it can tell: rows that keep values, and a memory.

use std::collections::{BTreeMap, VecDeque};

use tamis_arch::{
    blocks::BufferRead,
    units::{Bits, Bytes, Cycle, Cycles},
};
use tamis_sim::{
    blocks::value_buffer::{ValueBuffer, ValueBufferPorts, ValueBufferSpec},
    clock::Clock,
    component::Component,
    items::{
        Arrivals, BatchId, Destination, KeptLine, RowId, Stream, ValueId, ValueIds, ValueLine,
    },
    link::Link,
    outcome::BlockOutcome,
    stats::Ledger,
    work::WorkTable,
};

use super::oracle::{Reader, all_asked};
use crate::bench::{bring, moves, spatten, wire};

/// A value buffer and the patience of its neighbours.
pub(super) struct Setting<'a> {
    pub(super) table: &'a WorkTable,
    pub(super) lines: u32,
    /// Lines of probabilities that it holds, and probabilities in each.
    pub(super) queue: u32,
    pub(super) lanes: u32,
    /// Lanes of the fetcher.
    pub(super) fetch_lanes: u32,
    /// Lines that it looks at in a cycle.
    pub(super) skip: u32,
    pub(super) poll: Option<u64>,
    pub(super) read_latency: u64,
    /// Cycles from asking for a value to the sending of its transactions.
    pub(super) memory: u64,
    /// Transactions brought in a cycle.
    pub(super) rate: usize,
    /// Of so many transactions, any may come first.
    pub(super) disorder: usize,
    /// Rows send nothing, and batches are not made, before these cycles.
    pub(super) kept_from: u64,
    pub(super) made_from: u64,
    /// The array takes nothing before this cycle.
    pub(super) refused_until: u64,
    /// In which cycles batches are announced, rows send, ids are taken, transactions come, lines are taken.
    pub(super) patience: [Vec<bool>; 5],
    /// Whether there is room for all, so that each line leaves in the cycle of the oracle.
    pub(super) exact: bool,
    /// The run ends here, if not with its last row.
    pub(super) until: u64,
}

impl<'a> Setting<'a> {
    /// Room and patience without end.
    pub(super) fn generous(table: &'a WorkTable) -> Self {
        Self {
            table,
            lines: 1 << 20,
            queue: 1 << 20,
            lanes: 8,
            fetch_lanes: 8,
            skip: 1024,
            poll: None,
            read_latency: 5,
            memory: 1,
            rate: 64,
            disorder: 1,
            kept_from: 0,
            made_from: 0,
            refused_until: 0,
            patience: [const { Vec::new() }; 5],
            exact: true,
            until: 50_000,
        }
    }
}

/// What was seen at the ports, each with its cycle.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) lines: Vec<(u64, ValueLine)>,
    pub(super) asked: Vec<(u64, BatchId, ValueId)>,
    /// Lines of probabilities that the link took.
    pub(super) kept_sent: usize,
    /// Every row has ended.
    pub(super) ended: bool,
}

impl Seen {
    pub(super) fn times(&self) -> Vec<u64> {
        self.lines.iter().map(|&(at, _)| at).collect()
    }
}

/// The keys of all rows, in lines.
fn kept_lines(table: &WorkTable, lanes: u32) -> VecDeque<KeptLine> {
    let mut lines = VecDeque::new();
    for batch in (0..).map_while(|id| table.get(id)) {
        for row in batch.rows.clone() {
            let visible = &table.row(row).visible;
            for start in visible.clone().step_by(lanes as usize) {
                let keys = (visible.end - start).min(lanes);
                let last = start + keys == visible.end;
                lines.push_back(KeptLine { row, start, keys, last });
            }
        }
    }
    lines
}

struct Scene<'a> {
    setting: &'a Setting<'a>,
    block: ValueBuffer,
    reader: Reader<'a>,
    kept: VecDeque<KeptLine>,
    announced: BatchId,
    made: BatchId,
    flying: Vec<(u64, Destination)>,
    dice: u64,
    /// What the buffer takes in this cycle and, of keys, in the next.
    landed: (Arrivals, Option<KeptLine>),
    taken: Option<KeptLine>,
    ends: usize,
    value_loads: Link<BatchId>,
    values_made: Link<BatchId>,
    kept_link: Link<KeptLine>,
    value_ids: Link<ValueIds>,
    arrivals: Link<Arrivals>,
    value_lines: Link<ValueLine>,
    seen: Seen,
}

fn buffer(setting: &Setting<'_>) -> ValueBuffer {
    let mut buffer = spatten().value_buffer;
    buffer.capacity = Bytes(u64::from(setting.lines) * 768);
    buffer.queue = setting.queue;
    buffer.skip = setting.skip;
    buffer.read = BufferRead::Notified;
    if let Some(period) = setting.poll {
        (buffer.read, buffer.poll_period) = (BufferRead::Polling, Cycles(period));
    }
    let spec = ValueBufferSpec {
        buffer: &buffer,
        line: Bits(6144),
        lines: setting.lines,
        softmax_lanes: setting.lanes,
        probability: Bits(18),
        fetch_lanes: setting.fetch_lanes,
    };
    ValueBuffer::new(&spec, Ledger::default())
}

impl<'a> Scene<'a> {
    fn new(setting: &'a Setting<'a>) -> Self {
        Self {
            setting,
            block: buffer(setting),
            reader: Reader::new(setting),
            kept: kept_lines(setting.table, setting.lanes),
            announced: 0,
            made: 0,
            flying: Vec::new(),
            dice: 7,
            landed: (Arrivals::new(), None),
            taken: None,
            ends: 0,
            value_loads: wire(Cycles(1)),
            values_made: wire(Cycles(1)),
            kept_link: wire(Cycles(1)),
            value_ids: wire(Cycles(1)),
            arrivals: wire(Cycles(1)),
            value_lines: wire(Cycles(setting.read_latency)),
            seen: Seen::default(),
        }
    }

    /// Transactions of a value of a group.
    fn of_a_value(&self, batch: BatchId, group: u32) -> u32 {
        let groups = &self.setting.table.batch(batch).value_groups;
        groups[group as usize].units.iter().map(|unit| unit.count).sum()
    }

    /// Takes ids, which the memory answers later, and lines: those of the oracle.
    fn take(&mut self, clock: &mut Clock) {
        let now = clock.now().0;
        let [_, _, ids, _, lines] = &self.setting.patience;
        if moves(ids, clock)
            && let Some(ValueIds { batch, ids, .. }) = self.value_ids.pop(clock)
        {
            for id in ids {
                let transactions = self.of_a_value(batch, id.group);
                let to = Destination { stream: Stream::Value, batch, index: id.line };
                let due = now + self.setting.memory;
                self.flying.extend((0..transactions).map(|_| (due, to)));
                self.seen.asked.push((now, batch, id));
                self.reader.note_asked(batch, id, transactions);
            }
        }
        if now >= self.setting.refused_until && moves(lines, clock) {
            let line = self.value_lines.pop(clock);
            if self.setting.exact {
                assert_eq!(line, self.reader.lines.pop(now), "line of cycle {now}");
            }
            self.ends += usize::from(line.is_some_and(|line: ValueLine| line.last));
            self.seen.lines.extend(line.map(|line| (now, line)));
        }
    }

    /// Transactions of this cycle: any of the first few that are due.
    fn bring(&mut self, now: u64) -> Arrivals {
        let pace = (self.setting.rate, self.setting.disorder);
        bring(&mut self.flying, pace, &mut self.dice, now)
    }

    /// Sends what the neighbours have.
    fn give(&mut self, clock: &mut Clock) {
        let (now, table) = (clock.now().0, self.setting.table);
        let [announce, send, _, bring, _] = &self.setting.patience;
        if moves(announce, clock)
            && self.value_loads.can_push(clock)
            && table.get(self.announced).is_some()
        {
            self.value_loads.push(clock, self.announced);
            self.announced += 1;
        }
        if now >= self.setting.made_from && self.made < self.announced {
            self.values_made.push(clock, self.made);
            self.made += 1;
        }
        let begun = |line: &KeptLine| table.row(line.row).batch < self.made;
        let may = now >= self.setting.kept_from && moves(send, clock);
        self.taken = self.landed.1.take();
        if may
            && self.kept_link.can_push(clock)
            && let Some(line) = self.kept.pop_front_if(|line| begun(line))
        {
            self.kept_link.push(clock, line);
            self.landed.1 = Some(line);
            self.seen.kept_sent += 1;
        }
        self.landed.0 = if moves(bring, clock) { self.bring(now) } else { Arrivals::new() };
        if !self.landed.0.is_empty() {
            self.arrivals.push(clock, self.landed.0.clone());
        }
    }

    /// The buffer's cycle and, where there is room for all, the oracle's.
    fn tick(&mut self, clock: &mut Clock) {
        let now = clock.now().0;
        if self.setting.exact {
            self.reader.tick(now);
        }
        let ports = ValueBufferPorts {
            table: self.setting.table,
            value_loads: &mut self.value_loads,
            values_made: &mut self.values_made,
            kept: &mut self.kept_link,
            value_ids: &mut self.value_ids,
            arrivals: &mut self.arrivals,
            value_lines: &mut self.value_lines,
        };
        self.block.tick(clock, ports);
    }
}

/// Runs the value buffer, with the oracle beside it where there is room for all.
pub(super) fn drive(setting: &Setting<'_>) -> (Seen, BlockOutcome) {
    let mut scene = Scene::new(setting);
    let all: Vec<RowId> =
        (0..).map_while(|id| setting.table.get(id)).flat_map(|batch| batch.rows.clone()).collect();
    let values: usize = all_asked(setting.table).values().map(Vec::len).sum();
    let (mut clock, mut end) = (Clock::new(), 0);
    // Values that were rounded up to may be asked for when the last row has ended.
    while end < setting.until && (scene.ends < all.len() || scene.seen.asked.len() < values) {
        clock.advance(Cycle(end));
        scene.take(&mut clock);
        // What was sent in the cycle before is here now: transactions before the reader looks, keys after.
        let (arrivals, _) = &scene.landed;
        for &(to, count) in arrivals {
            scene.reader.note_came(to.batch, to.index, count);
        }
        scene.taken.iter().for_each(|&line| scene.reader.note_kept(line));
        scene.give(&mut clock);
        scene.tick(&mut clock);
        end += 1;
    }
    scene.seen.ended = scene.ends == all.len();
    let outcome = scene.block.close(Cycle(end));
    assert_eq!(outcome.activity.total(), Cycles(end));
    let read = scene.seen.lines.iter().filter(|(_, line)| line.values > 0).count() as u64;
    if scene.seen.ended && setting.poll.is_none() {
        assert_eq!(outcome.events[0].count, read, "lines read");
    }
    (scene.seen, outcome)
}

/// What was asked for, by batch and group.
pub(super) fn asked(seen: &Seen) -> BTreeMap<(BatchId, u32), Vec<ValueId>> {
    let mut asked: BTreeMap<_, Vec<ValueId>> = BTreeMap::new();
    for &(_, batch, id) in &seen.asked {
        asked.entry((batch, id.group)).or_default().push(id);
    }
    asked
}

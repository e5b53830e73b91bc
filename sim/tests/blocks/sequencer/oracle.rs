//! The sequencer, slow and obvious: in every cycle it asks anew what may go.

use tamis_arch::{
    blocks::{self, LayerBarrier},
    units::Cycles,
};
use tamis_sim::{
    items::{BatchId, Pass, RowId},
    stats::Activity,
    work::WorkTable,
};

use crate::bench::Pipe;

/// What comes out: one pipe for each link.
pub(super) struct Out {
    pub(super) loads: Pipe<BatchId>,
    pub(super) value_loads: Pipe<BatchId>,
    pub(super) made: Pipe<BatchId>,
    pub(super) values_made: Pipe<BatchId>,
    pub(super) appends: Pipe<BatchId>,
    pub(super) passes: Pipe<Pass>,
}

pub(super) struct Oracle<'a> {
    table: &'a WorkTable,
    spec: &'a blocks::Sequencer,
    /// Batches that the memory side has heard of, and those of which it knows that they are made.
    launched: BatchId,
    told_made: BatchId,
    /// The next row to issue.
    row: RowId,
    /// Batches that are written, and selections that are done.
    pub(super) written: BatchId,
    pub(super) selected: usize,
    pub(super) out: Out,
    pub(super) activity: Activity,
}

/// Whether something goes in a cycle.
#[derive(PartialEq, Eq)]
enum Goes {
    Yes,
    /// It may, but there is no room.
    NoRoom,
    No,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(table: &'a WorkTable, spec: &'a blocks::Sequencer) -> Self {
        let latency = spec.latency.0;
        Self {
            table,
            spec,
            launched: 0,
            told_made: 0,
            row: 0,
            written: 0,
            selected: 0,
            out: Out {
                loads: Pipe::new(latency),
                value_loads: Pipe::new(latency),
                made: Pipe::new(latency),
                values_made: Pipe::new(latency),
                appends: Pipe::new(latency),
                passes: Pipe::new(latency),
            },
            activity: Activity::default(),
        }
    }

    /// Whether the layer before a batch's is written.
    fn is_after_its_layer(&self, batch: BatchId) -> bool {
        let ends = |&id: &BatchId| self.table.batch(id).layer_end.is_some();
        (0..batch).filter(ends).all(|end| end < self.written)
    }

    /// Selections at the ends of layers before a batch.
    fn selections_before(&self, batch: BatchId) -> usize {
        let ends = (0..batch).filter_map(|id| self.table.batch(id).layer_end.as_ref());
        ends.map(|end| usize::from(end.tokens.is_some()) + usize::from(end.heads.is_some())).sum()
    }

    pub(super) fn tick(&mut self, now: u64) {
        let steps = [self.launch(now), self.tell_made(now), self.issue(now)];
        let account = if steps.contains(&Goes::Yes) {
            &mut self.activity.busy
        } else if steps.contains(&Goes::NoRoom) {
            &mut self.activity.blocked
        } else {
            &mut self.activity.starved
        };
        *account += Cycles(1);
    }

    /// A batch goes to the memory side when the tokens and heads of its layer are chosen, and, in prefill,
    /// its operands made, where they wait for the layer before.
    fn launch(&mut self, now: u64) -> Goes {
        let Some(batch) = self.table.get(self.launched) else { return Goes::No };
        let waits = self.spec.layer_barrier == LayerBarrier::Operands && !batch.line_by_line();
        if self.selected < self.selections_before(batch.id)
            || (waits && !self.is_after_its_layer(batch.id))
        {
            return Goes::No;
        }
        if !self.out.loads.has_room(now) || !self.out.value_loads.has_room(now) {
            return Goes::NoRoom;
        }
        self.out.loads.push(now, batch.id);
        self.out.value_loads.push(now, batch.id);
        self.launched += 1;
        Goes::Yes
    }

    /// It is made when the layer before is written, if operands wait for that.
    fn tell_made(&mut self, now: u64) -> Goes {
        let id = self.told_made;
        let waits = self.spec.layer_barrier == LayerBarrier::Operands;
        if id == self.launched || (waits && !self.is_after_its_layer(id)) {
            return Goes::No;
        }
        let appends = self.spec.write_traffic && self.table.batch(id).append.is_some();
        let out = &mut self.out;
        if !out.made.has_room(now)
            || !out.values_made.has_room(now)
            || (appends && !out.appends.has_room(now))
        {
            return Goes::NoRoom;
        }
        out.made.push(now, id);
        out.values_made.push(now, id);
        if appends {
            out.appends.push(now, id);
        }
        self.told_made += 1;
        Goes::Yes
    }

    /// A row goes when its batch is made and the layer before is written, if rows wait for that; in
    /// decode all rows of the batch.
    fn issue(&mut self, now: u64) -> Goes {
        let mut told = (0..self.told_made).map(|id| self.table.batch(id));
        let Some(batch) = told.find(|batch| batch.rows.contains(&self.row)) else {
            return Goes::No;
        };
        let waits = self.spec.layer_barrier != LayerBarrier::None;
        if waits && !self.is_after_its_layer(batch.id) {
            return Goes::No;
        }
        if !self.out.passes.has_room(now) {
            return Goes::NoRoom;
        }
        let rows = if batch.line_by_line() { batch.rows.end - batch.rows.start } else { 1 };
        self.out.passes.push(now, Pass { first: self.row, rows, full: false });
        self.row += rows;
        Goes::Yes
    }
}

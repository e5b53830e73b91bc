//! Sends outputs, and the K and V of new tokens, to DRAM: one transaction a cycle.
//!
//! The outputs of a query are written when all its heads of the batch are there, so that records
//! which share a transaction are written once.

use std::collections::VecDeque;

use tamis_arch::{
    area::ADDRESS,
    blocks,
    energy::{Action, Events},
    text::counted,
    units::{Bits, Cycle},
};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{BatchId, Destination, RowId, Stream, Transaction},
    layout::Unit,
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
    work::WorkTable,
};

/// Results to memory.
pub struct Writeback {
    queue_limit: usize,
    write_traffic: bool,
    outputs: (u32, Bits),
    lane: u8,
    transaction: u64,
    ledger: Ledger,
    queue: VecDeque<Transaction>,
    /// Records on their way into the queue.
    records: VecDeque<Record>,
    /// Rows that came so far.
    rows: RowId,
    /// A batch that ended: it is written when the queue has run empty.
    ended: Option<BatchId>,
    /// When each layer ended.
    layer_ends: Vec<LayerEnded>,
    /// Transactions by [`Stream`].
    issued: [u64; Stream::COUNT],
}

/// A record to write: the outputs of a query, or a new K and V.
struct Record {
    units: Vec<Unit>,
    token: u32,
    to: Destination,
    /// The next transaction: unit, and place in it.
    unit: usize,
    index: u32,
}

/// The end of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerEnded {
    /// Decode step.
    pub step: u32,
    /// Layer in the trace.
    pub layer: u32,
    /// Whether the step ended too.
    pub step_end: bool,
    /// When its last output came.
    pub at: Cycle,
}

/// The write-back's links.
pub struct WritebackPorts<'m> {
    /// What there is to do.
    pub table: &'m WorkTable,
    /// Rows whose outputs are there.
    pub outputs: &'m mut Link<RowId>,
    /// Batches with a new K and V.
    pub appends: &'m mut Link<BatchId>,
    /// To DRAM.
    pub writes: &'m mut Link<Transaction>,
    /// Batches whose outputs have left.
    pub written: &'m mut Link<BatchId>,
}

impl Writeback {
    /// An empty queue; `lane` is the crossbar's input for writes, `outputs` the words and the width of the
    /// store of outputs that wait for the other heads of their query.
    #[must_use]
    pub fn new(
        spec: &blocks::Writeback,
        write_traffic: bool,
        outputs: (u32, Bits),
        lane: u8,
        transaction: u64,
        ledger: Ledger,
    ) -> Self {
        Self {
            queue_limit: spec.queue as usize,
            write_traffic,
            outputs,
            lane,
            transaction,
            ledger,
            queue: VecDeque::new(),
            records: VecDeque::new(),
            rows: 0,
            ended: None,
            layer_ends: Vec::new(),
            issued: [0; Stream::COUNT],
        }
    }

    /// When each layer ended, in order.
    #[must_use]
    pub fn layer_ends(&self) -> &[LayerEnded] {
        &self.layer_ends
    }

    /// Transactions of a stream so far.
    #[must_use]
    pub fn issued(&self, stream: Stream) -> u64 {
        self.issued[stream as usize]
    }

    /// Moves transactions of the records at hand into the queue, as far as it has room.
    fn enqueue(&mut self) {
        while self.queue.len() < self.queue_limit
            && let Some(record) = self.records.front_mut()
        {
            let unit = record.units[record.unit];
            self.queue.push_back(Transaction {
                address: unit.address(record.token, record.index, self.transaction),
                to: record.to,
                lane: self.lane,
                slot: 0,
                ends_flight: true,
            });
            record.index += 1;
            if record.index == unit.count {
                (record.index, record.unit) = (0, record.unit + 1);
            }
            if record.unit == record.units.len() {
                self.records.pop_front();
            }
        }
    }

    fn write(&mut self, units: &[Unit], token: u32, to: Destination) {
        self.records.push_back(Record { units: units.to_vec(), token, to, unit: 0, index: 0 });
    }

    fn take(&mut self, clock: &mut Clock, ports: &mut WritebackPorts<'_>) -> bool {
        if !self.records.is_empty() || self.ended.is_some() {
            return false;
        }
        let mut took = false;
        if let Some(id) = ports.appends.pop(clock) {
            let append = ports.table.batch(id).append.as_ref().expect("it has a new token");
            let to = Destination { stream: Stream::Append, batch: id, index: 0 };
            self.write(&append.units, append.token, to);
            took = true;
        }
        if let Some(id) = ports.outputs.pop(clock) {
            let row = ports.table.row(id);
            let batch = ports.table.batch(row.batch);
            self.rows += 1;
            let ends_batch = self.rows == batch.rows.end;
            // Rows that are read together may end in any order.
            let ended = match batch.line_by_line() {
                true if ends_batch => 0..batch.queries.len(),
                false if row.last.query => row.query as usize..row.query as usize + 1,
                _ => 0..0,
            };
            for (index, query) in (0..).zip(&batch.queries).skip(ended.start).take(ended.len()) {
                if self.write_traffic {
                    let to = Destination { stream: Stream::Output, batch: batch.id, index };
                    self.write(&batch.output_units, query.token, to);
                }
            }
            if ends_batch {
                self.ended = Some(batch.id);
                if batch.layer_end.is_some() {
                    self.layer_ends.push(LayerEnded {
                        step: batch.step,
                        layer: batch.layer,
                        step_end: batch.step_end,
                        at: clock.next(),
                    });
                }
            }
            took = true;
        }
        took
    }

    fn send(&mut self, clock: &mut Clock, ports: &mut WritebackPorts<'_>) -> bool {
        let mut sent = false;
        if ports.writes.can_push(clock)
            && let Some(transaction) = self.queue.pop_front()
        {
            ports.writes.push(clock, transaction);
            self.issued[transaction.to.stream as usize] += 1;
            sent = true;
        }
        if self.queue.is_empty()
            && self.records.is_empty()
            && ports.written.can_push(clock)
            && let Some(batch) = self.ended.take()
        {
            ports.written.push(clock, batch);
            sent = true;
        }
        sent
    }
}

impl Component for Writeback {
    type Ports<'m> = WritebackPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: WritebackPorts<'_>) -> Wake {
        let sent = self.send(clock, &mut ports);
        let took = self.take(clock, &mut ports);
        self.enqueue();
        let holds = !self.queue.is_empty() || self.ended.is_some();
        let doing = match (sent || took, holds) {
            (true, _) => Doing::Busy,
            (false, true) => Doing::Blocked,
            (false, false) => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        if sent || took { Wake::NextCycle } else { Wake::OnLink }
    }

    fn holds(&self) -> Option<String> {
        (!self.queue.is_empty() || self.ended.is_some())
            .then(|| counted(self.queue.len(), "transaction", "transactions"))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let data = u32::try_from(self.transaction * 8).expect("a transaction is small");
        let entries = u32::try_from(self.queue_limit).expect("a queue is short");
        let queue = Action::Fifo { entries, width: Bits(data + ADDRESS) };
        let (rows, output) = self.outputs;
        let outputs = if self.write_traffic { u64::from(self.rows) } else { 0 };
        let events = vec![
            Events { action: queue, count: self.issued.iter().sum() },
            Events { action: Action::Fifo { entries: rows, width: output }, count: outputs },
        ];
        BlockOutcome::new(Block::Writeback, self.ledger.close(end), events)
    }
}

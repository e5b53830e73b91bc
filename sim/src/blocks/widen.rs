//! Widens records of the stored width to operands and sends them to the buffer that waits.
//!
//! A group of responses takes a cycle for as many lines as the widener makes in one. It goes on with
//! its last line; the link is the pipeline of that line.

use tamis_arch::{
    blocks,
    energy::{Action, Events, barrel_stages},
    units::{Bits, Cycle, Cycles},
};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{Arrivals, Destination, Stream},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
    work::WorkTable,
};

/// Stored widths to operand width.
pub struct Widen {
    /// Lines that it makes in a cycle.
    lines_per_cycle: u64,
    /// Operands of a line of keys, and of values.
    key_line: u64,
    value_line: u64,
    transaction_bits: u64,
    ledger: Ledger,
    converting: Option<Converting>,
    transactions: u64,
}

/// A group that is widened.
struct Converting {
    /// The cycle in which its last line is widened.
    done: Cycle,
    keys: Arrivals,
    values: Arrivals,
}

/// The widener's links.
pub struct WidenPorts<'m> {
    /// What there is to do.
    pub table: &'m WorkTable,
    /// Responses in order.
    pub arrivals: &'m mut Link<Arrivals>,
    /// Keys and queries.
    pub key_arrivals: &'m mut Link<Arrivals>,
    /// Values.
    pub value_arrivals: &'m mut Link<Arrivals>,
}

impl Widen {
    /// A widener at reset, for lines of keys and of values of so many operands.
    #[must_use]
    pub fn new(
        spec: &blocks::Widen,
        key_line: u32,
        value_line: u32,
        transaction: u64,
        ledger: Ledger,
    ) -> Self {
        Self {
            lines_per_cycle: u64::from(spec.lines_per_cycle),
            key_line: u64::from(key_line),
            value_line: u64::from(value_line),
            transaction_bits: transaction * 8,
            ledger,
            converting: None,
            transactions: 0,
        }
    }

    fn operands(&self, table: &WorkTable, to: Destination, count: u32) -> u64 {
        let batch = table.batch(to.batch);
        let bits = match to.stream {
            Stream::Query => batch.bits.query,
            Stream::KeyMsb => batch.bits.key_msb,
            Stream::KeyLsb => batch.bits.key_lsb,
            Stream::Value => batch.bits.value,
            Stream::Output | Stream::Append => unreachable!("writes do not come back"),
        };
        self.transaction_bits * u64::from(count) / u64::from(bits)
    }

    /// Starts on the next group, if there is one.
    fn start(&mut self, clock: &mut Clock, ports: &mut WidenPorts<'_>) {
        let Some(arrivals) = ports.arrivals.pop(clock) else { return };
        let (mut key_operands, mut value_operands) = (0, 0);
        for &(to, count) in &arrivals {
            let operands = self.operands(ports.table, to, count);
            match to.stream {
                Stream::Value => value_operands += operands,
                _ => key_operands += operands,
            }
            self.transactions += u64::from(count);
        }
        let lines = key_operands * self.value_line + value_operands * self.key_line;
        let per_cycle = self.lines_per_cycle * self.key_line * self.value_line;
        let cycles = lines.div_ceil(per_cycle).max(1);
        let done = clock.now() + Cycles(cycles - 1);
        let (keys, values) = apart(arrivals);
        self.converting = Some(Converting { done, keys, values });
    }

    /// Sends what is widened. `None` where nothing is, `false` where there is no room.
    fn send(&mut self, clock: &mut Clock, ports: &mut WidenPorts<'_>) -> Option<bool> {
        let done = self.converting.as_ref()?.done;
        if clock.now() < done {
            return None;
        }
        if !ports.key_arrivals.can_push(clock) || !ports.value_arrivals.can_push(clock) {
            return Some(false);
        }
        let Converting { keys, values, .. } = self.converting.take()?;
        if !keys.is_empty() {
            ports.key_arrivals.push(clock, keys);
        }
        if !values.is_empty() {
            ports.value_arrivals.push(clock, values);
        }
        Some(true)
    }
}

/// Keys and queries, and values. A group that is all of one kind passes as it is.
fn apart(mut arrivals: Arrivals) -> (Arrivals, Arrivals) {
    let is_value = |(to, _): &(Destination, u32)| to.stream == Stream::Value;
    if arrivals.iter().all(is_value) {
        return (Arrivals::new(), arrivals);
    }
    let values = arrivals.extract_if(.., |each| is_value(each)).collect();
    (arrivals, values)
}

impl Component for Widen {
    type Ports<'m> = WidenPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: WidenPorts<'_>) -> Wake {
        if self.converting.is_none() {
            self.start(clock, &mut ports);
        }
        let sent = self.send(clock, &mut ports);
        let doing = match (sent, &self.converting) {
            (Some(true), _) | (None, Some(_)) => Doing::Busy,
            (Some(false), _) => Doing::Blocked,
            (None, None) => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        match &self.converting {
            None if sent == Some(true) => Wake::NextCycle,
            Some(group) if sent.is_none() => Wake::At(group.done),
            _ => Wake::OnLink,
        }
    }

    fn holds(&self) -> Option<String> {
        let group = self.converting.as_ref()?;
        let (keys, values) = (group.keys.len(), group.values.len());
        Some(format!("parts of keys and queries: {keys}, of values: {values}"))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let width = Bits(u32::try_from(self.transaction_bits).expect("a transaction is small"));
        // A barrel shifter: the bits of a transaction may begin at any place of a line.
        let stages = self.transactions * u64::from(barrel_stages(width));
        let events = vec![Events { action: Action::Shift { width }, count: stages }];
        BlockOutcome::new(Block::Widen, self.ledger.close(end), events)
    }
}

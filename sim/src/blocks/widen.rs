//! Widens records of the stored width to operands and sends them to the buffer that waits.

use tamis_arch::{
    blocks,
    energy::{Action, Events},
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
    free_at: Cycle,
    transactions: u64,
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
            free_at: Cycle::ZERO,
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
}

impl Component for Widen {
    type Ports<'m> = WidenPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, ports: WidenPorts<'_>) -> Wake {
        let room = ports.key_arrivals.can_push(clock) && ports.value_arrivals.can_push(clock);
        if clock.now() >= self.free_at
            && room
            && let Some(arrivals) = ports.arrivals.pop(clock)
        {
            let (mut key_operands, mut value_operands) = (0, 0);
            let (mut keys, mut values) = (Arrivals::new(), Arrivals::new());
            for (to, count) in arrivals {
                let (side, operands) = match to.stream {
                    Stream::Value => (&mut values, &mut value_operands),
                    _ => (&mut keys, &mut key_operands),
                };
                *operands += self.operands(ports.table, to, count);
                self.transactions += u64::from(count);
                side.push((to, count));
            }
            let lines = key_operands * self.value_line + value_operands * self.key_line;
            let per_cycle = self.lines_per_cycle * self.key_line * self.value_line;
            let cycles = lines.div_ceil(per_cycle).max(1);
            self.free_at = clock.now() + Cycles(cycles);
            if !keys.is_empty() {
                ports.key_arrivals.push(clock, keys);
            }
            if !values.is_empty() {
                ports.value_arrivals.push(clock, values);
            }
        }
        let busy = clock.now() < self.free_at;
        let waits = ports.arrivals.peek(clock).is_some();
        let doing = match (busy, waits) {
            (true, _) => Doing::Busy,
            (false, true) => Doing::Blocked,
            (false, false) => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        if busy { Wake::At(self.free_at) } else { Wake::OnLink }
    }

    fn holds(&self) -> Option<String> {
        None
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let width = Bits(u32::try_from(self.transaction_bits).expect("a transaction is small"));
        let events = vec![Events { action: Action::Shift { width }, count: self.transactions }];
        BlockOutcome::new(Block::Widen, self.ledger.close(end), events)
    }
}

//! The memory as a block: its clock beside the core's, and a port for each channel.

use std::collections::VecDeque;

use tamis_arch::{
    dram::Dram as Spec,
    text::counted,
    units::{Cycle, Megahertz},
};
use tamis_dram::{Channel, Completion, Kind, Request, Stats, Tick};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{Routed, Stream, Transaction},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
};

/// The memory.
pub struct Dram {
    core_clock: u64,
    dram_clock: u64,
    ledger: Ledger,
    channels: Vec<ChannelState>,
    port_count: usize,
    flying: Slab,
    /// Responses that wait for their port.
    waiting: u32,
    done: Vec<Completion>,
}

/// One channel, and the responses that wait for each of its ports.
struct ChannelState {
    model: Channel,
    next: Option<Tick>,
    responses: Vec<VecDeque<Transaction>>,
}

/// Transactions in the memory, by the id that the channels carry.
#[derive(Default)]
struct Slab {
    items: Vec<Routed>,
    free: Vec<u64>,
}

/// The memory's links.
pub struct DramPorts<'m> {
    /// To each port of each channel.
    pub requests: &'m mut [Link<Routed>],
    /// From each port of each channel.
    pub responses: &'m mut [Link<Transaction>],
}

impl Dram {
    /// A memory at reset beside a core of this clock, with this many ports a channel.
    #[must_use]
    pub fn new(spec: &Spec, core: Megahertz, port_count: usize, ledger: Ledger) -> Self {
        let channel = || ChannelState {
            model: Channel::new(spec),
            next: None,
            responses: vec![VecDeque::new(); port_count],
        };
        Self {
            core_clock: core.0.get(),
            dram_clock: spec.clock.0.get(),
            ledger,
            channels: (0..spec.channels).map(|_| channel()).collect(),
            port_count,
            flying: Slab::default(),
            waiting: 0,
            done: Vec::new(),
        }
    }

    /// What each channel did up to `end`.
    pub fn stats(&mut self, end: Cycle) -> Vec<Stats> {
        let tick = self.tick_of(end);
        self.channels
            .iter_mut()
            .map(|channel| {
                channel.model.advance(tick, &mut self.done);
                channel.model.stats()
            })
            .collect()
    }

    /// The last edge of the DRAM clock at or before an edge of the core's.
    fn tick_of(&self, cycle: Cycle) -> Tick {
        Tick(cycle.0 * self.dram_clock / self.core_clock)
    }

    /// The first edge of the core clock at or after an edge of the DRAM's.
    fn cycle_of(&self, tick: Tick) -> Cycle {
        Cycle((tick.0 * self.core_clock).div_ceil(self.dram_clock))
    }

    /// One channel: lets its time pass, takes a request from each of its ports, and sends responses.
    fn serve(&mut self, clock: &mut Clock, tick: Tick, index: usize, ports: &mut DramPorts<'_>) {
        let port_count = self.port_count;
        let channel = &mut self.channels[index];
        let links = index * port_count..(index + 1) * port_count;
        let requests = &mut ports.requests[links.clone()];
        let offered = requests.iter().any(|link| !link.is_empty());
        if offered || channel.next.is_some_and(|next| next <= tick) {
            channel.model.advance(tick, &mut self.done);
            for completion in self.done.drain(..) {
                let routed = self.flying.take(completion.id);
                let port = routed.location.pseudo as usize % port_count;
                channel.responses[port].push_back(routed.transaction);
                self.waiting += 1;
            }
            for link in requests {
                let Some(&routed) = link.peek(clock) else { continue };
                let kind = match routed.transaction.to.stream {
                    Stream::Output | Stream::Append => Kind::Write,
                    _ => Kind::Read,
                };
                if channel.model.can_push(kind) {
                    link.pop(clock);
                    let id = self.flying.put(routed);
                    let request = Request { id, location: routed.location, kind };
                    channel.model.push(tick, request).expect("it said that there is room");
                }
            }
            channel.next = channel.model.next_event();
        }
        if self.waiting == 0 {
            return;
        }
        for (port, waiting) in links.zip(&mut channel.responses) {
            if ports.responses[port].can_push(clock)
                && let Some(response) = waiting.pop_front()
            {
                ports.responses[port].push(clock, response);
                self.waiting -= 1;
            }
        }
    }
}

impl Slab {
    fn put(&mut self, item: Routed) -> u64 {
        if let Some(id) = self.free.pop() {
            self.items[usize::try_from(id).expect("ids are small")] = item;
            return id;
        }
        self.items.push(item);
        self.items.len() as u64 - 1
    }

    fn take(&mut self, id: u64) -> Routed {
        self.free.push(id);
        self.items[usize::try_from(id).expect("ids are small")]
    }

    fn in_use(&self) -> usize {
        self.items.len() - self.free.len()
    }
}

impl Component for Dram {
    type Ports<'m> = DramPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: DramPorts<'_>) -> Wake {
        let tick = self.tick_of(clock.now());
        for index in 0..self.channels.len() {
            self.serve(clock, tick, index, &mut ports);
        }
        let waiting = self.waiting > 0;
        let busy = waiting || self.flying.in_use() > 0;
        self.ledger.switch(clock.now(), if busy { Doing::Busy } else { Doing::Starved });
        if waiting {
            return Wake::NextCycle;
        }
        let next = self.channels.iter().filter_map(|channel| channel.next).min();
        next.filter(|_| busy).map_or(Wake::OnLink, |tick| Wake::At(self.cycle_of(tick)))
    }

    fn holds(&self) -> Option<String> {
        let flying = self.flying.in_use();
        (flying > 0).then(|| counted(flying, "transaction", "transactions"))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        BlockOutcome::new(Block::Dram, self.ledger.close(end), Vec::new())
    }
}

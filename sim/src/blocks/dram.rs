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
    outcome::{Block, BlockOutcome},
    ports::{PortSet, Ports},
    stats::{Doing, Ledger},
};

/// The memory.
pub struct Dram {
    core_clock: u64,
    dram_clock: u64,
    ledger: Ledger,
    channels: Vec<Channel>,
    /// When to look at each channel again; [`NEVER`] while nothing is under way in it.
    next: Vec<Tick>,
    /// Ports of each channel.
    port_count: usize,
    flying: Slab,
    /// Responses that wait for their port, and the ports that any waits for.
    responses: Vec<VecDeque<Transaction>>,
    waiting: PortSet,
    done: Vec<Completion>,
}

const NEVER: Tick = Tick(u64::MAX);

/// Transactions in the memory, each with the port that it goes back to, by the id that the channels carry.
#[derive(Default)]
struct Slab {
    items: Vec<(usize, Transaction)>,
    free: Vec<u64>,
}

/// The memory's links.
pub struct DramPorts<'m> {
    /// To each port of each channel.
    pub requests: &'m mut Ports<Routed>,
    /// From each port of each channel.
    pub responses: &'m mut Ports<Transaction>,
}

impl Dram {
    /// A memory at reset beside a core of this clock, with this many ports a channel.
    #[must_use]
    pub fn new(spec: &Spec, core: Megahertz, port_count: usize, ledger: Ledger) -> Self {
        let channels: Vec<Channel> = (0..spec.channels).map(|_| Channel::new(spec)).collect();
        let ports = channels.len() * port_count;
        Self {
            core_clock: core.0.get(),
            dram_clock: spec.clock.0.get(),
            ledger,
            next: vec![NEVER; channels.len()],
            channels,
            port_count,
            flying: Slab::default(),
            responses: vec![VecDeque::new(); ports],
            waiting: PortSet::new(ports),
            done: Vec::new(),
        }
    }

    /// What each channel did up to `end`.
    pub fn stats(&mut self, end: Cycle) -> Vec<Stats> {
        let tick = self.tick_of(end);
        self.channels
            .iter_mut()
            .map(|channel| {
                channel.advance(tick, &mut self.done);
                channel.stats()
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

    /// One channel: lets its time pass, and takes a request from each of its ports.
    fn serve(&mut self, clock: &mut Clock, tick: Tick, index: usize, ports: &mut DramPorts<'_>) {
        let end = (index + 1) * self.port_count;
        let channel = &mut self.channels[index];
        channel.advance(tick, &mut self.done);
        for completion in self.done.drain(..) {
            let (port, response) = self.flying.take(completion.id);
            if ports.responses.can_push(port, clock) {
                ports.responses.push(port, clock, response);
            } else {
                self.responses[port].push_back(response);
                self.waiting.insert(port);
            }
        }
        let mut next = ports.requests.filled(end - self.port_count);
        while let Some(port) = next.filter(|&port| port < end) {
            next = ports.requests.filled(port + 1);
            let fits = |routed: &Routed| channel.can_push(kind(&routed.transaction));
            if let Some(Routed { transaction, location }) = ports.requests.pop_if(port, clock, fits)
            {
                let id = self.flying.put((port, transaction));
                let request = Request { id, location, kind: kind(&transaction) };
                channel.push(tick, request).expect("it said that there is room");
            }
        }
        self.next[index] = channel.next_event().unwrap_or(NEVER);
    }

    /// Sends a response that waits through each port that has room.
    fn respond(&mut self, clock: &mut Clock, links: &mut Ports<Transaction>) {
        let mut next = self.waiting.first(0);
        while let Some(port) = next {
            next = self.waiting.first(port + 1);
            if !links.can_push(port, clock) {
                continue;
            }
            let waiting = &mut self.responses[port];
            links.push(port, clock, waiting.pop_front().expect("one waits"));
            if waiting.is_empty() {
                self.waiting.remove(port);
            }
        }
    }
}

fn kind(transaction: &Transaction) -> Kind {
    match transaction.to.stream {
        Stream::Output | Stream::Append => Kind::Write,
        _ => Kind::Read,
    }
}

impl Slab {
    fn put(&mut self, item: (usize, Transaction)) -> u64 {
        if let Some(id) = self.free.pop() {
            self.items[usize::try_from(id).expect("ids are small")] = item;
            return id;
        }
        self.items.push(item);
        self.items.len() as u64 - 1
    }

    fn take(&mut self, id: u64) -> (usize, Transaction) {
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
        // Before those that come now: a port is free in this cycle only if none waits for it.
        self.respond(clock, ports.responses);
        let mut offered = ports.requests.landed(0, clock);
        for index in 0..self.channels.len() {
            let end = (index + 1) * self.port_count;
            let is_offered = offered.is_some_and(|port| port < end);
            if is_offered {
                offered = ports.requests.landed(end, clock);
            }
            if is_offered || self.next[index] <= tick {
                self.serve(clock, tick, index, &mut ports);
            }
        }
        let waiting = !self.waiting.is_empty();
        let busy = waiting || self.flying.in_use() > 0;
        self.ledger.switch(clock.now(), if busy { Doing::Busy } else { Doing::Starved });
        if waiting {
            return Wake::NextCycle;
        }
        let next = self.next.iter().copied().min().filter(|&next| busy && next < NEVER);
        next.map_or(Wake::OnLink, |tick| Wake::At(self.cycle_of(tick)))
    }

    fn holds(&self) -> Option<String> {
        let flying = self.flying.in_use();
        (flying > 0).then(|| counted(flying, "transaction", "transactions"))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        BlockOutcome::new(Block::Dram, self.ledger.close(end), Vec::new())
    }
}

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
    items::{Response, Routed, Stream},
    outcome::{Block, BlockOutcome},
    ports::Ports,
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
    /// Ports of each channel, a power of two: its logarithm.
    ports_log2: u32,
    flying: Slab,
    /// Responses that wait for their port, and how many do in all.
    responses: Vec<VecDeque<Response>>,
    waiting: usize,
    done: Vec<Completion>,
}

const NEVER: Tick = Tick(u64::MAX);

/// Transactions in the memory, each with the port that it goes back to, by the id that the channels carry.
#[derive(Default)]
struct Slab {
    items: Vec<(usize, Response)>,
    free: Vec<u64>,
}

/// The memory's links.
pub struct DramPorts<'m> {
    /// To each port of each channel.
    pub requests: &'m mut Ports<Routed>,
    /// From each port of each channel.
    pub responses: &'m mut Ports<Response>,
}

impl Dram {
    /// A memory at reset beside a core of this clock, with this many ports a channel.
    #[must_use]
    pub fn new(spec: &Spec, core: Megahertz, port_count: usize, ledger: Ledger) -> Self {
        let channels = vec![Channel::new(spec); spec.channels as usize];
        let ports = channels.len() * port_count;
        Self {
            core_clock: core.0.get(),
            dram_clock: spec.clock.0.get(),
            ledger,
            next: vec![NEVER; channels.len()],
            channels,
            ports_log2: port_count.ilog2(),
            flying: Slab::default(),
            responses: vec![VecDeque::new(); ports],
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

    /// Sends a response that waits through each port that has room.
    fn respond(&mut self, clock: &mut Clock, links: &mut Ports<Response>) {
        if self.waiting == 0 {
            return;
        }
        for (port, responses) in self.responses.iter_mut().enumerate() {
            if links.can_push(port, clock)
                && let Some(response) = responses.pop_front()
            {
                links.push(port, clock, response);
                self.waiting -= 1;
            }
        }
    }

    /// Lets the time of a channel pass; what it has done goes back.
    fn advance(
        &mut self,
        index: usize,
        tick: Tick,
        clock: &mut Clock,
        links: &mut Ports<Response>,
    ) {
        self.channels[index].advance(tick, &mut self.done);
        for completion in &self.done {
            let (port, response) = self.flying.take(completion.id);
            if links.can_push(port, clock) {
                links.push(port, clock, response);
            } else {
                self.responses[port].push_back(response);
                self.waiting += 1;
            }
        }
        self.done.clear();
    }

    /// Takes a request from each port whose channel has room. A channel that is not due has had no more
    /// room since it was looked at: so it promises.
    fn take(&mut self, tick: Tick, clock: &mut Clock, links: &mut Ports<Routed>) {
        links.pop_each(clock, |port, &Routed { response, location }| {
            let index = port >> self.ports_log2;
            let channel = &mut self.channels[index];
            let kind = kind(&response);
            let takes = channel.can_push(kind);
            if takes {
                let id = self.flying.put((port, response));
                let request = Request { id, location, kind };
                channel.push(tick, request).expect("it said that there is room");
                self.next[index] = tick;
            }
            takes
        });
    }

    /// Asks the channels that something was done to in this tick when to look again; the earliest of all.
    fn next(&mut self, tick: Tick) -> Tick {
        let mut earliest = NEVER;
        for (channel, next) in self.channels.iter().zip(&mut self.next) {
            if *next <= tick {
                *next = channel.next_event().unwrap_or(NEVER);
            }
            earliest = earliest.min(*next);
        }
        earliest
    }
}

fn kind(response: &Response) -> Kind {
    match response.to.stream {
        Stream::Output | Stream::Append => Kind::Write,
        _ => Kind::Read,
    }
}

impl Slab {
    fn put(&mut self, item: (usize, Response)) -> u64 {
        if let Some(id) = self.free.pop() {
            self.items[usize::try_from(id).expect("ids are small")] = item;
            return id;
        }
        self.items.push(item);
        self.items.len() as u64 - 1
    }

    fn take(&mut self, id: u64) -> (usize, Response) {
        self.free.push(id);
        self.items[usize::try_from(id).expect("ids are small")]
    }

    fn in_use(&self) -> usize {
        self.items.len() - self.free.len()
    }
}

impl Component for Dram {
    type Ports<'m> = DramPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, ports: DramPorts<'_>) -> Wake {
        let tick = self.tick_of(clock.now());
        // Before those that come now: a port is free in this cycle only if none waits for it.
        self.respond(clock, ports.responses);
        for index in 0..self.channels.len() {
            if self.next[index] <= tick {
                self.advance(index, tick, clock, ports.responses);
            }
        }
        self.take(tick, clock, ports.requests);
        let next = self.next(tick);
        let busy = self.flying.in_use() > 0 || self.waiting > 0;
        self.ledger.switch(clock.now(), if busy { Doing::Busy } else { Doing::Starved });
        if self.waiting > 0 {
            Wake::NextCycle
        } else if busy && next < NEVER {
            Wake::At(self.cycle_of(next))
        } else {
            Wake::OnLink
        }
    }

    fn holds(&self) -> Option<String> {
        let flying = self.flying.in_use();
        (flying > 0).then(|| counted(flying, "transaction", "transactions"))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        BlockOutcome::new(Block::Dram, self.ledger.close(end), Vec::new())
    }
}

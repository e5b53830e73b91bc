//! Joins fetch lanes and the write-back to DRAM channels, and brings responses back to lanes.
//!
//! Each cycle every lane offers its oldest transaction to the port of its address, and a port takes
//! one. A channel has one port, or one a pseudo-channel. On the way back a lane takes one response a cycle.

use std::collections::VecDeque;

use tamis_arch::{
    area::ADDRESS,
    blocks::{self, Arbiter},
    energy::{Action, Events},
    units::{Bits, Cycle},
};
use tamis_dram::{Location, Mapping};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{Flight, Routed, Transaction},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
};

/// What the crossbar is made for.
pub struct CrossbarSpec<'a> {
    /// Its own parameters.
    pub crossbar: &'a blocks::Crossbar,
    /// Fetch lanes.
    pub lanes: u32,
    /// DRAM channels.
    pub channels: u32,
    /// Ports of each.
    pub ports_per_channel: u32,
    /// Bits of a transaction's data.
    pub data: Bits,
}

/// Lanes to channels, and back.
pub struct Crossbar {
    arbiter: Arbiter,
    outstanding_limit: u32,
    queue_limit: usize,
    width: (u32, u32, Bits),
    ledger: Ledger,
    /// One queue a lane, and the write-back's after them.
    queues: Vec<VecDeque<Offer>>,
    /// Lanes whose queue is not empty.
    waiting: u128,
    /// Transactions under way in each channel.
    outstanding: Vec<u32>,
    /// Ports of each channel.
    ports: usize,
    /// Lanes that want each port in this cycle.
    wanted: Vec<u128>,
    /// Lane that won each port last.
    last_winner: Vec<usize>,
    issued: u64,
    requests: u64,
    responses: u64,
}

/// A transaction that waits for its channel, with the order in which it came.
struct Offer {
    stamp: u64,
    routed: Routed,
}

/// The crossbar's links.
pub struct CrossbarPorts<'m> {
    /// Where addresses lie.
    pub mapping: &'m Mapping,
    /// Reads.
    pub flights: &'m mut Link<Flight>,
    /// Writes.
    pub writes: &'m mut Link<Transaction>,
    /// To each port of each channel.
    pub requests: &'m mut [Link<Routed>],
    /// From each port of each channel.
    pub responses: &'m mut [Link<Transaction>],
    /// To the reorder buffers.
    pub returns: &'m mut Link<Flight>,
}

impl Crossbar {
    /// A crossbar at reset.
    #[must_use]
    pub fn new(spec: &CrossbarSpec<'_>, ledger: Ledger) -> Self {
        let channels = spec.channels as usize;
        let ports = spec.ports_per_channel;
        let inputs = spec.lanes + 1;
        Self {
            arbiter: spec.crossbar.arbiter,
            outstanding_limit: spec.crossbar.outstanding,
            queue_limit: spec.crossbar.address_queue as usize,
            width: (inputs, spec.channels * ports, spec.data),
            ledger,
            queues: (0..inputs).map(|_| VecDeque::new()).collect(),
            waiting: 0,
            outstanding: vec![0; channels],
            ports: ports as usize,
            wanted: vec![0; channels * ports as usize],
            last_winner: vec![0; channels * ports as usize],
            issued: 0,
            requests: 0,
            responses: 0,
        }
    }

    /// Takes a flight when every lane that it uses has room: lanes go in lock step.
    fn take(&mut self, clock: &mut Clock, ports: &mut CrossbarPorts<'_>) -> bool {
        let mut took = false;
        let fits =
            |queues: &[VecDeque<Offer>], lane: u8, limit| queues[usize::from(lane)].len() < limit;
        if let Some(flight) = ports.flights.peek(clock)
            && flight.iter().all(|each| fits(&self.queues, each.lane, self.queue_limit))
        {
            for transaction in ports.flights.pop(clock).expect("it was seen") {
                self.offer(usize::from(transaction.lane), transaction, ports.mapping);
            }
            took = true;
        }
        let write_lane = self.queues.len() - 1;
        if self.queues[write_lane].len() < self.queue_limit
            && let Some(transaction) = ports.writes.pop(clock)
        {
            self.offer(write_lane, transaction, ports.mapping);
            took = true;
        }
        took
    }

    fn offer(&mut self, lane: usize, transaction: Transaction, mapping: &Mapping) {
        let routed = Routed { transaction, location: mapping.decode(transaction.address) };
        self.queues[lane].push_back(Offer { stamp: self.issued, routed });
        self.waiting |= 1 << lane;
        self.issued += 1;
    }

    /// The port of a location.
    fn port(&self, location: &Location) -> usize {
        location.channel as usize * self.ports + location.pseudo as usize % self.ports
    }

    /// Grants each port to one of the lanes that want it.
    fn grant(&mut self, clock: &mut Clock, requests: &mut [Link<Routed>]) -> bool {
        if self.waiting == 0 {
            return false;
        }
        let mut lanes = self.waiting;
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as usize;
            let port = self.port(&self.queues[lane][0].routed.location);
            self.wanted[port] |= 1 << lane;
            lanes &= lanes - 1;
        }
        let mut granted = false;
        for (port, link) in requests.iter_mut().enumerate() {
            let wanted = std::mem::take(&mut self.wanted[port]);
            let channel = port / self.ports;
            if wanted == 0
                || self.outstanding[channel] >= self.outstanding_limit
                || !link.can_push(clock)
            {
                continue;
            }
            let lane = self.winner(port, wanted);
            let offer = self.queues[lane].pop_front().expect("a lane that wants has an offer");
            if self.queues[lane].is_empty() {
                self.waiting &= !(1 << lane);
            }
            link.push(clock, offer.routed);
            self.outstanding[channel] += 1;
            self.last_winner[port] = lane;
            self.requests += 1;
            granted = true;
        }
        granted
    }

    fn winner(&self, port: usize, wanted: u128) -> usize {
        let lowest = |lanes: u128| lanes.trailing_zeros() as usize;
        match self.arbiter {
            Arbiter::Fixed => lowest(wanted),
            Arbiter::RoundRobin => {
                let after = wanted & (!0 << self.last_winner[port] << 1);
                lowest(if after == 0 { wanted } else { after })
            }
            Arbiter::Oldest => {
                let mut oldest = lowest(wanted);
                let mut rest = wanted;
                while rest != 0 {
                    let lane = lowest(rest);
                    if self.queues[lane][0].stamp < self.queues[oldest][0].stamp {
                        oldest = lane;
                    }
                    rest &= rest - 1;
                }
                oldest
            }
        }
    }

    /// Brings back at most one response a lane; writes are only acknowledged.
    fn bring_back(&mut self, clock: &mut Clock, ports: &mut CrossbarPorts<'_>) -> bool {
        let writes = self.queues.len() - 1;
        let room = ports.returns.can_push(clock);
        let mut taken = 0u128;
        let mut returns = Flight::new();
        let mut moved = false;
        for (port, link) in ports.responses.iter_mut().enumerate() {
            if link.is_empty() {
                continue;
            }
            let Some(response) = link.peek(clock) else { continue };
            let lane = usize::from(response.lane);
            let is_write = lane == writes;
            if !is_write && (!room || taken & (1 << lane) != 0 || returns.is_full()) {
                continue;
            }
            let response = link.pop(clock).expect("it was seen");
            self.outstanding[port / self.ports] -= 1;
            moved = true;
            if !is_write {
                taken |= 1 << lane;
                returns.push(response);
            }
        }
        self.responses += returns.len() as u64;
        if !returns.is_empty() {
            ports.returns.push(clock, returns);
        }
        moved
    }

    fn has_responses(clock: &Clock, responses: &[Link<Transaction>]) -> bool {
        responses.iter().any(|link| link.peek(clock).is_some())
    }
}

impl Component for Crossbar {
    type Ports<'m> = CrossbarPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: CrossbarPorts<'_>) -> Wake {
        let back = self.bring_back(clock, &mut ports);
        let granted = self.grant(clock, ports.requests);
        let took = self.take(clock, &mut ports);
        let moved = back || granted || took;
        let holds = self.waiting != 0
            || ports.flights.peek(clock).is_some()
            || Self::has_responses(clock, ports.responses);
        let doing = match (moved, holds) {
            (true, _) => Doing::Busy,
            (false, true) => Doing::Blocked,
            (false, false) => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        if moved { Wake::NextCycle } else { Wake::OnLink }
    }

    fn holds(&self) -> Option<String> {
        let waiting: usize = self.queues.iter().map(VecDeque::len).sum();
        let outstanding: u32 = self.outstanding.iter().sum();
        (waiting + outstanding as usize > 0)
            .then(|| format!("transactions that wait: {waiting}; in DRAM: {outstanding}"))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let (inputs, outputs, data) = self.width;
        let address = Bits(ADDRESS);
        let entries = u32::try_from(self.queue_limit).expect("a queue is short");
        let events = vec![
            Events { action: Action::Fifo { entries, width: address }, count: self.requests },
            Events {
                action: Action::Crossbar { inputs, outputs, width: address },
                count: self.requests,
            },
            Events {
                action: Action::Crossbar { inputs: outputs, outputs: inputs, width: data },
                count: self.responses,
            },
        ];
        BlockOutcome::new(Block::Crossbar, self.ledger.close(end), events)
    }
}

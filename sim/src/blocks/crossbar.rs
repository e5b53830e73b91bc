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
use tamis_dram::Mapping;

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{Flight, Response, Returns, Routed, Transaction},
    link::Link,
    outcome::{Block, BlockOutcome},
    ports::{PortSet, Ports},
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
    /// Transactions under way in each channel.
    outstanding: Vec<u32>,
    /// Ports of each channel, a power of two: its logarithm.
    ports_log2: u32,
    /// The ports of all channels, those of a channel together.
    ports: Vec<Port>,
    /// Ports that any lane wants.
    wanting: PortSet,
    issued: u64,
    granted: u64,
    /// Of the granted, the write-back's.
    writes: u64,
    responses: u64,
}

/// A transaction that waits for its port, with the order in which it came.
struct Offer {
    stamp: u64,
    port: usize,
    routed: Routed,
}

/// A port of a channel, with a bit for each lane.
#[derive(Clone)]
struct Port {
    /// Lanes whose oldest transaction goes here.
    wanted: u128,
    /// Lanes after the one that won last.
    after_winner: u128,
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
    pub requests: &'m mut Ports<Routed>,
    /// From each port of each channel.
    pub responses: &'m mut Ports<Response>,
    /// To the reorder buffers.
    pub returns: &'m mut Link<Returns>,
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
            width: (spec.lanes, spec.channels * ports, spec.data),
            ledger,
            queues: (0..inputs).map(|_| VecDeque::new()).collect(),
            outstanding: vec![0; channels],
            ports_log2: ports.ilog2(),
            ports: vec![Port { wanted: 0, after_winner: !1 }; channels * ports as usize],
            wanting: PortSet::new(channels * ports as usize),
            issued: 0,
            granted: 0,
            writes: 0,
            responses: 0,
        }
    }

    /// Takes a flight when every lane that it uses has room: lanes go in lock step. And a write.
    fn take(&mut self, clock: &mut Clock, ports: &mut CrossbarPorts<'_>) -> bool {
        let fits = |lane: usize| self.queues[lane].len() < self.queue_limit;
        let flight = ports.flights.pop_if(clock, |flight| {
            flight.iter().all(|transaction| fits(usize::from(transaction.lane)))
        });
        let write_lane = self.queues.len() - 1;
        let write = if fits(write_lane) { ports.writes.pop(clock) } else { None };
        for transaction in flight.iter().flatten().chain(&write) {
            self.offer(transaction, ports.mapping);
        }
        flight.is_some() || write.is_some()
    }

    fn offer(&mut self, transaction: &Transaction, mapping: &Mapping) {
        let location = mapping.decode(transaction.address);
        let port_in_channel = location.pseudo & ((1 << self.ports_log2) - 1);
        let port = (location.channel << self.ports_log2 | port_in_channel) as usize;
        let routed = Routed { response: transaction.response(), location };
        let queue = &mut self.queues[usize::from(transaction.lane)];
        queue.push_back(Offer { stamp: self.issued, port, routed });
        self.issued += 1;
        if queue.len() == 1 {
            self.show(1 << transaction.lane, port);
        }
    }

    /// Lets a port know that the oldest transaction of a lane, given as its bit, wants it.
    #[inline]
    fn show(&mut self, lane: u128, port: usize) {
        self.ports[port].wanted |= lane;
        self.wanting.insert(port);
    }

    /// Grants each port to one of the lanes that want it; how many were granted.
    fn grant(&mut self, clock: &mut Clock, requests: &mut Ports<Routed>) -> u64 {
        // Lanes that a port took from: what comes behind is offered from the next cycle on, though its port may
        // know of it before its turn in this one.
        let mut granted = 0;
        let mut count = 0;
        for word in self.wanting.words() {
            for index in self.wanting.of_word(word) {
                let port = &mut self.ports[index];
                let wanted = port.wanted & !granted;
                let outstanding = &mut self.outstanding[index >> self.ports_log2];
                if wanted == 0
                    || *outstanding >= self.outstanding_limit
                    || !requests.can_push(index, clock)
                {
                    continue;
                }
                let winner = port.winner(wanted, self.arbiter, &self.queues);
                port.wanted ^= winner;
                if port.wanted == 0 {
                    self.wanting.remove(index);
                }
                *outstanding += 1;
                granted |= winner;
                count += 1;
                requests.push(index, clock, self.next_of(winner));
            }
        }
        self.granted += count;
        count
    }

    /// Takes the oldest transaction of a lane, given as its bit, and shows the next.
    fn next_of(&mut self, lane: u128) -> Routed {
        let index = lane.trailing_zeros() as usize;
        let queue = &mut self.queues[index];
        let offer = queue.pop_front().expect("a lane that wants has an offer");
        if let Some(next) = queue.front().map(|offer| offer.port) {
            self.show(lane, next);
        }
        self.writes += u64::from(index + 1 == self.queues.len());
        offer.routed
    }

    /// Brings back at most one response a lane; writes are only acknowledged. Whether any came, and
    /// whether any has to wait.
    fn bring_back(&mut self, clock: &mut Clock, ports: &mut CrossbarPorts<'_>) -> (bool, bool) {
        if ports.responses.is_empty() {
            return (false, false);
        }
        let write_lane = self.queues.len() - 1;
        let mut returns = Returns::with_capacity(write_lane);
        // Lanes that take no more in this cycle.
        let mut closed = if ports.returns.can_push(clock) { 0 } else { u64::MAX };
        let (mut moved, mut left) = (false, false);
        ports.responses.pop_each(clock, |port, response| {
            let lane = usize::from(response.lane);
            if lane != write_lane {
                if closed >> lane & 1 == 1 {
                    left = true;
                    return false;
                }
                closed |= 1 << lane;
                returns.push(*response);
            }
            self.outstanding[port >> self.ports_log2] -= 1;
            moved = true;
            true
        });
        self.responses += returns.len() as u64;
        if !returns.is_empty() {
            ports.returns.push(clock, returns);
        }
        (moved, left)
    }
}

impl Port {
    /// The lane that wins the port of those that want it, as its bit.
    fn winner(&mut self, wanted: u128, arbiter: Arbiter, queues: &[VecDeque<Offer>]) -> u128 {
        let winner = match arbiter {
            Arbiter::Fixed => lowest(wanted),
            Arbiter::RoundRobin => {
                let after = wanted & self.after_winner;
                lowest(if after == 0 { wanted } else { after })
            }
            Arbiter::Oldest => {
                let stamp = |lane: &usize| queues[*lane].front().map(|oldest| oldest.stamp);
                1 << ones(wanted).min_by_key(stamp).expect("a lane wants it")
            }
        };
        self.after_winner = winner.wrapping_neg() ^ winner;
        winner
    }
}

/// The lowest of the bits that are set, alone.
fn lowest(bits: u128) -> u128 {
    bits & bits.wrapping_neg()
}

/// The places of the bits that are set, lowest first.
fn ones(mut bits: u128) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (bits != 0).then_some(bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(lowest)
    })
}

impl Component for Crossbar {
    type Ports<'m> = CrossbarPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: CrossbarPorts<'_>) -> Wake {
        let (back, left) = self.bring_back(clock, &mut ports);
        let granted = self.grant(clock, ports.requests);
        let took = self.take(clock, &mut ports);
        let moved = back || granted > 0 || took;
        let holds = left || !self.wanting.is_empty() || ports.flights.peek(clock).is_some();
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
        let (lanes, ports, data) = self.width;
        let (address, write) = (Bits(ADDRESS), Bits(ADDRESS + data.0));
        let entries = u32::try_from(self.queue_limit).expect("a queue is short");
        let queue = |width| Action::Fifo { entries, width };
        let matrix = |inputs, outputs, width| Action::Crossbar { inputs, outputs, width };
        // Addresses of all, data of the write-back alone, and data back to the fetch lanes.
        let events = vec![
            Events { action: queue(address), count: self.granted - self.writes },
            Events { action: queue(write), count: self.writes },
            Events { action: matrix(lanes + 1, ports, address), count: self.granted },
            Events { action: matrix(1, ports, data), count: self.writes },
            Events { action: matrix(ports, lanes, data), count: self.responses },
        ];
        BlockOutcome::new(Block::Crossbar, self.ledger.close(end), events)
    }
}

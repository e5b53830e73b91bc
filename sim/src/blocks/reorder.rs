//! Puts responses back into the order of their requests, lane by lane or in whole rows.

use tamis_arch::{
    blocks::{self, Join},
    energy::{Action, Events},
    units::{Bits, Cycle},
};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{Arrivals, Destination, Flight, LaneCredits, MAX_LANES},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
};

/// Order of responses.
pub struct Reorder {
    join: Join,
    entries: u32,
    data: Bits,
    ledger: Ledger,
    lanes: Vec<Lane>,
    /// Lanes whose oldest response has come, as a bit mask.
    ready: LaneCredits,
    held: u32,
    responses: u64,
}

/// One lane's buffer: a ring of responses by slot, each with whether it ends its flight.
struct Lane {
    slots: Vec<Option<(Destination, bool)>>,
    head: usize,
}

/// The reorder buffers' links.
pub struct ReorderPorts<'m> {
    /// Responses.
    pub returns: &'m mut Link<Flight>,
    /// What was handed on.
    pub arrivals: &'m mut Link<Arrivals>,
    /// Room.
    pub lane_credits: &'m mut Link<LaneCredits>,
}

impl Reorder {
    /// Buffers at reset, for responses of `data` bits.
    #[must_use]
    pub fn new(spec: &blocks::Reorder, lanes: u32, data: Bits, ledger: Ledger) -> Self {
        let lanes = (0..lanes)
            .map(|_| Lane { slots: vec![None; spec.entries as usize], head: 0 })
            .collect();
        Self {
            join: spec.join,
            entries: spec.entries,
            data,
            ledger,
            lanes,
            ready: 0,
            held: 0,
            responses: 0,
        }
    }

    fn store(&mut self, flight: Flight) {
        for response in flight {
            let lane = &mut self.lanes[usize::from(response.lane)];
            let slot = &mut lane.slots[response.slot as usize];
            assert!(slot.is_none(), "a slot is claimed once");
            *slot = Some((response.to, response.ends_flight));
            self.ready |= LaneCredits::from(lane.oldest().is_some()) << response.lane;
            self.held += 1;
            self.responses += 1;
        }
    }

    /// Whether anything can leave: the oldest response of a lane, or the whole oldest row.
    fn ready(&self) -> bool {
        match self.join {
            Join::Lane => self.ready != 0,
            Join::Row => self.row().is_some(),
        }
    }

    /// Lanes that the oldest row uses, if all of them have arrived.
    fn row(&self) -> Option<usize> {
        for (index, lane) in self.lanes.iter().enumerate() {
            let (_, ends) = lane.oldest()?;
            if ends {
                return Some(index + 1);
            }
        }
        None
    }

    /// Takes what can leave in one cycle.
    fn release(&mut self) -> (Arrivals, LaneCredits) {
        let mut arrivals = Arrivals::new();
        let credits = match self.join {
            Join::Lane => {
                let ready = self.ready;
                let mut rest = ready;
                while rest != 0 {
                    let oldest = self.pass(rest.trailing_zeros() as usize);
                    add(&mut arrivals, oldest.expect("the lane is ready"));
                    rest &= rest - 1;
                }
                ready
            }
            Join::Row => {
                let used = self.row().expect("a row is ready");
                for lane in 0..self.lanes.len() {
                    if let Some(to) = self.pass(lane).filter(|_| lane < used) {
                        add(&mut arrivals, to);
                    }
                }
                LaneCredits::MAX >> (MAX_LANES - self.lanes.len())
            }
        };
        (arrivals, credits)
    }

    /// Moves a lane on to its next slot; what its oldest held.
    fn pass(&mut self, index: usize) -> Option<Destination> {
        let lane = &mut self.lanes[index];
        let oldest = lane.slots[lane.head].take();
        lane.head = if lane.head + 1 < lane.slots.len() { lane.head + 1 } else { 0 };
        let next_is_ready = lane.oldest().is_some();
        self.ready &= !(1 << index);
        self.ready |= LaneCredits::from(next_is_ready) << index;
        self.held -= u32::from(oldest.is_some());
        oldest.map(|(to, _)| to)
    }
}

/// Joins a response with those that go to the same place.
fn add(arrivals: &mut Arrivals, to: Destination) {
    match arrivals.iter_mut().find(|(other, _)| *other == to) {
        Some((_, count)) => *count += 1,
        None => arrivals.push((to, 1)),
    }
}

impl Lane {
    fn oldest(&self) -> Option<(Destination, bool)> {
        self.slots[self.head]
    }
}

impl Component for Reorder {
    type Ports<'m> = ReorderPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, ports: ReorderPorts<'_>) -> Wake {
        let mut moved = false;
        if let Some(flight) = ports.returns.pop(clock) {
            self.store(flight);
            moved = true;
        }
        let ready = self.ready();
        if ready && ports.arrivals.can_push(clock) && ports.lane_credits.can_push(clock) {
            let (arrivals, credits) = self.release();
            ports.arrivals.push(clock, arrivals);
            ports.lane_credits.push(clock, credits);
            moved = true;
        }
        let doing = match (moved, ready) {
            (true, _) => Doing::Busy,
            (false, true) => Doing::Blocked,
            (false, false) => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        if moved { Wake::NextCycle } else { Wake::OnLink }
    }

    fn holds(&self) -> Option<String> {
        (self.held > 0).then(|| format!("{} responses that wait for earlier ones", self.held))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let action = Action::Fifo { entries: self.entries, width: self.data };
        let events = vec![Events { action, count: self.responses }];
        BlockOutcome::new(Block::Reorder, self.ledger.close(end), events)
    }
}

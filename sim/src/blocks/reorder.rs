//! Puts responses back into the order of their requests, lane by lane or in whole rows.

use tamis_arch::{
    blocks::{self, Join},
    energy::{Action, Events},
    units::{Bits, Cycle},
};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{Arrivals, Destination, LaneCredits, MAX_LANES, Response, Returns},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
};

/// Order of responses.
pub struct Reorder {
    join: Join,
    /// Slots of a lane.
    entries: usize,
    data: Bits,
    ledger: Ledger,
    /// The lanes' buffers, rings of responses: the first slot of each lane, the second of each, and so on.
    slots: Box<[Option<Response>]>,
    /// Where each lane's oldest request has its slot.
    heads: Box<[usize]>,
    /// Lanes whose oldest response has come, as a bit mask.
    ready: LaneCredits,
    responses: u64,
}

/// The reorder buffers' links.
pub struct ReorderPorts<'m> {
    /// Responses.
    pub returns: &'m mut Link<Returns>,
    /// What was handed on.
    pub arrivals: &'m mut Link<Arrivals>,
    /// Room.
    pub lane_credits: &'m mut Link<LaneCredits>,
}

impl Reorder {
    /// Buffers at reset, for responses of `data` bits.
    #[must_use]
    pub fn new(spec: &blocks::Reorder, lanes: u32, data: Bits, ledger: Ledger) -> Self {
        let (lanes, entries) = (lanes as usize, spec.entries as usize);
        Self {
            join: spec.join,
            entries,
            data,
            ledger,
            slots: vec![None; lanes * entries].into(),
            heads: (0..lanes).collect(),
            ready: 0,
            responses: 0,
        }
    }

    fn store(&mut self, returns: &Returns) {
        let lanes = self.heads.len();
        for &response in returns {
            let lane = usize::from(response.lane);
            let place = response.slot as usize * lanes + lane;
            let slot = &mut self.slots[place];
            assert!(slot.is_none(), "a slot is claimed once");
            *slot = Some(response);
            self.ready |= LaneCredits::from(place == self.heads[lane]) << lane;
        }
        self.responses += returns.len() as u64;
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
        for (index, &head) in self.heads.iter().enumerate() {
            if self.slots[head]?.ends_flight {
                return Some(index + 1);
            }
        }
        None
    }

    /// Takes what can leave in one cycle.
    fn release(&mut self) -> (Arrivals, LaneCredits) {
        match self.join {
            Join::Lane => {
                let ready = self.ready;
                let mut arrivals = Arrivals::with_capacity(ready.count_ones() as usize);
                let mut rest = ready;
                while rest != 0 {
                    let oldest = self.pass(rest.trailing_zeros() as usize);
                    add(&mut arrivals, oldest.expect("the lane is ready"));
                    rest &= rest - 1;
                }
                (arrivals, ready)
            }
            Join::Row => {
                let used = self.row().expect("a row is ready");
                let mut arrivals = Arrivals::with_capacity(used);
                for lane in 0..self.heads.len() {
                    if let Some(to) = self.pass(lane).filter(|_| lane < used) {
                        add(&mut arrivals, to);
                    }
                }
                (arrivals, LaneCredits::MAX >> (MAX_LANES - self.heads.len()))
            }
        }
    }

    /// Moves a lane on to its next slot; where what its oldest held goes to.
    fn pass(&mut self, lane: usize) -> Option<Destination> {
        let head = self.heads[lane];
        let oldest = self.slots[head].take();
        let behind = head + self.heads.len();
        let next = if behind < self.slots.len() { behind } else { lane };
        self.heads[lane] = next;
        match self.slots[next] {
            Some(_) => self.ready |= 1 << lane,
            None => self.ready &= !(1 << lane),
        }
        oldest.map(|response| response.to)
    }
}

/// Joins a response with those that go to the same place: most often the one before it does.
fn add(arrivals: &mut Arrivals, to: Destination) {
    match arrivals.iter_mut().rev().find(|(other, _)| *other == to) {
        Some((_, count)) => *count += 1,
        None => arrivals.push((to, 1)),
    }
}

impl Component for Reorder {
    type Ports<'m> = ReorderPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, ports: ReorderPorts<'_>) -> Wake {
        let mut moved = false;
        if let Some(returns) = ports.returns.pop(clock) {
            self.store(&returns);
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
        let held = self.slots.iter().flatten().count();
        (held > 0).then(|| format!("{held} responses that wait for earlier ones"))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let entries = u32::try_from(self.entries).expect("a buffer is small");
        let action = Action::Fifo { entries, width: self.data };
        let events = vec![Events { action, count: self.responses }];
        BlockOutcome::new(Block::Reorder, self.ledger.close(end), events)
    }
}

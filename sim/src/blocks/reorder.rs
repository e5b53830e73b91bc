//! Puts responses back into the order of their requests, lane by lane or in whole rows.

use tamis_arch::{
    blocks::{self, Join},
    energy::{Action, Events},
    units::{Bits, Cycle},
};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{Arrivals, Destination, LaneCredits, MAX_LANES, Returns},
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
    slots: Box<[Option<Waiting>]>,
    /// Where each lane's oldest request has its slot.
    heads: Box<[usize]>,
    /// Lanes whose oldest response has come, as a bit mask.
    ready: LaneCredits,
    responses: u64,
}

/// A response that waits for its turn.
#[derive(Clone, Copy)]
struct Waiting {
    to: Destination,
    ends_flight: bool,
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
        let Self { slots, heads, .. } = self;
        let mut ready = self.ready;
        for response in returns {
            let lane = usize::from(response.lane);
            let place = response.slot as usize * heads.len() + lane;
            let slot = &mut slots[place];
            assert!(slot.is_none(), "a slot is claimed once");
            *slot = Some(Waiting { to: response.to, ends_flight: response.ends_flight });
            ready |= LaneCredits::from(heads[lane] == place) << lane;
        }
        self.ready = ready;
        self.responses += returns.len() as u64;
    }

    /// Lanes that can move on: those whose oldest response has come; or all, when the whole oldest row has.
    fn movable(&self) -> LaneCredits {
        match self.join {
            Join::Lane => self.ready,
            Join::Row if self.has_row() => LaneCredits::MAX >> (MAX_LANES - self.heads.len()),
            Join::Row => 0,
        }
    }

    /// Whether the oldest row has come, up to the lane that ends it.
    fn has_row(&self) -> bool {
        let mut oldest = self.heads.iter().map_while(|&head| self.slots[head]);
        oldest.any(|response| response.ends_flight)
    }

    /// Moves lanes on to their next slots; what their oldest held. The lanes of a row that are not used
    /// hold nothing.
    fn release(&mut self, lanes: LaneCredits) -> Arrivals {
        let Self { slots, heads, .. } = self;
        let mut arrivals = Arrivals::with_capacity(lanes.count_ones() as usize);
        let mut ready = self.ready & !lanes;
        let mut rest = lanes;
        while rest != 0 {
            let lane = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            let head = heads[lane];
            if let Some(oldest) = slots[head].take() {
                add(&mut arrivals, oldest.to);
            }
            let behind = head + heads.len();
            let next = if behind < slots.len() { behind } else { lane };
            heads[lane] = next;
            ready |= LaneCredits::from(slots[next].is_some()) << lane;
        }
        self.ready = ready;
        arrivals
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
        let lanes = self.movable();
        if lanes != 0 && ports.arrivals.can_push(clock) && ports.lane_credits.can_push(clock) {
            ports.arrivals.push(clock, self.release(lanes));
            ports.lane_credits.push(clock, lanes);
            moved = true;
        }
        let doing = match (moved, lanes != 0) {
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

//! Where time goes: every elapsed cycle of every block is in exactly one account.

use std::ops::AddAssign;

use serde::Serialize;
use tamis_arch::units::{Cycle, Cycles};

/// What a block does in a cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doing {
    /// Holds work that it can advance.
    Busy,
    /// Has room downstream and no work.
    #[default]
    Starved,
    /// Holds work that has no room downstream.
    Blocked,
}

/// Where a block's time went. Every elapsed cycle is in exactly one field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// Held work that it could advance.
    #[serde(rename = "busy_cycles")]
    pub busy: Cycles,
    /// Had room downstream and no work.
    #[serde(rename = "starved_cycles")]
    pub starved: Cycles,
    /// Held work that had no room downstream.
    #[serde(rename = "blocked_cycles")]
    pub blocked: Cycles,
}

impl Activity {
    /// All cycles.
    #[must_use]
    pub fn total(&self) -> Cycles {
        self.busy + self.starved + self.blocked
    }

    /// Share of cycles spent busy; `None` when nothing ran.
    #[must_use]
    pub fn utilization(&self) -> Option<f64> {
        let total = self.total().0;
        (total > 0).then(|| self.busy.0 as f64 / total as f64)
    }
}

impl AddAssign for Activity {
    fn add_assign(&mut self, other: Self) {
        self.busy += other.busy;
        self.starved += other.starved;
        self.blocked += other.blocked;
    }
}

/// A stretch of time in which a block did one thing; what the timeline draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// First cycle.
    pub start: Cycle,
    /// First cycle after it.
    pub end: Cycle,
    /// What the block did.
    pub doing: Doing,
}

/// Charges time by interval, so a cycle that the engine skips counts like one it visits.
#[derive(Debug, Default)]
pub struct Ledger {
    spent: Activity,
    doing: Doing,
    since: Cycle,
    timeline: Option<Vec<Interval>>,
}

impl Ledger {
    /// A ledger that also keeps every interval.
    #[must_use]
    pub fn recording() -> Self {
        Self { timeline: Some(Vec::new()), ..Self::default() }
    }

    /// From `now` on the block does `doing`.
    pub fn switch(&mut self, now: Cycle, doing: Doing) {
        if doing == self.doing {
            return;
        }
        self.charge(now);
        self.doing = doing;
    }

    fn charge(&mut self, now: Cycle) {
        let account = match self.doing {
            Doing::Busy => &mut self.spent.busy,
            Doing::Starved => &mut self.spent.starved,
            Doing::Blocked => &mut self.spent.blocked,
        };
        *account += now - self.since;
        if let Some(timeline) = &mut self.timeline
            && now > self.since
        {
            timeline.push(Interval { start: self.since, end: now, doing: self.doing });
        }
        self.since = now;
    }

    /// Closes the books when the run ends, and checks that they balance.
    #[must_use]
    pub fn close(mut self, end: Cycle) -> (Activity, Vec<Interval>) {
        self.charge(end);
        assert_eq!(self.spent.total(), end - Cycle::ZERO, "lost cycles: {:?}", self.spent);
        (self.spent, self.timeline.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cycle_is_in_one_account() {
        let mut ledger = Ledger::recording();
        ledger.switch(Cycle(3), Doing::Busy);
        ledger.switch(Cycle(5), Doing::Busy);
        ledger.switch(Cycle(9), Doing::Blocked);
        let (activity, timeline) = ledger.close(Cycle(10));
        assert_eq!(activity, Activity { starved: Cycles(3), busy: Cycles(6), blocked: Cycles(1) });
        assert_eq!(timeline.len(), 3);
    }

    #[test]
    fn a_run_of_no_cycles_has_no_utilization() {
        assert_eq!(Activity::default().utilization(), None);
    }
}

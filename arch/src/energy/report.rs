//! What a run cost: dynamic and static, split into logic, SRAM and DRAM.

use serde::Serialize;

use super::{action::Events, price::Priced, spread::Spread, table::EnergyTable};
use crate::{
    Accelerator, area,
    units::{Picojoules, Seconds, Watts},
};

/// Static power of a machine, DRAM apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StaticPower {
    /// All gates.
    #[serde(rename = "logic_w")]
    pub logic: Spread<Watts>,
    /// All memories on chip.
    #[serde(rename = "sram_w")]
    pub sram: Spread<Watts>,
}

/// What the DRAM model says that the memory used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct DramEnergy {
    /// What follows the requests: rows, columns, interface.
    #[serde(rename = "dynamic_pj")]
    pub dynamic: Priced,
    /// What goes on whatever is asked of it: standby and refresh.
    #[serde(rename = "static_pj")]
    pub background: Priced,
}

/// Energy of one part of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Part {
    /// Of what happened.
    #[serde(rename = "dynamic_pj")]
    pub dynamic: Priced,
    /// Of time passing.
    #[serde(rename = "static_pj")]
    pub background: Priced,
}

impl Part {
    /// Both.
    #[must_use]
    pub fn total(&self) -> Priced {
        self.dynamic + self.background
    }
}

/// What a run cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EnergyReport {
    /// Gates and registers.
    pub logic: Part,
    /// Memories on chip.
    pub sram: Part,
    /// The DRAM.
    pub dram: Part,
    /// How long it took.
    #[serde(rename = "elapsed_s")]
    pub elapsed: Seconds,
}

impl EnergyTable {
    /// Static power of a machine in this process.
    #[must_use]
    pub fn static_power(&self, machine: &Accelerator) -> StaticPower {
        let parts = area::inventory(machine);
        let cells = area::report(machine, self).logic();
        let logic =
            cells.with(self.area.leakage.spread(), |area, density| Watts(area.0 * density * 1e-3));
        let sram = parts.iter().flat_map(area::BlockParts::srams).map(|memory| {
            let each = self.sram.leakage(memory.capacity());
            each.map(|power| power * f64::from(memory.count))
        });
        let sram = sram.sum();
        StaticPower { logic, sram }
    }

    /// Dynamic energy of a list of events: of logic, and of SRAM.
    #[must_use]
    pub fn dynamic(&self, events: &[Events]) -> (Priced, Priced) {
        let (mut logic, mut sram) = (Priced::default(), Priced::default());
        for Events { action, count } in events {
            let energy = self.price(action).map(|each| each * *count as f64);
            *if action.is_of_sram() { &mut sram } else { &mut logic } += energy;
        }
        (logic, sram)
    }
}

impl EnergyReport {
    /// Prices the events of a whole run that took `elapsed`.
    #[must_use]
    pub fn of(
        table: &EnergyTable,
        machine: &Accelerator,
        events: &[Events],
        elapsed: Seconds,
        dram: DramEnergy,
    ) -> Self {
        let (logic, sram) = table.dynamic(events);
        let power = table.static_power(machine);
        let over_time = |power: Spread<Watts>| power.map(|watts| watts_for(watts, elapsed));
        Self {
            logic: Part { dynamic: logic, background: over_time(power.logic) },
            sram: Part { dynamic: sram, background: over_time(power.sram) },
            dram: Part { dynamic: dram.dynamic, background: dram.background },
            elapsed,
        }
    }

    /// Everything.
    #[must_use]
    pub fn total(&self) -> Priced {
        self.logic.total() + self.sram.total() + self.dram.total()
    }

    /// Average power; `None` if no time passed.
    #[must_use]
    pub fn power(&self) -> Option<Spread<Watts>> {
        (self.elapsed.0 > 0.0).then(|| self.total().map(|energy| energy / self.elapsed))
    }
}

fn watts_for(power: Watts, time: Seconds) -> Picojoules {
    Picojoules(power.0 * time.0 * 1e12)
}

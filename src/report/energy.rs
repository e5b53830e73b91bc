//! Energy: the events of a run, priced once.

use std::collections::BTreeMap;

use serde::Serialize;
use tamis_arch::{
    Accelerator,
    energy::{DramEnergy, EnergyReport, EnergyTable, Events, Part, Priced, Spread},
    units::{Picojoules, Watts},
};
use tamis_sim::outcome::{Block, Outcome};

/// Energy of a phase. Each figure has the range that its sources leave.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Energy {
    #[serde(rename = "total_pj")]
    pub(crate) total: Priced,
    /// Gates and registers.
    pub(crate) logic: Part,
    /// Memories on chip.
    pub(crate) sram: Part,
    pub(crate) dram: Part,
    /// The DRAM's, by what the commands did.
    pub(crate) dram_commands: tamis_dram::DramEnergy,
    /// What happened in each block; the DRAM is apart.
    pub(crate) blocks: BTreeMap<Block, BlockEnergy>,
    #[serde(rename = "average_power_w")]
    pub(crate) average_power: Option<Spread<Watts>>,
}

/// Energy of what happened in one block. Static energy is not told by block.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct BlockEnergy {
    #[serde(rename = "logic_dynamic_pj")]
    pub(crate) logic: Priced,
    #[serde(rename = "sram_dynamic_pj")]
    pub(crate) sram: Priced,
}

impl BlockEnergy {
    pub(crate) fn total(&self) -> Picojoules {
        self.logic.typical + self.sram.typical
    }
}

impl Energy {
    /// Prices what the machine counted. The DRAM's energy comes from the currents of its standard.
    pub(crate) fn of(outcome: &Outcome, machine: &Accelerator, table: &EnergyTable) -> Self {
        let memory = tamis_dram::energy(&machine.dram, &channels(outcome));
        let range = memory.within(&machine.dram.standard.range);
        let dram = DramEnergy {
            dynamic: range.map(|energy| energy.dynamic()),
            background: range.map(|energy| energy.standing()),
        };
        let events: Vec<Events> =
            outcome.blocks.iter().flat_map(|block| block.events.iter().copied()).collect();
        let elapsed = outcome.elapsed.at(machine.core.clock);
        let whole = EnergyReport::of(table, machine, &events, elapsed, dram);
        let blocks =
            outcome.blocks.iter().filter(|block| block.block != Block::Dram).map(|block| {
                let (logic, sram) = table.dynamic(&block.events);
                (block.block, BlockEnergy { logic, sram })
            });
        Self {
            total: whole.total(),
            average_power: whole.power(),
            blocks: blocks.collect(),
            logic: whole.logic,
            sram: whole.sram,
            dram: whole.dram,
            dram_commands: memory,
        }
    }
}

/// What all channels counted.
pub(crate) fn channels(outcome: &Outcome) -> tamis_dram::Stats {
    let mut all = tamis_dram::Stats::default();
    outcome.channels.iter().for_each(|channel| all += channel);
    all
}

#[cfg(test)]
mod tests {
    use tamis_arch::{
        energy::Action,
        units::{Bits, Bytes, Cycles},
    };

    use super::*;
    use crate::report::sample;

    #[test]
    fn blocks_and_static_energy_add_up_to_the_total() {
        let machine = tamis_arch::load("spatten").expect("a preset");
        let table = EnergyTable::named(&machine.technology.table).expect("its table");
        let mut outcome = sample::prefill();
        let multiply = Action::MultiplyAccumulate { left: Bits(12), right: Bits(12) };
        let read = Action::SramRead { capacity: Bytes(196_608), width: Bits(768) };
        outcome.blocks[0].events = vec![Events { action: read, count: 1000 }];
        outcome.blocks[1].events = vec![Events { action: multiply, count: 1_000_000 }];
        let channel =
            tamis_dram::Stats { read_bytes: Bytes(1_000_000), ..tamis_dram::Stats::default() };
        outcome.channels = vec![channel.clone(), channel];
        let energy = Energy::of(&outcome, &machine, &table);

        let blocks: f64 = energy.blocks.values().map(|block| block.total().0).sum();
        let parts = [energy.logic, energy.sram, energy.dram];
        let background: f64 = parts.iter().map(|part| part.background.typical.0).sum();
        let total = energy.total.typical.0;
        // Two megabytes cross the interface, at the picojoules a bit of the standard.
        let interface = machine.dram.standard.power.interface_pj_per_bit * 16e6;
        assert!(background > 0.0 && interface > 0.0);
        assert!((blocks + background + interface - total).abs() < 1e-6 * total, "{energy:?}");
        assert!(energy.total.low.0 < total && total < energy.total.high.0);
    }

    #[test]
    fn a_run_of_no_cycles_has_no_power() {
        let machine = tamis_arch::load("spatten").expect("a preset");
        let table = EnergyTable::named(&machine.technology.table).expect("its table");
        let nothing = Outcome { elapsed: Cycles(0), blocks: Vec::new(), ..sample::prefill() };
        let energy = Energy::of(&nothing, &machine, &table);
        assert_eq!(energy.average_power, None);
    }
}

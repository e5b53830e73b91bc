//! Area of a machine, block by block, with the range that the table's sources leave.
//!
//! [`inventory`] counts what a machine is made of: bits of multipliers, adders, registers and
//! multiplexers, wire crossings, memories. A table gives the area of each. Cells are placed with gaps,
//! so their area is divided by the utilization; control is a share of the logic.

mod inventory;
mod links;
mod parts;

use serde::Serialize;

pub use inventory::{ADDRESS, TOKEN, inventory};
pub use parts::{AreaBlock, BlockParts, Memory};

use crate::{
    Accelerator,
    energy::{EnergyTable, Spread},
    units::SquareMillimetres,
};

/// Area of one block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BlockArea {
    /// Which.
    pub block: AreaBlock,
    /// Placed gates and registers.
    #[serde(rename = "logic_mm2")]
    pub logic: Spread<SquareMillimetres>,
    /// Memory macros.
    #[serde(rename = "sram_mm2")]
    pub sram: Spread<SquareMillimetres>,
}

/// Area of a machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AreaReport {
    /// By block, in the order of [`AreaBlock`].
    pub blocks: Vec<BlockArea>,
}

impl BlockArea {
    /// Logic and memories.
    #[must_use]
    pub fn total(&self) -> Spread<SquareMillimetres> {
        self.logic + self.sram
    }
}

impl AreaReport {
    /// Logic of all blocks.
    #[must_use]
    pub fn logic(&self) -> Spread<SquareMillimetres> {
        self.blocks.iter().map(|block| block.logic).sum()
    }

    /// Memories of all blocks.
    #[must_use]
    pub fn sram(&self) -> Spread<SquareMillimetres> {
        self.blocks.iter().map(|block| block.sram).sum()
    }

    /// Everything but the DRAM and its interface.
    #[must_use]
    pub fn total(&self) -> Spread<SquareMillimetres> {
        self.logic() + self.sram()
    }
}

/// Area of a machine in the process of a table. The DRAM and its physical interface are not in it.
#[must_use]
pub fn report(machine: &Accelerator, table: &EnergyTable) -> AreaReport {
    let mut blocks: Vec<BlockArea> = inventory(machine)
        .iter()
        .map(|parts| BlockArea {
            block: parts.block,
            logic: placed(parts, table),
            sram: parts.srams().map(|memory| macros(memory, table)).sum(),
        })
        .collect();
    let logic: Spread<SquareMillimetres> = blocks.iter().map(|block| block.logic).sum();
    let control = table.area.control.spread().with(logic, |share, area| area * share);
    blocks.push(BlockArea { block: AreaBlock::Control, logic: control, sram: Spread::default() });
    AreaReport { blocks }
}

/// Placed area of the gates and registers of a block.
fn placed(parts: &BlockParts, table: &EnergyTable) -> Spread<SquareMillimetres> {
    let figures = &table.area;
    let cells = [
        (&figures.multiply, parts.multiplier_cells),
        (&figures.add, parts.adder_bits),
        (&figures.register, parts.register_bits()),
        (&figures.mux, parts.mux_bits),
    ];
    let cells: Spread<f64> =
        cells.iter().map(|(figure, count)| figure.spread().map(|each| each * *count as f64)).sum();
    // Well filled is small: the low end has the high utilization.
    let filled = figures.utilization.spread();
    let filled = Spread { low: filled.high, typical: filled.typical, high: filled.low };
    let cells = cells.with(filled, |area, share| area / share);
    let wires = figures.crossbar.spread().map(|each| each * parts.wire_crossings as f64);
    (cells + wires).map(|area| SquareMillimetres(area * 1e-6))
}

fn macros(memory: &Memory, table: &EnergyTable) -> Spread<SquareMillimetres> {
    let each = table.sram.area(memory.capacity(), memory.width);
    each.map(|area| area * f64::from(memory.count))
}

//! What blocks count, what one event costs, and what a run cost.
//!
//! Blocks count [`Events`] as integers. An [`EnergyTable`] of `arch/tables` prices them once, when the
//! report is written, and an [`EnergyReport`] splits the sum. `docs/reference/energy.md` has every
//! figure with its source.

mod action;
mod price;
mod report;
mod spread;
pub(crate) mod sram;
mod table;

pub use action::{Action, Events, barrel_stages};
pub use price::Priced;
pub use report::{DramEnergy, EnergyReport, Part, StaticPower};
pub use spread::Spread;
pub use sram::Sram;
pub use table::{AreaFigures, Basis, Citation, EnergyFigures, EnergyTable, Figure, UnknownTable};

//! Accelerator descriptions: units, the machine and its checks, presets, energy and area tables,
//! baseline devices.

pub mod accelerator;
pub mod blocks;
pub mod dram;
pub mod energy;
pub mod units;

pub use accelerator::Accelerator;

//! Accelerator descriptions: units, the machine and its checks, presets, energy and area tables,
//! baseline devices.

pub mod accelerator;
pub mod area;
pub mod baselines;
pub mod blocks;
pub mod dram;
pub mod energy;
pub mod fault;
pub mod graph;
pub mod reader;
pub mod text;
pub mod units;

pub use accelerator::{Accelerator, LoadError, load};

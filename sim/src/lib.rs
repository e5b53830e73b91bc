//! The cycle-level machine.

pub mod blocks;
pub mod clock;
pub mod component;
pub mod cutter;
pub mod engine;
pub mod error;
pub mod items;
pub mod layout;
pub mod link;
mod links;
mod machine;
pub mod outcome;
pub mod ports;
mod slots;
pub mod stats;
pub mod work;

pub use engine::{Options, run};
pub use layout::Dimensions;

//! Attention traces, fixed point, policies and plans.

pub mod dense_f32;
pub mod fixed;
pub mod plan;
pub mod planner;
pub mod policy;
pub mod quality;
pub mod quickselect;
pub mod reference;
pub mod row;
pub mod statistics;
pub mod table;
pub mod trace;
pub mod values;

//! Plans: hand-made cases, invariants on random traces, and an oracle in plain f64.

mod build;
mod files;
mod fixed_point;
mod hand_made;
mod importance;
mod invariants;
mod oracle;
mod quality;
mod source;
mod values;

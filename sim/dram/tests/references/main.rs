//! Cycles against two public simulators, for the same requests.
//!
//! `TAMIS_UPDATE=1 cargo test -p tamis-dram --test references` writes the table of all of them to
//! `docs/reference/dram-references.md`, which a test holds up to date.

#[path = "../common/mod.rs"]
mod common;
mod dramsim3;
mod page;
mod ramulator;
mod row;

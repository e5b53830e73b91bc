//! What pruning does to a memory: one vector in four, in order, against all of them.
//!
//! `cargo run --release -p tamis-dram --example gather`

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use tamis_arch::dram::{Command, Controller, Dram, DramError};
use tamis_dram::{Access, Injection, Kind, energy, replay};

/// Bytes of a key: 64 dimensions of 8 bits.
const VECTOR: u64 = 64;

fn main() -> Result<(), DramError> {
    for mapping in ["tamis", "RoBaRaCoCh"] {
        let dram = Dram::new("hbm2", 16, mapping, Controller::usual())?;
        for (name, every) in [("all keys", 1), ("one key in four", 4)] {
            let keys = (0..65_536u64).map(|key| Access {
                address: VECTOR * every * key + VECTOR * (key * 7 % every),
                kind: Kind::Read,
            });
            let run = replay(&dram, keys, VECTOR, Injection::InOrder);
            let seconds = run.end.0 as f64 / (dram.clock.0.get() as f64 * 1e6);
            let bytes = run.stats.read_bytes.0 as f64;
            println!(
                "{mapping:10} {name:15} {:6} cycles, {:5.1} GB/s, {:5} activates, {:.2} pJ/bit",
                run.end.0,
                bytes / seconds * 1e-9,
                run.stats.count(Command::Activate),
                energy(&dram, &run.stats).total().0 / (8.0 * bytes),
            );
        }
    }
    Ok(())
}

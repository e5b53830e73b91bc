//! Cycles of DRAMsim3 with the numbers of our HBM2.

use std::{fs, sync::LazyLock};

use tamis_arch::{
    dram::{Controller, Dram, MappingSpec, Sharing, Standard},
    fault::{Faults, Source},
};

use crate::row::{Class, Compared, Row, rows};

/// All rows, with what we make of them.
pub(crate) static COMPARED: LazyLock<Vec<Compared>> =
    LazyLock::new(|| rows("dramsim3.csv").into_iter().map(compare).collect());

/// How far off a row may be, in percent. None where the simulators differ by what they model: the reorder window (str16),
/// which bank goes first (rand64k), when writes are drained.
pub(crate) fn tolerance(row: &Row) -> Option<f64> {
    match row.class() {
        Class::Stream if !row.has_writes() => Some(1.0),
        Class::Gather => Some(3.0),
        _ => None,
    }
}

/// Queues of 512: DRAMsim3's reach as far, 32 and more for each of 16 banks beside those of the pseudo-channel.
fn compare(row: Row) -> Compared {
    let standard = standard();
    let mapping = MappingSpec::parse("RoBaRaCoCh", row.channels, &standard.organisation);
    let mapping = mapping.expect("a mapping that we know");
    let controller = Controller {
        read_queue: 512,
        write_queue: 512,
        refresh: row.refresh,
        command_bus: Sharing::Split,
        ..Controller::usual()
    };
    let name = standard.name.clone();
    let dram = Dram::of(name, standard, row.channels, mapping, controller);
    row.compare(&dram)
}

fn standard() -> Standard {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/dram/");
    let name = format!("{folder}hbm2-dramsim3.toml");
    let text = fs::read_to_string(&name).expect("it is in the repository");
    let mut faults = Faults::default();
    let standard = Standard::read(Source { name, text }, &mut faults);
    faults.into_result(standard).expect("the standard is good")
}

#[test]
fn streams_are_within_one_percent_of_dramsim3_and_gathers_within_three() {
    let judged = COMPARED.iter().filter_map(|one| Some((one, tolerance(&one.row)?)));
    let (mut count, mut off) = (0, String::new());
    for (one, allowed) in judged {
        if one.percent().abs() > allowed {
            off += &format!("\n{one}");
        }
        count += 1;
    }
    assert_eq!(count, 12, "two depths, with and without refresh, of three traces");
    assert!(off.is_empty(), "they differ by more than is allowed:{off}");
}

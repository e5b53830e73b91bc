//! Standards whose refreshes leave as little time as the rules of a standard allow: a replay of them ends all the same.

use tamis_arch::{
    dram::{Controller, Dram, MappingPreset, MappingSpec, Refresh, Sharing, Standard},
    fault::{Faults, Source},
    units::Bytes,
};
use tamis_dram::{Access, Injection, Kind, replay};

/// A standard with other spans, if it has no fault.
fn standard(base: &str, spans: &str) -> Result<Standard, Faults> {
    let text = format!(
        "extends = \"{base}\"\nname = \"edge\"\ndescription = \"an edge\"\n[timing]\n{spans}\n"
    );
    let mut faults = Faults::default();
    let standard = Standard::read(Source { name: "edge.toml".into(), text }, &mut faults);
    faults.into_result(standard)
}

fn reads_and_writes(count: u64) -> impl Iterator<Item = Access> {
    (0..count).map(|request| Access {
        address: (request * 0x1_2340) & !63,
        kind: if request % 3 == 0 { Kind::Write } else { Kind::Read },
    })
}

#[test]
fn the_shortest_refresh_interval_that_passes_lets_requests_through() {
    for (base, key, refresh, rest) in [
        ("hbm2", "REFIPB", Refresh::PerBank, "RFCPB = 130"),
        ("hbm2", "REFIPB", Refresh::PerBank, "RFCPB = 3000"),
        ("lpddr5", "REFIPB", Refresh::PerBank, ""),
        ("gddr6", "REFIPB", Refresh::PerBank, ""),
        ("hbm3", "REFIPB", Refresh::PerBank, ""),
        ("hbm2", "REFI", Refresh::AllBank, ""),
        ("ddr4", "REFI", Refresh::AllBank, ""),
    ] {
        let edge = |interval| standard(base, &format!("{key} = {interval}\n{rest}"));
        let shortest = (1..10_000).find_map(|interval| edge(interval).ok()).expect("one passes");
        for command_bus in [Sharing::Shared, Sharing::Split] {
            let mapping =
                MappingSpec::parse(MappingPreset::Tamis.name(), 1, &shortest.organisation);
            let controller = Controller { refresh, command_bus, ..Controller::usual() };
            let dram =
                Dram::of("edge".into(), shortest.clone(), 1, mapping.expect("ours"), controller);
            let played = replay(&dram, reads_and_writes(300), 64, Injection::InOrder);
            let moved = played.stats.read_bytes + played.stats.written_bytes;
            assert!(moved > Bytes(0), "{base} {key} {command_bus:?}");
        }
    }
}

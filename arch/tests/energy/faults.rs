//! Tables that are not good, and names that no table has.

use proptest::prelude::*;
use tamis_arch::{
    energy::{Action, EnergyTable},
    units::{Bits, Bytes},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_table_with_bytes_changed_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        keep in 1..=100_usize,
    ) {
        let mut bytes = include_bytes!("../../tables/40nm.toml").to_vec();
        bytes.truncate(bytes.len() * keep / 100);
        for (place, byte) in changes {
            let index = place.index(bytes.len());
            bytes[index] = byte;
        }
        let text = String::from_utf8_lossy(&bytes);
        match EnergyTable::parse("mine.toml", &text) {
            Ok(table) => {
                let price = table.price(&Action::SramRead { capacity: Bytes(8192), width: Bits(64) });
                prop_assert!(price.high.0.is_finite());
            }
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }
}

#[test]
fn an_unknown_table_is_an_error_that_lists_the_known_ones() {
    let error = EnergyTable::named("7nm").expect_err("there is none");
    assert_eq!(error.to_string(), "no energy table is called \"7nm\": there are 40nm, 28nm");
}

#[test]
fn a_table_reports_all_its_faults_with_their_rules() {
    let text = include_str!("../../tables/40nm.toml")
        .replace("low = 0.002596", "low = 0.02596")
        .replace("unit = \"nW/byte\"", "unit = \"W\"")
        .replace("sources = [\"swift\"]", "sources = [\"nobody\"]")
        .replace("low = 0.6\n", "low = 0\n")
        .replace("voltage_v = 0.9", "voltage_v = nan");
    let faults = EnergyTable::parse("mine.toml", &text).expect_err("it has faults");
    let messages: Vec<&str> = faults.iter().map(|fault| fault.message()).collect();
    assert_eq!(
        messages,
        [
            "`voltage_v` must be a finite number 0.2 to 5 (found NaN)",
            "`energy.multiply` must have low <= typical <= high (found 0.02596, 0.005191, 0.01239)",
            "`sram.leakage` must be in nW/byte (found \"W\")",
            "`area.crossbar` names a source that the table does not list: \"nobody\"",
            "`area.utilization` must be above 0 and at most 1: cells are placed in an area",
        ]
    );
    assert!(faults.to_string().contains("--> mine.toml:"));
}

//! The address map as masks: each bit of a location is the parity of some address bits.

use std::collections::BTreeMap;

use tamis_arch::Accelerator;
use tamis_rtl::parameters;

/// `spatten` with another address mapping.
fn with_mapping(mapping: &str) -> Accelerator {
    let text = format!(
        "name = 'edge'\ndescription = 'x'\nextends = 'spatten'\n[dram]\nmapping = '{mapping}'\n"
    );
    Accelerator::parse("edge.toml", &text).expect("the mapping is good")
}

fn masks(machine: &Accelerator) -> BTreeMap<String, u64> {
    let masks = parameters(machine).into_iter().filter(|each| each.name.ends_with("_MASK"));
    masks.map(|each| (each.name, each.value)).collect()
}

#[test]
fn without_exclusive_or_each_mask_is_one_bit() {
    // From the low end: 5 bits in a transaction, 4 of the channel, then 5 of the column.
    let masks = masks(&with_mapping("row bank group pseudo column channel"));
    assert_eq!(masks["ADDRESS_CHANNEL0_MASK"], 1 << 5);
    assert_eq!(masks["ADDRESS_CHANNEL3_MASK"], 1 << 8);
    assert_eq!(masks["ADDRESS_COLUMN0_MASK"], 1 << 9);
    assert_eq!(masks["ADDRESS_PSEUDO0_MASK"], 1 << 14);
    assert!(masks.values().all(|mask| mask.is_power_of_two()));
}

#[test]
fn exclusive_or_adds_the_bits_of_the_other_field() {
    let masks = masks(&with_mapping("row bank group^column[1:0] pseudo column channel"));
    // The group lies above 5 + 4 + 5 + 1 bits, the column above 5 + 4.
    assert_eq!(masks["ADDRESS_GROUP0_MASK"], 1 << 15 | 1 << 9);
    assert_eq!(masks["ADDRESS_GROUP1_MASK"], 1 << 16 | 1 << 10);
    assert_eq!(masks["ADDRESS_COLUMN0_MASK"], 1 << 9);
}

#[test]
fn two_addresses_never_meet() {
    for mapping in ["tamis", "RoBaRaCoCh", "MOP4CLXOR", "RoRaBgBaChCo"] {
        let machine = with_mapping(mapping);
        let masks = masks(&machine);
        let numbers = parameters(&machine).into_iter().map(|each| (each.name, each.value));
        let width = numbers.collect::<BTreeMap<_, _>>()["ADDRESS_BITS"];
        assert_eq!(masks.len() as u64, width - 5, "{mapping}");
        // The masks are independent as vectors over two elements: no address bit is lost.
        let mut basis = Vec::<u64>::new();
        for mut mask in masks.into_values() {
            for other in &basis {
                mask = mask.min(mask ^ other);
            }
            assert_ne!(mask, 0, "{mapping}: a bit is the sum of others");
            basis.push(mask);
            basis.sort_unstable_by(|one, other| other.cmp(one));
        }
    }
}

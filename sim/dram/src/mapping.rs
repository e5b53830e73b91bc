//! Byte address to location, by the mapping of a checked [`Dram`].

use tamis_arch::dram::{Dram, Field, Segment};

use crate::Location;

/// An address mapping, ready to be applied millions of times.
///
/// A mapping is linear over exclusive-or: the place of an address is that of its bits, joined. So it is looked up
/// a byte of the address at a time, however many exclusive-ors it has.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Address bits below those that are mapped: a byte of a transaction.
    shift: u32,
    /// Places of the values of each byte of the address, lowest first, with the fields packed into one word.
    tables: Vec<[u64; 256]>,
    /// Lowest bit of each field in the word.
    lows: [u32; Field::COUNT],
    masks: [u32; Field::COUNT],
}

impl Mapping {
    /// The mapping of a memory.
    #[must_use]
    pub fn new(dram: &Dram) -> Self {
        let widths = &dram.mapping.widths;
        let mut lows = [0; Field::COUNT];
        for field in 1..Field::COUNT {
            lows[field] = lows[field - 1] + widths[field - 1];
        }
        let masks = widths.map(|width| u32::MAX.checked_shr(32 - width).unwrap_or(0));
        let segments = &dram.mapping.segments;
        let shift = segments.first().map_or(0, |segment| segment.shift);
        let bits: u32 = widths.iter().sum();
        let places = (0..bits).map(|bit| place(segments, &lows, shift + bit)).collect::<Vec<_>>();
        let tables = places.chunks(8).map(|places| {
            let mut table = [0; 256];
            for (value, entry) in table.iter_mut().enumerate() {
                let set = places.iter().enumerate().filter(|(bit, _)| value >> bit & 1 == 1);
                *entry = set.fold(0, |joined, (_, place)| joined ^ place);
            }
            table
        });
        Self { shift, tables: tables.collect(), lows, masks }
    }

    /// Where the transaction that holds a byte address lies. Addresses beyond the capacity wrap around.
    #[inline]
    #[must_use]
    pub fn decode(&self, address: u64) -> Location {
        let mut left = address >> self.shift;
        let mut place = 0;
        for table in &self.tables {
            place ^= table[usize::from(left.to_le_bytes()[0])];
            left >>= 8;
        }
        let field = |field: Field| {
            let [a, b, c, d, ..] = (place >> self.lows[field.index()]).to_le_bytes();
            u32::from_le_bytes([a, b, c, d]) & self.masks[field.index()]
        };
        Location {
            channel: field(Field::Channel),
            pseudo: field(Field::Pseudo),
            group: field(Field::Group),
            bank: field(Field::Bank),
            row: field(Field::Row),
            column: field(Field::Column),
        }
    }
}

/// The place of the address that has one bit.
fn place(segments: &[Segment], lows: &[u32; Field::COUNT], bit: u32) -> u64 {
    let Some(own) = segments.iter().find(|s| (s.shift..s.shift + s.bits).contains(&bit)) else {
        return 0;
    };
    let at = own.low + bit - own.shift;
    let mut place = 1 << (lows[own.field.index()] + at);
    for segment in segments {
        for &(source, low) in &segment.xor {
            if source == own.field && (low..low + segment.bits).contains(&at) {
                place ^= 1 << (lows[segment.field.index()] + segment.low + at - low);
            }
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use tamis_arch::dram::{Controller, MappingPreset, STANDARDS};

    use super::*;

    fn dram(mapping: &str) -> Dram {
        Dram::new("hbm2", 16, mapping, Controller::usual()).expect("a memory")
    }

    /// As the mapping's definition says it: each field from its bits, then the exclusive-ors.
    fn slowly(dram: &Dram, address: u64) -> [u64; Field::COUNT] {
        let mut standing = [0; Field::COUNT];
        for segment in &dram.mapping.segments {
            let bits = address >> segment.shift & ((1 << segment.bits) - 1);
            standing[segment.field.index()] |= bits << segment.low;
        }
        let mut fields = standing;
        for segment in &dram.mapping.segments {
            for (source, low) in &segment.xor {
                let bits = standing[source.index()] >> low & ((1 << segment.bits) - 1);
                fields[segment.field.index()] ^= bits << segment.low;
            }
        }
        fields
    }

    proptest! {
        #[test]
        fn looking_up_gives_what_the_definition_says(
            preset in prop::sample::select(MappingPreset::ALL.as_slice()),
            address in 0u64..1 << 40,
        ) {
            let dram = dram(preset.name());
            let at = Mapping::new(&dram).decode(address);
            let found = [at.row, at.bank, at.group, at.pseudo, at.column, at.channel];
            prop_assert_eq!(found.map(u64::from), slowly(&dram, address));
        }
    }

    proptest! {
        /// A name, and a string of parts whose neighbours join.
        #[test]
        fn a_mapping_that_is_written_out_and_given_back_is_the_same(
            (standard, _) in prop::sample::select(STANDARDS),
            text in prop::sample::select(vec![
                "tamis", "MOP4CLXOR", "RoBaRaCoCh", "RoRaBgBaChCo",
                "row[:1] row[0] bank[1]^column[2] bank[0]^column[1] column group channel pseudo",
            ]),
            channels in prop::sample::select(vec![1, 2, 16, 64]),
            addresses in prop::collection::vec(0u64..1 << 44, 64),
        ) {
            let memory = |text: &str| {
                let fits = Dram::new(standard, channels, text, Controller::usual());
                fits.unwrap_or_else(|error| panic!("{standard}, {channels}: {text}: {error}"))
            };
            let named = memory(text);
            let written = memory(&named.mapping.bits());
            prop_assert_eq!(&written.mapping.bits(), &written.mapping.text);
            let [named, written] = [named, written].map(|dram| Mapping::new(&dram));
            for address in addresses {
                prop_assert_eq!(named.decode(address), written.decode(address));
            }
        }
    }

    #[test]
    fn a_mapping_is_written_in_as_few_terms_as_it_has() {
        let parts =
            "row[:4] row[3:0] bank[1]^column[4] bank[0]^column[3] group pseudo column channel";
        assert_eq!(dram(parts).mapping.bits(), "row bank^column[4:3] group pseudo column channel");
        let text = "row column[4:2] bank^column[4:3] group^column[2:1] pseudo^column[0] column[1:0] channel";
        assert_eq!(dram("MOP4CLXOR").mapping.bits(), text);
    }

    #[test]
    fn no_two_transactions_of_a_row_of_every_bank_share_a_place() {
        for preset in MappingPreset::ALL {
            let mapping = Mapping::new(&dram(preset.name()));
            // 16 channels of 32 banks of 32 columns, and two rows.
            let count = 2 * 16 * 32 * 32;
            let places = (0..count).map(|transaction| mapping.decode(32 * transaction));
            assert_eq!(places.collect::<HashSet<_>>().len(), 2 * 16 * 32 * 32, "{preset:?}");
        }
    }

    #[test]
    fn a_vector_stays_in_one_row_of_one_bank() {
        let mapping = Mapping::new(&dram("tamis"));
        for (step, bytes) in [(64, 64), (128, 96)] {
            for first in (0..1 << 20).step_by(step) {
                let row = |address| Location { column: 0, ..mapping.decode(address) };
                assert_eq!(row(first), row(first + bytes - 1), "vector at {first}");
            }
        }
    }

    #[test]
    fn sixteen_vectors_at_any_power_of_two_go_to_sixteen_channels() {
        let mapping = Mapping::new(&dram("tamis"));
        for stride in (7..25).map(|log2| 1 << log2) {
            let channels = (0..16u64).map(|vector| mapping.decode(vector * stride).channel);
            assert_eq!(channels.collect::<HashSet<_>>().len(), 16, "stride {stride}");
        }
    }
}

//! Mappings that have a name, written as strings for a memory of any size.

use super::Field;
use crate::units::Bytes;

/// Mappings with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingPreset {
    /// Row, bank, pseudo-channel, column, channel: a stream stays in a row (Ramulator's name).
    RoBaRaCoCh,
    /// Four transactions of a row, then another bank, exclusive-ored with the column (Ramulator's name).
    Mop4ClXor,
    /// Row, pseudo-channel, group, bank, channel, column: whole rows go round the channels (DRAMsim3's name).
    RoRaBgBaChCo,
    /// For vectors of 64 B or 96 B: 128 B of a row, then another channel, pseudo-channel and group; channel and
    /// bank are exclusive-ored with all that stands above, so that no power-of-two stride stays on few of them.
    Tamis,
}

impl MappingPreset {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::RoBaRaCoCh, Self::Mop4ClXor, Self::RoRaBgBaChCo, Self::Tamis];

    /// What users call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoBaRaCoCh => "RoBaRaCoCh",
            Self::Mop4ClXor => "MOP4CLXOR",
            Self::RoRaBgBaChCo => "RoRaBgBaChCo",
            Self::Tamis => "tamis",
        }
    }

    /// Its string for fields of these widths and transactions of so many bytes.
    #[must_use]
    pub fn text(self, widths: &[u32; Field::COUNT], transaction: Bytes) -> String {
        match self {
            Self::RoBaRaCoCh => "row bank group pseudo column channel".into(),
            Self::RoRaBgBaChCo => "row pseudo group bank channel column".into(),
            Self::Mop4ClXor => mop4clxor(widths),
            Self::Tamis => tamis(widths, transaction),
        }
    }
}

/// Bank, group and pseudo-channel are exclusive-ored with the column bits, the lowest bits first with the
/// pseudo-channel, as far as there are column bits.
fn mop4clxor(widths: &[u32; Field::COUNT]) -> String {
    let columns = widths[Field::Column.index()];
    let mut next = 0;
    let mut banks = String::new();
    for field in [Field::Pseudo, Field::Group, Field::Bank] {
        let width = widths[field.index()];
        let term = if width == 0 {
            field.name().to_owned()
        } else if next + width <= columns {
            format!("{}^column[{}:{next}]", field.name(), next + width - 1)
        } else {
            field.name().to_owned()
        };
        next += width;
        banks = format!("{term} {banks}");
    }
    if columns > 2 {
        format!("row column[:2] {banks}column[1:0] channel")
    } else {
        format!("row {banks}column channel")
    }
}

/// What of a row lies together in the mapping `tamis`: a vector of 64 dimensions of 8 or 12 bits.
const TOGETHER: Bytes = Bytes(128);

/// See [`MappingPreset::Tamis`].
fn tamis(widths: &[u32; Field::COUNT], transaction: Bytes) -> String {
    let columns = widths[Field::Column.index()];
    let low = (TOGETHER.0 / transaction.0).max(1).trailing_zeros().min(columns);
    let bits = |field: Field, from: u32| {
        (from..widths[field.index()]).map(move |bit| format!("{}[{bit}]", field.name()))
    };
    let all = |field: Field| bits(field, 0).collect::<Vec<_>>();
    let banks = [Field::Pseudo, Field::Group, Field::Bank].map(all).concat();
    let rows = bits(Field::Column, low).chain(bits(Field::Row, 0)).collect::<Vec<_>>();
    // In the order of the address above the channel.
    let above = [
        all(Field::Pseudo),
        all(Field::Group),
        bits(Field::Column, low).collect(),
        all(Field::Bank),
        all(Field::Row),
    ]
    .concat();
    let mut channel = folded(&all(Field::Channel), &above);
    let mut banks = folded(&banks, &rows);
    let bank = banks.split_off(banks.len() - all(Field::Bank).len());
    channel.extend(banks);
    channel.extend(bits(Field::Column, low));
    channel.extend(bank);
    let lowest = (0..low).map(|bit| format!("column[{bit}]")).collect::<Vec<_>>();
    let ascending = [lowest, channel, all(Field::Row)].concat();
    ascending.into_iter().rev().collect::<Vec<_>>().join(" ")
}

/// Each target exclusive-ored with every n-th source, n targets in turn.
fn folded(targets: &[String], sources: &[String]) -> Vec<String> {
    let mut terms = targets.to_vec();
    for (source, target) in sources.iter().zip((0..targets.len()).cycle()) {
        terms[target] = format!("{}^{source}", terms[target]);
    }
    terms
}

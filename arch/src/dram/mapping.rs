//! Which address bit is what: the address mapping of a memory, as a string.
//!
//! The string names every address bit above those inside a transaction, **most significant first**, as a
//! list of fields: `row bank group pseudo column channel`. A bare name stands for all bits of the field (none,
//! where there is one of it). `column[4:2]` is a part of it, `column[0]` one bit, `column[:2]` all from the top
//! down to bit 2. Every bit of every field appears exactly once.
//!
//! `bank^column[4:3]` is a field whose bits are those that stand there, exclusive-or those that stand for the
//! bits of another field; `^` may follow several times. Different addresses must stay different.

mod bits;
mod preset;

use serde::Serialize;

pub use self::preset::MappingPreset;
use super::Organisation;

/// A part of a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Row of a bank.
    Row,
    /// Bank of a group.
    Bank,
    /// Bank group of a pseudo-channel.
    Group,
    /// Pseudo-channel (or rank) of a channel.
    Pseudo,
    /// Transaction of a row.
    Column,
    /// Channel of the memory.
    Channel,
}

impl Field {
    /// How many fields there are.
    pub const COUNT: usize = 6;

    /// All of them, in the order of [`Field::index`].
    pub const ALL: [Self; Self::COUNT] =
        [Self::Row, Self::Bank, Self::Group, Self::Pseudo, Self::Column, Self::Channel];

    /// Its place in [`Field::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// What a mapping string calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Bank => "bank",
            Self::Group => "group",
            Self::Pseudo => "pseudo",
            Self::Column => "column",
            Self::Channel => "channel",
        }
    }
}

/// Neighbouring address bits that are neighbouring bits of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// The field.
    pub field: Field,
    /// Its lowest bit among these.
    pub low: u32,
    /// How many bits; at least 1.
    pub bits: u32,
    /// The address bit that is `low`.
    pub shift: u32,
    /// Field and lowest bit of what is exclusive-ored, as it stands in the address.
    pub xor: Vec<(Field, u32)>,
}

/// A checked mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MappingSpec {
    /// As written: a preset's name, or the string.
    pub text: String,
    /// Width of each field, by [`Field::index`].
    pub widths: [u32; Field::COUNT],
    /// Least significant first.
    pub segments: Vec<Segment>,
}

/// Why a string is not a mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Not a field, or not a range.
    #[error(
        "`{term}` is not a field of a mapping: it is one of row, bank, group, pseudo, column, channel, with an optional range such as [4:2]"
    )]
    Term {
        /// What was written.
        term: String,
    },
    /// A range that is not in the field.
    #[error("`{term}` names a bit that the field does not have: {field} has {bits} bits")]
    Range {
        /// What was written.
        term: String,
        /// The field.
        field: &'static str,
        /// Its width.
        bits: u32,
    },
    /// A range that is written from its low end up.
    #[error("`{term}` is a reversed range: the high bit comes first, as in [4:2]")]
    Reversed {
        /// What was written.
        term: String,
    },
    /// Bits that appear more than once.
    #[error("the mapping uses bit {bit} of {field} twice")]
    Twice {
        /// The field.
        field: &'static str,
        /// The bit.
        bit: u32,
    },
    /// Bits that do not appear.
    #[error("the mapping leaves out bit {bit} of {field}")]
    LeftOut {
        /// The field.
        field: &'static str,
        /// The bit.
        bit: u32,
    },
    /// Exclusive-or of fields that differ in width.
    #[error("`{term}` joins {left} bits with {right}: both sides of ^ have the same width")]
    Width {
        /// What was written.
        term: String,
        /// Bits on the left.
        left: u32,
        /// Bits on the right.
        right: u32,
    },
    /// Exclusive-ors that map two addresses to one place.
    #[error("the exclusive-ors of the mapping go in a circle: two addresses would be one place")]
    Circle,
    /// A count that is not a power of two.
    #[error("{count} {field}s: an address has whole bits, so the number is a power of two")]
    PowerOfTwo {
        /// The field.
        field: &'static str,
        /// How many there are.
        count: u32,
    },
}

impl MappingError {
    /// Whether the string alone shows it, whatever the memory is.
    #[must_use]
    pub fn is_of_the_string(&self) -> bool {
        matches!(self, Self::Term { .. } | Self::Reversed { .. })
    }
}

/// A part of a field: its lowest bit and how many.
#[derive(Clone, Copy)]
struct Part {
    field: Field,
    low: u32,
    bits: u32,
}

impl MappingSpec {
    /// Checks a mapping, by name or as a string, for a memory of so many channels.
    ///
    /// # Errors
    /// When the string is not a mapping, uses a bit twice or leaves one out, or a count is no power of two.
    pub fn parse(
        text: &str,
        channels: u32,
        organisation: &Organisation,
    ) -> Result<Self, MappingError> {
        let widths = widths(channels, organisation)?;
        let preset = MappingPreset::ALL.into_iter().find(|preset| preset.name() == text);
        let terms = preset.map_or_else(
            || text.to_owned(),
            |preset| preset.text(&widths, organisation.transaction),
        );
        let mut segments = Vec::new();
        let mut shift = organisation.transaction.0.trailing_zeros();
        for term in terms.split_whitespace().rev() {
            let mut parts = term.split('^').map(|part| parse_part(part, &widths));
            let own = parts.next().unwrap_or_else(|| parse_part(term, &widths))?;
            let xor = parts.collect::<Result<Vec<_>, _>>()?;
            if let Some(other) = xor.iter().find(|other| other.bits != own.bits) {
                let (left, right) = (own.bits, other.bits);
                return Err(MappingError::Width { term: term.into(), left, right });
            }
            if own.bits > 0 {
                let xor = xor.iter().map(|part| (part.field, part.low)).collect();
                segments.push(Segment {
                    field: own.field,
                    low: own.low,
                    bits: own.bits,
                    shift,
                    xor,
                });
                shift += own.bits;
            }
        }
        let spec = Self { text: text.into(), widths, segments };
        spec.check_coverage()?;
        spec.check_circles()?;
        Ok(spec)
    }

    fn check_coverage(&self) -> Result<(), MappingError> {
        let mut seen = [0u64; Field::COUNT];
        for segment in &self.segments {
            for bit in segment.low..segment.low + segment.bits {
                let mask = &mut seen[segment.field.index()];
                if *mask & (1 << bit) != 0 {
                    return Err(MappingError::Twice { field: segment.field.name(), bit });
                }
                *mask |= 1 << bit;
            }
        }
        for field in Field::ALL {
            let bit = seen[field.index()].trailing_ones();
            if bit < self.widths[field.index()] {
                return Err(MappingError::LeftOut { field: field.name(), bit });
            }
        }
        Ok(())
    }

    /// Places are sums, bit by bit, of address bits: no place twice if no such sum is that of others.
    fn check_circles(&self) -> Result<(), MappingError> {
        let mut sums = self.bit_sums();
        for bit in 0..sums.len() {
            let Some(pivot) = (bit..sums.len()).find(|row| sums[*row] & (1 << bit) != 0) else {
                return Err(MappingError::Circle);
            };
            sums.swap(bit, pivot);
            let sum = sums[bit];
            for other in &mut sums[bit + 1..] {
                if *other & (1 << bit) != 0 {
                    *other ^= sum;
                }
            }
        }
        Ok(())
    }

    /// For each bit of a place, in the order of the string: the address bits that it is the sum of.
    fn bit_sums(&self) -> Vec<u64> {
        let first = self.segments.first().map_or(0, |segment| segment.shift);
        let standing = |field: Field, bit: u32| {
            let mut segments = self.segments.iter();
            let found = segments.find(|segment| {
                segment.field == field && (segment.low..segment.low + segment.bits).contains(&bit)
            });
            found.map_or(0, |segment| 1 << (segment.shift - first + bit - segment.low))
        };
        let bits = self.segments.iter().flat_map(|segment| {
            (0..segment.bits).map(move |bit| {
                let own = standing(segment.field, segment.low + bit);
                segment.xor.iter().fold(own, |sum, &(field, low)| sum ^ standing(field, low + bit))
            })
        });
        bits.collect()
    }
}

fn widths(channels: u32, organisation: &Organisation) -> Result<[u32; Field::COUNT], MappingError> {
    let mut widths = [0; Field::COUNT];
    for (field, count) in [
        (Field::Row, organisation.rows),
        (Field::Bank, organisation.banks),
        (Field::Group, organisation.bank_groups),
        (Field::Pseudo, organisation.pseudo_channels),
        (Field::Column, organisation.columns),
        (Field::Channel, channels),
    ] {
        if !count.is_power_of_two() {
            return Err(MappingError::PowerOfTwo { field: field.name(), count });
        }
        widths[field.index()] = count.trailing_zeros();
    }
    Ok(widths)
}

fn parse_part(text: &str, widths: &[u32; Field::COUNT]) -> Result<Part, MappingError> {
    let unknown = || MappingError::Term { term: text.into() };
    let (name, range) = match text.split_once('[') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(']').ok_or_else(unknown)?)),
        None => (text, None),
    };
    let field = Field::ALL.into_iter().find(|field| field.name() == name).ok_or_else(unknown)?;
    let bits = widths[field.index()];
    let Some(range) = range else { return Ok(Part { field, low: 0, bits }) };
    let number = |digits: &str| digits.parse::<u32>().map_err(|_| unknown());
    let (high, low) = match range.split_once(':') {
        Some(("", low)) => (bits.checked_sub(1), number(low)?),
        Some((high, low)) => {
            let (high, low) = (number(high)?, number(low)?);
            if high < low {
                return Err(MappingError::Reversed { term: text.into() });
            }
            (Some(high), low)
        }
        None => (Some(number(range)?), number(range)?),
    };
    match high {
        Some(high) if high < bits && low <= high => Ok(Part { field, low, bits: high - low + 1 }),
        _ => Err(MappingError::Range { term: text.into(), field: field.name(), bits }),
    }
}

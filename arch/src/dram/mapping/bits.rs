//! A mapping written out: the string of its address bits, whatever name it was asked for by.

use super::{Field, MappingSpec, Segment};

impl MappingSpec {
    /// The string that names every address bit, with the exclusive-ors, as [`MappingSpec::parse`] takes it: for `tamis`
    /// and the other names, what they stand for in this memory.
    #[must_use]
    pub fn bits(&self) -> String {
        let mut joined = Vec::<Segment>::new();
        for segment in &self.segments {
            match joined.last_mut() {
                Some(below) if follows(below, segment) => below.bits += segment.bits,
                _ => joined.push(segment.clone()),
            }
        }
        joined.iter().rev().map(|segment| self.term(segment)).collect::<Vec<_>>().join(" ")
    }

    fn term(&self, segment: &Segment) -> String {
        let own = (segment.field, segment.low);
        let parts = std::iter::once(&own).chain(&segment.xor);
        parts.map(|part| self.part(part, segment.bits)).collect::<Vec<_>>().join("^")
    }

    fn part(&self, &(field, low): &(Field, u32), bits: u32) -> String {
        let name = field.name();
        match bits {
            _ if bits == self.widths[field.index()] => name.to_owned(),
            1 => format!("{name}[{low}]"),
            _ => format!("{name}[{}:{low}]", low + bits - 1),
        }
    }
}

/// Whether a segment goes on, bit for bit, with what stands below it.
fn follows(below: &Segment, above: &Segment) -> bool {
    let next = |low: u32| low + below.bits;
    let goes_on =
        below.xor.iter().zip(&above.xor).all(|(&(field, low), &other)| (field, next(low)) == other);
    (below.field, next(below.low)) == (above.field, above.low)
        && below.xor.len() == above.xor.len()
        && goes_on
}

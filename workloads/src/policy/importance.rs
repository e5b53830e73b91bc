//! Importance accumulators of a fixed width, which never wrap.

/// Unsigned accumulators that share one unit, `2^-fraction`.
///
/// Before a layer adds to them, they make room: if the largest total and the most that the layer
/// can add would not fit, all totals lose their last bit and the unit doubles, until they do. In
/// hardware this is one shift of the score memory as it is read. The order of totals stays the same
/// but for new ties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Importance {
    totals: Vec<u64>,
    fraction: i32,
    width: u32,
}

impl Importance {
    /// Fraction bits that a ranking of tokens needs at least: with fewer, a probability of `2^-13`
    /// no longer counts (facts H.8).
    pub const LEAST_FRACTION: i32 = 12;

    /// `count` accumulators of `width` bits, all 0, in units of `2^-fraction`.
    #[must_use]
    pub fn new(count: usize, width: u32, fraction: i32) -> Self {
        Self { totals: vec![0; count], fraction, width }
    }

    /// More accumulators, for tokens that join the sequence.
    pub fn grow(&mut self, count: usize) {
        self.totals.resize(count, 0);
    }

    /// Fraction bits of a total.
    #[must_use]
    pub fn fraction(&self) -> i32 {
        self.fraction
    }

    /// A total, as a key of the top-k engine.
    #[must_use]
    pub fn total(&self, place: u32) -> i64 {
        i64::try_from(self.totals[place as usize]).expect("accumulators have at most 48 bits")
    }

    /// Doubles the unit until each total can grow by `most`, which depends on the fraction bits.
    pub fn make_room(&mut self, most: impl Fn(i32) -> f64) {
        let limit = libm::exp2(f64::from(self.width));
        let mut largest = self.totals.iter().copied().max().unwrap_or(0);
        let before = self.fraction;
        // Totals have at most 48 bits, so that the sum is exact where it is near the limit.
        while largest as f64 + most(self.fraction) >= limit {
            largest >>= 1;
            self.fraction -= 1;
        }
        self.drop_bits((before - self.fraction).cast_unsigned());
    }

    /// Adds to one total.
    ///
    /// # Panics
    ///
    /// If it does not fit: room was not made for it.
    pub fn add(&mut self, place: u32, amount: u64) {
        let total = &mut self.totals[place as usize];
        *total += amount;
        assert!(*total >> self.width == 0, "an importance accumulator wrapped");
    }

    /// Divides all totals by `2^power`, without loss as far as the unit may shrink: to
    /// `2^-most_fraction`.
    pub fn divide(&mut self, power: u32, most_fraction: i32) {
        let shrunk = self.fraction + power.cast_signed();
        self.fraction = shrunk.min(most_fraction);
        self.drop_bits((shrunk - self.fraction).cast_unsigned());
    }

    fn drop_bits(&mut self, bits: u32) {
        for total in &mut self.totals {
            *total = total.checked_shr(bits).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_only_when_it_is_needed() {
        let mut importance = Importance::new(2, 8, 4);
        importance.add(0, 200);
        importance.make_room(|_| 55.0);
        assert_eq!((importance.total(0), importance.fraction()), (200, 4));
        importance.make_room(|fraction| libm::exp2(f64::from(fraction)) * 3.5);
        assert_eq!((importance.total(0), importance.fraction()), (100, 3));
    }

    #[test]
    fn a_division_keeps_the_bits_that_the_unit_has_room_for() {
        let mut importance = Importance::new(1, 32, 10);
        importance.add(0, 0b1101);
        importance.divide(3, 12);
        assert_eq!((importance.total(0), importance.fraction()), (0b110, 12));
        importance.divide(2, 20);
        assert_eq!((importance.total(0), importance.fraction()), (0b110, 14));
    }

    #[test]
    #[should_panic(expected = "an importance accumulator wrapped")]
    fn what_does_not_fit_is_a_broken_promise() {
        Importance::new(1, 8, 0).add(0, 256);
    }
}

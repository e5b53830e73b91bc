//! What a value must be.

use std::fmt;

/// The condition on a value, and the reason for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    pub(super) condition: Condition,
    because: &'static str,
}

/// What a rule asks for. A list meets it if every item does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Condition {
    /// Anything of the right type.
    Any,
    /// An integer in a range, ends included.
    Between(u64, u64),
    /// A power of two in a range, ends included.
    PowerOfTwo(u64, u64),
    /// A number in a range of reals, ends included.
    Real(f64, f64),
}

impl Rule {
    /// Anything of the right type.
    pub const ANY: Self = Self::new(Condition::Any);

    /// An integer from `least` to `most`, both included.
    #[must_use]
    pub const fn between(least: u64, most: u64) -> Self {
        Self::new(Condition::Between(least, most))
    }

    /// A power of two from `least` to `most`, both included.
    #[must_use]
    pub const fn power_of_two(least: u64, most: u64) -> Self {
        Self::new(Condition::PowerOfTwo(least, most))
    }

    /// A finite number from `least` to `most`, both included; a physical quantity.
    #[must_use]
    pub const fn real(least: f64, most: f64) -> Self {
        Self::new(Condition::Real(least, most))
    }

    /// The same rule with its reason, which ends the sentence "it must be ... because".
    #[must_use]
    pub const fn because(self, reason: &'static str) -> Self {
        Self { condition: self.condition, because: reason }
    }

    const fn new(condition: Condition) -> Self {
        Self { condition, because: "" }
    }

    /// Least and most integer that it admits: those of TOML where it names none.
    #[must_use]
    pub fn integer_range(&self) -> (u64, u64) {
        match self.condition {
            Condition::Between(least, most) | Condition::PowerOfTwo(least, most) => (least, most),
            Condition::Any | Condition::Real(..) => (0, i64::MAX.cast_unsigned()),
        }
    }

    /// Least and most number that it admits.
    #[must_use]
    pub fn real_range(&self) -> (f64, f64) {
        match self.condition {
            Condition::Real(least, most) => (least, most),
            _ => (f64::MIN, f64::MAX),
        }
    }

    /// Whether only powers of two will do.
    #[must_use]
    pub fn wants_power_of_two(&self) -> bool {
        matches!(self.condition, Condition::PowerOfTwo(..))
    }

    /// Whether an integer meets it.
    #[must_use]
    pub fn admits(&self, integer: u64) -> bool {
        let (least, most) = self.integer_range();
        (least..=most).contains(&integer)
            && (!self.wants_power_of_two() || integer.is_power_of_two())
    }

    /// The reason, which may be empty.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.because
    }
}

/// The condition in words, without the type and the unit: "a power of two, 1 to 64".
impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.condition {
            Condition::Any => Ok(()),
            Condition::Between(least, most) if least == most => write!(out, "{least}"),
            Condition::Between(least, most) => write!(out, "{least} to {most}"),
            Condition::PowerOfTwo(least, most) => {
                write!(out, "a power of two, {least} to {most}")
            }
            Condition::Real(least, most) => write!(out, "{least} to {most}"),
        }
    }
}

//! Types that a value of a description can have.

use std::num::NonZeroU64;

/// A value as a file writes it.
pub use toml::Value as Written;

use super::{
    rule::Rule,
    spelling::closest,
    tree::{Node, Value},
};
use crate::{
    fault::Faults,
    units::{Bits, Bytes, Cycles, Megahertz},
};

/// A type that a value of a description can have: how it is read and written, and what it is called.
pub trait Parameter: Sized {
    /// Its unit, as people write it; empty for plain numbers.
    const UNIT: &'static str = "";

    /// What a key of a block ends in, so that nobody takes a number for another unit. Times are in
    /// cycles throughout and have none.
    const SUFFIX: &'static str = "";

    /// What sort of value it is.
    fn kind() -> Kind;

    /// The value of a node, if it has the type and meets the rule; if not, notes why.
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self>;

    /// The value as a file writes it.
    fn write(&self) -> Written;
}

/// What sort of value a parameter is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A whole number.
    Integer,
    /// A number.
    Real,
    /// `true` or `false`.
    Flag,
    /// A string.
    Text,
    /// One of the names.
    Choice(&'static [Named]),
    /// A list of values of one sort.
    List(Box<Self>),
}

/// A name that a choice offers, and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// What the file says.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// What reading one value needs to know: its name, its rule, and where faults go.
#[derive(Debug)]
pub struct Reading<'r> {
    /// Section and key, as messages call it.
    pub name: &'r str,
    /// What the value must be.
    pub rule: Rule,
    /// Where faults go.
    pub faults: &'r mut Faults,
}

impl Reading<'_> {
    /// Notes that a node is not what it must be; `wanted` ends the sentence "it must be".
    pub fn refuse(&mut self, node: &Node, wanted: &str) {
        let reason = match self.rule.reason() {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        let message = format!("`{}` must be {wanted}{reason} (found {})", self.name, node.value);
        self.faults.note(message, [node.place.clone()]);
    }

    /// Which of the names a node says, by its place in the list; if none, notes them all.
    pub fn choice(&mut self, node: &Node, names: &[&str]) -> Option<usize> {
        let Value::Text(text) = &node.value else {
            self.refuse(node, &format!("one of {}", listed(names)));
            return None;
        };
        let found = names.iter().position(|name| name == text);
        if found.is_none() {
            let hint = match closest(text, names.iter().copied()) {
                Some(near) => format!("; did you mean \"{near}\"?"),
                None => String::new(),
            };
            let name = self.name;
            let wanted = listed(names);
            let message = format!("`{name}` must be one of {wanted} (found {}){hint}", node.value);
            self.faults.note(message, [node.place.clone()]);
        }
        found
    }

    /// The integer of a node, if it meets the rule.
    fn integer(&mut self, node: &Node, unit: &str) -> Option<u64> {
        let integer = match node.value {
            Value::Integer(Some(integer)) => u64::try_from(integer).ok(),
            _ => None,
        };
        let admitted = integer.filter(|integer| self.rule.admits(*integer));
        if admitted.is_none() {
            let condition = self.rule.to_string();
            let (least, most) = self.rule.integer_range();
            let wanted = if !matches!(node.value, Value::Integer(_)) {
                format!("an integer, {condition}")
            } else if condition.is_empty() {
                format!("{least} to {most}")
            } else {
                condition
            };
            self.refuse(node, format!("{} {unit}", wanted.trim_end_matches(", ")).trim_end());
        }
        admitted
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// Integers, and units that count.
macro_rules! integers {
    ($($type:ty, $unit:literal, $suffix:literal, $from:expr, $to:expr;)+) => {$(
        impl Parameter for $type {
            const UNIT: &'static str = $unit;
            const SUFFIX: &'static str = $suffix;

            fn kind() -> Kind {
                Kind::Integer
            }

            fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
                let integer = reading.integer(node, $unit)?;
                let value = $from(integer);
                if value.is_none() {
                    reading.refuse(node, "a number that its type can hold");
                }
                value
            }

            fn write(&self) -> Written {
                // Rules admit no more than TOML's own integers.
                Written::Integer(i64::try_from($to(self)).unwrap_or(i64::MAX))
            }
        }
    )+};
}

integers! {
    u32, "", "", |integer| Self::try_from(integer).ok(), |value: &Self| u64::from(*value);
    u64, "", "", Some, |value: &Self| *value;
    Bits, "bits", "_bits",
        |integer| u32::try_from(integer).ok().map(Self), |value: &Self| u64::from(value.0);
    Bytes, "bytes", "_bytes", |integer| Some(Self(integer)), |value: &Self| value.0;
    Cycles, "cycles", "", |integer| Some(Self(integer)), |value: &Self| value.0;
    Megahertz, "MHz", "_mhz",
        |integer| NonZeroU64::new(integer).map(Self), |value: &Self| value.0.get();
}

impl Parameter for bool {
    fn kind() -> Kind {
        Kind::Flag
    }

    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        match node.value {
            Value::Flag(flag) => Some(flag),
            _ => {
                reading.refuse(node, "true or false");
                None
            }
        }
    }

    fn write(&self) -> Written {
        Written::Boolean(*self)
    }
}

impl Parameter for f64 {
    fn kind() -> Kind {
        Kind::Real
    }

    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let (least, most) = reading.rule.real_range();
        let number = match node.value {
            Value::Float(float) => Some(float),
            Value::Integer(Some(integer)) => Some(integer as Self),
            _ => None,
        };
        // A comparison with what is not a number is false, so that it is refused too.
        let admitted = number.filter(|number| *number >= least && *number <= most);
        if admitted.is_none() {
            let wanted = format!("a finite number {}", reading.rule);
            reading.refuse(node, wanted.trim_end());
        }
        admitted
    }

    fn write(&self) -> Written {
        Written::Float(*self)
    }
}

impl Parameter for String {
    fn kind() -> Kind {
        Kind::Text
    }

    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(text) if !text.trim().is_empty() => Some(text.clone()),
            _ => {
                reading.refuse(node, "a string that is not empty");
                None
            }
        }
    }

    fn write(&self) -> Written {
        Written::String(self.clone())
    }
}

impl<T: Parameter> Parameter for Vec<T> {
    const UNIT: &'static str = T::UNIT;
    const SUFFIX: &'static str = T::SUFFIX;

    fn kind() -> Kind {
        Kind::List(Box::new(T::kind()))
    }

    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let Value::List(items) = &node.value else {
            reading.refuse(node, "a list");
            return None;
        };
        // Every item is read before the first one that is wrong makes the list wrong.
        let items = items.iter().map(|item| T::read(item, reading)).collect::<Vec<_>>();
        items.into_iter().collect()
    }

    fn write(&self) -> Written {
        Written::Array(self.iter().map(T::write).collect())
    }
}

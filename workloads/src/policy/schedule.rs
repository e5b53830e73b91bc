//! How much each layer keeps: shares, the paper's rule, and explicit lists.

use tamis_arch::reader::{Kind, Node, Parameter, Reading, Rule, Value, Written};

/// A share of a whole: more than 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(f64);

/// How far below a whole number a share of a count may lie and still be that number: more than the
/// rounding of any product of f64, less than any share that is meant.
const TOLERANCE: f64 = 1e-6;

impl Share {
    /// All of it.
    pub const ALL: Self = Self(1.0);

    /// What a share must be.
    pub const RULE: Rule = Rule::real(1e-6, 1.0)
        .because("a share of 0 keeps nothing, and more than 1 keeps more than there are");

    /// The share of `count`, rounded down: 0.29 of 100 is 29.
    #[must_use]
    pub fn of(self, count: u32) -> u32 {
        let part = libm::floor(self.0 * f64::from(count) + TOLERANCE);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share is no more than the whole"
        )]
        let part = part as u32;
        part
    }

    /// As a number.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0
    }
}

impl Parameter for Share {
    fn kind() -> Kind {
        Kind::Real
    }

    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        f64::read(node, reading).map(Self)
    }

    fn write(&self) -> Written {
        Written::Float(self.0)
    }
}

/// What layers keep of all there is.
#[derive(Clone, Debug, PartialEq)]
pub enum Keep {
    /// This much on average over the layers that prune, by the paper's rule.
    Average(Share),
    /// The share of each layer.
    Layers(Vec<Share>),
}

impl Keep {
    /// The share that each layer keeps.
    ///
    /// The paper's rule (section VI-A): the first `start` of the layers (at least one, rounded up)
    /// keep all; over the others the share falls linearly, its first and last value adding up to
    /// twice the average. Where the paper leaves the slope open, the first is one and a half times
    /// the average, or 1 if that is less: 0.5 falls from 0.75 to 0.25, and 0.9 from 1 to 0.8.
    ///
    /// # Errors
    ///
    /// If a list has not one entry a layer.
    pub fn shares(&self, start: Share, layers: u32) -> Result<Vec<Share>, String> {
        match self {
            Self::Average(average) => Ok(by_the_papers_rule(*average, start, layers)),
            Self::Layers(shares) if shares.len() == layers as usize => Ok(shares.clone()),
            Self::Layers(shares) => Err(format!(
                "must have one entry for each layer of the trace, {layers} in all (found {})",
                shares.len()
            )),
        }
    }

    /// Whether a layer may come to keep none of `count`, which an explicit list must not ask for.
    ///
    /// # Errors
    ///
    /// If an entry of a list rounds down to none.
    pub fn check_count(&self, count: u32, of: &str) -> Result<(), String> {
        let Self::Layers(shares) = self else { return Ok(()) };
        let empty = shares.iter().position(|share| share.of(count) == 0);
        empty.map_or(Ok(()), |layer| {
            let share = shares[layer].value();
            Err(format!("keeps 0 of {count} {of} in layer {layer} ({share} of them, rounded down)"))
        })
    }
}

fn by_the_papers_rule(average: Share, start: Share, layers: u32) -> Vec<Share> {
    let spared = libm::ceil(f64::from(layers) * start.0 - TOLERANCE).max(1.0);
    let steps = f64::from(layers) - spared - 1.0;
    let first = f64::min(1.5 * average.0, 1.0);
    let last = 2.0 * average.0 - first;
    let share = |layer: u32| match f64::from(layer) - spared {
        step if step < 0.0 => Share::ALL,
        _ if steps <= 0.0 => average,
        step => Share(first + (last - first) * step / steps),
    };
    (0..layers).map(share).collect()
}

/// A number, or a list of them that starts with 1 and never rises.
impl Parameter for Keep {
    fn kind() -> Kind {
        Kind::Real
    }

    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let Value::List(items) = &node.value else {
            return Share::read(node, reading).map(Self::Average);
        };
        let shares = Vec::<Share>::read(node, reading)?;
        let name = reading.name;
        if shares.first().is_some_and(|&first| first < Share::ALL) {
            let message = format!("`{name}` must start with 1: the first layer has them all");
            reading.faults.note(message, [items[0].place.clone()]);
            return None;
        }
        if let Some(risen) = shares.windows(2).position(|pair| pair[1] > pair[0]) {
            let message =
                format!("`{name}` must not rise from layer to layer: what is pruned stays pruned");
            reading.faults.note(message, [items[risen + 1].place.clone()]);
            return None;
        }
        Some(Self::Layers(shares))
    }

    fn write(&self) -> Written {
        match self {
            Self::Average(share) => share.write(),
            Self::Layers(shares) => shares.write(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(average: f64, start: f64, layers: u32) -> Vec<f64> {
        let shares = Keep::Average(Share(average)).shares(Share(start), layers);
        shares.unwrap().into_iter().map(Share::value).collect()
    }

    #[test]
    fn the_papers_rule_spares_the_first_layers_and_falls_linearly() {
        let expected = [1.0, 1.0, 0.75, 0.625, 0.5, 0.375, 0.25];
        for (share, expected) in rule(0.5, 0.15, 7).into_iter().zip(expected) {
            assert!((share - expected).abs() < 1e-12, "{share} for {expected}");
        }
    }

    #[test]
    fn the_average_over_the_layers_that_prune_is_the_one_asked_for() {
        for average in [0.1, 0.3, 0.5, 0.7, 0.9, 1.0] {
            let pruned = &rule(average, 0.3, 30)[9..];
            let mean = pruned.iter().sum::<f64>() / 21.0;
            assert!((mean - average).abs() < 1e-12, "{mean} for {average}");
            assert!(pruned.is_sorted_by(|one, next| one >= next));
        }
    }

    #[test]
    fn the_first_layer_keeps_all_whatever_the_start() {
        let exactly = |shares: Vec<f64>, expected: &[f64]| {
            shares.len() == expected.len()
                && shares.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-9)
        };
        assert!(exactly(rule(0.5, 0.0, 2), &[1.0, 0.5]));
        assert!(exactly(rule(0.5, 1.0, 3), &[1.0, 1.0, 1.0]));
        assert!(exactly(rule(0.5, 0.15, 1), &[1.0]));
    }

    #[test]
    fn a_share_of_a_count_rounds_down_as_on_paper() {
        assert_eq!(Share(0.29).of(100), 29);
        assert_eq!(Share(0.9).of(1024), 921);
        assert_eq!(Share(1.0 / 3.0).of(48), 16);
        assert_eq!(Share(0.9999).of(10), 9);
        assert_eq!(Share::ALL.of(1 << 20), 1 << 20);
    }
}

//! How much each layer keeps: shares, the paper's rule, and explicit lists.

use tamis_arch::reader::{Kind, Node, Parameter, Reading, Rule, Value, Written};

/// A share of a whole, in millionths: what is left of a count is then a matter of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

const MILLION: u32 = 1_000_000;

impl Share {
    /// All of it.
    pub const ALL: Self = Self(MILLION);

    /// What a share must be.
    pub const RULE: Rule = Rule::real(1e-6, 1.0)
        .because("a share of 0 keeps nothing, and more than 1 keeps more than there are");

    /// Rounded to a millionth.
    ///
    /// # Panics
    ///
    /// If the share is not 0 to 1.
    #[must_use]
    pub fn new(share: f64) -> Self {
        assert!((0.0..=1.0).contains(&share), "a share is 0 to 1");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is 0 to a million"
        )]
        let millionths = libm::round(share * f64::from(MILLION)) as u32;
        Self(millionths)
    }

    /// The share of `count`, rounded down.
    #[must_use]
    pub fn of(self, count: u32) -> u32 {
        let share = u64::from(count) * u64::from(self.0) / u64::from(MILLION);
        u32::try_from(share).expect("a share is no more than the whole")
    }

    /// As a number.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.0) / f64::from(MILLION)
    }
}

impl Parameter for Share {
    fn kind() -> Kind {
        Kind::Real
    }

    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        f64::read(node, reading).map(Self::new)
    }

    fn write(&self) -> Written {
        Written::Float(self.value())
    }
}

/// What layers keep of all there is.
#[derive(Clone, Debug, PartialEq, Eq)]
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
                "must have one entry for each of the {layers} layers of the trace (found {})",
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
    let spared = (u64::from(layers) * u64::from(start.0)).div_ceil(u64::from(MILLION)).max(1);
    let pruned = u64::from(layers).saturating_sub(spared);
    let first = u64::from(average.0 + average.0 / 2).min(u64::from(MILLION));
    let last = 2 * u64::from(average.0) - first;
    let steps = pruned.saturating_sub(1);
    let falling = (0..pruned).map(|step| match steps {
        0 => average,
        steps => {
            let share = (first * (steps - step) + last * step) / steps;
            Share(u32::try_from(share).expect("it lies between two shares"))
        }
    });
    let all = (0..u64::from(layers) - pruned).map(|_| Share::ALL);
    all.chain(falling).collect()
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
        if shares.first().is_some_and(|&first| first != Share::ALL) {
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
        let shares = Keep::Average(Share::new(average)).shares(Share::new(start), layers);
        shares.unwrap().into_iter().map(Share::value).collect()
    }

    #[test]
    fn the_papers_rule_spares_the_first_layers_and_falls_linearly() {
        let expected = [1.0, 1.0, 0.75, 0.625, 0.5, 0.375, 0.25];
        for (share, expected) in rule(0.5, 0.15, 7).into_iter().zip(expected) {
            assert!((share - expected).abs() < 2e-6, "{share} for {expected}");
        }
    }

    #[test]
    fn the_average_over_the_layers_that_prune_is_the_one_asked_for() {
        for average in [0.1, 0.3, 0.5, 0.7, 0.9, 1.0] {
            let pruned = &rule(average, 0.3, 30)[9..];
            let mean = pruned.iter().sum::<f64>() / 21.0;
            assert!((mean - average).abs() < 1e-5, "{mean} for {average}");
            assert!(pruned.is_sorted_by(|one, next| one >= next));
        }
    }

    #[test]
    fn the_first_layer_keeps_all_whatever_the_start() {
        let exactly = |shares: Vec<f64>, expected: &[f64]| {
            shares.len() == expected.len()
                && shares.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-9)
        };
        assert!(exactly(rule(0.5, 1e-6, 2), &[1.0, 0.5]));
        assert!(exactly(rule(0.5, 1.0, 3), &[1.0, 1.0, 1.0]));
        assert!(exactly(rule(0.5, 0.15, 1), &[1.0]));
    }

    #[test]
    fn a_share_of_a_count_rounds_down_as_integers_do() {
        assert_eq!(Share::new(0.29).of(100), 29);
        assert_eq!(Share::new(0.9).of(1024), 921);
        assert_eq!(Share::new(0.999_999).of(10), 9);
        assert_eq!(Share::ALL.of(u32::MAX), u32::MAX);
    }
}

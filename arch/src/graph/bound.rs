//! The maximum cycle ratio of a timed event graph: how fast a machine of blocks and bounded links can
//! ever go.
//!
//! An event of a node needs an item on each arc that enters it; `delay` cycles after an event of its
//! tail an arc has one more. A cycle of arcs then takes at least the sum of its delays for each round
//! of the items on it, so that the time between events is at least the largest sum of delays over sum
//! of items (F. Baccelli, G. Cohen, G. J. Olsder, J.-P. Quadrat, Synchronization and Linearity, Wiley 1992).
//!
//! Found exactly: from any cycle, its ratio is a lower bound; a cycle with a larger one is a cycle of
//! positive weight in the graph whose arcs weigh delay - ratio x items, which Bellman and Ford find; and
//! so on until there is none. Each ratio is that of a simple cycle and larger than the one before, so
//! that the search ends.

use super::ratio::Ratio;

/// An arc of a timed event graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arc {
    /// Node whose events it waits for.
    pub from: usize,
    /// Node that it lets go on.
    pub to: usize,
    /// Cycles from one to the other.
    pub delay: Ratio,
    /// Items on it at the start.
    pub items: Ratio,
}

/// What holds a graph up most.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// There is no cycle: nothing bounds it.
    None,
    /// The cycle with the largest ratio.
    Cycle {
        /// Cycles between events.
        ratio: Ratio,
        /// Its arcs, by their place in the list, in order.
        arcs: Vec<usize>,
    },
    /// A cycle without an item: nothing on it can ever happen.
    Deadlock {
        /// Its arcs.
        arcs: Vec<usize>,
    },
}

/// The bound of the graph of `nodes` nodes.
///
/// # Panics
/// If an arc names a node that is not there.
#[must_use]
pub fn maximum_cycle_ratio(nodes: usize, arcs: &[Arc]) -> Bound {
    let delays = to_common_denominator(arcs.iter().map(|arc| arc.delay));
    let items = to_common_denominator(arcs.iter().map(|arc| arc.items));
    let sum = |of: &Whole, cycle: &[usize]| cycle.iter().map(|&arc| of.values[arc]).sum::<i128>();
    let mut bound = Bound::None;
    // Delay and items of the best cycle so far; before the first, any cycle with a delay is better.
    let (mut delay, mut held) = (0, 1);
    loop {
        let weight = |arc: usize| held * delays.values[arc] - delay * items.values[arc];
        let Some(cycle) = positive_cycle(nodes, arcs, &weight) else { return bound };
        (delay, held) = (sum(&delays, &cycle), sum(&items, &cycle));
        if held == 0 {
            return Bound::Deadlock { arcs: cycle };
        }
        let ratio = Ratio::new(
            delay.unsigned_abs() * items.denominator,
            held.unsigned_abs() * delays.denominator,
        );
        bound = Bound::Cycle { ratio, arcs: cycle };
    }
}

/// Fractions as whole numbers of one fraction.
struct Whole {
    values: Vec<i128>,
    denominator: u128,
}

fn to_common_denominator(ratios: impl Iterator<Item = Ratio> + Clone) -> Whole {
    let denominator = ratios.clone().fold(1, |shared, ratio| {
        // The least common multiple, as what is left of one by the other in lowest terms.
        shared * Ratio::new(ratio.denominator(), shared).numerator()
    });
    let whole = |ratio: Ratio| ratio.numerator() * (denominator / ratio.denominator());
    let values = ratios.map(|ratio| i128::try_from(whole(ratio)).expect("sizes are small"));
    Whole { values: values.collect(), denominator }
}

/// A cycle of positive weight, if there is one: longest paths still grow after as many rounds as there
/// are nodes.
fn positive_cycle(
    nodes: usize,
    arcs: &[Arc],
    weight: &dyn Fn(usize) -> i128,
) -> Option<Vec<usize>> {
    let mut reach = vec![0; nodes];
    let mut came_by = vec![None; nodes];
    let mut grown = None;
    for _ in 0..=nodes {
        grown = None;
        for (index, arc) in arcs.iter().enumerate() {
            let reached = reach[arc.from] + weight(index);
            if reached > reach[arc.to] {
                reach[arc.to] = reached;
                came_by[arc.to] = Some(index);
                grown = Some(arc.to);
            }
        }
        grown?;
    }
    // So many steps back from a node that still grew lead into the cycle.
    let back = |node: usize| came_by[node].expect("a node on the cycle was reached by an arc");
    let start = (0..nodes).fold(grown?, |node, _| arcs[back(node)].from);
    let mut cycle = vec![back(start)];
    while arcs[cycle[cycle.len() - 1]].from != start {
        cycle.push(back(arcs[cycle[cycle.len() - 1]].from));
    }
    cycle.reverse();
    Some(cycle)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arc(from: usize, to: usize, delay: u32, items: u32) -> Arc {
        Arc { from, to, delay: Ratio::whole(delay), items: Ratio::whole(items) }
    }

    /// Slow and obvious: every simple cycle, by walking from its smallest node.
    fn by_enumeration(nodes: usize, arcs: &[Arc]) -> Bound {
        let mut best = Bound::None;
        for start in 0..nodes {
            walk(start, &mut vec![start], &mut Vec::new(), arcs, &mut best);
        }
        best
    }

    fn walk(
        start: usize,
        path: &mut Vec<usize>,
        taken: &mut Vec<usize>,
        arcs: &[Arc],
        best: &mut Bound,
    ) {
        for (index, arc) in arcs.iter().enumerate() {
            if arc.from != path[path.len() - 1] || arc.to < start {
                continue;
            }
            taken.push(index);
            if arc.to == start {
                keep_larger(taken, arcs, best);
            } else if !path.contains(&arc.to) {
                path.push(arc.to);
                walk(start, path, taken, arcs, best);
                path.pop();
            }
            taken.pop();
        }
    }

    fn keep_larger(cycle: &[usize], arcs: &[Arc], best: &mut Bound) {
        let delay = cycle.iter().map(|&index| arcs[index].delay.numerator()).sum::<u128>();
        let items = cycle.iter().map(|&index| arcs[index].items.numerator()).sum::<u128>();
        match best {
            Bound::Deadlock { .. } => {}
            _ if items == 0 && delay > 0 => *best = Bound::Deadlock { arcs: cycle.to_vec() },
            _ if delay == 0 => {}
            Bound::Cycle { ratio, .. } if *ratio >= Ratio::new(delay, items) => {}
            _ => *best = Bound::Cycle { ratio: Ratio::new(delay, items), arcs: cycle.to_vec() },
        }
    }

    #[test]
    fn a_ring_of_two_links_goes_at_the_rate_of_its_items() {
        // Two blocks, 3 cycles there and 1 back, 2 items on the way: 2 cycles an item.
        let arcs = [arc(0, 1, 3, 0), arc(1, 0, 1, 2)];
        let found = maximum_cycle_ratio(2, &arcs);
        assert_eq!(found, Bound::Cycle { ratio: Ratio::whole(2_u32), arcs: vec![0, 1] });
    }

    #[test]
    fn the_slowest_of_two_rings_bounds_both() {
        let arcs = [arc(0, 1, 1, 0), arc(1, 0, 1, 2), arc(1, 2, 4, 0), arc(2, 1, 1, 3)];
        let Bound::Cycle { ratio, arcs } = maximum_cycle_ratio(3, &arcs) else { panic!("cycles") };
        assert_eq!((ratio, arcs.len()), (Ratio::new(5, 3), 2));
    }

    #[test]
    fn fractions_of_items_and_delays_are_exact() {
        let arcs = [
            Arc { from: 0, to: 1, delay: Ratio::new(7, 3), items: Ratio::whole(0_u32) },
            Arc { from: 1, to: 0, delay: Ratio::new(1, 2), items: Ratio::new(5, 4) },
        ];
        let Bound::Cycle { ratio, .. } = maximum_cycle_ratio(2, &arcs) else { panic!("a cycle") };
        assert_eq!(ratio, Ratio::new(17 * 4, 6 * 5));
    }

    #[test]
    fn a_chain_is_bounded_by_nothing_and_a_ring_without_items_never_moves() {
        assert_eq!(maximum_cycle_ratio(3, &[arc(0, 1, 5, 0), arc(1, 2, 5, 0)]), Bound::None);
        let ring = [arc(0, 1, 1, 0), arc(1, 0, 1, 0)];
        assert!(matches!(maximum_cycle_ratio(2, &ring), Bound::Deadlock { .. }));
    }

    proptest! {
        #[test]
        fn the_bound_is_that_of_every_cycle_tried(
            arcs in prop::collection::vec((0usize..5, 0usize..5, 0u32..9, 0u32..4), 0..12),
        ) {
            let arcs = arcs.into_iter().map(|(from, to, delay, items)| arc(from, to, delay, items));
            let arcs = arcs.collect::<Vec<_>>();
            match (maximum_cycle_ratio(5, &arcs), by_enumeration(5, &arcs)) {
                (Bound::Cycle { ratio, arcs: cycle }, Bound::Cycle { ratio: expected, .. }) => {
                    prop_assert_eq!(ratio, expected);
                    // The cycle that is named is one, and has that ratio.
                    let steps = cycle.iter().zip(cycle.iter().cycle().skip(1));
                    for (&one, &next) in steps {
                        prop_assert_eq!(arcs[one].to, arcs[next].from);
                    }
                    let mut named = Bound::None;
                    keep_larger(&cycle, &arcs, &mut named);
                    let holds = matches!(named, Bound::Cycle { ratio, .. } if ratio == expected);
                    prop_assert!(holds, "the cycle has another ratio: {named:?}");
                }
                (Bound::Deadlock { .. }, Bound::Deadlock { .. }) | (Bound::None, Bound::None) => {}
                (found, expected) => prop_assert!(false, "{found:?}, not {expected:?}"),
            }
        }
    }
}

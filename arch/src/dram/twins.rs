//! Commands that do what another does, for more banks or with a precharge behind: what holds the one holds the other.
//!
//! A controller asks when a read may issue and then lets it close its row, so a read with auto-precharge must not be held
//! longer than one without. And a precharge of all banks is one of each.

use super::{Command, Constraint, Level};
use crate::reader::Section;

/// Notes each command that is held where its twin is not, or for longer: the first such constraint of each.
pub(super) fn refuse_unlike(
    constraints: &[Vec<Constraint>],
    occupancy: &[u32; Command::COUNT],
    root: &mut Section<'_, '_>,
) {
    let twins = [
        (Command::ReadAuto, Command::Read),
        (Command::WriteAuto, Command::Write),
        (Command::Precharge, Command::PrechargeAll),
    ];
    for (held, twin) in twins {
        let rules = || constraints.iter().flatten();
        let found = rules().filter(|rule| rule.to == held).find_map(|rule| {
            let clocks = rule.spacing(occupancy);
            let like = rules().filter(|other| reaches(other, rule, twin));
            let of_twin = like.map(|other| other.spacing(occupancy)).max().unwrap_or(0);
            (of_twin < clocks).then_some((rule, clocks, of_twin))
        });
        if let Some((rule, clocks, of_twin)) = found {
            let [held, twin, from] = [held, twin, rule.from].map(Command::name);
            root.note(
                "constraint",
                &format!(
                    "holds {held} for {clocks} clocks after {from}, by {}, and {twin} for {of_twin}: what holds \
                     {held} must hold {twin} as long",
                    rule.name
                ),
            );
        }
    }
}

/// Whether a constraint holds the twin wherever a rule holds its command. A command to all banks of a pseudo-channel
/// meets those of a bank at that level.
fn reaches(other: &Constraint, rule: &Constraint, twin: Command) -> bool {
    let level = if twin == Command::PrechargeAll {
        rule.level.min(Level::PseudoChannel)
    } else {
        rule.level
    };
    (other.from, other.to, other.window) == (rule.from, twin, rule.window) && other.level <= level
}

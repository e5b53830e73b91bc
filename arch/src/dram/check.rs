//! What must hold between the numbers of a standard, beyond what each says alone: rules that a memory cannot break,
//! whatever its maker does.

use super::{Command, Level, Standard, read::Spans};
use crate::reader::Section;

/// Notes what contradicts itself, at the span in `timing` that a reader would change first.
pub(super) fn check(standard: &Standard, spans: &Spans, timing: &mut Section<'_, '_>) {
    let refreshes = [all_banks(standard), single_banks(standard)];
    for (key, message) in refreshes.into_iter().flatten() {
        timing.note(key, &message);
    }
    for &(long, short, why) in AT_LEAST {
        let (Some(&found), Some(&least)) = (spans.get(long), spans.get(short)) else { continue };
        if found > 0 && found < least {
            let message = format!(
                "must be at least `{short}`, which is {least}, or 0: {why} (found {found})"
            );
            timing.note(long, &message);
        }
    }
}

/// A span, one that it cannot be shorter than, and why. A span of 0 does not constrain anything: that is how files leave
/// out what a standard does not have.
const AT_LEAST: &[(&str, &str, &str)] = &[
    ("RAS", "RCDRD", "a row is open until it can be read"),
    ("RAS", "RCDWR", "a row is open until it can be written"),
    ("CCDL", "CCDS", SAME_GROUP),
    ("CCDLW", "CCDSW", SAME_GROUP),
    ("RRDL", "RRDS", SAME_GROUP),
    ("WTRL", "WTRS", SAME_GROUP),
    ("FAW", "RRDS", "a window of four activates holds the distance of two"),
    ("RPA", "RP", "what closes all banks closes each"),
];

const SAME_GROUP: &str = "the rule for other bank groups holds in the same one, too";

/// Refreshes of all banks that come faster than they end let no row be opened, and a replay never ends.
fn all_banks(standard: &Standard) -> Option<(&'static str, String)> {
    // The refreshes of a channel's pseudo-channels follow each other on the bus.
    let held =
        standard.organisation.pseudo_channels * standard.occupancy[Command::RefreshAll.index()];
    let taken = held + longest(standard, Command::RefreshAll, |_| true);
    (standard.timing.refresh_interval <= taken).then(|| ("REFI", no_time("all banks", taken)))
}

/// The same of refreshes of one bank after the other. Where they come slower than this, a refresh that waited, with all
/// others behind it, is caught up with, a row of another bank can be opened before the next one, and each bank has such
/// a time in its round.
fn single_banks(standard: &Standard) -> Option<(&'static str, String)> {
    let interval = u64::from(standard.timing.bank_refresh_interval);
    if !standard.refreshes_banks() {
        return None;
    }
    let held = standard.occupancy[Command::RefreshBank.index()];
    let other = held + longest(standard, Command::RefreshBank, |level| level != Level::Bank);
    if interval <= u64::from(other) {
        return Some(("REFIPB", no_time("a bank", other)));
    }
    let own = held + longest(standard, Command::RefreshBank, |level| level == Level::Bank);
    let banks = standard.organisation.banks_per_channel();
    (interval * u64::from(banks) <= u64::from(own)).then(|| {
        let message = format!(
            "times {banks} banks must be more than the {own} clocks that a refresh of a bank takes: no row of it could \
             be opened before its next one"
        );
        ("REFIPB", message)
    })
}

fn no_time(whose: &str, taken: u32) -> String {
    format!(
        "must be more than the {taken} clocks that a refresh of {whose} keeps others waiting: no row could be opened \
         between two"
    )
}

/// The longest distance from a refresh to an activate or another refresh, of rules at some levels.
fn longest(standard: &Standard, refresh: Command, levels: impl Fn(Level) -> bool) -> u32 {
    let follows = [Command::Activate, refresh];
    let rules = standard.constraints.iter().filter(|rule| {
        rule.from == refresh && follows.contains(&rule.to) && rule.window == 1 && levels(rule.level)
    });
    rules.map(|rule| standard.spacing(rule)).max().unwrap_or(0)
}

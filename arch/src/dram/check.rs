//! What must hold between the numbers of a standard, beyond what each says alone: rules that a memory cannot break,
//! whatever its maker does.

use std::sync::Arc;

use super::{Command, DataPins, Level, Standard, currents, read::Spans};
use crate::{fault::Place, reader::Section};

/// A section of a standard's file, and a key in it.
pub(super) type Key<'k> = (&'k str, &'k str);

/// Notes what contradicts itself, at the key that a reader would change first.
pub(super) fn check(standard: &Standard, spans: &Spans, root: &mut Section<'_, '_>) {
    check_burst(standard, root);
    currents::check(standard, root);
    check_spans(standard, spans, root);
}

/// Notes that a key breaks a rule that joins it with others. What is wrong may be one of those: where a file has the
/// key from its base and states another, that is told, too.
pub(super) fn note_joined(
    root: &mut Section<'_, '_>,
    (section, key): Key<'_>,
    rule: &str,
    others: &[Key<'_>],
) {
    let file = root.place("name");
    let mut in_file = |(section, key): Key<'_>| {
        let is_own = |place: &Place| {
            file.as_ref().is_some_and(|file| Arc::ptr_eq(file.source(), place.source()))
        };
        root.section(section).place(key).filter(is_own)
    };
    let elsewhere = match in_file((section, key)) {
        Some(_) => None,
        None => others.iter().copied().find_map(in_file),
    };
    root.section(section).note_with(key, rule, elsewhere.as_ref());
}

/// A column command moves what the pins do in a burst, no more and no less.
fn check_burst(standard: &Standard, root: &mut Section<'_, '_>) {
    let DataPins { bits: width, beats_per_clock: beats } = standard.data_bus;
    let burst = standard.timing.burst;
    let bits = u64::from(burst) * u64::from(beats) * u64::from(width);
    let found = standard.organisation.transaction.0;
    if 8 * found != bits {
        let rule = format!(
            "must be what a burst moves: `BL` {burst} clocks, `beats_per_clock` {beats} and `bits` {width} are \
             {bits} bits (found {found} bytes)"
        );
        let others = [("timing", "BL"), ("data_bus", "beats_per_clock"), ("data_bus", "bits")];
        note_joined(root, ("organisation", "transaction_bytes"), &rule, &others);
    }
}

fn check_spans(standard: &Standard, spans: &Spans, root: &mut Section<'_, '_>) {
    let refreshes = [all_banks(standard), single_banks(standard)];
    for (key, message, others) in refreshes.into_iter().flatten() {
        note_joined(root, ("timing", key), &message, others);
    }
    for &(long, short, why) in AT_LEAST {
        let (Some(&found), Some(&least)) = (spans.get(long), spans.get(short)) else { continue };
        if found > 0 && found < least {
            let message = format!(
                "must be at least `{short}`, which is {least}, or 0: {why} (found {found})"
            );
            note_joined(root, ("timing", long), &message, &[("timing", short)]);
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

/// A span of a refresh that breaks a rule, the rule, and the keys that it joins with the span.
type Refused = (&'static str, String, &'static [Key<'static>]);

const JOINED_WITH_ALL: &[Key<'_>] =
    &[("timing", "RFC"), ("occupancy", "REFAB"), ("organisation", "pseudo_channels")];

const JOINED_WITH_SINGLE: &[Key<'_>] = &[
    ("timing", "RFCPB"),
    ("timing", "RREFD"),
    ("timing", "PBR"),
    ("occupancy", "REFPB"),
    ("organisation", "banks"),
    ("organisation", "bank_groups"),
    ("organisation", "pseudo_channels"),
];

/// Refreshes of all banks that come faster than they end let no row be opened, and a replay never ends.
fn all_banks(standard: &Standard) -> Option<Refused> {
    // The refreshes of a channel's pseudo-channels follow each other on the bus.
    let held =
        standard.organisation.pseudo_channels * standard.occupancy[Command::RefreshAll.index()];
    let taken = held + longest(standard, Command::RefreshAll, |_| true);
    let refused = || ("REFI", no_time("all banks", taken), JOINED_WITH_ALL);
    (standard.timing.refresh_interval <= taken).then(refused)
}

/// The same of refreshes of one bank after the other. Where they come slower than this, a refresh that waited, with all
/// others behind it, is caught up with, a row of another bank can be opened before the next one, and each bank has such
/// a time in its round.
fn single_banks(standard: &Standard) -> Option<Refused> {
    let interval = u64::from(standard.timing.bank_refresh_interval);
    if !standard.refreshes_banks() {
        return None;
    }
    let held = standard.occupancy[Command::RefreshBank.index()];
    let other = held + longest(standard, Command::RefreshBank, |level| level != Level::Bank);
    if interval <= u64::from(other) {
        return Some(("REFIPB", no_time("a bank", other), JOINED_WITH_SINGLE));
    }
    let own = held + longest(standard, Command::RefreshBank, |level| level == Level::Bank);
    let banks = standard.organisation.banks_per_channel();
    (interval * u64::from(banks) <= u64::from(own)).then(|| {
        let message = format!(
            "times {banks} banks must be more than the {own} clocks that a refresh of a bank takes: no row of it could \
             be opened before its next one"
        );
        ("REFIPB", message, JOINED_WITH_SINGLE)
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

//! The data bus of a pseudo-channel carries one transfer at a time: the rule that joins latencies, the burst and the
//! constraints between column commands.

use super::{Command, Constraint, Level, Timing, check::note_joined};
use crate::reader::Section;

/// What decides when transfers follow each other on a data bus.
pub(super) struct DataBus<'s> {
    pub(super) timing: &'s Timing,
    pub(super) occupancy: &'s [u32; Command::COUNT],
    /// The constraints of each entry of the table.
    pub(super) constraints: &'s [Vec<Constraint>],
    /// The sum of spans of each entry.
    pub(super) sums: &'s [String],
}

impl DataBus<'_> {
    /// Notes where the constraints let two transfers be on the bus at once: for reads and writes in each order, the
    /// first such pair.
    pub(super) fn refuse_overlap(&self, root: &mut Section<'_, '_>) {
        const READS: [Command; 2] = [Command::Read, Command::ReadAuto];
        const WRITES: [Command; 2] = [Command::Write, Command::WriteAuto];
        for (before, after) in [(READS, WRITES), (WRITES, READS), (READS, READS), (WRITES, WRITES)]
        {
            let mut pairs = before.into_iter().flat_map(|from| after.map(|to| (from, to)));
            let overlapping =
                pairs.find(|&(from, to)| self.asked(from, to).0 < self.needed(from, to));
            if let Some((from, to)) = overlapping {
                self.refuse(from, to, root);
            }
        }
    }

    /// The distance that keeps the data of two commands apart, and in the order of the commands.
    fn needed(&self, from: Command, to: Command) -> u32 {
        self.timing.burst + self.latency(from).saturating_sub(self.latency(to))
    }

    fn latency(&self, command: Command) -> u32 {
        match command {
            Command::Read | Command::ReadAuto => self.timing.read_latency,
            _ => self.timing.write_latency,
        }
    }

    /// The distance that holds between any two banks of a pseudo-channel, and the entry that asks for it.
    fn asked(&self, from: Command, to: Command) -> (u32, Option<usize>) {
        let entries = self.constraints.iter().enumerate();
        let all = entries.flat_map(|(entry, rules)| rules.iter().map(move |rule| (entry, rule)));
        let between = all.filter(|(_, rule)| {
            (rule.from, rule.to, rule.window) == (from, to, 1) && rule.level <= Level::PseudoChannel
        });
        let clocks = between.map(|(entry, rule)| (rule.spacing(self.occupancy), Some(entry)));
        clocks.max().unwrap_or((0, None))
    }

    /// Shown at the span that is the distance, if it is one; else at the table of constraints.
    fn refuse(&self, from: Command, to: Command, root: &mut Section<'_, '_>) {
        let (asked, entry) = self.asked(from, to);
        let needed = self.needed(from, to);
        let sum = match (self.latency(from), self.latency(to)) {
            (before, after) if before <= after => "`BL`",
            _ if from == Command::Read || from == Command::ReadAuto => "`CL` + `BL` - `CWL`",
            _ => "`CWL` + `BL` - `CL`",
        };
        let [first, second] = [from, to].map(Command::name);
        let rule = format!(
            "lets {second} follow {first} after {asked} clocks: it must be at least {needed}, {sum}, as the data bus \
             carries one transfer at a time"
        );
        let span = entry.map(|entry| self.sums[entry].trim());
        let mut spans = root.section("timing").keys();
        match span.filter(|span| spans.any(|key| key == *span)) {
            Some(span) => {
                let latencies = ["CL", "CWL", "BL"].map(|latency| ("timing", latency));
                note_joined(root, ("timing", span), &rule, &latencies);
            }
            None => root.note("constraint", &rule),
        }
    }
}

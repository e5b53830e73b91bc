//! One measurement of another simulator, and ours beside it.

use std::fmt;

use tamis_arch::dram::{Dram, Refresh};
use tamis_dram::{Injection, replay};

use crate::common;

/// A row of a table of `tests/reference/dram`.
pub(crate) struct Row {
    pub(crate) channels: u32,
    pub(crate) mapping: String,
    pub(crate) refresh: Refresh,
    /// As the table has it, such as `read_q=32/ch write_q=64/ch`.
    pub(crate) queues: String,
    pub(crate) trace: String,
    pub(crate) injection: Injection,
    pub(crate) cycles: u64,
}

/// What both simulators say of a row.
pub(crate) struct Compared {
    pub(crate) row: Row,
    pub(crate) ours: u64,
}

/// What kind of traffic a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Single,
    Stream,
    Gather,
    Random,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::Single, Self::Stream, Self::Gather, Self::Random];

    pub(crate) fn traffic(self) -> &'static str {
        match self {
            Self::Single => "one or two requests (one, hit2, conf2)",
            Self::Stream => "streams (seq4M, seq1M, str16s)",
            Self::Gather => "gathers (prune25)",
            Self::Random => "random and conflicting (rand64k, rand1M, str16)",
        }
    }
}

/// The rows of a table.
pub(crate) fn rows(table: &str) -> Vec<Row> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/dram/");
    let reader = csv::Reader::from_path(format!("{folder}{table}"));
    let records = reader.expect("it is in the repository").into_records();
    records.map(|record| Row::of(&record.expect("a record"))).collect()
}

impl Row {
    fn of(record: &csv::StringRecord) -> Self {
        Self {
            channels: record[2].parse().expect("channels"),
            mapping: record[3].to_owned(),
            refresh: match &record[4] {
                "AllBank" | "rank-staggered tREFI3900" => Refresh::AllBank,
                "PerBank" => Refresh::PerBank,
                "NoRefresh" | "none" => Refresh::None,
                other => panic!("no refresh is called {other}"),
            },
            queues: record[5].to_owned(),
            trace: record[7].to_owned(),
            injection: match &record[8] {
                "inorder" => Injection::InOrder,
                "perchan" => Injection::PerChannel,
                other => panic!("no injection is called {other}"),
            },
            cycles: record[10].parse().expect("cycles"),
        }
    }

    /// Entries of a queue; 32 where the row names none.
    pub(crate) fn queue(&self, name: &str) -> u32 {
        let found = self.queues.split(' ').find_map(|part| part.strip_prefix(name));
        found.map_or(32, |depth| depth.trim_end_matches("/ch").parse().expect("a depth"))
    }

    pub(crate) fn class(&self) -> Class {
        match self.trace.trim_end_matches("_w3") {
            "one" | "hit2" | "conf2" => Class::Single,
            "seq4M" | "seq1M" | "str16s" => Class::Stream,
            "prune25" => Class::Gather,
            "rand64k" | "rand1M" | "str16" => Class::Random,
            other => panic!("no trace is called {other}"),
        }
    }

    pub(crate) fn has_writes(&self) -> bool {
        self.trace.ends_with("_w3")
    }

    pub(crate) fn compare(self, dram: &Dram) -> Compared {
        let ours = replay(dram, common::trace(&self.trace), 64, self.injection).end.0;
        Compared { row: self, ours }
    }
}

impl Compared {
    /// How much later we end, in percent of the reference.
    pub(crate) fn percent(&self) -> f64 {
        let [ours, theirs] = [self.ours, self.row.cycles].map(|cycles| cycles as f64);
        100.0 * (ours - theirs) / theirs
    }
}

/// A line of the page.
impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { channels, mapping, refresh, queues, trace, injection, cycles } = &self.row;
        let refresh = refresh.name();
        let queues = queues.replace(' ', ", ");
        let injection = match injection {
            Injection::InOrder => "in order",
            Injection::PerChannel => "per channel",
        };
        write!(f, "| {channels} | {mapping} | {refresh} | {queues} | {injection} | {trace} ")?;
        write!(f, "| {cycles} | {} | {} |", self.ours, percent(self.percent()))
    }
}

/// A difference: exactly nothing reads as 0.
pub(crate) fn percent(difference: f64) -> String {
    if difference == 0.0 { "0".into() } else { format!("{difference:+.3} %") }
}

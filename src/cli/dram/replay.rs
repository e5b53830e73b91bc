//! `tamis dram replay`: a request trace on a memory.

use std::io::Write;

use clap::{
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
    value_parser,
};
use tamis_arch::{
    dram::{Controller, Dram, PagePolicy, Refresh, Scheduler, Sharing},
    reader::{Kind, Parameter},
};
use tamis_dram::{Access, Injection, TraceError, replay};

use super::{channels, load, mapping, requests};
use crate::{
    cli::threads::Threads,
    exit::{Exit, Failure},
    report::replay::{Asked, ReplayReport},
};

/// Replay a request trace on a memory and print how long it takes and what limits it.
///
/// A trace is text, plain or compressed by gzip, a request a line: `R 0x1f40`, `W 0x1f80`, or an
/// address alone, which is a read. Addresses are those of bytes, hexadecimal, and multiples of the largest
/// power of two that divides --request-bytes. What follows a # is a comment. Addresses beyond the
/// memory wrap around, and the report says how many did.
///
/// The trace has no times: in every cycle, as many requests are offered as the queues take.
#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// The trace, or `-` for standard input.
    #[arg(value_name = "TRACE")]
    trace: String,
    /// What the chips are: a standard (`tamis dram list`), or a file of one (.toml).
    #[arg(long, value_name = "NAME", default_value = "hbm2")]
    dram: String,
    /// Channels; a power of two, up to 64.
    #[arg(long, value_name = "N", default_value = "1", value_parser = channels)]
    channels: u32,
    /// Reads that wait in a channel, and as many writes; up to 512.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = value_parser!(u32).range(1..=512))]
    queue: u32,
    /// Which address bit is what: `tamis`, `RoBaRaCoCh`, `MOP4CLXOR`, `RoRaBgBaChCo`, or a list of
    /// fields, most significant first, such as `row bank group pseudo column channel`.
    #[arg(long, value_name = "MAPPING", default_value = "tamis")]
    mapping: String,
    /// How rows are kept alive.
    #[arg(long, value_name = "KIND", default_value = "all-bank", value_parser = choice(Refresh::ALL, Refresh::name))]
    refresh: Refresh,
    /// Who waits for whom when a queue is full.
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = Inject::InOrder)]
    inject: Inject,
    /// Bytes of a request.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u64).range(1..=65_536))]
    request_bytes: u64,
    /// Whether the pseudo-channels of a channel share its command buses.
    #[arg(long, value_name = "KIND", default_value = "shared", value_parser = choice(Sharing::ALL, Sharing::name))]
    row_bus: Sharing,
    /// Which of the requests that could be served is.
    #[arg(long, value_name = "KIND", default_value = "fr-fcfs", value_parser = choice(Scheduler::ALL, Scheduler::name))]
    scheduler: Scheduler,
    /// With `--scheduler fr-fcfs-cap`, and with no other: requests that a row serves while an older one waits for its
    /// bank; 4 unless given.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1024))]
    hit_cap: Option<u32>,
    /// When a row is closed, other than for a refresh.
    #[arg(long, value_name = "KIND", default_value = "open", value_parser = choice(PagePolicy::ALL, PagePolicy::name))]
    page: PagePolicy,
    /// With `--page timeout`, and with no other: cycles after which a row that nobody asks for is closed; 200 unless
    /// given.
    #[arg(long, value_name = "CYCLES", value_parser = value_parser!(u32).range(0..=1_000_000))]
    page_timeout: Option<u32>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    threads: Threads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Inject {
    /// One list for the whole memory: its head blocks all channels.
    #[value(name = "inorder")]
    InOrder,
    /// A list for each channel, like a DMA engine for each.
    #[value(name = "perchan")]
    PerChannel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// Everything, for programs, channel by channel.
    Json,
}

impl Inject {
    fn injection(self) -> (Injection, &'static str) {
        match self {
            Self::InOrder => (Injection::InOrder, "inorder"),
            Self::PerChannel => (Injection::PerChannel, "perchan"),
        }
    }
}

/// Parses one of the choices of a machine file, with its meaning as help.
fn choice<T: Parameter + Copy + Send + Sync>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let Kind::Choice(named) = T::kind() else { unreachable!("a choice has names") };
    let values = named.iter().map(|named| PossibleValue::new(named.name).help(named.meaning));
    PossibleValuesParser::new(values).map(move |found| {
        let chosen = all.iter().copied().find(|choice| name(*choice) == found);
        chosen.expect("the parser lets names of choices pass alone")
    })
}

impl Replay {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result<Exit, Failure> {
        self.refuse_what_has_no_effect()?;
        let dram = self.memory()?;
        let alignment = 1 << self.request_bytes.trailing_zeros();
        let opened = requests::open(&self.trace, alignment)?;
        let (injection, inject) = self.inject.injection();

        let mut asked = Asked { request_bytes: self.request_bytes, ..Asked::default() };
        let mut fault = None;
        let played = self.threads.work(|| {
            let requests =
                opened.trace.map_while(|request| count(request, &dram, &mut asked, &mut fault));
            replay(&dram, requests, self.request_bytes, injection)
        })?;
        if let Some(error) = fault {
            return Err(requests::failure(&opened.name, &error));
        }
        if asked.requests() == 0 {
            let message = format!("{}: must hold at least one request", opened.name);
            return Err(Failure::new(Exit::Input, message));
        }

        let report = ReplayReport::of(&dram, asked, inject, &played);
        let written = match self.format {
            Format::Table => report.write_table(out),
            Format::Json => report.write_json(out),
        };
        written.map_err(|error| Failure::writing("to standard output", &error))?;
        Ok(Exit::Done)
    }

    /// An option that would change nothing is a mistake, which the result would not show.
    fn refuse_what_has_no_effect(&self) -> Result<(), Failure> {
        let message = if self.hit_cap.is_some() && self.scheduler != Scheduler::FrFcfsCap {
            let scheduler = self.scheduler.name();
            format!("--hit-cap is for --scheduler fr-fcfs-cap: with {scheduler} it changes nothing")
        } else if self.page_timeout.is_some() && self.page != PagePolicy::Timeout {
            let page = self.page.name();
            format!("--page-timeout is for --page timeout: with {page} it changes nothing")
        } else {
            return Ok(());
        };
        Err(Failure::new(Exit::CommandLine, message))
    }

    fn memory(&self) -> Result<Dram, Failure> {
        let standard = load(&self.dram)?;
        if self.refresh == Refresh::PerBank && !standard.refreshes_banks() {
            let message =
                format!("--refresh per-bank: {} has no refresh of single banks", self.dram);
            return Err(Failure::new(Exit::Input, message));
        }
        let mapping = mapping(&self.mapping, self.channels, &standard)?;
        let usual = Controller::usual();
        let controller = Controller {
            read_queue: self.queue,
            write_queue: self.queue,
            refresh: self.refresh,
            command_bus: self.row_bus,
            scheduler: self.scheduler,
            hit_cap: self.hit_cap.unwrap_or(usual.hit_cap),
            page: self.page,
            page_timeout: self.page_timeout.unwrap_or(usual.page_timeout),
            ..usual
        };
        Ok(Dram::of(self.dram.clone(), standard, self.channels, mapping, controller))
    }
}

/// Hands a request on; keeps the error that ends them.
fn count(
    request: Result<Access, TraceError>,
    dram: &Dram,
    asked: &mut Asked,
    fault: &mut Option<TraceError>,
) -> Option<Access> {
    match request {
        Ok(access) => {
            let last = access.address.saturating_add(asked.request_bytes - 1);
            asked.count(access.kind, last >= dram.capacity().0);
            Some(access)
        }
        Err(error) => {
            *fault = Some(error);
            None
        }
    }
}

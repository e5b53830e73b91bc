//! The replay for people: what was asked, what it took, and what limits the memory.

use std::io::{self, Write};

use tamis_arch::dram::{Buses, Command, Controller, PagePolicy, Scheduler};
use tamis_dram::Wait;

use super::{Energy, ReplayReport};
use crate::{
    report::memory::{self, CommandBuses, How, Limit, ReadLatency},
    text::{bytes, bytes_per_second, counted, grouped, joules, or_dash, percent, plain, seconds},
};

/// One line: a title, a figure, and what it says.
struct Lines<'o> {
    out: &'o mut dyn Write,
}

impl Lines<'_> {
    fn line(&mut self, title: &str, figure: &str, note: &str) -> io::Result<()> {
        // Counted in characters, as a terminal has them.
        let line = format!("{title:<24}{figure:>12}   {note}");
        writeln!(self.out, "{}", line.trim_end())
    }

    fn gap(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }
}

pub(super) fn write(report: &ReplayReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    write_head(report, out)?;
    let mut lines = Lines { out };
    lines.gap()?;
    write_speed(report, &mut lines)?;
    lines.gap()?;
    write_energy(&report.energy, &mut lines)?;
    lines.gap()?;
    write_cycles(report, &mut lines)?;
    if let Some(limit) = &report.activity.limited_by {
        writeln!(out, "\n{}", verdict(limit, report))?;
    }
    Ok(())
}

fn write_head(report: &ReplayReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (asked, memory) = (&report.requests, &report.memory);
    let is_preset = memory.standard == memory.name;
    let file = if is_preset { String::new() } else { format!(" in {}", memory.standard) };
    writeln!(
        out,
        "{} and {} of {}, injected {}",
        counted(asked.reads, "read", "reads"),
        counted(asked.writes, "write", "writes"),
        bytes(asked.request_bytes),
        report.injection,
    )?;
    writeln!(
        out,
        "on {} of {}{file} ({}), {}",
        counted(memory.channels.into(), "channel", "channels"),
        memory.name,
        memory.description,
        bytes(memory.capacity_bytes),
    )?;
    let controller = &memory.controller;
    writeln!(
        out,
        "mapping {}, queue {}, {}, pages {}, refresh {}, {}",
        memory.mapping,
        controller.read_queue,
        scheduler(controller),
        pages(controller),
        controller.refresh.name(),
        command_bus(report),
    )?;
    if asked.wrapped > 0 {
        let lie = counted(asked.wrapped, "address lies", "addresses lie");
        let wrap = if asked.wrapped == 1 { "it wraps" } else { "they wrap" };
        writeln!(out, "{lie} beyond the memory: {wrap} around")?;
    }
    Ok(())
}

/// With its cap, where it has one.
fn scheduler(controller: &Controller) -> String {
    match controller.scheduler {
        Scheduler::FrFcfsCap => format!("{} ({})", Scheduler::FrFcfsCap.name(), controller.hit_cap),
        other => other.name().to_owned(),
    }
}

/// With their time, where they have one.
fn pages(controller: &Controller) -> String {
    match controller.page {
        PagePolicy::Timeout => {
            let after = counted(controller.page_timeout.into(), "cycle", "cycles");
            format!("{} ({after})", PagePolicy::Timeout.name())
        }
        other => other.name().to_owned(),
    }
}

/// The bus of the row commands and, where pseudo-channels could share it, whether they do.
fn command_bus(report: &ReplayReport<'_>) -> String {
    let bus = match report.dram.standard.buses {
        Buses::Single => "command bus",
        Buses::RowAndColumn => "row bus",
    };
    if report.memory.pseudo_channels == 1 {
        return format!("one {bus} a channel");
    }
    format!("{bus} {}", report.memory.controller.command_bus.name())
}

fn write_speed(report: &ReplayReport<'_>, lines: &mut Lines<'_>) -> io::Result<()> {
    let memory = &report.memory;
    let clock = format!("of {} MHz, until the last data return", report.activity.clock_mhz);
    lines.line("cycles", &grouped(report.cycles), &clock)?;
    lines.line("time", &seconds(1e-9 * report.time_ns), "")?;
    write_data(report, lines)?;
    let peak = format!(
        "{} of the peak, {}",
        or_dash(report.bandwidth_utilization, percent),
        bytes_per_second(memory.peak_bytes_per_second)
    );
    let bandwidth = or_dash(report.bandwidth_bytes_per_second, bytes_per_second);
    lines.line("bandwidth", &bandwidth, &peak)?;
    write_spread(report, lines)?;
    write_command_buses(report, lines)?;
    let rows = &report.activity.rows;
    lines.line("row hits", &or_dash(rows.hit_rate, percent), "the row was open")?;
    lines.line("row misses", &or_dash(rows.miss_rate, percent), "the bank was closed")?;
    lines.line("row conflicts", &or_dash(rows.conflict_rate, percent), "another row was open")?;
    if let Some(latency) = &report.activity.read_latency {
        write_latency(latency, report, lines)?;
    }
    Ok(())
}

/// What crossed the data buses, and what was asked for and did not.
fn write_data(report: &ReplayReport<'_>, lines: &mut Lines<'_>) -> io::Result<()> {
    let (activity, asked) = (&report.activity, report.requests.bytes());
    let moved = report.read_bytes + report.written_bytes;
    let met = activity.queued_bytes();
    let note = if met > 0 {
        format!("moved; asked for was {}", bytes(asked))
    } else if asked == moved {
        String::new()
    } else {
        format!("moved, in whole transactions; asked for was {}", bytes(asked))
    };
    lines.line("data", &bytes(moved), &note)?;
    if met == 0 {
        return Ok(());
    }
    let note = format!(
        "reads answered {}, writes taken in {}; any number a clock",
        bytes(activity.forwarded_read_bytes),
        bytes(activity.coalesced_write_bytes),
    );
    lines.line("  met in the write queue", &bytes(met), &note)
}

fn write_command_buses(report: &ReplayReport<'_>, lines: &mut Lines<'_>) -> io::Result<()> {
    match report.activity.command_buses {
        CommandBuses::Single { utilization } => {
            let share = or_dash(utilization, percent);
            lines.line("command bus", &share, "busy, with every kind of command")
        }
        CommandBuses::RowAndColumn { row_utilization, column_utilization } => {
            let columns = or_dash(column_utilization, percent);
            let note = format!("busy; the column bus {columns}");
            lines.line("row-command bus", &or_dash(row_utilization, percent), &note)
        }
    }
}

/// How evenly the channels are used, where there are several.
fn write_spread(report: &ReplayReport<'_>, lines: &mut Lines<'_>) -> io::Result<()> {
    if report.activity.channels.len() < 2 {
        return Ok(());
    }
    let shares =
        report.activity.channels.iter().filter_map(|channel| channel.bandwidth_utilization);
    let [least, most] = [shares.clone().reduce(f64::min), shares.reduce(f64::max)];
    let note = format!("of its peak; the busiest {}", or_dash(most, percent));
    lines.line("  idlest channel", &or_dash(least, percent), &note)
}

fn write_latency(
    latency: &ReadLatency,
    report: &ReplayReport<'_>,
    lines: &mut Lines<'_>,
) -> io::Result<()> {
    let ReadLatency { p50, p90, p99, max, .. } = *latency;
    let note = "of a transaction, from its queue to its last beat";
    for (title, clocks, note) in [
        ("read latency, median", p50, note),
        ("  90 % within", p90, ""),
        ("  99 % within", p99, ""),
        ("  longest", max, ""),
    ] {
        let time = seconds(report.activity.seconds(clocks));
        lines.line(title, &time, note)?;
    }
    Ok(())
}

fn write_energy(energy: &Energy, lines: &mut Lines<'_>) -> io::Result<()> {
    let count = |commands: &[Command]| {
        let found = commands.iter().filter_map(|command| energy.commands.get(command.name()));
        counted(found.map(|spent| spent.count).sum(), "command", "commands")
    };
    let per_bit = format!("{} pJ/bit moved", or_dash(energy.pj_per_bit, plain));
    lines.line("energy", &joules(energy.total_pj.0), &per_bit)?;
    let parts = &energy.parts;
    for (title, spent, commands) in [
        ("  activate, precharge", parts.activate, &[Command::Activate][..]),
        ("  read", parts.read, &[Command::Read, Command::ReadAuto]),
        ("  write", parts.write, &[Command::Write, Command::WriteAuto]),
        ("  refresh", parts.refresh, &[Command::RefreshAll, Command::RefreshBank]),
    ] {
        if spent.0 > 0.0 {
            lines.line(title, &joules(spent.0), &count(commands))?;
        }
    }
    let standby = &energy.standby;
    lines.line("  standby, rows open", &joules(standby.open.0), "")?;
    lines.line("  standby, all closed", &joules(standby.closed.0), "")?;
    if standby.refreshing.0 > 0.0 {
        let note = "all the while; the refreshes themselves are above";
        lines.line("  standby, refreshing", &joules(standby.refreshing.0), note)?;
    }
    lines.line("  interface", &joules(parts.interface.0), "")
}

fn write_cycles(report: &ReplayReport<'_>, lines: &mut Lines<'_>) -> io::Result<()> {
    let buses = &report.activity.data_buses;
    let count = report.memory.channels * report.memory.pseudo_channels;
    let title = if count == 1 {
        "data bus cycles".to_owned()
    } else {
        format!("cycles of {count} data buses")
    };
    lines.line(&title, &grouped(buses.elapsed), "")?;
    let share = |part: u64| or_dash(buses.share(part), percent);
    lines.line("  moving data", &share(buses.moving_data), "")?;
    buses.longest_waits().into_iter().try_for_each(|(wait, lost)| {
        let title = format!("  {}", memory::title(wait));
        lines.line(&title, &share(lost), &meaning(wait, report))
    })
}

/// What a wait is, in a line, with the constraints behind it.
fn meaning(wait: Wait, report: &ReplayReport<'_>) -> String {
    let what = match wait {
        Wait::NoRequest => return "none for this bus has reached the queue".to_owned(),
        Wait::ColumnBus => return "reads and writes wait for their command bus".to_owned(),
        Wait::RowBus => return "activates and precharges wait for their command bus".to_owned(),
        Wait::CommandBus => return "commands of all kinds wait for it".to_owned(),
        Wait::RequestOrder => return "a command is legal, but older requests go first".to_owned(),
        Wait::Refresh => return "banks are refreshed".to_owned(),
        Wait::StillWaiting => return "nothing has been issued for them yet".to_owned(),
        Wait::ColumnSpacing => "reads, or writes, keep their distance",
        Wait::RowSpacing => "activates keep their distance",
        Wait::RowChange => "bank conflicts and misses",
        Wait::Turnaround => "from reads to writes and back",
    };
    let buses = &report.activity.data_buses;
    let causes = buses.causes(wait, report.dram).into_iter();
    let told = causes.map(|(cause, lost)| {
        let share = buses.share(lost).unwrap_or_default();
        format!("{cause} {:.1}", 100.0 * share)
    });
    format!("{what}: {}", told.collect::<Vec<_>>().join(", "))
}

/// The sentence that says what limits the memory.
fn verdict(limit: &Limit, report: &ReplayReport<'_>) -> String {
    let (what, share) = (limit.title(), percent(limit.share));
    if limit.how == How::Busy {
        return format!("What limits the memory: the {what}, busy in {share} of the cycles.");
    }
    let buses = &report.activity.data_buses;
    let next = buses.longest_waits().get(1).and_then(|&(wait, lost)| {
        let share = buses.share(lost).map(percent)?;
        Some(format!("; then {}, {share}", memory::title(wait)))
    });
    let next = next.unwrap_or_default();
    format!("What limits the memory: {what}, {share} of the cycles{next}.")
}

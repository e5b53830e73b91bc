//! The report for people: what was run, what it cost, where the time went, against whom.

use std::io::{self, Write};

use tamis_arch::{energy::Part, text::counted, units::Picojoules};
use tamis_sim::outcome::Block;

use super::{
    BlockActivity, PhaseReport, Policy, Report, Workload,
    baselines::{Baseline, Compared, Origin},
    energy::Energy,
    key,
};
use crate::{
    grid::Grid,
    text::{
        self, UNDEFINED, bytes, bytes_per_second, grouped, joules, or_dash, parts, percent, range,
        seconds, small, times, watts,
    },
};

pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    write_head(report, out)?;
    write_costs(report, out)?;
    let Some(asked) = report.policies.first() else { return Ok(()) };
    write_activity(asked, out)?;
    write_baselines(asked, out)
}

fn write_head(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let machine = &report.machine;
    writeln!(out, "{}", workload_line(&report.workload))?;
    if let Some(widths) = &report.workload.widths {
        writeln!(out, "{widths}")?;
    }
    writeln!(
        out,
        "on {}: {} MHz, {}FLOP/s, DRAM {}, {:.1} mm² ({} nm, {} V, {} °C)",
        machine.name,
        machine.clock_mhz,
        text::count(machine.peak_operations_per_second),
        bytes_per_second(machine.peak_dram_bytes_per_second),
        machine.area_mm2.typical.0,
        machine.technology.node_nm,
        machine.technology.voltage_v,
        machine.technology.temperature_c,
    )
}

/// Characters in a line, where what is printed can be broken.
const WIDTH: usize = 100;

fn workload_line(workload: &Workload) -> String {
    let Workload { model, layers, heads, kv_heads, head_dim, seq_len, prompt_len, .. } = workload;
    let heads = if heads == kv_heads {
        format!("{} of {head_dim}", counted(*heads, "head", "heads"))
    } else {
        let shared = counted(*kv_heads, "K/V head", "K/V heads");
        format!("{heads} heads on {shared} of {head_dim}")
    };
    let tokens = match prompt_len {
        Some(prompt) => {
            let decoded = counted(seq_len - prompt, "decoded token", "decoded tokens");
            format!("{prompt} prompt + {decoded}")
        }
        None => counted(*seq_len, "token", "tokens"),
    };
    let shape = format!("{}, {heads}, {tokens}", counted(*layers, "layer", "layers"));
    let long = model.chars().count() + shape.chars().count() + 2 > WIDTH;
    format!("{model}:{}{shape}", if long { "\n" } else { " " })
}

/// One column a policy and phase.
fn write_costs(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let columns: Vec<(&Policy, &PhaseReport)> = report
        .policies
        .iter()
        .flat_map(|policy| policy.phases.iter().map(move |phase| (policy, phase)))
        .collect();
    let mut grid = Grid::new(26);
    grid.row("", columns.iter().map(|(policy, _)| policy.name.clone()));
    grid.row("", columns.iter().map(|(_, phase)| key(phase.phase)));
    for (title, text) in COSTS {
        let cells = columns.iter().map(|(_, phase)| text(phase));
        if title.is_empty() { grid.gap() } else { grid.row(title, cells) }
    }
    for (title, text) in GENERATION {
        if columns.iter().any(|(policy, _)| policy.generation.is_some()) {
            grid.row(title, columns.iter().map(|(policy, phase)| text(policy, phase)));
        }
    }
    writeln!(out)?;
    grid.write(out)
}

type Text = fn(&PhaseReport) -> String;

/// The rows of the cost table; an empty title is an empty line.
const COSTS: &[(&str, Text)] = &[
    ("cycles", |phase| grouped(phase.elapsed_cycles)),
    ("time", |phase| seconds(phase.elapsed_seconds)),
    ("  dense here takes", |phase| or_dash(phase.over_dense.and_then(|o| o.speedup), times)),
    ("  lower bound / cycles", |phase| {
        or_dash(phase.bound.as_ref().and_then(|bound| bound.reached_share), percent)
    }),
    ("    bound by", bound_by),
    ("busiest", busiest),
    ("slowest layer", slowest_layer),
    ("", |_| String::new()),
    ("DRAM traffic", |phase| bytes(phase.dram.total_bytes)),
    ("  Q", |phase| bytes(phase.dram.query_read_bytes)),
    ("  K, MSBs", |phase| bytes(phase.dram.key_msb_read_bytes)),
    ("  K, LSBs", |phase| bytes(phase.dram.key_lsb_read_bytes)),
    ("  V", |phase| bytes(phase.dram.value_read_bytes)),
    ("  outputs", |phase| bytes(phase.dram.output_written_bytes)),
    ("  new K and V", |phase| bytes(phase.dram.key_value_written_bytes)),
    ("  less than dense fp32", |p| or_dash(p.dram.reduction_against_dense_fp32, times)),
    ("  less than dense fp16", |p| or_dash(p.dram.reduction_against_dense_fp16, times)),
    ("  less than dense 12-bit", |p| or_dash(p.dram.reduction_against_dense_12_bit, times)),
    ("bandwidth", |phase| or_dash(phase.dram.bandwidth_bytes_per_second, bytes_per_second)),
    ("  of peak", |phase| or_dash(phase.dram.bandwidth_utilization, percent)),
    ("row hits", |phase| or_dash(phase.dram.row_hit_rate, percent)),
    ("", |_| String::new()),
    ("operations", |phase| text::count(phase.operations.executed_operations as f64)),
    ("  of dense", |phase| or_dash(phase.operations.executed_share, percent)),
    ("  rate", |phase| or_dash(phase.operations.executed_teraflops, teraflops)),
    ("  dense-equivalent rate", |p| or_dash(p.operations.dense_equivalent_teraflops, teraflops)),
    ("queries refetched", |phase| or_dash(phase.queries.refetched_share, percent)),
    ("", |_| String::new()),
    ("energy", |phase| energy(phase, |energy| energy.total.typical)),
    ("  range, DRAM without", energy_range),
    ("  logic, dynamic + static", |phase| split(phase, |energy| energy.logic)),
    ("  SRAM, dynamic + static", |phase| split(phase, |energy| energy.sram)),
    ("  DRAM, dynamic + static", |phase| split(phase, |energy| energy.dram)),
    ("average power", |phase| {
        let power = phase.energy.as_ref().and_then(|energy| energy.average_power);
        or_dash(power.map(|power| power.typical.0), watts)
    }),
    ("", |_| String::new()),
    ("error of the outputs", |phase| {
        or_dash(phase.quality.and_then(|quality| quality.relative_output_error), small)
    }),
    ("attention mass kept", |phase| {
        or_dash(phase.quality.and_then(|quality| quality.attention_mass_kept), percent)
    }),
    ("rows computed", |phase| {
        or_dash(phase.quality.and_then(|quality| quality.live_rows_share), percent)
    }),
];

type GenerationText = fn(&Policy, &PhaseReport) -> String;

/// Rows that belong to the policy as a whole: told once, in the column of its decode.
const GENERATION: &[(&str, GenerationText)] = &[
    ("time to first token", |policy, phase| {
        in_decode(policy, phase, |g| or_dash(g.time_to_first_token_seconds, seconds))
    }),
    ("time per token", |policy, phase| {
        in_decode(policy, phase, |g| or_dash(g.time_per_token_seconds, seconds))
    }),
];

fn in_decode(
    policy: &Policy,
    phase: &PhaseReport,
    text: fn(&super::Generation) -> String,
) -> String {
    match &policy.generation {
        Some(generation) if phase.phase == tamis_workloads::plan::Phase::Decode => text(generation),
        _ => String::new(),
    }
}

fn energy(phase: &PhaseReport, part: fn(&Energy) -> Picojoules) -> String {
    or_dash(phase.energy.as_ref().map(|energy| part(energy).0), joules)
}

fn teraflops(value: f64) -> String {
    format!("{}FLOP/s", text::count(value * 1e12))
}

fn split(phase: &PhaseReport, part: fn(&Energy) -> Part) -> String {
    phase.energy.as_ref().map(part).map_or_else(
        || UNDEFINED.to_owned(),
        |part| parts(part.dynamic.typical.0, part.background.typical.0, joules),
    )
}

fn energy_range(phase: &PhaseReport) -> String {
    phase.energy.as_ref().map_or_else(
        || UNDEFINED.to_owned(),
        |Energy { total, .. }| range(total.low.0, total.high.0, joules),
    )
}

/// What the bound comes from, as far as a column holds it.
fn bound_by(phase: &PhaseReport) -> String {
    let limits = phase.bound.iter().flat_map(|bound| &bound.limited_by);
    let blocks: Vec<&str> =
        limits.map(|limit| limit.strip_prefix("block ").unwrap_or(limit)).collect();
    match blocks[..] {
        [] => UNDEFINED.to_owned(),
        [only] => only.to_owned(),
        [first, ..] => format!("{first}, …"),
    }
}

/// The block with the largest share of busy cycles. The memory and the way to it are apart: they are
/// busy while a request is under way, which says nothing of how much moves.
fn busiest(phase: &PhaseReport) -> String {
    let blocks = phase.blocks.iter().rev();
    let compared = blocks.filter(|(block, _)| !matches!(block, Block::Dram | Block::Crossbar));
    let most = compared.max_by_key(|(_, spent)| spent.busy_cycles);
    let told = most.and_then(|(block, spent)| {
        spent.utilization.map(|share| format!("{} {:.0} %", key(block), share * 100.0))
    });
    told.unwrap_or_else(|| UNDEFINED.to_owned())
}

fn slowest_layer(phase: &PhaseReport) -> String {
    let slowest = phase.layers.iter().rev().max_by_key(|layer| layer.elapsed_cycles);
    let share = |layer: &super::Layer| {
        super::ratio(layer.elapsed_cycles as f64, phase.elapsed_cycles as f64)
            .map(|share| format!("{}: {}", layer.layer, percent(share)))
    };
    slowest.and_then(share).unwrap_or_else(|| UNDEFINED.to_owned())
}

/// Activity and energy of each block, for the policy that was asked for.
fn write_activity(policy: &Policy, out: &mut dyn Write) -> io::Result<()> {
    let mut grid = Grid::new(26);
    grid.row("", policy.phases.iter().map(|phase| key(phase.phase)));
    let blocks = policy.phases.iter().flat_map(|phase| phase.blocks.keys());
    for &block in &blocks.collect::<std::collections::BTreeSet<_>>() {
        let cells = policy.phases.iter().map(|phase| {
            let spent = phase.blocks.get(block).map_or_else(|| UNDEFINED.to_owned(), activity);
            format!("{spent}  {:>8}", or_dash(energy_of(phase, *block), joules))
        });
        grid.row(&format!("  {}", key(block)), cells);
    }
    writeln!(out, "\n{}: busy / starved / blocked, % of cycles; dynamic energy", policy.name)?;
    grid.write(out)
}

/// Of what happened in it.
fn energy_of(phase: &PhaseReport, block: Block) -> Option<f64> {
    let energy = phase.energy.as_ref()?;
    if block == Block::Dram {
        return Some(energy.dram.dynamic.typical.0);
    }
    energy.blocks.get(&block).map(|energy| energy.total().0)
}

fn activity(spent: &BlockActivity) -> String {
    let BlockActivity { busy_cycles, starved_cycles, blocked_cycles, .. } = *spent;
    let total = (busy_cycles + starved_cycles + blocked_cycles) as f64;
    let share =
        |cycles: u64| or_dash(super::ratio(100.0 * cycles as f64, total), |s| format!("{s:.0}"));
    format!("{:>3} /{:>4} /{:>4}", share(busy_cycles), share(starved_cycles), share(blocked_cycles))
}

/// One line a device: how many times longer it takes, and how many times more energy.
fn write_baselines(policy: &Policy, out: &mut dyn Write) -> io::Result<()> {
    let (mut constructed, mut extrapolated) = (false, false);
    for phase in &policy.phases {
        let shown = phase.baselines.iter().filter(|(_, device)| device.shown);
        let mut devices: Vec<(&String, &Baseline)> = shown.collect();
        if devices.is_empty() {
            continue;
        }
        let is_constructed = |device: &Baseline| device.latency_origin == Origin::ByConstruction;
        constructed |= devices.iter().any(|(_, device)| is_constructed(device));
        extrapolated |= devices.iter().any(|(_, device)| device.extrapolated);
        devices.sort_by_key(|(name, device)| (device.latency_origin, *name));
        let mut grid = Grid::new(0);
        let title = format!("{}, {}, against", policy.name, key(phase.phase));
        let heads = ["speed-up", "energy above idle"];
        grid.row(&title, heads.map(str::to_owned).into_iter());
        for (name, device) in devices {
            let beyond = if device.extrapolated { "*" } else { "" };
            let speedup = times_by(device.speedup, device.latency_origin) + beyond;
            let energy = |compared: Option<Compared>| {
                compared.map_or_else(
                    || UNDEFINED.to_owned(),
                    |compared| times_by(compared.ratio, compared.origin),
                )
            };
            let cells = [speedup, energy(device.dynamic_energy)];
            grid.row(&format!("  {name}"), cells.into_iter());
        }
        writeln!(out)?;
        grid.write(out)?;
    }
    let notes = [(extrapolated, EXTRAPOLATED), (constructed, BY_CONSTRUCTION)];
    let notes: Vec<&str> = notes.iter().filter(|(told, _)| *told).map(|(_, note)| *note).collect();
    if !notes.is_empty() {
        writeln!(out, "\n{}", notes.join("\n"))?;
    }
    Ok(())
}

/// These stand below the comparison where it has such rows.
const EXTRAPOLATED: &str = "* beyond the shapes that the model was fitted to";
const BY_CONSTRUCTION: &str = "by construction: fitted to the paper's averages over its tasks, \
                               for a mean over tasks, not one run";

fn times_by(ratio: Option<f64>, origin: Origin) -> String {
    format!("{} {}", or_dash(ratio, times), origin.words())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn printed(report: &Report) -> String {
        let mut bytes = Vec::new();
        write(report, &mut bytes).expect("memory takes everything");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn the_table_is_as_it_was() {
        insta::with_settings!({snapshot_path => "../../tests/golden", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("table", printed(&sample::report()));
        });
    }

    #[test]
    fn what_is_not_defined_is_a_dash_and_never_a_zero() {
        let mut report = sample::report();
        report.policies.truncate(1);
        for phase in &mut report.policies[0].phases {
            phase.quality = None;
            phase.energy = None;
            phase.dram.row_hit_rate = None;
        }
        let table = printed(&report);
        for title in ["row hits", "energy", "average power", "error of the outputs"] {
            let line =
                table.lines().find(|line| line.starts_with(title)).expect("the row is there");
            let cells: Vec<&str> = line[title.len()..].split_whitespace().collect();
            assert_eq!(cells, ["-", "-"], "{line}");
        }
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        for line in printed(&sample::report()).lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}

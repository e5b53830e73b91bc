//! The report for people: what was run, what it cost, where the time went, against whom.

mod devices;
mod waits;

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use tamis_arch::{energy::Part, text::counted, units::Picojoules};
use tamis_sim::outcome::Block;

use super::{
    BlockActivity, PhaseReport, Policy, Report, Workload, energy::Energy, key, memory::ReadLatency,
};
use crate::{
    grid::Grid,
    text::{
        self, UNDEFINED, bytes, bytes_per_second, grouped, joules, or_dash, parts, percent, range,
        seconds, shortened, small, times, watts,
    },
};

pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    write_head(report, out)?;
    write_costs(report, out)?;
    write_activity(report, out)?;
    let Some(asked) = report.policies.first() else { return Ok(()) };
    devices::write(asked, out)
}

fn write_head(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let machine = &report.machine;
    writeln!(out, "{}", workload_line(&report.workload))?;
    if let Some(widths) = &report.workload.widths {
        writeln!(out, "{}", shortened(widths, WIDTH))?;
    }
    writeln!(
        out,
        "on {}: {} MHz, {}FLOP/s, DRAM {}, {:.1} mm² ({} nm, {} V, {} °C)",
        shortened(&machine.name, 24),
        machine.clock_mhz,
        text::count(machine.peak_operations_per_second),
        bytes_per_second(machine.peak_dram_bytes_per_second),
        machine.area_mm2.typical.0,
        machine.technology.node_nm,
        machine.technology.voltage_v,
        machine.technology.temperature_c,
    )
}

/// Characters in a line, where what is printed can be broken or cut.
const WIDTH: usize = 100;
/// Characters of a name above a column.
const NAME: usize = 16;

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
    let model = shortened(model, WIDTH - 1);
    let long = model.chars().count() + shape.chars().count() + 2 > WIDTH;
    format!("{model}:{}{shape}", if long { "\n" } else { " " })
}

/// What a table has columns for.
fn columns(report: &Report) -> Vec<(&Policy, &PhaseReport)> {
    let of = |policy| move |phase| (policy, phase);
    report.policies.iter().flat_map(|policy| policy.phases.iter().map(of(policy))).collect()
}

/// The two lines above the columns.
fn write_names(columns: &[(&Policy, &PhaseReport)], grid: &mut Grid) {
    grid.row("", columns.iter().map(|(policy, _)| shortened(&policy.name, NAME)));
    grid.row("", columns.iter().map(|(_, phase)| key(phase.phase)));
}

/// One column a policy and phase.
fn write_costs(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let columns = columns(report);
    let mut grid = Grid::new(26);
    write_names(&columns, &mut grid);
    let phases = columns.iter().map(|(_, phase)| *phase).collect::<Vec<_>>();
    write_rows(TIME_AND_TRAFFIC, &phases, &mut grid);
    waits::write(&phases, &mut grid);
    write_rows(WORK_AND_ENERGY, &phases, &mut grid);
    for (title, text) in GENERATION {
        if columns.iter().any(|(policy, _)| policy.generation.is_some()) {
            grid.row(title, columns.iter().map(|(policy, phase)| text(policy, phase)));
        }
    }
    writeln!(out)?;
    grid.write(out)
}

fn write_rows(rows: &[(&str, Text)], phases: &[&PhaseReport], grid: &mut Grid) {
    for (title, text) in rows {
        let cells = phases.iter().map(|phase| text(phase)).collect::<Vec<_>>();
        if title.is_empty() {
            grid.gap();
        } else if cells.iter().any(|cell| !cell.is_empty()) {
            grid.row(title, cells.into_iter());
        }
    }
}

type Text = fn(&PhaseReport) -> String;

/// Rows of the cost table; an empty title is an empty line, and a row of empty cells is left out.
const TIME_AND_TRAFFIC: &[(&str, Text)] = &[
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
    ("  met in the write queue", |phase| {
        let queued = phase.dram.activity.queued_bytes();
        if queued == 0 { String::new() } else { bytes(queued) }
    }),
    ("  less than dense fp32", |p| or_dash(p.dram.reduction_against_dense_fp32, times)),
    ("  less than dense fp16", |p| or_dash(p.dram.reduction_against_dense_fp16, times)),
    ("  less than dense 12-bit", |p| or_dash(p.dram.reduction_against_dense_12_bit, times)),
    ("bandwidth", |phase| or_dash(phase.dram.bandwidth_bytes_per_second, bytes_per_second)),
    ("  of peak", |phase| or_dash(phase.dram.bandwidth_utilization, percent)),
    ("row hits", |phase| or_dash(phase.dram.activity.rows.hit_rate, percent)),
    ("read latency, median", |phase| read_latency(phase, |latency| latency.p50)),
    ("  99 % within", |phase| read_latency(phase, |latency| latency.p99)),
];

/// The same, below where the clocks of the memory went.
const WORK_AND_ENERGY: &[(&str, Text)] = &[
    ("", |_| String::new()),
    ("operations", |phase| text::count(phase.operations.executed_operations as f64)),
    ("  of dense", |phase| or_dash(phase.operations.executed_share, percent)),
    ("  rate", |phase| or_dash(phase.operations.executed_teraflops, teraflops)),
    ("  dense-equivalent rate", |p| or_dash(p.operations.dense_equivalent_teraflops, teraflops)),
    ("queries refetched", |phase| or_dash(phase.queries.refetched_share, percent)),
    ("", |_| String::new()),
    ("energy", |phase| energy(phase, |energy| energy.total.typical)),
    ("  range", energy_range),
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

fn read_latency(phase: &PhaseReport, of: fn(&ReadLatency) -> u64) -> String {
    let activity = &phase.dram.activity;
    let latency = activity.read_latency.as_ref().map(of);
    or_dash(latency.map(|clocks| activity.seconds(clocks)), seconds)
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
        [only] => shortened(only, NAME),
        [first, ..] => format!("{}, …", shortened(first, NAME - 3)),
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

/// Activity and energy of each block, one column a policy and phase.
fn write_activity(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let columns = columns(report);
    let mut grid = Grid::new(0);
    write_names(&columns, &mut grid);
    let blocks = columns.iter().flat_map(|(_, phase)| phase.blocks.keys());
    for &block in &blocks.collect::<BTreeSet<_>>() {
        let cells = columns.iter().map(|(_, phase)| {
            let spent = phase.blocks.get(block).map_or_else(|| UNDEFINED.to_owned(), activity);
            format!("{spent} {:>7}", or_dash(energy_of(phase, *block), joules))
        });
        grid.row(&format!("  {}", key(block)), cells);
    }
    writeln!(out, "\nbusy / starved / blocked, % of cycles; dynamic energy")?;
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
    format!("{:>3}/{:>3}/{:>3}", share(busy_cycles), share(starved_cycles), share(blocked_cycles))
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
            phase.dram.activity.rows.hit_rate = None;
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
    fn no_line_is_wider_than_a_page_whatever_things_are_called() {
        let mut report = sample::report();
        let long = "a-name-that-goes-on/and-on".repeat(8);
        report.machine.name.clone_from(&long);
        report.workload.model.clone_from(&long);
        report.workload.widths = Some(long.clone());
        report.policies[0].name.clone_from(&long);
        for phase in &mut report.policies[0].phases {
            phase.bound.as_mut().expect("it has one").limited_by = vec![long.clone(), long.clone()];
        }
        for report in [sample::report(), report] {
            for line in printed(&report).lines() {
                assert!(line.chars().count() <= 100, "{line}");
            }
        }
    }

    #[test]
    fn columns_stay_below_their_names_whatever_they_are_called() {
        let mut report = sample::report();
        report.policies[0].name = "p".repeat(100);
        let table = printed(&report);
        let ends = |start: &str| -> Vec<usize> {
            let line = table.lines().find(|line| line.trim_start().starts_with(start));
            let line = line.unwrap_or_else(|| panic!("no line starts with `{start}`"));
            let cells: Vec<char> = line.chars().chain([' ']).collect();
            let ends =
                cells.windows(2).enumerate().filter(|(_, pair)| pair[0] != ' ' && pair[1] == ' ');
            ends.map(|(end, _)| end).collect()
        };
        assert_eq!(ends("ppp"), ends("prefill"));
        assert_eq!(ends("ppp"), ends("cycles")[1..]);
    }

    #[test]
    fn one_of_a_thing_is_no_plural() {
        let workload = Workload {
            layers: 1,
            heads: 1,
            kv_heads: 1,
            seq_len: 2,
            prompt_len: Some(1),
            ..sample::report().workload
        };
        let line = workload_line(&workload);
        assert_eq!(line, "sample: 1 layer, 1 head of 16, 1 prompt + 1 decoded token");
        let line = workload_line(&Workload { seq_len: 1, prompt_len: None, ..workload });
        assert_eq!(line, "sample: 1 layer, 1 head of 16, 1 token");
    }
}

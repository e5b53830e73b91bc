//! A report of round numbers, made by hand, for the tests of the writers. Not a result of anything.

use std::{collections::BTreeMap, num::NonZeroU64};

use serde_json::json;
use tamis_arch::{
    dram::{Controller, Dram},
    energy::{Part, Spread},
    units::{Bytes, Cycle, Cycles, Megahertz, Picojoules, SquareMillimetres},
};
use tamis_dram::{Residency, Stats, Ticks};
use tamis_sim::{
    outcome::{Block, BlockOutcome, LayerTime, Outcome, Traffic, Work},
    stats::{Activity, Doing, Interval},
};
use tamis_workloads::{plan::Phase, quality::LayerQuality, trace::Shape};

use super::{
    Machine, PhaseReport, Policy, Report, SCHEMA, Technology, Workload,
    baselines::{Baseline, Compared, Origin},
    bound::Bound,
    build::{self, Ran, Rates},
    dense::{Counted, Dense},
    energy::{BlockEnergy, Energy},
    memory::MemoryActivity,
};

pub(crate) fn rates() -> Rates {
    Rates {
        clock: Megahertz(NonZeroU64::new(500).expect("500 is not zero")),
        peak_dram_bytes_per_second: 64e9,
        counted: Counted { queries: true, writes: true },
    }
}

fn shape() -> Shape {
    Shape {
        model: "sample".to_owned(),
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        seq_len: 50,
        prompt_len: Some(48),
        causal: true,
        scale: 0.25,
        window: vec![0; 2],
    }
}

fn block(block: Block, busy: u64, blocked: u64, elapsed: u64) -> BlockOutcome {
    let activity = Activity {
        busy: Cycles(busy),
        blocked: Cycles(blocked),
        starved: Cycles(elapsed - busy - blocked),
    };
    BlockOutcome { block, activity, events: Vec::new(), timeline: Vec::new() }
}

/// 1000 cycles in two layers; the QK array waits, works from 100 to 700 and is stopped until 750.
pub(crate) fn prefill() -> Outcome {
    let mut qk = block(Block::QkArray, 600, 50, 1000);
    let interval = |start, end, doing| Interval { start: Cycle(start), end: Cycle(end), doing };
    qk.timeline = vec![
        interval(0, 100, Doing::Starved),
        interval(100, 700, Doing::Busy),
        interval(700, 750, Doing::Blocked),
        interval(750, 1000, Doing::Starved),
    ];
    Outcome {
        phase: Phase::Prefill,
        elapsed: Cycles(1000),
        layers: vec![
            LayerTime { layer: 0, elapsed: Cycles(700) },
            LayerTime { layer: 1, elapsed: Cycles(300) },
        ],
        step_ends: Vec::new(),
        blocks: vec![block(Block::Fetcher, 400, 100, 1000), qk],
        channels: Vec::new(),
        traffic: Traffic {
            query_read_bytes: Bytes(1000),
            key_msb_read_bytes: Bytes(4000),
            key_lsb_read_bytes: Bytes(500),
            value_read_bytes: Bytes(2500),
            output_written_bytes: Bytes(800),
            key_value_written_bytes: Bytes(0),
        },
        work: Work {
            rows: 192,
            refetched_rows: 48,
            qk_macs: 100_000,
            pv_macs: 50_000,
            ..Work::default()
        },
    }
}

/// Two steps of 200 cycles.
pub(crate) fn decode() -> Outcome {
    Outcome {
        phase: Phase::Decode,
        elapsed: Cycles(400),
        layers: vec![
            LayerTime { layer: 0, elapsed: Cycles(200) },
            LayerTime { layer: 1, elapsed: Cycles(200) },
        ],
        step_ends: vec![Cycle(200), Cycle(400)],
        blocks: vec![block(Block::Fetcher, 300, 0, 400), block(Block::QkArray, 20, 0, 400)],
        channels: Vec::new(),
        traffic: Traffic {
            query_read_bytes: Bytes(200),
            key_msb_read_bytes: Bytes(3000),
            value_read_bytes: Bytes(1000),
            output_written_bytes: Bytes(200),
            key_value_written_bytes: Bytes(400),
            ..Traffic::default()
        },
        work: Work { rows: 16, qk_macs: 8_000, pv_macs: 4_000, ..Work::default() },
    }
}

/// One channel of two data buses, at twice the clock of the core: three in four accesses find their row, and the buses
/// move data in a quarter of the cycles.
fn memory(outcome: &Outcome) -> MemoryActivity {
    memory_of("hbm2", "row bus", outcome)
}

/// The same of a standard with one bus for all commands.
pub(crate) fn memory_with_one_bus() -> MemoryActivity {
    memory_of("ddr4", "command bus", &decode())
}

fn memory_of(standard: &str, bus: &str, outcome: &Outcome) -> MemoryActivity {
    let dram = Dram::new(standard, 1, "tamis", Controller::usual()).expect("a memory");
    let bus_cycles = 4 * outcome.elapsed.0;
    let lost = [("no request", 2), (bus, 3), ("tRCD", 1), ("tFAW", 4), ("refresh", 2)];
    let lost = lost.map(|(cause, parts)| (cause.to_owned(), Ticks(bus_cycles * parts / 16)));
    let rows = tamis_dram::Rows { hits: 3, misses: 1, conflicts: 0 };
    let mut stats = Stats {
        channel_ticks: Ticks(bus_cycles / 2),
        pseudo_ticks: Residency { open: Ticks(bus_cycles), ..Residency::default() },
        data_ticks: Ticks(bus_cycles / 4),
        lost: lost.into(),
        ..Stats::default()
    };
    if bus_cycles > 0 {
        stats.rows = rows;
        [40, 50, 60, 200].into_iter().for_each(|ticks| stats.read_latency.add(Ticks(ticks)));
    }
    MemoryActivity::of(&[stats], &dram)
}

fn energy(outcome: &Outcome) -> Energy {
    let spread = |pj: f64| {
        let [low, typical, high] = [0.5, 1.0, 2.0].map(|times| Picojoules(times * pj));
        Spread { low, typical, high }
    };
    let part =
        |dynamic, background| Part { dynamic: spread(dynamic), background: spread(background) };
    let (logic, sram, dram) = (part(4e5, 1e5), part(2e5, 1e5), part(9e5, 3e5));
    let total = logic.total() + sram.total() + dram.total();
    let elapsed = outcome.elapsed.at(rates().clock);
    let block = |logic, sram| BlockEnergy { logic: spread(logic), sram: spread(sram) };
    Energy {
        total,
        logic,
        sram,
        dram,
        dram_commands: tamis_dram::DramEnergy::default(),
        blocks: [(Block::Fetcher, block(1e5, 5e4)), (Block::QkArray, block(3e5, 5e4))].into(),
        average_power: Some(total.map(|energy| energy / elapsed)),
    }
}

/// Two layers of the same quality, 100 rows each.
fn quality(phase: Phase, error: f64, mass: f64) -> Vec<LayerQuality> {
    let layer = |layer| LayerQuality {
        phase,
        layer,
        dense_rows: 100,
        live_rows: 100,
        refetched_rows: 0,
        clipped_values: 0,
        error_squares: error * error,
        dense_squares: 1.0,
        kept_mass: 100.0 * mass,
    };
    vec![layer(0), layer(1)]
}

fn phase(outcome: &Outcome, error: f64, mass: f64) -> PhaseReport {
    let rates = rates();
    let seconds = outcome.elapsed.at(rates.clock).0;
    let baseline = |origin, slower: f64, energy_pj: Option<f64>| Baseline {
        latency_seconds: slower * seconds,
        latency_origin: origin,
        speedup: Some(slower),
        energy: None,
        dynamic_energy: energy_pj.map(|energy_pj| Compared {
            energy_pj: Picojoules(energy_pj),
            origin,
            ratio: Some(energy_pj / 2e6),
        }),
        extrapolated: origin == Origin::Model,
        shown: true,
        note: "made up".to_owned(),
    };
    let baselines = [
        ("some GPU, code".to_owned(), baseline(Origin::Measured, 50.0, Some(1e9))),
        ("some CPU, code".to_owned(), baseline(Origin::Model, 1234.0, None)),
        ("the paper's GPU".to_owned(), baseline(Origin::ByConstruction, 162.0, Some(2.4e9))),
    ];
    let bound = Bound {
        bound_cycles: outcome.elapsed.0 as f64 / 2.0,
        reached_share: Some(0.5),
        limited_by: vec!["qk_array".to_owned()],
    };
    let ran = Ran {
        outcome,
        dense: Dense::of(&shape(), outcome.phase),
        quality: Some(quality(outcome.phase, error, mass)),
        energy: Some(energy(outcome)),
        memory: memory(outcome),
        bound: Some(bound),
        baselines: baselines.into(),
    };
    build::phase(ran, &rates)
}

fn policy(name: &str, error: f64, mass: f64) -> Policy {
    let (prefill, decode) = (prefill(), decode());
    Policy {
        name: name.to_owned(),
        digest: "00ff".to_owned(),
        knobs: json!({"knob": 1}),
        phases: vec![phase(&prefill, error, mass), phase(&decode, error, mass)],
        generation: build::generation(&[&prefill, &decode], rates().clock),
    }
}

/// Two policies in two phases, on a machine of round numbers.
pub(crate) fn report() -> Report {
    let mut policies = vec![policy("cascade", 0.031, 0.94), policy("dense", 0.000_4, 1.0)];
    build::put_beside_dense(&mut policies);
    Report {
        schema: SCHEMA,
        version: "0.0.0",
        machine: Machine {
            name: "round".to_owned(),
            digest: "aa".to_owned(),
            clock_mhz: 500,
            topk_seed: 1,
            peak_operations_per_second: 1e12,
            peak_dram_bytes_per_second: 64e9,
            technology: Technology {
                table: "40nm".to_owned(),
                node_nm: 40,
                voltage_v: 0.9,
                temperature_c: 27.0,
            },
            area_mm2: Spread::exact(SquareMillimetres(18.71)),
        },
        workload: Workload {
            model: "sample".to_owned(),
            digest: "bb".to_owned(),
            layers: 2,
            heads: 4,
            kv_heads: 2,
            head_dim: 16,
            seq_len: 50,
            prompt_len: Some(48),
            widths: None,
        },
        policies,
    }
}

/// A phase in which nothing ran.
pub(crate) fn nothing() -> PhaseReport {
    let outcome = Outcome {
        elapsed: Cycles(0),
        layers: Vec::new(),
        step_ends: Vec::new(),
        blocks: Vec::new(),
        traffic: Traffic::default(),
        work: Work::default(),
        ..prefill()
    };
    let ran = Ran {
        outcome: &outcome,
        dense: Dense::default(),
        quality: None,
        energy: None,
        memory: memory(&outcome),
        bound: None,
        baselines: BTreeMap::new(),
    };
    build::phase(ran, &rates())
}

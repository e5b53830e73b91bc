//! The timeline as a Chrome trace (the JSON that <https://ui.perfetto.dev> opens): one process a
//! phase, one track a block, one slice for each stretch in which the block was busy or blocked.
//! Starved stretches are the gaps. Events are written one by one; the file is never held in memory.
//!
//! Format: "Trace Event Format", complete events (`X`) and metadata (`M`); times in microseconds.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;
use tamis_arch::units::{Cycle, Cycles, Megahertz};
use tamis_sim::{
    outcome::{BlockOutcome, Outcome},
    stats::Doing,
};

/// One slice of a track.
#[derive(Serialize)]
struct Slice {
    ph: &'static str,
    name: &'static str,
    pid: usize,
    tid: usize,
    ts: f64,
    dur: f64,
}

/// Writes the phases one after the other, each with its own clock from zero.
pub(crate) fn write<'a>(
    policy: &str,
    phases: impl IntoIterator<Item = &'a Outcome>,
    clock: Megahertz,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut events = Events { out, any: false };
    events.out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
    for (index, outcome) in phases.into_iter().enumerate() {
        let process = index + 1;
        let title = format!("{policy}, {}", super::key(outcome.phase));
        events.name("process_name", process, 0, &title)?;
        for (place, block) in outcome.blocks.iter().enumerate() {
            write_track(&mut events, process, place + 1, block, clock)?;
        }
    }
    events.out.write_all(b"\n]}\n")
}

fn write_track(
    events: &mut Events<'_>,
    process: usize,
    track: usize,
    block: &BlockOutcome,
    clock: Megahertz,
) -> io::Result<()> {
    events.name("thread_name", process, track, &super::key(block.block))?;
    let order = json!({"ph": "M", "name": "thread_sort_index", "pid": process, "tid": track,
        "args": {"sort_index": track}});
    events.write(&order)?;
    for interval in &block.timeline {
        let name = match interval.doing {
            Doing::Busy => "busy",
            Doing::Blocked => "blocked",
            Doing::Starved => continue,
        };
        let ts = microseconds(interval.start - Cycle::ZERO, clock);
        let dur = microseconds(interval.end - interval.start, clock);
        events.write(&Slice { ph: "X", name, pid: process, tid: track, ts, dur })?;
    }
    Ok(())
}

/// A cycle at `f` MHz lasts `1 / f` microseconds.
fn microseconds(span: Cycles, clock: Megahertz) -> f64 {
    span.0 as f64 / clock.0.get() as f64
}

/// Events with commas between them, one a line.
struct Events<'o> {
    out: &'o mut dyn Write,
    any: bool,
}

impl Events<'_> {
    fn write(&mut self, event: &impl Serialize) -> io::Result<()> {
        self.out.write_all(if self.any { b",\n" } else { b"\n" })?;
        self.any = true;
        serde_json::to_writer(&mut *self.out, event)?;
        Ok(())
    }

    fn name(&mut self, what: &str, process: usize, track: usize, name: &str) -> io::Result<()> {
        let event =
            json!({"ph": "M", "name": what, "pid": process, "tid": track, "args": {"name": name}});
        self.write(&event)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use serde_json::Value;

    use super::*;
    use crate::report::sample;

    fn events() -> Vec<Value> {
        let mut bytes = Vec::new();
        let clock = Megahertz(NonZeroU64::new(500).expect("500 is not zero"));
        let phases = [sample::prefill(), sample::decode()];
        write("cascade", &phases, clock, &mut bytes).expect("memory takes everything");
        let file: Value = serde_json::from_slice(&bytes).expect("valid JSON");
        file["traceEvents"].as_array().expect("a list").clone()
    }

    #[test]
    fn each_phase_is_a_process_and_each_block_a_track() {
        let named = |what: &str| -> Vec<String> {
            let events = events();
            let named = events.iter().filter(|event| event["name"] == what);
            named.map(|event| event["args"]["name"].as_str().expect("a name").to_owned()).collect()
        };
        assert_eq!(named("process_name"), ["cascade, prefill", "cascade, decode"]);
        let blocks = sample::prefill().blocks.len();
        assert_eq!(named("thread_name").len(), 2 * blocks);
    }

    #[test]
    fn slices_are_the_busy_and_blocked_intervals_in_microseconds() {
        let events = events();
        let slices: Vec<_> =
            events.iter().filter(|event| event["ph"] == "X" && event["pid"] == 1).collect();
        // At 500 MHz a cycle lasts 2 ns: busy from 100 to 700, blocked from 700 to 750.
        assert_eq!(slices.len(), 2);
        assert_eq!((&slices[0]["name"], &slices[1]["name"]), (&json!("busy"), &json!("blocked")));
        assert_eq!((&slices[0]["ts"], &slices[0]["dur"]), (&json!(0.2), &json!(1.2)));
    }
}

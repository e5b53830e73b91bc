//! A run holds one layer, not the trace: its peak is below eight times a layer and 200 MB.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::files::{Sizes, Trace, path_of};

/// The most bytes that the process ever had in memory (`VmHWM`, proc(5)); none once it has ended.
fn peak_of(process: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
    Some(kibibytes * 1024)
}

/// Peak of a run, looked up until it ends.
fn peak(trace: &str, phase: &str) -> u64 {
    let mut run = Command::new(assert_cmd::cargo::cargo_bin!("tamis"))
        .args(["run", trace, "--phase", phase])
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut peak = 0;
    let ended = loop {
        if let Some(ended) = run.try_wait().expect("it is our child") {
            break ended;
        }
        peak = peak.max(peak_of(&run).unwrap_or(0));
        thread::sleep(Duration::from_millis(1));
    };
    assert!(ended.success());
    peak
}

/// Bytes of Q, K and V of one layer in memory, as f32.
fn layer_bytes(sizes: &Sizes) -> u64 {
    let vectors = (sizes.heads + 2 * sizes.kv_heads) * sizes.seq_len;
    4 * (vectors * sizes.head_dim) as u64
}

#[test]
fn a_bundled_trace_stays_below_the_bound() {
    let layer =
        layer_bytes(&Sizes { layers: 30, heads: 9, kv_heads: 3, head_dim: 64, seq_len: 64 });
    let peak = peak("smollm2-135m_alice_s64", "all");
    assert!(peak < 8 * layer + 200_000_000, "{peak} bytes, a layer has {layer}");
}

/// Peak of an encoder of so many layers.
fn peak_of_layers(layers: usize) -> (u64, u64) {
    let sizes = Sizes { layers, heads: 2, kv_heads: 2, head_dim: 64, seq_len: 1024 };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.safetensors");
    fs::write(&path, Trace::of(&sizes).bytes()).expect("writable");
    (peak(&path_of(&path), "prefill"), layer_bytes(&sizes))
}

/// The bound leaves room for dozens of these layers. So the growth with their number is bounded too: a
/// run that held on to layers would need fifteen more of them here.
#[test]
fn a_long_trace_stays_below_the_bound_and_its_layers_do_not_add_up() {
    let (few, layer) = peak_of_layers(1);
    let (many, _) = peak_of_layers(16);
    assert!(many < 8 * layer + 200_000_000, "{many} bytes, a layer has {layer}");
    assert!(many < few + 8 * layer, "{few} bytes for 1 layer, {many} for 16 of {layer} bytes");
}

/// Decode keeps layers for its next step, for each of two policies: as many as the bound has room for.
/// All of these would be 177 MB, in two policies twice that.
#[test]
fn decode_of_many_layers_stays_below_the_bound() {
    let sizes = Sizes { layers: 150, heads: 4, kv_heads: 4, head_dim: 64, seq_len: 256 };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep.safetensors");
    let trace = Trace::of(&sizes).with_metadata("prompt_len", "254");
    fs::write(&path, trace.bytes()).expect("writable");
    let (peak, layer) = (peak(&path_of(&path), "decode"), layer_bytes(&sizes));
    assert!(peak < 8 * layer + 200_000_000, "{peak} bytes, a layer has {layer}");
}

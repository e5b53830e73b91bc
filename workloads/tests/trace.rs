//! Traces: the bundled files are what they were captured as, and what is written reads back.

use safetensors::SafeTensors;
use tamis_workloads::trace::{BUNDLED, DECODER, ENCODER, Precision, TraceFile, write};

/// From the `stats.json` that was made with the captures.
const DIGESTS: [(&str, &str); 2] = [
    ("smollm2-135m_alice_s64", "28005d9224c9bd8d9c8478b91a49d304de1db5771e78e05197639d9ef2f3fc4a"),
    ("minilm-l6_alice_s40", "abdb34226ae517cd90347feace672c1e1e4721dc876e25f3e3feb250b7943fff"),
];

#[test]
fn bundled_files_are_the_captured_ones() {
    for (trace, (name, digest)) in BUNDLED.into_iter().zip(DIGESTS) {
        assert_eq!(trace.name, name);
        assert_eq!(trace.open().unwrap().digest().unwrap(), digest);
    }
}

#[test]
fn the_shape_is_what_the_capture_says() {
    let file = DECODER.open().unwrap();
    let shape = file.shape();
    assert_eq!(shape.model, "SmolLM2-135M-Instruct (Q4_1 GGUF, dequantized)");
    assert_eq!((shape.layers, shape.heads, shape.kv_heads), (30, 9, 3));
    assert_eq!((shape.seq_len, shape.prompt_len, shape.head_dim), (64, Some(48), 64));
    assert_eq!((shape.causal, shape.scale), (true, 0.125));
    assert_eq!(shape.window, [0; 30]);
    assert_eq!(file.origin().tokens.as_ref().unwrap()[..3], ["Alice", " was", " beginning"]);
    assert_eq!(file.origin().model_layers, Some(30));
    assert_eq!(file.precision(), Precision::F16);

    let file = ENCODER.open().unwrap();
    let shape = file.shape();
    assert_eq!((shape.layers, shape.heads, shape.kv_heads), (6, 12, 12));
    assert_eq!((shape.seq_len, shape.prompt_len, shape.head_dim), (40, None, 32));
    assert_eq!((shape.causal, shape.scale), (false, 0.1767766952966369));
}

/// The reference implementation of the format finds the same values.
#[test]
fn values_are_those_that_the_safetensors_crate_reads() {
    for trace in BUNDLED {
        let (file, theirs) =
            (trace.open().unwrap(), SafeTensors::deserialize(trace.bytes).unwrap());
        for index in 0..file.shape().layers {
            let layer = file.layer(index).unwrap();
            for (letter, heads) in [("q", layer.q), ("k", layer.k), ("v", layer.v)] {
                let tensor = theirs.tensor(&format!("layer.{index}.{letter}")).unwrap();
                let halves =
                    tensor.data().chunks(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]));
                assert!(heads.values.iter().copied().eq(halves.map(f32::from)), "layer {index}");
            }
        }
    }
}

#[test]
fn a_file_on_disk_reads_like_the_bundled_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.safetensors");
    std::fs::write(&path, DECODER.bytes).unwrap();
    let (disk, memory) = (TraceFile::open(&path).unwrap(), DECODER.open().unwrap());
    assert_eq!(disk.shape(), memory.shape());
    assert_eq!(disk.layer(29).unwrap(), memory.layer(29).unwrap());
    assert_eq!(disk.digest().unwrap(), memory.digest().unwrap());
}

#[test]
fn a_bundled_trace_written_again_has_the_same_contents() {
    let folder = tempfile::tempdir().unwrap();
    for (trace, precision) in BUNDLED.into_iter().zip([Precision::F16, Precision::F32]) {
        let path = folder.path().join(trace.name);
        let file = trace.open().unwrap();
        write(&path, &file, file.origin(), precision).unwrap();
        let again = TraceFile::open(&path).unwrap();
        assert_eq!((again.shape(), again.origin()), (file.shape(), file.origin()));
        assert_eq!(again.precision(), precision);
        for index in 0..file.shape().layers {
            assert_eq!(again.layer(index).unwrap(), file.layer(index).unwrap());
        }
        SafeTensors::deserialize(&std::fs::read(&path).unwrap()).unwrap();
    }
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        BUNDLED.len(),
        "something was left over"
    );
}

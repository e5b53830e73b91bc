//! The bundled files, cut short and with bits flipped, give a result or an error: never a panic.

use proptest::prelude::*;
use tamis_workloads::trace::{Bundled, DECODER, ENCODER, TraceError, TraceFile};

/// Bytes of the length field and of the header.
fn header_len(trace: Bundled) -> usize {
    let length = u64::from_le_bytes(trace.bytes[..8].try_into().unwrap());
    8 + usize::try_from(length).unwrap()
}

/// Opens the bytes and reads all layers.
fn read_all(bytes: Vec<u8>) -> Result<Vec<f32>, String> {
    let read = || {
        let file = TraceFile::from_bytes("mutant", bytes)?;
        let mut values = Vec::new();
        for index in 0..file.shape().layers {
            let layer = file.layer(index)?;
            values.extend([layer.q.values, layer.k.values, layer.v.values].concat());
        }
        Ok(values)
    };
    read().map_err(|error: TraceError| error.to_string())
}

fn flip(trace: Bundled, bit: usize) -> Vec<u8> {
    let mut bytes = trace.bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_file_cut_short_is_an_error(
        encoder in any::<bool>(),
        in_header in any::<bool>(),
        at in any::<prop::sample::Index>(),
    ) {
        let trace = if encoder { ENCODER } else { DECODER };
        let len = at.index(if in_header { header_len(trace) } else { trace.bytes.len() });
        let error = TraceFile::from_bytes("mutant", &trace.bytes[..len]).unwrap_err().to_string();
        prop_assert!(error.starts_with("mutant: "), "{}", error);
    }

    #[test]
    fn flipped_bits_in_the_header_are_a_result_or_an_error(
        encoder in any::<bool>(),
        bits in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let trace = if encoder { ENCODER } else { DECODER };
        let mut bytes = trace.bytes.to_vec();
        for bit in bits {
            let bit = bit.index(8 * header_len(trace));
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        match TraceFile::from_bytes("mutant", bytes).and_then(|file| file.layer(0)) {
            Ok(layer) => prop_assert!(layer.q.values.iter().all(|value| value.is_finite())),
            Err(error) => prop_assert!(error.to_string().starts_with("mutant: "), "{}", error),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_bit_flipped_in_the_data_changes_one_value_or_is_an_error(
        at in any::<prop::sample::Index>(),
    ) {
        let data = 8 * header_len(ENCODER);
        let bit = data + at.index(8 * ENCODER.bytes.len() - data);
        let sound = read_all(ENCODER.bytes.to_vec()).unwrap();
        match read_all(flip(ENCODER, bit)) {
            Ok(values) => {
                let changed = |(a, b): &(&f32, &f32)| a.to_bits() != b.to_bits();
                prop_assert_eq!(values.iter().zip(&sound).filter(changed).count(), 1);
            }
            Err(error) => {
                prop_assert!(error.contains(", dim "), "{}", error);
                prop_assert!(error.contains("must be a finite number"), "{}", error);
            }
        }
    }
}

/// A header may claim a lot. What is set aside for it is bounded by the file that is there.
#[cfg(target_os = "linux")]
#[test]
fn claims_cost_no_memory() {
    let virtual_kib = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmPeak:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = virtual_kib();
    let header = String::from_utf8(ENCODER.bytes[8..header_len(ENCODER)].to_vec()).unwrap();
    for (honest, lie) in [
        (r#""num_layers":"6""#, r#""num_layers":"4000000000""#),
        (r#""seq_len":"40""#, r#""seq_len":"4000000000""#),
        (r#""head_dim":"32""#, r#""head_dim":"4000000000""#),
        (r#""num_heads":"12""#, r#""num_heads":"3999999996""#),
    ] {
        assert!(header.contains(honest));
        let text = header.replace(honest, lie);
        let length = (text.len() as u64).to_le_bytes();
        let bytes = [&length[..], text.as_bytes(), &ENCODER.bytes[header_len(ENCODER)..]].concat();
        assert!(TraceFile::from_bytes("mutant", bytes).is_err());
    }
    let grown = virtual_kib() - before;
    assert!(grown < 1 << 20, "{grown} KiB for a file of half a megabyte");
}

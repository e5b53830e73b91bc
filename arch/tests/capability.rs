//! What a machine supports, and widths that can never wrap.

use tamis_arch::{
    Accelerator,
    accelerator::{Unsupported, load},
    units::Bits,
};

fn spatten() -> Accelerator {
    load("spatten").expect("the preset is good")
}

#[test]
fn a_line_holds_whole_keys_of_any_supported_dimension() {
    let full = spatten();
    let keys = [16, 32, 64, 128, 256].map(|head_dim| full.keys_per_line(head_dim));
    assert_eq!(keys, [Ok(32), Ok(16), Ok(8), Ok(4), Ok(2)]);
    for head_dim in [0, 1, 8, 48, 80, 257, 512, u32::MAX] {
        assert!(matches!(full.keys_per_line(head_dim), Err(Unsupported::HeadDim { .. })));
    }
    assert_eq!(
        full.keys_per_line(80).expect_err("no power of two").to_string(),
        "machine `spatten` supports head_dim 16, 32, 64, 128 and 256 (found 80): a line holds a power of \
         two of keys"
    );
    let eighth = load("spatten-eighth").expect("the preset is good");
    assert_eq!(eighth.values_per_line(64), Ok(1));
    assert_eq!(
        eighth.values_per_line(128).expect_err("128 dimensions do not fit").to_string(),
        "machine `spatten-eighth` has 64 multipliers in `pv_array`, fewer than head_dim 128: a line \
         must hold a whole key"
    );
}

#[test]
fn scores_never_wrap() {
    // The largest score: 256 products of the two most negative operands.
    for operand in 4..=12 {
        let mut machine = spatten();
        machine.formats.operand = Bits(operand);
        let most_negative = -(1_i128 << (operand - 1));
        let largest = 256 * most_negative * most_negative;
        assert!(largest < 1 << (machine.score_bits() - 1), "{operand} bits");
    }
}

#[test]
fn outputs_never_wrap() {
    // 1024 probabilities, each half a unit of 2^-18 too large, times the most negative operand.
    let machine = spatten();
    let largest = (2 * (1_i64 << 18) + 1024) * (1 << 11) / 2;
    let bits = machine.output_accumulator_bits();
    assert!((1 << (bits - 2)..1 << (bits - 1)).contains(&largest), "{bits} bits");
}

//! What a machine supports, and widths that can never wrap.

use tamis_arch::{
    Accelerator,
    accelerator::{Demand, Unsupported, load},
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

#[test]
fn importance_fits_up_to_the_last_term() {
    let full = spatten();
    // 48 bits hold 2^48 - 1: 2^30 - 1 terms of at most 2^18, and not one more.
    let largest = 1 << 18;
    assert_eq!(full.importance_fits((1 << 30) - 1, largest), Ok(()));
    assert_eq!(
        full.importance_fits(1 << 30, largest).expect_err("it could wrap").to_string(),
        "machine `spatten` accumulates importance in 48 bits (`formats.importance_bits`), and \
         1073741824 terms of up to 262144 could need 49"
    );
    assert!(full.importance_fits(u64::MAX, u64::MAX).is_err());
}

#[test]
fn a_workload_is_admitted_or_every_limit_that_it_exceeds_is_named() {
    let full = spatten();
    let fits = Demand {
        head_dim: 64,
        tokens: 1024,
        resident_keys: 1024,
        token_terms: 1 << 20,
        head_terms: 1 << 20,
    };
    assert_eq!(full.admit(&fits), Ok(()));
    let found = |demand: Demand| {
        let errors = full.admit(&demand).expect_err("it does not fit");
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let large = Demand {
        tokens: 1025,
        resident_keys: 1025,
        token_terms: 1 << 31,
        head_terms: 1 << 38,
        ..fits
    };
    assert_eq!(
        found(large),
        [
            "machine `spatten` scores at most 1024 tokens (`importance.tokens`), and the sequence has 1025",
            "machine `spatten` accumulates importance in 48 bits (`formats.importance_bits`), and \
             2147483648 terms of up to 262144 could need 50",
            "machine `spatten` accumulates importance in 48 bits (`formats.importance_bits`), and \
             274877906944 terms of up to 2048 could need 50",
            "machine `spatten` keeps at most 1024 keys of head_dim 64 on chip (half of \
             `key_buffer.capacity_bytes`), and a prefill task has 1025",
            "machine `spatten` keeps at most 1024 keys of head_dim 64 on chip (half of \
             `value_buffer.capacity_bytes`), and a prefill task has 1025",
        ]
    );
    assert_eq!(
        found(Demand { head_dim: 80, ..fits }),
        ["machine `spatten` supports head_dim 16, 32, 64, 128 and 256 (found 80): a line holds a \
          power of two of keys"]
    );
}

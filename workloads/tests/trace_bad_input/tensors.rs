//! Faults of the tensors and of their values.

use serde_json::json;
use tamis_workloads::trace::TraceFile;

use crate::{draft::Draft, error, refuses};

#[test]
fn more_layers_than_tensors() {
    let draft = Draft::sound().with("num_layers", "4294967295");
    let rule = "must be at most the number of tensors, 3 (found 4294967295)";
    refuses(&draft, &format!("metadata `num_layers`: {rule}"));
}

#[test]
fn missing_layer() {
    let draft = Draft::sound().with("num_layers", "2");
    refuses(&draft, "tensor `layer.1.q`: is missing; num_layers = 2 asks for it");
}

#[test]
fn missing_tensor() {
    let mut draft = Draft::sound();
    draft.tensors.remove("layer.0.v");
    refuses(&draft, "tensor `layer.0.v`: is missing; num_layers = 1 asks for it");
}

#[test]
fn extra_layer() {
    let mut draft = Draft::sound();
    draft.tensors.insert("layer.1.q".into(), draft.tensors["layer.0.q"].clone());
    refuses(&draft, "tensor `layer.1.q`: is not part of a trace with num_layers = 1");
}

#[test]
fn unknown_dtype() {
    let draft = Draft::sound().with_tensor("layer.0.k", "dtype", json!("BF16"));
    refuses(&draft, "tensor `layer.0.k`: dtype must be F16 or F32 (found BF16)");
}

#[test]
fn unknown_field_of_a_tensor() {
    let text = error(Draft::sound().with_tensor("layer.0.k", "strides", json!([1])).bytes());
    assert!(text.contains("the header must be sound JSON: unknown field `strides`"), "{text}");
}

#[test]
fn shapes_that_disagree() {
    for (name, shape, rule) in [
        ("layer.0.q", json!([2, 3, 16]), "[num_heads, seq_len, head_dim] = [4, 3, 16]"),
        ("layer.0.k", json!([2, 4, 16]), "[num_kv_heads, seq_len, head_dim] = [2, 3, 16]"),
        ("layer.0.v", json!([2, 3, 8]), "[num_kv_heads, seq_len, head_dim] = [2, 3, 16]"),
        ("layer.0.v", json!([6, 16]), "[num_kv_heads, seq_len, head_dim] = [2, 3, 16]"),
    ] {
        let found = format!("{shape:?}");
        let found = found.replace("Array ", "").replace("Number(", "").replace(')', "");
        let draft = Draft::sound().with_tensor(name, "shape", shape);
        refuses(&draft, &format!("tensor `{name}`: shape must be {rule} (found {found})"));
    }
}

#[test]
fn shape_larger_than_any_file() {
    let shape = json!([4_294_967_292_u32, 4_294_967_295_u32, 4_294_967_295_u32]);
    let mut draft = Draft::sound().with("num_heads", "4294967292").with("seq_len", "4294967295");
    draft = draft.with("head_dim", "4294967295").with_tensor("layer.0.q", "shape", shape);
    let rule = "data_offsets must span more than 2^64 bytes (found [384, 1152])";
    refuses(&draft, &format!("tensor `layer.0.q`: {rule}"));
}

#[test]
fn offsets_that_span_another_size() {
    for found in [[0, 380], [384, 0]] {
        let draft = Draft::sound().with_tensor("layer.0.k", "data_offsets", json!(found));
        let rule = format!("data_offsets must span 384 bytes (found {found:?})");
        refuses(&draft, &format!("tensor `layer.0.k`: {rule}"));
    }
}

#[test]
fn tensors_that_overlap() {
    let draft = Draft::sound().with_tensor("layer.0.v", "data_offsets", json!([0, 384]));
    let rule = "data_offsets must start where the tensor before ends, at 384 (found [0, 384])";
    refuses(&draft, &format!("tensor `layer.0.v`: {rule}"));
}

#[test]
fn tensors_with_a_hole() {
    let draft = Draft::sound().with_tensor("layer.0.v", "data_offsets", json!([1156, 1540]));
    let rule = "data_offsets must start where the tensor before ends, at 1152 (found [1156, 1540])";
    refuses(&draft, &format!("tensor `layer.0.v`: {rule}"));
}

#[test]
fn offsets_beyond_the_file() {
    let mut draft = Draft::sound();
    draft.data.truncate(1500);
    let header = draft.bytes().len() - 1500;
    let rule = format!(
        "must hold the 1536 bytes of data that its tensors span, after {header} bytes of header \
         (found 1500)"
    );
    refuses(&draft, &format!("the file: {rule}"));
}

#[test]
fn bytes_after_the_last_tensor() {
    let mut draft = Draft::sound();
    draft.data.push(0);
    let text = error(draft.bytes());
    assert!(text.ends_with("bytes of header (found 1537)"), "{text}");
}

// Values. K comes first in the data, 2 heads of 3 tokens of 16.

#[test]
fn not_a_number() {
    let rule = "must be a finite number of at most 65504 in size (found NaN)";
    let place = "tensor `layer.0.k` at head 1, token 2, dim 15";
    refuses(&Draft::sound().with_value(2 * 3 * 16 - 1, f32::NAN), &format!("{place}: {rule}"));
}

#[test]
fn infinity() {
    let rule = "must be a finite number of at most 65504 in size (found -inf)";
    let place = "tensor `layer.0.q` at head 0, token 0, dim 1";
    let draft = Draft::sound().with_value(2 * 3 * 16 + 1, f32::NEG_INFINITY);
    refuses(&draft, &format!("{place}: {rule}"));
}

#[test]
fn too_large_a_value() {
    let rule = "must be a finite number of at most 65504 in size (found 65505)";
    let place = "tensor `layer.0.k` at head 0, token 1, dim 0";
    refuses(&Draft::sound().with_value(16, 65505.0), &format!("{place}: {rule}"));
    assert!(
        TraceFile::from_bytes("t", Draft::sound().with_value(16, 65504.0).bytes())
            .and_then(|file| file.layer(0))
            .is_ok()
    );
}

//! Faults of the metadata.

use tamis_workloads::trace::TraceFile;

use crate::{draft::Draft, refuses};

#[test]
fn unknown_format() {
    let draft = Draft::sound().with("format", "pt");
    refuses(&draft, "metadata `format`: must be `attention-trace` (found `pt`)");
}

#[test]
fn unknown_version() {
    refuses(&Draft::sound().with("version", "2"), "metadata `version`: must be `1` (found `2`)");
}

#[test]
fn misspelt_key() {
    let rule = "is not a key of attention-trace 1; keys of your own start with `x_`";
    refuses(&Draft::sound().with("windows", "[0]"), &format!("metadata `windows`: {rule}"));
    assert!(TraceFile::from_bytes("t", Draft::sound().with("x_run", "7").bytes()).is_ok());
}

#[test]
fn missing_key() {
    for key in ["format", "version", "model", "task", "causal", "num_layers", "num_heads"] {
        let text = format!("metadata `{key}`: is required and missing");
        refuses(&Draft::sound().without(key), &text);
    }
    for key in ["num_kv_heads", "head_dim", "seq_len", "scale", "source_text"] {
        let text = format!("metadata `{key}`: is required and missing");
        refuses(&Draft::sound().without(key), &text);
    }
}

#[test]
fn zero_of_anything() {
    for key in ["num_layers", "num_heads", "num_kv_heads", "head_dim", "seq_len"] {
        let text = format!("metadata `{key}`: must be at least 1 (found 0)");
        refuses(&Draft::sound().with(key, "0"), &text);
    }
}

#[test]
fn numbers_that_are_none_or_too_large() {
    for found in ["four", "", "-1", "1.5", "4294967296"] {
        let rule = format!("must be a whole number below 2^32 (found `{found}`)");
        refuses(&Draft::sound().with("num_heads", found), &format!("metadata `num_heads`: {rule}"));
    }
}

#[test]
fn kv_heads_that_do_not_divide_the_heads() {
    let draft = Draft::sound().with("num_kv_heads", "3");
    refuses(&draft, "metadata `num_kv_heads`: must divide num_heads = 4 (found 3)");
}

#[test]
fn causal_that_is_neither() {
    let draft = Draft::sound().with("causal", "True");
    refuses(&draft, "metadata `causal`: must be `true` or `false` (found `True`)");
}

#[test]
fn scale_out_of_range() {
    refuses(&Draft::sound().with("scale", "a"), "metadata `scale`: must be a number (found `a`)");
    for found in ["0", "-0.5", "NaN", "inf", "0.0000001", "1000001"] {
        let rule = format!("must be a number from 1e-6 to 1e6 (found {found})");
        refuses(&Draft::sound().with("scale", found), &format!("metadata `scale`: {rule}"));
    }
}

#[test]
fn prompt_out_of_range() {
    for found in ["0", "4"] {
        let rule = format!("must be from 1 to seq_len = 3 (found {found})");
        refuses(
            &Draft::sound().with("prompt_len", found),
            &format!("metadata `prompt_len`: {rule}"),
        );
    }
}

#[test]
fn prompt_of_an_encoder() {
    let rule = "needs causal = true: a query that sees later keys cannot be a decode step";
    refuses(&Draft::sound().with("causal", "false"), &format!("metadata `prompt_len`: {rule}"));
}

#[test]
fn window_list_of_another_length() {
    let rule = "must have one entry for each layer, num_layers = 1 (found 2)";
    refuses(&Draft::sound().with("window", "[0,2]"), &format!("metadata `window`: {rule}"));
}

#[test]
fn window_that_is_not_a_list_of_numbers() {
    let rule = "must be a JSON list of whole numbers: expected ident at line 1 column 2";
    refuses(&Draft::sound().with("window", "full"), &format!("metadata `window`: {rule}"));
    let rule = "must be a JSON list of whole numbers: invalid value: integer `-1`, expected u32";
    let text = format!("metadata `window`: {rule} at line 1 column 3");
    refuses(&Draft::sound().with("window", "[-1]"), &text);
}

#[test]
fn window_of_an_encoder() {
    let draft = Draft::sound().without("prompt_len").with("causal", "false").with("window", "[2]");
    let rule = "needs causal = true: a window counts the newest keys that a query sees";
    refuses(&draft, &format!("metadata `window`: {rule}"));
}

#[test]
fn tokens_of_another_number() {
    let draft = Draft::sound().with("tokens", r#"["a"]"#);
    refuses(&draft, "metadata `tokens`: must have an entry for each token, seq_len = 3 (found 1)");
}

#[test]
fn source_layers_that_make_no_sense() {
    for (found, rule) in [
        ("0;1", "must be whole numbers with commas between them"),
        ("0,1", "must have an entry for each layer, num_layers = 1 (found 2)"),
        ("9", "must be ascending and below model_num_layers"),
    ] {
        let draft = Draft::sound().with("model_num_layers", "9").with("source_layers", found);
        refuses(&draft, &format!("metadata `source_layers`: {rule}"));
    }
    let draft = Draft::sound().with("model_num_layers", "0");
    refuses(&draft, "metadata `model_num_layers`: must be at least num_layers = 1 (found 0)");
}

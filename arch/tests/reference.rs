//! `docs/reference/machine.md` is made from the table of parameters; this test fails when it is stale.
//!
//! `TAMIS_UPDATE=1 cargo test -p tamis-arch --test reference` writes it anew.

use std::{env, fmt::Write, fs, path::Path};

use tamis_arch::{
    Accelerator,
    accelerator::{HEAD_DIMS, PRESETS, load},
    reader::{Field, Kind},
};

const HEADER: &str = "\
# The machine file

<!-- Made from the source by `TAMIS_UPDATE=1 cargo test -p tamis-arch --test reference`. -->

A machine is a TOML file of the sections below. `extends = \"NAME\"` names a preset, or a file beside this
one, that states every parameter that the file leaves out; `name` and `description` are always its own.
All faults of a file are reported at once, each with its place and rule. Times are in cycles of the core
clock unless a parameter says otherwise, from an item's arrival to its result. `tamis arch check FILE`
checks a file, `tamis arch show NAME` prints every parameter of a machine, `tamis arch schema` prints
the JSON schema.
";

#[test]
fn the_reference_of_the_machine_file_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/machine.md");
    let page = page();
    if env::var_os("TAMIS_UPDATE").is_some() {
        fs::write(&path, &page).expect("the page can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "docs/reference/machine.md is stale; write it anew with\n\
         TAMIS_UPDATE=1 cargo test -p tamis-arch --test reference"
    );
}

fn page() -> String {
    let mut page = HEADER.to_owned();
    let mut say = |text: String| page.push_str(&text);
    say("\n## Presets\n\n| name | what it is |\n| --- | --- |\n".into());
    for preset in PRESETS {
        let machine = load(preset.name).expect("the preset is good");
        say(format!("| `{}` | {} |\n", machine.name, machine.description));
    }
    let preset = load(PRESETS[0].name).expect("the preset is good");
    for (section, values) in Accelerator::sections().iter().zip(preset.values()) {
        say(format!("\n## `[{}]`\n\n{}\n\n", section.name, section.purpose));
        say(format!("| parameter | meaning | must be | in `{}` |\n", preset.name));
        say("| --- | --- | --- | --- |\n".into());
        for (field, (_, value)) in section.fields.iter().zip(values.values) {
            let (name, doc) = (&field.name, field.doc);
            say(format!("| `{name}` | {doc} | {} | `{value}` |\n", must_be(field)));
        }
        for field in &section.fields {
            let Kind::Choice(names) = &field.kind else { continue };
            say(format!("\n`{}`:\n\n", field.name));
            for named in *names {
                say(format!("- `\"{}\"`: {}\n", named.name, named.meaning));
            }
        }
    }
    say(joint_rules());
    page
}

fn must_be(field: &Field) -> String {
    let rule = field.rule.to_string();
    let mut text = match &field.kind {
        Kind::Integer if rule.is_empty() => "an integer, 0 or more".into(),
        Kind::Integer => rule,
        Kind::Real => format!("a number {rule}"),
        Kind::Flag => "`true` or `false`".into(),
        Kind::Text => "a string".into(),
        Kind::Choice(_) => "one of the names below".into(),
        Kind::List(_) => format!("a list, each {rule}"),
    };
    if !field.unit.is_empty() {
        write!(text, " {}", field.unit).expect("writing to a string cannot fail");
    }
    match field.rule.reason() {
        "" => text,
        reason => format!("{text}: {reason}"),
    }
}

fn joint_rules() -> String {
    format!(
        "
## Rules that join parameters

- A buffer holds an even number of whole lines, of one operand for each multiplier of its array.
- `softmax.row_buffer_lines` and `refetch.buffer_lines`, of `softmax.lanes` values, hold at least one row
  of `importance.tokens`.
- `topk.entries` is at least `importance.tokens`.
- `layout.region_alignment_bytes` is a multiple of the DRAM's transaction.

## Limits on workloads

- `head_dim` is a power of two, {} to {}, and no larger than an array.
- A sequence has at most `importance.tokens` tokens.
- The keys of a prefill task, and its values, fit half of their buffer.
- No importance can wrap: queries × heads × layers × 2^`formats.probability_fraction_bits` (tokens) and
  queries × head_dim × layers × 2^(`formats.operand_bits` - 1) (heads) are below
  2^`formats.importance_bits`. Scores have twice the operand's width and log2({}) bits, and cannot wrap.
",
        HEAD_DIMS.start(),
        HEAD_DIMS.end(),
        HEAD_DIMS.end()
    )
}

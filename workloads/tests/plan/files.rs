//! Policy files: by name, in variants, and wrong.

use proptest::prelude::*;
use tamis_workloads::{
    planner::{Phases, Planner},
    policy::Policy,
    quickselect::PivotRule,
    trace::{ENCODER, LayerSource},
};

use crate::build::{FORMATS, cascade, encoder, layer, trace};

fn faults(text: &str) -> String {
    Policy::parse("mine.toml", text).expect_err("it is wrong").to_string()
}

fn misfit(source: &(dyn LayerSource + Sync), policy: &Policy) -> String {
    let planner = Planner::new(source, policy, &FORMATS, PivotRule::MIDPOINT, Phases::All);
    planner.err().expect("it does not fit").to_string()
}

#[test]
fn policies_come_by_name_and_print_every_knob() {
    assert_eq!(Policy::names().collect::<Vec<_>>(), ["cascade", "dense"]);
    assert!(Policy::named("cascde").is_none());
    let cascade = Policy::named("cascade").unwrap();
    assert_eq!(
        cascade.to_toml(),
        "policy = \"cascade\"\ntokens_keep = 0.5\ntokens_start = 0.15\nheads_keep = 0.9\n\
         heads_start = 0.3\nvalues_keep_prefill = 1.0\nvalues_keep_decode = 0.5\n\
         key_msb_bits = 8\nkey_lsb_bits = 4\nrefetch_threshold = 0.1\nvalue_bits = 12\n\
         protect_newest = true\nskip_zero_values = true\nprompt_importance = \"mean\"\n\
         importance_over_steps = true\n"
    );
}

#[test]
fn what_is_printed_reads_back_as_the_same_policy() {
    for policy in [
        Policy::named("dense").unwrap(),
        cascade("tokens_keep = [1.0, 0.921, 0.1]\nrefetch_threshold = 0.05"),
    ] {
        let again = Policy::parse("again.toml", &policy.to_toml()).unwrap();
        assert_eq!(again.to_toml(), policy.to_toml());
        assert_eq!(again.digest(), policy.digest());
    }
    assert_ne!(cascade("").digest(), cascade("tokens_keep = 0.6").digest());
    assert_eq!(cascade("").digest(), Policy::named("cascade").unwrap().digest());
}

#[test]
fn every_fault_is_reported_with_its_place() {
    let text = "extends = \"cascade\"\ntokens_keep = 1.5\nheads_kep = 0.9\nkey_lsb_bits = 11\n";
    let expected = "\
error: `tokens_keep` must be a finite number 0.000001 to 1: a share of 0 keeps nothing, and more \
than 1 keeps more than there are (found 1.5)
  --> mine.toml:2:15
   | tokens_keep = 1.5
   |               ^^^
error: `heads_kep` is not known; did you mean `heads_keep`?
  --> mine.toml:3:1
   | heads_kep = 0.9
   | ^^^^^^^^^
error: `key_lsb_bits` must be 0 to 10 (found 11)
  --> mine.toml:4:16
   | key_lsb_bits = 11
   |                ^^
";
    assert_eq!(faults(text), expected);
}

#[test]
fn schedules_that_keep_nothing_too_much_or_more_than_before_are_faults() {
    let list = |list: &str| faults(&format!("extends = \"cascade\"\nheads_keep = {list}\n"));
    assert!(list("[1.0, 0.0]").contains("a share of 0 keeps nothing"));
    assert!(list("[1.0, 2]").contains("more than 1 keeps more than there are (found 2)"));
    assert!(list("[1.0, nan]").contains("must be a finite number"));
    assert!(list("[0.9, 0.5]").contains("must start with 1: the first layer has them all"));
    let risen = list("[1.0, 0.5, 0.6]");
    assert!(risen.contains("must not rise from layer to layer: what is pruned stays pruned"));
    assert!(risen.contains("mine.toml:2:25\n"), "the caret is under 0.6: {risen}");
}

#[test]
fn a_file_that_is_no_policy_says_what_there_is() {
    assert!(faults("policy = \"casscade\"").contains("one of \"cascade\", \"dense\""));
    assert!(faults("extends = \"sparse\"").contains("must be one of \"cascade\", \"dense\""));
    assert!(faults("").contains("`policy` is missing"));
    assert!(faults("policy = \"dense\"\nkey_bits = 12").contains("`value_bits` is missing"));
    assert!(faults("policy = 'dense").contains("this is not TOML"));
}

#[test]
fn a_list_must_have_an_entry_for_each_layer_of_the_trace() {
    let encoder = ENCODER.open().unwrap();
    let message = misfit(&encoder, &cascade("tokens_keep = [1.0, 0.5]"));
    let expected = "error: `tokens_keep` must have one entry for each layer of the trace, 6 in all \
                    (found 2)\n  --> test.toml:2:15\n";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn a_list_that_rounds_down_to_nothing_is_a_fault_of_the_list() {
    let shape = encoder(2, 4);
    let one = |_, _| 1.0;
    let source = trace(&shape, vec![layer(&shape, one, one, one); 2]);
    let message = misfit(&source, &cascade("tokens_keep = [1.0, 0.2]"));
    let expected = "`tokens_keep` keeps 0 of 4 tokens in layer 1 (0.2 of them, rounded down)";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn planes_of_more_bits_than_an_operand_are_a_fault() {
    let encoder = ENCODER.open().unwrap();
    let message = misfit(&encoder, &cascade("key_msb_bits = 10"));
    let expected = "`key_lsb_bits` and `key_msb_bits` must add up to at most formats.operand_bits = 12 \
                    (found 14)";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn the_reference_explains_every_knob() {
    let page = include_str!("../../../docs/reference/policies.md");
    for name in Policy::names() {
        for (knob, _) in Policy::named(name).unwrap().knobs() {
            assert!(page.contains(&format!("`{knob}`")), "{name}: {knob}");
        }
    }
}

proptest! {
    /// Whatever the file holds: a policy, or faults that name it.
    #[test]
    fn a_damaged_file_is_a_policy_or_a_list_of_faults(
        place in any::<prop::sample::Index>(),
        cut in 0usize..20,
        put in "[ -~\\n]{0,12}",
    ) {
        let sound = cascade("tokens_keep = [1.0, 0.5]").to_toml();
        let start = place.index(sound.len());
        let end = sound.len().min(start + cut);
        let text = format!("{}{put}{}", &sound[..start], &sound[end..]);
        if let Err(faults) = Policy::parse("damaged.toml", &text) {
            prop_assert!(faults.to_string().contains("--> damaged.toml:"), "{faults}");
        }
    }
}

//! From a name, a file or any text at all to a machine or to an error that says what is wrong.

use std::fs;

use proptest::prelude::*;
use tamis_arch::{Accelerator, load};

fn spatten() -> Accelerator {
    load("spatten").expect("the preset is good")
}

/// The machine of `spatten` with some parameters changed, as a file that extends it.
fn variant(changes: &str) -> Option<Accelerator> {
    let text = format!("name = 'edge'\ndescription = 'x'\nextends = 'spatten'\n{changes}");
    Accelerator::parse("edge.toml", &text).ok()
}

#[test]
fn files_extend_presets_and_files_beside_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a temporary file");
        path.to_str().expect("a path of text").to_owned()
    };
    write(
        "base.toml",
        "name = 'base'\ndescription = 'x'\nextends = 'spatten'\n[core]\nclock_mhz = 800\n",
    );
    let path = write(
        "edge.toml",
        "name = 'edge'\ndescription = 'x'\nextends = 'base.toml'\n[topk]\nseed = 7\n",
    );
    let machine = load(&path).expect("the file is good");
    assert_eq!(
        (machine.name.as_str(), machine.core.clock.0.get(), machine.topk.seed),
        ("edge", 800, 7)
    );
    let path = write("lost.toml", "name = 'x'\ndescription = 'x'\nextends = 'nowhere.toml'\n");
    assert!(load(&path).expect_err("no base").to_string().contains("nowhere.toml: No such file"));
}

#[test]
fn what_is_no_machine_file_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path of text").to_owned();
    let message = |name_or_path: &str| load(name_or_path).expect_err("no machine").to_string();
    assert_eq!(
        message("spaten"),
        "no machine is called `spaten` (did you mean `spatten`?); presets are spatten, \
         spatten-eighth, and a machine file ends in .toml"
    );
    assert!(message("").starts_with("no machine is called ``; presets are"));
    assert!(message(&path("missing.toml")).contains("missing.toml: No such file"));
    fs::create_dir(path("folder.toml")).expect("a temporary folder");
    assert!(message(&path("folder.toml")).ends_with("folder.toml: this is a directory"));
    fs::write(path("bytes.toml"), b"name = '\xff'").expect("a temporary file");
    assert!(message(&path("bytes.toml")).ends_with("bytes.toml: byte 8 is not UTF-8 text"));
    fs::write(path("large.toml"), vec![b'#'; (1 << 20) + 1]).expect("a temporary file");
    assert!(
        message(&path("large.toml")).ends_with("large.toml: more than 1 MiB is not a machine file")
    );
    fs::write(path("empty.toml"), "").expect("a temporary file");
    assert!(message(&path("empty.toml")).contains("`name` is missing"));
}

#[test]
fn no_text_is_too_nasty_for_a_clear_end() {
    let size = 1 << 16;
    let keys = |line: &dyn Fn(usize) -> String| (0..size / 10).map(line).collect::<String>();
    for text in [
        "a.".repeat(size) + "a = 1\n",
        format!("[{}a]\n", "a.".repeat(size)),
        "x = ".to_owned() + &"[".repeat(size),
        "x = ".to_owned() + &"{a=".repeat(size),
        "a = 1\n".repeat(size),
        keys(&|number| format!("k{number} = 1\n")),
        format!("[core]\n{}", keys(&|number| format!("clock_mh{number} = 1\n"))),
        "\0\r\"'".repeat(size),
        format!("{} = 1\n", "x".repeat(size)),
        format!("extends = '{}'\n", "x".repeat(size)),
        format!("name = [{}]\n", "1,".repeat(size)),
    ] {
        let faults = Accelerator::parse("nasty.toml", &text).expect_err("it is no machine");
        let message = faults.to_string();
        assert!(message.starts_with("error: "), "{message}");
        // At most fifty faults, of at most some hundred characters each.
        assert!(message.len() < 100_000, "{} bytes of message", message.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_ends_in_a_machine_or_in_faults(text in "(?s).{0,200}") {
        let _ = Accelerator::parse("any.toml", &text).map_err(|faults| faults.to_string());
    }

    #[test]
    fn a_preset_with_some_bytes_changed_ends_in_a_machine_or_in_faults(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = spatten().to_toml().into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let text = String::from_utf8_lossy(&bytes);
        match Accelerator::parse("any.toml", &text) {
            Ok(machine) => prop_assert_eq!(machine.digest().len(), 64),
            Err(faults) => prop_assert!(faults.to_string().starts_with("error: ")),
        }
    }

    #[test]
    fn a_parameter_with_any_value_ends_in_a_machine_or_in_faults(
        which in any::<prop::sample::Index>(),
        key in any::<prop::sample::Index>(),
        value in prop_oneof![
            any::<i64>().prop_map(|integer| integer.to_string()),
            (0u32..64).prop_map(|exponent| (1_u64 << exponent).to_string()),
            any::<f64>().prop_map(|float| toml::Value::Float(float).to_string()),
            Just("[]".to_string()), Just("{}".to_string()), Just("''".to_string()),
        ],
    ) {
        let sections = spatten().values();
        let section = which.get(&sections);
        let (field, _) = key.get(&section.values);
        let (section, key) = (section.name, &field.name);
        if let Some(machine) = variant(&format!("[{section}]\n{key} = {value}\n")) {
            prop_assert!(machine.key_lines() >= 2 && machine.value_lines() >= 2);
            prop_assert!(machine.score_bits() <= 64);
        }
    }
}

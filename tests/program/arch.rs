//! `tamis arch`.

use std::{fs, path::PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::vocabulary::{Ran, tamis};

/// A machine file in a folder of its own.
struct File {
    _folder: TempDir,
    path: PathBuf,
}

impl File {
    fn holding(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("machine.toml");
        fs::write(&path, text).expect("writable");
        Self { _folder: folder, path }
    }

    fn check(&self) -> Ran {
        tamis(&["arch", "check", self.path.to_str().expect("a plain path")])
    }
}

fn extending_spatten(text: &str) -> File {
    File::holding(&format!(
        "extends = \"spatten\"\nname = \"mine\"\ndescription = \"A test.\"\n{text}"
    ))
}

#[test]
fn every_listed_machine_can_be_shown_and_the_shown_file_is_the_same_machine() {
    let list = tamis(&["arch", "list"]).succeeds().stdout();
    let names: Vec<&str> = list
        .lines()
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.contains(&"spatten") && names.contains(&"spatten-eighth"), "{names:?}");
    for name in names {
        let shown = tamis(&["arch", "show", name]).succeeds().stdout();
        let again = File::holding(&shown);
        let path = again.path.to_str().expect("a plain path");
        assert_eq!(tamis(&["arch", "show", path]).succeeds().stdout(), shown);
    }
}

#[test]
fn a_machine_that_extends_a_preset_is_checked() {
    let ran = extending_spatten("[core]\nclock_mhz = 500\n").check().succeeds();
    assert!(ran.stdout().contains("machine `mine`, digest "), "{}", ran.stdout());
}

#[test]
fn the_schema_is_json_and_names_the_blocks() {
    let schema = tamis(&["arch", "schema"]).succeeds().stdout();
    let schema: Value = serde_json::from_str(&schema).expect("valid JSON");
    assert!(schema["properties"]["qk_array"]["properties"]["multipliers"].is_object());
}

#[test]
fn a_preset_that_is_not_there() {
    tamis(&["arch", "show", "spaten"]).fails(4, &["`spaten`", "did you mean `spatten`?"]);
}

#[test]
fn a_machine_file_that_is_not_there_or_a_folder() {
    tamis(&["arch", "check", "no-such.toml"]).fails(4, &["no-such.toml"]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("folder.toml");
    fs::create_dir(&path).expect("writable");
    let path = path.to_str().expect("a plain path");
    tamis(&["arch", "check", path]).fails(4, &[path, "directory"]);
}

#[test]
fn an_unknown_key_with_its_line() {
    extending_spatten("[qk_array]\nmultiplier = 512\n")
        .check()
        .fails(4, &["`qk_array.multiplier`", "machine.toml:5:1", "multiplier = 512", "^^^^^^^^^^"])
        .fails(4, &["did you mean `multipliers`?"]);
}

#[test]
fn a_machine_without_a_name_of_its_own_is_a_fault_of_its_first_line() {
    for text in ["extends = \"spatten\"\n", "# A comment.\nextends = \"spatten\"\n[core]\n"] {
        let rule = "is missing: a file states its own, whatever it extends";
        let stderr = File::holding(text)
            .check()
            .fails(4, &[&format!("`name` {rule}"), &format!("`description` {rule}")])
            .stderr();
        assert_eq!(stderr.matches("machine.toml:1:1").count(), 2, "{stderr}");
        assert!(!stderr.contains("preset:"), "{stderr}");
    }
}

#[test]
fn a_memory_of_no_channels() {
    extending_spatten("[dram]\nchannels = 0\n")
        .check()
        .fails(4, &["machine.toml:5:12", "dram.channels"]);
}

#[test]
fn all_faults_of_a_file_at_once() {
    let text = "[qk_array]\nmultipliers = 12\n[softmax]\nlanes = \"many\"\n";
    let stderr = extending_spatten(text).check().fails(4, &["qk_array", "softmax"]).stderr();
    assert_eq!(stderr.matches("error: ").count(), 2, "{stderr}");
}

#[test]
fn a_file_that_is_no_toml() {
    File::holding("= = =").check().fails(4, &["machine.toml:1:1"]);
    File::holding("").check().fails(4, &["machine.toml"]);
}

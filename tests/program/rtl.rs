//! `tamis rtl`.

use std::fs;

use serde_json::Value;

use crate::vocabulary::{tamis, tamis_in};

#[test]
fn emit_writes_four_files_and_names_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let listed = tamis_in(folder.path(), &["rtl", "emit", "-o", "rtl"]).succeeds().stdout();
    let names = ["tamis_pkg.sv", "tamis_params.vh", "tamis_params.h", "tamis_params.json"];
    let expected: String = names.iter().map(|name| format!("rtl/{name}\n")).collect();
    assert_eq!(listed, expected);

    let json = fs::read(folder.path().join("rtl/tamis_params.json")).expect("it was written");
    assert!(serde_json::from_slice::<Value>(&json).is_ok());
    let digest = tamis(&["arch", "check", "spatten"]).stdout();
    let digest = digest.trim().rsplit(' ').next().expect("the digest is its last word").to_owned();
    for name in names {
        let text = fs::read_to_string(folder.path().join("rtl").join(name)).expect("written");
        assert!(text.contains(&digest), "{name} does not name the machine's digest");
    }
}

#[test]
fn the_command_that_the_files_name_writes_them_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = "extends = \"spatten\"\nname = \"mine\"\ndescription = \"A test.\"\n";
    fs::write(folder.path().join("good.toml"), machine).expect("writable");
    let path = folder.path().join("good.toml").display().to_string();
    tamis_in(folder.path(), &["rtl", "emit", "--arch", &path, "-o", "rtl"]).succeeds();
    let header = folder.path().join("rtl/tamis_params.h");
    let text = fs::read_to_string(&header).expect("written");
    assert!(text.contains("`tamis rtl emit --arch good.toml -o DIR`"), "{text}");
    tamis_in(folder.path(), &["rtl", "emit", "--arch", "good.toml", "-o", "rtl"]).succeeds();
    assert_eq!(fs::read_to_string(&header).expect("written"), text);
}

#[test]
fn a_folder_that_cannot_be_made_is_seven() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "").expect("writable");
    tamis_in(folder.path(), &["rtl", "emit", "-o", "file/rtl"])
        .fails(7, &["cannot write `file/rtl`"]);
}

#[test]
fn a_machine_that_is_not_there_is_four_and_makes_no_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    tamis_in(folder.path(), &["rtl", "emit", "--arch", "none", "-o", "rtl"]).fails(4, &["`none`"]);
    assert!(!folder.path().join("rtl").exists());
}

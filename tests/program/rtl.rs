//! `tamis rtl`.

use std::{collections::BTreeMap, fs};

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
fn emitting_again_gives_the_same_bytes_and_nothing_else() {
    let parent = tempfile::tempdir().expect("a folder");
    let emitted = || {
        tamis_in(parent.path(), &["rtl", "emit", "-o", "build/rtl"]).succeeds();
        let entries = fs::read_dir(parent.path().join("build/rtl")).expect("the folder is there");
        let file = |entry: std::io::Result<fs::DirEntry>| {
            let path = entry.expect("readable").path();
            let bytes = fs::read(&path).expect("readable");
            (path, bytes)
        };
        entries.map(file).collect::<BTreeMap<_, _>>()
    };
    let first = emitted();
    assert_eq!(first.len(), 4);
    assert!(emitted() == first);
}

#[test]
fn a_file_that_is_in_the_way_is_seven_and_no_other_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    // The last of the four: none of the others is put in its place.
    fs::create_dir_all(folder.path().join("rtl/tamis_params.json")).expect("writable");
    tamis_in(folder.path(), &["rtl", "emit", "-o", "rtl"])
        .fails(7, &["cannot write `rtl/tamis_params.json`: is a directory"]);
    let left = fs::read_dir(folder.path().join("rtl")).expect("the folder is there");
    assert_eq!(left.count(), 1);
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

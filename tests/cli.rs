//! The command line, run as people run it.

use std::path::Path;
use std::process::{Command, Output};

fn bendrack(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bendrack"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("bendrack runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn every_patch_that_comes_with_it_is_without_problems_and_has_a_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patches");
    let mut patches = 0;
    for entry in std::fs::read_dir(folder).expect("patches") {
        let path = entry.expect("an entry").path();
        let path = path.to_str().expect("a name");
        let check = bendrack(&["check", path]);
        assert!(check.status.success() && stdout(&check).contains("no problems"), "{}", stdout(&check));
        let program = stdout(&bendrack(&["program", path, "--frame", "7"]));
        assert!(program.contains("prompt \"a "), "{program}");
        patches += 1;
    }
    assert!(patches > 0);
}

#[test]
fn the_first_bend_has_this_program() {
    let program = bendrack(&["program", "patches/first_bend.json", "--frame", "4"]);
    let expected = "\
prompt \"a large red circle moving right over a dark blue background\"
bend cross.map rotate of rotate: angle [-34.4415 0 34.4415], amount 1, on layers 4-5, words red
tap cross_map of map, on layers 4-5, words red
";
    assert_eq!(stdout(&program), expected);
    let json = bendrack(&["program", "patches/first_bend.json", "--frame", "4", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&json)).expect("JSON");
    assert_eq!(json["bends"][0]["target"]["words"], "red");
    assert_eq!(json["bends"][0]["params"]["angle"].as_array().map(Vec::len), Some(3));
}

#[test]
fn exit_codes_tell_failure_from_a_wrong_patch() {
    assert_eq!(bendrack(&["check", "no/such/file"]).status.code(), Some(1));
    assert_eq!(bendrack(&["check", "Cargo.toml"]).status.code(), Some(2));
    assert_eq!(bendrack(&["program", "Cargo.toml"]).status.code(), Some(2));
    assert_eq!(bendrack(&["nodes", "no.such"]).status.code(), Some(1));
    assert_eq!(bendrack(&["frobnicate"]).status.code(), Some(2));
    assert_eq!(bendrack(&["--help"]).status.code(), Some(0));
}

#[test]
fn devices_are_listed_even_where_there_are_none() {
    let list = bendrack(&["devices"]);
    assert!(list.status.success());
    for title in ["MIDI inputs\n  ", "MIDI outputs\n  ", "Serial ports\n  ", "OSC\n  "] {
        assert!(stdout(&list).contains(title), "{}", stdout(&list));
    }
    let json: serde_json::Value = serde_json::from_str(&stdout(&bendrack(&["devices", "--json"]))).expect("JSON");
    assert!(json["midi"]["inputs"].is_array() && json["serial"]["ports"].is_array(), "{json}");
}

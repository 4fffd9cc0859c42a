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

#[test]
fn a_bench_measures_and_judges_and_says_what_is_met() {
    let folder = tempfile::tempdir().expect("a folder");
    let sheet = folder.path().join("sheet.png");
    let sheet = sheet.to_str().expect("a path");
    let bench = bendrack(&["bench", "mini", "--quality", "--prompts", "1", "--json", "--sheet", sheet]);
    assert!(bench.status.success(), "{}", String::from_utf8_lossy(&bench.stderr));
    let json: serde_json::Value = serde_json::from_str(&stdout(&bench)).expect("JSON");
    assert_eq!(json["quality"]["prompts"], 1);
    for (name, group) in [("background", "quality"), ("shape", "quality"), ("megabytes", "cost")] {
        let figure = if group == "cost" { &json[group][name] } else { &json[group]["scores"][name] };
        let (value, target) = (figure["mini"].as_f64().expect("a value"), figure["target"].as_f64().expect("a target"));
        let is_met = if group == "cost" { value <= target } else { value >= target };
        assert_eq!(figure["met"].as_bool(), Some(is_met), "{name}: {figure}");
    }
    assert!(json["cost"]["frames_per_second"]["mini"].as_f64() > Some(0.0), "{json}");
    assert!(json["rollout"].is_null(), "{json}");
    // Eight frames of 128×128 with two pixels around.
    assert_eq!(image::image_dimensions(sheet).expect("a picture"), (8 * 130, 130));

    let wrong = [vec!["--sheet", "s.png"], vec!["--quality", "--sheet", "s.jpg"], vec!["--rollout", "2"]];
    for args in wrong {
        let bench = bendrack(&[&["bench", "mini"], args.as_slice()].concat());
        assert_eq!(bench.status.code(), Some(2), "{args:?}");
    }
}

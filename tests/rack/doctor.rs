//! `bendrack doctor` on the machine of the tests, whatever it has.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// The answer, the time that it took, and the exit code.
fn doctor(arguments: &[&str]) -> (String, Duration, Option<i32>) {
    let home = tempfile::tempdir().expect("a folder");
    let begin = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_bendrack"))
        .arg("doctor")
        .args(arguments)
        .env("HOME", home.path())
        .env("XDG_DATA_HOME", home.path().join("data"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("it starts");
    assert_eq!(std::fs::read_dir(home.path()).expect("a folder").count(), 0, "it leaves nothing behind");
    (String::from_utf8(output.stdout).expect("text"), begin.elapsed(), output.status.code())
}

#[test]
fn findings_are_text_and_json_of_one_form() {
    let (text, time, _) = doctor(&[]);
    assert!(time < Duration::from_mins(1), "{time:?}");
    let (answer, _, code) = doctor(&["--json"]);
    let answer: Json = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["version"], env!("CARGO_PKG_VERSION"));
    let findings = answer["findings"].as_array().expect("a list");
    assert!(findings.len() >= 9, "{answer:#}");
    let mut problems = 0;
    for finding in findings {
        let (name, state) = (finding["name"].as_str().expect("a name"), finding["state"].as_str().expect("a state"));
        assert!(text.lines().any(|line| line.contains(name)), "{name} is not in the text");
        assert!(["fine", "note", "problem"].contains(&state), "{state}");
        assert_eq!(finding["to_do"].is_string(), state != "fine", "{finding}");
        assert!(!finding["text"].as_str().expect("a sentence").is_empty());
        problems += u64::from(state == "problem");
    }
    assert_eq!(answer["problems"], problems);
    assert_eq!(code, Some(i32::from(problems > 0)));
}

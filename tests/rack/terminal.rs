//! Nothing that a file holds acts on the terminal, and no message has a backtrace in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs bendrack with backtraces asked for.
fn bendrack(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bendrack"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUST_BACKTRACE", "full")
        .env("RUST_LIB_BACKTRACE", "1")
        .output()
        .expect("bendrack runs")
}

fn texts(output: &Output) -> [String; 2] {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).expect("text"))
}

/// What would act on a terminal, or on the order of a line.
fn is_hidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn hostile_patches() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rack/escapes");
    std::fs::read_dir(folder).expect("patches").map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn control_characters_and_bidirectional_marks_are_printed_by_no_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let mut escapes = 0;
    for (number, patch) in hostile_patches().iter().enumerate() {
        let patch = patch.to_str().expect("a path");
        let video = at(&format!("{number}.gif"));
        let copy = at(&format!("{number}\u{1b}[2J\u{9b}2J\u{202e}.json"));
        std::fs::copy(patch, &copy).expect("a copy");
        let render = ["render", patch, "-o", &video, "--frames", "1", "--size", "64x64", "--zoom", "1"];
        for args in [
            &["check", patch][..],
            &["check", "--strict", "--json", patch],
            &["check", &copy, &at("\u{1b}[2J none")],
            &["program", patch],
            &["program", patch, "--json"],
            &["format", "--check", patch],
            &["format", &copy],
            &["devices", patch],
            &["devices", patch, "--json"],
            &["extract", patch],
            &["extract", &video],
            &[&copy, "\u{1b}[2J"],
            &["nodes", "\u{1b}]0;own\u{7}"],
            &["check", "--\u{9b}2J"],
            &render,
            &[&render[..], &["--snapshot", "\u{1b}[2J"]].concat(),
            &[&render[..], &["--set", "none.x\u{202e}=1"]].concat(),
            &[&render[..], &["--set", "wan.\u{1b}[2J=1"]].concat(),
            &[&render[..], &["--model", "\u{1b}[2J"]].concat(),
        ] {
            for text in texts(&bendrack(args)) {
                assert!(!text.contains(is_hidden), "{args:?}: {text:?}");
                escapes += usize::from(text.contains("\\u{1b}") || text.contains("\\u001b"));
            }
        }
    }
    assert!(escapes > 10, "they are shown, and not left out");
}

#[test]
fn a_name_with_a_line_break_writes_no_line_of_its_own() {
    let devices = bendrack(&["devices", "tests/rack/escapes/bidi.json"]);
    let [text, _] = texts(&devices);
    assert!(
        text.contains("l\\nerror: forged") && !text.lines().any(|line| line.starts_with("error: forged")),
        "{text}"
    );
}

#[test]
fn a_broken_model_is_reported_in_a_sentence_without_a_backtrace() {
    let models = tempfile::tempdir().expect("a folder");
    let folder = models.path().join("broken");
    std::fs::create_dir(&folder).expect("a folder");
    for name in ["transformer", "decoder", "text_encoder"] {
        let mini = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/mini").join(format!("{name}.safetensors"));
        let bytes = std::fs::read(mini).expect("weights");
        let kept = if name == "transformer" { bytes.len() } else { bytes.len() / 2 };
        std::fs::write(folder.join(format!("{name}.safetensors")), &bytes[..kept]).expect("a file");
    }
    std::fs::write(folder.join("config.json"), "{").expect("a file");
    let video = models.path().join("a.gif");
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_bendrack"))
            .args(args)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .envs([("RUST_BACKTRACE", "full"), ("RUST_LIB_BACKTRACE", "1")])
            .env("BENDRACK_MODELS", models.path())
            .output()
            .expect("bendrack runs")
    };
    let render =
        run(&["render", "patches/first_bend.json", "--model", "broken", "-o", video.to_str().expect("a path")]);
    assert_eq!(render.status.code(), Some(1));
    let [_, error] = texts(&render);
    assert!(error.starts_with("bendrack: ") && error.lines().count() == 1, "{error}");
    let [list, _] = texts(&run(&["models"]));
    assert!(list.contains("broken") && list.lines().count() <= 5, "{list}");
    for text in [error, list] {
        assert!(
            !text.contains("candle_core::") && !text.contains("/rustc/") && !text.contains("stack backtrace"),
            "{text}"
        );
    }
}

//! No command writes over an input, another output or somebody's file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn bendrack(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bendrack")).args(args).current_dir(folder).output().expect("bendrack runs")
}

/// Every file of a folder with what it holds; links as what they lead to.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter_map(|path| Some((path.clone(), std::fs::read(path).ok()?))).collect()
}

/// A folder with a patch, sound, and files of other people; `hard` and `soft` lead to the patch.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (from, to) in [
        ("patches/first_bend.json", "p.json"),
        ("patches/breathing.json", "other.json"),
        ("tests/sounds/tone.ogg", "s.ogg"),
        ("patches/first_bend.json", "note.png"),
        ("docs/rack.png", "photo.png"),
        ("docs/rack.png", "photo.gif"),
        ("docs/rack.png", "photo.mp4"),
    ] {
        std::fs::copy(root.join(from), folder.path().join(to)).expect(from);
    }
    std::fs::hard_link(folder.path().join("p.json"), folder.path().join("hard.json")).expect("a link");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("p.json", folder.path().join("soft.json")).expect("a link");
        std::os::unix::fs::symlink("new.gif", folder.path().join("dangling.json")).expect("a link");
    }
    std::fs::create_dir(folder.path().join("sub")).expect("a folder");
    folder
}

#[test]
fn wrong_outputs_are_refused_before_anything_is_written() {
    let folder = folder();
    let before = contents(folder.path());
    let render = ["render", "p.json", "--frames", "1", "--size", "64x64", "--zoom", "1"];
    let with = |more: &[&'static str]| [&render[..], more].concat();
    let mut cases = vec![
        // The report and each of the other paths.
        with(&["-o", "new.gif", "--report", "p.json"]),
        with(&["-o", "new.gif", "--report", "./sub/../p.json"]),
        with(&["-o", "new.gif", "--report", "hard.json"]),
        with(&["-o", "new.gif", "--report", "new.gif"]),
        with(&["-o", "new.gif", "--report", "NEW.gif"]),
        with(&["-o", "new.gif", "--report", "sub/../new.gif"]),
        with(&["-o", "new.gif", "--report", "new.bend.json"]),
        with(&["-o", "new.png", "--report", "new_000000.png"]),
        with(&["-o", "new/", "--report", "new/patch.bend.json"]),
        with(&["-o", "new.gif", "--report", "other.json"]),
        with(&["-o", "new.gif", "--report", "sub"]),
        // The video and each of the other paths.
        with(&["-o", "photo.gif"]),
        with(&["-o", "photo.mp4"]),
        vec!["render", "photo.mp4", "-o", "photo.mp4"],
        vec!["extract", "p.json", "-o", "p.json"],
        vec!["extract", "p.json", "-o", "hard.json"],
        vec!["extract", "p.json", "-o", "other.json"],
        vec!["extract", "p.json", "-o", "photo.png"],
        vec!["bench", "mini", "--quality", "--prompts", "1", "--sheet", "note.png"],
    ];
    if cfg!(unix) {
        cases.push(with(&["-o", "new.gif", "--report", "soft.json"]));
        cases.push(with(&["-o", "new.gif", "--report", "dangling.json"]));
        cases.push(vec!["extract", "p.json", "-o", "soft.json"]);
    }
    if cfg!(feature = "audio") {
        cases.push(with(&["-o", "new.gif", "--audio", "s.ogg", "--report", "s.ogg"]));
    }
    for args in cases {
        let output = bendrack(folder.path(), &args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains("give another name"), "{args:?}: {error}");
        assert!(contents(folder.path()) == before, "{args:?}: a file changed");
    }
}

/// A video and its report are replaced by later ones; a link to a video stays a link.
#[test]
fn what_bendrack_wrote_is_replaced() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    #[cfg(unix)]
    std::os::unix::fs::symlink("a.gif", at("link.gif")).expect("a link");
    let names: &[&str] = if cfg!(unix) { &["a.gif", "a.gif", "link.gif"] } else { &["a.gif", "a.gif"] };
    for name in names {
        let size = ["--frames", "1", "--size", "64x64", "--zoom", "1"];
        let render = ["render", "p.json", "-o", name, "--report", "r.json"];
        let render = bendrack(folder.path(), &[&render[..], &size[..]].concat());
        assert!(render.status.success(), "{}", String::from_utf8_lossy(&render.stderr));
        assert!(at("a.gif").is_file() && !at("a.gif").is_symlink());
    }
    assert!(!cfg!(unix) || at("link.gif").is_symlink());
    let report = std::fs::read(at("r.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["frames"], 1);
}

/// A report goes to a terminal or a pipe as it is.
#[cfg(unix)]
#[test]
fn a_report_can_be_printed() {
    let folder = folder();
    let size = ["--frames", "1", "--size", "64x64", "--zoom", "1"];
    let render = ["render", "p.json", "-q", "-o", "a.gif", "--report", "/dev/stdout"];
    let render = bendrack(folder.path(), &[&render[..], &size[..]].concat());
    assert!(render.status.success(), "{}", String::from_utf8_lossy(&render.stderr));
    let report: serde_json::Value = serde_json::from_slice(&render.stdout).expect("JSON");
    assert_eq!(report["frames"], 1);
}

/// A pipe where a file is expected is refused. Waiting for it would have no end.
#[cfg(unix)]
#[test]
fn a_pipe_is_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe.json");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let model = tempfile::tempdir().expect("a folder");
    let weights = model.path().join("w.safetensors");
    assert!(std::process::Command::new("mkfifo").arg(&weights).status().expect("mkfifo").success());
    let at = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let (pipe, out, model) = (at("pipe.json"), at("a.mp4"), model.path().to_str().expect("a path"));
    let patch = "patches/first_bend.json";
    for args in [
        &["check", &pipe][..],
        &["format", "--check", &pipe],
        &["program", &pipe],
        &["devices", &pipe],
        &["extract", &pipe],
        &["render", &pipe, "-o", &out],
        &["render", "--take", &pipe, "-o", &out],
        &["render", patch, "-o", &out, "--audio", &pipe],
        &["render", patch, "-o", &out, "--model", model],
        &["play", patch, "--state", &pipe, "--resume"],
    ] {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_bendrack"))
            .args(args)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        let begun = std::time::Instant::now();
        let ended = loop {
            match child.try_wait().expect("a child") {
                Some(ended) => break ended,
                None if begun.elapsed().as_secs() > 20 => {
                    child.kill().expect("killed");
                    panic!("{args:?} waits for a pipe");
                }
                None => std::thread::sleep(std::time::Duration::from_millis(20)),
            }
        };
        assert!(!ended.success(), "{args:?}");
    }
}

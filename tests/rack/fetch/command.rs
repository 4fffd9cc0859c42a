//! `bendrack models get` as a program of its own, killed and started again, until the model plays.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use candle_core::{Device, safetensors};

use super::server::{Fault, World};

const REPO: &str = "someone/Self-Forcing-toy";

/// The recorded parts of a small model, by their paths in a repository.
fn parts() -> Vec<(&'static str, Vec<u8>)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let read = |path: &str| fs::read(tests.join(path)).expect("a recording");
    let folder = tempfile::tempdir().expect("a folder");
    // The recorded text encoder has fewer rows than the tokenizer has tokens.
    let mut encoder =
        safetensors::load(tests.join("fixtures/umt5/weights.safetensors"), &Device::Cpu).expect("an encoder");
    let embedding = encoder.get_mut("shared.weight").expect("an embedding");
    let missing = 64usize.saturating_sub(embedding.dim(0).expect("rows"));
    *embedding = embedding.pad_with_zeros(0, 0, missing).expect("more rows");
    let path = folder.path().join("encoder");
    safetensors::save(&encoder, &path).expect("a file");
    vec![
        ("model.safetensors", read("fixtures/causal/weights.safetensors")),
        ("config.json", read("fixtures/causal/config.json")),
        ("text_encoder/model.safetensors", fs::read(path).expect("a file")),
        ("text_encoder/tokenizer.json", read("fixtures_made/tokenizer.json")),
        ("taew2_1.safetensors", read("fixtures/taehv/weights.safetensors")),
    ]
}

struct Rig {
    world: World,
    models: tempfile::TempDir,
}

impl Rig {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
        command.args(args).env("HF_ENDPOINT", &self.world.hub).env("BENDRACK_MODELS", self.models.path());
        command.current_dir(self.models.path()).env_remove("HF_TOKEN").env("HF_HOME", self.models.path());
        command
    }

    fn run(&self, args: &[&str]) -> (bool, String) {
        let Output { status, stdout, stderr } = self.command(args).output().expect("the program");
        (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.models.path().join("Self-Forcing-toy").join(name)
    }
}

#[test]
fn a_killed_download_goes_on_and_its_model_plays() {
    let rig = Rig { world: World::new(), models: tempfile::tempdir().expect("a folder") };
    for (path, bytes) in parts() {
        rig.world.add(REPO, path, &bytes, path.ends_with(".safetensors"));
    }
    let (done, text) = rig.run(&["models", "get", REPO, "--dry-run"]);
    assert!(done && text.contains("text_encoder/tokenizer.json") && text.contains("Licence of"), "{text}");
    assert!(!rig.path("").exists(), "a dry run writes nothing");

    // The store goes silent in the middle of a file, and the program is killed there.
    rig.world.faults([Fault::Stall]);
    let mut killed = rig.command(&["models", "get", REPO]);
    let mut killed = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program");
    let parts_here = || {
        let files = fs::read_dir(rig.path("")).into_iter().flatten().flatten();
        files.filter(|file| file.path().extension().is_some_and(|end| end == "part")).count()
    };
    let start = Instant::now();
    while parts_here() == 0 && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    killed.kill().expect("a running program");
    killed.wait().expect("an end");
    assert_eq!(parts_here(), 1, "the part is kept");

    let (done, text) = rig.run(&["models", "get", REPO]);
    assert!(done && text.contains("every file is checked"), "{text}");
    assert_eq!(parts_here(), 0);
    for (path, bytes) in parts() {
        assert!(fs::read(rig.path(path)).expect("the file") == bytes, "{path} differs");
    }
    let (done, text) = rig.run(&["models"]);
    assert!(done && text.contains("Self-Forcing-toy") && text.contains("self-forcing, 2 layers"), "{text}");
    let patch = Path::new(env!("CARGO_MANIFEST_DIR")).join("patches/first_bend.json");
    let patch = patch.display().to_string();
    let render = ["render", &patch, "--model", "Self-Forcing-toy", "--size", "32x32", "--frames", "1", "-o", "x.apng"];
    let (done, text) = rig.run(&render);
    assert!(done && rig.models.path().join("x.apng").is_file(), "{text}");
}

#[test]
fn names_are_listed_and_mistakes_have_an_answer() {
    let rig = Rig { world: World::new(), models: tempfile::tempdir().expect("a folder") };
    let (done, text) = rig.run(&["models", "get"]);
    assert!(done && text.contains("wan2.1-t2v-1.3b") && text.contains("Apache-2.0"), "{text}");
    for (args, answer) in [
        (&["models", "get", "longdead"][..], "wan2.1-t2v-1.3b"),
        (&["models", "get", "someone/gone"], "someone/gone"),
        (&["models", "get", "longlive", "--text-encoder", "q1"], "choose from bf16, fp16, fp8, q8, q5, q4"),
        (&["render", "x.json", "--model", "longlive", "-o", "x.png"], "x.json"),
    ] {
        let (done, text) = rig.run(args);
        assert!(!done && text.contains(answer), "{args:?}: {text}");
    }
    let patch = Path::new(env!("CARGO_MANIFEST_DIR")).join("patches/first_bend.json");
    let patch = patch.display().to_string();
    let (done, text) = rig.run(&["render", &patch, "--model", "longlive", "-o", "x.apng"]);
    assert!(!done && text.contains("`bendrack models get longlive` downloads it"), "{text}");
}

//! The patches of release 3d16e30 open, and their programs are unchanged except for renamed words.
//!
//! `tests/fixtures/3d16e30` holds all patches of that release, and `programs.txt` its output of `bendrack program PATCH --frame 0`
//! and `--frame 12` for each. These files are never edited.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bendrack_nodes::patch::Patch;
use bendrack_nodes::tick::Memory;

use crate::patching::*;

/// The number of patches in the release.
const PATCHES: usize = 130;
/// The latent frames of a model call.
const CHUNK: u64 = 3;
/// Words of programs: at 3d16e30, now.
const RENAMED: [(&str, &str); 6] = [
    ("noise.again", "noise.step"),
    ("bend time ", "bend timestep "),
    (" time 0 ", " frames 0 "),
    ("see no past frames: ", "hide past frames: "),
    ("recache what is further away than ", "recache when the distance exceeds "),
    ("weaken what is stale by ", "weaken stale frames by "),
];

fn release() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/3d16e30")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The patch of a file, which has no problems.
fn open(path: &Path) -> Patch {
    let (patch, problems) = Patch::read(read(path).as_bytes());
    assert!(problems.is_empty(), "{}: {problems:?}", path.display());
    patch.expect("a patch")
}

/// The text of the program at a latent frame.
fn program(patch: &Patch, frame: u64) -> String {
    let (plan, mut memory) = (compile(patch), Memory::default());
    let mut call = |chunk: u64| run(&plan, &mut memory, chunk * CHUNK, CHUNK as usize).to_string();
    (0..frame / CHUNK).for_each(|chunk| drop(call(chunk)));
    call(frame / CHUNK)
}

/// A program of then in the words of now; prompts stay.
fn renamed(text: &str) -> String {
    let line = |line: &str| match line.split(' ').next() {
        Some("prompt" | "blend") => line.to_owned(),
        _ => RENAMED.iter().fold(line.to_owned(), |line, (then, now)| line.replace(then, now)),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

/// The programs of then, by the path of the patch and the latent frame.
fn programs() -> BTreeMap<(String, u64), String> {
    let text = read(&release().join("programs.txt"));
    let sections = text.split("== ").skip(1).map(|section| {
        let (head, program) = section.split_once('\n').expect("a head and a program");
        let (path, frame) = head.split_once(' ').expect("a path and a frame");
        ((path.to_owned(), frame.parse().expect("a frame")), program.to_owned())
    });
    sections.collect()
}

#[test]
fn every_patch_opens_and_has_the_program_of_then() {
    let programs = programs();
    assert_eq!(programs.len(), 2 * PATCHES);
    for ((path, frame), then) in &programs {
        let patch = open(&release().join(path));
        assert_eq!(program(&patch, *frame), renamed(then), "{path}, frame {frame}");
    }
}

#[test]
fn every_renamed_word_occurs_in_a_program_of_then() {
    let text: String = programs().into_values().collect();
    for (then, _) in RENAMED {
        assert!(text.contains(then), "{then:?}");
    }
}

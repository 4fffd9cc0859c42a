//! The downloader against a fake hub that misbehaves in every known way.

mod catalogue;
mod command;
mod faults;
mod folders;
mod hub;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bendrack::fetch::{Error, Place, Plan, Progress, Report, Settings};
use server::World;

const REPO: &str = "owner/model";
const FILE: &str = "dit.safetensors";

/// A model of one file, in a world with a folder of models.
struct Rig {
    world: World,
    models: tempfile::TempDir,
    bytes: Vec<u8>,
}

impl Rig {
    fn new(length: usize) -> Self {
        let world = World::new();
        let bytes: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
        world.add(REPO, FILE, &bytes, true);
        Self { world, models: tempfile::tempdir().expect("a folder"), bytes }
    }

    fn settings(&self) -> Settings {
        Settings {
            endpoint: self.world.hub.clone(),
            github: self.world.store.clone(),
            attempts: 4,
            backoff: Duration::from_millis(1),
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(5),
            ..Settings::default()
        }
    }

    fn folder(&self) -> PathBuf {
        self.models.path().join("model")
    }

    fn file(&self) -> PathBuf {
        self.folder().join(FILE)
    }

    fn part(&self) -> PathBuf {
        self.folder().join(format!("{FILE}.part"))
    }

    fn plan(&self) -> Result<Plan, Error> {
        Plan::for_repo(&REPO.parse()?, &to(&self.folder()), &self.settings())
    }

    fn run(&self) -> Result<Report, Error> {
        self.plan()?.run(&(), &AtomicBool::new(false))
    }

    /// Runs, and expects the right file and nothing else.
    fn succeed(&self) -> Report {
        let report = self.run().expect("a run");
        self.assert_whole();
        report
    }

    fn assert_whole(&self) {
        assert!(fs::read(self.file()).expect("the file") == self.bytes, "the bytes differ");
        let names = names(&self.folder());
        assert_eq!(names, [".bendrack-download.json", ".bendrack-download.lock", FILE]);
    }

    fn fail(&self) -> String {
        self.run().expect_err("an error").to_string()
    }
}

fn to(folder: &Path) -> Place {
    Place { to: folder.to_owned(), from: None }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

/// Records what a user sees, and stops the run after some bytes.
#[derive(Default)]
struct Watcher<'a> {
    begins: Mutex<Vec<(Option<u64>, u64)>>,
    notes: Mutex<Vec<String>>,
    stop: Option<&'a AtomicBool>,
}

impl Progress for Watcher<'_> {
    fn begin(&self, _: &str, total: Option<u64>, already: u64) {
        self.begins.lock().expect("a list").push((total, already));
    }

    fn advance(&self, _: u64) {
        if let Some(stop) = self.stop {
            stop.store(true, Ordering::Relaxed);
        }
    }

    fn done(&self) {}

    fn note(&self, text: &str) {
        self.notes.lock().expect("a list").push(text.to_owned());
    }
}

//! Copies of patches that are in no file yet.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bendrack_nodes::patch::Patch;
use bendrack_nodes::read::MAX_BYTES;
use serde::{Deserialize, Serialize};

use crate::disk::replace;

/// How many recovery copies are kept.
const MAX_COPIES: usize = 20;

/// A copy of a patch that is in no file yet.
#[derive(Debug, Deserialize, Serialize)]
pub struct Copy {
    /// The file the patch belongs to.
    pub path: Option<PathBuf>,
    /// The patch.
    pub patch: Patch,
}

/// The folder of recovery copies, and this window's copy in it.
#[derive(Clone, Debug)]
pub struct Recovery {
    folder: PathBuf,
    own: PathBuf,
}

impl Recovery {
    /// Copies in this folder. It is made when the first one is written.
    pub fn new(folder: PathBuf) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let own = folder.join(format!("{:020}-{}.json", since.as_millis(), std::process::id()));
        Self { folder, own }
    }

    /// Copies in the user's data folder, if there is one.
    pub fn of_user() -> Option<Self> {
        Some(Self::new(data_folder()?.join("bendrack").join("recovery")))
    }

    /// The newest copy of another window, and when it was written.
    pub fn newest(&self) -> Option<(PathBuf, SystemTime)> {
        self.copies().into_iter().rev().find(|path| *path != self.own).and_then(|path| {
            let written = fs::metadata(&path).and_then(|meta| meta.modified()).ok()?;
            Some((path, written))
        })
    }

    /// Reads a copy.
    pub fn read(path: &Path) -> Result<Copy, String> {
        let say = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let mut text = String::new();
        let file = File::open(path).map_err(|error| say(&error))?;
        file.take(2 * MAX_BYTES as u64).read_to_string(&mut text).map_err(|error| say(&error))?;
        serde_json::from_str(&text).map_err(|error| say(&error))
    }

    /// Writes this window's copy, and takes the oldest away if there are too many.
    pub fn write(&self, copy: &Copy) -> Result<(), String> {
        let written = fs::create_dir_all(&self.folder)
            .and_then(|()| replace(&self.own, &serde_json::to_vec(copy).map_err(io::Error::other)?));
        written.map_err(|error| format!("{}: {error}", self.folder.display()))?;
        for copies in [self.copies(), self.ending("old")] {
            for old in &copies[..copies.len().saturating_sub(MAX_COPIES)] {
                // Another window may have taken it away already.
                let _ = fs::remove_file(old);
            }
        }
        Ok(())
    }

    /// Takes this window's copy away: everything is in its file, or was given up.
    pub fn clear(&self) {
        // There is none if nothing was ever changed.
        let _ = fs::remove_file(&self.own);
    }

    /// Stops offering a copy that was opened or not wanted. It stays on the disk, under another ending.
    pub fn set_aside(copy: &Path) {
        // One that is gone needs no more.
        let _ = fs::rename(copy, copy.with_extension("old"));
    }

    /// The copies that are offered, oldest first: their names begin with the time.
    fn copies(&self) -> Vec<PathBuf> {
        self.ending("json")
    }

    fn ending(&self, end: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut found: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|known| known == end)).collect();
        found.sort();
        found
    }
}

/// Where programs keep the user's data on this system.
fn data_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if cfg!(windows) {
        folder("APPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library").join("Application Support"))
    } else {
        folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local").join("share")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_bend() -> Patch {
        Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap()
    }

    #[test]
    fn a_copy_of_another_window_is_found_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let mine = Recovery::new(folder.path().join("recovery"));
        assert!(mine.newest().is_none());
        mine.write(&Copy { path: None, patch: first_bend() }).unwrap();
        assert!(mine.newest().is_none(), "one's own copy is not offered");
        let path = Some(PathBuf::from("show.json"));
        for i in 0..30 {
            let other = Recovery { own: mine.folder.join(format!("{i:020}-1.json")), ..mine.clone() };
            other.write(&Copy { path: path.clone(), patch: first_bend() }).unwrap();
        }
        assert!(fs::read_dir(&mine.folder).unwrap().count() <= MAX_COPIES);
        let (newest, _) = mine.newest().unwrap();
        let copy = Recovery::read(&newest).unwrap();
        assert_eq!((copy.path, copy.patch), (path, first_bend()));
        Recovery::set_aside(&newest);
        assert_ne!(mine.newest().map(|(path, _)| path), Some(newest), "it is not offered again");
        mine.clear();
        assert!(!mine.own.exists());
    }
}

//! Recovery copies of unsaved patches, in a folder of the user.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bendrack_nodes::patch::Patch;
use bendrack_nodes::patch::read::MAX_BYTES;
use serde::{Deserialize, Serialize};

use crate::disk::replace;
use crate::files::{self, data_folder};

/// Largest number of copies in the folder.
const MAX_COPIES: usize = 20;

/// A copy of an unsaved patch.
#[derive(Debug, Deserialize, Serialize)]
pub struct RecoveryCopy {
    /// The file of the patch.
    pub path: Option<PathBuf>,
    /// The patch.
    pub patch: Patch,
}

/// The folder of recovery copies and the copy of this window.
#[derive(Clone, Debug)]
pub struct Recovery {
    folder: PathBuf,
    own: PathBuf,
    /// The lock beside the copy, from its first write on. While the window lives, no other offers the copy.
    lock: Arc<Mutex<Option<File>>>,
}

impl Recovery {
    /// Copies in this folder, which the first write creates.
    pub fn new(folder: PathBuf) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let own = folder.join(format!("{:020}-{}.json", since.as_millis(), std::process::id()));
        Self { folder, own, lock: Arc::default() }
    }

    /// Copies in the data folder of the user, if there is one.
    pub fn of_user() -> Option<Self> {
        Some(Self::new(data_folder()?.join("bendrack").join("recovery")))
    }

    /// The newest copy of a window that is gone, and its time.
    pub fn newest(&self) -> Option<(PathBuf, SystemTime)> {
        let is_left = |path: &PathBuf| *path != self.own && !is_locked(path);
        self.copies().into_iter().rev().find(is_left).and_then(|path| {
            let written = fs::metadata(&path).and_then(|meta| meta.modified()).ok()?;
            Some((path, written))
        })
    }

    /// Reads a copy.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or is no recovery copy. The error names it.
    pub fn read(path: &Path) -> io::Result<RecoveryCopy> {
        let read = || {
            let mut text = String::new();
            files::open(path)?.take(2 * MAX_BYTES as u64).read_to_string(&mut text)?;
            Ok(serde_json::from_str(&text)?)
        };
        read().map_err(|error| at(path, &error))
    }

    /// Writes the copy of this window and deletes the oldest ones beyond the limit.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be written to. The error names it.
    pub fn write(&self, copy: &RecoveryCopy) -> io::Result<()> {
        let written = fs::create_dir_all(&self.folder)
            .and_then(|()| self.lock())
            .and_then(|()| replace(&self.own, &serde_json::to_vec(copy).map_err(io::Error::other)?));
        written.map_err(|error| at(&self.folder, &error))?;
        for copies in [self.copies(), self.ending("old")] {
            for old in &copies[..copies.len().saturating_sub(MAX_COPIES)] {
                // Another window may have deleted it, or may still need it.
                if *old == self.own || is_locked(old) {
                    continue;
                }
                let _ = fs::remove_file(old);
                let _ = fs::remove_file(lock_of(old));
            }
        }
        Ok(())
    }

    /// Deletes the copy of this window.
    pub fn clear(&self) {
        // A saved patch has no copy.
        let _ = fs::remove_file(&self.own);
        if self.lock.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            let _ = fs::remove_file(lock_of(&self.own));
        }
    }

    /// Locks the copy of this window.
    fn lock(&self) -> io::Result<()> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            let file = File::create(lock_of(&self.own))?;
            // A file system without locks offers the copy to other windows, as before.
            let _ = file.try_lock();
            *lock = Some(file);
        }
        Ok(())
    }

    /// Renames a copy so that it is not offered again; it stays on the disk.
    pub fn set_aside(copy: &Path) {
        // The copy may be gone.
        let _ = fs::rename(copy, copy.with_extension("old"));
    }

    /// The copies on offer, oldest first: their names begin with the time.
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

/// The lock of a copy.
fn lock_of(copy: &Path) -> PathBuf {
    copy.with_extension("lock")
}

/// True if the window of a copy lives.
fn is_locked(copy: &Path) -> bool {
    let Ok(file) = files::open(&lock_of(copy)) else { return false };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// An error with its path.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_bend() -> Patch {
        Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap()
    }

    #[test]
    fn the_copy_of_another_window_is_offered_and_the_oldest_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let mine = Recovery::new(folder.path().join("recovery"));
        assert!(mine.newest().is_none());
        mine.write(&RecoveryCopy { path: None, patch: first_bend() }).unwrap();
        assert!(mine.newest().is_none(), "its own copy is not offered");
        let path = Some(PathBuf::from("show.json"));
        for i in 0..30 {
            let own = mine.folder.join(format!("{i:020}-1.json"));
            let other = Recovery { own, lock: Arc::default(), ..mine.clone() };
            other.write(&RecoveryCopy { path: path.clone(), patch: first_bend() }).unwrap();
        }
        assert!(mine.copies().len() <= MAX_COPIES);
        let (newest, _) = mine.newest().unwrap();
        let copy = Recovery::read(&newest).unwrap();
        assert_eq!((copy.path, copy.patch), (path, first_bend()));
        Recovery::set_aside(&newest);
        assert_ne!(mine.newest().map(|(path, _)| path), Some(newest), "it is not offered again");
        mine.clear();
        assert!(!mine.own.exists());
    }

    #[test]
    fn the_copy_of_a_window_that_lives_is_neither_offered_nor_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (Recovery::new(folder.path().to_owned()), Recovery::new(folder.path().to_owned()));
        let first = Recovery { own: folder.path().join("00000000000000000001-1.json"), ..first };
        first.write(&RecoveryCopy { path: None, patch: first_bend() }).unwrap();
        assert!(second.newest().is_none(), "its window lives");
        for i in 2..40 {
            let own = folder.path().join(format!("{i:020}-1.json"));
            Recovery { own, lock: Arc::default(), ..second.clone() }
                .write(&RecoveryCopy { path: None, patch: first_bend() })
                .unwrap();
        }
        assert!(first.own.exists(), "nor is it one of the oldest");
        let own = first.own.clone();
        drop(first);
        let offered = |recovery: &Recovery| recovery.newest().map(|(path, _)| path);
        while let Some(path) = offered(&second).filter(|path| *path != own) {
            Recovery::set_aside(&path);
        }
        assert_eq!(offered(&second), Some(own), "its window is gone");
    }
}

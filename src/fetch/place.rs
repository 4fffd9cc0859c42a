//! Files that are already on this machine: checked, then linked or copied.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Progress;
use super::download::difference;
use super::error::{Error, Result};
use super::part::{self, Remote, beside};
use super::paths::name;
use super::sums::{self, BLOCK, Hasher, Sum};

/// A file on this machine that takes a place in a model's folder.
pub(super) struct Local<'a> {
    pub(super) path: &'a Path,
    pub(super) remote: &'a Remote,
    pub(super) label: &'a str,
    pub(super) progress: &'a dyn Progress,
    pub(super) cancelled: &'a AtomicBool,
}

/// The way a file came into its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Linked,
    Copied,
}

impl Local<'_> {
    /// The problem with the file's bytes, if any.
    pub(super) fn problem(&self) -> Result<Option<String>> {
        let failed = |e: &io::Error| Error::file(self.path, e);
        let size = fs::metadata(self.path).map_err(|e| failed(&e))?.len();
        if let Some(wanted) = self.remote.size.filter(|wanted| *wanted != size) {
            return Ok(Some(format!("it has {size} bytes, but {wanted} are published")));
        }
        if self.remote.sum == Sum::Unknown {
            return sums::misshapen(self.path, name(self.label)).map_err(|e| failed(&e));
        }
        self.progress.note(&format!("{}: checking {}", self.label, self.path.display()));
        self.progress.begin(self.label, Some(size), 0);
        let mut file = File::open(self.path).map_err(|e| failed(&e))?;
        let mut hasher = Hasher::new(&self.remote.sum, Some(size));
        match hasher.update_from(&mut file, self.cancelled, |n| self.progress.advance(n)) {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Error::cancelled()),
            Err(e) => return Err(failed(&e)),
        }
        self.progress.done();
        Ok(difference(&self.remote.sum, &hasher.finish()))
    }

    /// Links the file to its place, or copies it where links do not reach.
    pub(super) fn put(&self, target: &Path) -> Result<Way> {
        // A link to a link would break with it.
        let real = fs::canonicalize(self.path).map_err(|e| Error::file(self.path, &e))?;
        match fs::hard_link(&real, target) {
            Ok(()) => Ok(Way::Linked),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(part::occupied(target)),
            Err(_) => self.copy(&real, target),
        }
    }

    fn copy(&self, real: &Path, target: &Path) -> Result<Way> {
        let draft = beside(target, ".part");
        let mut from = File::open(real).map_err(|e| Error::file(real, &e))?;
        let to = OpenOptions::new().write(true).create(true).truncate(true).open(&draft);
        let mut to = to.map_err(|e| Error::file(&draft, &e))?;
        self.progress.begin(self.label, from.metadata().ok().map(|found| found.len()), 0);
        let mut hasher = Hasher::new(&self.remote.sum, self.remote.size);
        let mut block = vec![0; BLOCK];
        loop {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Error::cancelled());
            }
            let n = sums::read(&mut from, &mut block).map_err(|e| Error::file(real, &e))?;
            if n == 0 {
                break;
            }
            to.write_all(&block[..n]).map_err(|e| Error::file(&draft, &e))?;
            hasher.update(&block[..n]);
            self.progress.advance(n as u64);
        }
        to.sync_all().map_err(|e| Error::file(&draft, &e))?;
        // Git's sum needs a size; a copy without one was checked before.
        let sum = hasher.finish();
        if let Some(problem) = difference(&self.remote.sum, &sum).filter(|_| sum != Sum::Unknown) {
            let _ = fs::remove_file(&draft);
            return Err(Error::new(format!("{}: {problem}; this disk or the other one is damaged", real.display())));
        }
        if target.exists() {
            return Err(part::occupied(target));
        }
        fs::rename(&draft, target).map_err(|e| Error::file(target, &e))?;
        self.progress.done();
        Ok(Way::Copied)
    }
}

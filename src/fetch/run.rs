//! A plan carried out.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Progress;
use super::download::Download;
use super::error::{Error, Result};
use super::marker::Marker;
use super::part::{self, Remote};
use super::place::{Local, Way};
use super::plan::{Plan, PlannedFile, State, siblings};
use super::sums::Sum;

const LOCK: &str = ".bendrack-download.lock";

/// The files of a run, by the way they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files that came over the network.
    pub fetched: Vec<String>,
    /// Files that share their bytes with another folder.
    pub linked: Vec<String>,
    /// Files that were copied from another folder.
    pub copied: Vec<String>,
    /// Files that were here.
    pub kept: Vec<String>,
    /// The bytes that came over the network.
    pub bytes: u64,
}

impl Plan {
    /// Fetches, links and checks every file. A stopped run keeps its parts.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot come, if its bytes are wrong twice, if another file is in the way, if the disk has too little
    /// space, if another process works in the folder, or if the user stops it.
    pub fn run(&self, progress: &dyn Progress, cancelled: &AtomicBool) -> Result<Report> {
        let there = self.folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
        let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
        self.check_space(fs4::available_space(there).map_err(|e| Error::file(there, &e))?)?;
        fs::create_dir_all(&self.folder).map_err(|e| Error::file(&self.folder, &e))?;
        let lock = self.lock()?;
        let mut report = Report::default();
        let mut marker = Marker::read(&self.folder);
        let siblings = siblings(&self.folder);
        for file in &self.files {
            if cancelled.load(Ordering::Relaxed) {
                return Err(Error::cancelled());
            }
            // Another process may have worked here since the plan.
            let state = self.state(file, &marker, &siblings)?;
            self.obtain(file, state, progress, cancelled, &mut report)?;
            marker.add(&file.path, &file.remote.sum)?;
        }
        drop(lock);
        Ok(report)
    }

    /// Checks that the files fit into a number of bytes. Parts that are here count.
    ///
    /// # Errors
    ///
    /// Fails if they do not fit.
    pub fn check_space(&self, available: u64) -> Result<()> {
        let needed: u64 = self.files.iter().map(|file| self.space(file)).sum();
        if needed <= available {
            return Ok(());
        }
        Err(Error::new(format!(
            "{}: the files need {} more, but the disk has {}; free some space, or choose another disk with --to",
            self.folder.display(),
            gigabytes(needed),
            gigabytes(available)
        )))
    }

    /// The space that a file still takes on the disk.
    fn space(&self, file: &PlannedFile) -> u64 {
        match &file.state {
            State::Linked(path) if !same_disk(path, &self.folder) => file.size.unwrap_or_default(),
            _ => file.bytes_to_fetch(),
        }
    }

    /// Locks the folder, so that two processes do not write the same part.
    fn lock(&self) -> Result<File> {
        let path = self.folder.join(LOCK);
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| Error::file(&path, &e))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Error::new(format!(
                "{}: another process downloads into this folder; wait for it, or end it",
                self.folder.display()
            ))),
            // Some network disks have no locks.
            Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => Ok(file),
            Err(TryLockError::Error(e)) => Err(Error::file(&path, &e)),
        }
    }

    fn obtain(
        &self,
        file: &PlannedFile,
        state: State,
        progress: &dyn Progress,
        cancelled: &AtomicBool,
        report: &mut Report,
    ) -> Result<()> {
        let target = self.folder.join(&file.path);
        let (remote, label) = (&file.remote, file.path.as_str());
        let folder = target.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(|e| Error::file(folder, &e))?;
        match state {
            State::Present => report.kept.push(label.to_owned()),
            State::Unchecked => {
                let local = Local { path: &target, remote, label, progress, cancelled };
                if let Some(problem) = local.problem()? {
                    return Err(Error::new(format!("{} ({problem})", part::occupied(&target))));
                }
                report.kept.push(label.to_owned());
            }
            State::Linked(path) => {
                let found = |path| Local { path, remote, label, progress, cancelled };
                if self.link(file, &found(&path), &target, report)? {
                    return Ok(());
                }
                self.fetch(label, remote, &target, progress, cancelled, report)?;
            }
            State::Partly(_) | State::Missing => self.fetch(label, remote, &target, progress, cancelled, report)?,
        }
        Ok(())
    }

    /// Puts a file of another folder into its place. A wrong one is left alone, and the network has the file.
    fn link(&self, file: &PlannedFile, local: &Local<'_>, target: &Path, report: &mut Report) -> Result<bool> {
        // A copy checks its own bytes.
        let copies = cfg!(unix) && !same_disk(local.path, &self.folder) && file.remote.sum != Sum::Unknown;
        if !copies
            && !is_noted(local.path, &file.remote)
            && let Some(problem) = local.problem()?
        {
            if file.local.is_some() {
                return Err(Error::new(format!(
                    "{}: {problem}; copy this file to the folder again, or run without --from",
                    local.path.display()
                )));
            }
            local.progress.note(&format!("{} is another file ({problem})", local.path.display()));
            return Ok(false);
        }
        match local.put(target)? {
            Way::Linked => report.linked.push(file.path.clone()),
            Way::Copied => report.copied.push(file.path.clone()),
        }
        Ok(true)
    }

    fn fetch(
        &self,
        label: &str,
        remote: &Remote,
        target: &Path,
        progress: &dyn Progress,
        cancelled: &AtomicBool,
        report: &mut Report,
    ) -> Result<()> {
        let download = Download { client: &self.client, remote, target, label, progress, cancelled };
        report.bytes += download.run()?;
        report.fetched.push(label.to_owned());
        Ok(())
    }
}

/// True if the notes in a file's own folder have its sum.
fn is_noted(path: &Path, remote: &Remote) -> bool {
    let mut folders = path.ancestors().skip(1).take(4);
    folders.any(|folder| {
        let inner = path.strip_prefix(folder).ok().and_then(Path::to_str).unwrap_or_default().replace('\\', "/");
        remote.sum != Sum::Unknown && Marker::read(folder).knows(&inner, &remote.sum)
    })
}

/// True if a link can reach from one path to another's disk.
#[cfg(unix)]
fn same_disk(path: &Path, folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let disk = |path: &Path| fs::metadata(path).ok().map(|found| found.dev());
    disk(path).is_some() && disk(path) == folder.ancestors().find_map(disk)
}

/// True if a link can reach from one path to another's disk; unknown here.
#[cfg(not(unix))]
fn same_disk(_: &Path, _: &Path) -> bool {
    false
}

fn gigabytes(bytes: u64) -> String {
    if bytes < 100_000_000 { format!("{bytes} bytes") } else { format!("{:.1} GB", bytes as f64 / 1e9) }
}

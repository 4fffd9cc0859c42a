//! The list of takes, read in the background. A file is read again only if it changed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::take::Summary;
use crate::take::keep::{self, Found};
use crate::ui::TakeRow;

/// Interval of the scans of the folder.
const FRESH: Duration = Duration::from_secs(1);
/// Interval at which a scan shows its new rows.
const SHOWN: Duration = Duration::from_millis(100);

/// The list of takes.
#[derive(Default)]
pub(super) struct List(Mutex<State>);

#[derive(Default)]
struct State {
    rows: Arc<[TakeRow]>,
    /// The reason why the folder could not be read, and the next step.
    problem: Option<String>,
    /// Summaries by path, each with the time and size of its file.
    known: HashMap<PathBuf, Known>,
    /// The beginning of the last scan.
    scanned: Option<Instant>,
    is_scanning: bool,
}

#[derive(Clone)]
struct Known {
    modified: SystemTime,
    bytes: u64,
    summary: Result<Summary, String>,
}

impl Known {
    fn is_of(&self, found: &Found) -> bool {
        // A recording that broke off leaves its file as it is.
        let is_recording = self.summary.as_ref().is_ok_and(|summary| summary.is_recording);
        self.modified == found.modified && self.bytes == found.bytes && !is_recording
    }
}

impl List {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows so far.
    pub(super) fn rows(&self) -> Arc<[TakeRow]> {
        self.state().rows.clone()
    }

    /// The reason why the folder could not be read, and the next step.
    pub(super) fn problem(&self) -> Option<String> {
        self.state().problem.clone()
    }

    /// True if a scan is due. It counts as started.
    pub(super) fn begin_scan(&self) -> bool {
        let mut state = self.state();
        if state.is_scanning || state.scanned.is_some_and(|scanned| scanned.elapsed() < FRESH) {
            return false;
        }
        (state.is_scanning, state.scanned) = (true, Some(Instant::now()));
        true
    }

    /// Makes the next scan due.
    pub(super) fn outdate(&self) {
        self.state().scanned = None;
    }

    /// Reads the takes of a folder; `running` is written now. New files appear at once, and their summaries as they are read. A folder that
    /// cannot be read has no takes.
    pub(super) fn scan(&self, folder: Option<&Path>, running: Option<&Path>) {
        let listed = folder.map(|folder| keep::list(folder).map_err(|error| format!("{}: {error}", folder.display())));
        let (found, problem) = match listed {
            None => (Vec::new(), None),
            Some(Ok(found)) => (found, None),
            Some(Err(why)) => (Vec::new(), Some(format!("{why}; make the folder readable"))),
        };
        self.state().problem = problem;
        self.read(&found, running);
        self.state().is_scanning = false;
    }

    fn read(&self, found: &[Found], running: Option<&Path>) {
        let mut known = std::mem::take(&mut self.state().known);
        known.retain(|path, _| found.iter().any(|found| found.path == *path));
        self.show(found, &known, running);
        let mut shown = Instant::now();
        for found_here in found {
            let is_running = running == Some(&*found_here.path);
            // A running take changes constantly, but its summary comes from its beginning.
            if known.get(&found_here.path).is_some_and(|known| known.is_of(found_here) || is_running) {
                continue;
            }
            let summary = Summary::read(&found_here.path).map_err(|error| error.to_string());
            let (modified, bytes) = (found_here.modified, found_here.bytes);
            known.insert(found_here.path.clone(), Known { modified, bytes, summary });
            if shown.elapsed() >= SHOWN {
                self.show(found, &known, running);
                shown = Instant::now();
            }
        }
        self.show(found, &known, running);
        self.state().known = known;
    }

    fn show(&self, found: &[Found], known: &HashMap<PathBuf, Known>, running: Option<&Path>) {
        let row = |found: &Found| {
            let is_running = running == Some(&*found.path);
            let summary = known.get(&found.path).map(|known| known.summary.clone());
            let secs = summary.as_ref().and_then(|summary| Some(summary.as_ref().ok()?.secs));
            TakeRow {
                path: found.path.clone(),
                is_running,
                is_kept: keep::is_kept(&found.path),
                begun: keep::begun(found, secs.unwrap_or_default()),
                summary,
            }
        };
        let rows = found.iter().map(row).collect();
        self.state().rows = rows;
    }
}

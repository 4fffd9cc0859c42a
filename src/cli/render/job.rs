//! A video being rendered: its steps, its progress, its report.

use std::collections::BTreeSet;
use std::path::Path;

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Render, peak_memory};
use crate::cli::Failure;
use crate::cli::record::Shot;
use crate::cli::replay::Player;
use crate::disk;
use crate::engine::Session;
use crate::hex::hex;
use crate::terminal;

/// Longest printed warning, in characters.
const LONGEST: usize = 300;

/// The progress of a render: a line of `--progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(in crate::cli) struct Progress {
    /// Pictures so far, including skipped ones at the beginning.
    pub(in crate::cli) pictures: u64,
    /// Number of all pictures.
    pub(in crate::cli) of: u64,
}

/// A video being rendered.
pub(super) struct Job {
    session: Session,
    player: Player,
    patch_sha256: String,
    /// Hash of all executed programs.
    digest: Sha256,
    /// All warnings so far, including those that --quiet hides.
    warned: BTreeSet<String>,
    quiet: bool,
    pub(super) bar: ProgressBar,
    /// Last printed progress.
    progress: Option<Progress>,
}

impl Job {
    pub(super) fn new(
        session: Session,
        player: Player,
        patch_sha256: String,
        quiet: bool,
        bar: ProgressBar,
        progress: Option<Progress>,
    ) -> Self {
        let (digest, warned) = (Sha256::new(), BTreeSet::new());
        Self { session, player, patch_sha256, digest, warned, quiet, bar, progress }
    }

    /// Makes one model call. The last one of a chunk returns pictures.
    pub(super) fn step(&mut self) -> Result<Vec<Shot>, Failure> {
        let frames = self.player.step(&mut self.session)?;
        let engine = self.session.engine();
        let program = serde_json::to_vec(engine.program()).map_err(|error| Failure::Failed(error.to_string()))?;
        self.digest.update(&program);
        for warning in engine.warnings().iter().map(|warning| shortened(&warning.to_string())) {
            if self.warned.insert(warning.clone()) && !self.quiet {
                self.bar.suspend(|| terminal::print_error(format_args!("warning: {warning}")));
            }
        }
        let pictures = self.session.checksum().pictures;
        if let Some(progress) = self.progress.as_mut().filter(|progress| progress.pictures < pictures) {
            progress.pictures = pictures.min(progress.of);
            // A closed pipe does not stop the render.
            let _ = serde_json::to_string(progress).map(|line| terminal::print_json(&(line + "\n")));
        }
        let made = self.bar.position() + frames.len() as u64;
        self.bar.set_position(self.bar.length().map_or(made, |wanted| made.min(wanted)));
        Ok(frames.into_iter().map(|frame| (frame.screen, frame.recorded)).collect())
    }

    /// The report of a whole render, as JSON.
    pub(super) fn report(
        self,
        render: &Render,
        (frames, kept): (u64, u64),
        seconds: f64,
        load_secs: f64,
        size: (usize, usize),
    ) -> String {
        let stages = self.session.engine().times().stages();
        let stages: serde_json::Map<String, Json> = (stages.into_iter())
            .map(|(name, clock)| {
                (name.to_owned(), json!({ "seconds": clock.total.as_secs_f64(), "count": clock.count }))
            })
            .collect();
        let engine = self.session.engine();
        let model = engine.model();
        let report = json!({
            "bendrack": env!("CARGO_PKG_VERSION"),
            "patch": render.patch,
            "take": render.replay.take,
            "patch_sha256": self.patch_sha256,
            "output": render.output,
            "model": model.name,
            "family": model.family.name(),
            "seed": engine.program().seed,
            "size": [size.0, size.1],
            "frames": frames,
            "frames_kept": kept,
            "seconds": seconds,
            "frames_per_second": frames as f64 / seconds,
            "load_seconds": load_secs,
            "stages": stages,
            "peak_memory_bytes": peak_memory(),
            "program_sha256": hex(&self.digest.finalize()),
            "warnings": self.warned,
        });
        format!("{report:#}")
    }
}

/// Writes a report: atomically to a file, directly to a terminal or a pipe.
pub(super) fn write_report(path: &Path, report: &str) -> std::io::Result<()> {
    if path.exists() && !path.is_file() { std::fs::write(path, report) } else { disk::replace(path, report.as_bytes()) }
}

/// A sentence of at most [`LONGEST`] characters; a long prompt is cut.
fn shortened(sentence: &str) -> String {
    match sentence.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &sentence[..end]),
        None => sentence.to_owned(),
    }
}

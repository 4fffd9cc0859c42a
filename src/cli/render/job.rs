//! A video being rendered: its steps, its progress, its report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::checkpoint::Checkpoint;
use super::{Render, peak_memory, space};
use crate::cli::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::record::{Maker, Reached, Shot, output};
use crate::cli::replay::Player;
use crate::disk;
use crate::engine::{Phase, Session, Warning};
use crate::hex::hex;
use crate::output::video::{End, Format, VideoWriter, growing_path};
use crate::terminal;
use crate::wan::error::message;
use crate::wan::stored::Tensors;

/// Longest printed warning, in characters.
const LONGEST: usize = 300;
/// Time between two descriptions of sizes and stages.
const DESCRIBED: Duration = Duration::from_secs(1);

/// The progress of a render: a line of `--progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(in crate::cli) struct Progress {
    /// Pictures so far, including skipped ones at the beginning.
    pub(in crate::cli) pictures: u64,
    /// Number of all pictures.
    pub(in crate::cli) of: u64,
}

/// A warning that may come more than once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Repeated {
    /// The text, at its first place.
    text: String,
    /// The number of chunks, or of places of a skipped bend.
    count: u64,
}

/// Warnings with one key are one problem: a bend that is skipped at a site, or a text.
fn key(warning: &Warning) -> String {
    match (&warning.node, warning.site) {
        (Some(node), Some(site)) => format!("{node} {site}"),
        _ => shortened(&warning.to_string()),
    }
}

/// A video being rendered.
pub(super) struct Job {
    session: Session,
    player: Player,
    patch_sha256: String,
    /// Hash of all executed programs.
    programs: [u8; 32],
    /// All warnings, including those that --quiet hides.
    warned: BTreeMap<String, Repeated>,
    /// The warnings of the chunk under way.
    open: Vec<Warning>,
    quiet: bool,
    pub(super) bar: ProgressBar,
    /// Last printed progress.
    progress: Option<Progress>,
    interrupt: Interrupt,
    keeper: Option<Keeper>,
    /// True if an older video is at the place of one of the videos, and stays until the new one is whole.
    is_replacing: bool,
    /// The time at which the bar last got sizes and stages.
    described: Instant,
}

/// The keeper of checkpoints.
pub(super) struct Keeper {
    /// The path of the checkpoint.
    pub(super) path: PathBuf,
    /// Pictures from one checkpoint to the next, at least.
    pub(super) interval: u64,
    /// The settings that decide the pictures.
    pub(super) settings: BTreeMap<String, String>,
    /// The videos, by their paths.
    pub(super) outputs: Vec<PathBuf>,
    /// Pictures at the latest checkpoint.
    pub(super) kept: u64,
}

impl Job {
    pub(super) fn new(
        session: Session,
        player: Player,
        patch_sha256: String,
        quiet: bool,
        (bar, progress): (ProgressBar, Option<Progress>),
        (interrupt, keeper): (Interrupt, Option<Keeper>),
    ) -> Self {
        Self {
            session,
            player,
            patch_sha256,
            programs: [0; 32],
            warned: BTreeMap::new(),
            open: Vec::new(),
            quiet,
            bar,
            progress,
            interrupt,
            keeper,
            is_replacing: false,
            described: Instant::now(),
        }
    }

    /// Shows the size of the videos so far and the stages that take most of the time, once in a while.
    fn describe(&mut self) {
        if self.bar.is_hidden() || self.described.elapsed() < DESCRIBED {
            return;
        }
        self.described = Instant::now();
        let outputs = self.keeper.iter().flat_map(|keeper| &keeper.outputs);
        let sizes = outputs.filter_map(|output| Some(std::fs::metadata(growing_path(output)).ok()?.len()));
        let bytes: u64 = sizes.sum();
        let size = if bytes > 0 { format!("{}, ", HumanBytes(bytes)) } else { String::new() };
        let mut stages = self.session.engine().times().stages().map(|(name, clock)| (clock.total.as_secs_f64(), name));
        stages.sort_by(|a, b| b.0.total_cmp(&a.0));
        let whole: f64 = stages.iter().map(|(secs, _)| secs).sum();
        let share = |(secs, name): &(f64, &str)| format!("{name} {:.0} %", 100.0 * secs / whole);
        let stages: Vec<String> = stages.iter().take(2).map(share).collect();
        let engine = self.session.engine();
        let step = engine.timeline().clip().and_then(|_| Some((engine.upcoming().1, engine.model().shape()?.steps)));
        let step = step.map_or_else(String::new, |(step, of)| format!("step {step} of {of}, "));
        self.bar.set_message(format!("{size}{step}{}", stages.join(", ")));
    }

    /// An older video at the place of a new one stays until that is whole.
    pub(super) const fn set_replacing(&mut self, is_replacing: bool) {
        self.is_replacing = is_replacing;
    }

    /// True if the render can go on from a checkpoint.
    pub(super) fn is_resumable(&self) -> bool {
        let has_pictures = |keeper: &Keeper| {
            let formats = keeper.outputs.iter().map(|path| Format::of(path));
            formats.into_iter().any(|format| matches!(format, Ok(Format::Pictures { .. })))
        };
        // Numbered pictures are at their places already, and go on from the first one too.
        self.keeper.as_ref().is_some_and(|keeper| keeper.kept > 0 || has_pictures(keeper))
    }

    /// True if an early end leaves the videos beside their places.
    pub(super) fn ends_beside(&self) -> bool {
        self.early_end() == End::Beside
    }

    /// True if the render keeps checkpoints.
    pub(super) const fn keeps(&self) -> bool {
        self.keeper.is_some()
    }

    /// Goes on from a checkpoint.
    pub(super) fn resume(&mut self, checkpoint: Checkpoint, mut tensors: Tensors) -> Result<(), Failure> {
        if let Some(keeper) = &mut self.keeper {
            keeper.kept = checkpoint.reached.made;
        }
        if let Some((session, player)) = checkpoint.session {
            self.player.go_on(&player, &mut self.session)?;
            let restored = self.session.restore(session, &mut tensors);
            restored.map_err(|error| Failure::Failed(message(&error)))?;
        }
        (self.programs, self.warned) = (checkpoint.programs, checkpoint.warned);
        self.is_replacing = checkpoint.is_replacing;
        self.bar.set_position(checkpoint.reached.made);
        self.bar.reset_eta();
        if let Some(progress) = &mut self.progress {
            progress.pictures = self.session.checksum().pictures.min(progress.of);
        }
        Ok(())
    }

    /// Adds the warnings of the chunk that ends.
    fn count_warnings(&mut self) {
        for warning in self.open.drain(..) {
            if let Some(known) = self.warned.get_mut(&key(&warning)) {
                known.count += warning.count as u64;
            }
        }
    }

    /// A line about warnings that came more than once.
    pub(super) fn repeated(&mut self) -> Option<String> {
        self.count_warnings();
        let more: u64 = self.warned.values().map(|known| known.count.saturating_sub(1)).sum();
        (more > 0).then(|| format!("the warnings came {more} more times; --report counts each of them"))
    }

    /// Keeps a checkpoint behind the pictures so far.
    pub(super) fn keep(&mut self, reached: &Reached, videos: &mut [Box<dyn VideoWriter>]) -> Result<(), Failure> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let settled = videos.iter_mut().map(|video| video.settle()).collect::<crate::output::Result<Vec<_>>>();
        let mut tensors = Tensors::default();
        let session = if reached.made == 0 {
            None
        } else {
            let stored = self.session.store(&mut tensors).map_err(|error| Failure::Failed(message(&error)))?;
            Some((stored, self.player.store()))
        };
        let checkpoint = Checkpoint {
            settings: keeper.settings.clone(),
            reached: reached.clone(),
            videos: settled.map_err(|error| output(&error))?,
            outputs: keeper.outputs.clone(),
            is_replacing: self.is_replacing,
            session,
            programs: self.programs,
            warned: self.warned.clone(),
        };
        checkpoint.write(&keeper.path, &tensors)?;
        keeper.kept = reached.made;
        Ok(())
    }
}

impl Maker for Job {
    /// Makes one model call. The last one of a chunk returns pictures.
    fn step(&mut self) -> Result<Vec<Shot>, Failure> {
        let frames = self.player.step(&mut self.session)?;
        let engine = self.session.engine();
        if self.player.has_called() {
            let program = serde_json::to_vec(engine.program()).map_err(|error| Failure::Failed(error.to_string()))?;
            self.programs = Sha256::digest([&self.programs[..], &Sha256::digest(&program)].concat()).into();
        }
        for warning in engine.warnings() {
            let (key, text) = (key(warning), shortened(&warning.to_string()));
            if !self.warned.contains_key(&key) {
                if !self.quiet {
                    self.bar.suspend(|| terminal::print_error(format_args!("warning: {text}")));
                }
                self.warned.insert(key, Repeated { text, count: 0 });
            }
        }
        self.open = engine.warnings().to_vec();
        if engine.phase() == Phase::Between {
            self.count_warnings();
        }
        let pictures = self.session.checksum().pictures;
        if let Some(progress) = self.progress.as_mut().filter(|progress| progress.pictures < pictures) {
            progress.pictures = pictures.min(progress.of);
            // A closed pipe does not stop the render.
            let _ = serde_json::to_string(progress).map(|line| terminal::print_json(&(line + "\n")));
        }
        self.describe();
        let made = self.bar.position() + frames.len() as u64;
        self.bar.set_position(self.bar.length().map_or(made, |wanted| made.min(wanted)));
        Ok(frames.into_iter().map(|frame| (frame.screen, frame.recorded)).collect())
    }

    fn look(&mut self, reached: &Reached, videos: &mut [Box<dyn VideoWriter>]) -> Result<Option<String>, Failure> {
        let is_due = |keeper: &&Keeper| reached.made >= keeper.kept + keeper.interval;
        if self.session.can_store()
            && let Some(keeper) = self.keeper.as_ref().filter(is_due)
        {
            let outputs = keeper.outputs.clone();
            self.keep(reached, videos)?;
            if let Some(why) = space::is_short(&outputs) {
                return Ok(Some(why));
            }
        }
        Ok(self.interrupt.is_asked().then(|| "interrupted".to_owned()))
    }

    fn is_kept(&self) -> bool {
        self.keeper.is_some()
    }

    fn early_end(&self) -> End {
        match &self.keeper {
            _ if self.is_replacing => End::Beside,
            Some(_) if self.is_resumable() => End::Unfinished,
            _ => End::Whole,
        }
    }
}

impl Job {
    /// The report of a whole render, as JSON.
    pub(super) fn report(
        &self,
        render: &Render,
        (frames, kept, made): (u64, u64, u64),
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
            "output": render.output.first(),
            "outputs": render.output,
            "model": model.name,
            "family": model.family.name(),
            "seed": engine.plan().seed(),
            "size": [size.0, size.1],
            "frames": frames,
            "frames_kept": kept,
            "seconds": seconds,
            "frames_per_second": made as f64 / seconds,
            "load_seconds": load_secs,
            "stages": stages,
            "peak_memory_bytes": peak_memory(),
            "program_sha256": hex(&self.programs),
            "warnings": self.warned.values().map(|known| &known.text).collect::<Vec<_>>(),
            "warning_counts": self.warned.values().map(|known| known.count).collect::<Vec<_>>(),
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

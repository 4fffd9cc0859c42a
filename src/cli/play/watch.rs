//! A patch that plays, until it ends: statistics, the state file, failures.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::frames::FrameWriter;
use super::knobs::Knobs;
use super::{Play, state};
use crate::cli::render::peak_memory;
use crate::cli::shares::ShareNews;
use crate::cli::{Failure, print_json};
use crate::engine::{EngineHandle, Stage};
use crate::io::Devices;
use crate::output::raw::FrameFormat;
use crate::output::share::Shares;
use crate::take::TakeState;
use crate::terminal;

/// Interval of the statistics.
const STATS: Duration = Duration::from_secs(1);
/// Interval of the writes of the state file.
const STATE: Duration = Duration::from_secs(5);
/// Interval of the looks at the engine.
const LOOK: Duration = Duration::from_millis(20);
/// Longest failure of the engine. After it the program exits, so that a service manager can restart it.
const LONGEST_FAILURE: Duration = Duration::from_secs(10);

/// The parts of a program that plays.
#[derive(Clone, Copy)]
pub(super) struct Watched<'a> {
    pub(super) engine: &'a EngineHandle,
    pub(super) devices: &'a Devices,
    pub(super) frames: &'a FrameWriter,
    /// The picture for other programs.
    pub(super) shares: &'a Shares,
    /// Number of pictures so far.
    pub(super) shown: &'a AtomicU64,
    /// True from Ctrl+C, SIGTERM or the end of the reader of pictures on.
    pub(super) stop: &'a AtomicBool,
    /// The state of the take that is written.
    pub(super) take: Option<&'a dyn Fn() -> TakeState>,
}

/// The times of a program that plays.
pub(super) struct Watch<'a> {
    play: &'a Play,
    of: Watched<'a>,
    knobs: Knobs,
    /// Time of the first picture; now, before it.
    first: Instant,
    /// Latest time at which the engine ran.
    running: Instant,
    stats_due: Instant,
    state_due: Instant,
    /// Time and pictures of the last statistics.
    before: (Instant, u64),
    has_warned: bool,
    share_news: ShareNews,
}

impl<'a> Watch<'a> {
    pub(super) fn new(play: &'a Play, of: Watched<'a>, knobs: Knobs) -> Self {
        let now = Instant::now();
        let (stats_due, state_due) = (now + STATS, now + STATE);
        Self {
            play,
            of,
            knobs,
            first: now,
            running: now,
            stats_due,
            state_due,
            before: (now, 0),
            has_warned: false,
            share_news: ShareNews::default(),
        }
    }

    /// Runs until the end of the program.
    pub(super) fn run(mut self) -> Result<(), Failure> {
        loop {
            if let Some(end) = self.end() {
                return end;
            }
            self.knobs.apply(self.of.engine, self.of.devices.activity().take_requests());
            self.check_take()?;
            self.share_news.of(self.of.shares).for_each(terminal::print_error);
            self.write(Instant::now())?;
            std::thread::sleep(LOOK);
        }
    }

    /// The end of the program, once it is due.
    fn end(&mut self) -> Option<Result<(), Failure>> {
        if self.of.stop.load(Ordering::Relaxed) {
            return Some(self.of.frames.problem().map_or(Ok(()), |why| Err(Failure::Failed(why))));
        }
        // --seconds counts from the first picture, a failure from the last time that the engine ran.
        let has_picture = self.of.shown.load(Ordering::Relaxed) > 0;
        if !has_picture {
            self.first = Instant::now();
        } else if self.play.seconds.is_some_and(|secs| self.first.elapsed().as_secs_f64() >= secs) {
            return Some(Ok(()));
        }
        match self.of.engine.status().stage {
            Stage::Failed(why) if !has_picture || self.running.elapsed() > LONGEST_FAILURE => {
                return Some(Err(Failure::Failed(why)));
            }
            Stage::Failed(_) => {}
            Stage::Loading | Stage::Running => self.running = Instant::now(),
        }
        None
    }

    /// Warns once if the take breaks off; fails if it cannot begin.
    fn check_take(&mut self) -> Result<(), Failure> {
        let take = self.of.take.map(|state| state()).unwrap_or_default();
        let Some(error) = take.failed.filter(|_| !self.has_warned) else { return Ok(()) };
        if take.path.is_none() {
            return Err(Failure::Failed(error.to_string()));
        }
        terminal::print_error(format_args!("warning: {error}"));
        self.has_warned = true;
        Ok(())
    }

    /// Writes the statistics and the state file when they are due.
    fn write(&mut self, now: Instant) -> Result<(), Failure> {
        if self.play.stats && now >= self.stats_due {
            self.stats_due += STATS;
            self.print_stats(now)?;
        }
        if now >= self.state_due {
            self.state_due += STATE;
            if let Some(path) = &self.play.state {
                state::save(path, self.of.engine.inbox());
            }
        }
        Ok(())
    }

    /// Prints a line of statistics: to standard error if standard output carries pictures.
    fn print_stats(&mut self, now: Instant) -> Result<(), Failure> {
        let total = self.of.shown.load(Ordering::Relaxed);
        let rate = (total - self.before.1) as f64 / (now - self.before.0).as_secs_f64();
        self.before = (now, total);
        let line = self.of.stats(total, rate);
        if self.play.frames_out == FrameFormat::None {
            return print_json(&format!("{line}\n"));
        }
        terminal::print_error(line);
        Ok(())
    }
}

impl Watched<'_> {
    /// A line of statistics.
    fn stats(self, pictures: u64, rate: f64) -> serde_json::Value {
        let status = self.engine.status();
        let take_failed = self.take.and_then(|state| state().failed).map(|error| error.to_string());
        let stage = match &status.stage {
            Stage::Loading => json!("loading"),
            Stage::Running => json!("running"),
            Stage::Failed(why) => json!({ "failed": why }),
        };
        let shares = self.shares.states().map(|(share, state)| (share.to_string(), json!(state.to_string())));
        let shares: serde_json::Map<_, _> = shares.collect();
        json!({
            "stage": stage,
            "pictures": pictures,
            "pictures_per_second": rate,
            "model_pictures_per_second": status.speed,
            "latency_seconds": { "last": status.latency.last, "median": status.latency.median, "p99": status.latency.p99 },
            "makes": status.makes,
            "late_pictures": status.late,
            "merged_events": status.merged,
            "left_out_pictures": self.frames.left_out(),
            "peak_memory_bytes": peak_memory(),
            "warnings": status.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "take_failed": take_failed,
            "devices": self.devices.activity().lights(),
            "shares": shares,
        })
    }
}

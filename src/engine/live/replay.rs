//! A take in place of the live video: the conductor executes its entries at the pace of its pictures.
//!
//! The journal has no part in it, and neither have devices: frames of a take carry no messages and are not recorded. Patches that arrive
//! meanwhile wait for the live video, which begins again afterwards.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::Patch;

use super::catch_panic;
use super::conductor::Conductor;
use super::handle::EngineHandle;
use crate::engine::model::FRAME_RATE;
use crate::engine::{Entry, Frame, Journal, Video};

/// The time by which the pictures of a take are made before they are shown.
const AHEAD: Duration = Duration::from_millis(500);

/// A take to play back. It was played on the model of the engine, at its size.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Its name.
    pub name: String,
    /// The number of its pictures.
    pub pictures: u64,
    /// The beginning of its video.
    pub video: Video,
    /// Entries, with the numbers of their lines.
    pub entries: VecDeque<(usize, Entry)>,
    /// The likely reason, if its pictures differ from those that were played.
    pub differs: String,
}

/// A take that is played back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Playing {
    /// Its name.
    pub name: String,
    /// The number of its pictures.
    pub pictures: u64,
}

/// A playback under way.
pub(super) struct Replaying {
    entries: VecDeque<(usize, Entry)>,
    differs: String,
    /// The live video, which goes on afterwards.
    live: Video,
}

impl EngineHandle {
    /// Plays a take back in place of the live video, which begins again at its end. Patches wait until then, and events of devices are
    /// dropped; their controls keep their last values.
    pub fn play(&self, replay: Replay) {
        self.shared.state().replay = Some(replay);
        self.shared.changed.notify_all();
    }

    /// Ends the playback of a take, and begins the live video again.
    pub fn stop_playing(&self) {
        let mut state = self.shared.state();
        (state.stop_replay, state.replay) = (true, None);
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl<J: Journal> Conductor<J> {
    /// Begins to play back a take that waits.
    pub(super) fn begin_replay(&mut self) {
        let Some(replay) = self.shared.state().replay.take() else { return };
        let Replay { name, pictures, video, entries, differs } = replay;
        let live = self.replaying.take().map_or_else(|| self.session.video(), |replaying| replaying.live);
        self.journal.end();
        self.session.begin(video);
        self.replaying = Some(Replaying { entries, differs, live });
        self.forget_times();
        let mut state = self.shared.state();
        state.status.playing = Some(Playing { name, pictures });
        (state.status.broke_off, state.status.warnings) = (None, Vec::new());
        state.stop_replay = false;
    }

    /// A patch for the live video, and the end of a playback.
    pub(super) fn apply_to_replay(
        &mut self,
        patch: Option<(Arc<Patch>, Arc<Plan>)>,
        restart: bool,
    ) -> Result<(), String> {
        if let (Some(replaying), Some((patch, plan))) = (&mut self.replaying, patch) {
            (replaying.live.patch, replaying.live.plan) = (patch, plan);
        }
        let is_stopped = std::mem::take(&mut self.shared.state().stop_replay);
        if restart || is_stopped { self.end_replay(None) } else { Ok(()) }
    }

    /// Executes the next entry of the take, or waits for its time.
    pub(super) fn replay(&mut self) -> Result<(), String> {
        let Some(replaying) = &mut self.replaying else { return Ok(()) };
        let now = Instant::now();
        // At the end, the last picture is shown for its time.
        let ahead = if replaying.entries.is_empty() { Duration::ZERO } else { AHEAD };
        let early = self.next_due.saturating_duration_since(now + ahead);
        if !early.is_zero() {
            self.wait_for_replay(early);
            return Ok(());
        }
        match replaying.entries.pop_front() {
            None => self.end_replay(None),
            Some((_, Entry::Check(wanted))) if self.session.checksum() != wanted => {
                let secs = wanted.pictures as f64 / FRAME_RATE;
                let why = format!(
                    "before {secs:.1} s, the pictures differ from those that were played: {}; render it with “Ignore differences” (--anyway)",
                    replaying.differs
                );
                self.end_replay(Some(why))
            }
            Some((line, entry)) => {
                let session = &mut self.session;
                match catch_panic(|| session.execute(&entry), "render the take instead") {
                    Ok(frames) if frames.is_empty() => Ok(()),
                    Ok(frames) => {
                        self.deliver(frames.into_iter().map(silent).collect());
                        Ok(())
                    }
                    Err(why) => self.end_replay(Some(format!(
                        "line {line} of the take: {why}; render it with “One make per chunk” (--final)"
                    ))),
                }
            }
        }
    }

    /// Waits at most this long, or until something is asked of the engine.
    fn wait_for_replay(&self, longest: Duration) {
        let state = self.shared.state();
        let is_asked = state.stop || state.stop_replay || state.restart || state.replay.is_some();
        if !is_asked && state.patch.is_none() {
            let _ = self.shared.changed.wait_timeout(state, longest).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Begins the live video again, with devices as they are now.
    fn end_replay(&mut self, broke_off: Option<String>) -> Result<(), String> {
        let Some(Replaying { live, .. }) = self.replaying.take() else { return Ok(()) };
        self.session.begin(live);
        self.drained = Instant::now();
        // Their last values are in the latest controls.
        self.shared.inbox.take(self.drained);
        let held = self.shared.inbox.latest().events();
        {
            let mut state = self.shared.state();
            (state.status.playing, state.status.broke_off) = (None, broke_off);
        }
        self.begin_again(held)
    }
}

/// A frame for the screen alone: neither for outputs nor for recordings.
fn silent(frame: Frame) -> Frame {
    Frame {
        messages: Vec::new(),
        board_lines: Vec::new(),
        midi: Vec::new(),
        lights: Vec::new(),
        mapped: Vec::new(),
        recorded: false,
        ..frame
    }
}

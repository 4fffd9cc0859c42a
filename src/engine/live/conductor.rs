//! The conductor: decides by the clock when a chunk is made, made again and shown.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bendrack_nodes::compile::plan::Denoising;
use bendrack_nodes::input::Event;

use super::replay::Replaying;
use super::twin::{Comparison, Twin};
use super::{Estimate, Shared, Stage, catch_panic};
use crate::engine::latency::Touches;
use crate::engine::model::FRAME_RATE;
use crate::engine::pace::Pace;
use crate::engine::{Entry, Frame, Journal, Phase, Session, Video, Warning};
use crate::input::{self, Stamped};

/// The pause after a failed call, before the engine tries again.
const AFTER_FAILURE: Duration = Duration::from_millis(250);

/// The engine's thread: decides by the clock what the session does next.
///
/// Before each latent frame is due, the chunk is made again if something happened, as often as the model is fast enough. Every touch thus
/// shows in the next frames, and a slow model makes each chunk once.
pub(super) struct Conductor<J> {
    pub(super) session: Session,
    pub(super) journal: J,
    pub(super) shared: Arc<Shared>,
    pace: Pace,
    /// Seconds of calls of the make under way.
    make_secs: f64,
    /// The latent frames to show before the next make.
    to_show: usize,
    /// The earliest time for the next picture.
    pub(super) next_due: Instant,
    /// The time up to which events were taken.
    pub(super) drained: Instant,
    /// The pictures shown at the latest entry of a checksum.
    checked: u64,
    touches: Touches,
    /// The settings of denoising of the status.
    denoising: Denoising,
    /// The video without bends, during a comparison.
    twin: Option<Twin>,
    /// The take that is played back.
    pub(super) replaying: Option<Replaying>,
}

impl<J: Journal> Conductor<J> {
    pub(super) fn new(session: Session, journal: J, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            session,
            journal,
            shared,
            pace: Pace::default(),
            make_secs: 0.0,
            to_show: 0,
            next_due: now,
            drained: now,
            checked: 0,
            touches: Touches::default(),
            denoising: Denoising::default(),
            twin: None,
            replaying: None,
        }
    }

    pub(super) fn run(mut self) {
        {
            let mut state = self.shared.state();
            state.status.stage = Stage::Running;
            // The wait of a patch for the model to load is not latency.
            state.patch_given = None;
            state.status.model = self.session.engine().model().shape();
        }
        self.denoising = self.session.engine().model().denoising;
        if self.shared.state().patch.is_none() {
            let Video { patch, plan, .. } = self.session.video();
            self.shared.inbox.know(patch, plan);
        }
        // Events that arrived meanwhile belong to the first frame.
        self.drained = Instant::now();
        self.journal.begin(&self.session);
        loop {
            match self.turn() {
                Ok(Some(())) => {}
                Ok(None) => return,
                Err(why) => {
                    self.shared.state().status.stage = Stage::Failed(why);
                    std::thread::sleep(AFTER_FAILURE);
                }
            }
        }
    }

    /// Follows a change of the settings of denoising: the shape for the window, and the time of a make.
    fn follow_denoising(&mut self) {
        let denoising = self.session.engine().model().denoising;
        if std::mem::replace(&mut self.denoising, denoising) != denoising {
            self.shared.state().status.model = self.session.engine().model().shape();
            self.pace.forget_makes();
        }
    }

    /// Does the next thing. None when the engine stops.
    fn turn(&mut self) -> Result<Option<()>, String> {
        let Some(()) = self.apply()? else { return Ok(None) };
        self.follow_denoising();
        self.begin_replay();
        if self.replaying.is_some() {
            return self.replay().map(Some);
        }
        match self.session.engine().phase() {
            Phase::Between => self.begin_chunk(),
            Phase::Denoise => self.denoise().map(Some),
            Phase::Show if self.to_show == 0 => self.make_again(),
            Phase::Show => self.show().map(Some),
            Phase::Cache => {
                let start = Instant::now();
                self.execute(&Entry::Call)?;
                self.pace.add_cache(start.elapsed().as_secs_f64());
                Ok(Some(()))
            }
        }
    }

    /// Waits for the time of the next chunk, and begins it.
    fn begin_chunk(&mut self) -> Result<Option<()>, String> {
        let Some(()) = self.wait()? else { return Ok(None) };
        if self.session.engine().phase() == Phase::Between {
            let frames = self.session.open_frames().len();
            let most = if self.session.engine().can_remake() { self.most_makes().min(frames) } else { 1 };
            self.pace.begin_chunk(frames, most);
            self.make(self.pace.frames_per_make(frames))?;
        }
        Ok(Some(()))
    }

    /// Waits for the time of the next make of the finished chunk, and begins it if anything happened.
    fn make_again(&mut self) -> Result<Option<()>, String> {
        let Some(()) = self.wait()? else { return Ok(None) };
        let open = self.session.open_frames().len();
        if self.session.engine().phase() == Phase::Show {
            let frames = self.pace.frames_per_make(self.session.engine().chunk().len()).min(open);
            if self.session.engine().can_remake() { self.make(frames)? } else { self.to_show = open }
        }
        Ok(Some(()))
    }

    /// Gives the events since the last make to the next one, which covers `frames` latent frames. Each event has the place in them that it
    /// had in this span of time.
    fn make(&mut self, frames: usize) -> Result<(), String> {
        let (begin, end) = (self.drained, Instant::now());
        let events = self.shared.inbox.take(end);
        self.drained = end;
        self.to_show = frames;
        let is_new = self.session.engine().phase() == Phase::Between;
        if !is_new && events.is_empty() && !self.touches.has_edit() {
            return Ok(());
        }
        let first = self.session.open_frames().first().copied().unwrap_or_default() as u64;
        for (place, Stamped { at, event }) in input::frames(events, (begin, end), frames) {
            let frame = first + place as u64;
            self.touches.add(frame, at);
            self.execute(&Entry::Event { frame, event })?;
        }
        self.touches.begin_make(first);
        self.execute(&Entry::Make { frames })?;
        let is_made_again = self.session.engine().phase() == Phase::Denoise;
        if !is_made_again {
            // Nothing changes, so nothing is seen.
            self.touches.clear();
        }
        self.make_secs = 0.0;
        Ok(())
    }

    fn denoise(&mut self) -> Result<(), String> {
        let start = Instant::now();
        let called = self.execute(&Entry::Call);
        self.make_secs += start.elapsed().as_secs_f64();
        called?;
        if self.session.engine().phase() == Phase::Show {
            self.pace.add_make(self.make_secs);
        }
        let estimate = self.estimate();
        let mut warnings = self.session.engine().warnings().to_vec();
        warnings.extend(self.journal.problem().map(Warning::new));
        let mut state = self.shared.state();
        (state.status.stage, state.status.warnings, state.status.estimate) = (Stage::Running, warnings, estimate);
        Ok(())
    }

    /// The estimate of the clip under way.
    fn estimate(&self) -> Option<Estimate> {
        let engine = self.session.engine();
        let ((_, steps), of) = (engine.upcoming(), engine.model().shape()?.steps);
        // A decoder that fails now fails again when the clip is shown.
        let picture = catch_panic(|| engine.estimated_picture(), "begin the video again").ok().flatten()?;
        Some(Estimate { steps, of, picture })
    }

    fn show(&mut self) -> Result<(), String> {
        let start = Instant::now();
        let frames = self.execute(&Entry::Show { frames: 1 })?;
        self.pace.add_show(start.elapsed().as_secs_f64());
        self.to_show = self.to_show.saturating_sub(1);
        self.deliver(frames);
        let checksum = self.session.checksum();
        if checksum.pictures >= self.checked + FRAME_RATE as u64 {
            self.checked = checksum.pictures;
            self.execute(&Entry::Check(checksum))?;
        }
        Ok(())
    }

    /// Sets the due times of frames.
    pub(super) fn deliver(&mut self, frames: Vec<Frame>) {
        if let Some(twin) = &mut self.twin {
            let engine = self.session.engine();
            twin.show(&frames, engine.to_show().is_empty(), (self.session.patch(), engine.plan()));
        }
        let (chunk, timeline) = (self.session.engine().chunk(), self.session.engine().timeline());
        let pictures: usize = chunk.iter().map(|latent| timeline.pictures(*latent)).sum();
        let (secs, pictures) = (self.pace.chunk_secs(chunk.len()), pictures as f64);
        // A model slower than the video plays evenly, at its own speed.
        let interval = Duration::from_secs_f64((1.0 / FRAME_RATE).max(secs / pictures));
        let now = Instant::now();
        let shared = self.shared.clone();
        let mut state = shared.state();
        let is_first = self.session.checksum().pictures == frames.len() as u64;
        if self.next_due < now && !is_first {
            state.status.late += frames.len() as u64;
            state.late_at = Some(now);
        }
        self.next_due = self.next_due.max(now);
        for frame in frames {
            self.touches.show(frame.latent, self.next_due);
            state.queue.push_back((self.next_due, Arc::new(frame)));
            self.next_due += interval;
        }
        state.status.stage = Stage::Running;
        state.status.speed = pictures / secs;
        state.status.makes = self.pace.makes();
        state.status.merged = self.session.merged() + shared.inbox.dropped();
        state.status.latency = self.touches.latency();
        shared.changed.notify_all();
    }

    /// Executes an entry, and records it.
    fn execute(&mut self, entry: &Entry) -> Result<Vec<Frame>, String> {
        if matches!(entry, Entry::Call) {
            self.shared.state().status.call = Some(self.session.engine().upcoming());
        }
        let session = &mut self.session;
        let executed = catch_panic(|| session.execute(entry), "begin the video again");
        match &executed {
            Ok(_) => self.journal.record(entry),
            Err(_) if matches!(entry, Entry::Call) && self.session.engine().has_failed() => {
                self.journal.record(&Entry::Fail);
            }
            Err(_) => {}
        }
        executed
    }

    /// Applies a new patch and a restart. None when the engine stops.
    fn apply(&mut self) -> Result<Option<()>, String> {
        let (patch, restart, forget) = {
            let mut state = self.shared.state();
            if state.stop {
                return Ok(None);
            }
            if let Some(given) = state.patch_given.take() {
                self.touches.edit(given);
            }
            if let Some(probes) = state.probes.take() {
                self.session.set_probes(probes);
            }
            (state.patch.take(), std::mem::take(&mut state.restart), std::mem::take(&mut state.forget))
        };
        let is_compared = self.apply_comparison();
        if self.replaying.is_some() {
            return self.apply_to_replay(patch, restart).map(Some);
        }
        if let Some((patch, plan)) = patch {
            self.execute(&Entry::Patch { patch, plan })?;
            if self.session.engine().phase() == Phase::Denoise {
                self.touches.begin_make(0);
            }
        }
        if forget {
            let is_between = self.session.engine().phase() == Phase::Between;
            if let Some(twin) = &mut self.twin {
                twin.forget(is_between);
            }
            self.execute(&Entry::Forget)?;
        }
        if restart || is_compared {
            self.restart()?;
        }
        Ok(Some(()))
    }

    /// Begins or ends the comparison with the video without bends. True if the video begins again for it; a take goes on.
    fn apply_comparison(&mut self) -> bool {
        let Some(on) = self.shared.state().compare.take() else { return false };
        self.shared.state().comparison = on.then(Comparison::default);
        let engine = self.session.engine();
        self.twin =
            on.then(|| Twin::start(&self.shared, engine.model_as_given(), engine.size(), &self.session.video()));
        on && self.replaying.is_none()
    }

    /// Begins the video again. Devices keep their state: it arrives in the first frame.
    fn restart(&mut self) -> Result<(), String> {
        let held = self.session.controls().events();
        self.session.restart();
        self.begin_again(held)
    }

    /// Begins a video whose session begins, with these events in its first frame.
    pub(super) fn begin_again(&mut self, held: Vec<Event>) -> Result<(), String> {
        self.journal.begin(&self.session);
        for event in held {
            self.execute(&Entry::Event { frame: 0, event })?;
        }
        self.forget_times();
        Ok(())
    }

    /// Forgets the frames to come and the places in the video before, as another video begins.
    pub(super) fn forget_times(&mut self) {
        let video = self.twin.as_mut().map(|twin| twin.begin(self.session.video()));
        let mut state = self.shared.state();
        state.queue.clear();
        state.status.estimate = None;
        if let (Some(video), Some(comparison)) = (video, &mut state.comparison) {
            comparison.begin(video);
        }
        drop(state);
        self.next_due = Instant::now();
        (self.to_show, self.checked) = (0, 0);
        self.touches.clear();
    }

    /// Waits until the next make must begin, so that its first picture is in time. Applies new patches meanwhile. None when the engine
    /// stops.
    fn wait(&mut self) -> Result<Option<()>, String> {
        loop {
            let Some(()) = self.apply()? else { return Ok(None) };
            let now = Instant::now();
            let start = self.next_due.checked_sub(self.pace.lead()).unwrap_or(now);
            if start <= now {
                return Ok(Some(()));
            }
            let state = self.shared.state();
            if state.replay.is_some() {
                return Ok(Some(()));
            }
            if state.stop || state.patch.is_some() || state.restart {
                continue;
            }
            let _ = self.shared.changed.wait_timeout(state, start - now).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn most_makes(&self) -> usize {
        self.shared.state().most_makes.unwrap_or(usize::MAX)
    }
}

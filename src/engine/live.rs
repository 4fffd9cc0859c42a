//! The engine on a thread of its own. Neither the engine nor the viewer waits for the other.
//!
//! A second thread, the player, shows each frame at its time. The engine stays just ahead of it, and makes a chunk again while it is
//! shown. A turn of a knob thus shows as early as the model allows.

mod replay;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::Event;
use bendrack_nodes::patch::Patch;
use candle_core::Result;

use super::latency::{Latency, Touches};
use super::model::{FRAME_RATE, LATENT_FRAMES};
use super::pace::Pace;
use super::{Entry, Frame, Journal, Phase, Session, Warning};
use crate::input::{self, Inbox, Stamped};
use crate::wan::error::message;
use replay::Replaying;
pub use replay::{Playing, Replay};

/// The longest wait for the end of a call when the handle is dropped.
const CLOSING: Duration = Duration::from_secs(1);
/// The pause after a failed call, before the engine tries again.
const AFTER_FAILURE: Duration = Duration::from_millis(250);

/// The state of a running engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// The stage.
    pub stage: Stage,
    /// Frames of the video per second.
    pub frame_rate: f64,
    /// Frames per second that the model makes without a limit.
    pub speed: f64,
    /// The time from a touch or an edit to the first picture made under it.
    pub latency: Latency,
    /// The most makes of a chunk: one for each latent frame if the model is fast enough, else one.
    pub makes: usize,
    /// Pictures that were made after their time.
    pub late: u64,
    /// Events of devices that replaced one of their latent frame, or were dropped, because there were too many.
    pub merged: u64,
    /// The warnings of the chunk under way.
    pub warnings: Vec<Warning>,
    /// The take that is played back in place of the live video.
    pub playing: Option<Playing>,
    /// The reason by which the last playback of a take broke off.
    pub broke_off: Option<String>,
}

/// The stage of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The model loads.
    #[default]
    Loading,
    /// Frames are made.
    Running,
    /// A call failed, or the model cannot be loaded: the reason, and what to do. A loaded engine tries again.
    Failed(String),
}

/// Engine on a thread of its own. Dropping the handle stops it.
///
/// ```
/// use std::sync::Arc;
///
/// use bendrack::engine::{Engine, Model, EngineHandle, Stage};
/// use bendrack_nodes::LIBRARY;
/// use bendrack_nodes::patch::Patch;
/// use bendrack_nodes::compile::plan::Plan;
///
/// let (plan, _) = Plan::compile(&Patch::default(), LIBRARY);
/// let plan = Arc::new(plan.ok_or("no plan")?);
/// let (sender, frames) = std::sync::mpsc::channel();
/// let engine = EngineHandle::start(move || Engine::new(Model::mini()?, plan, (32, 32)), move |frame| {
///     // The receiver is gone once the example ends.
///     let _ = sender.send(frame.number);
/// });
/// assert_eq!(frames.recv()?, 0);
/// assert_eq!(engine.status().stage, Stage::Running);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EngineHandle {
    shared: Arc<Shared>,
    engine: Option<JoinHandle<()>>,
    player: Option<JoinHandle<()>>,
}

/// State shared by the handle and the threads.
struct Shared {
    state: Mutex<State>,
    /// Signals a change of the state.
    changed: Condvar,
    inbox: Inbox,
}

#[derive(Default)]
struct State {
    /// A patch to run, with its plan.
    patch: Option<(Arc<Patch>, Arc<Plan>)>,
    /// The time at which the oldest patch was set that does not run yet.
    patch_given: Option<Instant>,
    /// The most makes of a chunk; none for as many as there is time for.
    most_makes: Option<usize>,
    restart: bool,
    /// A take to play back.
    replay: Option<Replay>,
    /// True if the playback ends now.
    stop_replay: bool,
    stop: bool,
    status: Status,
    /// Frames to come, each with its due time.
    queue: VecDeque<(Instant, Arc<Frame>)>,
    shown: Option<Arc<Frame>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EngineHandle {
    /// Loads a session and runs it. The player's thread calls `watch` with each frame at its time.
    pub fn start<S: Into<Session>>(
        load: impl FnOnce() -> Result<S> + Send + 'static,
        watch: impl FnMut(&Frame) + Send + 'static,
    ) -> Self {
        Self::start_with_journal(load, watch, ())
    }

    /// [`Self::start`], with a receiver of all that the session executes.
    pub fn start_with_journal<S: Into<Session>>(
        load: impl FnOnce() -> Result<S> + Send + 'static,
        mut watch: impl FnMut(&Frame) + Send + 'static,
        journal: impl Journal + 'static,
    ) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), inbox: Inbox::default() });
        shared.state().status.frame_rate = FRAME_RATE;
        let (engine_thread, player) = (shared.clone(), shared.clone());
        let load = || load().map(Into::into);
        let engine = std::thread::spawn(move || match catch_panic(load, "start bendrack again") {
            Ok(session) => Conductor::new(session, journal, engine_thread).run(),
            Err(why) => engine_thread.state().status.stage = Stage::Failed(why),
        });
        let player = std::thread::spawn(move || play(&player, &mut watch));
        Self { shared, engine: Some(engine), player: Some(player) }
    }

    /// Runs this patch, of this plan, from the next model call on. The latest patch wins.
    pub fn set_patch(&self, patch: impl Into<Arc<Patch>>, plan: impl Into<Arc<Plan>>) {
        let mut state = self.shared.state();
        state.patch = Some((patch.into(), plan.into()));
        state.patch_given.get_or_insert_with(Instant::now);
        self.shared.changed.notify_all();
    }

    /// Limits how often a chunk is made, from the next chunk on. By default it is made for each latent frame while there is time.
    pub fn set_most_makes(&self, makes: Option<usize>) {
        self.shared.state().most_makes = makes;
    }

    /// The inbox for the events of devices.
    pub fn inbox(&self) -> &Inbox {
        &self.shared.inbox
    }

    /// The latest frame.
    pub fn frame(&self) -> Option<Arc<Frame>> {
        self.shared.state().shown.clone()
    }

    /// The state of the engine.
    pub fn status(&self) -> Status {
        self.shared.state().status.clone()
    }

    /// Stops the engine, and waits at most this long for the end of its call. The journal is complete if it ends in time.
    pub fn close(self, limit: Duration) {
        self.stop();
        self.wait(limit);
    }

    fn wait(&self, limit: Duration) {
        let begin = Instant::now();
        while self.engine.as_ref().is_some_and(|engine| !engine.is_finished()) && begin.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn stop(&self) {
        self.shared.state().stop = true;
        self.shared.changed.notify_all();
    }

    /// Begins the video again from its first frame, with the seed of the plan.
    pub fn restart(&self) {
        self.shared.state().restart = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.stop();
        if let Some(player) = self.player.take() {
            // A panic of the player is already printed, and its thread has ended.
            let _ = player.join();
        }
        // The call under way may take minutes, so nothing waits longer. The journal is complete if it ends in time.
        self.wait(CLOSING);
    }
}

/// Shows frames at their times.
fn play(shared: &Shared, watch: &mut impl FnMut(&Frame)) {
    let mut state = shared.state();
    while !state.stop {
        let now = Instant::now();
        match state.queue.front() {
            Some((due, _)) if *due <= now => {
                let frame = state.queue.pop_front().map(|(_, frame)| frame);
                state.shown.clone_from(&frame);
                drop(state);
                if let Some(frame) = frame {
                    watch(&frame);
                }
                state = shared.state();
            }
            Some((due, _)) => {
                let wait = *due - now;
                state = shared.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
            }
            None => state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// The engine's thread: decides by the clock what the session does next.
///
/// Before each latent frame is due, the chunk is made again if something happened, as often as the model is fast enough. Every touch thus
/// shows in the next frames, and a slow model makes each chunk once.
struct Conductor<J> {
    session: Session,
    journal: J,
    shared: Arc<Shared>,
    pace: Pace,
    /// Seconds of calls of the make under way.
    make_secs: f64,
    /// The latent frames to show before the next make.
    to_show: usize,
    /// The earliest time for the next picture.
    next_due: Instant,
    /// The time up to which events were taken.
    drained: Instant,
    /// The pictures shown at the latest entry of a checksum.
    checked: u64,
    touches: Touches,
    /// The take that is played back.
    replaying: Option<Replaying>,
}

impl<J: Journal> Conductor<J> {
    fn new(session: Session, journal: J, shared: Arc<Shared>) -> Self {
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
            replaying: None,
        }
    }

    fn run(mut self) {
        {
            let mut state = self.shared.state();
            state.status.stage = Stage::Running;
            // The wait of a patch for the model to load is not latency.
            state.patch_given = None;
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

    /// Does the next thing. None when the engine stops.
    fn turn(&mut self) -> std::result::Result<Option<()>, String> {
        let Some(()) = self.apply()? else { return Ok(None) };
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
    fn begin_chunk(&mut self) -> std::result::Result<Option<()>, String> {
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
    fn make_again(&mut self) -> std::result::Result<Option<()>, String> {
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
    fn make(&mut self, frames: usize) -> std::result::Result<(), String> {
        let (begin, end) = (self.drained, Instant::now());
        let events = self.shared.inbox.take(end);
        self.drained = end;
        self.to_show = frames;
        let is_new = self.session.engine().phase() == Phase::Between;
        if !is_new && events.is_empty() && !self.touches.has_edit() {
            return Ok(());
        }
        let first = self.session.open_frames().first().copied().unwrap_or_default() as u64;
        let places: Vec<usize> = input::frames(&events, (begin, end), frames).collect();
        for (Stamped { at, event }, place) in events.into_iter().zip(places) {
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

    fn denoise(&mut self) -> std::result::Result<(), String> {
        let start = Instant::now();
        let called = self.execute(&Entry::Call);
        self.make_secs += start.elapsed().as_secs_f64();
        called?;
        if self.session.engine().phase() == Phase::Show {
            self.pace.add_make(self.make_secs);
        }
        let mut warnings = self.session.engine().warnings().to_vec();
        warnings.extend(self.journal.problem().map(Warning::new));
        let mut state = self.shared.state();
        (state.status.stage, state.status.warnings) = (Stage::Running, warnings);
        Ok(())
    }

    fn show(&mut self) -> std::result::Result<(), String> {
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
    fn deliver(&mut self, frames: Vec<Frame>) {
        let chunk = self.session.engine().chunk().len();
        let (secs, pictures) = (self.pace.chunk_secs(chunk), (chunk * LATENT_FRAMES) as f64);
        // A model slower than the video plays evenly, at its own speed.
        let interval = Duration::from_secs_f64((1.0 / FRAME_RATE).max(secs / pictures));
        let now = Instant::now();
        let shared = self.shared.clone();
        let mut state = shared.state();
        let is_first = self.session.checksum().pictures == frames.len() as u64;
        if self.next_due < now && !is_first {
            state.status.late += frames.len() as u64;
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
    fn execute(&mut self, entry: &Entry) -> std::result::Result<Vec<Frame>, String> {
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
    fn apply(&mut self) -> std::result::Result<Option<()>, String> {
        let (patch, restart) = {
            let mut state = self.shared.state();
            if state.stop {
                return Ok(None);
            }
            if let Some(given) = state.patch_given.take() {
                self.touches.edit(given);
            }
            (state.patch.take(), std::mem::take(&mut state.restart))
        };
        if self.replaying.is_some() {
            return self.apply_to_replay(patch, restart).map(Some);
        }
        if let Some((patch, plan)) = patch {
            self.execute(&Entry::Patch { patch, plan })?;
            if self.session.engine().phase() == Phase::Denoise {
                self.touches.begin_make(0);
            }
        }
        if restart {
            self.restart()?;
        }
        Ok(Some(()))
    }

    /// Begins the video again. Devices keep their state: it arrives in the first frame.
    fn restart(&mut self) -> std::result::Result<(), String> {
        let held = self.session.controls().events();
        self.session.restart();
        self.begin_again(held)
    }

    /// Begins a video whose session begins, with these events in its first frame.
    fn begin_again(&mut self, held: Vec<Event>) -> std::result::Result<(), String> {
        self.journal.begin(&self.session);
        for event in held {
            self.execute(&Entry::Event { frame: 0, event })?;
        }
        self.forget_times();
        Ok(())
    }

    /// Forgets the frames to come and the places in the video before.
    fn forget_times(&mut self) {
        self.shared.state().queue.clear();
        self.next_due = Instant::now();
        (self.to_show, self.checked) = (0, 0);
        self.touches.clear();
    }

    /// Waits until the next make must begin, so that its first picture is in time. Applies new patches meanwhile. None when the engine
    /// stops.
    fn wait(&mut self) -> std::result::Result<Option<()>, String> {
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

/// Runs `work`. An error becomes its message, a panic a message with the next step: the engine thread survives both.
fn catch_panic<T>(work: impl FnOnce() -> Result<T>, next_step: &str) -> std::result::Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| message(&error)),
        Err(_) => Err(format!("internal error in the engine, a bug: report it to the project, and {next_step}")),
    }
}

//! The engine on a thread of its own. Neither the engine nor the viewer waits for the other.
//!
//! A second thread, the player, shows each frame at its time. The engine stays just ahead of it. A turn of a knob thus
//! shows as early as the model allows.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::Controls;
use candle_core::Result;

use super::model::FRAME_RATE;
use super::{Engine, Frame, Warning};
use crate::input::{self, Inbox};
use crate::wan::error::message;

/// The pause after a failed call, before the engine tries again.
const AFTER_FAILURE: Duration = Duration::from_millis(250);
/// The share by which a chunk may take longer than the one before without being late.
const MARGIN: f64 = 0.25;

/// The state of a running engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// The stage.
    pub stage: Stage,
    /// Frames of the video per second.
    pub frame_rate: f64,
    /// Frames per second that the model makes without a limit.
    pub speed: f64,
    /// Seconds from a change to the first picture made under it, as of the last change.
    pub latency_secs: f64,
    /// Events of devices that replaced one of their latent frame, because there were too many.
    pub merged: u64,
    /// The warnings of the chunk under way.
    pub warnings: Vec<Warning>,
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
    plan: Option<Arc<Plan>>,
    /// The time at which the plan was set, until a frame made under it is due.
    plan_given: Option<Instant>,
    restart: bool,
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
    /// Loads an engine and runs it. The player's thread calls `watch` with each frame at its time.
    pub fn start(
        load: impl FnOnce() -> Result<Engine> + Send + 'static,
        mut watch: impl FnMut(&Frame) + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), inbox: Inbox::default() });
        shared.state().status.frame_rate = FRAME_RATE;
        let (engine_thread, player) = (shared.clone(), shared.clone());
        std::thread::spawn(move || match catch_panic(load, "report it, and start bendrack again") {
            Ok(engine) => EngineThread::new(engine, engine_thread).run(),
            Err(why) => engine_thread.state().status.stage = Stage::Failed(why),
        });
        let player = std::thread::spawn(move || play(&player, &mut watch));
        Self { shared, player: Some(player) }
    }

    /// Runs this plan from the next step on. The latest plan wins.
    pub fn set_plan(&self, plan: impl Into<Arc<Plan>>) {
        let mut state = self.shared.state();
        state.plan = Some(plan.into());
        state.plan_given.get_or_insert_with(Instant::now);
        self.shared.changed.notify_all();
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

    /// Begins the video again from its first frame, with the seed of the plan.
    pub fn restart(&self) {
        self.shared.state().restart = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.shared.state().stop = true;
        self.shared.changed.notify_all();
        if let Some(player) = self.player.take() {
            // A panic of the player is already printed, and its thread has ended. The engine's thread ends after its
            // call. That may take minutes, so nothing waits for it.
            let _ = player.join();
        }
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

/// The engine's thread.
struct EngineThread {
    engine: Engine,
    shared: Arc<Shared>,
    /// The time at which the chunk under way began.
    begun: Instant,
    /// The time at which the oldest plan was set whose first whole chunk is under way.
    plan_given: Option<Instant>,
    /// Seconds from the beginning of the latest chunk to its frames.
    lead_secs: f64,
    /// Seconds of work since the latest frames: their cache pass, and the next chunk.
    busy_secs: f64,
    /// The earliest time for the next frame.
    next_due: Instant,
    /// The controls after the latest events.
    controls: Controls,
    /// The time up to which events were taken.
    heard: Instant,
    /// The controls in each latent frame of the next chunk, until it begins.
    lanes: Option<Vec<Arc<Controls>>>,
}

impl EngineThread {
    fn new(engine: Engine, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            engine,
            shared,
            begun: now,
            plan_given: None,
            lead_secs: 0.0,
            busy_secs: 0.0,
            next_due: now,
            controls: Controls::default(),
            heard: now,
            lanes: None,
        }
    }

    fn run(mut self) {
        {
            let mut state = self.shared.state();
            state.status.stage = Stage::Running;
            // The wait of a plan for the model to load is not latency.
            state.plan_given = None;
        }
        // Events that arrived meanwhile belong to the first frame.
        self.heard = Instant::now();
        while self.prepare() {
            let lanes = self.lanes();
            let start = Instant::now();
            let made = catch_panic(|| self.engine.step(&lanes), "press Restart to begin the video again");
            self.busy_secs += start.elapsed().as_secs_f64();
            // A chunk whose first call failed begins again, with the same events.
            self.lanes = self.engine.is_between_chunks().then_some(lanes).filter(|_| made.is_err());
            match made {
                Ok(frames) => self.deliver(frames),
                Err(why) => {
                    self.shared.state().status.stage = Stage::Failed(why);
                    std::thread::sleep(AFTER_FAILURE);
                }
            }
        }
    }

    /// The controls in each latent frame of the next chunk, from the events since the chunk before. Each event has the place in
    /// the chunk that it had in this span of time.
    fn lanes(&mut self) -> Vec<Arc<Controls>> {
        if let Some(lanes) = self.lanes.take() {
            return lanes;
        }
        if !self.engine.is_between_chunks() {
            return Vec::new();
        }
        let (begin, end) = (self.heard, self.begun);
        let events = self.shared.inbox.take(end);
        let (lanes, merged) = input::lanes(&mut self.controls, &events, (begin, end), self.engine.chunk_len());
        self.heard = end;
        self.shared.state().status.merged += merged as u64;
        lanes
    }

    /// Applies new plans and restarts, and waits for the time to begin a chunk. False when the engine stops.
    fn prepare(&mut self) -> bool {
        let shared = self.shared.clone();
        let mut state = shared.state();
        loop {
            if state.stop {
                return false;
            }
            let (plan, restart) = (state.plan.take(), std::mem::take(&mut state.restart));
            if plan.is_some() || restart {
                drop(state);
                self.change(plan, restart);
                state = shared.state();
            }
            if !self.engine.is_between_chunks() {
                return true;
            }
            let now = Instant::now();
            let lead = Duration::from_secs_f64(self.lead_secs * (1.0 + MARGIN));
            let start = self.next_due.checked_sub(lead).unwrap_or(now);
            if start <= now {
                break;
            }
            state = shared.changed.wait_timeout(state, start - now).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.begun = Instant::now();
        self.plan_given = self.plan_given.or(state.plan_given.take());
        true
    }

    fn change(&mut self, plan: Option<Arc<Plan>>, restart: bool) {
        if let Some(plan) = plan {
            self.engine.set_plan(plan);
        }
        if restart {
            self.engine.restart();
            self.shared.state().queue.clear();
            self.next_due = Instant::now();
            self.busy_secs = 0.0;
        }
    }

    /// Sets the due times of frames.
    fn deliver(&mut self, frames: Vec<Frame>) {
        let mut state = self.shared.state();
        state.status.stage = Stage::Running;
        state.status.warnings = self.engine.warnings().to_vec();
        if frames.is_empty() {
            return;
        }
        let (count, busy_secs) = (frames.len() as f64, std::mem::take(&mut self.busy_secs));
        state.status.speed = count / busy_secs;
        self.lead_secs = self.begun.elapsed().as_secs_f64();
        // A model slower than the video plays evenly, at its own speed.
        let interval = Duration::from_secs_f64((1.0 / FRAME_RATE).max(busy_secs / count));
        self.next_due = self.next_due.max(Instant::now());
        if let Some(given) = self.plan_given.take() {
            state.status.latency_secs = (self.next_due - given).as_secs_f64();
        }
        for frame in frames {
            state.queue.push_back((self.next_due, Arc::new(frame)));
            self.next_due += interval;
        }
        self.shared.changed.notify_all();
    }
}

/// Runs `work`. An error becomes its message, a panic a message with the next step: the engine thread survives both.
fn catch_panic<T>(work: impl FnOnce() -> Result<T>, next_step: &str) -> std::result::Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| message(&error)),
        Err(_) => Err(format!("internal error in the engine (a bug); {next_step}")),
    }
}

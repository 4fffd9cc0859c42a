//! The engine on a thread of its own: it never waits for whoever watches, and nobody waits for it.
//!
//! A second thread, the player, shows each frame at its time. The engine keeps just ahead of it, so that a turn of a knob is seen
//! as early as the model allows.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::node::sound::Hop;
use bendrack_nodes::tick::Controls;
use candle_core::Result;

use super::model::FRAME_RATE;
use super::{Engine, Frame, Warning};

/// How long the engine rests after a call that failed, before it tries again.
const AFTER_FAILURE: Duration = Duration::from_millis(250);
/// What a chunk may take longer than the one before without being late, in parts of that.
const MARGIN: f64 = 0.25;

/// How the engine fares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// What it is doing.
    pub stage: Stage,
    /// Frames of the video per second, as it is meant to be played.
    pub frame_rate: f64,
    /// Frames per second that the model makes when it is not held back to `frame_rate`.
    pub speed: f64,
    /// Seconds from a turn of a knob to the first picture of a chunk that was made under it, as measured last.
    pub latency_secs: f64,
    /// Things that did not go well and did not stop it: which node or word, what was done instead.
    pub warnings: Vec<Warning>,
}

/// What the engine is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// It loads the model.
    #[default]
    Loading,
    /// It makes frames.
    Running,
    /// It cannot go on: why, and what to do. Once it has loaded, it goes on trying.
    Failed(String),
}

/// A running engine. Dropped, it stops.
pub struct Rack {
    shared: Arc<Shared>,
    player: Option<JoinHandle<()>>,
}

/// What the threads and the handle have in common.
struct Shared {
    state: Mutex<State>,
    /// Something in the state has changed.
    changed: Condvar,
    controls: Arc<Mutex<Controls>>,
}

#[derive(Default)]
struct State {
    plan: Option<Arc<Plan>>,
    /// When the plan was given, until a frame made under it is due.
    plan_given: Option<Instant>,
    restart: bool,
    stop: bool,
    status: Status,
    /// Frames to come, each with its time.
    queue: VecDeque<(Instant, Arc<Frame>)>,
    shown: Option<Arc<Frame>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rack {
    /// Loads an engine and runs it; `watch` sees each frame at its time, on the player's thread.
    pub fn start(
        load: impl FnOnce() -> Result<Engine> + Send + 'static,
        mut watch: impl FnMut(&Frame) + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), controls: Arc::default() });
        shared.state().status.frame_rate = FRAME_RATE;
        let (maker, player) = (shared.clone(), shared.clone());
        std::thread::spawn(move || match guarded(load) {
            Ok(engine) => Maker::new(engine, maker).run(),
            Err(why) => maker.state().status.stage = Stage::Failed(why),
        });
        let player = std::thread::spawn(move || play(&player, &mut watch));
        Self { shared, player: Some(player) }
    }

    /// Runs this plan from the next step on. The last one that was given wins.
    pub fn set_plan(&self, plan: impl Into<Arc<Plan>>) {
        let mut state = self.shared.state();
        state.plan = Some(plan.into());
        state.plan_given.get_or_insert_with(Instant::now);
        self.shared.changed.notify_all();
    }

    /// What comes in from outside: devices write here.
    pub fn controls(&self) -> Arc<Mutex<Controls>> {
        self.shared.controls.clone()
    }

    /// The frame that is to be seen now.
    pub fn frame(&self) -> Option<Arc<Frame>> {
        self.shared.state().shown.clone()
    }

    /// How the engine fares.
    pub fn status(&self) -> Status {
        self.shared.state().status.clone()
    }

    /// Begins the video again from its first frame, with the seed of the plan.
    pub fn restart(&self) {
        self.shared.state().restart = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        self.shared.state().stop = true;
        self.shared.changed.notify_all();
        if let Some(player) = self.player.take() {
            // A thread that panicked has said so; there is nothing left to stop. The engine ends by itself after its call,
            // which may take minutes: nobody waits for that.
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
struct Maker {
    engine: Engine,
    shared: Arc<Shared>,
    /// When the chunk under way was begun.
    begun: Instant,
    /// When the oldest plan was given that the chunk under way is the first to be wholly made under.
    plan_given: Option<Instant>,
    /// Seconds from the beginning of the latest chunk to its frames.
    lead_secs: f64,
    /// Seconds of work since the latest frames: the cache pass that follows them, and the next chunk.
    busy_secs: f64,
    /// When the next frame may be shown at the earliest.
    next_due: Instant,
    /// Keys that were struck since the chunk under way was begun, however shortly.
    struck: BTreeMap<(u8, u8), f64>,
    /// What was heard from when the chunk before was begun to when the one under way was: the time of one is played in the next.
    sound: Vec<Hop>,
}

impl Maker {
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
            struck: BTreeMap::new(),
            sound: Vec::new(),
        }
    }

    fn run(mut self) {
        {
            let mut state = self.shared.state();
            state.status.stage = Stage::Running;
            // What was given while the model was loading has waited for that, which is no latency.
            state.plan_given = None;
        }
        while self.prepare() {
            let controls = self.controls();
            let start = Instant::now();
            let made = guarded(|| self.engine.step(&controls));
            self.busy_secs += start.elapsed().as_secs_f64();
            if self.engine.is_between_chunks() {
                self.struck.clear();
            }
            match made {
                Ok(frames) => self.deliver(frames),
                Err(why) => {
                    self.shared.state().status.stage = Stage::Failed(why);
                    std::thread::sleep(AFTER_FAILURE);
                }
            }
        }
    }

    /// What came in from outside by now. A key that was struck and let go between two looks counts until the chunk's end.
    fn controls(&mut self) -> Controls {
        let mut shared = self.shared.controls.lock().unwrap_or_else(PoisonError::into_inner);
        self.struck.append(&mut shared.midi_struck);
        if self.engine.is_between_chunks() {
            self.sound = std::mem::take(&mut shared.sound);
        }
        Controls { midi_struck: self.struck.clone(), sound: self.sound.clone(), ..shared.clone() }
    }

    /// Takes what was asked for, and waits for the right moment to begin a chunk. False if it is time to stop.
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

    /// Gives frames their times.
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
        // A model that is slower than the video is played evenly, as fast as it is.
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

/// Does `work`; an error, or a panic, which is a mistake of ours that must not take the show down, is told in a sentence.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> std::result::Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| message(&error)),
        Err(_) => Err("the engine made a mistake of its own; Restart begins the video again".to_owned()),
    }
}

/// An error as a person reads it, without the trace of where it arose.
pub fn message(error: &candle_core::Error) -> String {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => message(inner),
        error => error.to_string(),
    }
}

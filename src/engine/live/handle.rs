//! The handle of an engine on a thread of its own: patches and events in, frames and status out.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::Tap;
use candle_core::Result;
use rayon::ThreadPoolBuilder;

use super::conductor::Conductor;
use super::player::play;
use super::{Shared, Stage, Status, catch_panic};
use crate::engine::model::FRAME_RATE;
use crate::engine::{Frame, Journal, Session};
use crate::input::Inbox;
use crate::wan::family::Family;

/// The longest wait for the end of a call when the handle is dropped.
const CLOSING: Duration = Duration::from_secs(1);

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
    pub(super) shared: Arc<Shared>,
    engine: Option<JoinHandle<()>>,
    player: Option<JoinHandle<()>>,
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
            Ok(session) => {
                let family = session.engine().model().family;
                on_threads_for(family, || Conductor::new(session, journal, engine_thread).run());
            }
            Err(why) => engine_thread.state().status.stage = Stage::Failed(why),
        });
        let player = std::thread::spawn(move || play(&player, &mut watch));
        Self { shared, engine: Some(engine), player: Some(player) }
    }

    /// Runs this patch, of this plan, from the next model call on. The latest patch wins.
    pub fn set_patch(&self, patch: impl Into<Arc<Patch>>, plan: impl Into<Arc<Plan>>) {
        let (patch, plan) = (patch.into(), plan.into());
        self.shared.inbox.know(patch.clone(), plan.clone());
        let mut state = self.shared.state();
        state.patch = Some((patch, plan));
        state.patch_given.get_or_insert_with(Instant::now);
        self.shared.changed.notify_all();
    }

    /// Measures these taps of the viewer too, from the next model call on: see [`Engine::set_probes`](crate::engine::Engine::set_probes).
    pub fn set_probes(&self, probes: Arc<[Tap]>) {
        self.shared.state().probes = Some(probes);
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

    /// Empties the KV cache before the next chunk. The video goes on.
    pub fn forget_past(&self) {
        self.shared.state().forget = true;
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

/// Runs the engine of a model on as many threads as serve it. The tensors of mini are so small that waking a second thread takes as long
/// as it saves, and takes longer now and then: its makes are then later. Pictures do not depend on the number of threads.
pub(super) fn on_threads_for(family: Family, run: impl FnOnce() + Send) {
    let single = || ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "engine".to_owned()).build();
    match family {
        Family::Mini => match single() {
            Ok(pool) => pool.install(run),
            Err(_) => run(),
        },
        Family::Wan
        | Family::SelfForcing
        | Family::LongLive
        | Family::LongLiveInfinite
        | Family::CausVid
        | Family::Krea => run(),
    }
}

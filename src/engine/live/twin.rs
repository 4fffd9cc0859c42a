//! The unbent twin: the same video without bends, made beside the one on screen.
//!
//! The conductor gives each chunk that is shown to a second engine, with its controls and with its patch at depth 0. That engine shares the
//! weights and has a KV cache of its own. It makes each chunk once, on a thread of its own, and pauses while the show is late.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::Controls;
use bendrack_nodes::patch::Patch;
use candle_core::Result;

use super::handle::on_threads_for;
use super::{Shared, catch_panic};
use crate::engine::model::FRAME_RATE;
use crate::engine::{Engine, Frame, Model, Video};

/// The pictures that wait for their counterpart.
const KEPT: usize = 160;
/// The pause of the twin after a late picture of the show.
const COURTESY: Duration = Duration::from_millis(500);

/// A picture and its counterpart without bends.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The picture as it was shown.
    pub bent: Arc<Frame>,
    /// The picture of the same number without bends.
    pub unbent: Arc<Frame>,
    /// The seconds by which the pair is behind the show.
    pub behind: f64,
    /// The pictures per second that the twin makes.
    pub speed: f64,
}

/// The pictures of both videos.
#[derive(Default)]
pub(super) struct Comparison {
    bent: VecDeque<Arc<Frame>>,
    unbent: VecDeque<Arc<Frame>>,
    /// The pictures by which pairs are behind the show.
    behind: u64,
    speed: f64,
    /// The reason for which there is no twin.
    failed: Option<String>,
    /// The video of the pictures.
    video: Stamp,
}

/// Identifies a video. Pictures of another one come too late.
type Stamp = Arc<()>;

impl Comparison {
    /// Begins the comparison of another video.
    pub(super) fn begin(&mut self, video: Stamp) {
        *self = Self { failed: self.failed.take(), video, ..Self::default() };
    }

    /// Adds a picture that is shown.
    pub(super) fn show(&mut self, frame: &Arc<Frame>) {
        keep(&mut self.bent, frame.clone());
    }

    /// The pair for now, once there is one: the latest picture whose counterpart is made, at an even pace. None while the twin is further
    /// behind than pictures are kept.
    fn pair(&mut self) -> Option<Pair> {
        let (shown, made) = (self.bent.back()?.number, self.unbent.back()?.number);
        self.behind = self.behind.max(shown.saturating_sub(made));
        let number = shown.checked_sub(self.behind)?;
        let of = |frames: &VecDeque<Arc<Frame>>| frames.iter().find(|frame| frame.number == number).cloned();
        let (bent, unbent) = (of(&self.bent)?, of(&self.unbent)?);
        Some(Pair { bent, unbent, behind: self.behind as f64 / FRAME_RATE, speed: self.speed })
    }
}

fn keep(frames: &mut VecDeque<Arc<Frame>>, frame: Arc<Frame>) {
    if frames.len() == KEPT {
        frames.pop_front();
    }
    frames.push_back(frame);
}

impl super::EngineHandle {
    /// Begins or ends the comparison with the same video without bends. The video begins again with it.
    pub fn compare(&self, on: bool) {
        let mut state = self.shared.state();
        (state.compare, state.comparison) = (Some(on), None);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// The pair to show now; none before the first, and without a comparison.
    ///
    /// # Errors
    ///
    /// Fails if the video without bends cannot be made: the reason.
    pub fn pair(&self) -> std::result::Result<Option<Pair>, String> {
        match &mut self.shared.state().comparison {
            None => Ok(None),
            Some(Comparison { failed: Some(why), .. }) => Err(why.clone()),
            Some(comparison) => Ok(comparison.pair()),
        }
    }
}

/// A piece of work of the twin.
enum Job {
    /// Another video begins.
    Begin(Video, Stamp),
    /// The KV cache is emptied before the next chunk.
    Forget,
    /// The next chunk, with the controls in each latent frame.
    Chunk(Arc<Plan>, Vec<Arc<Controls>>),
}

/// The conductor's end of the twin.
pub(super) struct Twin {
    jobs: Sender<Job>,
    /// The controls of the chunk that is being shown.
    lanes: Vec<Arc<Controls>>,
    /// True once a video began with the twin.
    is_begun: bool,
    /// True if the KV cache is emptied after the chunk that is being shown.
    forgets: bool,
    /// True once the comparison is over.
    is_over: Arc<AtomicBool>,
    /// The patch, and its plan without bends.
    unbent: (Arc<Patch>, Arc<Plan>),
}

impl Drop for Twin {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Twin {
    /// Starts the twin's thread for a model at a size of pictures, with this video.
    pub(super) fn start(shared: &Arc<Shared>, model: Model, size: (usize, usize), video: &Video) -> Self {
        let (jobs, received) = channel();
        let unbent = (video.patch.clone(), without_bends(&video.patch, &video.plan));
        let (plan, shared, family) = (unbent.1.clone(), Arc::downgrade(shared), model.family);
        let is_over = Arc::<AtomicBool>::default();
        let over = is_over.clone();
        std::thread::spawn(move || {
            let work = move || {
                let made = catch_panic(|| Engine::new(model, plan, size), "end the comparison");
                let ended = made.and_then(|engine| run(engine, &received, &shared, &over));
                if let (Err(why), Some(shared), false) = (ended, shared.upgrade(), over.load(Ordering::Relaxed))
                    && let Some(comparison) = &mut shared.state().comparison
                {
                    comparison.failed = Some(why);
                }
            };
            on_threads_for(family, work);
        });
        Self { jobs, lanes: Vec::new(), is_begun: false, forgets: false, is_over, unbent }
    }

    /// Begins another video. Returns the stamp of its pictures, for [`Comparison::begin`].
    pub(super) fn begin(&mut self, video: Video) -> Stamp {
        self.lanes.clear();
        (self.is_begun, self.forgets) = (true, false);
        let plan = self.plan(&video.patch, &video.plan);
        let stamp = Stamp::default();
        self.send(Job::Begin(Video { plan, ..video }, stamp.clone()));
        stamp
    }

    /// Adds frames that are shown. At the end of their chunk, the twin makes it too.
    pub(super) fn show(&mut self, frames: &[Frame], ends_chunk: bool, (patch, plan): (&Arc<Patch>, &Arc<Plan>)) {
        if !self.is_begun {
            return;
        }
        let mut latent = None;
        for frame in frames {
            if latent.replace(frame.latent) != Some(frame.latent) {
                self.lanes.push(frame.controls.clone());
            }
        }
        if ends_chunk && !self.lanes.is_empty() {
            let (plan, lanes) = (self.plan(patch, plan), std::mem::take(&mut self.lanes));
            self.send(Job::Chunk(plan, lanes));
            if std::mem::take(&mut self.forgets) {
                self.send(Job::Forget);
            }
        }
    }

    /// Empties its KV cache before the next chunk: at once, or after the chunk that is made or shown.
    pub(super) fn forget(&mut self, is_between: bool) {
        self.forgets = !is_between;
        if is_between {
            self.send(Job::Forget);
        }
    }

    fn send(&self, job: Job) {
        // A twin that failed has ended; the state has the reason.
        let _ = self.jobs.send(job);
    }

    /// The plan of a patch without bends.
    fn plan(&mut self, patch: &Arc<Patch>, plan: &Arc<Plan>) -> Arc<Plan> {
        if !Arc::ptr_eq(&self.unbent.0, patch) {
            self.unbent = (patch.clone(), without_bends(patch, plan));
        }
        self.unbent.1.clone()
    }
}

/// The plan of a patch at depth 0. Its own plan if it has no other, which then has no bends.
fn without_bends(patch: &Patch, plan: &Arc<Plan>) -> Arc<Plan> {
    let mut unbent = patch.clone();
    unbent.engine.master = 0.0;
    Plan::compile(&unbent, LIBRARY).0.map_or_else(|| plan.clone(), Arc::new)
}

/// Does the jobs until there are no more, or until the comparison is over.
fn run(
    mut engine: Engine,
    jobs: &Receiver<Job>,
    shared: &Weak<Shared>,
    is_over: &AtomicBool,
) -> std::result::Result<(), String> {
    let mut stamp = Stamp::default();
    for job in jobs {
        match job {
            Job::Begin(video, begun) => {
                stamp = begun;
                engine.set_plan(video.plan);
                engine.set_sound(video.sound);
                engine.set_zoom(video.zoom);
                engine.set_exact(video.exact);
                engine.restart();
            }
            Job::Forget => engine.forget_past(),
            Job::Chunk(plan, lanes) => {
                let begun = Instant::now();
                engine.set_plan(plan);
                let Some(frames) = catch_panic(|| make(&mut engine, &lanes, shared, is_over), "end the comparison")?
                else {
                    return Ok(());
                };
                let Some(shared) = shared.upgrade() else { return Ok(()) };
                let mut state = shared.state();
                let Some(comparison) = &mut state.comparison else { return Ok(()) };
                if !Arc::ptr_eq(&comparison.video, &stamp) {
                    continue;
                }
                comparison.speed = frames.len() as f64 / begun.elapsed().as_secs_f64();
                for frame in frames {
                    keep(&mut comparison.unbent, Arc::new(frame));
                }
            }
        }
    }
    Ok(())
}

/// The frames of the next chunk; none if nobody waits for them.
fn make(
    engine: &mut Engine,
    lanes: &[Arc<Controls>],
    shared: &Weak<Shared>,
    is_over: &AtomicBool,
) -> Result<Option<Vec<Frame>>> {
    loop {
        if !wait(shared, is_over) {
            return Ok(None);
        }
        let frames = engine.step(lanes)?;
        if !frames.is_empty() {
            return Ok(Some(frames));
        }
    }
}

/// Waits while the show was late a moment ago. False if nobody waits for the twin.
fn wait(shared: &Weak<Shared>, is_over: &AtomicBool) -> bool {
    loop {
        let Some(shared) = shared.upgrade() else { return false };
        let state = shared.state();
        if state.stop || is_over.load(Ordering::Relaxed) {
            return false;
        }
        let late = state.late_at.is_some_and(|at| at.elapsed() < COURTESY);
        drop(state);
        if !late {
            return true;
        }
        std::thread::sleep(COURTESY / 10);
    }
}

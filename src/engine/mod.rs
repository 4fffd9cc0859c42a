//! The loop: controls to ticks, programs to model calls, latents to frames.
//!
//! An [`Engine`] makes one model call at a time. It is deterministic: the same plans and controls before the same calls
//! make the same frames. They are played live ([`EngineHandle`]) or rendered to a file.

mod clips;
mod denoiser;
mod failure;
pub mod frame;
mod guidance;
mod latency;
mod live;
mod make;
pub mod model;
mod pace;
mod past_policy;
mod presenter;
mod session;
mod show;
mod stored;
mod taps;
mod ticker;
mod timeline;
mod times;
mod warning;

use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::compile::plan::{Denoising, Plan};
use bendrack_nodes::input::Controls;
use bendrack_nodes::program::{Pass, Program, Tap};
use candle_core::{Result, Tensor, bail};

use crate::bend::{self, Measured};
use crate::media::Picture;
use crate::sound::Sound;
use denoiser::Denoiser;
pub use frame::{Frame, Taps};
pub use latency::Latency;
pub use live::{EngineHandle, Estimate, Pair, Playing, Replay, Stage, Status};
use make::{FirstCall, MadeChunk};
use model::TOKEN_PIXELS;
pub use model::{Model, ModelShape};
use past_policy::{PastAction, PastPolicy};
use presenter::Presenter;
pub use session::{Checksum, Entry, Journal, Session, StoredSession, Video};
pub use stored::StoredEngine;
use taps::TapCollector;
use ticker::Ticker;
pub use timeline::Timeline;
pub use times::Times;
pub use warning::Warning;
use warning::Warnings;

/// A video being generated under a patch.
///
/// ```
/// use std::sync::Arc;
///
/// use bendrack::engine::{Engine, Model};
/// use bendrack_nodes::LIBRARY;
/// use bendrack_nodes::patch::Patch;
/// use bendrack_nodes::compile::plan::Plan;
///
/// let (plan, problems) = Plan::compile(&Patch::default(), LIBRARY);
/// let plan = plan.ok_or_else(|| format!("{problems:?}"))?;
/// let mut engine = Engine::new(Model::mini()?, Arc::new(plan), (32, 32))?;
/// let frames = loop {
///     let frames = engine.step(&[])?;
///     if !frames.is_empty() {
///         break frames;
///     }
/// };
/// assert_eq!((frames[0].number, frames[0].picture.width), (0, 32));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Engine {
    model: Model,
    /// The settings of denoising that precede those of the patch.
    given: Denoising,
    /// Makes the program of each call.
    ticker: Ticker,
    /// Makes the model calls.
    denoiser: Denoiser,
    /// Decides about past frames.
    policy: PastPolicy,
    /// Collects the measurements of a chunk.
    taps: TapCollector,
    /// Taps of the viewer, which change no picture.
    probes: Arc<[Tap]>,
    /// Collects the measurements of the probes.
    probed: TapCollector,
    /// Makes frames of latents.
    presenter: Presenter,
    /// The program of the latest call.
    program: Program,
    /// The first call of the latest make.
    first: FirstCall,
    /// The finished chunk, until its cache pass is over.
    made: Option<MadeChunk>,
    /// The number of latent frames of the chunk that are shown.
    shown: usize,
    /// True from the beginning of a chunk to its end.
    is_begun: bool,
    /// The estimate of the clip under way after its latest step: its first latent frame.
    estimate: Option<Tensor>,
    /// The warning that a length of clips was refused.
    refused: Option<Warning>,
    /// True if the latest call failed in the model.
    has_failed: bool,
    /// The problem of the weights, if they are broken.
    broken: Option<String>,
    /// True once the weights are checked, or have made pictures.
    is_checked: bool,
    warnings: Warnings,
    times: Times,
}

/// The next thing that an engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A chunk begins.
    Between,
    /// A model call of the chunk under way.
    Denoise,
    /// Frames of the finished chunk are shown.
    Show,
    /// The cache pass over the chunk that is shown.
    Cache,
}

impl Engine {
    /// Begins a video of pictures of `size`, width and height in pixels. The denoising steps of the model, if it has any, precede those
    /// of the plan.
    ///
    /// # Errors
    ///
    /// Fails if width or height is not a multiple of 16. Fails if the device runs out of memory.
    pub fn new(mut model: Model, plan: Arc<Plan>, size: (usize, usize)) -> Result<Self> {
        let fits = |side: usize| side > 0 && side.is_multiple_of(TOKEN_PIXELS);
        if !fits(size.0) || !fits(size.1) {
            bail!("the size {}x{} does not fit the model; use multiples of {TOKEN_PIXELS}", size.0, size.1)
        }
        let given = model.denoising;
        model.denoising = given.or(plan.denoising());
        let timeline = Timeline::new(model.clip());
        Ok(Self {
            given,
            denoiser: Denoiser::new(&mut model, plan.seed(), size)?,
            presenter: Presenter::new(model.decoder.clone(), size, timeline),
            ticker: Ticker::new(plan, timeline),
            policy: PastPolicy::default(),
            taps: TapCollector::default(),
            probes: Arc::default(),
            probed: TapCollector::default(),
            program: Program::default(),
            first: FirstCall::default(),
            made: None,
            shown: 0,
            is_begun: false,
            estimate: None,
            refused: None,
            has_failed: false,
            broken: None,
            is_checked: false,
            warnings: Warnings::default(),
            times: Times::default(),
            model,
        })
    }

    /// Runs another plan from the next step on. Nodes keep their memory by id.
    pub fn set_plan(&mut self, plan: Arc<Plan>) {
        if plan.seed() != self.ticker.seed() {
            self.denoiser.set_noise(self.model.family.noise(plan.seed()));
        }
        self.ticker.set_plan(plan);
        self.first.is_current = false;
    }

    /// Enlarges the model's pictures on the screen by this factor. The default enlarges small ones to at most 512 rows.
    pub fn set_zoom(&mut self, zoom: usize) {
        self.presenter.zoom = zoom.max(1);
    }

    /// Width and height of the model's picture.
    pub fn size(&self) -> (usize, usize) {
        let picture = self.presenter.last_picture();
        (picture.width, picture.height)
    }

    /// The model as it was given, for another engine: without the settings of a patch.
    pub fn model_as_given(&self) -> Model {
        Model { denoising: self.given, ..self.model.clone() }
    }

    /// True if every bend of a map takes its exact form.
    pub const fn is_exact(&self) -> bool {
        self.denoiser.is_exact()
    }

    /// The factor by which the model's pictures are enlarged on the screen.
    pub fn zoom(&self) -> usize {
        self.presenter.zoom
    }

    /// Replaces the sound of devices from the next step on. Each frame gets the part of its time, from the beginning of the video.
    pub fn set_sound(&mut self, sound: Option<Arc<Sound>>) {
        self.ticker.set_sound(sound);
    }

    /// The plan that runs.
    pub(crate) const fn plan(&self) -> &Arc<Plan> {
        self.ticker.plan()
    }

    /// The sound in place of that of devices.
    pub(crate) const fn sound(&self) -> Option<&Arc<Sound>> {
        self.ticker.sound()
    }

    /// Measures these taps too, from the next call on. Frames carry their maps as [`Frame::probes`]; no picture depends on them.
    pub fn set_probes(&mut self, probes: Arc<[Tap]>) {
        self.probes = probes;
    }

    /// Selects the exact form of every bend of a map: slow, and the reference for the fast form.
    pub fn set_exact(&mut self, exact: bool) {
        self.denoiser.set_exact(exact);
    }

    /// Begins the video again from its first frame. Clips of another length, or chunks in place of clips, begin here.
    pub fn restart(&mut self) {
        self.set_clip();
        self.begin_again();
    }

    /// Begins the video again, with clips of the same length.
    fn begin_again(&mut self) {
        self.denoiser.restart(self.model.family.noise(self.ticker.seed()));
        self.ticker.restart();
        self.policy.restart();
        self.taps.restart();
        self.probed.restart();
        self.presenter.restart();
        (self.made, self.shown, self.is_begun, self.estimate) = (None, 0, false, None);
    }

    /// Shows black where no picture can be made, until there is one. Without it, the last picture of an earlier video would stay.
    pub fn forget_picture(&mut self) {
        let (width, height) = self.size();
        self.presenter.set_last_picture(Arc::new(Picture::black(width, height)));
    }

    /// Empties the KV cache before the next chunk, whatever the patch requests.
    pub fn forget_past(&mut self) {
        self.policy.request_reset();
    }

    /// True if the next step begins a chunk.
    pub fn is_between_chunks(&self) -> bool {
        !self.ticker.is_in_chunk()
    }

    /// The latent frames of the chunk under way, or of the next one between chunks, by number.
    pub fn chunk(&self) -> &[usize] {
        self.denoiser.chunk()
    }

    /// The next thing to do.
    pub fn phase(&self) -> Phase {
        if !self.to_show().is_empty() {
            Phase::Show
        } else if self.made.is_some() {
            Phase::Cache
        } else if self.is_begun {
            Phase::Denoise
        } else {
            Phase::Between
        }
    }

    /// Makes one model call. The last denoising step of a chunk returns its frames, other steps none.
    ///
    /// The call that begins a chunk takes the controls in each of its latent frames from `lanes`. In further frames, the last
    /// ones hold.
    ///
    /// # Errors
    ///
    /// Fails if a prompt cannot be encoded, or if the device fails. The next step makes the same call again; if the patch asked for a
    /// reset meanwhile, the chunk is dropped.
    pub fn step(&mut self, lanes: &[Arc<Controls>]) -> Result<Vec<Frame>> {
        if self.is_between_chunks() {
            self.begin(lanes);
        }
        if self.to_show().is_empty() {
            self.call()?;
        }
        self.show(usize::MAX)
    }

    /// Sets the controls in each latent frame of the next chunk, between chunks. In further frames, the last ones hold.
    pub fn begin(&mut self, lanes: &[Arc<Controls>]) {
        self.ticker.set_lanes(lanes, self.denoiser.chunk(), 0);
        self.is_begun = true;
    }

    /// Makes one model call. True if a chunk is finished: [`Self::show`] gives its frames.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::step`] does, and if frames wait to be shown.
    pub fn call(&mut self) -> Result<bool> {
        self.has_failed = false;
        if let [first, ..] = *self.to_show() {
            bail!("latent frame {first} is made and not shown; show it before the next call")
        }
        let result = self.begin_call().and_then(|(frames, program)| self.end_call(frames, program));
        // A chunk whose prompt cannot be encoded does not begin.
        self.has_failed = result.is_err() && !self.is_between_chunks();
        match &result {
            Ok(false) if self.denoiser.is_between_chunks() => self.end_chunk(),
            Err(_) if self.has_failed && self.policy.take_reset() => self.drop_chunk(),
            _ => {}
        }
        result
    }

    /// The part of a call before the model: its latent frames and its program.
    fn begin_call(&mut self) -> Result<(Arc<[usize]>, Program)> {
        let frames = self.denoiser.chunk().clone();
        let step = self.denoiser.step();
        let program = self.times.tick.time(|| self.ticker.tick(&frames, self.shown, step));
        if self.ticker.is_in_chunk() {
            self.policy.request(&program.cache);
        } else {
            self.begin_chunk(&program)?;
        }
        self.denoiser.set_past_visibility(self.policy.visibility(&program));
        self.ticker.commit();
        self.ticker.warnings().for_each(|warning| self.warnings.add(warning));
        Ok((frames, program))
    }

    /// The model, and what follows.
    fn end_call(&mut self, frames: Arc<[usize]>, program: Program) -> Result<bool> {
        let made =
            self.denoiser.advance((&program, &self.probes), frames[0], &mut self.times.model, &mut self.warnings)?;
        self.ticker.recycle(std::mem::replace(&mut self.program, program));
        let Some((step, outcome)) = made else {
            self.check_weights()?;
            return Ok(self.hold_picture(frames));
        };

        self.policy.record_cached(&step.cached, &self.program, self.denoiser.held_frames());
        self.taps.add(&self.program.taps, &outcome.measured, step.call.pass);
        self.probed.add(&self.probes, &outcome.probed, step.call.pass);
        self.ticker.measure(self.numbers(&outcome.measured));
        self.denoiser.remember(outcome, &self.program);
        let has_more = self.denoiser.clip().is_some() && !step.finished;
        self.estimate = if has_more { Some(step.clean.narrow(2, 0, 1)?) } else { None };
        if step.finished {
            self.made = Some(MadeChunk { frames, latents: Some(step.clean) });
        }
        Ok(step.finished)
    }

    /// The outputs of the taps of a call, by the id of their node.
    fn numbers(&self, measured: &BTreeMap<Arc<str>, Measured>) -> Vec<(Arc<str>, BTreeMap<&'static str, f64>)> {
        let memory = self.denoiser.memory();
        let numbers = |tap: &Tap| Some((tap.node.clone(), bend::map_numbers(measured.get(&tap.node)?, tap, memory)));
        self.program.taps.iter().filter_map(numbers).collect()
    }

    /// Applies the changes between chunks: the denoising steps, the prompt and the cache policy.
    fn begin_chunk(&mut self, program: &Program) -> Result<()> {
        // The length of a clip changes with the next video only.
        let clip = self.model.denoising.clip;
        let denoising = Denoising { clip, ..self.given.or(self.ticker.plan().denoising()) };
        if denoising != self.model.denoising {
            self.model.denoising = denoising;
            self.denoiser.set_schedule(&self.model)?;
        }
        self.set_concepts(program)?;
        let switch = self.denoiser.set_prompt(program, &mut self.model, &mut self.times.prompt)?;
        match self.policy.begin_chunk(program, switch, self.denoiser.recacheable()) {
            PastAction::Keep => {}
            PastAction::Reset => self.forget(),
            PastAction::Recache => self.denoiser.recache(),
        }
        self.denoiser.begin_chunk();
        self.begin_make(program);
        self.ticker.begin_chunk();
        Ok(())
    }

    /// Encodes the words outside the prompt that taps and probes measure.
    fn set_concepts(&mut self, program: &Program) -> Result<()> {
        let taps = program.taps.iter().chain(self.probes.iter());
        self.denoiser.set_concepts(taps, &self.model, &mut self.times.prompt)
    }

    /// An error if the weights themselves are broken: no patch can help then. Weights that made a chunk are whole. The check reads
    /// all of them, so a show that runs never waits for it.
    fn check_weights(&mut self) -> Result<()> {
        if !self.is_checked {
            let checkpoint = self.model.checkpoint.as_ref();
            // A file that cannot be read now was read before.
            self.broken = checkpoint.and_then(|checkpoint| checkpoint.broken().unwrap_or(None));
            self.is_checked = true;
        }
        match &self.broken {
            Some(problem) => bail!("{problem}"),
            None => Ok(()),
        }
    }

    /// Gives up a chunk whose model output is not finite. True if some of its frames are still to be shown: they have the last picture.
    fn hold_picture(&mut self, frames: Arc<[usize]>) -> bool {
        self.warnings.add(Warning::new(
            "overflow of the model: the last picture stays, and past frames are dropped; lower the amounts of bends",
        ));
        self.estimate = None;
        let is_to_show = !self.denoiser.is_chunk_finished();
        if is_to_show {
            self.made = Some(MadeChunk { frames, latents: None });
        } else {
            self.drop_chunk();
        }
        is_to_show
    }

    /// Ends the chunk under way.
    fn end_chunk(&mut self) {
        self.ticker.end_chunk();
        (self.made, self.shown, self.is_begun, self.estimate) = (None, 0, false, None);
    }

    fn drop_chunk(&mut self) {
        self.forget();
        self.end_chunk();
    }

    /// Drops every past frame.
    fn forget(&mut self) {
        self.denoiser.drop_past();
        self.policy.forget();
    }

    /// The clean latents of the finished chunk, `[1, channels, frames, height, width]`. None from its cache pass on, and if they are not
    /// finite.
    pub fn made_latents(&self) -> Option<&Tensor> {
        self.made.as_ref()?.latents.as_ref()
    }

    /// The program of the latest call.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The next model call: its pass, and its denoising step; a cache pass has the number of steps.
    pub fn upcoming(&self) -> (Pass, usize) {
        self.denoiser.upcoming()
    }

    /// The warnings of the chunk under way.
    pub fn warnings(&self) -> &[Warning] {
        self.warnings.all()
    }

    /// The time spent in each stage.
    pub fn times(&self) -> &Times {
        &self.times
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }
}

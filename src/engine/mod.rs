//! The loop: controls to ticks, programs to model calls, latents to frames.
//!
//! An [`Engine`] makes one model call at a time. It is deterministic: the same plans and controls before the same calls
//! make the same frames. They are played live ([`EngineHandle`]) or rendered to a file.

mod denoiser;
pub mod frame;
pub mod live;
pub mod model;
mod past_policy;
mod presenter;
mod taps;
mod ticker;
mod times;
mod warning;

use std::sync::Arc;

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::Controls;
use bendrack_nodes::program::{Measure, Program};
use candle_core::{Result, bail};

use crate::bend;
use crate::media::Picture;
use crate::sound::Sound;
use denoiser::Denoiser;
pub use frame::{Frame, Taps};
pub use live::{EngineHandle, Stage, Status};
pub use model::Model;
use model::{LATENT_FRAMES, TOKEN_PIXELS};
use past_policy::{PastAction, PastPolicy};
use presenter::Presenter;
use taps::TapCollector;
use ticker::Ticker;
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
    /// Makes the program of each call.
    ticker: Ticker,
    /// Makes the model calls.
    denoiser: Denoiser,
    /// Decides about past frames.
    policy: PastPolicy,
    /// Collects the measurements of a chunk.
    taps: TapCollector,
    /// Makes frames of latents.
    presenter: Presenter,
    /// The program of the latest call.
    program: Program,
    warnings: Warnings,
    times: Times,
}

impl Engine {
    /// Begins a video of pictures of `size`, width and height in pixels.
    ///
    /// # Errors
    ///
    /// Fails if width or height is not a multiple of 16 or if the model does not stream. Fails if the device runs out
    /// of memory.
    pub fn new(mut model: Model, plan: Arc<Plan>, size: (usize, usize)) -> Result<Self> {
        let fits = |side: usize| side > 0 && side.is_multiple_of(TOKEN_PIXELS);
        if !fits(size.0) || !fits(size.1) {
            bail!("the size {}x{} does not fit the model; use multiples of {TOKEN_PIXELS}", size.0, size.1)
        }
        Ok(Self {
            denoiser: Denoiser::new(&mut model, plan.seed(), size)?,
            presenter: Presenter::new(model.decoder.clone(), size),
            ticker: Ticker::new(plan),
            policy: PastPolicy::default(),
            taps: TapCollector::default(),
            program: Program::default(),
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
    }

    /// Enlarges the model's pictures on the screen by this factor. The default enlarges small ones to at most 512 rows.
    pub fn set_zoom(&mut self, zoom: usize) {
        self.presenter.zoom = zoom.max(1);
    }

    /// The factor by which the model's pictures are enlarged on the screen.
    pub fn zoom(&self) -> usize {
        self.presenter.zoom
    }

    /// Replaces the sound of devices from the next step on. Each frame gets the part of its time, from the beginning of the video.
    pub fn set_sound(&mut self, sound: Option<Arc<Sound>>) {
        self.ticker.set_sound(sound);
    }

    /// Selects the exact form of every bend of a map: slow, and the reference for the fast form.
    pub fn set_exact(&mut self, exact: bool) {
        self.denoiser.set_exact(exact);
    }

    /// Begins the video again from its first frame.
    pub fn restart(&mut self) {
        self.denoiser.restart(self.model.family.noise(self.ticker.seed()));
        self.ticker.restart();
        self.policy.restart();
        self.taps.restart();
        self.presenter.restart();
    }

    /// True if the next step begins a chunk.
    pub fn is_between_chunks(&self) -> bool {
        !self.ticker.is_in_chunk()
    }

    /// The number of latent frames of the next chunk.
    pub fn chunk_len(&self) -> usize {
        self.denoiser.chunk().len()
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
        let made = self.call(lanes);
        match &made {
            Ok(_) if self.denoiser.is_between_chunks() => self.ticker.end_chunk(),
            Err(_) if self.policy.take_reset() => self.drop_chunk(),
            _ => {}
        }
        made
    }

    fn call(&mut self, lanes: &[Arc<Controls>]) -> Result<Vec<Frame>> {
        let frames = self.denoiser.chunk().clone();
        if !self.ticker.is_in_chunk() {
            self.ticker.set_lanes(lanes, &frames);
        }
        let program = self.times.tick.time(|| self.ticker.tick(&frames));
        if self.ticker.is_in_chunk() {
            self.policy.request(&program.cache);
        } else {
            self.begin_chunk(&program)?;
        }
        self.denoiser.set_past_visibility(self.policy.visibility(&program));
        self.ticker.commit();
        self.ticker.warnings().for_each(|warning| self.warnings.add(warning));

        let made = self.denoiser.advance(&program, frames[0], &mut self.times.model, &mut self.warnings)?;
        self.ticker.recycle(std::mem::replace(&mut self.program, program));
        let Some((step, outcome)) = made else { return Ok(self.hold_picture(&frames)) };

        self.policy.record_cached(&step.cached, &self.program, self.denoiser.held_frames());
        let numbers = self.taps.add(&self.program, &outcome.measured, step.call.pass, self.denoiser.memory());
        self.ticker.measure(numbers);
        self.denoiser.remember(outcome, &self.program);
        if !step.finished {
            return Ok(Vec::new());
        }
        let pictures = self.times.decode.time(|| self.presenter.decode(&step.clean))?;
        self.measure_picture(&pictures, &frames);
        Ok(self.present(pictures, &frames))
    }

    /// Applies the changes between chunks: the prompt and the cache policy.
    fn begin_chunk(&mut self, program: &Program) -> Result<()> {
        let switch = self.denoiser.set_prompt(program, &mut self.model, &mut self.times.prompt)?;
        match self.policy.begin_chunk(program, switch, self.denoiser.recacheable()) {
            PastAction::Keep => {}
            PastAction::Reset => self.forget(),
            PastAction::Recache => self.denoiser.recache(),
        }
        let tokens = self.denoiser.tokens();
        let of_bends = bend::warnings(program, tokens, self.model.transformer.config());
        let of_bends = of_bends.into_iter().map(|(node, sentence)| Warning::of(node, sentence));
        let too_long = (tokens.dropped > 0).then(|| {
            Warning::new(format!(
                "the prompt is too long, so its last {} tokens are left out; shorten it",
                tokens.dropped
            ))
        });
        self.warnings.reset(of_bends.chain(too_long));
        self.taps.begin_chunk();
        self.ticker.begin_chunk();
        Ok(())
    }

    /// Measures the last picture of a finished chunk, for the next tick.
    fn measure_picture(&mut self, pictures: &[Arc<Picture>], chunk: &[usize]) {
        let Some(last) = pictures.last() else { return };
        let before = self.presenter.picture_before(pictures, chunk).map(|before| &**before);
        let taps = self.program.taps.iter().filter(|tap| tap.measure == Measure::Picture);
        let memory = self.denoiser.memory();
        self.ticker.measure(taps.map(|tap| (tap.node.clone(), bend::picture_numbers(last, before, tap, memory))));
        self.presenter.set_last_picture(last.clone());
    }

    /// The frames of a chunk.
    fn present(&mut self, pictures: Vec<Arc<Picture>>, chunk: &[usize]) -> Vec<Frame> {
        let taps = self.taps.lanes(chunk.len());
        let (presenter, program, lanes) = (&mut self.presenter, &self.program, self.ticker.lanes());
        self.times.compose.time(|| presenter.present(pictures, chunk, program, taps, lanes))
    }

    /// Drops a chunk whose model output is not finite, and fills its time with the last picture.
    fn hold_picture(&mut self, chunk: &[usize]) -> Vec<Frame> {
        self.warnings.add(Warning::new(
            "overflow of the model: the last picture stays, and the KV cache is emptied; lower the amounts of bends",
        ));
        let is_shown = self.denoiser.is_chunk_finished();
        let count = LATENT_FRAMES * chunk.len() - if chunk[0] == 0 { LATENT_FRAMES - 1 } else { 0 };
        let pictures = vec![self.presenter.last_picture().clone(); count];
        let frames = if is_shown { Vec::new() } else { self.present(pictures, chunk) };
        self.drop_chunk();
        frames
    }

    fn drop_chunk(&mut self) {
        self.forget();
        self.ticker.end_chunk();
    }

    /// Drops every past frame.
    fn forget(&mut self) {
        self.denoiser.drop_past();
        self.policy.forget();
    }

    /// The program of the latest call.
    pub fn program(&self) -> &Program {
        &self.program
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

//! The loop: controls to ticks, programs to model calls, latents to frames.
//!
//! An [`Engine`] makes one model call at a time and is deterministic: the same plans and controls before the same calls give the
//! same frames, whether they are played live ([`Rack`]) or rendered to a file.

pub mod frame;
pub mod live;
pub mod model;
mod times;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::plan::Plan;
use bendrack_nodes::program::{Pass, Program, Source};
use bendrack_nodes::tick::{Controls, Inputs, Measurements, Memory};
use candle_core::{DType, Device, Result, Tensor, bail};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::bend::{self, Bender, Measured};
use crate::output::scale::scaled;
use crate::output::{Map, Picture, compose};
use crate::wan::decode::DecoderStream;
use crate::wan::hooks::Hooks;
use crate::wan::rollout::Rollout;
use crate::wan::text::Prompt;
pub use frame::{Frame, Taps};
pub use live::{Rack, Stage, Status};
pub use model::Model;
use model::{LATENT_FRAMES, LATENT_PIXELS, LATENT_SECS};
pub use times::Times;

/// The rows up to which a small model's pictures are enlarged.
const SCREEN_ROWS: usize = 512;

/// A video being generated under a patch.
pub struct Engine {
    model: Model,
    /// Width and height of the model's pictures.
    size: (usize, usize),
    /// How many times larger the screen shows them.
    zoom: usize,
    plan: Arc<Plan>,
    rollout: Rollout,
    decoder: DecoderStream,
    prompt: Arc<Prompt>,
    /// What the nodes remembered at the beginning of the chunk under way, and after its latest tick.
    memory: (Memory, Memory),
    measurements: Measurements,
    /// What the taps met in the denoising steps of the chunk under way, one map per frame, with how many steps.
    tapped: BTreeMap<Arc<str>, (Vec<Map>, usize)>,
    /// A reset that was asked for in the middle of a chunk, and whether the chunk began with one.
    reset_wanted: bool,
    reset_done: bool,
    program: Program,
    next_frame: u64,
    last_picture: Arc<Picture>,
    warnings: Vec<String>,
    times: Times,
}

impl Engine {
    /// Begins a video of pictures `size`, width and height in pixels, both multiples of 16.
    pub fn new(mut model: Model, plan: Arc<Plan>, size: (usize, usize)) -> Result<Self> {
        let fits = |side: usize| side > 0 && side.is_multiple_of(2 * LATENT_PIXELS);
        if !fits(size.0) || !fits(size.1) {
            bail!("pictures of {}x{} cannot be made; width and height are multiples of 16", size.0, size.1)
        }
        let prompt = model.text.encode("")?;
        let rollout = begin(&model, &prompt, plan.seed(), size)?;
        Ok(Self {
            decoder: DecoderStream::new(model.decoder.clone()),
            model,
            size,
            zoom: (SCREEN_ROWS / size.1).max(1),
            plan,
            rollout,
            prompt,
            memory: Default::default(),
            measurements: Measurements::default(),
            tapped: BTreeMap::new(),
            reset_wanted: false,
            reset_done: false,
            program: Program::default(),
            next_frame: 0,
            last_picture: Arc::new(Picture { width: size.0, height: size.1, rgb: vec![0; 3 * size.0 * size.1] }),
            warnings: Vec::new(),
            times: Times::default(),
        })
    }

    /// Runs another plan from the next step on. What its nodes remember goes on by their ids.
    pub fn set_plan(&mut self, plan: Arc<Plan>) {
        if plan.seed() != self.plan.seed() {
            self.rollout.set_noise(self.model.family.noise(plan.seed()));
        }
        self.plan = plan;
    }

    /// Shows the model's pictures this many times larger on the screen. Without it, a small one is enlarged up to 512 rows.
    pub fn set_zoom(&mut self, zoom: usize) {
        self.zoom = zoom.max(1);
    }

    /// Begins the video again.
    pub fn restart(&mut self) -> Result<()> {
        self.rollout = begin(&self.model, &self.prompt, self.plan.seed(), self.size)?;
        self.decoder.reset();
        self.memory = Default::default();
        self.measurements.clear();
        self.tapped.clear();
        (self.reset_wanted, self.reset_done) = (false, false);
        self.next_frame = 0;
        Ok(())
    }

    /// Whether the next step begins a chunk.
    pub fn is_between_chunks(&self) -> bool {
        self.rollout.is_between_chunks()
    }

    /// Makes one model call with what came in from outside by now. The last denoising step of a chunk brings frames.
    ///
    /// After an error the engine is where it was before.
    pub fn step(&mut self, controls: &Controls) -> Result<Vec<Frame>> {
        let begins = self.rollout.is_between_chunks();
        let (program, after) = self.tick(controls, begins);
        if begins {
            self.begin_chunk(&program)?;
        } else {
            self.reset_wanted |= program.reset_cache && !self.reset_done;
        }
        let chunk = self.rollout.chunk().clone();
        let prompt = self.prompt.clone();
        let bender = Bender::new(&program, &prompt.tokens, chunk[0]);
        let step = self.times.model.time(|| self.rollout.advance(Hooks::new(&bender)))?;
        let measured = bender.measured()?;
        if begins {
            self.memory.0 = std::mem::take(&mut self.memory.1);
            self.warnings = warn(&program, &prompt, &self.model);
        }
        self.memory.1 = after;
        self.listen(measured, step.call.pass);
        self.program = program;
        if step.finished { self.finish(&step.clean, &chunk) } else { Ok(Vec::new()) }
    }

    /// The program of the latest call.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// What did not go well and did not stop the video.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Where the time went.
    pub fn times(&self) -> &Times {
        &self.times
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The program of the next call, and what its nodes remember after it. A chunk is ticked anew before each of its calls, from
    /// what was remembered at its beginning.
    fn tick(&mut self, controls: &Controls, begins: bool) -> (Program, Memory) {
        let mut memory = if begins { self.memory.1.clone() } else { self.memory.0.clone() };
        let chunk = self.rollout.chunk();
        let inputs =
            Inputs { controls, measurements: &self.measurements, first_frame: chunk[0] as u64, dt_secs: LATENT_SECS };
        let program = self.times.tick.time(|| self.plan.program(&inputs, &mut memory, chunk.len()));
        (program, memory)
    }

    /// What can only change between chunks: the prompt, and a cache that forgets.
    fn begin_chunk(&mut self, program: &Program) -> Result<()> {
        let prompt = self.times.prompt.time(|| self.model.text.encode(&program.prompt))?;
        if !Arc::ptr_eq(&prompt, &self.prompt) {
            self.rollout.set_context(Arc::new(self.model.transformer.context(&prompt.embedding)?));
            self.prompt = prompt;
        }
        self.reset_done = program.reset_cache || self.reset_wanted;
        if self.reset_done {
            self.rollout.reset();
            self.reset_wanted = false;
        }
        self.tapped.clear();
        Ok(())
    }

    /// Takes what the taps met: numbers for the next tick, maps for the frames of the chunk.
    fn listen(&mut self, measured: BTreeMap<Arc<str>, Measured>, pass: Pass) {
        for (node, Measured { maps }) in measured {
            if let Some(map) = maps.last() {
                self.measurements.insert(node.clone(), bend::numbers(map));
            }
            if pass == Pass::Denoise {
                let (sums, steps) = self.tapped.entry(node).or_default();
                *steps += 1;
                if sums.len() == maps.len() {
                    for (sum, map) in sums.iter_mut().zip(maps) {
                        sum.values.iter_mut().zip(map.values).for_each(|(sum, value)| *sum += value);
                    }
                } else {
                    *sums = maps;
                }
            }
        }
    }

    /// The frames of a finished chunk, `clean` `[1, channels, frames, height, width]`.
    fn finish(&mut self, clean: &Tensor, chunk: &[usize]) -> Result<Vec<Frame>> {
        let pictures = self.decode(clean, chunk.len())?;
        let taps: Vec<Arc<Taps>> = (0..chunk.len()).map(|lane| Arc::new(self.taps_of(lane))).collect();
        let (first, zoom, program) = (self.next_frame, self.zoom, &self.program);
        self.next_frame += pictures.len() as u64;
        let frame = |(picture, number): (Arc<Picture>, u64)| {
            let latent = number.div_ceil(LATENT_FRAMES as u64);
            let lane = (latent as usize).saturating_sub(chunk[0]).min(chunk.len() - 1);
            let source = program.screen.get(lane).map_or(&Source::Model, |source| source);
            // A latent frame speaks once, with the first of its frames.
            let speaks = latent == 0 || number % LATENT_FRAMES as u64 == 1;
            let messages = program.messages.iter().filter(|_| speaks);
            Frame {
                number,
                latent,
                screen: compose(source, &zoomed(&picture, zoom), &taps[lane]),
                taps: taps[lane].clone(),
                messages: messages.map(|message| (message.address.clone(), message.values[lane])).collect(),
                picture,
            }
        };
        let numbered: Vec<(Arc<Picture>, u64)> = pictures.into_iter().zip(first..).collect();
        Ok(self.times.compose.time(|| numbered.into_par_iter().map(frame).collect()))
    }

    /// The pictures of a chunk's latents. Latents that are not finite, which would leave the picture black and stay in the cache
    /// for ever, are not shown: the last picture stands, and the past is forgotten.
    fn decode(&mut self, clean: &Tensor, latents: usize) -> Result<Vec<Arc<Picture>>> {
        let frames = LATENT_FRAMES * latents - if self.next_frame == 0 { LATENT_FRAMES - 1 } else { 0 };
        let sum: f32 = clean.to_dtype(DType::F32)?.abs()?.sum_all()?.to_scalar()?;
        if !sum.is_finite() {
            self.reset_wanted = true;
            self.warnings
                .push("the bends drove the model to infinity: the last picture stands, its past is forgotten".into());
            return Ok(vec![self.last_picture.clone(); frames]);
        }
        let latents = clean.squeeze(0)?.transpose(0, 1)?.contiguous()?;
        let pictures = self.times.decode.time(|| pictures(&self.decoder.push(&latents)?))?;
        if let Some(last) = pictures.last() {
            self.last_picture = last.clone();
        }
        Ok(pictures)
    }

    /// What the taps met at a frame of the chunk, mean over its steps.
    fn taps_of(&self, lane: usize) -> Taps {
        let taps = self.tapped.iter().filter_map(|(node, (sums, steps))| {
            let mut map = sums.get(lane)?.clone();
            map.values.iter_mut().for_each(|value| *value /= *steps as f32);
            Some((node.clone(), map))
        });
        taps.collect()
    }
}

/// A video from its first frame on.
fn begin(model: &Model, prompt: &Prompt, seed: u64, (width, height): (usize, usize)) -> Result<Rollout> {
    let Some((streaming, schedule)) = model.family.streaming().zip(model.family.schedule()?) else {
        bail!("{} makes whole clips, not a stream", model.family)
    };
    let context = Arc::new(model.transformer.context(&prompt.embedding)?);
    let picture = (height / LATENT_PIXELS, width / LATENT_PIXELS);
    Rollout::new(model.transformer.clone(), streaming, schedule, context, model.family.noise(seed), picture)
}

/// Frames `[frames, 3, height, width]` in 0..1 as pictures.
fn pictures(frames: &Tensor) -> Result<Vec<Arc<Picture>>> {
    let (count, _, height, width) = frames.dims4()?;
    let bytes = frames.to_dtype(DType::F32)?.clamp(0.0, 1.0)?.affine(255.0, 0.5)?.to_dtype(DType::U8)?;
    let bytes = bytes.permute((0, 2, 3, 1))?.contiguous()?.to_device(&Device::Cpu)?;
    let picture = |frame| Ok(Arc::new(Picture { width, height, rgb: bytes.get(frame)?.flatten_all()?.to_vec1()? }));
    (0..count).map(picture).collect()
}

/// A picture as large as the screen shows it: heatmaps over it are smooth then.
fn zoomed(picture: &Arc<Picture>, zoom: usize) -> Arc<Picture> {
    match scaled(picture, zoom * picture.width, zoom * picture.height) {
        Cow::Borrowed(_) => picture.clone(),
        Cow::Owned(zoomed) => Arc::new(zoomed),
    }
}

/// What the nodes are told to do and cannot, and what of the prompt has no room.
fn warn(program: &Program, prompt: &Prompt, model: &Model) -> Vec<String> {
    let mut warnings: Vec<String> = bend::warnings(program, &prompt.tokens, model.transformer.config())
        .into_iter()
        .map(|(node, sentence)| format!("{node}: {sentence}"))
        .collect();
    if prompt.tokens.dropped > 0 {
        warnings.push(format!("the prompt is too long: its last {} tokens are left out", prompt.tokens.dropped));
    }
    warnings
}

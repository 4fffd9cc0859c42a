//! The loop: controls to ticks, programs to model calls, latents to frames.
//!
//! An [`Engine`] makes one model call at a time and is deterministic: the same plans and controls before the same calls give the
//! same frames, whether they are played live ([`Rack`]) or rendered to a file.

pub mod frame;
pub mod live;
pub mod model;
mod times;
mod warning;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::node::sound::{self, HOPS_PER_SEC, Hop};
use bendrack_nodes::program::message::{self, To};
use bendrack_nodes::program::source::Source;
use bendrack_nodes::program::{Blend, Fuse, Measure, Pass, Program, Switch};
use bendrack_nodes::tick::{Controls, Inputs, Measurements, Memory, Workspace};
use candle_core::{DType, Device, Result, Tensor, bail};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::bend::{self, Bender, Heard, Measured, Past};
use crate::output::past::Peaks;
use crate::output::scale::scaled;
use crate::output::{Map, Picture, Scene};
use crate::sound::Sound;
use crate::wan::decode::DecoderStream;
use crate::wan::hooks::Hooks;
use crate::wan::kv_cache::Sight;
use crate::wan::rollout::{Rollout, Step};
use crate::wan::text::{Prompt, blend};
pub use frame::{Frame, Taps};
pub use live::{Rack, Stage, Status};
pub use model::Model;
use model::{FRAME_RATE, LATENT_FRAMES, LATENT_PIXELS, LATENT_SECS};
pub use times::Times;
pub use warning::Warning;

/// The rows up to which a small model's pictures are enlarged.
const SCREEN_ROWS: usize = 512;

/// A video being generated under a patch.
pub struct Engine {
    model: Model,
    /// How many times larger the screen shows them.
    zoom: usize,
    plan: Arc<Plan>,
    rollout: Rollout,
    decoder: DecoderStream,
    prompt: Arc<Prompt>,
    /// The second prompt that is mixed in.
    blend: Option<Blend>,
    chunk: Option<Chunk>,
    /// What the nodes remember after the latest tick.
    memory: Memory,
    /// The same for the tick under way, and the program that it makes.
    next: (Memory, Program),
    room: Workspace,
    measurements: Measurements,
    /// What is heard instead of devices.
    sound: Option<Arc<Sound>>,
    /// What is heard in the frames of the chunk.
    heard: Vec<Hop>,
    /// What bends and taps keep from call to call.
    past: Past,
    /// Bends are made in their exact form.
    exact: bool,
    /// A reset that was asked for in the middle of a chunk.
    reset_wanted: bool,
    /// That the past is to be computed anew, asked for in the middle of a chunk.
    recache_wanted: bool,
    /// The programs under which the features of past frames were computed, by number of the frame.
    cached: BTreeMap<usize, Arc<Program>>,
    program: Program,
    last_picture: Arc<Picture>,
    /// What the taps met at the latest latent frame, and the peaks that are held since.
    last_taps: Arc<Taps>,
    peaks: Arc<Peaks>,
    warnings: Vec<Warning>,
    times: Times,
}

/// The chunk under way.
struct Chunk {
    /// What the nodes remembered at its beginning: it is ticked anew from there before each of its calls.
    memory: Memory,
    /// Whether it began with a reset that was asked for, and with a past computed anew.
    reset: bool,
    recache: bool,
    /// What the taps met in its denoising steps.
    tapped: BTreeMap<Arc<str>, Tapped>,
}

/// The maps of a tap: of each step so far one per frame.
struct Tapped {
    steps: Vec<Vec<Map>>,
    fuse: Fuse,
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
            zoom: (SCREEN_ROWS / size.1).max(1),
            plan,
            rollout,
            prompt,
            blend: None,
            chunk: None,
            memory: Memory::default(),
            next: Default::default(),
            room: Workspace::default(),
            measurements: Measurements::default(),
            sound: None,
            heard: Vec::new(),
            past: Past::default(),
            exact: false,
            reset_wanted: false,
            recache_wanted: false,
            cached: BTreeMap::new(),
            program: Program::default(),
            last_picture: Arc::new(Picture::dark(size.0, size.1)),
            last_taps: Arc::default(),
            peaks: Arc::default(),
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

    /// How many times larger than the model's its pictures are shown.
    pub fn zoom(&self) -> usize {
        self.zoom
    }

    /// Hears this sound instead of devices from the next step on: each frame what belongs to its time, from the beginning of the video.
    pub fn set_sound(&mut self, sound: Option<Arc<Sound>>) {
        self.sound = sound;
    }

    /// Begins the video again.
    pub fn restart(&mut self) {
        self.rollout.restart(self.model.family.noise(self.plan.seed()));
        self.decoder.reset();
        self.chunk = None;
        self.memory = Memory::default();
        self.measurements.clear();
        self.past = Past::default();
        self.cached.clear();
        (self.reset_wanted, self.recache_wanted) = (false, false);
        (self.last_taps, self.peaks) = Default::default();
    }

    /// Makes every bend of a map in its exact form: slow, and what the fast form is measured by.
    pub fn set_exact(&mut self, exact: bool) {
        self.exact = exact;
    }

    /// Whether the next step begins a chunk.
    pub fn is_between_chunks(&self) -> bool {
        self.chunk.is_none()
    }

    /// Makes one model call with what came in from outside by now. The last denoising step of a chunk brings frames.
    ///
    /// A call that failed is made again by the next step; a reset asked for meanwhile gives up its chunk.
    pub fn step(&mut self, controls: &Controls) -> Result<Vec<Frame>> {
        let made = self.call(controls);
        if made.is_err() && self.reset_wanted {
            self.forget();
            self.chunk = None;
            self.reset_wanted = false;
        } else if made.is_ok() && self.rollout.is_between_chunks() {
            self.chunk = None;
        }
        made
    }

    fn call(&mut self, controls: &Controls) -> Result<Vec<Frame>> {
        let (program, memory) = self.tick(controls);
        match &self.chunk {
            None => self.begin_chunk(&program)?,
            Some(chunk) => {
                self.reset_wanted |= program.cache.reset && !chunk.reset;
                self.recache_wanted |= program.cache.recache && !chunk.recache;
            }
        }
        self.rollout.set_sight(self.sight(&program));
        self.next.0 = std::mem::replace(&mut self.memory, memory);
        self.warn_of_tick();
        let frames = self.rollout.chunk().clone();
        let Some((step, heard)) = self.advance(&program, &frames)? else {
            self.program = program;
            return Ok(self.give_up(&frames));
        };
        if !step.cached.is_empty() {
            self.keep_cached(&step.cached, &program);
        }
        self.next.1 = std::mem::replace(&mut self.program, program);
        self.listen(&heard.measured, step.call.pass);
        self.past.keep(heard.kept, &self.program, heard.measured);
        if !step.finished {
            return Ok(Vec::new());
        }
        let latents = step.clean.squeeze(0)?.transpose(0, 1)?.contiguous()?;
        let pictures = self.times.decode.time(|| pictures(&self.decoder.push(&latents)?))?;
        self.look(&pictures, &frames);
        if let Some(last) = pictures.last() {
            self.last_picture = last.clone();
        }
        Ok(self.show(pictures, &frames))
    }

    /// Makes the model call. A bend that drives the model to infinity is left out where it does; all bends are, if that was not
    /// enough; nothing comes back if even that was not.
    fn advance(&mut self, program: &Program, frames: &[usize]) -> Result<Option<(Step, Heard)>> {
        let prompt = self.prompt.clone();
        let bare = OnceCell::new();
        let mut program = program;
        for guarded in [false, true, false] {
            let bender = Bender::new(program, &prompt.tokens, frames[0], &self.past).exact(self.exact);
            let bender = if guarded { bender.guarded() } else { bender };
            let step = self.times.model.time(|| self.rollout.advance(Hooks::new(&bender)));
            match step {
                Ok(step) => {
                    let heard = bender.finish()?;
                    self.warn_of(&heard);
                    return Ok(Some((step, heard)));
                }
                Err(_) if self.rollout.diverged() => {
                    if guarded {
                        let nodes = nodes_of(program);
                        let sentence =
                            format!("{nodes} drive the model to infinity together, so they are left out; bend less");
                        self.warn(Warning::new(sentence));
                        program = bare.get_or_init(|| Program { bends: Vec::new(), ..program.clone() });
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Says which bends were left out.
    fn warn_of(&mut self, heard: &Heard) {
        for out in &heard.left_out {
            let bend::LeftOut { node, site, layer, step } = out;
            let sentence = format!(
                "{site} in layer {layer}, step {step} made numbers that are not finite, so the bend is left out there; \
                 bend less"
            );
            self.warn(Warning::of(node.clone(), sentence));
        }
    }

    /// Says what nodes say, and which outputs keep their last number because the one they were given is not finite.
    fn warn_of_tick(&mut self) {
        for (node, sentence) in self.room.warnings().to_vec() {
            self.warn(Warning::of(node, sentence.to_owned()));
        }
        for (node, output) in self.room.held().to_vec() {
            self.warn(Warning::of(node, format!("{output} is not a finite number, so it keeps its last one")));
        }
    }

    fn warn(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Gives a chunk up that the model cannot finish: the last picture stands, and the past is forgotten.
    fn give_up(&mut self, chunk: &[usize]) -> Vec<Frame> {
        self.warn(Warning::new(
            "the model's answer is not finite, so the last picture stands and the past is forgotten",
        ));
        let shown = self.rollout.upcoming().pass == Pass::Cache;
        let count = LATENT_FRAMES * chunk.len() - if chunk[0] == 0 { LATENT_FRAMES - 1 } else { 0 };
        let frames = if shown { Vec::new() } else { self.show(vec![self.last_picture.clone(); count], chunk) };
        self.forget();
        self.chunk = None;
        frames
    }

    /// Forgets every past frame.
    fn forget(&mut self) {
        self.rollout.reset();
        self.cached.clear();
    }

    /// How the chunk's frames see past ones under a program.
    fn sight(&self, program: &Program) -> Sight {
        let cache = &program.cache;
        let is_stale = cache.stale.iter().any(|&strength| strength > 0.0);
        let past = self.cached.iter().filter(|_| is_stale);
        Sight {
            off: cache.off.iter().map(|&off| off > 0.0).collect(),
            strength: cache.stale.to_vec(),
            staleness: past.map(|(number, cached)| (*number, program.distance(cached))).collect(),
        }
    }

    /// Remembers under which program the features of past frames were computed, and forgets it of those that are held no more.
    fn keep_cached(&mut self, numbers: &[usize], program: &Program) {
        let bends = program.bends.clone();
        let (prompt, blend) = (program.prompt.clone(), program.blend.clone());
        let program = Arc::new(Program { prompt, blend, bends, ..Program::default() });
        self.cached.extend(numbers.iter().map(|&number| (number, program.clone())));
        let held: Vec<usize> = self.rollout.cache().frames().collect();
        self.cached.retain(|number, _| held.contains(number));
    }

    /// Whether a program is further than it allows from one under which a frame was cached that can be computed anew.
    fn is_far(&self, program: &Program) -> bool {
        let Some(threshold) = program.cache.threshold else { return false };
        let mut cached = self.rollout.recacheable().filter_map(|number| self.cached.get(&number));
        cached.any(|cached| program.distance(cached) > threshold)
    }

    /// The program of the latest call.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// What did not go well and did not stop the video.
    pub fn warnings(&self) -> &[Warning] {
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

    /// The program of the next call, and what its nodes remember after it.
    fn tick(&mut self, controls: &Controls) -> (Program, Memory) {
        let (mut memory, mut program) = std::mem::take(&mut self.next);
        memory.copy_from(self.chunk.as_ref().map_or(&self.memory, |chunk| &chunk.memory));
        let frames = self.rollout.chunk();
        self.heard.clear();
        match &self.sound {
            Some(sound) => {
                let (begin, end) = (time_of(frames[0]).start, time_of(frames[frames.len() - 1]).end);
                self.heard.extend(sound.heard(begin..end));
            }
            None => self.heard.extend_from_slice(&controls.sound),
        }
        let inputs = Inputs {
            controls,
            measurements: &self.measurements,
            sound: &self.heard,
            first_frame: frames[0] as u64,
            dt_secs: LATENT_SECS,
        };
        let room = &mut self.room;
        self.times.tick.time(|| self.plan.run(&inputs, &mut memory, frames.len(), room, &mut program));
        (program, memory)
    }

    /// What can only change between chunks: the prompt, and a cache that forgets or is computed anew.
    fn begin_chunk(&mut self, program: &Program) -> Result<()> {
        let prompt = self.times.prompt.time(|| self.model.text.encode(&program.prompt))?;
        let mut cut = false;
        if !Arc::ptr_eq(&prompt, &self.prompt) || program.blend != self.blend {
            let mut embedding = prompt.embedding.clone();
            if let Some(Blend { prompt: second, amount, method }) = &program.blend {
                let second = self.times.prompt.time(|| self.model.text.encode(second))?;
                embedding = blend(&embedding, &second.embedding, *amount, *method)?;
            }
            let context = Arc::new(self.model.transformer.context(&embedding)?);
            match program.switch {
                None => self.rollout.set_context(context),
                Some(switch) => {
                    self.rollout.replace_context(context);
                    self.recache_wanted |= switch == Switch::Recache;
                    cut = switch == Switch::Reset;
                }
            }
            (self.prompt, self.blend) = (prompt, program.blend.clone());
        }
        let reset = program.cache.reset || self.reset_wanted;
        let recache = program.cache.recache || self.recache_wanted || self.is_far(program);
        if reset || cut {
            self.forget();
        } else if recache {
            self.rollout.recache();
        }
        (self.reset_wanted, self.recache_wanted) = (false, false);
        self.warnings = warnings(program, &self.prompt, &self.model);
        self.chunk = Some(Chunk { memory: self.memory.clone(), reset, recache, tapped: BTreeMap::new() });
        Ok(())
    }

    /// Takes what the taps met: numbers for the next tick, maps for the frames of the chunk.
    fn listen(&mut self, measured: &BTreeMap<Arc<str>, Measured>, pass: Pass) {
        for tap in &self.program.taps {
            let Some(measured) = measured.get(&tap.node) else { continue };
            self.measurements.insert(tap.node.clone(), bend::numbers(measured, tap, &self.past));
            if let (Pass::Denoise, Some(chunk)) = (pass, &mut self.chunk) {
                match chunk.tapped.get_mut(&tap.node) {
                    Some(tapped) if tapped.fits(&measured.maps) => tapped.steps.push(measured.maps.clone()),
                    // The first of the chunk, or the target was changed.
                    _ => {
                        let tapped = Tapped { steps: vec![measured.maps.clone()], fuse: tap.fuse };
                        chunk.tapped.insert(tap.node.clone(), tapped);
                    }
                }
            }
        }
    }

    /// Measures the last picture of a finished chunk, for the next tick.
    fn look(&mut self, pictures: &[Arc<Picture>], chunk: &[usize]) {
        let Some(last) = pictures.last() else { return };
        // The picture a latent frame before is in the chunk, or the last one of the chunk before.
        let before = match pictures.len().checked_sub(LATENT_FRAMES + 1) {
            Some(index) => Some(&pictures[index]),
            None => Some(&self.last_picture).filter(|_| chunk[0] > 0),
        };
        for tap in self.program.taps.iter().filter(|tap| tap.measure == Measure::Picture) {
            let numbers = bend::picture(last, before.map(|before| &**before), tap, &self.past);
            self.measurements.insert(tap.node.clone(), numbers);
        }
    }

    /// The frames of a finished chunk.
    fn show(&mut self, pictures: Vec<Arc<Picture>>, chunk: &[usize]) -> Vec<Frame> {
        let lanes = self.measured(chunk.len());
        let (zoom, program) = (self.zoom, &self.program);
        // The last picture is the last of the last latent.
        let after = LATENT_FRAMES * chunk[chunk.len() - 1] + 1;
        let first = after.saturating_sub(pictures.len()) as u64;
        let frame = |(picture, number): (Arc<Picture>, u64)| {
            let latent = number.div_ceil(LATENT_FRAMES as u64);
            let lane = (latent as usize).saturating_sub(chunk[0]).min(chunk.len() - 1);
            // Which of its pictures it is, and of how many: the first latent frame is one picture.
            let count = if latent == 0 { 1 } else { LATENT_FRAMES };
            let index = (number + count as u64 - 1) as usize % count;
            // A latent frame speaks once, with the first of its frames.
            let messages = program.messages.iter().filter(|message| message.to == To::Osc && index == 0);
            let midi = message::midi(&program.messages, lane);
            let Lane { taps, before, peaks, sound } = &lanes[lane];
            let part = (index + 1) as f32 / count as f32;
            let scene = Scene { model: &zoomed(&picture, zoom), taps, before, part, peaks };
            Frame {
                number,
                latent,
                screen: scene.compose(shown_in(program, lane)),
                taps: taps.clone(),
                sound: sound.clone(),
                messages: messages.map(|message| (message.address.clone(), message.values[lane])).collect(),
                midi: midi.map(|(node, midi)| (node, frame::with_picture(midi, index, count))).collect(),
                recorded: message::recorded(&program.messages, lane),
                picture,
            }
        };
        let numbered: Vec<(Arc<Picture>, u64)> = pictures.into_iter().zip(first..).collect();
        self.times.compose.time(|| numbered.into_par_iter().map(frame).collect())
    }

    /// What was measured at the latent frames of the chunk, and what is left from before.
    fn measured(&mut self, lanes: usize) -> Vec<Lane> {
        let lane = |lane: usize| {
            let sound = sound::share(&self.heard, lane, lanes).into();
            let taps = Arc::new(self.taps_of(lane));
            let before = std::mem::replace(&mut self.last_taps, taps.clone());
            Arc::make_mut(&mut self.peaks).hear(shown_in(&self.program, lane), &taps, LATENT_SECS);
            Lane { taps, before, peaks: self.peaks.clone(), sound }
        };
        (0..lanes).map(lane).collect()
    }

    /// What the taps met at a frame of the chunk, over its steps.
    fn taps_of(&self, lane: usize) -> Taps {
        let tapped = self.chunk.iter().flat_map(|chunk| &chunk.tapped);
        tapped.filter_map(|(node, tapped)| Some((node.clone(), tapped.at(lane)?))).collect()
    }
}

/// What pictures of a latent frame are made of, besides the model's.
struct Lane {
    taps: Arc<Taps>,
    before: Arc<Taps>,
    peaks: Arc<Peaks>,
    sound: Arc<[Hop]>,
}

/// What a program shows in a lane.
fn shown_in(program: &Program, lane: usize) -> &Source {
    program.screen.get(lane).map_or(&Source::Model, |source| source)
}

impl Tapped {
    /// Whether these maps are of the same shape.
    fn fits(&self, maps: &[Map]) -> bool {
        let size = |map: &Map| (map.width, map.height);
        self.steps[0].iter().map(size).eq(maps.iter().map(size))
    }

    /// What it was at a frame of the chunk.
    fn at(&self, lane: usize) -> Option<Map> {
        let maps: Vec<&Map> = self.steps.iter().filter_map(|maps| maps.get(lane)).collect();
        bend::fused(&maps, self.fuse)
    }
}

/// The time in which the pictures of a latent frame are shown, in hops from the beginning of the video. The first latent frame, which is
/// one picture, begins before that: so all are of one length.
fn time_of(latent: usize) -> Range<i64> {
    let hops = |picture: i64| (picture * HOPS_PER_SEC as i64).div_euclid(FRAME_RATE as i64);
    let after = LATENT_FRAMES as i64 * latent as i64 + 1;
    hops(after - LATENT_FRAMES as i64)..hops(after)
}

/// The nodes that bend in a program.
fn nodes_of(program: &Program) -> String {
    let mut nodes: Vec<&str> = program.bends.iter().map(|bend| &*bend.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes.join(", ")
}

/// A video from its first frame on.
fn begin(model: &Model, prompt: &Prompt, seed: u64, (width, height): (usize, usize)) -> Result<Rollout> {
    let Some((streaming, schedule)) = model.family.streaming().zip(model.family.schedule()?) else {
        bail!("{} makes whole clips, not a stream", model.family)
    };
    let streaming = streaming.endless();
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
fn warnings(program: &Program, prompt: &Prompt, model: &Model) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = bend::warnings(program, &prompt.tokens, model.transformer.config())
        .into_iter()
        .map(|(node, sentence)| Warning::of(node, sentence))
        .collect();
    if prompt.tokens.dropped > 0 {
        let sentence = format!("the prompt is too long: its last {} tokens are left out", prompt.tokens.dropped);
        warnings.push(Warning::new(sentence));
    }
    warnings
}

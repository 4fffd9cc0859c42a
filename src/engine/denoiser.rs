//! The model calls: the generator under a prompt, and under the bends of a program.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use bendrack_nodes::program::{Blend, Measure, Pass, Program, Switch, Tap};
use bendrack_nodes::tick::DenoisingStep;
use candle_core::{Result, Tensor, bail};
use serde::{Deserialize, Serialize};

use super::model::{LATENT_PIXELS, Model};
use super::times::Clock;
use super::warning::{Warning, Warnings};
use crate::bend::{BendMemory, BoundProgram, Concepts, LeftOut, Outcome, StoredBends, concept_keys};
use crate::wan::clip::Clips;
use crate::wan::generator::{Generator, StoredGenerator};
use crate::wan::hooks::Hooks;
use crate::wan::kv_cache::PastVisibility;
use crate::wan::noise::Noise;
use crate::wan::rollout::{Rollout, RolloutError, Step};
use crate::wan::scheduler::Schedule;
use crate::wan::stored::Tensors;
use crate::wan::text::{Prompt, Tokens, blend};
use crate::wan::transformer::Context;

/// The generator with its prompt, and the memory of bends.
pub(super) struct Denoiser {
    generator: Box<dyn Generator>,
    /// The latent frames of a clip; none for chunks.
    clip: Option<usize>,
    prompt: Arc<Prompt>,
    /// Its text.
    text: Arc<str>,
    /// The second prompt, and its share.
    blend: Option<Blend>,
    /// The negative prompt, once it is encoded, and the number of its tokens that were dropped.
    negative: Option<(Arc<str>, usize)>,
    /// The keys of the words outside the prompt that taps measure.
    concepts: Concepts,
    memory: BendMemory,
    /// The memory of bends at the beginning of the chunk.
    begun: BendMemory,
    /// True if bends take their exact form.
    exact: bool,
}

/// A denoiser between two chunks, apart from its tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredDenoiser {
    generator: StoredGenerator,
    text: Arc<str>,
    blend: Option<Blend>,
    bends: StoredBends,
}

impl Denoiser {
    /// Begins a video without a prompt, of pictures of `size`, width and height in pixels.
    pub(super) fn new(model: &mut Model, seed: u64, (width, height): (usize, usize)) -> Result<Self> {
        let prompt = model.text.encode("")?;
        let generator = generator(model, seed, &prompt, (height / LATENT_PIXELS, width / LATENT_PIXELS))?;
        Ok(Self {
            generator,
            clip: model.clip(),
            prompt,
            text: Arc::from(""),
            blend: None,
            negative: None,
            concepts: Concepts::default(),
            memory: BendMemory::default(),
            begun: BendMemory::default(),
            exact: false,
        })
    }

    /// Begins the video again, with this noise.
    pub(super) fn restart(&mut self, noise: Box<dyn Noise + Send>) {
        self.generator.restart(noise);
        self.memory = BendMemory::default();
    }

    /// The denoiser between two chunks, with its tensors put into `tensors`.
    pub(super) fn store(&self, tensors: &mut Tensors) -> Result<StoredDenoiser> {
        Ok(StoredDenoiser {
            generator: self.generator.store(tensors)?,
            text: self.text.clone(),
            blend: self.blend.clone(),
            bends: self.memory.store(tensors),
        })
    }

    /// Continues from a stored denoiser of the same model and size.
    pub(super) fn restore(
        &mut self,
        stored: StoredDenoiser,
        tensors: &mut Tensors,
        model: &mut Model,
        clock: &mut Clock,
    ) -> Result<()> {
        let prompt = clock.time(|| model.text.encode(&stored.text))?;
        let context = context(model, &prompt, stored.blend.as_ref(), clock)?;
        self.generator.restore(stored.generator, context, tensors)?;
        self.memory = BendMemory::restore(stored.bends, tensors, model.transformer.device())?;
        (self.prompt, self.text, self.blend) = (prompt, stored.text, stored.blend);
        Ok(())
    }

    /// Changes the denoising steps to those of the model, between chunks.
    pub(super) fn set_schedule(&mut self, model: &Model) -> Result<()> {
        self.generator.set_schedule(model.schedule()?)
    }

    /// The latent frames of a clip; none for chunks.
    pub(super) const fn clip(&self) -> Option<usize> {
        self.clip
    }

    /// The denoising step of the next call.
    pub(super) fn step(&self) -> DenoisingStep {
        DenoisingStep { index: self.generator.upcoming().step, ..self.first_step() }
    }

    /// The first denoising step of a chunk.
    pub(super) fn first_step(&self) -> DenoisingStep {
        DenoisingStep { index: 0, count: self.steps() }
    }

    /// The number of denoising steps of a chunk.
    pub(super) fn steps(&self) -> usize {
        self.generator.steps()
    }

    /// Changes the noise from the next draw on.
    pub(super) fn set_noise(&mut self, noise: Box<dyn Noise + Send>) {
        self.generator.set_noise(noise);
    }

    /// Selects the exact form of bends.
    pub(super) fn set_exact(&mut self, exact: bool) {
        self.exact = exact;
    }

    /// True if bends take their exact form.
    pub(super) const fn is_exact(&self) -> bool {
        self.exact
    }

    /// The latent frames of the chunk under way, or of the next one between chunks.
    pub(super) fn chunk(&self) -> &Arc<[usize]> {
        self.generator.chunk()
    }

    /// The pass and the denoising step of the next call.
    pub(super) fn upcoming(&self) -> (Pass, usize) {
        let upcoming = self.generator.upcoming();
        (upcoming.pass, upcoming.step)
    }

    /// True if the next call begins a chunk.
    pub(super) fn is_between_chunks(&self) -> bool {
        self.generator.is_between_chunks()
    }

    /// True if the denoising steps of the chunk under way are done.
    pub(super) fn is_chunk_finished(&self) -> bool {
        self.generator.is_chunk_finished()
    }

    /// Takes the memory of bends of now as that at the beginning of the chunk.
    pub(super) fn begin_chunk(&mut self) {
        self.begun.clone_from(&self.memory);
    }

    /// True if finished chunks can be made once more.
    pub(super) fn can_remake(&self) -> bool {
        self.generator.can_remake()
    }

    /// Begins the finished chunk once more: see [`Generator::remake`].
    pub(super) fn remake(&mut self, shown: usize) -> Result<()> {
        self.generator.remake(shown)?;
        self.memory.clone_from(&self.begun);
        Ok(())
    }

    /// The tokens of the prompt.
    pub(super) fn tokens(&self) -> &Tokens {
        &self.prompt.tokens
    }

    /// The number of tokens at the end of the negative prompt that were dropped.
    pub(super) fn dropped_of_negative(&self) -> usize {
        self.negative.as_ref().map_or(0, |(_, dropped)| *dropped)
    }

    /// The memory of bends.
    pub(super) const fn memory(&self) -> &BendMemory {
        &self.memory
    }

    /// Updates the memory of bends with the outcome of a call under a program.
    pub(super) fn remember(&mut self, outcome: Outcome, program: &Program) {
        self.memory.update(outcome.memory, program, outcome.measured);
    }

    /// The past frames that the KV cache holds.
    pub(super) fn held_frames(&self) -> impl Iterator<Item = usize> {
        self.generator.held_frames().into_iter()
    }

    /// The past frames that [`Self::recache`] covers.
    pub(super) fn recacheable(&self) -> impl Iterator<Item = usize> {
        self.generator.recacheable().into_iter()
    }

    /// Recaches past frames before the next chunk.
    pub(super) fn recache(&mut self) {
        self.generator.recache();
    }

    /// Drops past frames and the chunk under way.
    pub(super) fn drop_past(&mut self) {
        self.generator.reset();
    }

    /// The latent frame whose last picture is encoded again before the next chunk.
    pub(super) fn reencoded(&self) -> Option<usize> {
        self.generator.reencoded()
    }

    /// Replaces the first frame of the past by a picture that is encoded again, `[1, channels, 1, height, width]`.
    pub(super) fn set_context_frame(&mut self, latent: &Tensor) -> Result<()> {
        self.generator.set_context_frame(latent)
    }

    /// Sets how much the next call attends to past frames.
    pub(super) fn set_past_visibility(&mut self, visibility: PastVisibility) {
        self.generator.set_past_visibility(visibility);
    }

    /// Sets the prompt of a program from the next chunk on. Returns the patch's choice for past frames, if the prompt is a new one.
    pub(super) fn set_prompt(
        &mut self,
        program: &Program,
        model: &mut Model,
        clock: &mut Clock,
    ) -> Result<Option<Switch>> {
        self.set_negative(&program.negative, model, clock)?;
        let prompt = clock.time(|| model.text.encode(&program.prompt))?;
        // Compared as text: the encoder forgets prompts that are long past.
        if prompt.tokens.prompt == self.prompt.tokens.prompt && program.blend == self.blend {
            return Ok(None);
        }
        let context = context(model, &prompt, program.blend.as_ref(), clock)?;
        match program.switch {
            None => self.generator.set_context(context),
            Some(_) => self.generator.replace_context(context),
        }
        (self.prompt, self.text, self.blend) = (prompt, program.prompt.clone(), program.blend.clone());
        Ok(program.switch)
    }

    /// Sets the negative prompt from the next chunk on, for a generator with guidance.
    fn set_negative(&mut self, text: &Arc<str>, model: &mut Model, clock: &mut Clock) -> Result<()> {
        if !self.generator.has_guidance() || self.negative.as_ref().is_some_and(|(negative, _)| negative == text) {
            return Ok(());
        }
        let prompt = clock.time(|| model.text.encode(text))?;
        self.generator.set_negative(Arc::new(model.transformer.context(&prompt.embedding)?));
        self.negative = Some((text.clone(), prompt.tokens.dropped));
        Ok(())
    }

    /// Encodes the words outside the prompt that taps measure.
    pub(super) fn set_concepts<'t>(
        &mut self,
        taps: impl Iterator<Item = &'t Tap>,
        model: &Model,
        clock: &mut Clock,
    ) -> Result<()> {
        let words = taps.filter_map(|tap| match &tap.measure {
            Measure::Concept { words } => Some(words.clone()),
            _ => None,
        });
        let wanted: BTreeSet<Arc<str>> = words.collect();
        self.concepts.retain(|words, _| wanted.contains(words));
        for words in wanted {
            if let Entry::Vacant(entry) = self.concepts.entry(words) {
                // The encoder of the prompts keeps its own.
                let (words, mut text) = (entry.key(), model.text.clone());
                let keys = clock.time(|| concept_keys(words, &mut text, &model.transformer))?;
                entry.insert(keys);
            }
        }
        Ok(())
    }

    /// Gives up the next call, as if it failed: see [`Generator::give_up`].
    pub(super) fn give_up(&mut self) {
        self.generator.give_up();
    }

    /// Makes a model call over frames from `first_frame` on. Skips a bend at each hook where its numbers overflow. If
    /// that is not enough, skips all bends. The result is none if the output is not finite even then.
    pub(super) fn advance(
        &mut self,
        (program, probes): (&Program, &[Tap]),
        first_frame: usize,
        clock: &mut Clock,
        warnings: &mut Warnings,
    ) -> Result<Option<(Step, Outcome)>> {
        let unbent = OnceCell::new();
        let mut program = program;
        for guarded in [false, true, false] {
            let bound = BoundProgram::new(program, &self.prompt.tokens, first_frame, &self.memory);
            let bound = bound.probed(probes).with_concepts(&self.concepts).exact(self.exact).guarded(guarded);
            match clock.time(|| self.generator.advance(Hooks::new(&bound))) {
                Ok(step) => {
                    let outcome = bound.finish()?;
                    outcome.left_out.iter().for_each(|out| warnings.add(warning_of(out)));
                    return Ok(Some((step, outcome)));
                }
                Err(RolloutError::Diverged) => {
                    if guarded {
                        warnings.add(Warning::new(format!(
                            "overflow of {} together: all bends are skipped; lower their amounts, or bypass one",
                            nodes_of(program)
                        )));
                        program = unbent.get_or_init(|| Program { bends: Vec::new(), ..program.clone() });
                    }
                }
                Err(RolloutError::Failed(error)) => {
                    self.give_up();
                    return Err(error);
                }
            }
        }
        Ok(None)
    }
}

/// The generator of a model, under a prompt, for latents of this height and width.
fn generator(model: &Model, seed: u64, prompt: &Prompt, latents: (usize, usize)) -> Result<Box<dyn Generator>> {
    let context = Arc::new(model.transformer.context(&prompt.embedding)?);
    let (transformer, noise) = (model.transformer.clone(), model.family.noise(seed));
    Ok(match (model.schedule()?, model.clip(), model.family.streaming()) {
        (Schedule::Sampling(sampling), Some(frames), _) => {
            let size = (frames, latents.0, latents.1);
            Box::new(Clips::new(transformer, sampling.sampler()?, sampling.guidance, context, noise, size)?)
        }
        (Schedule::FewStep(schedule), _, Some(streaming)) => {
            Box::new(Rollout::new(transformer, streaming.endless(), schedule, context, noise, latents)?)
        }
        _ => bail!("{} has no denoising steps of this kind", model.family),
    })
}

/// The features of a prompt, mixed with those of a second one.
fn context(model: &mut Model, prompt: &Prompt, second: Option<&Blend>, clock: &mut Clock) -> Result<Arc<Context>> {
    let mut embedding = prompt.embedding.clone();
    if let Some(Blend { prompt: second, amount, method }) = second {
        let second = clock.time(|| model.text.encode(second))?;
        embedding = blend(&embedding, &second.embedding, *amount, *method)?;
    }
    Ok(Arc::new(model.transformer.context(&embedding)?))
}

/// The warning for a bend that was left out.
fn warning_of(out: &LeftOut) -> Warning {
    let LeftOut { node, site, layer, step } = out;
    let sentence = format!(
        "overflow at {site}, layer {layer}, step {step}: the bend is skipped there; lower its amount, or target fewer layers"
    );
    Warning::skipped(node.clone(), *site, sentence)
}

/// The nodes that bend in a program.
fn nodes_of(program: &Program) -> String {
    let mut nodes: Vec<&str> = program.bends.iter().map(|bend| &*bend.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes.join(", ")
}

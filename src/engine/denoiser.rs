//! The model calls: the rollout under a prompt, and under the bends of a program.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use bendrack_nodes::program::{Blend, Measure, Pass, Program, Switch, Tap};
use candle_core::{Result, bail};
use serde::{Deserialize, Serialize};

use super::model::{LATENT_PIXELS, Model};
use super::times::Clock;
use super::warning::{Warning, Warnings};
use crate::bend::{BendMemory, BoundProgram, Concepts, LeftOut, Outcome, StoredBends, concept_keys};
use crate::wan::hooks::Hooks;
use crate::wan::kv_cache::PastVisibility;
use crate::wan::noise::Noise;
use crate::wan::rollout::{Rollout, RolloutError, Step, StoredRollout};
use crate::wan::stored::Tensors;
use crate::wan::text::{Prompt, Tokens, blend};
use crate::wan::transformer::Context;

/// The rollout with its prompt, and the memory of bends.
pub(super) struct Denoiser {
    rollout: Rollout,
    prompt: Arc<Prompt>,
    /// Its text.
    text: Arc<str>,
    /// The second prompt, and its share.
    blend: Option<Blend>,
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
    rollout: StoredRollout,
    text: Arc<str>,
    blend: Option<Blend>,
    bends: StoredBends,
}

impl Denoiser {
    /// Begins a video without a prompt, of pictures of `size`, width and height in pixels.
    pub(super) fn new(model: &mut Model, seed: u64, (width, height): (usize, usize)) -> Result<Self> {
        let Some((streaming, schedule)) = model.family.streaming().zip(model.schedule()?) else {
            bail!("{} makes whole clips; choose a model that streams", model.family)
        };
        let prompt = model.text.encode("")?;
        let context = Arc::new(model.transformer.context(&prompt.embedding)?);
        let latents = (height / LATENT_PIXELS, width / LATENT_PIXELS);
        let (transformer, noise) = (model.transformer.clone(), model.family.noise(seed));
        let rollout = Rollout::new(transformer, streaming.endless(), schedule, context, noise, latents)?;
        Ok(Self {
            rollout,
            prompt,
            text: Arc::from(""),
            blend: None,
            concepts: Concepts::default(),
            memory: BendMemory::default(),
            begun: BendMemory::default(),
            exact: false,
        })
    }

    /// Begins the video again, with this noise.
    pub(super) fn restart(&mut self, noise: Box<dyn Noise + Send>) {
        self.rollout.restart(noise);
        self.memory = BendMemory::default();
    }

    /// The denoiser between two chunks, with its tensors put into `tensors`.
    pub(super) fn store(&self, tensors: &mut Tensors) -> Result<StoredDenoiser> {
        Ok(StoredDenoiser {
            rollout: self.rollout.store(tensors)?,
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
        self.rollout.restore(stored.rollout, context, tensors)?;
        self.memory = BendMemory::restore(stored.bends, tensors, model.transformer.device())?;
        (self.prompt, self.text, self.blend) = (prompt, stored.text, stored.blend);
        Ok(())
    }

    /// Changes the denoising steps to those of the model, between chunks.
    pub(super) fn set_steps(&mut self, model: &Model) -> Result<()> {
        match model.schedule()? {
            Some(schedule) => self.rollout.set_schedule(schedule),
            None => Ok(()),
        }
    }

    /// The number of denoising steps of a chunk.
    pub(super) fn steps(&self) -> usize {
        self.rollout.steps()
    }

    /// Changes the noise from the next draw on.
    pub(super) fn set_noise(&mut self, noise: Box<dyn Noise + Send>) {
        self.rollout.set_noise(noise);
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
        self.rollout.chunk()
    }

    /// The pass and the denoising step of the next call.
    pub(super) fn upcoming(&self) -> (Pass, usize) {
        let upcoming = self.rollout.upcoming();
        (upcoming.pass, upcoming.step)
    }

    /// True if the next call begins a chunk.
    pub(super) fn is_between_chunks(&self) -> bool {
        self.rollout.is_between_chunks()
    }

    /// True if the denoising steps of the chunk under way are done.
    pub(super) fn is_chunk_finished(&self) -> bool {
        self.rollout.is_chunk_finished()
    }

    /// Takes the memory of bends of now as that at the beginning of the chunk.
    pub(super) fn begin_chunk(&mut self) {
        self.begun.clone_from(&self.memory);
    }

    /// True if finished chunks can be made once more.
    pub(super) fn can_remake(&self) -> bool {
        self.rollout.can_remake()
    }

    /// Begins the finished chunk once more: see [`Rollout::remake`].
    pub(super) fn remake(&mut self, shown: usize) -> Result<()> {
        self.rollout.remake(shown)?;
        self.memory.clone_from(&self.begun);
        Ok(())
    }

    /// The tokens of the prompt.
    pub(super) fn tokens(&self) -> &Tokens {
        &self.prompt.tokens
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
        self.rollout.cache().frames()
    }

    /// The past frames that [`Self::recache`] covers.
    pub(super) fn recacheable(&self) -> impl Iterator<Item = usize> {
        self.rollout.recacheable()
    }

    /// Recaches past frames before the next chunk.
    pub(super) fn recache(&mut self) {
        self.rollout.recache();
    }

    /// Drops past frames and the chunk under way.
    pub(super) fn drop_past(&mut self) {
        self.rollout.reset();
    }

    /// Sets how much the next call attends to past frames.
    pub(super) fn set_past_visibility(&mut self, visibility: PastVisibility) {
        self.rollout.set_past_visibility(visibility);
    }

    /// Sets the prompt of a program from the next chunk on. Returns the patch's choice for past frames, if the prompt is a new one.
    pub(super) fn set_prompt(
        &mut self,
        program: &Program,
        model: &mut Model,
        clock: &mut Clock,
    ) -> Result<Option<Switch>> {
        let prompt = clock.time(|| model.text.encode(&program.prompt))?;
        // Compared as text: the encoder forgets prompts that are long past.
        if prompt.tokens.prompt == self.prompt.tokens.prompt && program.blend == self.blend {
            return Ok(None);
        }
        let context = context(model, &prompt, program.blend.as_ref(), clock)?;
        match program.switch {
            None => self.rollout.set_context(context),
            Some(_) => self.rollout.replace_context(context),
        }
        (self.prompt, self.text, self.blend) = (prompt, program.prompt.clone(), program.blend.clone());
        Ok(program.switch)
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

    /// Gives up the next call, as if it failed: see [`Rollout::give_up`].
    pub(super) fn give_up(&mut self) {
        self.rollout.give_up();
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
            match clock.time(|| self.rollout.advance(Hooks::new(&bound))) {
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

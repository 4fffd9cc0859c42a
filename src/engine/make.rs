//! A make of a chunk: its first call, its result, and the chunk made once more.

use std::sync::Arc;

use bendrack_nodes::input::Controls;
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::Memory;
use candle_core::{Result, Tensor};

use super::{Engine, Warning, guidance};
use crate::bend;

/// The first call of a make.
#[derive(Default)]
pub(super) struct FirstCall {
    program: Program,
    /// Node memory after its tick.
    memory: Memory,
    /// True if the plan is still that of the make.
    pub(super) is_current: bool,
}

impl FirstCall {
    /// True if a make that begins with this program and memory is the same make. With a tap, its later calls could differ.
    fn is(&self, program: &Program, memory: &Memory) -> bool {
        self.is_current && program.taps.is_empty() && self.program == *program && self.memory == *memory
    }
}

/// A finished chunk.
#[derive(Clone)]
pub(super) struct MadeChunk {
    /// The numbers of its latent frames.
    pub(super) frames: Arc<[usize]>,
    /// Its clean latents; none if they are not finite, and the last picture stays.
    pub(super) latents: Option<Tensor>,
}

impl Engine {
    /// True if the chunk under way can be made once more: see [`Self::remake`].
    pub fn can_remake(&self) -> bool {
        self.denoiser.can_remake() && self.made.as_ref().is_none_or(|made| made.latents.is_some())
    }

    /// Sets the controls in the latent frames that are made and not yet shown. Begins the chunk once more if its program changes by that,
    /// or by a new plan. True if it does: [`Self::call`] makes it.
    ///
    /// The frames that are shown stay as they are. A chunk whose program is the same would be the same, picture for picture. Only the last
    /// make of a chunk enters the KV cache.
    ///
    /// # Errors
    ///
    /// Fails if a prompt cannot be encoded, or if the device fails. The chunk then stays as it is.
    pub fn remake(&mut self, lanes: &[Arc<Controls>]) -> Result<bool> {
        let Some(made) = self.made.as_ref().filter(|made| made.latents.is_some()) else { return Ok(false) };
        if self.to_show().is_empty() || !self.can_remake() {
            return Ok(false);
        }
        let frames = made.frames.clone();
        self.ticker.set_lanes(lanes, &frames, self.shown);
        self.ticker.swap_measurements();
        let program = self.ticker.tick(&frames, self.shown, self.denoiser.first_step());
        if self.first.is(&program, self.ticker.next()) {
            self.ticker.swap_measurements();
            self.ticker.recycle(program);
            return Ok(false);
        }
        let prompted = match self.set_concepts(&program) {
            Ok(()) => self.denoiser.set_prompt(&program, &mut self.model, &mut self.times.prompt),
            Err(error) => Err(error),
        };
        match prompted {
            Ok(switch) => self.policy.switch(switch),
            Err(error) => {
                self.ticker.swap_measurements();
                return Err(error);
            }
        }
        self.denoiser.remake(self.shown)?;
        self.ticker.keep_measurements();
        self.made = None;
        self.begin_make(&program);
        Ok(true)
    }

    /// Begins a make of a chunk under this program.
    pub(super) fn begin_make(&mut self, program: &Program) {
        let tokens = self.denoiser.tokens();
        let steps = self.denoiser.steps();
        let of_bends = bend::warnings(program, tokens, self.model.transformer.config(), steps);
        let of_bends = of_bends.into_iter().map(|(node, sentence)| Warning::of(node, sentence));
        let too_long = [("the prompt", tokens.dropped), ("the negative prompt", self.denoiser.dropped_of_negative())];
        let too_long = too_long.into_iter().filter_map(|(name, dropped)| length_warning(name, dropped));
        let is_chunk = self.denoiser.clip().is_none();
        let of_guidance: Vec<Warning> =
            if is_chunk { guidance::warnings_of_chunks(program).collect() } else { Vec::new() };
        let of_model: Vec<Warning> = self.model.warnings.iter().map(Warning::new).collect();
        self.warnings
            .reset(of_model.into_iter().chain(of_bends).chain(of_guidance).chain(too_long).chain(self.refused.clone()));
        self.taps.begin();
        self.probed.begin();
        self.first = FirstCall { program: program.clone(), memory: self.ticker.next().clone(), is_current: true };
    }
}

/// The warning about a prompt whose last tokens are left out; none if none are. `name` is the prompt in a sentence.
fn length_warning(name: &str, dropped: usize) -> Option<Warning> {
    (dropped > 0)
        .then(|| Warning::new(format!("{name} is too long, so its last {dropped} tokens are left out; shorten it")))
}

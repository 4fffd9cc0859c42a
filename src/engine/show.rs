//! The frames of a finished chunk, shown latent frame by latent frame.

use std::sync::Arc;

use bendrack_nodes::program::Measure;
use candle_core::{Result, Tensor};

use super::make::MadeChunk;
use super::presenter::Decoded;
use super::{Engine, Frame, Warning};
use crate::bend;
use crate::media::Picture;
use crate::wan::ops::is_finite;

impl Engine {
    /// The latent frames that are made and not yet shown, by number.
    pub fn to_show(&self) -> &[usize] {
        self.made.as_ref().map_or(&[], |made| &made.frames[self.shown..])
    }

    /// The frames of the next `count` latent frames of a finished chunk.
    ///
    /// # Errors
    ///
    /// Fails if the device fails. The next call tries again.
    pub fn show(&mut self, count: usize) -> Result<Vec<Frame>> {
        let mut frames = Vec::new();
        let end = self.shown.saturating_add(count);
        while let Some(made) = self.made.clone().filter(|made| self.shown < made.frames.len().min(end)) {
            frames.extend(self.show_next(&made)?);
            self.shown += 1;
            if self.shown == made.frames.len() && made.latents.is_none() {
                self.drop_chunk();
            } else if self.shown == made.frames.len() && self.denoiser.is_between_chunks() {
                self.end_chunk();
            }
        }
        Ok(frames)
    }

    /// The frames of the next latent frame.
    fn show_next(&mut self, made: &MadeChunk) -> Result<Vec<Frame>> {
        let (index, latent) = (self.shown, made.frames[self.shown]);
        let pictures = match &made.latents {
            Some(latents) => {
                let latents = latents.narrow(2, index, 1)?;
                if let Some(Decoded { pictures, last }) =
                    self.times.decode.time(|| self.presenter.decode(&latents, latent))?
                {
                    self.is_checked = true;
                    self.look_again(&last, latent)?;
                    self.measure_picture(&pictures, latent, index + 1 == made.frames.len());
                    pictures
                } else {
                    self.check_weights()?;
                    self.warnings.add(Warning::new(
                        "overflow of the decoder: the last picture stays; lower the amounts of bends",
                    ));
                    self.held_pictures(latent)
                }
            }
            None => self.held_pictures(latent),
        };
        let (taps, probes) = (self.taps.show(index), self.probed.show(index).taps);
        let (presenter, program) = (&mut self.presenter, &self.program);
        let controls = self.ticker.lanes().get(index).cloned().unwrap_or_default();
        let known = (controls, Arc::new(self.ticker.measurements().clone()));
        Ok(self.times.compose.time(|| presenter.present(pictures, (latent, index), program, (taps, probes), known)))
    }

    /// Encodes the last picture of a latent frame, `[1, 3, height, width]` in 0..1, if the model sees it again before the next chunk.
    fn look_again(&mut self, picture: &Tensor, latent: usize) -> Result<()> {
        let Some(encoder) = self.model.encoder.as_ref().filter(|_| self.denoiser.reencoded() == Some(latent)) else {
            return Ok(());
        };
        let seen = self.times.decode.time(|| encoder.encode(&picture.affine(2.0, -1.0)?))?.unsqueeze(2)?;
        // A picture beyond the encoder's range leaves the past as it is.
        if is_finite(&seen)? { self.denoiser.set_context_frame(&seen) } else { Ok(()) }
    }

    /// The last picture, in place of those of a latent frame.
    fn held_pictures(&self, latent: usize) -> Vec<Arc<Picture>> {
        vec![self.presenter.last_picture().clone(); self.timeline().pictures(latent)]
    }

    /// Measures the last picture of a latent frame, for the next tick after the last frame of a chunk.
    fn measure_picture(&mut self, pictures: &[Arc<Picture>], latent: usize, is_last: bool) {
        let Some(last) = pictures.last() else { return };
        if is_last {
            let before = (latent > 0).then(|| &**self.presenter.last_picture());
            let taps = self.program.taps.iter().filter(|tap| tap.measure == Measure::Picture);
            let memory = self.denoiser.memory();
            self.ticker.measure(taps.map(|tap| (tap.node.clone(), bend::picture_numbers(last, before, tap, memory))));
        }
        self.presenter.set_last_picture(last.clone());
    }
}

//! Whole clips: their length, their timeline, and the estimate of the one under way.

use std::sync::Arc;

use candle_core::Result;

use super::denoiser::Denoiser;
use super::{Engine, Model, Timeline, Warning};
use crate::media::Picture;

impl Engine {
    /// The pictures of latent frames.
    pub fn timeline(&self) -> Timeline {
        Timeline::new(self.denoiser.clip())
    }

    /// The first picture of the clip under way, as the model estimates it after the latest step; none between clips, and for chunks.
    ///
    /// # Errors
    ///
    /// Fails if the device fails.
    pub fn estimated_picture(&self) -> Result<Option<Arc<Picture>>> {
        match &self.estimate {
            Some(latents) => self.presenter.still(latents),
            None => Ok(None),
        }
    }

    /// Takes the length of clips from the plan.
    pub(super) fn set_clip(&mut self) {
        let denoising = self.given.or(self.ticker.plan().denoising());
        let (mut model, size) = (Model { denoising, ..self.model.clone() }, self.size());
        self.refused = None;
        if model.clip() == self.denoiser.clip() {
            return;
        }
        match Denoiser::new(&mut model, self.ticker.seed(), size) {
            Ok(mut denoiser) => {
                denoiser.set_exact(self.denoiser.is_exact());
                (self.denoiser, self.model) = (denoiser, model);
            }
            Err(error) => {
                let why = format!("the length of clips stays as it was: {error}; choose another one, and restart");
                self.refused = Some(Warning::new(why));
            }
        }
        let timeline = self.timeline();
        self.presenter.set_timeline(timeline);
        self.ticker.set_timeline(timeline);
    }
}

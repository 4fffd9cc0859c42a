//! An engine between two chunks, to be stored and continued later: the same frames follow, bit for bit.

use std::sync::Arc;

use candle_core::{Result, bail};
use serde::{Deserialize, Serialize};

use super::denoiser::StoredDenoiser;
use super::past_policy::PastPolicy;
use super::presenter::StoredPresenter;
use super::ticker::StoredTicker;
use super::{Engine, Phase, Taps};
use crate::wan::stored::Tensors;

/// An engine apart from its model, its plan, its settings and its tensors.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredEngine {
    ticker: StoredTicker,
    denoiser: StoredDenoiser,
    policy: PastPolicy,
    /// Maps of the latest latent frame that was shown.
    taps: Taps,
    presenter: StoredPresenter,
}

impl Engine {
    /// True if the engine can be stored: between two chunks, and before another plan comes.
    pub fn can_store(&self) -> bool {
        self.phase() == Phase::Between && self.ticker.can_store()
    }

    /// The engine between two chunks. Its tensors are put into `tensors`. Probes of a viewer are left out.
    ///
    /// # Errors
    ///
    /// Fails unless [`Self::can_store`], and if the device fails.
    pub fn store(&self, tensors: &mut Tensors) -> Result<StoredEngine> {
        if !self.can_store() {
            bail!("an engine is stored between two chunks only; finish the chunk first")
        }
        Ok(StoredEngine {
            ticker: self.ticker.store(),
            denoiser: self.denoiser.store(tensors)?,
            policy: self.policy.clone(),
            taps: Taps::clone(self.taps.last()),
            presenter: self.presenter.store(tensors),
        })
    }

    /// Continues from a stored engine of the same model, plan and settings. After an error, begin the video again.
    ///
    /// # Errors
    ///
    /// Fails if the stored engine is that of another model, size or plan, and if the device fails.
    pub fn restore(&mut self, stored: StoredEngine, tensors: &mut Tensors) -> Result<()> {
        self.begin_again();
        if !self.ticker.restore(stored.ticker) {
            bail!("the checkpoint is that of other nodes; begin the render again")
        }
        self.denoiser.restore(stored.denoiser, tensors, &mut self.model, &mut self.times.prompt)?;
        self.policy = stored.policy;
        self.taps.set_last(Arc::new(stored.taps));
        self.presenter.restore(stored.presenter, tensors, self.model.transformer.device())
    }
}

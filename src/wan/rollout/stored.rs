//! A rollout between two chunks, to be stored.

use std::collections::VecDeque;
use std::sync::Arc;

use candle_core::{Result, bail};
use serde::{Deserialize, Serialize};

use super::Rollout;
use super::stage::Stage;
use crate::wan::kv_cache::{Frames, StoredCache};
use crate::wan::stored::Tensors;
use crate::wan::transformer::Context;

/// A rollout apart from its tensors and its prompt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredRollout {
    /// Position of the next chunk.
    position: usize,
    /// Numbers of its frames.
    numbers: Vec<usize>,
    recache_wanted: bool,
    cache: StoredCache,
    /// Numbers of the latest finished frames, oldest first.
    recent: Vec<usize>,
    /// Number of the first frame since the beginning or the last reset.
    first: Option<usize>,
}

impl Rollout {
    /// The rollout between two chunks. Its tensors are put into `tensors`; the noise needs no memory.
    ///
    /// # Errors
    ///
    /// Fails within a chunk, and if the device fails.
    pub fn store(&self, tensors: &mut Tensors) -> Result<StoredRollout> {
        if self.stage != Stage::Between || self.next_context.is_some() {
            bail!("a rollout is stored between two chunks only; finish the chunk first")
        }
        for (number, latent) in &self.recent {
            tensors.put(format!("recent.{number}"), latent.clone());
        }
        if let Some((_, latent)) = &self.first {
            tensors.put("first", latent.clone());
        }
        Ok(StoredRollout {
            position: self.chunk.position,
            numbers: self.chunk.numbers.to_vec(),
            recache_wanted: self.recache_wanted,
            cache: self.cache.store(tensors)?,
            recent: self.recent.iter().map(|(number, _)| *number).collect(),
            first: self.first.as_ref().map(|(number, _)| *number),
        })
    }

    /// Continues from a stored rollout of the same model and size, under the prompt that it had.
    ///
    /// # Errors
    ///
    /// Fails if the stored rollout is that of another model or size, and if the device fails.
    pub fn restore(&mut self, stored: StoredRollout, context: Arc<Context>, tensors: &mut Tensors) -> Result<()> {
        if stored.numbers.len() != self.streaming.chunk.get() {
            bail!("the checkpoint has chunks of another length; begin the render again")
        }
        let mut recent = VecDeque::new();
        for number in stored.recent {
            let latent = tensors.take(&format!("recent.{number}"))?;
            recent.push_back((number, self.latents(&latent)?));
        }
        let first = match stored.first {
            Some(number) => Some((number, self.latents(&tensors.take("first")?)?)),
            None => None,
        };
        self.cache.restore(stored.cache, tensors)?;
        self.chunk = Frames { position: stored.position, numbers: stored.numbers.into() };
        (self.context, self.next_context) = (context, None);
        self.recache_wanted = stored.recache_wanted;
        (self.recent, self.first) = (recent, first);
        (self.stage, self.sample, self.estimate) = (Stage::Between, None, None);
        self.trajectory.clear();
        Ok(())
    }
}

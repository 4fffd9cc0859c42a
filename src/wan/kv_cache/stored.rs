//! A KV cache between two model calls, to be stored.

use candle_core::{Result, bail};
use serde::{Deserialize, Serialize};

use super::KvCache;
use super::ring::Ring;
use crate::wan::stored::Tensors;

/// A KV cache apart from its keys and values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredCache {
    ring: Ring,
    /// Numbers of the frames held, by slot.
    numbers: Vec<usize>,
}

impl KvCache {
    /// The cache between two calls. Copies of the keys and values of the frames held are put into `tensors`.
    ///
    /// # Errors
    ///
    /// Fails if the device fails.
    pub fn store(&self, tensors: &mut Tensors) -> Result<StoredCache> {
        let held = self.ring.filled * self.frame_tokens();
        for (layer, (keys, values)) in self.layers.iter().enumerate() {
            tensors.put(format!("keys.{layer}"), keys.narrow(1, 0, held)?.force_contiguous()?);
            tensors.put(format!("values.{layer}"), values.narrow(1, 0, held)?.force_contiguous()?);
        }
        Ok(StoredCache { ring: self.ring, numbers: self.numbers.clone() })
    }

    /// Continues from a stored cache of the same model, size and policy.
    ///
    /// # Errors
    ///
    /// Fails if the stored cache is that of another model, size or policy, and if the device fails.
    pub fn restore(&mut self, stored: StoredCache, tensors: &mut Tensors) -> Result<()> {
        let StoredCache { ring, numbers } = stored;
        let is_ours = (ring.window, ring.sink) == (self.policy.window, self.policy.sink);
        if !is_ours || ring.filled > ring.window || numbers.len() != self.numbers.len() {
            bail!("the checkpoint has a KV cache of another kind; begin the render again")
        }
        for (layer, (keys, values)) in self.layers.iter().enumerate() {
            for (kind, into) in [("keys", keys), ("values", values)] {
                let held = tensors.take(&format!("{kind}.{layer}"))?;
                if ring.filled > 0 {
                    into.slice_set(&held.to_device(&self.device)?.contiguous()?, 1, 0)?;
                }
            }
        }
        (self.ring, self.numbers, self.call) = (ring, numbers, None);
        Ok(())
    }
}

//! The factor of a LoRA's changes.

use candle_core::{Result, bail};
use serde_json::Value;

/// The factor of a LoRA's changes, as far as the caller knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// The strength: 1 for the changes as they were trained.
    pub strength: f64,
    /// The numerator of `alpha / rank`. It goes before that of the file; if neither is known it is the rank.
    pub alpha: Option<f64>,
    /// True if the rank counts by its square root (rsLoRA).
    pub is_rank_stabilised: bool,
}

impl Default for Scaling {
    fn default() -> Self {
        Self { strength: 1.0, alpha: None, is_rank_stabilised: false }
    }
}

/// The key of the header under which diffusers stores the settings of a LoRA.
pub(in super::super) const METADATA: &str = "lora_adapter_metadata";

impl Scaling {
    /// This scaling, with the settings in the text of PEFT's `adapter_config.json` where the caller gives none.
    ///
    /// # Errors
    ///
    /// Fails if the text is not JSON.
    pub fn or_of_config(self, json: &[u8]) -> Result<Self> {
        let settings: Value = serde_json::from_slice(json).or_else(|error| bail!("its settings: {error}"))?;
        Ok(self.or_of(&settings, ""))
    }

    /// This scaling, with the settings in the header of a file of diffusers where the caller gives none.
    pub(in super::super) fn or_of_header(self, json: &str) -> Result<Self> {
        let settings: Value = serde_json::from_str(json).or_else(|error| bail!("its header, {METADATA}: {error}"))?;
        Ok(self.or_of(&settings, "transformer."))
    }

    fn or_of(self, settings: &Value, prefix: &str) -> Self {
        let of = |name: &str| settings.get(format!("{prefix}{name}"));
        Self {
            alpha: self.alpha.or_else(|| of("lora_alpha")?.as_f64()),
            is_rank_stabilised: self.is_rank_stabilised
                || of("use_rslora").and_then(Value::as_bool).unwrap_or_default(),
            ..self
        }
    }

    /// The factor of a product of this rank; `own` is the alpha of the file. A change without a rank has factor 1.
    pub(super) fn of_rank(self, rank: Option<usize>, own: Option<f64>) -> Result<f64> {
        let Some(rank) = rank else { return Ok(1.0) };
        let rank = rank as f64;
        let alpha = self.alpha.or(own).unwrap_or(rank);
        if !alpha.is_finite() {
            bail!("alpha is {alpha}")
        }
        Ok(alpha / if self.is_rank_stabilised { rank.sqrt() } else { rank })
    }
}

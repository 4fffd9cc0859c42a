//! Words outside the prompt: their keys, and the attention that the picture would give to them.
//!
//! The share of a word is that of its tokens in the softmax over the tokens of the prompt and of the word. It is a calculation of its
//! own, so that no bit of the picture depends on it. The idea is that of *ConceptAttention* (Helbling et al. 2025), here for
//! cross-attention, whose text features do not change from layer to layer.

use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::program::Measure;
use bendrack_nodes::program::target::{MOST_WORDS, listed};
use candle_core::{Result, Tensor};

use super::BoundProgram;
use super::context::AttentionContext;
use super::measure::Owner;
use super::tensor;
use crate::wan::hooks::Attention;
use crate::wan::text::TextEncoder;
use crate::wan::transformer::Transformer;

/// The keys of words outside the prompt, by the text that lists the words: one `[1, tokens, heads, head_dim]` per layer.
pub type Concepts = BTreeMap<Arc<str>, Vec<Tensor>>;

/// The keys of a list of words, each encoded as a prompt of its own. Without the end of the prompt; empty for words without tokens.
///
/// # Errors
///
/// Fails if a word cannot be encoded, or if the device fails.
pub fn concept_keys(list: &str, text: &mut TextEncoder, model: &Transformer) -> Result<Vec<Tensor>> {
    let mut layers: Vec<Vec<Tensor>> = Vec::new();
    // A text that arrives by cable may be longer than a field allows.
    for word in listed(list).take(MOST_WORDS) {
        let prompt = text.encode(word)?;
        let rows = prompt.tokens.words().into_iter().flat_map(|word| word.positions);
        let rows: Vec<u32> = rows.map(|row| row as u32).collect();
        if rows.is_empty() {
            continue;
        }
        let context = model.context(&prompt.embedding)?;
        layers.resize_with(context.layers.len(), Vec::new);
        for (parts, keys) in layers.iter_mut().zip(context.layers) {
            parts.push(keys.k.contiguous()?.index_select(&Tensor::new(&rows[..], keys.k.device())?, 1)?);
        }
    }
    layers.iter().map(|parts| Tensor::cat(parts, 1)).collect()
}

impl BoundProgram<'_> {
    /// Measures the shares of words outside the prompt, before the bends of the map.
    pub(super) fn measure_concepts(
        &self,
        context: &AttentionContext<'_>,
        attention: &Attention,
        owner: Owner,
    ) -> Result<()> {
        let mut shares: BTreeMap<&str, Tensor> = BTreeMap::new();
        for (tap, part) in self.taps_at(|measure| matches!(measure, Measure::Concept { .. }), &context.hook) {
            let Measure::Concept { words } = &self.taps[tap].measure else { continue };
            let keys = self.concepts.and_then(|concepts| concepts.get(words)?.get(context.hook.layer));
            let Some(keys) = keys.filter(|_| self.owner(tap) == owner) else { continue };
            let share = if let Some(share) = shares.get(&**words) {
                share.clone()
            } else {
                let share = share(context, attention, keys)?;
                shares.insert(words, share.clone());
                share
            };
            let heads = share.dim(0)?;
            let chosen =
                (0..heads).filter(|&head| part.heads.contains(head)).map(|head| head..=head).collect::<Vec<_>>();
            let measured = tensor::select(&share, 0, (chosen.len() < heads).then_some(&chosen[..]))?;
            if measured.elem_count() > 0 {
                self.add(tap, &measured)?;
            }
        }
        Ok(())
    }
}

/// The share of further keys `[1, tokens, heads, head_dim]` in an attention, together: `[heads, frames, rows, columns]`.
fn share(context: &AttentionContext<'_>, attention: &Attention, keys: &Tensor) -> Result<Tensor> {
    let (batch, count, heads, width) = attention.k.dims4()?;
    let further = keys.dim(1)?;
    let keys = keys.broadcast_as((batch, further, heads, width))?;
    let (dtype, device) = (keys.dtype(), keys.device());
    let none = Tensor::zeros((batch, count, heads, 1), dtype, device)?;
    let whole = Tensor::ones((batch, further, heads, 1), dtype, device)?;
    let k = Tensor::cat(&[&attention.k, &keys], 1)?;
    let v = Tensor::cat(&[none, whole], 1)?;
    let share = Attention { k, v, bias: None, ..attention.clone() }.run()?;
    context.to_pictures(&share)?.mean(0)?.squeeze(1)
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::program::grid::Grid;
    use candle_core::{D, Device};

    use super::*;
    use crate::wan::hooks::HookContext;

    #[test]
    fn a_share_is_that_of_the_softmax_over_prompt_and_words() -> Result<()> {
        let random = |dims: (usize, usize, usize, usize)| Tensor::randn(0f32, 1.0, dims, &Device::Cpu);
        let (heads, width, grid) = (3, 8, Grid { frames: 2, rows: 2, columns: 3 });
        let q = random((1, grid.cells(), heads, width))?;
        let (k, v, further) =
            (random((1, 5, heads, width))?, random((1, 5, heads, width))?, random((1, 2, heads, width))?);
        let attention = Attention { q, k, v, bias: None, scale: 0.4, key_frames: Arc::default() };
        let hook = HookContext { grid: (2, 2, 3), frames: &[0, 1], ..HookContext::default() };
        let found = share(&AttentionContext::new(hook, &attention)?, &attention, &further)?;
        assert_eq!(found.dims(), [heads, 2, 2, 3]);
        // [heads, queries, keys]
        let keys = Tensor::cat(&[&attention.k, &further], 1)?.squeeze(0)?.permute((1, 2, 0))?.contiguous()?;
        let logits = (attention.q.squeeze(0)?.transpose(0, 1)?.contiguous()?.matmul(&keys)? * 0.4)?;
        let wanted = candle_nn::ops::softmax(&logits, D::Minus1)?.narrow(2, 5, 2)?.sum(2)?;
        let found = found.flatten_from(1)?.to_vec2::<f32>()?;
        for (found, wanted) in found.iter().flatten().zip(wanted.to_vec2::<f32>()?.iter().flatten()) {
            assert!((found - wanted).abs() < 1e-5, "{found} for {wanted}");
        }
        Ok(())
    }
}

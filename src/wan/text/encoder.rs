//! Prompts to embeddings, with a cache of the latest.

use std::collections::VecDeque;
use std::sync::Arc;

use candle_core::{Result, Tensor, bail};

use super::{PromptStore, Tokenizer, Tokens, Umt5, clean};

/// The most prompts whose embeddings are kept; Wan's take 4 MB each in bf16.
const REMEMBERED: usize = 16;

/// An encoded prompt, the input of the diffusion transformer.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The prompt's tokens, by position.
    pub tokens: Tokens,
    /// One row for each position, zeros from [`Tokens::padding_start`] on: `[1, text_len, text_dim]`.
    pub embedding: Tensor,
}

/// A text encoder and its tokenizer. Clones share them.
#[derive(Clone)]
pub struct TextEncoder {
    tokenizer: Arc<Tokenizer>,
    model: Arc<Umt5>,
    text_len: usize,
    /// The latest prompt first.
    remembered: VecDeque<Arc<Prompt>>,
    /// Embeddings on disk.
    store: Option<PromptStore>,
}

impl TextEncoder {
    /// Makes embeddings of `text_len` rows (Wan: 512), with a tokenizer and the model it belongs to.
    ///
    /// # Errors
    ///
    /// Fails if the tokenizer has more tokens than the model.
    pub fn new(tokenizer: Tokenizer, model: Umt5, text_len: usize) -> Result<Self> {
        let (known, embedded) = (tokenizer.vocab_size(), model.vocab_size());
        if known > embedded {
            bail!(
                "tokenizer.json has {known} tokens and the text encoder {embedded}; use the tokenizer of this text encoder"
            )
        }
        let (tokenizer, model) = (Arc::new(tokenizer), Arc::new(model));
        Ok(Self { tokenizer, model, text_len, remembered: VecDeque::new(), store: None })
    }

    /// The same encoder with a store of embeddings on disk.
    #[must_use]
    pub fn with_store(self, store: PromptStore) -> Self {
        Self { store: Some(store), ..self }
    }

    /// The number of rows of an embedding.
    pub fn text_len(&self) -> usize {
        self.text_len
    }

    /// Cleans, tokenizes and encodes a prompt, or returns it from the cache.
    ///
    /// # Errors
    ///
    /// Fails if the tokenizer does not belong to the model, or if the device fails.
    pub fn encode(&mut self, prompt: &str) -> Result<Arc<Prompt>> {
        let cleaned = clean(prompt);
        let known = self.remembered.iter().position(|known| known.tokens.prompt == cleaned);
        let encoded = if let Some(encoded) = known.and_then(|i| self.remembered.remove(i)) {
            encoded
        } else {
            let tokens = self.tokenizer.tokenize_cleaned(cleaned, self.text_len)?;
            let embedding = self.embed(&tokens.ids())?;
            Arc::new(Prompt { tokens, embedding })
        };
        self.remembered.push_front(encoded.clone());
        self.remembered.truncate(REMEMBERED);
        Ok(encoded)
    }

    /// The embedding of these tokens, from the store if it has them.
    fn embed(&self, ids: &[u32]) -> Result<Tensor> {
        let Some(store) = self.store.as_ref().filter(|_| !ids.is_empty() && ids.len() <= self.text_len) else {
            return self.model.encode(ids, self.text_len);
        };
        let (dim, dtype, device) = (self.model.dim(), self.model.dtype(), self.model.device());
        let embedding = store.get_or(ids, (dim, dtype, device), || self.model.forward(ids))?;
        embedding.pad_with_zeros(1, 0, self.text_len - ids.len())
    }
}

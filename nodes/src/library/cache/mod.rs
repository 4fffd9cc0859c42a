//! The KV cache: the model's memory of past latent frames.

pub mod off;
pub mod recache;
pub mod reset;
pub mod stale;

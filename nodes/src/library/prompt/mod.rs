//! Prompts.

pub mod change;
pub mod crossfade;
pub mod list;
pub mod schedule;
pub mod text;

use crate::node::context::NodeContext;
use crate::node::def::Input;
use crate::program::BlendMethod;

/// How two prompts are mixed.
pub const METHOD: Input = Input::choice(
    "method",
    &BlendMethod::CHOICES,
    "Interpolation of the prompt embeddings: linear, or spherical, which keeps their length.",
);

/// The method that a choice names.
pub fn method(ctx: &NodeContext<'_>) -> BlendMethod {
    BlendMethod::ALL[ctx.choice(&METHOD)]
}

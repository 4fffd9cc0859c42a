//! Prompts.

pub mod change;
pub mod crossfade;
pub mod list;
pub mod schedule;
pub mod text;

use crate::node::context::NodeContext;
use crate::node::def::Input;
use crate::program::BlendMethod;

/// Interpolation of two prompts.
pub const METHOD: Input = Input::choice_of::<BlendMethod>(
    "method",
    "Interpolation of the prompt embeddings: linear, or spherical, which keeps their length.",
);

/// Method chosen at [`METHOD`].
pub fn method(ctx: &NodeContext<'_>) -> BlendMethod {
    ctx.chosen(&METHOD)
}

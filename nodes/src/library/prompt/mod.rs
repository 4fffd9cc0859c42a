//! Prompts.

pub mod change;
pub mod crossfade;
pub mod list;
pub mod schedule;
pub mod text;

use crate::node::context::NodeContext;
use crate::node::def::Input;
use crate::program::BlendMethod;

/// Method of mixing two prompts.
pub const METHOD: Input = Input::choice_of::<BlendMethod>(
    "method",
    "Interpolation of the prompt embeddings: linear, or spherical, which keeps their length.",
);

/// The method that a choice names.
pub fn method(ctx: &NodeContext<'_>) -> BlendMethod {
    ctx.chosen(&METHOD)
}

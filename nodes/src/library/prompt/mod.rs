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
pub const METHOD: Input = Input::choice_of::<BlendMethod>(
    "method",
    "How two prompts are mixed: along a straight line, or along an arc that keeps their strength.",
);

/// The method that a choice names.
pub fn method(ctx: &NodeContext<'_>) -> BlendMethod {
    ctx.chosen(&METHOD)
}

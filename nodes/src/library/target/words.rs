//! Target: words of the prompt.

use crate::library::target::target_node;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::target::{MOST_WORDS, Target, words};

/// The words.
pub const WORDS: Input = Input::text(
    "words",
    "",
    "Words or phrases of the prompt, separated by commas. * matches any letters, <padding> the tokens after the prompt.",
)
.words(MOST_WORDS);
/// The target.
pub const OUT: Output =
    Output::of("target", Kind::Target, "The target, limited to these words.").passes(&target_node::WITHIN);

/// Limits a bend or a tap to words of the prompt and all their tokens.
pub const NODE: NodeDef = NodeDef {
    name: "target.words",
    title: "Words",
    about: "Limits a bend or a tap to words of the prompt and all their tokens.",
    inputs: &[target_node::WITHIN, WORDS],
    outputs: &[OUT],
    run: |ctx| {
        let words = words(&ctx.text(&WORDS));
        target_node::narrow(ctx, &OUT, Target { words, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};

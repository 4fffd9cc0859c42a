//! Which words of the prompt are meant.

use crate::library::target::target_node;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::target::{MOST_WORDS, Target, words};

const WORDS: Input = Input::text(
    "words",
    "",
    "Words or phrases of the prompt, separated by commas; * stands for any letters, <padding> for what lies behind the prompt.",
)
.words(MOST_WORDS);
const OUT: Output = Output::of("target", Kind::Target, "Only these words.").passes(&target_node::WITHIN);

/// Aims a bend or a tap at words of the prompt, with all their tokens.
pub const NODE: NodeDef = NodeDef {
    name: "target.words",
    title: "Words",
    about: "Aims a bend or a tap at words of the prompt, with all their tokens.",
    inputs: &[target_node::WITHIN, WORDS],
    outputs: &[OUT],
    run: |ctx| {
        let words = words(&ctx.text(&WORDS));
        target_node::narrow(ctx, &OUT, Target { words, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};

//! Which words of the prompt are meant.

use crate::aim;
use crate::def::{Input, NodeDef, Output};
use crate::target::{MOST_WORDS, Target, words};
use crate::value::Kind;

const WORDS: Input = Input::text(
    "words",
    "",
    "Words or phrases of the prompt, separated by commas; * stands for any letters, <padding> for what lies behind the prompt.",
)
.words(MOST_WORDS);
const OUT: Output = Output::of("target", Kind::Target, "Only these words.").passes(&aim::WITHIN);

/// Aims a bend or a tap at words of the prompt, with all their tokens.
pub const NODE: NodeDef = NodeDef {
    name: "target.words",
    title: "Words",
    about: "Aims a bend or a tap at words of the prompt, with all their tokens.",
    inputs: &[aim::WITHIN, WORDS],
    outputs: &[OUT],
    run: |run| {
        let words = words(&run.text(&WORDS));
        aim::narrow(run, &OUT, Target { words, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};

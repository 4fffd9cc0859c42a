//! Which words of the prompt are meant.

use crate::aim;
use crate::def::{Input, NodeDef, Output};
use crate::target::{MOST_WORDS, Target};
use crate::value::Kind;

const WORDS: Input =
    Input::text("words", "", "Words or phrases of the prompt, separated by commas; <padding> is what lies behind it.")
        .words(MOST_WORDS);
const OUT: Output = Output::of("target", Kind::Target, "Only these words.");

/// Words of the prompt.
pub const NODE: NodeDef = NodeDef {
    name: "target.words",
    title: "Words",
    about: "Aims a bend or a tap at words of the prompt, with all their tokens.",
    inputs: &[aim::WITHIN, WORDS],
    outputs: &[OUT],
    memory: 0,
    run: |run| {
        let Ok(words) = run.text(&WORDS).parse();
        aim::narrow(run, &OUT, &Target { words, ..Target::default() });
    },
};

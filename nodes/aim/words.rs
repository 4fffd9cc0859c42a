//! Which words of the prompt are meant.

use crate::def::{Input, NodeDef, Output};
use crate::target::{MOST_WORDS, Target};
use crate::value::Kind;

const WITHIN: Input = Input::socket("within", Kind::Target, "A target that is narrowed further.");
const WORDS: Input =
    Input::text("words", "", "Words or phrases of the prompt, separated by commas; <padding> is what lies behind it.")
        .words(MOST_WORDS);
const OUT: Output = Output::of("target", Kind::Target, "Only these words.");

/// Words of the prompt.
pub const NODE: NodeDef = NodeDef {
    name: "target.words",
    title: "Words",
    about: "Aims a bend or a tap at words of the prompt, with all their tokens.",
    inputs: &[WITHIN, WORDS],
    outputs: &[OUT],
    memory: 0,
    run: |run| {
        let Ok(words) = run.text(&WORDS).parse();
        let target = run.target(&WITHIN).and(&Target { words, ..Target::default() });
        run.set(&OUT, target);
    },
};

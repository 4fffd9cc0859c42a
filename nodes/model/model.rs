//! The video model.

use crate::def::{Input, NodeDef, Output};
use crate::program::{Blend, BlendMethod, Source};
use crate::value::Kind;

const PROMPT: Input = Input::text("prompt", "", "What the video shows.").sole();
const SECOND: Input = Input::text("second", "", "A second prompt that is mixed in.");
const MIX: Input = Input::number("mix", 0.0, "How much of the second prompt, from the next chunk on.").hard(0.0, 1.0);
const METHOD: Input =
    Input::choice("method", &["lerp", "slerp"], "How the prompts are mixed: along a straight line, or along an arc.");
const BENDS: Input = Input::socket("bends", Kind::Bend, "What is done inside of the model.");
const OUT: Output = Output::of("picture", Kind::Picture, "The generated picture.");

/// The video model: a prompt and bends to a picture.
pub const NODE: NodeDef = NodeDef {
    name: "model.wan",
    title: "Wan",
    about: "The video model: turns a prompt into pictures, bent from the inside.",
    inputs: &[PROMPT, BENDS, SECOND, MIX, METHOD],
    outputs: &[OUT],
    run: |run| {
        run.ask_prompt(run.text(&PROMPT));
        let amount = run.number(&MIX);
        if amount > 0.0 {
            let method = if run.choice(&METHOD) == 0 { BlendMethod::Lerp } else { BlendMethod::Slerp };
            run.ask_blend(Blend { prompt: run.text(&SECOND), amount, method });
        }
        if !run.bypass() {
            run.ask_bends(run.bends(&BENDS));
        }
        run.show(&OUT, Source::Model);
    },
    sees_bypass: true,
    ..NodeDef::BASE
};

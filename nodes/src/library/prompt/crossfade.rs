//! A mix of two prompts.

use crate::library::prompt::{METHOD, method};
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::prompt::Prompt;

const A: Input = Input::text("a", "", "Prompt at amount 0.");
const B: Input = Input::text("b", "", "Prompt at amount 1.");
const AMOUNT: Input =
    Input::number("amount", 0.0, "Position between the prompts: 0 is `a`, 1 is `b`; it takes effect chunk by chunk.")
        .hard(0.0, 1.0);
const OUT: Output =
    Output::of("text", Kind::Text, "Mixed prompt for the model; nodes that read plain text get the nearer prompt.")
        .passes(&A);

/// A mix of two prompts.
pub const NODE: NodeDef = NodeDef {
    name: "prompt.crossfade",
    title: "Prompt crossfade",
    about: "Interpolates between two prompts.",
    inputs: &[A, B, AMOUNT, METHOD],
    outputs: &[OUT],
    run: |ctx| {
        let (a, b) = (ctx.text(&A), ctx.text(&B));
        ctx.set(&OUT, Prompt::mix(a, b, ctx.number(&AMOUNT), method(ctx)));
    },
    pure: true,
    ..NodeDef::BASE
};

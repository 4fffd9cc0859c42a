//! A mix of two prompts.

use crate::library::prompt::{METHOD, method};
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::prompt::Prompt;

const A: Input = Input::text("a", "", "The prompt at 0.");
const B: Input = Input::text("b", "", "The prompt at 1.");
const AMOUNT: Input =
    Input::number("amount", 0.0, "How much of b: what the model shows goes from a to b with it, chunk by chunk.")
        .hard(0.0, 1.0);
const OUT: Output =
    Output::of("text", Kind::Text, "The mix, for the model; where plain text is read, it is the nearer prompt.")
        .passes(&A);

/// A mix of two prompts.
pub const NODE: NodeDef = NodeDef {
    name: "prompt.crossfade",
    title: "Prompt crossfade",
    about: "Mixes two prompts into one cable, along a line or an arc.",
    inputs: &[A, B, AMOUNT, METHOD],
    outputs: &[OUT],
    run: |ctx| {
        let (a, b) = (ctx.text(&A), ctx.text(&B));
        ctx.set(&OUT, Prompt::mix(a, b, ctx.number(&AMOUNT), method(ctx)));
    },
    pure: true,
    ..NodeDef::BASE
};

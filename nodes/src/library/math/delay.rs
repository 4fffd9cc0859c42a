//! A delayed number.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::direct("in", 0.0, "The number to delay.");
const FRAMES: Input = Input::number("frames", 1.0, "Delay in latent frames.").soft(1.0, 32.0).hard(1.0, MOST as f64);
const INITIAL: Input = Input::number(
    "initial",
    0.0,
    "Output until the first value arrives. In the first latent frame a connected knob keeps its own value.",
)
.soft(-1.0, 1.0);
const OUT: Output =
    Output::number("out", "The delayed number; its cables may form a feedback loop.").passes(&IN).delayed();

/// Longest delay, in latent frames.
const MOST: usize = 256;
/// Number of frames so far; then a ring of the numbers of the last [`MOST`] frames.
const COUNT: usize = 0;
const PAST: usize = 1;

/// Delays a number by latent frames; feedback loops may run through it.
pub const NODE: NodeDef = NodeDef {
    name: "math.delay",
    title: "Delay",
    about: "Delays a number by latent frames; feedback loops may run through it.",
    inputs: &[IN, FRAMES, INITIAL],
    outputs: &[OUT],
    memory: PAST + MOST,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    // The delayed output adds one frame by itself.
    let frames = ctx.whole(&FRAMES) as usize - 1;
    let (x, initial) = (ctx.number(&IN), ctx.number(&INITIAL));
    let memory = ctx.memory();
    let now = memory[COUNT] as usize;
    memory[PAST + now % MOST] = x;
    memory[COUNT] += 1.0;
    let past = now.checked_sub(frames).map(|then| memory[PAST + then % MOST]);
    ctx.set(&OUT, past.unwrap_or(initial));
}

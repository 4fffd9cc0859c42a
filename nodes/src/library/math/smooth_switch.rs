//! A switch with a glide.

use crate::choice::choices;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const A: Input = Input::direct("a", 0.0, "Number 0.").soft(-1.0, 1.0);
const B: Input = Input::direct("b", 0.0, "Number 1.").soft(-1.0, 1.0);
const C: Input = Input::direct("c", 0.0, "Number 2.").soft(-1.0, 1.0);
const D: Input = Input::direct("d", 0.0, "Number 3.").soft(-1.0, 1.0);
const INDEX: Input =
    Input::direct("index", 0.0, "Index of the input: 0 is `a`, 3 is `d`.").soft(0.0, 3.0).hard(0.0, 3.0);
const GLIDE: Input = Input::number("glide", 1.0, "Glide time, in seconds.").soft(0.0, 10.0).hard(0.0, 600.0).unit("s");

choices! {
    /// Easing of the glide.
    enum Easing {
        Linear = "linear",
        EaseIn = "ease_in",
        EaseOut = "ease_out",
        EaseInOut = "ease_in_out",
    }
}

const EASING: Input = Input::choice_of::<Easing>("easing", "Easing of the glide: linear, ease in, ease out, or both.");
const OUT: Output = Output::number("out", "The selected number, or the glide towards it.").passes(&A);

const BEGUN: usize = 0;
/// Index of the chosen input.
const CHOSEN: usize = 1;
/// Value at the start of the glide.
const FROM: usize = 2;
/// Progress of the glide, 0 to 1.
const DONE: usize = 3;

/// Selects one of four numbers and glides to it.
pub const NODE: NodeDef = NodeDef {
    name: "math.smooth_switch",
    title: "Smooth switch",
    about: "Selects one of four numbers and glides to it.",
    inputs: &[A, B, C, D, INDEX, GLIDE, EASING],
    outputs: &[OUT],
    memory: 4,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let index = ctx.whole(&INDEX).clamp(0, 3) as usize;
    let target = ctx.number([&A, &B, &C, &D][index]);
    let last = ctx.last(&OUT);
    let secs = ctx.number(&GLIDE);
    let step = if secs > 0.0 { ctx.dt_secs() / secs } else { 1.0 };
    let memory = ctx.memory();
    if memory[BEGUN] == 0.0 {
        memory.copy_from_slice(&[1.0, index as f64, target, 1.0]);
    } else if memory[CHOSEN] != index as f64 {
        memory.copy_from_slice(&[1.0, index as f64, last, 0.0]);
    }
    memory[DONE] = (memory[DONE] + step).min(1.0);
    let (from, done) = (memory[FROM], memory[DONE]);
    let way = match ctx.chosen::<Easing>(&EASING) {
        Easing::EaseIn => done * done,
        Easing::EaseOut => done * (2.0 - done),
        Easing::EaseInOut => done * done * (3.0 - 2.0 * done),
        Easing::Linear => done,
    };
    ctx.set(&OUT, if done < 1.0 { from + (target - from) * way } else { target });
}

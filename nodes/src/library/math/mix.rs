//! A crossfade.

use std::f64::consts::FRAC_PI_2;

use crate::choice::choices;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const A: Input = Input::direct("a", 0.0, "The first number.").soft(-1.0, 1.0);
const B: Input = Input::direct("b", 0.0, "The second number.").soft(-1.0, 1.0);
const C: Input = Input::direct("c", 0.0, "The third number.").soft(-1.0, 1.0);
const D: Input = Input::direct("d", 0.0, "The fourth number.").soft(-1.0, 1.0);
const INPUTS: Input = Input::number("inputs", 2.0, "Number of inputs in use.").soft(2.0, 4.0).hard(2.0, 4.0);
const POSITION: Input =
    Input::number("position", 0.5, "Position between the inputs: 0 is the first, 1 the last in use.").hard(0.0, 1.0);

choices! {
    /// Crossfade curve.
    enum Fade {
        Linear = "linear",
        EqualPower = "equal_power",
    }
}

const FADE: Input = Input::choice_of::<Fade>("fade", "Crossfade curve: linear, or equal power.");
const OUT: Output = Output::number("out", "The mixed number.").passes(&A);

/// Crossfades through up to four numbers.
pub const NODE: NodeDef = NodeDef {
    name: "math.mix",
    title: "Mix",
    about: "Crossfades through up to four numbers.",
    inputs: &[A, B, C, D, INPUTS, POSITION, FADE],
    outputs: &[OUT],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let numbers = [&A, &B, &C, &D].map(|input| ctx.number(input));
    let last = ctx.whole(&INPUTS) as usize - 1;
    let place = ctx.number(&POSITION) * last as f64;
    let first = (place as usize).min(last - 1);
    let way = place - first as f64;
    let (from, to) = match ctx.chosen::<Fade>(&FADE) {
        Fade::EqualPower => ((way * FRAC_PI_2).cos(), (way * FRAC_PI_2).sin()),
        Fade::Linear => (1.0 - way, way),
    };
    ctx.set(&OUT, from * numbers[first] + to * numbers[first + 1]);
}

//! The 1€ filter of Casiez, Roussel and Vogel (CHI 2012).

use std::f64::consts::TAU;

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::direct("in", 0.0, "The number to smooth.");
const MIN_CUTOFF: Input =
    Input::number("min_cutoff", 1.0, "Cutoff frequency at rest, in Hz: lower is smoother and slower.")
        .soft(0.01, 10.0)
        .hard(0.001, 1000.0)
        .unit("Hz")
        .log();
const BETA: Input = Input::number("beta", 0.01, "Rise of the cutoff with speed: higher lags less in motion.")
    .soft(0.001, 10.0)
    .hard(0.0, 1000.0)
    .log();
const D_CUTOFF: Input = Input::number("d_cutoff", 1.0, "Cutoff frequency for the speed estimate, in Hz.")
    .soft(0.01, 10.0)
    .hard(0.001, 1000.0)
    .unit("Hz")
    .log();
const OUT: Output = Output::number("out", "The smoothed value.").passes(&IN);

const LEVEL: usize = 0;
/// The smoothed speed, per second.
const SPEED: usize = 1;
const BEGUN: usize = 2;

/// Smooths a number at rest and follows it while it moves.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.one_euro",
    title: "One Euro",
    about: "Removes jitter from a sensor: smooth at rest, quick in motion (One Euro filter).",
    inputs: &[IN, MIN_CUTOFF, BETA, D_CUTOFF],
    outputs: &[OUT],
    memory: 3,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let target = ctx.number(&IN);
    let &mut [level, speed, begun] = ctx.memory() else { return };
    let (level, speed) = if begun == 0.0 {
        (target, 0.0)
    } else {
        let now = (target - level) / ctx.dt_secs();
        let speed = speed + (now - speed) * smoothing(ctx, ctx.number(&D_CUTOFF));
        let cutoff = ctx.number(&MIN_CUTOFF) + ctx.number(&BETA) * speed.abs();
        (level + (target - level) * smoothing(ctx, cutoff), speed)
    };
    ctx.memory()[LEVEL] = level;
    ctx.memory()[SPEED] = speed;
    ctx.memory()[BEGUN] = 1.0;
    ctx.set(&OUT, level);
}

/// Smoothing factor of a low-pass filter of this cutoff frequency, per frame.
fn smoothing(ctx: &NodeContext<'_>, cutoff: f64) -> f64 {
    let angle = TAU * cutoff * ctx.dt_secs();
    angle / (1.0 + angle)
}

//! The 1€ filter of Casiez, Roussel and Vogel (CHI 2012).

use std::f64::consts::TAU;

use crate::node::context::Run;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::signal("in", 0.0, "The number to smooth.");
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

/// Takes the tremor out of what stands still and follows what moves.
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

fn run(run: &mut Run<'_>) {
    let target = run.number(&IN);
    let &mut [level, speed, begun] = run.memory() else { return };
    let (level, speed) = if begun == 0.0 {
        (target, 0.0)
    } else {
        let now = (target - level) / run.dt_secs();
        let speed = speed + (now - speed) * smoothing(run, run.number(&D_CUTOFF));
        let cutoff = run.number(&MIN_CUTOFF) + run.number(&BETA) * speed.abs();
        (level + (target - level) * smoothing(run, cutoff), speed)
    };
    run.memory()[LEVEL] = level;
    run.memory()[SPEED] = speed;
    run.memory()[BEGUN] = 1.0;
    run.set(&OUT, level);
}

/// What part of the way a low-pass filter of this cutoff frequency goes in a frame.
fn smoothing(run: &Run<'_>, cutoff: f64) -> f64 {
    let angle = TAU * cutoff * run.dt_secs();
    angle / (1.0 + angle)
}

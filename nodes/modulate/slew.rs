//! Takes the edge off.

use crate::def::{Input, NodeDef, Output};
use crate::run::Run;

const IN: Input = Input::signal("in", 0.0, "What is smoothed.");
const RISE: Input =
    Input::number("rise", 0.2, "Seconds to come up 90 % of the way.").soft(0.0, 5.0).hard(0.0, 60.0).unit("s");
const FALL: Input =
    Input::number("fall", 0.2, "Seconds to come down 90 % of the way.").soft(0.0, 5.0).hard(0.0, 60.0).unit("s");
const OUT: Output = Output::number("out", "The smoothed value.");

const LEVEL: usize = 0;
const BEGUN: usize = 1;

/// Follows a value without jumps.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.slew",
    title: "Slew",
    about: "Follows a value without jumps, up and down at speeds of their own.",
    inputs: &[IN, RISE, FALL],
    outputs: &[OUT],
    memory: 2,
    run,
    ..NodeDef::BASE
};

fn run(run: &mut Run<'_>) {
    let target = run.number(&IN);
    let level = if run.memory()[BEGUN] == 0.0 { target } else { run.memory()[LEVEL] };
    let secs = run.number(if target > level { &RISE } else { &FALL });
    // 1 − e^(−ln 10) is 90 %.
    let step = if secs > 0.0 { 1.0 - (-std::f64::consts::LN_10 * run.dt_secs() / secs).exp() } else { 1.0 };
    let level = level + (target - level) * step;
    run.memory()[LEVEL] = level;
    run.memory()[BEGUN] = 1.0;
    run.set(&OUT, level);
}

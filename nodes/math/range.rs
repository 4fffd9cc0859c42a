//! From one range to another.

use crate::def::{Input, NodeDef, Output};
use crate::run::Run;

const IN: Input = Input::signal("in", 0.0, "What is mapped.");
const IN_MIN: Input = Input::number("in_min", 0.0, "Where the range it comes from begins.").soft(-1.0, 1.0);
const IN_MAX: Input = Input::number("in_max", 1.0, "Where the range it comes from ends.").soft(-1.0, 1.0);
const OUT_MIN: Input = Input::number("out_min", 0.0, "What the beginning becomes.").soft(-1.0, 1.0);
const OUT_MAX: Input = Input::number("out_max", 1.0, "What the end becomes; it may be less.").soft(-1.0, 1.0);
const CURVE: Input =
    Input::number("curve", 0.0, "Bends the way between: below 0 late, above 0 early.").soft(-1.0, 1.0).hard(-1.0, 1.0);
const OUTSIDE: Input =
    Input::choice("outside", &["clamp", "wrap", "fold", "none"], "What happens outside of the range.");
const OUT: Output = Output::number("out", "The mapped value.");

/// Maps one range onto another.
pub const NODE: NodeDef = NodeDef {
    name: "math.range",
    title: "Range",
    about: "Maps one range onto another, straight or along a curve.",
    inputs: &[IN, IN_MIN, IN_MAX, OUT_MIN, OUT_MAX, CURVE, OUTSIDE],
    outputs: &[OUT],
    run,
    ..NodeDef::BASE
};

fn run(run: &mut Run<'_>) {
    let (low, high) = (run.number(&IN_MIN), run.number(&IN_MAX));
    let x = if high == low { 0.0 } else { (run.number(&IN) - low) / (high - low) };
    let x = match OUTSIDE.choices[run.choice(&OUTSIDE)] {
        "wrap" => x.rem_euclid(1.0),
        "fold" => 1.0 - (x.rem_euclid(2.0) - 1.0).abs(),
        "none" => x,
        _ => x.clamp(0.0, 1.0),
    };
    // From x⁸ at −1 over x at 0 to x^⅛ at 1, on either side of zero.
    let x = x.abs().powf(8f64.powf(-run.number(&CURVE))).copysign(x);
    let (low, high) = (run.number(&OUT_MIN), run.number(&OUT_MAX));
    run.set(&OUT, low + (high - low) * x);
}

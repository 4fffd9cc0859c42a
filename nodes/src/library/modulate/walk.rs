//! A random walk.

use crate::library::modulate::random::{SEED, random};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const STEP_SIZE: Input =
    Input::number("step_size", 0.3, "Typical distance per second.").soft(0.01, 10.0).hard(0.0, 1e6).log();
const REVERSION: Input =
    Input::number("reversion", 0.1, "Pull to the middle: share of the distance per second, 0 none to 1 all.")
        .hard(0.0, 1.0);
const LOW: Input = Input::number("low", 0.0, "Lower bound; the walk reflects there.").soft(-1.0, 1.0).hard(-1e6, 1e6);
const HIGH: Input = Input::number("high", 1.0, "Upper bound; the walk reflects there.").soft(-1.0, 1.0).hard(-1e6, 1e6);
const RESET: Input = Input::gate("reset", false, "Trigger: back to the middle; the same walk starts again.");
const OUT: Output = Output::number("out", "Position of the walk, `low` to `high`.");

/// Offset from the centre.
const AWAY: usize = 0;
/// Number of steps.
const STEPS: usize = 1;

/// √3: the inverse of the standard deviation of a uniform number from −1 to 1.
const SPREAD: f64 = 1.732_050_807_568_877_2;

/// A random walk between two bounds.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.walk",
    title: "Walk",
    about: "A random walk between two bounds.",
    inputs: &[STEP_SIZE, REVERSION, LOW, HIGH, SEED, RESET],
    outputs: &[OUT],
    memory: 2,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    if ctx.rises(&RESET) {
        ctx.memory().fill(0.0);
    }
    let (low, high) = (ctx.number(&LOW), ctx.number(&HIGH));
    let half = 0.5 * (high - low).abs();
    let away = reflect(ctx.memory()[AWAY], half);
    ctx.set(&OUT, (0.5 * (low + high) + away).clamp(low.min(high), low.max(high)));
    let steps = ctx.memory()[STEPS];
    let dice = 2.0 * random(ctx, 0, steps as i64) - 1.0;
    let step = ctx.number(&STEP_SIZE) * ctx.dt_secs().sqrt() * SPREAD * dice;
    ctx.memory()[AWAY] = away * (1.0 - ctx.number(&REVERSION)).powf(ctx.dt_secs()) + step;
    ctx.memory()[STEPS] = steps + 1.0;
}

/// Reflects a number at −`half` and `half`.
fn reflect(x: f64, half: f64) -> f64 {
    if x.abs() <= half {
        return x;
    }
    if half == 0.0 {
        return 0.0;
    }
    let way = (x + half).rem_euclid(4.0 * half);
    if way <= 2.0 * half { way - half } else { 3.0 * half - way }
}

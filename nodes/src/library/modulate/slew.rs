//! Slew limiter.

use std::f64::consts::{LN_10, PI};

use crate::choice::choices;
use crate::library::modulate::oscillator::Swing;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::direct("in", 0.0, "The number to smooth.");

choices! {
    /// Shape of the motion.
    enum Shape {
        Exponential = "exponential",
        Linear = "linear",
        Spring = "spring",
    }
}

const SHAPE: Input =
    Input::choice_of::<Shape>("shape", "Shape of the motion: exponential, linear, or a spring with overshoot.");
const RISE: Input = Input::number("rise", 0.2, "Rise time, in seconds: 90 % of the way; for linear, a distance of 1.")
    .soft(0.0, 5.0)
    .hard(0.0, 60.0)
    .unit("s");
const FALL: Input = Input::number("fall", 0.2, "Fall time, in seconds: 90 % of the way; for linear, a distance of 1.")
    .soft(0.0, 5.0)
    .hard(0.0, 60.0)
    .unit("s");
const OVERSHOOT: Input =
    Input::number("overshoot", 0.1, "Overshoot of the spring, as a fraction of the way.").soft(0.0, 0.5).hard(0.0, 0.9);
const OUT: Output = Output::number("out", "The smoothed value.").passes(&IN);

const LEVEL: usize = 0;
const BEGUN: usize = 1;
/// Speed of the spring: see [`Swing`].
const SPEED: usize = 2;
/// Target in the previous frame.
const TARGET: usize = 3;
/// 1 if the spring moves towards its target from above.
const FALLING: usize = 4;

/// Fraction of the way that takes the rise or fall time.
const TIMED: f64 = 0.9;
/// Bisection steps in [`angle`]; its error is at most 4 · 2⁻⁴⁰ radians.
const BISECTIONS: usize = 40;

/// A slew limiter with separate rise and fall times.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.slew",
    title: "Slew",
    about: "A slew limiter with separate rise and fall times.",
    inputs: &[IN, SHAPE, RISE, FALL, OVERSHOOT],
    outputs: &[OUT],
    memory: 5,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let target = ctx.number(&IN);
    let level = if ctx.memory()[BEGUN] == 0.0 { target } else { ctx.memory()[LEVEL] };
    let shape = ctx.chosen::<Shape>(&SHAPE);
    // A spring past its target keeps its rise or fall time until the target changes.
    if target != ctx.memory()[TARGET] || shape != Shape::Spring {
        ctx.memory()[FALLING] = f64::from(u8::from(target <= level));
    }
    let falling = ctx.memory()[FALLING];
    let secs = ctx.number(if falling == 0.0 { &RISE } else { &FALL });
    let part = ctx.dt_secs() / secs;
    let way = target - level;
    let (level, speed) = match shape {
        _ if secs <= 0.0 => (target, 0.0),
        Shape::Linear if way.abs() <= TIMED * part => (target, 0.0),
        Shape::Linear => (level + (TIMED * part).copysign(way), 0.0),
        Shape::Spring => {
            let damping = damping(ctx.number(&OVERSHOOT));
            let swing = Swing { away: -way, speed: ctx.memory()[SPEED] }.after(part * angle(damping), damping);
            (target + swing.away, swing.speed)
        }
        Shape::Exponential => (level + exponential(way, ctx.dt_secs(), secs), 0.0),
    };
    ctx.memory().copy_from_slice(&[level, 1.0, speed, target, falling]);
    ctx.set(&OUT, level);
}

/// The part of a way that an exponential motion covers in `dt`, if it covers 90 % in `secs`.
pub(crate) fn exponential(way: f64, dt: f64, secs: f64) -> f64 {
    // 1 − e^(−ln 10) is 90 %.
    way * (1.0 - (-LN_10 * dt / secs).exp())
}

/// Damping ratio of a spring with this overshoot, a fraction of the way.
fn damping(overshoot: f64) -> f64 {
    if overshoot > 0.0 { -overshoot.ln() / PI.hypot(overshoot.ln()) } else { 1.0 }
}

/// Angle of the undamped oscillation, in radians, at which a spring has covered [`TIMED`] of the way.
fn angle(damping: f64) -> f64 {
    // The spring first turns after half a damped oscillation. Without one it arrives before 4 radians.
    let turn = PI / (1.0 - damping * damping).sqrt();
    let (mut low, mut high) = (0.0, turn.min(4.0));
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        let away = Swing { away: 1.0, speed: 0.0 }.after(middle, damping).away;
        if away > 1.0 - TIMED { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

//! An envelope: attack, decay, sustain, release.

use crate::choice::choices;
use crate::library::time::ROUNDED;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Gate;

const GATE: Input = Input::gate("gate", false, "Gate: starts the envelope when it rises, releases it when it falls.");

choices! {
    /// Stages of the envelope.
    enum Shape {
        Adsr = "adsr",
        Ar = "ar",
        Ad = "ad",
    }
}

const SHAPE: Input = Input::choice_of::<Shape>(
    "shape",
    "Stages: attack-decay-sustain-release, attack-release, or attack-decay regardless of the gate's length.",
);
const ATTACK: Input = Input::number("attack", 0.1, "Attack time from 0 to full level, in seconds.")
    .soft(0.01, 10.0)
    .hard(0.0, 60.0)
    .unit("s")
    .log();
const DECAY: Input =
    Input::number("decay", 0.2, "Time for a full fall, in seconds; reaching sustain takes proportionally less.")
        .soft(0.01, 10.0)
        .hard(0.0, 60.0)
        .unit("s")
        .log();
const SUSTAIN: Input = Input::number("sustain", 0.7, "Sustain level while the gate is on, 0 to 1.").hard(0.0, 1.0);
const RELEASE: Input =
    Input::number("release", 0.5, "Release time from full level to 0, in seconds; from lower levels it takes less.")
        .soft(0.01, 10.0)
        .hard(0.0, 60.0)
        .unit("s")
        .log();
const ATTACK_CURVE: Input = curve("attack_curve", "Curve of the attack: 0 is linear, 1 starts fast, −1 starts slow.");
const DECAY_CURVE: Input = curve("decay_curve", "Curve of the decay: 0 is linear, 1 starts fast, −1 starts slow.");
const RELEASE_CURVE: Input =
    curve("release_curve", "Curve of the release: 0 is linear, 1 starts fast, −1 starts slow.");

choices! {
    /// Response to a new gate before release.
    enum Retrigger {
        Restart = "restart",
        Legato = "legato",
    }
}

const RETRIGGER: Input = Input::choice_of::<Retrigger>(
    "retrigger",
    "Response to a new gate before release: restart the attack from the present level, or ignore it.",
);
const LOOP: Input = Input::gate("loop", false, "Repeats attack and decay while the gate is on.");
const LEVEL: Input = Input::number("level", 1.0, "Full level.").hard(-1e6, 1e6);
const OUT: Output = Output::number("out", "The envelope, 0 to `level`.");
const END: Output = Output::gate("end", "Trigger at the end of the envelope and before each repeat.");

/// Height, 0 to 1.
const HEIGHT: usize = 0;
/// [`REST`], [`ATTACKING`] or [`DECAYING`].
const STAGE: usize = 1;

/// Released, or at rest.
const REST: f64 = 0.0;
const DECAYING: f64 = 1.0;
const ATTACKING: f64 = 2.0;

/// Time constants in a stage with a curve of 1.
const STEEPEST: f64 = 6.0;

const fn curve(name: &'static str, about: &'static str) -> Input {
    Input::number(name, 0.0, about).soft(-1.0, 1.0).hard(-1.0, 1.0)
}

/// An ADSR envelope; each stage takes at least one latent frame.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.envelope",
    title: "Envelope",
    about: "An ADSR envelope; each stage takes at least one latent frame.",
    inputs: &[
        GATE,
        SHAPE,
        ATTACK,
        DECAY,
        SUSTAIN,
        RELEASE,
        ATTACK_CURVE,
        DECAY_CURVE,
        RELEASE_CURVE,
        RETRIGGER,
        LOOP,
        LEVEL,
    ],
    outputs: &[OUT, END],
    memory: 2,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (was, stage) = (ctx.memory()[HEIGHT], ctx.memory()[STAGE]);
    let (hit, shape) = (ctx.rises(&GATE), ctx.chosen::<Shape>(&SHAPE));
    // A gate shorter than a latent frame lasts one.
    let on = ctx.gate(&GATE) || hit;
    let again = hit && ctx.chosen::<Retrigger>(&RETRIGGER) == Retrigger::Restart;
    let stage = match stage {
        _ if again => ATTACKING,
        REST if hit || on && (shape != Shape::Ad || ctx.gate(&LOOP)) => ATTACKING,
        _ if !on && shape != Shape::Ad => REST,
        stage => stage,
    };
    let looped = on && ctx.gate(&LOOP);
    let goal = match shape {
        Shape::Adsr => ctx.number(&SUSTAIN),
        Shape::Ar if !looped => 1.0,
        Shape::Ar | Shape::Ad => 0.0,
    };
    // Attack-release has no decay: it falls along its release.
    let (fall, fall_curve) =
        if stage == REST || shape == Shape::Ar { (&RELEASE, &RELEASE_CURVE) } else { (&DECAY, &DECAY_CURVE) };
    let height = match stage {
        ATTACKING => moved(was, 1.0, step(ctx, &ATTACK), ctx.number(&ATTACK_CURVE)),
        DECAYING => moved(was, goal, step(ctx, fall), ctx.number(fall_curve)),
        _ => moved(was, 0.0, step(ctx, fall), ctx.number(fall_curve)),
    };
    let fell = stage == DECAYING && height == goal;
    let next = match stage {
        ATTACKING if height >= 1.0 => DECAYING,
        DECAYING if fell && looped => ATTACKING,
        DECAYING if fell && shape == Shape::Ad => REST,
        stage => stage,
    };
    ctx.memory()[HEIGHT] = height;
    ctx.memory()[STAGE] = next;
    ctx.set(&OUT, height * ctx.number(&LEVEL));
    ctx.set(&END, Gate::fired(u16::from(was > 0.0 && height == 0.0 || fell && looped)));
}

/// A frame as a fraction of the stage with the duration at `secs`.
fn step(ctx: &NodeContext<'_>, secs: &Input) -> f64 {
    let secs = ctx.number(secs);
    if secs > 0.0 { ctx.dt_secs() / secs } else { 1.0 }
}

/// Height after a move towards `goal` by `part` of a full stage, along the stage's curve from its point at `height`.
/// `bend` is the knob of the curve, −1 to 1.
fn moved(height: f64, goal: f64, part: f64, bend: f64) -> f64 {
    let height = if height > goal {
        // A fall runs backwards along the rise of the opposite curve.
        along(height, -part, -STEEPEST * bend).max(goal)
    } else {
        along(height, part, STEEPEST * bend).min(goal)
    };
    // Frames that together last a whole stage miss its end by a rounding error.
    if (height - goal).abs() < ROUNDED { goal } else { height }
}

/// Height on the curve (1 − e^(−kx)) / (1 − e^(−k)), `part` after the x of `height`.
fn along(height: f64, part: f64, k: f64) -> f64 {
    if k == 0.0 {
        return height + part;
    }
    let whole = (-k).exp_m1();
    let place = (-(height * whole).ln_1p() / k + part).clamp(0.0, 1.0);
    if place == 1.0 { 1.0 } else { (-k * place).exp_m1() / whole }
}

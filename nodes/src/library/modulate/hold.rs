//! Sample and hold, track and hold.

use crate::choice::choices;
use crate::library::modulate::polarity::Polarity;
use crate::library::modulate::random::{SEED, random};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::optional("in", "Number to sample; random numbers if nothing is connected.");
const TRIGGER: Input =
    Input::gate("trigger", false, "Trigger: takes a sample. In track and hold, gate: follows while it is on.");

choices! {
    /// Times at which the output follows the input.
    enum Mode {
        SampleHold = "sample_hold",
        TrackHold = "track_hold",
    }
}

const MODE: Input = Input::choice_of::<Mode>(
    "mode",
    "Sample and hold: takes one value per trigger. Track and hold: follows while the gate is on.",
);
const RATE: Input = Input::number("rate", 0.0, "Rate of an internal trigger, in Hz; 0 turns it off.")
    .soft(0.0, 4.0)
    .hard(0.0, 30.0)
    .unit("Hz");
const CHANCE: Input =
    Input::number("chance", 1.0, "Probability that a trigger counts: 0 never, 1 always.").hard(0.0, 1.0);

const POLARITY: Input = Input::choice_of::<Polarity>("polarity", "Range of the random numbers: 0 to 1, or −1 to 1.");
const OUT: Output = Output::number("out", "The held value.").passes(&IN);

const HELD: usize = 0;
/// Number of triggers.
const COUNT: usize = 1;
/// 1 if the last trigger counted.
const COUNTED: usize = 2;
/// Position of the internal trigger, in cycles.
const CYCLES: usize = 3;
/// Number of cycles begun.
const BEGUN: usize = 4;

/// Random sequences: sampled numbers, and probabilities of triggers.
const VALUES: u8 = 0;
const DICE: u8 = 1;
/// Largest number of triggers in a frame.
const MOST: u16 = 256;

/// Sample and hold.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.hold",
    title: "Hold",
    about: "Samples a number at each trigger and holds it.",
    inputs: &[IN, TRIGGER, MODE, RATE, CHANCE, POLARITY, SEED],
    outputs: &[OUT],
    memory: 5,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (internal, internal_on) = internal_trigger(ctx);
    let (mut count, mut counts) = (ctx.memory()[COUNT], ctx.memory()[COUNTED] != 0.0);
    let mut taken = None;
    for _ in 0..ctx.hits(&TRIGGER).saturating_add(internal).min(MOST) {
        count += 1.0;
        counts = random(ctx, DICE, count as i64) < ctx.number(&CHANCE);
        taken = if counts { Some(sample(ctx, count)) } else { taken };
    }
    let follows = ctx.chosen::<Mode>(&MODE) == Mode::TrackHold && counts && (ctx.gate(&TRIGGER) || internal_on);
    let held = taken.unwrap_or(if follows { sample(ctx, count) } else { ctx.memory()[HELD] });
    ctx.memory()[HELD] = held;
    ctx.memory()[COUNT] = count;
    ctx.memory()[COUNTED] = f64::from(u8::from(counts));
    ctx.set(&OUT, held);
}

/// Number to sample: the input, or without a cable the random number of trigger `count`.
fn sample(ctx: &NodeContext<'_>, count: f64) -> f64 {
    let level = random(ctx, VALUES, count as i64);
    if ctx.has(&IN) { ctx.number(&IN) } else { ctx.chosen::<Polarity>(&POLARITY).apply(level) }
}

/// Rising edges of the internal trigger in this frame, and its level; it is a square wave.
fn internal_trigger(ctx: &mut NodeContext<'_>) -> (u16, bool) {
    let rate = ctx.number(&RATE);
    if rate <= 0.0 {
        return (0, false);
    }
    let (cycles, begun) = (ctx.memory()[CYCLES], ctx.memory()[BEGUN]);
    let now = cycles.floor() + 1.0;
    ctx.memory()[BEGUN] = now;
    ctx.memory()[CYCLES] = cycles + rate * ctx.dt_secs();
    ((now - begun) as u16, cycles - cycles.floor() < 0.5)
}

//! A shift register.

use crate::library::modulate::random::{SEED, random};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::optional("in", "What is taken in; without it, random numbers of its own, 0 to 1.");
const TRIGGER: Input = Input::gate("trigger", false, "Moves everything on by one place each time it goes on.");
const CHANCE: Input = Input::number(
    "chance",
    1.0,
    "How likely something new is taken in; else what falls out at the end comes in again.",
)
.hard(0.0, 1.0);
const LENGTH: Input = Input::number("length", 8.0, "The place at the end, from which things come in again.")
    .soft(1.0, 8.0)
    .hard(1.0, 8.0);
const LOOP: Input = Input::gate("loop", false, "Nothing new is taken in: what is there goes round.");
const RESET: Input = Input::gate("reset", false, "Empties all places.");

/// The outputs: each is a place.
const OUTS: [Output; PLACES] = [
    Output::number("out1", "What was taken in last.").passes(&IN),
    Output::number("out2", "What was taken in one trigger before."),
    Output::number("out3", "What was taken in two triggers before."),
    Output::number("out4", "What was taken in three triggers before."),
    Output::number("out5", "What was taken in four triggers before."),
    Output::number("out6", "What was taken in five triggers before."),
    Output::number("out7", "What was taken in six triggers before."),
    Output::number("out8", "What was taken in seven triggers before."),
];

const PLACES: usize = 8;
/// How many triggers there were; the places come first.
const COUNT: usize = PLACES;

/// The random sequences of what it takes in and of what is new.
const VALUES: u8 = 0;
const DICE: u8 = 1;
/// More triggers in a frame than these make no difference.
const MOST: u16 = 256;

/// Hands values on from place to place.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.shift",
    title: "Shift register",
    about: "Hands a value on from output to output at each trigger, a canon in up to eight voices.",
    inputs: &[IN, TRIGGER, CHANCE, LENGTH, LOOP, RESET, SEED],
    outputs: &OUTS,
    memory: PLACES + 1,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    if ctx.rises(&RESET) {
        ctx.memory().fill(0.0);
    }
    let (end, goes_round) = (ctx.whole(&LENGTH) as usize - 1, ctx.gate(&LOOP));
    for _ in 0..ctx.hits(&TRIGGER).min(MOST) {
        ctx.memory()[COUNT] += 1.0;
        let count = ctx.memory()[COUNT] as i64;
        let is_new = !goes_round && random(ctx, DICE, count) < ctx.number(&CHANCE);
        let entering = match is_new {
            false => ctx.memory()[end],
            true if ctx.has(&IN) => ctx.number(&IN),
            true => random(ctx, VALUES, count),
        };
        let places = &mut ctx.memory()[..PLACES];
        places.rotate_right(1);
        places[0] = entering;
    }
    for (place, out) in OUTS.iter().enumerate() {
        let value = ctx.memory()[place];
        ctx.set(out, value);
    }
}

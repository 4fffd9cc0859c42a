//! A shift register.

use crate::library::modulate::random::{SEED, random};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::optional("in", "Number to take in; random numbers from 0 to 1 if nothing is connected.");
const TRIGGER: Input = Input::gate("trigger", false, "Trigger: shifts the register by one stage.");
const CHANCE: Input =
    Input::number("chance", 1.0, "Probability that a new number enters; otherwise the last stage feeds back.")
        .hard(0.0, 1.0);
const STAGES: Input = Input::number("stages", 8.0, "Stage that feeds back, 1 to 8.").soft(1.0, 8.0).hard(1.0, 8.0);
const LOOP: Input = Input::gate("loop", false, "Gate: takes in nothing new; the register loops.");
const RESET: Input = Input::gate("reset", false, "Trigger: clears all stages.");

/// Outputs, one per stage.
const OUTS: [Output; STAGE_COUNT] = [
    Output::number("out1", "Stage 1: the newest number.").passes(&IN),
    Output::number("out2", "Stage 2: one trigger older."),
    Output::number("out3", "Stage 3: two triggers older."),
    Output::number("out4", "Stage 4: three triggers older."),
    Output::number("out5", "Stage 5: four triggers older."),
    Output::number("out6", "Stage 6: five triggers older."),
    Output::number("out7", "Stage 7: six triggers older."),
    Output::number("out8", "Stage 8: seven triggers older."),
];

const STAGE_COUNT: usize = 8;
/// Number of triggers; the stages precede it.
const COUNT: usize = STAGE_COUNT;

/// Random sequences: new values, and probabilities of triggers.
const VALUES: u8 = 0;
const DICE: u8 = 1;
/// Largest number of triggers in a frame.
const MOST: u16 = 256;

/// An analogue shift register with eight stages.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.shift",
    title: "Shift register",
    about: "An analogue shift register with eight stages: each trigger moves every value one stage on.",
    inputs: &[IN, TRIGGER, CHANCE, STAGES, LOOP, RESET, SEED],
    outputs: &OUTS,
    memory: STAGE_COUNT + 1,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    if ctx.rises(&RESET) {
        ctx.memory().fill(0.0);
    }
    let (end, loops) = (ctx.whole(&STAGES) as usize - 1, ctx.gate(&LOOP));
    for _ in 0..ctx.hits(&TRIGGER).min(MOST) {
        ctx.memory()[COUNT] += 1.0;
        let count = ctx.memory()[COUNT] as i64;
        let is_new = !loops && random(ctx, DICE, count) < ctx.number(&CHANCE);
        let entering = match is_new {
            false => ctx.memory()[end],
            true if ctx.has(&IN) => ctx.number(&IN),
            true => random(ctx, VALUES, count),
        };
        let stages = &mut ctx.memory()[..STAGE_COUNT];
        stages.rotate_right(1);
        stages[0] = entering;
    }
    for (stage, out) in OUTS.iter().enumerate() {
        let value = ctx.memory()[stage];
        ctx.set(out, value);
    }
}

//! A trigger as a gate with a length.

use crate::library::modulate::random::{SEED, random};
use crate::library::time::ROUNDED;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Gate;

const TRIGGER: Input = Input::gate("trigger", false, "Trigger: starts a pulse.");
const LENGTH: Input = Input::number("length", 0.5, "Length of the pulse, in seconds; at least one latent frame.")
    .soft(0.0, 5.0)
    .hard(0.0, 600.0)
    .unit("s");
const DELAY: Input = Input::number("delay", 0.0, "Delay from trigger to pulse, in seconds; up to 64 pulses can wait.")
    .soft(0.0, 5.0)
    .hard(0.0, 600.0)
    .unit("s");
const CHANCE: Input =
    Input::number("chance", 1.0, "Probability that a trigger counts: 0 never, 1 always.").hard(0.0, 1.0);
const RETRIGGER: Input =
    Input::gate("retrigger", true, "A trigger during a pulse restarts it; if off, the trigger is ignored.");
const GATE: Output = Output::gate("gate", "On during the pulse.").passes(&TRIGGER);

/// Remaining seconds of the pulse.
const LEFT: usize = 0;
/// Triggers so far.
const TRIGGERS: usize = 1;
/// Waiting pulses, in pairs: delay left in seconds, number of pulses.
const WAITING: usize = 2;
/// Largest number of entries in the queue of waiting pulses, one per latent frame.
const MOST: usize = 64;

/// Turns a trigger into a gate with a length, a delay and a probability.
pub const NODE: NodeDef = NodeDef {
    name: "logic.pulse",
    title: "Pulse",
    about: "Turns a trigger into a gate with a length, a delay and a probability.",
    inputs: &[TRIGGER, LENGTH, DELAY, CHANCE, RETRIGGER, SEED],
    outputs: &[GATE],
    memory: WAITING + 2 * MOST,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (dt, length, delay) = (ctx.dt_secs(), ctx.number(&LENGTH), ctx.number(&DELAY));
    let (again, passed) = (ctx.gate(&RETRIGGER), passed(ctx));
    let memory = ctx.memory();
    let (head, waiting) = memory.split_at_mut(WAITING);
    head[LEFT] = (head[LEFT] - dt).max(0.0);
    for slot in waiting.chunks_exact_mut(2) {
        slot[0] -= dt;
    }
    if let Some(free) = waiting.chunks_exact_mut(2).find(|slot| slot[1] == 0.0) {
        free.copy_from_slice(&[delay, passed]);
    }
    // A pulse due between two frames starts at the second and ends on time.
    let (mut begun, mut left) = (0.0, 0.0_f64);
    for slot in waiting.chunks_exact_mut(2).filter(|slot| slot[1] > 0.0 && slot[0] <= ROUNDED) {
        begun += slot[1];
        left = left.max(length + slot[0]);
        slot[1] = 0.0;
    }
    let on = head[LEFT] > ROUNDED;
    let hits = if again { begun } else { f64::from(u8::from(begun > 0.0 && !on)) };
    if hits > 0.0 {
        head[LEFT] = left;
    }
    ctx.set(&GATE, Gate { on: on || hits > 0.0, hits: hits as u16 });
}

/// Number of triggers in this frame that pass the probability.
fn passed(ctx: &mut NodeContext<'_>) -> f64 {
    let (first, chance) = (ctx.memory()[TRIGGERS] as i64, ctx.number(&CHANCE));
    let last = first + i64::from(ctx.hits(&TRIGGER));
    ctx.memory()[TRIGGERS] = last as f64;
    (first..last).filter(|&index| random(ctx, 0, index) < chance).count() as f64
}

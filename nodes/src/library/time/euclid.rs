//! A Euclidean rhythm: pulses spread as evenly as possible.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const TRIGGER: Input = Input::gate("trigger", false, "Trigger: next step.");
const STEPS: Input = Input::number("steps", 8.0, "Number of steps.").soft(1.0, 16.0).hard(1.0, 64.0);
const PULSES: Input = Input::number("pulses", 3.0, "Number of pulses, spread as evenly as possible over the steps.")
    .soft(0.0, 16.0)
    .hard(0.0, 64.0);
const ROTATION: Input = Input::number("rotation", 0.0, "Rotation of the rhythm, in steps; positive is later.")
    .soft(-8.0, 8.0)
    .hard(-64.0, 64.0);
const RESET: Input =
    Input::gate("reset", false, "Trigger: back to before the first step; in one latent frame it acts first.");
const OUT: Output = Output::gate("out", "Trigger at each pulse of the rhythm.").passes(&TRIGGER);
const STEP: Output = Output::number("step", "Index of the step, from 0.");

/// Number of the next step: 1 to the number of steps; 0 before the first.
const NEXT: usize = 0;

/// A Euclidean rhythm: pulses spread as evenly as possible over steps.
pub const NODE: NodeDef = NodeDef {
    name: "time.euclid",
    title: "Euclid",
    about: "A Euclidean rhythm: pulses spread as evenly as possible over steps.",
    inputs: &[TRIGGER, STEPS, PULSES, ROTATION, RESET],
    outputs: &[OUT, STEP],
    memory: 1,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let steps = ctx.whole(&STEPS).max(1);
    let pulses = ctx.whole(&PULSES).clamp(0, steps);
    let (rhythm, rotation) = (rhythm(steps as u32, pulses as u32), ctx.whole(&ROTATION));
    let fires = |step: i64| rhythm >> (step - rotation).rem_euclid(steps) & 1 == 1;
    if ctx.rises(&RESET) {
        ctx.memory()[NEXT] = 0.0;
    }
    let (first, hits) = (ctx.memory()[NEXT] as i64 % steps, i64::from(ctx.hits(&TRIGGER)));
    if hits > 0 {
        ctx.memory()[NEXT] = ((first + hits - 1) % steps + 1) as f64;
    }
    // Pulses of whole rounds, and of the rest.
    let rest = (first..first + hits % steps).filter(|&step| fires(step)).count() as i64;
    let step = (ctx.memory()[NEXT] as i64 - 1).clamp(0, steps - 1);
    ctx.fire(&OUT, hits / steps * pulses + rest);
    ctx.set(&STEP, step as f64);
}

/// Bjorklund's rhythm, as in Toussaint's paper; the first step is the lowest bit. Groups with a pulse and groups
/// without pair up until at most one group is unpaired.
fn rhythm(steps: u32, pulses: u32) -> u64 {
    /// Equal groups of steps.
    #[derive(Clone, Copy)]
    struct Groups {
        bits: u64,
        length: u32,
        count: u32,
    }
    let mut first = Groups { bits: 1, length: 1, count: pulses };
    let mut rest = Groups { bits: 0, length: 1, count: steps - pulses };
    let mut pairs = pulses.min(steps - pulses);
    while pairs > 0 {
        let paired =
            Groups { bits: first.bits | rest.bits << first.length, length: first.length + rest.length, count: pairs };
        let longer = if first.count > rest.count { first } else { rest };
        rest = Groups { count: first.count.abs_diff(rest.count), ..longer };
        first = paired;
        pairs = if rest.count > 1 { first.count.min(rest.count) } else { 0 };
    }
    let groups = [first, rest].into_iter().flat_map(|groups| (0..groups.count).map(move |_| groups));
    groups.fold((0, 0), |(bits, length), group| (bits | group.bits << length, length + group.length)).0
}

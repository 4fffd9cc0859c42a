//! Counts.

use crate::choice::choices;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const UP: Input = Input::gate("up", false, "Trigger: one step towards `to`.");
const DOWN: Input = Input::gate("down", false, "Trigger: one step back; in one latent frame it acts after `up`.");
const RESET: Input = Input::gate("reset", false, "Trigger: back to `from`; in one latent frame it acts first.");
const FROM: Input = Input::number("from", 0.0, "First number.").soft(0.0, 16.0).hard(-1e6, 1e6);
const TO: Input = Input::number("to", 7.0, "Last number; it may be below `from`.").soft(0.0, 16.0).hard(-1e6, 1e6);

choices! {
    /// Behaviour of the count at an end.
    enum AtEnd {
        Wrap = "wrap",
        Clamp = "clamp",
        PingPong = "ping_pong",
    }
}

const AT_END: Input =
    Input::choice_of::<AtEnd>("at_end", "Behaviour at an end: wrap to the other end, stop, or turn back.");
const COUNT: Output = Output::number("count", "The count.");
const NORMALISED: Output = Output::number("normalised", "Position of the count: 0 at `from`, 1 at `to`.");
const CARRY: Output = Output::gate("carry", "Trigger for each count past an end.");

const BEGUN: usize = 0;
const AT: usize = 1;
/// 1 after a turn at an end in ping-pong: `up` counts towards `from`.
const BACK: usize = 2;

/// Counts triggers.
pub const NODE: NodeDef = NodeDef {
    name: "logic.counter",
    title: "Counter",
    about: "Counts triggers up and down between two numbers.",
    inputs: &[UP, DOWN, RESET, FROM, TO, AT_END],
    outputs: &[COUNT, NORMALISED, CARRY],
    memory: 3,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (from, to) = (ctx.whole(&FROM), ctx.whole(&TO));
    if ctx.rises(&RESET) || ctx.memory()[BEGUN] == 0.0 {
        ctx.memory().copy_from_slice(&[1.0, from as f64, 0.0]);
    }
    // Counts from `from` on, in the direction of `to`.
    let (span, sign) = ((to - from).abs(), (to - from).signum());
    let mut at = (sign * (ctx.memory()[AT] as i64 - from)).clamp(0, span);
    let mut back = ctx.memory()[BACK] != 0.0;
    let mut carry = 0;
    let ups = (0..ctx.hits(&UP)).map(|_| 1);
    let downs = (0..ctx.hits(&DOWN)).map(|_| -1);
    let at_end = ctx.chosen::<AtEnd>(&AT_END);
    for step in ups.chain(downs) {
        let next = if back { at - step } else { at + step };
        let passes = !(0..=span).contains(&next);
        carry += i64::from(passes);
        at = match at_end {
            AtEnd::Clamp => next.clamp(0, span),
            AtEnd::PingPong if passes => {
                back = !back;
                (2 * at - next).clamp(0, span)
            }
            AtEnd::Wrap | AtEnd::PingPong => next.rem_euclid(span + 1),
        };
    }
    back &= at_end == AtEnd::PingPong;
    ctx.memory()[AT] = (from + sign * at) as f64;
    ctx.memory()[BACK] = f64::from(u8::from(back));
    ctx.set(&COUNT, (from + sign * at) as f64);
    ctx.set(&NORMALISED, at as f64 / span.max(1) as f64);
    ctx.fire(&CARRY, carry);
}

//! Mapping of one range to another.

use crate::choice::choices;
use crate::mapping::curved;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::direct("in", 0.0, "The number to map.");
const IN_MIN: Input = Input::number("in_min", 0.0, "Start of the input range.").soft(-1.0, 1.0);
const IN_MAX: Input = Input::number("in_max", 1.0, "End of the input range.").soft(-1.0, 1.0);
const OUT_MIN: Input = Input::number("out_min", 0.0, "Start of the output range.").soft(-1.0, 1.0);
const OUT_MAX: Input =
    Input::number("out_max", 1.0, "End of the output range; it may be below the start.").soft(-1.0, 1.0);
const CURVE: Input =
    Input::number("curve", 0.0, "Curve of the mapping: 0 is linear, below 0 rises late, above 0 early.")
        .soft(-1.0, 1.0)
        .hard(-1.0, 1.0);

choices! {
    /// Behaviour outside the input range.
    enum Outside {
        Clamp = "clamp",
        Wrap = "wrap",
        Fold = "fold",
        None = "none",
    }
}

const OUTSIDE: Input = Input::choice_of::<Outside>("outside", "Behaviour outside the input range.");
const LEARN: Input = Input::gate(
    "learn",
    false,
    "Gate: learns the input range while it is on. Moving `in_min` or `in_max` discards it.",
);
const OUT: Output = Output::number("out", "The mapped number.").passes(&IN);

/// 1 while a learned range replaces the knobs. Then its ends, and the values of the knobs when it was learned.
const LEARNED: usize = 0;
const LEAST: usize = 1;
const MOST: usize = 2;
const KNOBS: std::ops::Range<usize> = 3..5;

/// Maps one range onto another.
pub const NODE: NodeDef = NodeDef {
    name: "math.range",
    title: "Range",
    about: "Maps one range to another, linearly or along a curve.",
    inputs: &[IN, IN_MIN, IN_MAX, OUT_MIN, OUT_MAX, CURVE, OUTSIDE, LEARN],
    outputs: &[OUT],
    memory: KNOBS.end,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (low, high) = ends(ctx);
    let x = if high == low { 0.0 } else { (ctx.number(&IN) - low) / (high - low) };
    let x = match ctx.chosen::<Outside>(&OUTSIDE) {
        Outside::Wrap => x.rem_euclid(1.0),
        Outside::Fold => 1.0 - (x.rem_euclid(2.0) - 1.0).abs(),
        Outside::None => x,
        Outside::Clamp => x.clamp(0.0, 1.0),
    };
    let x = curved(x, ctx.number(&CURVE));
    let (low, high) = (ctx.number(&OUT_MIN), ctx.number(&OUT_MAX));
    ctx.set(&OUT, low + (high - low) * x);
}

/// Ends of the input range: learned, or from the knobs.
fn ends(ctx: &mut NodeContext<'_>) -> (f64, f64) {
    let learn = Learn { knobs: [&IN_MIN, &IN_MAX], begins: ctx.rises(&LEARN), learns: ctx.gate(&LEARN) };
    learn.ends(ctx, ctx.number(&IN), 0)
}

/// Learning of a range.
pub(crate) struct Learn {
    /// The ends of the range while none is learned.
    pub(crate) knobs: [&'static Input; 2],
    /// True in the first frame of learning.
    pub(crate) begins: bool,
    /// True in each frame of learning.
    pub(crate) learns: bool,
}

impl Learn {
    /// Memory cells that it needs. The first is 1 while a learned range replaces the knobs.
    pub(crate) const MEMORY: usize = KNOBS.end;

    /// The ends of the range, after it has learned a number. Its memory begins at a cell.
    pub(crate) fn ends(&self, ctx: &mut NodeContext<'_>, x: f64, from: usize) -> (f64, f64) {
        let knobs = self.knobs.map(|knob| ctx.number(knob));
        let memory = &mut ctx.memory()[from..from + Self::MEMORY];
        if self.begins {
            memory.copy_from_slice(&[1.0, x, x, knobs[0], knobs[1]]);
        } else if self.learns {
            memory[LEAST] = x.min(memory[LEAST]);
            memory[MOST] = x.max(memory[MOST]);
            memory[KNOBS].copy_from_slice(&knobs);
        } else if memory[KNOBS] != knobs {
            memory[LEARNED] = 0.0;
        }
        if memory[LEARNED] == 0.0 { (knobs[0], knobs[1]) } else { (memory[LEAST], memory[MOST]) }
    }
}

//! Pulses at a division of the tempo.

use crate::library::modulate::random::{SEED, random};
use crate::library::time::division;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Gate;

const DIVISION: Input =
    Input::choice("division", &division::NAMES, "Interval between pulses, as a division of the tempo.")
        .chosen(division::QUARTER);
const SWING: Input =
    Input::number("swing", 0.0, "Delay of every second pulse: 0 is straight, 0.67 triplet swing.").hard(0.0, 1.0);
const CHANCE: Input = Input::number("chance", 1.0, "Probability of each pulse: 0 never, 1 always.").hard(0.0, 1.0);
const GATE_LENGTH: Input = Input::number("gate_length", 0.5, "Gate length, as a share of the interval.").hard(0.0, 1.0);
const RESET: Input = Input::gate("reset", false, "Trigger: restarts with a pulse.");
const GATE: Output =
    Output::gate("gate", "Gate at the start of each pulse; several pulses in one latent frame all count.");
const PHASE: Output = Output::number("phase", "Phase between two pulses, 0 to 1.");
const PULSE: Output = Output::number("pulse", "Index of the pulse, from 0; skipped pulses count.");

const BEGUN: usize = 0;
/// Beat of pulse 0.
const ORIGIN: usize = 1;
/// Beat of the previous frame.
const BEFORE: usize = 2;
/// Largest number of pulses in a frame.
const MOST: i64 = 1024;

/// Pulses at a division of the tempo.
pub const NODE: NodeDef = NodeDef {
    name: "time.clock",
    title: "Clock",
    about: "Pulses at a division of the tempo, with swing and probability.",
    inputs: &[DIVISION, SWING, CHANCE, GATE_LENGTH, RESET, SEED],
    outputs: &[GATE, PHASE, PULSE],
    memory: 3,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let beat = ctx.beat();
    let begins = ctx.rises(&RESET) || ctx.memory()[BEGUN] == 0.0;
    if ctx.rises(&RESET) {
        ctx.memory()[ORIGIN] = beat;
    }
    let (origin, before) = (ctx.memory()[ORIGIN], ctx.memory()[BEFORE]);
    let now = pulses(ctx, beat - origin);
    // A pulse exactly at the first frame counts.
    let first = if begins { now.ceil() } else { pulses(ctx, before - origin).floor() + 1.0 } as i64;
    let last = now.floor() as i64;
    let chance = ctx.number(&CHANCE);
    let is_played = |index: i64| random(ctx, 0, index) < chance;
    let hits = (first.max(last - MOST + 1)..=last).filter(|&index| is_played(index)).count();
    let phase = now - now.floor();
    let on = hits > 0 || (is_played(last) && phase < ctx.number(&GATE_LENGTH));
    ctx.memory()[BEGUN] = 1.0;
    ctx.memory()[BEFORE] = beat;
    ctx.set(&GATE, Gate { on, hits: hits as u16 });
    ctx.set(&PHASE, phase);
    ctx.set(&PULSE, last as f64);
}

/// Position in pulses after `beats`, with swing.
fn pulses(ctx: &NodeContext<'_>, beats: f64) -> f64 {
    let pulses = division::cycles(beats, division::beats(ctx.choice(&DIVISION)));
    // Swing adds a rounding error of its own.
    division::whole(division::swung(pulses, ctx.number(&SWING)))
}

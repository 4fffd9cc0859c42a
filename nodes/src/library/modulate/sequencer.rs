//! A step sequencer.

use crate::choice::choices;
use crate::library::modulate::random::{SEED, random};
use crate::library::time::division;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Gate;

const STEPS: Input = Input::number("steps", 8.0, "Number of steps.").soft(1.0, 64.0).hard(1.0, 64.0);
const VALUES: Input = lane("values", "0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25", "Value of each step, as a list.");
const GATES: Input =
    lane("gates", "0.5", "Gate length of each step, as a share of the step: 0 is silent, 1 ties into the next.");
const CHANCE: Input =
    lane("chance", "1", "Probability of each step, 0 to 1; a skipped step keeps the last value and has no gate.");
const RATCHETS: Input = lane("ratchets", "1", "Gates per step (ratchets), 1 to 4.");
const GLIDE: Input = lane("glide", "0", "Glide time of each step, in seconds.");

choices! {
    /// Order of the steps.
    enum Direction {
        Forward = "forward",
        Reverse = "reverse",
        PingPong = "ping_pong",
        Random = "random",
        Brownian = "brownian",
    }
}

const DIRECTION: Input =
    Input::choice_of::<Direction>("direction", "Order of the steps; brownian moves one on, one back, or stays.");
const SYNC: Input = Input::choice(
    "sync",
    &division::or("clock"),
    "Length of a step: a division of the tempo, or one pulse of `clock`.",
)
.chosen(division::QUARTER + 1);
const CLOCK: Input = Input::gate("clock", false, "Trigger: next step, if `sync` is clock.");
const SWING: Input = Input::number(
    "swing",
    0.0,
    "Delay of every second step of a division: 0 is straight, 0.67 triplet swing, 1 dotted.",
)
.hard(0.0, 1.0);
const RESET: Input = Input::gate("reset", false, "Trigger: back to the first step; with a clock, at its next pulse.");
const OUT: Output = Output::number("out", "Value of the step.");
const GATE: Output = Output::gate("gate", "Gate of the step, repeated for each ratchet.");
const STEP: Output = Output::number("step", "Index of the step, from 0.");
const END: Output = Output::gate("end", "Trigger when the sequence starts over.");

/// Number of steps begun.
const BEGUN: usize = 0;
/// Beat of the first step.
const ORIGIN: usize = 1;
/// Length of a step in the previous frame, in beats; 0 with a clock.
const LENGTH: usize = 2;
/// The glide of the step: start value, end value, duration in seconds, elapsed seconds.
const FROM: usize = 3;
const TO: usize = 4;
const GLIDE_SECS: usize = 5;
const ELAPSED: usize = 6;
/// Gate length of the step as a share of a ratchet, number of ratchets, and number of those begun.
const GATE_LENGTH: usize = 7;
const RATCHET_COUNT: usize = 8;
const RATCHETS_BEGUN: usize = 9;
/// Offset of the brownian walk from the first step.
const WALK: usize = 10;
/// Index of the step.
const INDEX: usize = 11;
/// Frames since the last clock pulse, 0 before the first; frames between the last two.
const SINCE_CLOCK: usize = 12;
const INTERVAL: usize = 13;

/// Random sequences: order, and probabilities of steps.
const ORDER: u8 = 0;
const DICE: u8 = 1;
/// Largest number of steps, of entries in a list, and of steps that begin in one frame.
const MOST: usize = 64;

/// A list of numbers, one for each step.
const fn lane(name: &'static str, default: &'static str, about: &'static str) -> Input {
    Input::text(name, default, about).numbers(MOST)
}

/// A step sequencer for values and gates.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.sequencer",
    title: "Sequencer",
    about: "A step sequencer for values and gates; lists shorter than the sequence repeat.",
    inputs: &[VALUES, GATES, CHANCE, RATCHETS, GLIDE, STEPS, DIRECTION, SYNC, SWING, CLOCK, RESET, SEED],
    outputs: &[OUT, GATE, STEP, END],
    memory: 14,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    if ctx.rises(&RESET) {
        let beat = ctx.beat();
        ctx.memory()[BEGUN] = 0.0;
        ctx.memory()[ORIGIN] = beat;
        ctx.memory()[WALK] = 0.0;
        ctx.memory()[GATE_LENGTH] = 0.0;
    }
    let (begun, phase) = match division::chosen(ctx, &SYNC) {
        Some(length) => divided(ctx, length),
        None => clocked(ctx),
    };
    let new = (begun - ctx.memory()[BEGUN]).clamp(0.0, MOST as f64) as i64;
    let (mut hits, mut ends) = (0, 0);
    for step in begun as i64 - new..begun as i64 {
        // The rest of the previous step falls into this frame.
        hits += ratchets_until(ctx, 1.0);
        ends += begin(ctx, step);
    }
    ctx.memory()[BEGUN] = begun.max(ctx.memory()[BEGUN]);
    hits += ratchets_until(ctx, phase);
    let memory = ctx.memory();
    let on = if phase < 1.0 {
        (phase * memory[RATCHET_COUNT]).fract() < memory[GATE_LENGTH]
    } else {
        memory[GATE_LENGTH] >= 1.0
    };
    let level = if memory[ELAPSED] < memory[GLIDE_SECS] {
        memory[FROM] + (memory[TO] - memory[FROM]) * memory[ELAPSED] / memory[GLIDE_SECS]
    } else {
        memory[TO]
    };
    let place = memory[INDEX];
    ctx.set(&OUT, level);
    ctx.set(&GATE, Gate { on: on || hits > 0, hits });
    ctx.set(&STEP, place);
    ctx.set(&END, Gate::fired(ends));
    ctx.memory()[ELAPSED] += ctx.dt_secs();
}

/// Number of steps begun and the phase of the last one, for steps of `length` beats.
fn divided(ctx: &mut NodeContext<'_>, length: f64) -> (f64, f64) {
    let beats = ctx.beat() - ctx.memory()[ORIGIN];
    let steps = division::swung(division::cycles(beats, length), ctx.number(&SWING));
    if ctx.memory()[LENGTH] != length {
        // A change of length plays none of the steps between the old and the new position.
        ctx.memory()[LENGTH] = length;
        ctx.memory()[BEGUN] = steps.floor();
    }
    (steps.floor() + 1.0, steps - steps.floor())
}

/// Number of steps begun and the phase of the last one, for steps by `clock`. A step counts as long as the previous
/// one.
fn clocked(ctx: &mut NodeContext<'_>) -> (f64, f64) {
    let hits = f64::from(ctx.hits(&CLOCK));
    let memory = ctx.memory();
    memory[LENGTH] = 0.0;
    let begun = memory[BEGUN] + hits;
    if hits > 0.0 {
        memory[INTERVAL] = memory[SINCE_CLOCK] / hits;
        memory[SINCE_CLOCK] = 0.0;
    }
    let phase = match memory[SINCE_CLOCK] {
        0.0 => 0.0,
        since => (since / memory[INTERVAL]).min(1.0),
    };
    if hits > 0.0 || memory[SINCE_CLOCK] > 0.0 {
        memory[SINCE_CLOCK] += 1.0;
    }
    (begun, phase)
}

/// Number of rising edges of the gate up to a phase of the step.
fn ratchets_until(ctx: &mut NodeContext<'_>, phase: f64) -> u16 {
    let memory = ctx.memory();
    if memory[GATE_LENGTH] <= 0.0 {
        return 0;
    }
    let due = ((phase * memory[RATCHET_COUNT]).floor() + 1.0).clamp(memory[RATCHETS_BEGUN], memory[RATCHET_COUNT]);
    let new = due - memory[RATCHETS_BEGUN];
    memory[RATCHETS_BEGUN] = due;
    new as u16
}

/// Begins step `step`, from 0. Returns 1 if the sequence starts over, else 0.
fn begin(ctx: &mut NodeContext<'_>, step: i64) -> u16 {
    let steps = ctx.whole(&STEPS) as usize;
    if step > 0 {
        ctx.memory()[WALK] += (3.0 * random(ctx, ORDER, step)).floor() - 1.0;
    }
    ctx.memory()[INDEX] = place(ctx, step, steps) as f64;
    let of = |ctx: &mut NodeContext<'_>, lane: &Input, none: f64| {
        let list = ctx.numbers(lane);
        if list.is_empty() { none } else { list[place(ctx, step, list.len().min(steps))] }
    };
    if random(ctx, DICE, step) < of(ctx, &CHANCE, 1.0) {
        let (to, glide) = (of(ctx, &VALUES, 0.0), of(ctx, &GLIDE, 0.0));
        let (length, ratchets) = (of(ctx, &GATES, 1.0), of(ctx, &RATCHETS, 1.0).round().clamp(1.0, 4.0));
        let from = ctx.last(&OUT);
        ctx.memory()[FROM..=RATCHETS_BEGUN].copy_from_slice(&[from, to, glide, 0.0, length, ratchets, 0.0]);
    } else {
        ctx.memory()[GATE_LENGTH] = 0.0;
    }
    let again =
        if ctx.chosen::<Direction>(&DIRECTION) == Direction::PingPong { ping_pong_length(steps) } else { steps };
    u16::from(step > 0 && step % again as i64 == 0)
}

/// Index, of `count`, of the entry for a step.
fn place(ctx: &mut NodeContext<'_>, step: i64, count: usize) -> usize {
    let at = |step: i64, count: usize| step.rem_euclid(count as i64) as usize;
    match ctx.chosen::<Direction>(&DIRECTION) {
        Direction::Forward => at(step, count),
        Direction::Reverse => count - 1 - at(step, count),
        Direction::PingPong => {
            let place = at(step, ping_pong_length(count));
            place.min(ping_pong_length(count) - place)
        }
        Direction::Random => (random(ctx, ORDER, step) * count as f64) as usize,
        Direction::Brownian => at(ctx.memory()[WALK] as i64, count),
    }
}

/// Steps of a ping-pong over `count`: to the last and back to the first.
fn ping_pong_length(count: usize) -> usize {
    (2 * count).saturating_sub(2).max(1)
}

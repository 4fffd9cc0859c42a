//! A low-frequency oscillator.

use std::f64::consts::TAU;

use crate::def::{Input, NodeDef, Output};
use crate::run::Run;

const RATE: Input =
    Input::number("rate", 0.25, "How often it goes round.").soft(0.01, 2.0).hard(0.0, 30.0).unit("Hz").log();
const SHAPE: Input = Input::choice(
    "shape",
    &["sine", "triangle", "saw_up", "saw_down", "square", "sample_hold", "smooth_random"],
    "The shape of the wave.",
);
const PHASE: Input = Input::number("phase", 0.0, "Where in the wave it begins.").hard(-64.0, 64.0).unit("cycles");
const WIDTH: Input = Input::number("width", 0.5, "Where the peak of a triangle lies, how long a square is on.")
    .soft(0.01, 0.99)
    .hard(0.01, 0.99);
const POLARITY: Input = Input::choice("polarity", &["unipolar", "bipolar"], "0 to 1, or −1 to 1.");
const DEPTH: Input = Input::number("depth", 1.0, "How far it swings.").hard(-1e6, 1e6);
const OFFSET: Input = Input::number("offset", 0.0, "What is added.").soft(-1.0, 1.0).hard(-1e6, 1e6);
const RESET: Input = Input::gate("reset", false, "Back to the beginning of the wave.");
const OUT: Output = Output::number("out", "The wave.");

/// Whole and broken cycles so far.
const CYCLES: usize = 0;

/// A wave that repeats: sine, triangle, saw, square, steps, smooth random.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.lfo",
    title: "LFO",
    about: "A slow wave that moves what it is plugged into.",
    inputs: &[RATE, SHAPE, PHASE, WIDTH, POLARITY, DEPTH, OFFSET, RESET],
    outputs: &[OUT],
    memory: 1,
    run,
    ..NodeDef::BASE
};

fn run(run: &mut Run<'_>) {
    if run.rises(&RESET) {
        run.memory()[CYCLES] = 0.0;
    }
    let cycles = run.memory()[CYCLES] + run.number(&PHASE);
    let wave = wave(run, cycles);
    let wave = if run.choice(&POLARITY) == 0 { wave } else { 2.0 * wave - 1.0 };
    run.set(&OUT, wave * run.number(&DEPTH) + run.number(&OFFSET));
    let step = run.number(&RATE) * run.dt_secs();
    run.memory()[CYCLES] += step;
}

/// The wave after this many cycles, 0 to 1; every shape begins low.
fn wave(run: &Run<'_>, cycles: f64) -> f64 {
    let (cycle, phase) = (cycles.floor(), cycles - cycles.floor());
    let width = run.number(&WIDTH);
    let level = |cycle: f64| run.random(0, cycle as i64);
    match SHAPE.choices[run.choice(&SHAPE)] {
        "triangle" if phase < width => phase / width,
        "triangle" => (1.0 - phase) / (1.0 - width),
        "saw_up" => phase,
        "saw_down" => 1.0 - phase,
        "square" => f64::from(u8::from(phase >= 1.0 - width)),
        "sample_hold" => level(cycle),
        "smooth_random" => {
            let ease = phase * phase * (3.0 - 2.0 * phase);
            level(cycle) + (level(cycle + 1.0) - level(cycle)) * ease
        }
        _ => 0.5 - 0.5 * (TAU * phase).cos(),
    }
}

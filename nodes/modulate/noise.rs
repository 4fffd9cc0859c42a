//! Smooth noise.

use crate::def::{Input, NodeDef, Output};
use crate::run::Run;

const RATE: Input = Input::number("rate", 0.2, "How many hills it passes in a second.")
    .soft(0.01, 2.0)
    .hard(0.0, 30.0)
    .unit("Hz")
    .log();
const OCTAVES: Input = Input::number("octaves", 1.0, "Layers of finer noise.").soft(1.0, 8.0).hard(1.0, 8.0);
const PERSISTENCE: Input = Input::number("persistence", 0.5, "How much each finer layer counts.").hard(0.0, 1.0);
const OUT: Output = Output::number("out", "The noise, −1 to 1.");

/// Smooth noise, the same on every run.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.noise",
    title: "Noise",
    about: "Smooth noise that wanders between −1 and 1, the same on every run.",
    inputs: &[RATE, OCTAVES, PERSISTENCE],
    outputs: &[OUT],
    memory: 1,
    run,
    ..NodeDef::BASE
};

fn run(run: &mut Run<'_>) {
    let place = run.memory()[0];
    let (mut sum, mut weight, mut total) = (0.0, 1.0, 0.0);
    for octave in 0..run.number(&OCTAVES).round() as u64 {
        sum += weight * gradient_noise(run, octave, place * (1_u64 << octave) as f64);
        total += weight;
        weight *= run.number(&PERSISTENCE);
    }
    run.set(&OUT, (2.0 * sum / total).clamp(-1.0, 1.0));
    let step = run.number(&RATE) * run.dt_secs();
    run.memory()[0] += step;
}

/// Perlin's gradient noise in one dimension, −0.5 to 0.5, zero at whole places.
fn gradient_noise(run: &Run<'_>, octave: u64, place: f64) -> f64 {
    let (cell, x) = (place.floor(), place - place.floor());
    let slope = |cell: f64| 2.0 * run.random(octave, cell as i64) - 1.0;
    let ease = x * x * x * (x * (6.0 * x - 15.0) + 10.0);
    let (left, right) = (slope(cell) * x, slope(cell + 1.0) * (x - 1.0));
    left + (right - left) * ease
}

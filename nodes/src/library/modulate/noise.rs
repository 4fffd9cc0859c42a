//! Smooth noise.

use std::f64::consts::{SQRT_2, TAU};

use crate::choice::choices;
use crate::library::modulate::random::{SEED, random};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const RATE: Input = Input::number(
    "rate",
    0.2,
    "Random points per second, in Hz. Every point is the middle of the range: at 4 Hz, one per latent frame, the first octave stands still.",
)
.soft(0.01, 2.0)
.hard(0.0, 30.0)
.unit("Hz")
.log();
const OCTAVES: Input = Input::number("octaves", 1.0, "Number of octaves.").soft(1.0, 8.0).hard(1.0, 8.0);
const PERSISTENCE: Input =
    Input::number("persistence", 0.5, "Amplitude of each octave relative to the one before.").hard(0.0, 1.0);
const LACUNARITY: Input = Input::number("lacunarity", 2.0, "Frequency of each octave relative to the one before.")
    .soft(1.0, 4.0)
    .hard(1.0, 4.0);
const LOOP_LENGTH: Input = Input::number(
    "loop_length",
    0.0,
    "Length of a seamless loop, in seconds; 0 turns it off. Loops of fewer than two points barely move.",
)
.soft(0.0, 60.0)
.hard(0.0, 3600.0)
.unit("s");

choices! {
    /// Range. Gradient noise is bipolar, hence the default; other modulators are unipolar by default.
    enum Polarity {
        Bipolar = "bipolar",
        Unipolar = "unipolar",
    }
}

const POLARITY: Input = Input::choice_of::<Polarity>("polarity", "Range: bipolar is −1 to 1, unipolar 0 to 1.");
const OUT: Output = Output::number("out", "The noise, −1 to 1 or 0 to 1.");

/// First random sequence of the octaves: along a line, and around a loop in the plane.
const ON_A_LINE: u8 = 0;
const IN_THE_PLANE: u8 = 8;

/// Smooth gradient noise, the same on every run for the same seed.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.noise",
    title: "Noise",
    about: "Smooth gradient noise, the same on every run for the same seed.",
    inputs: &[RATE, OCTAVES, PERSISTENCE, LACUNARITY, LOOP_LENGTH, POLARITY, SEED],
    outputs: &[OUT],
    memory: 1,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let place = ctx.memory()[0];
    let (mut sum, mut weight, mut total) = (0.0, 1.0, 0.0);
    for octave in 0..ctx.number(&OCTAVES).round() as u8 {
        sum += weight * layer(ctx, octave, place, ctx.number(&LACUNARITY).powi(i32::from(octave)));
        total += weight;
        weight *= ctx.number(&PERSISTENCE);
    }
    let noise = (sum / total).clamp(-1.0, 1.0);
    let noise = match ctx.chosen(&POLARITY) {
        Polarity::Bipolar => noise,
        Polarity::Unipolar => 0.5 + 0.5 * noise,
    };
    ctx.set(&OUT, noise);
    let step = ctx.number(&RATE) * ctx.dt_secs();
    ctx.memory()[0] += step;
}

/// One octave of the noise, −1 to 1, with `finer` times as many points as the first. It follows a line, or a circle if
/// `loop_length` is above 0.
fn layer(ctx: &NodeContext<'_>, octave: u8, place: f64, finer: f64) -> f64 {
    let secs = ctx.number(&LOOP_LENGTH);
    if secs <= 0.0 {
        return 2.0 * on_a_line(ctx, ON_A_LINE + octave, place * finer);
    }
    let radius = ctx.number(&RATE) * secs / TAU;
    let (y, x) = (TAU * (ctx.secs() % secs) / secs).sin_cos();
    SQRT_2 * in_the_plane(ctx, IN_THE_PLANE + octave, finer * (0.5 + radius * x), finer * (0.5 + radius * y))
}

/// Perlin's gradient noise in one dimension, −0.5 to 0.5, zero at whole places.
fn on_a_line(ctx: &NodeContext<'_>, sequence: u8, place: f64) -> f64 {
    let (cell, x) = (place.floor(), place - place.floor());
    let slope = |cell: f64| 2.0 * random(ctx, sequence, cell as i64) - 1.0;
    let (left, right) = (slope(cell) * x, slope(cell + 1.0) * (x - 1.0));
    left + (right - left) * ease(x)
}

/// Perlin's gradient noise in two dimensions, −√½ to √½, zero at whole places.
fn in_the_plane(ctx: &NodeContext<'_>, sequence: u8, x: f64, y: f64) -> f64 {
    let (column, row) = (x.floor(), y.floor());
    let corner = |right: f64, up: f64| {
        let cell = (column + right) as i64 * (1 << 32) + (row + up) as i64;
        let (sin, cos) = (TAU * random(ctx, sequence, cell)).sin_cos();
        cos * (x - column - right) + sin * (y - row - up)
    };
    let across = |up: f64| corner(0.0, up) + (corner(1.0, up) - corner(0.0, up)) * ease(x - column);
    let (below, above) = (across(0.0), across(1.0));
    below + (above - below) * ease(y - row)
}

/// Perlin's fade from 0 to 1; slope and curvature are 0 at both ends.
fn ease(x: f64) -> f64 {
    x * x * x * (x * (6.0 * x - 15.0) + 10.0)
}

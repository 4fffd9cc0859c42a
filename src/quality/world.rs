//! Real clips: the world that mini was trained on, rendered.
//!
//! Source: `assets/mini/train/world.py`.

use crate::engine::model::{LATENT_FRAMES, LATENT_PIXELS, TOKEN_PIXELS};
use crate::media::Picture;
use crate::wan::mini::SIDE;

use super::mask::Mask;
use super::scene::{Motion, Scene, Shape};

/// Tokens of a side; a clip's first object starts in the middle of one.
pub const TOKENS: usize = SIDE / TOKEN_PIXELS;
/// Degrees by which a spinning object turns from a latent frame to the next.
pub const SPIN: f64 = 360.0 / SPIN_STEPS as f64;

/// Latent frames of one turn.
const SPIN_STEPS: usize = 12;

/// The radius of an object in pixels.
pub const fn radius(large: bool) -> f32 {
    if large { 27.0 } else { 20.0 }
}

/// The pixels of a shape in the middle of the picture.
pub fn mask(shape: Shape, radius: f32, degrees: f64) -> Mask {
    Mask::new(|row, column| coverage(shape, radius, degrees, (middle(column), middle(row))) > 0.5)
}

/// The colour of the background in a row of the picture.
pub fn background(scene: &Scene, row: usize) -> [f32; 3] {
    let colour = scene.background.rgb();
    if !scene.gradient {
        return colour;
    }
    colour.map(|x| 0.35 * x + (1.5 * x + 25.0 / 255.0) * row as f32 / SIDE as f32)
}

/// The picture of a scene at one of the four frames of a latent frame. `start` is the token, row and column, of the first object at
/// latent frame 0. A second object is at the opposite point of the torus.
pub fn render(scene: &Scene, start: (usize, usize), latent: usize, frame: usize) -> Picture {
    // On the lattice an object is in the middle of a latent frame.
    let late = frame as f64 - (LATENT_FRAMES - 1) as f64 / 2.0;
    let places: Vec<_> = (0..scene.things.len()).map(|i| place(scene, i, start, latent, late)).collect();
    let pixel = |row: usize, column: usize| {
        let mut colour = background(scene, row);
        for (thing, (down, right)) in scene.things.iter().zip(&places) {
            let at = (wrapped(middle(column) - right), wrapped(middle(row) - down));
            let cover = coverage(thing.shape, radius(thing.large), angle(thing.motion, latent, late), at);
            colour.iter_mut().zip(thing.colour.rgb()).for_each(|(below, above)| *below += cover * (above - *below));
        }
        colour.map(|x| (x.clamp(0.0, 1.0) * 255.0).round() as u8)
    };
    let rgb = (0..SIDE * SIDE).flat_map(|i| pixel(i / SIDE, i % SIDE)).collect();
    Picture { width: SIDE, height: SIDE, rgb }
}

/// Offset of an object from the centre of the picture, in pixels: down, right.
fn place(scene: &Scene, index: usize, start: (usize, usize), latent: usize, late: f64) -> (f32, f32) {
    let step = scene.things[index].motion.step();
    let half = if index == 0 { 0 } else { TOKENS / 2 };
    let pixels = |start: usize, step: isize| {
        let cell = (2 * (start + half) + 1) as f64 - TOKENS as f64;
        let gone = step as f64 * (latent as f64 + late / LATENT_FRAMES as f64);
        (LATENT_PIXELS as f64 * (cell + gone)) as f32
    };
    (pixels(start.0, step.0), pixels(start.1, step.1))
}

/// By how many degrees an object has turned.
fn angle(motion: Motion, latent: usize, late: f64) -> f64 {
    match motion {
        Motion::Spinning => SPIN * ((latent % SPIN_STEPS) as f64 + late / LATENT_FRAMES as f64),
        _ => 0.0,
    }
}

/// The middle of a pixel, from the middle of the picture.
fn middle(at: usize) -> f32 {
    at as f32 + 0.5 - SIDE as f32 / 2.0
}

/// A distance the short way round the torus.
fn wrapped(x: f32) -> f32 {
    let side = SIDE as f32;
    (x + side / 2.0).rem_euclid(side) - side / 2.0
}

/// Coverage of the pixel at `(x, y)` by a rotated shape around the origin, 0 to 1.
fn coverage(shape: Shape, radius: f32, degrees: f64, (x, y): (f32, f32)) -> f32 {
    let (sin, cos) = (degrees.to_radians() as f32).sin_cos();
    (0.5 - distance(shape, cos * x + sin * y, cos * y - sin * x, radius)).clamp(0.0, 1.0)
}

/// Pixels from the outline of a shape around the origin, negative inside.
fn distance(shape: Shape, x: f32, y: f32, r: f32) -> f32 {
    match shape {
        Shape::Circle => x.hypot(y) - r,
        Shape::Square => x.abs().max(y.abs()) - 0.86 * r,
        Shape::Triangle => {
            let k = 3_f32.sqrt() / 2.0;
            (k * x - 0.5 * y).max(-k * x - 0.5 * y).max(y) - 0.56 * r
        }
        Shape::Cross => {
            let (x, y, arm) = (x.abs(), y.abs(), 0.36 * r);
            (x - arm).max(y - r).min((x - r).max(y - arm))
        }
    }
}

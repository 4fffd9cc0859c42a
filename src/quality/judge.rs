//! Detectors: what a video shows, by rules.
//!
//! They look at one frame of each latent frame. Source: `assets/mini/train/evaluate.py`.

use std::collections::BTreeMap;

use crate::engine::model::{LATENT_PIXELS, TOKEN_PIXELS};
use crate::media::{Map, Picture};
use crate::wan::mini::SIDE;

use super::mask::Mask;
use super::scene::{Colour, Motion, Scene, Shape, Thing};
use super::scores::{Property, Scores};
use super::world;

/// Largest distance of a row's median colour from the background's, in a cube of side 1.
const BACKGROUND_ERROR: f32 = 0.14;
/// From which distance on a pixel is not background.
const FOREGROUND: f32 = 0.27;
/// Plausible areas, as fractions of the expected one.
const AREAS: (f64, f64) = (0.35, 2.5);
/// Fewer pixels have no shape.
const FEWEST_PIXELS: usize = 100;
/// Degrees between templates.
const ANGLE: f64 = 7.5;
/// Largest error of a displacement, in pixels per latent frame.
const MOVE_ERROR: f64 = 3.0;
/// Largest error of a rotation, in degrees per latent frame.
const TURN_ERROR: f64 = 11.0;
/// Share of a token that an object must cover to be there.
const ON_OBJECT: f64 = 0.1;

/// Scores videos of known scenes by rules.
pub struct Judge {
    /// The area of each shape at radius 1.
    areas: BTreeMap<Shape, f64>,
    /// The shapes that were compared so far, by shape and twice their radius in pixels: angle and pixels.
    templates: BTreeMap<(Shape, usize), Vec<(f64, Mask)>>,
}

/// Observation of an object in a frame.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Row and column of its middle.
    centre: (f64, f64),
    shape: Shape,
    degrees: f64,
}

impl Default for Judge {
    /// A judge without observations.
    fn default() -> Self {
        let areas = Shape::ALL.map(|shape| (shape, world::mask(shape, 40.0, 0.0).count() as f64 / 1600.0));
        Self { areas: areas.into(), templates: BTreeMap::new() }
    }
}

impl Judge {
    /// The scores of a video: of everything but pointing.
    pub fn video(&mut self, scene: &Scene, frames: &[&Picture]) -> Scores {
        let mut scores = Scores::default();
        for frame in frames {
            scores.count(Property::Background, has_background(scene, frame));
        }
        let masks: Vec<Vec<Mask>> = frames.iter().map(|frame| masks(scene, frame)).collect();
        let mut own_shapes = Vec::new();
        for (i, thing) in scene.things.iter().enumerate() {
            let mut seen = Vec::new();
            for (frame, masks) in frames.iter().zip(&masks) {
                let mask = &masks[i];
                let plausible = self.is_plausible(thing, mask);
                // With two objects the mask is already what has the object's colour.
                let has_colour = plausible && (scene.things.len() > 1 || colour_of(frame, mask) == Some(thing.colour));
                scores.count(Property::Colour, has_colour);
                seen.push(plausible.then(|| self.look(mask)).flatten());
            }
            let right: Vec<bool> = seen.iter().map(|seen| seen.is_some_and(|seen| seen.shape == thing.shape)).collect();
            for &right in &right {
                scores.count(Property::Shape, right);
            }
            scores.count(Property::Motion, moves_as(thing, &seen));
            own_shapes.push(2 * right.iter().filter(|&&right| right).count() > right.len());
        }
        if scene.things.len() > 1 {
            scores.count(Property::Binding, own_shapes.iter().all(|&own| own));
        }
        scores
    }

    fn is_plausible(&self, thing: &Thing, mask: &Mask) -> bool {
        let expected = self.areas[&thing.shape] * f64::from(world::radius(thing.large)).powi(2);
        let count = mask.count() as f64;
        AREAS.0 * expected < count && count < AREAS.1 * expected
    }

    /// The shape, place and angle that fit an object best.
    fn look(&mut self, mask: &Mask) -> Option<Seen> {
        let count = mask.count();
        if count < FEWEST_PIXELS {
            return None;
        }
        let centre = mask.centre();
        let to_middle = |at: f64| (SIDE as f64 / 2.0 - at).round() as isize;
        let middle = mask.rolled(to_middle(centre.0), to_middle(centre.1));
        let mut best = (0.0, None);
        for shape in Shape::ALL {
            let diameter = (2.0 * (count as f64 / self.areas[&shape]).sqrt()).round().min(110.0) as usize;
            for (degrees, template) in self.templates(shape, diameter) {
                let overlap = middle.overlap(template);
                if overlap > best.0 {
                    best = (overlap, Some(Seen { centre, shape, degrees: *degrees }));
                }
            }
        }
        best.1
    }

    fn templates(&mut self, shape: Shape, diameter: usize) -> &[(f64, Mask)] {
        self.templates.entry((shape, diameter)).or_insert_with(|| {
            let angles = (0..).map(|i| f64::from(i) * ANGLE);
            let angles = angles.take_while(|&degrees| degrees < shape.symmetry().unwrap_or(ANGLE));
            angles.map(|degrees| (degrees, world::mask(shape, diameter as f32 / 2.0, degrees))).collect()
        })
    }
}

/// True if an object lies at the largest value of a word's attention map of the same latent frame.
pub fn points_at(scene: &Scene, thing: usize, frame: &Picture, map: &Map) -> bool {
    let largest = map.values.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
    let Some((token, _)) = largest.filter(|_| map.width == world::TOKENS) else { return false };
    let (row, column) = (TOKEN_PIXELS * (token / map.width), TOKEN_PIXELS * (token % map.width));
    let covered = masks(scene, frame)[thing].count_within(row..row + TOKEN_PIXELS, column..column + TOKEN_PIXELS);
    covered as f64 > ON_OBJECT * (TOKEN_PIXELS * TOKEN_PIXELS) as f64
}

/// True if the median of most rows has the background's colour.
fn has_background(scene: &Scene, frame: &Picture) -> bool {
    let is_right = |&row: &usize| {
        let colour = median_colour((0..SIDE).map(|column| pixel(frame, row, column)));
        colour.is_some_and(|colour| distance(colour, world::background(scene, row)) < BACKGROUND_ERROR)
    };
    (0..SIDE).filter(is_right).count() as f64 > 0.8 * SIDE as f64
}

/// The objects in a frame. One object is the pixels unlike the background. Of two, each is the pixels nearest to its colour.
pub fn masks(scene: &Scene, frame: &Picture) -> Vec<Mask> {
    let foreground =
        Mask::new(|row, column| distance(pixel(frame, row, column), world::background(scene, row)) > FOREGROUND);
    if scene.things.len() == 1 {
        return vec![foreground];
    }
    let of = |thing: &Thing| {
        Mask::new(|row, column| {
            foreground.contains(row, column) && nearest(pixel(frame, row, column)) == Some(thing.colour)
        })
    };
    scene.things.iter().map(of).collect()
}

/// The colour of an object, in the median.
fn colour_of(frame: &Picture, mask: &Mask) -> Option<Colour> {
    let places = (0..SIDE * SIDE).map(|i| (i / SIDE, i % SIDE)).filter(|&(row, column)| mask.contains(row, column));
    nearest(median_colour(places.map(|(row, column)| pixel(frame, row, column)))?)
}

/// True if an object moves and rotates as expected, in the median over neighbouring latent frames.
fn moves_as(thing: &Thing, seen: &[Option<Seen>]) -> bool {
    let pairs: Vec<(Seen, Seen)> = seen.windows(2).filter_map(|pair| pair[0].zip(pair[1])).collect();
    if pairs.len() < 3 {
        return false;
    }
    let side = SIDE as f64;
    let moves = |of: fn((f64, f64)) -> f64| {
        median(pairs.iter().map(|(a, b)| short_way(of(b.centre) - of(a.centre), side)).collect())
    };
    let expected = |step: isize| (LATENT_PIXELS as isize * step) as f64;
    let (down, right) = thing.motion.step();
    if (moves(|at| at.0) - expected(down)).hypot(moves(|at| at.1) - expected(right)) > MOVE_ERROR {
        return false;
    }
    // The spin of a circle is invisible.
    if thing.shape == Shape::Circle {
        return true;
    }
    let turn = |(a, b): &(Seen, Seen)| short_way(b.degrees - a.degrees, b.shape.symmetry().unwrap_or(360.0));
    let expected = if thing.motion == Motion::Spinning { world::SPIN } else { 0.0 };
    (median(pairs.iter().map(turn).collect()) - expected).abs() <= TURN_ERROR
}

/// `x` on a circle, in the turn nearest to 0.
fn short_way(x: f64, circle: f64) -> f64 {
    (x + circle / 2.0).rem_euclid(circle) - circle / 2.0
}

fn pixel(picture: &Picture, row: usize, column: usize) -> [f32; 3] {
    let at = 3 * (row * picture.width + column);
    [0, 1, 2].map(|channel| f32::from(picture.rgb[at + channel]) / 255.0)
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

/// The colour that is nearest.
fn nearest(pixel: [f32; 3]) -> Option<Colour> {
    let far = |colour: &Colour| distance(pixel, colour.rgb());
    Colour::ALL.into_iter().min_by(|a, b| far(a).total_cmp(&far(b)))
}

/// Channel by channel; nothing of no pixels.
fn median_colour(pixels: impl Iterator<Item = [f32; 3]>) -> Option<[f32; 3]> {
    let pixels: Vec<[f32; 3]> = pixels.collect();
    let channel = |c: usize| median(pixels.iter().map(|pixel| f64::from(pixel[c])).collect()) as f32;
    (!pixels.is_empty()).then(|| [channel(0), channel(1), channel(2)])
}

/// Of an even count, the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

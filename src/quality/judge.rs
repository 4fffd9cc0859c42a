//! Detector of the things, looks, motions and grounds in a video.
//!
//! It compares the picture with every thing in every look over the prompt's ground, and takes the nearest. It judges
//! one picture of each latent frame. Source: `assets/mini/train/evaluate.py`.

use crate::media::{Map, Picture};
use crate::wan::mini::SIDE;

use super::mask::Mask;
use super::scene::{Motion, Scene};
use super::scores::{Property, Scores};
use super::world::{
    Canvas, HALF_SIDE, Rgb, SQUARE, TOKENS, Token, World, graded, in_bar, motion_at, moved, over, square,
};

/// Root mean square difference of two looks below which they count as equal.
const SAME: f32 = 0.05;
/// Coverage from which a pixel of one thing hides the other thing.
const HIDING: f32 = 0.05;
/// Smallest visible share of a thing that is judged.
const VISIBLE: f32 = 0.4;
/// Smallest distance of two things, in tokens along rows or columns.
const APART: usize = 2;
/// Smallest distance of a thing's pixel from the ground's colour, with channels from 0 to 1.
const FOREGROUND: f32 = 0.25;
/// Largest distance in tokens between the maximum of a map and the thing.
const NEAR: usize = 1;

/// Detects the things of known scenes.
#[derive(Clone, Copy)]
pub struct Judge(pub &'static World);

/// The token of each thing in each judged frame, frame by frame.
pub type Found = Vec<Vec<Token>>;

impl Judge {
    /// Scores of a video, without pointing, and the tokens of its things. The first frame belongs to latent frame
    /// `first`.
    pub fn video(self, scene: &Scene, frames: &[Canvas], first: usize) -> (Scores, Found) {
        let motions = |k: usize| (0..scene.things.len()).map(|i| motion_at(scene, i, first + k)).collect();
        let motions: Vec<Vec<Motion>> = (0..frames.len()).map(motions).collect();
        let mut found: Found = Vec::new();
        for (frame, motions) in frames.iter().zip(&motions) {
            let tokens = self.find(scene, frame, motions);
            found.push(if scene.twins() { ordered(tokens, found.last(), motions) } else { tokens });
        }
        let mut scores = Scores::default();
        let mut own = Vec::new();
        for (i, thing) in scene.things.iter().enumerate() {
            let verdicts: Vec<(bool, bool)> = (frames.iter().zip(&found).zip(&motions))
                .filter_map(|((frame, tokens), motions)| self.look(scene, frame, i, tokens, motions))
                .collect();
            for (is_thing, is_look) in &verdicts {
                scores.count(Property::Thing, *is_thing);
                scores.count(Property::Look, *is_look);
            }
            scores.count(Property::Motion, moves_as(thing.motion, i, &found));
            let right = verdicts.iter().filter(|verdict| verdict.0 && verdict.1).count();
            own.extend((!verdicts.is_empty()).then_some(2 * right > verdicts.len()));
        }
        if own.len() == 2 && !scene.twins() {
            scores.count(Property::Binding, own.iter().all(|&own| own));
        }
        for ((frame, tokens), motions) in frames.iter().zip(&found).zip(&motions) {
            scores.count(Property::Ground, self.has_ground(scene, frame, tokens, motions));
        }
        (scores, found)
    }

    /// Of the tokens of a video's things, those at which the thing itself is recognised. The first frame belongs to latent frame `first`.
    pub fn recognised(self, scene: &Scene, frames: &[Canvas], found: &Found, first: usize) -> Vec<Vec<Option<Token>>> {
        let of = |(k, (frame, tokens)): (usize, (&Canvas, &Vec<Token>))| {
            let motions: Vec<Motion> = (0..tokens.len()).map(|i| motion_at(scene, i, first + k)).collect();
            let is_there =
                |i: usize| self.look(scene, frame, i, tokens, &motions).is_some_and(|(is_thing, _)| is_thing);
            tokens.iter().enumerate().map(|(i, token)| is_there(i).then_some(*token)).collect()
        };
        frames.iter().zip(found).enumerate().map(of).collect()
    }

    /// Token of each thing: those that reduce the error of the bare ground most.
    pub fn find(self, scene: &Scene, frame: &Canvas, motions: &[Motion]) -> Vec<Token> {
        let each: Vec<Vec<f32>> =
            motions.iter().enumerate().map(|(i, &motion)| self.gains(scene, frame, i, motion)).collect();
        let token = |at: usize| (at / TOKENS, at % TOKENS);
        let all = || 0..TOKENS * TOKENS;
        match each.as_slice() {
            [one] => all().max_by(|&a, &b| one[a].total_cmp(&one[b])).map(token).into_iter().collect(),
            [one, two] => {
                let pairs = all().flat_map(|a| all().map(move |b| (a, b)));
                let apart = pairs.filter(|&(a, b)| {
                    let (down, right) = way(token(a), token(b));
                    down.unsigned_abs().max(right.unsigned_abs()) >= APART
                });
                let best = apart.max_by(|x, y| (one[x.0] + two[x.1]).total_cmp(&(one[y.0] + two[y.1])));
                best.map(|(a, b)| vec![token(a), token(b)]).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Reduction of the bare ground's squared error by a thing, at each token.
    fn gains(self, scene: &Scene, frame: &Canvas, thing: usize, motion: Motion) -> Vec<f32> {
        let (sprite, ground, bare) = (self.0.sprite(scene, thing), self.0.ground(scene), self.0.bare(scene));
        let gain = |token: Token| {
            let pixels =
                square(token, motion).enumerate().filter(|&(i, at)| sprite.cover[i] > 0.0 && is_seen(scene, at));
            pixels
                .map(|(i, at)| {
                    let laid = shown(scene, over(sprite, i, ground.0[at]));
                    error(bare.0[at], frame.0[at]) - error(laid, frame.0[at])
                })
                .sum()
        };
        (0..TOKENS * TOKENS).map(|at| gain((at / TOKENS, at % TOKENS))).collect()
    }

    /// Verdicts on a thing and on its look. Pixels under the other thing and under bars do not count. None if less than
    /// [`VISIBLE`] of the thing remains.
    fn look(
        self,
        scene: &Scene,
        frame: &Canvas,
        thing: usize,
        tokens: &[Token],
        motions: &[Motion],
    ) -> Option<(bool, bool)> {
        let World { sprites, .. } = self.0;
        let mut hidden = [false; HALF_SIDE * HALF_SIDE];
        for other in (0..tokens.len()).filter(|&other| other != thing) {
            let cover = &self.0.sprite(scene, other).cover;
            for (i, at) in square(tokens[other], motions[other]).enumerate() {
                hidden[at] |= cover[i] >= HIDING;
            }
        }
        let visible: Vec<(usize, usize)> = (square(tokens[thing], motions[thing]).enumerate())
            .filter(|&(_, at)| is_seen(scene, at) && !hidden[at])
            .collect();
        let ground = self.0.ground(scene);
        let laid = |kind: usize, look: usize| {
            visible.iter().map(move |&(i, at)| shown(scene, over(&sprites[kind][look], i, ground.0[at])))
        };
        // Squared distance from the picture, if it is below a limit.
        let near = |kind: usize, look: usize, limit: f32| {
            let mut sum = 0.0;
            for (pixel, &(_, at)) in laid(kind, look).zip(&visible) {
                sum += error(pixel, frame.0[at]);
                if sum >= limit {
                    return None;
                }
            }
            Some(sum)
        };
        let (kind, look) = self.0.indices(scene, thing);
        let cover = &sprites[kind][look].cover;
        let seen: f32 = visible.iter().map(|&(i, _)| cover[i]).sum();
        if seen < VISIBLE * cover.iter().sum::<f32>() {
            return None;
        }
        // A thing that fits worse than the bare ground is absent, and so is its look.
        let bare = self.0.bare(scene);
        let nothing: f32 = visible.iter().map(|&(_, at)| error(bare.0[at], frame.0[at])).sum();
        let mut mine = (f32::INFINITY, look);
        for other in 0..sprites[kind].len() {
            mine = near(kind, other, mine.0).map_or(mine, |distance| (distance, other));
        }
        let others = (0..sprites.len()).filter(|&other| other != kind);
        let is_there = mine.0 < nothing;
        let is_thing = is_there
            && others
                .flat_map(|other| (0..sprites[other].len()).map(move |look| (other, look)))
                .all(|(other, look)| near(other, look, mine.0).is_none());
        let differing: f32 = laid(kind, mine.1).zip(laid(kind, look)).map(|(a, b)| error(a, b)).sum();
        let is_look = is_there && (mine.1 == look || (differing / f32::max(1.0, 3.0 * seen)).sqrt() < SAME);
        Some((is_thing, is_look))
    }

    /// True if the scene's ground is the nearest of all to the pixels outside the things' squares.
    fn has_ground(self, scene: &Scene, frame: &Canvas, tokens: &[Token], motions: &[Motion]) -> bool {
        let mut free = [true; HALF_SIDE * HALF_SIDE];
        for (&token, &motion) in tokens.iter().zip(motions) {
            square(token, motion).for_each(|at| free[at] = false);
        }
        let far = |ground: &Canvas| -> f32 {
            let pixels = (0..free.len()).filter(|&at| free[at]);
            pixels.map(|at| frame.0[at].iter().zip(ground.0[at]).map(|(a, b)| (a - b).abs()).sum::<f32>()).sum()
        };
        let own = far(self.0.bare(scene));
        self.0.grounds.iter().flatten().all(|ground| ground == self.0.bare(scene) || far(ground) > own)
    }

    /// Pixels of each thing: those that differ from the ground. With two things, a pixel belongs to the nearer one.
    pub fn masks(self, scene: &Scene, frame: &Picture, latent: usize) -> Vec<Mask> {
        let canvas = Canvas::of(frame);
        let motions: Vec<Motion> = (0..scene.things.len()).map(|i| motion_at(scene, i, latent)).collect();
        let tokens = self.find(scene, &canvas, &motions);
        let bare = self.0.bare(scene);
        let half = |pixel: usize| pixel / 2;
        let far = |token: Token, row: usize, column: usize| {
            let from = |token: usize, pixel: usize| {
                let side = SIDE as f64;
                let way = pixel as f64 + 0.5 - (token as f64 + 0.5) * side / TOKENS as f64;
                (way + side / 2.0).rem_euclid(side) - side / 2.0
            };
            from(token.0, row).hypot(from(token.1, column))
        };
        let mask = |&token: &Token| {
            Mask::new(|row, column| {
                let at = half(row) * HALF_SIDE + half(column);
                let nearest = tokens.iter().all(|&other| far(token, row, column) <= far(other, row, column));
                nearest && is_seen(scene, at) && error(bare.0[at], canvas.0[at]).sqrt() > FOREGROUND
            })
        };
        tokens.iter().map(mask).collect()
    }
}

/// True if a thing is at the maximum of a word's attention map, or beside it. `tokens` has the things that the word
/// names.
pub fn points_at(tokens: &[Token], map: &Map) -> bool {
    let largest = map.values.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
    let Some((at, _)) = largest.filter(|_| map.width == TOKENS) else { return false };
    tokens.iter().any(|&token| {
        let (down, right) = way((at / TOKENS, at % TOKENS), token);
        down.unsigned_abs().max(right.unsigned_abs()) <= NEAR
    })
}

/// Order of two equal things: the one nearest to the expected positions. In the first frame, the left one is first.
fn ordered(tokens: Vec<Token>, before: Option<&Vec<Token>>, motions: &[Motion]) -> Vec<Token> {
    let [a, b] = tokens[..] else { return tokens };
    let far = |order: [Token; 2]| -> usize {
        let Some(before) = before else { return order[0].1 };
        let expected = before.iter().zip(motions).map(|(&token, motion)| moved(token, motion.step()));
        expected
            .zip(order)
            .map(|(from, to)| way(from, to))
            .map(|(down, right)| down.unsigned_abs() + right.unsigned_abs())
            .sum()
    };
    if far([b, a]) < far([a, b]) { vec![b, a] } else { vec![a, b] }
}

/// True if the median step of a thing is that of its motion. Things that meet must be side by side in the last three
/// frames.
fn moves_as(motion: Motion, thing: usize, found: &Found) -> bool {
    if motion == Motion::Meeting {
        let last = &found[found.len().saturating_sub(3)..];
        let beside = |tokens: &Vec<Token>| matches!(tokens[..], [a, b] if { let (down, right) = way(a, b); down == 0 && right.unsigned_abs() == APART });
        return !last.is_empty() && last.iter().all(beside);
    }
    let steps: Vec<(isize, isize)> = found.windows(2).map(|pair| way(pair[0][thing], pair[1][thing])).collect();
    let median = |of: fn(&(isize, isize)) -> isize, expected: isize| {
        let mut steps: Vec<isize> = steps.iter().map(of).collect();
        steps.sort_unstable();
        let middle = steps.len() / 2;
        !steps.is_empty() && steps[middle] == expected && steps[(steps.len() - 1) / 2] == expected
    };
    let (down, right) = motion.step();
    median(|step| step.0, down) && median(|step| step.1, right)
}

/// Shortest displacement between two tokens on the torus: down, right.
pub fn way(from: Token, to: Token) -> (isize, isize) {
    let half = (TOKENS / 2) as isize;
    let short = |from: usize, to: usize| (to as isize - from as isize + half).rem_euclid(2 * half) - half;
    (short(from.0, to.0), short(from.1, to.1))
}

/// A colour after the grading of the scene, if any.
fn shown(scene: &Scene, colour: Rgb) -> Rgb {
    if scene.cinematic { graded(colour) } else { colour }
}

/// True for a pixel that no bar covers.
fn is_seen(scene: &Scene, at: usize) -> bool {
    !scene.cinematic || !in_bar(at / HALF_SIDE)
}

/// The squared distance of two colours.
fn error(a: Rgb, b: Rgb) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

const _: () = assert!(SQUARE <= HALF_SIDE);

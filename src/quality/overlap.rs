//! Overlap of a word's attention map with the pixels of what it names.

use crate::engine::model::TOKEN_PIXELS;
use crate::media::Map;
use crate::output::scale::resample;
use crate::wan::mini::SIDE;

use super::mask::Mask;
use super::world::TOKENS;
use bendrack_nodes::program::source::Scale;

/// Number of thresholds over a map's range. The middle one is half.
pub const CUTS: usize = 19;

/// Intersection over union (IoU) of a word's map and a thing's pixels, at [`CUTS`] thresholds over the map's range.
pub struct Overlap {
    cuts: [f64; CUTS],
    /// IoU of an ideal map, the thing's coverage of each token, at half range.
    pub ideal: f64,
}

impl Overlap {
    /// Overlap of a map with the pixels of a thing.
    pub fn new(map: &Map, thing: &Mask) -> Self {
        let covered = |token: usize| {
            let (row, column) = (TOKEN_PIXELS * (token / TOKENS), TOKEN_PIXELS * (token % TOKENS));
            thing.count_within(row..row + TOKEN_PIXELS, column..column + TOKEN_PIXELS) as f32
        };
        let ideal = Map { width: TOKENS, height: TOKENS, values: (0..TOKENS * TOKENS).map(covered).collect() };
        Self {
            cuts: std::array::from_fn(|cut| above(map, part(cut)).overlap(thing)),
            ideal: above(&ideal, 0.5).overlap(thing),
        }
    }

    /// IoU at half of the range.
    pub fn half(&self) -> f64 {
        self.cuts[CUTS / 2]
    }

    /// IoU at the best threshold.
    pub fn best(&self) -> f64 {
        self.cuts.iter().copied().fold(0.0, f64::max)
    }
}

/// Threshold with the largest mean IoU, as a fraction of the range, and this IoU. None without maps.
pub fn best_cut(overlaps: &[&Overlap]) -> Option<(f32, f64)> {
    let fit = |cut: usize| {
        let sum: f64 = overlaps.iter().map(|overlap| overlap.cuts[cut]).sum();
        (part(cut), sum / overlaps.len() as f64)
    };
    let cuts = if overlaps.is_empty() { 0 } else { CUTS };
    (0..cuts).map(fit).max_by(|(_, a), (_, b)| a.total_cmp(b))
}

/// Pixels at which the map, enlarged like a heatmap, reaches `part` of its range, 0 to 1.
pub fn above(map: &Map, part: f32) -> Mask {
    let low = map.values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = map.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let large = resample(&map.values, 1, (map.width, map.height), (SIDE, SIDE), Scale::Bicubic);
    Mask::new(|row, column| large[row * SIDE + column] >= low + part * (high - low))
}

/// Threshold of a cut, as a fraction of the range.
fn part(cut: usize) -> f32 {
    (cut + 1) as f32 / (CUTS + 1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_of_the_things_own_tokens_fits_best() {
        let thing = Mask::new(|row, column| (32..80).contains(&row) && (16..64).contains(&column));
        let map = |right: usize| {
            let inside = |at: usize| (2..5).contains(&(at / TOKENS)) && (1 + right..4 + right).contains(&(at % TOKENS));
            let values = (0..TOKENS * TOKENS).map(|at| if inside(at) { 1.0 } else { 0.0 }).collect();
            Overlap::new(&Map { width: TOKENS, height: TOKENS, values }, &thing)
        };
        let (own, beside, far) = (map(0), map(1), map(4));
        assert!(own.half() > 0.9 && own.best() >= own.half() && (own.ideal - own.half()).abs() < 1e-9);
        assert!(beside.best() < 0.7 && far.best() < 0.1 && own.best() > beside.best());
        let (part, mean) = best_cut(&[&own, &own]).expect("maps");
        assert!((mean - own.best()).abs() < 1e-9 && part > 0.0 && part < 1.0);
        assert_eq!(best_cut(&[]), None);
    }
}

//! A video against the same video without bends.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::measure::Measure;
use super::player::Video;
use crate::engine::Taps;
use crate::engine::model::LATENT_FRAMES;
use crate::media::{Map, Picture};
use crate::quality::is_judged;
use crate::quality::judge::{Judge, way};
use crate::quality::scene::Prompt;
use crate::quality::scores::{Property, Scores};
use crate::quality::world::{Canvas, Token, World};
use crate::wan::mini::SIDE;

/// Side of the blocks whose colours are compared, in pixels.
const BLOCK: usize = 16;
/// Side of the windows of the structural similarity, in pixels, and the distance between two of them.
const WINDOW: (usize, usize) = (8, 4);
/// The constants of the structural similarity for levels of 255 (Wang et al. 2004).
const STABLE: (f64, f64) = (6.5025, 58.5225);
/// Gradient that is added to both sides of a ratio, in levels, so that an even picture has one.
const LEAST_EDGE: f64 = 0.1;

/// The values of the measurements.
pub type Values = BTreeMap<Measure, f64>;

/// The places of things, frame by frame; none for a thing that is not recognised.
type Places = Vec<Vec<Option<Token>>>;

/// Everything about a video that a comparison needs.
pub struct Features {
    video: Video,
    lumas: Vec<Vec<f32>>,
    /// The colours of blocks in OKLab, picture by picture.
    blocks: Vec<Vec<[f64; 3]>>,
    edges: f64,
    motion: Option<f64>,
    flicker: Option<f64>,
    entropy: Option<f64>,
    /// The detector's scores and the places of things; none without a scene.
    detected: Option<(Scores, Places)>,
}

impl Features {
    /// The features of a video. `scene`: its contents, for the detector.
    pub fn of(video: Video, scene: Option<&Prompt>) -> Self {
        let lumas: Vec<Vec<f32>> = video.pictures.iter().map(|picture| luma(picture)).collect();
        let edges = mean(video.pictures.iter().zip(&lumas).map(|(picture, luma)| gradient(luma, picture.width)));
        let motion = mean_of((LATENT_FRAMES..lumas.len()).map(|at| difference(&lumas[at], &lumas[at - LATENT_FRAMES])));
        let flicker = mean_of(lumas.windows(3).map(|three| {
            let [before, now, after] = three else { return 0.0 };
            let middle: Vec<f32> = before.iter().zip(after).map(|(a, b)| f32::midpoint(*a, *b)).collect();
            difference(now, &middle)
        }));
        Self {
            blocks: video.pictures.iter().map(|picture| blocks(picture)).collect(),
            detected: scene.and_then(|scene| detect(&video, scene)),
            entropy: mean_of(video.maps.iter().flat_map(|taps| taps.values()).filter_map(entropy)),
            video,
            lumas,
            edges,
            motion,
            flicker,
        }
    }

    /// The video.
    pub const fn video(&self) -> &Video {
        &self.video
    }

    /// Its size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(|blocks| size_of::<[f64; 3]>() * blocks.len()).sum();
        self.video.bytes() + self.lumas.iter().map(|luma| 4 * luma.len()).sum::<usize>() + blocks
    }

    /// The measurements of this video against the one without bends. Those without a value are missing.
    pub fn against(&self, unbent: &Self) -> Values {
        let pictures = || self.video.pictures.iter().zip(&unbent.video.pictures);
        let lab = |part: &dyn Fn(&[f64; 3]) -> f64| {
            let of = |features: &Self| mean(features.blocks.iter().flatten().map(part));
            100.0 * (of(self) - of(unbent))
        };
        let colours = self.blocks.iter().flatten().zip(unbent.blocks.iter().flatten());
        let structure = self.lumas.iter().zip(&unbent.lumas).zip(pictures());
        let mut values = Values::from([
            (Measure::Picture, mean(pictures().map(|(a, b)| levels(a, b)))),
            (Measure::Structure, mean(structure.map(|((a, b), (picture, _))| 1.0 - similarity(a, b, picture.width)))),
            (Measure::Colour, 100.0 * mean(colours.map(|(a, b)| distance(a, b)))),
            (Measure::Brightness, lab(&|[lightness, _, _]| *lightness)),
            (Measure::Saturation, lab(&|[_, a, b]| a.hypot(*b))),
            (Measure::Edges, ((self.edges + LEAST_EDGE) / (unbent.edges + LEAST_EDGE)).log2()),
            (Measure::Warnings, self.video.warnings.len() as f64),
        ]);
        let mut add = |measure, value: Option<f64>| values.extend(value.map(|value| (measure, value)));
        add(Measure::Latents, relative(&self.video.latents, &unbent.video.latents));
        add(Measure::Motion, self.motion.zip(unbent.motion).map(|(a, b)| a - b));
        add(Measure::Flicker, self.flicker.zip(unbent.flicker).map(|(a, b)| a - b));
        add(Measure::MapEntropy, self.entropy.zip(unbent.entropy).map(|(a, b)| a - b));
        add(Measure::MapShift, map_shift(&self.video.maps, &unbent.video.maps));
        if let (Some((bent, places)), Some((scores, unbent_places))) = (&self.detected, &unbent.detected) {
            let properties = [
                (Measure::Things, Property::Thing),
                (Measure::Looks, Property::Look),
                (Measure::Ground, Property::Ground),
                (Measure::Motions, Property::Motion),
            ];
            for (measure, property) in properties {
                // A thing that is hidden has no verdict, and counts as one that is not recognised.
                let share = |scores: &Scores| scores.share(property).unwrap_or(0.0);
                add(measure, Some(share(bent) - share(scores)));
            }
            add(Measure::Place, place_shift(places, unbent_places));
        }
        values.retain(|_, value| value.is_finite());
        values
    }
}

/// The detector's scores of a video of the small model's size.
fn detect(video: &Video, scene: &Prompt) -> Option<(Scores, Places)> {
    let is_of_size = video.pictures.iter().all(|picture| (picture.width, picture.height) == (SIDE, SIDE));
    let judge = Judge(World::get().ok().filter(|_| is_of_size)?);
    let judged = video.pictures.iter().enumerate().filter(|(number, _)| is_judged(*number as u64));
    let canvases: Vec<Canvas> = judged.map(|(_, picture)| Canvas::of(picture)).collect();
    if canvases.is_empty() {
        return None;
    }
    let (scores, found) = judge.video(&scene.scene, &canvases, 1);
    Some((scores, judge.recognised(&scene.scene, &canvases, &found, 1)))
}

/// The mean distance between the places of the things that are recognised in both videos, in tokens. The picture has no edges.
fn place_shift(bent: &Places, unbent: &Places) -> Option<f64> {
    let pairs = bent.iter().flatten().zip(unbent.iter().flatten()).filter_map(|(a, b)| a.zip(*b));
    mean_of(pairs.map(|(a, b)| way(a, b)).map(|(down, right)| (down as f64).hypot(right as f64)))
}

/// The mean distance of the centroids of the maps of two videos, in shares of the sides.
fn map_shift(bent: &[std::sync::Arc<Taps>], unbent: &[std::sync::Arc<Taps>]) -> Option<f64> {
    let mut far = Vec::new();
    for (bent, unbent) in bent.iter().zip(unbent) {
        for (tap, map) in bent.iter() {
            let centres = centroid(map).zip(unbent.get(tap).and_then(centroid));
            far.extend(centres.map(|((x, y), (x0, y0))| (x - x0).hypot(y - y0)));
        }
    }
    mean_of(far)
}

/// The centroid of a map, in shares of its sides; none for a spectrum and for a map of zeros.
fn centroid(map: &Map) -> Option<(f64, f64)> {
    let shares = shares(map).filter(|_| !map.is_spectrum())?;
    let sum = |of: &dyn Fn(usize) -> f64| shares.iter().enumerate().map(|(at, share)| share * of(at)).sum::<f64>();
    let (width, height) = (map.width as f64, map.height as f64);
    let x = sum(&|at| ((at % map.width) as f64 + 0.5) / width);
    Some((x, sum(&|at| ((at / map.width) as f64 + 0.5) / height)))
}

/// The entropy of a map relative to that of an even one.
fn entropy(map: &Map) -> Option<f64> {
    let shares = shares(map).filter(|shares| shares.len() > 1)?;
    let entropy: f64 = shares.iter().filter(|share| **share > 0.0).map(|share| -share * share.ln()).sum();
    Some(entropy / (shares.len() as f64).ln())
}

/// The share of each value in the sum. Negative values, which bent maps may have, count as 0.
fn shares(map: &Map) -> Option<Vec<f64>> {
    let values = || map.values.iter().map(|&value| f64::from(value.max(0.0)));
    let sum: f64 = values().sum();
    (sum > 0.0 && sum.is_finite()).then(|| values().map(|value| value / sum).collect())
}

/// The norm of the difference of two vectors, relative to that of the second.
fn relative(a: &[f32], b: &[f32]) -> Option<f64> {
    if a.len() != b.len() || a.is_empty() {
        return None;
    }
    let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let far = squares(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    let norm = squares(&mut b.iter().map(|&b| f64::from(b)));
    (norm > 0.0).then(|| (far / norm).sqrt())
}

/// The mean difference of two pictures, in levels.
fn levels(a: &Picture, b: &Picture) -> f64 {
    let sum: u64 = a.rgb.iter().zip(&b.rgb).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.rgb.len().max(1) as f64
}

/// The luma of a picture (BT.601), in levels.
fn luma(picture: &Picture) -> Vec<f32> {
    let of = |pixel: &[u8]| 0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2]);
    picture.rgb.chunks_exact(3).map(of).collect()
}

/// The mean gradient of a luma, in levels per pixel.
fn gradient(luma: &[f32], width: usize) -> f64 {
    let rows: Vec<&[f32]> = luma.chunks_exact(width.max(1)).collect();
    let mut sum = 0.0;
    let mut count = 0_usize;
    for (row, below) in rows.iter().zip(rows.iter().skip(1)) {
        for x in 1..width {
            sum += f64::from((row[x] - row[x - 1]).hypot(below[x - 1] - row[x - 1]));
            count += 1;
        }
    }
    sum / count.max(1) as f64
}

/// The mean difference of two lumas.
fn difference(a: &[f32], b: &[f32]) -> f64 {
    mean(a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())))
}

/// The structural similarity of two lumas, 1 for equal ones.
fn similarity(a: &[f32], b: &[f32], width: usize) -> f64 {
    let height = a.len() / width.max(1);
    let (side, step) = WINDOW;
    let mut all = Vec::new();
    for top in (0..=height.saturating_sub(side)).step_by(step) {
        for left in (0..=width.saturating_sub(side)).step_by(step) {
            let (mut sums, mut squares, mut product) = ([0.0; 2], [0.0; 2], 0.0);
            let mut count = 0.0;
            for y in top..(top + side).min(height) {
                for x in left..(left + side).min(width) {
                    let (a, b) = (f64::from(a[y * width + x]), f64::from(b[y * width + x]));
                    sums = [sums[0] + a, sums[1] + b];
                    squares = [squares[0] + a * a, squares[1] + b * b];
                    product += a * b;
                    count += 1.0;
                }
            }
            let means = sums.map(|sum| sum / count);
            let variance = |of: usize| squares[of] / count - means[of] * means[of];
            let covariance = product / count - means[0] * means[1];
            let light = (2.0 * means[0] * means[1] + STABLE.0) / (means[0].powi(2) + means[1].powi(2) + STABLE.0);
            all.push(light * (2.0 * covariance + STABLE.1) / (variance(0) + variance(1) + STABLE.1));
        }
    }
    mean(all)
}

/// The mean colours of blocks in OKLab. Blocks at the right and at the bottom are smaller if the side is no multiple.
fn blocks(picture: &Picture) -> Vec<[f64; 3]> {
    let (columns, rows) = (picture.width.div_ceil(BLOCK), picture.height.div_ceil(BLOCK));
    let mut sums = vec![([0.0; 3], 0.0); columns * rows];
    for (at, pixel) in picture.rgb.chunks_exact(3).enumerate() {
        let (sum, count) = &mut sums[at / picture.width / BLOCK * columns + at % picture.width / BLOCK];
        for (sum, level) in sum.iter_mut().zip(pixel) {
            *sum += LINEAR[usize::from(*level)];
        }
        *count += 1.0;
    }
    sums.into_iter().map(|(sum, count)| oklab(sum.map(|sum| sum / count))).collect()
}

/// Linear light of the levels of sRGB.
static LINEAR: LazyLock<[f64; 256]> = LazyLock::new(|| {
    std::array::from_fn(|level| {
        let level = level as f64 / 255.0;
        if level <= 0.04045 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
    })
});

/// Linear light in OKLab: lightness, green to red, blue to yellow (Ottosson 2020).
fn oklab([r, g, b]: [f64; 3]) -> [f64; 3] {
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    [
        0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
    ]
}

fn distance(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// The mean; none without values.
fn mean_of(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values = values.into_iter().peekable();
    values.peek().is_some().then(|| mean(values))
}

/// The mean; 0 without values.
fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values.into_iter().fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A video of a square that moves to the right over an even ground.
    fn video(colour: [u8; 3], step: usize, frames: usize) -> Video {
        let picture = |number: usize| {
            let mut picture = Picture::filled(64, 64, [100; 3]);
            for y in 20..44 {
                for x in 8 + number * step..32 + number * step {
                    picture.rgb[3 * (64 * y + x % 64)..][..3].copy_from_slice(&colour);
                }
            }
            Arc::new(picture)
        };
        Video { pictures: (0..frames).map(picture).collect(), latents: vec![1.0; 8], ..Video::default() }
    }

    fn values(bent: Video, unbent: Video) -> Values {
        Features::of(bent, None).against(&Features::of(unbent, None))
    }

    #[test]
    fn equal_videos_have_no_distance_and_no_change() {
        let values = values(video([200, 40, 40], 1, 9), video([200, 40, 40], 1, 9));
        assert!(values.len() >= 10);
        for (measure, value) in values {
            assert!(value.abs() < 1e-9, "{measure:?} is {value}");
        }
    }

    #[test]
    fn each_measurement_answers_to_its_change_alone() {
        let red = || video([200, 40, 40], 1, 9);
        let of = |bent: Video| values(bent, red());
        let still = of(video([200, 40, 40], 0, 9));
        assert!(still[&Measure::Motion] < -0.5 && still[&Measure::Edges].abs() < 0.02, "{still:?}");
        let grey = of(video([100; 3], 1, 9));
        assert!(grey[&Measure::Edges] < -1.5 && grey[&Measure::Saturation] < -0.5, "{grey:?}");
        let bright = of(video([240, 200, 200], 1, 9));
        assert!(bright[&Measure::Brightness] > 1.0 && bright[&Measure::Colour] > 1.0, "{bright:?}");
        let mut flickering = red();
        for picture in flickering.pictures.iter_mut().step_by(2) {
            Arc::make_mut(picture).rgb.iter_mut().for_each(|level| *level = level.saturating_add(10));
        }
        let flickering = of(flickering);
        assert!(flickering[&Measure::Flicker] > 5.0 && flickering[&Measure::Structure] < 0.1, "{flickering:?}");
        let far = of(Video { latents: vec![2.0; 8], ..red() });
        assert!((far[&Measure::Latents] - 1.0).abs() < 1e-9 && far[&Measure::Picture].abs() < 1e-9, "{far:?}");
    }

    #[test]
    fn maps_are_compared_by_entropy_and_centroid() {
        let with = |values: &[f32]| {
            let map = Map { width: 4, height: 1 + values.len() / 8, values: values.to_vec() };
            let taps = Taps::from([("tap".into(), map)]);
            Video { maps: vec![Arc::new(taps)], ..video([200, 40, 40], 1, 2) }
        };
        let (left, even) = ([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], [0.5; 8]);
        let values = values(with(&left), with(&even));
        assert!((values[&Measure::MapShift] - 0.375).abs() < 1e-9, "{values:?}");
        assert!((values[&Measure::MapEntropy] + 2.0 / 3.0).abs() < 1e-9, "a third of the entropy is left: {values:?}");
    }

    /// Only things that are recognised in both videos count, along the shorter way around.
    #[test]
    fn places_are_compared_where_both_are_known() {
        let bent = vec![vec![Some((0, 0)), None], vec![Some((3, 3)), Some((2, 2))]];
        let unbent = vec![vec![Some((0, 7)), Some((1, 1))], vec![None, Some((2, 5))]];
        assert_eq!(place_shift(&bent, &unbent), Some(2.0));
        assert_eq!(place_shift(&vec![vec![None]], &vec![vec![Some((1, 1))]]), None);
    }

    #[test]
    fn white_and_black_have_the_lightness_of_oklab() {
        let (white, red) = (oklab([1.0; 3]), oklab([1.0, 0.0, 0.0]));
        assert!((white[0] - 1.0).abs() < 1e-4 && white[1].abs() < 1e-4 && white[2].abs() < 1e-4, "{white:?}");
        assert!((red[0] - 0.628).abs() < 1e-3 && (red[1] - 0.225).abs() < 1e-3 && (red[2] - 0.126).abs() < 1e-3);
    }
}

//! Pictures and maps in another size.
//!
//! All pictures use one cubic filter (Catmull-Rom). It enlarges smoothly and sharply. To shrink, it widens to the new
//! pixel. Maps may use other filters. The centre of a cell keeps its position, so a map scaled to a picture lies
//! exactly over it.

use std::borrow::Cow;

use bendrack_nodes::program::byte;
use bendrack_nodes::program::source::Scale;
use pulp::Arch;

use crate::media::Picture;

/// The old samples that make a new one, with their weights.
struct Mixture {
    samples: Vec<usize>,
    weights: Vec<f32>,
}

/// The picture in another size; its proportions are not kept. A picture without pixels, before or after, is dark.
pub fn scaled(picture: &Picture, width: usize, height: usize) -> Cow<'_, Picture> {
    if !picture.is_whole() || width == 0 || height == 0 {
        return Cow::Owned(Picture::black(width, height));
    }
    if (picture.width, picture.height) == (width, height) {
        return Cow::Borrowed(picture);
    }
    let values: Vec<f32> = picture.rgb.iter().map(|&byte| f32::from(byte)).collect();
    let values = resample(&values, 3, (picture.width, picture.height), (width, height), Scale::Bicubic);
    Cow::Owned(Picture { width, height, rgb: values.into_iter().map(byte).collect() })
}

/// The whole picture inside another size, as large as it fits, centred on dark.
pub fn fitted(picture: &Picture, width: usize, height: usize) -> Cow<'_, Picture> {
    let inner = fitting(picture, width, height);
    if inner == (width, height) {
        return scaled(picture, width, height);
    }
    let mut whole = Picture::black(width, height);
    let small = scaled(picture, inner.0, inner.1);
    paste(&mut whole, &small, (width - inner.0) / 2, (height - inner.1) / 2);
    Cow::Owned(whole)
}

/// The middle of the picture in another size, cropped as little as possible.
pub fn covering(picture: &Picture, width: usize, height: usize) -> Cow<'_, Picture> {
    if !picture.is_whole() || width == 0 || height == 0 {
        return scaled(picture, width, height);
    }
    // Cropped before it is enlarged: of a picture that is almost a line, little remains.
    let scale = (width as f64 / picture.width as f64).max(height as f64 / picture.height as f64);
    let seen = |length: usize, most: usize| ((length as f64 / scale).round() as usize).clamp(1, most);
    let (wide, high) = (seen(width, picture.width), seen(height, picture.height));
    if (wide, high) == (picture.width, picture.height) {
        return scaled(picture, width, height);
    }
    let (left, top) = ((picture.width - wide) / 2, (picture.height - high) / 2);
    let rows = picture.rgb.chunks_exact(picture.width * 3).skip(top).take(high);
    let rgb = rows.flat_map(|row| &row[left * 3..(left + wide) * 3]).copied().collect();
    Cow::Owned(scaled(&Picture { width: wide, height: high, rgb }, width, height).into_owned())
}

/// The largest size with the picture's proportions that fits into another; nothing for a picture without pixels.
pub fn fitting(picture: &Picture, width: usize, height: usize) -> (usize, usize) {
    if !picture.is_whole() || width == 0 || height == 0 {
        return (0, 0);
    }
    let scale = (width as f64 / picture.width as f64).min(height as f64 / picture.height as f64);
    let side = |length: usize, most: usize| ((length as f64 * scale).round() as usize).clamp(1, most);
    (side(picture.width, width), side(picture.height, height))
}

/// Lays a picture onto another that is large enough, with its top left at `x`, `y`.
pub fn paste(onto: &mut Picture, picture: &Picture, x: usize, y: usize) {
    let row = picture.width * 3;
    for (line, pixels) in picture.rgb.chunks_exact(row.max(1)).enumerate() {
        let start = ((y + line) * onto.width + x) * 3;
        onto.rgb[start..start + row].copy_from_slice(pixels);
    }
}

/// Samples of `from` columns and rows, `channels` interleaved, in `to` columns and rows; sizes are not 0.
///
/// Bicubic results overshoot a little next to sharp edges.
pub fn resample(values: &[f32], channels: usize, from: (usize, usize), to: (usize, usize), scale: Scale) -> Vec<f32> {
    let columns = transposed(values, channels, from);
    let wide = mixed(&columns, from.1 * channels, &mixtures(from.0, to.0, scale));
    let rows = transposed(&wide, channels, (from.1, to.0));
    mixed(&rows, to.0 * channels, &mixtures(from.1, to.1, scale))
}

/// Rows as columns: samples of `size`, columns and rows, `channels` interleaved.
fn transposed(values: &[f32], channels: usize, (width, height): (usize, usize)) -> Vec<f32> {
    let mut columns = vec![0.0; values.len()];
    for (y, row) in values.chunks_exact(width * channels).enumerate() {
        for (x, sample) in row.chunks_exact(channels).enumerate() {
            columns[(x * height + y) * channels..][..channels].copy_from_slice(sample);
        }
    }
    columns
}

/// The mixtures of lines, each of `length` numbers.
fn mixed(lines: &[f32], length: usize, mixtures: &[Mixture]) -> Vec<f32> {
    let mut all = vec![0.0; length * mixtures.len()];
    for (mixture, out) in mixtures.iter().zip(all.chunks_exact_mut(length)) {
        Arch::new().dispatch(|| {
            for (&sample, &weight) in mixture.samples.iter().zip(&mixture.weights) {
                for (sum, x) in out.iter_mut().zip(&lines[sample * length..]) {
                    *sum += weight * x;
                }
            }
        });
    }
    all
}

/// The mixtures along one axis.
fn mixtures(from: usize, to: usize, scale: Scale) -> Vec<Mixture> {
    let (radius, filter): (f64, fn(f64) -> f64) = match scale {
        Scale::Nearest => {
            // The sample in which the middle of the new one lies.
            let nearest = |new: usize| ((2 * new + 1) * from / (2 * to)).min(from - 1);
            return (0..to).map(|new| Mixture { samples: vec![nearest(new)], weights: vec![1.0] }).collect();
        }
        Scale::Bilinear => (1.0, |x| (1.0 - x.abs()).max(0.0)),
        Scale::Bicubic => (2.0, catmull_rom),
    };
    let step = from as f64 / to as f64;
    let stretch = step.max(1.0);
    (0..to)
        .map(|new| {
            let centre = (new as f64 + 0.5) * step - 0.5;
            let first = (centre - radius * stretch).ceil() as isize;
            let last = (centre + radius * stretch).floor() as isize;
            let weights: Vec<f64> = (first..=last).map(|old| filter((old as f64 - centre) / stretch)).collect();
            let sum: f64 = weights.iter().sum();
            Mixture {
                // The outermost sample repeats beyond the border.
                samples: (first..=last).map(|old| old.clamp(0, from as isize - 1) as usize).collect(),
                weights: weights.into_iter().map(|weight| (weight / sum) as f32).collect(),
            }
        })
        .collect()
}

/// The cubic through its samples of Catmull and Rom, as a filter of radius 2.
fn catmull_rom(x: f64) -> f64 {
    match x.abs() {
        x if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        x if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ramp has no corners: every interpolation returns it unchanged, away from the border.
    #[test]
    fn a_ramp_stays_a_ramp() {
        let ramp: Vec<f32> = (0..60).map(|i| (i % 10) as f32 + 3.0 * (i / 10) as f32).collect();
        for scale in [Scale::Bilinear, Scale::Bicubic] {
            a_ramp_stays_a_ramp_by(&ramp, scale);
        }
    }

    fn a_ramp_stays_a_ramp_by(ramp: &[f32], scale: Scale) {
        let large = resample(ramp, 1, (10, 6), (70, 24), scale);
        for (x, y) in [(14, 8), (35, 12), (50, 15)] {
            let wanted = ((x as f32 + 0.5) / 7.0 - 0.5) + 3.0 * ((y as f32 + 0.5) / 4.0 - 0.5);
            let got = large[y * 70 + x];
            assert!((got - wanted).abs() < 1e-4, "{got} instead of {wanted} at {x}, {y}");
        }
    }

    #[test]
    fn cells_keep_their_centres() {
        let mut cell = vec![0.0; 15];
        cell[5 + 3] = 1.0;
        let large = resample(&cell, 1, (5, 3), (55, 33), Scale::Bicubic);
        let hottest = (0..large.len()).max_by(|&a, &b| large[a].total_cmp(&large[b])).expect("not empty");
        assert_eq!((hottest % 55, hottest / 55), (3 * 11 + 5, 11 + 5));
        assert!((large[hottest] - 1.0).abs() < 1e-6, "an interpolation passes through its samples");
    }

    /// By the definition: the old sample with the nearest middle, and the straight line between the middles.
    #[test]
    fn nearest_takes_one_and_bilinear_goes_straight() {
        let row: Vec<f32> = (0..7).map(|i| ((i * 5) % 7) as f32).collect();
        for to in [1, 3, 7, 8, 20, 31] {
            let nearest = resample(&row, 1, (7, 1), (to, 1), Scale::Nearest);
            let straight = resample(&row, 1, (7, 1), (to, 1), Scale::Bilinear);
            for x in 0..to {
                let centre = (x as f64 + 0.5) * 7.0 / to as f64 - 0.5;
                let far = |&(i, _): &(usize, &f32)| (i as f64 - centre).abs();
                let least = row.iter().enumerate().map(|cell| far(&cell)).fold(f64::INFINITY, f64::min);
                let ties: Vec<f32> =
                    row.iter().enumerate().filter(|cell| far(cell) < least + 1e-9).map(|(_, x)| *x).collect();
                assert!(ties.contains(&nearest[x]), "{to} {x}: {} is not of {ties:?}", nearest[x]);
                if to >= 7 {
                    let (low, part) = (centre.floor(), (centre - centre.floor()) as f32);
                    let at = |i: f64| row[i.clamp(0.0, 6.0) as usize];
                    let wanted = at(low) * (1.0 - part) + at(low + 1.0) * part;
                    assert!((straight[x] - wanted).abs() < 1e-5, "{to} {x}: {} is not {wanted}", straight[x]);
                }
            }
        }
    }

    #[test]
    fn what_covers_shows_the_middle() {
        // Columns 0, 10, …, 90: a place half as wide as high shows the middle.
        let rgb = (0..100).flat_map(|i| [(i % 10) as u8 * 10; 3]).collect();
        let wide = Picture { width: 10, height: 10, rgb };
        let middle = covering(&wide, 4, 8);
        assert_eq!((middle.width, middle.height), (4, 8));
        let row: Vec<u8> = middle.rgb.chunks_exact(3).take(4).map(|pixel| pixel[0]).collect();
        assert!(row[0] < 40 && row[3] > 50 && row.is_sorted(), "{row:?}");
        assert_eq!(*covering(&wide, 20, 20), *scaled(&wide, 20, 20));
        let line = Picture::filled(3000, 1, [7; 3]);
        assert_eq!(*covering(&line, 9, 9), Picture::filled(9, 9, [7; 3]));
        assert_eq!(*covering(&Picture::default(), 3, 2), Picture::black(3, 2));
    }

    #[test]
    fn shrinking_averages() {
        // Stripes of one pixel: taking single pixels would give black or white.
        let stripes = Picture { width: 64, height: 2, rgb: [[0; 3], [200; 3]].concat().repeat(64) };
        let small = scaled(&stripes, 8, 2);
        assert!(small.rgb[6..18].iter().all(|&x| x.abs_diff(100) <= 2), "{:?}", small.rgb);
    }

    #[test]
    fn one_colour_stays_one_colour() {
        let plain = Picture::filled(7, 5, [250, 3, 128]);
        for (width, height) in [(1, 1), (3, 9), (64, 2)] {
            assert_eq!(*scaled(&plain, width, height), Picture::filled(width, height, [250, 3, 128]));
        }
    }

    #[test]
    fn a_fitted_picture_is_whole_and_centred() {
        let red = Picture::filled(20, 10, [255, 0, 0]);
        let fitted = fitted(&red, 40, 40);
        let column: Vec<u8> = fitted.rgb.chunks_exact(3).skip(17).step_by(40).map(|pixel| pixel[0]).collect();
        assert_eq!(column, [vec![0; 10], vec![255; 20], vec![0; 10]].concat());
    }

    #[test]
    fn nothing_is_dark() {
        let nothing = Picture::default();
        assert_eq!(*fitted(&nothing, 4, 2), Picture::black(4, 2));
        assert_eq!(*scaled(&Picture::filled(3, 3, [9; 3]), 0, 2), Picture::black(0, 2));
    }
}

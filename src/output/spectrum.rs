//! The activity of many neurons as bars.

use bendrack_nodes::program::ColourMap;

use crate::output::colour::colour;
use crate::output::{Map, Picture};

/// Pixels from one bar to the next, at least: with less between them bars run together.
const PITCH: usize = 4;

/// What stays free above the highest bar, as a part of the height.
const HEADROOM: f32 = 0.06;

/// Activities below this are silence, not a spectrum of rounding.
const SILENCE: f32 = 1e-6;

/// How opaque the part between the mean and the peak of a bar's neurons is.
const PEAK: f32 = 0.5;

/// Pixels at the peak itself that are solid again.
const CAP: f32 = 2.0;

/// One bar: the mean and the peak of its neurons, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bar {
    mean: f32,
    peak: f32,
}

/// Draws a spectrum over a picture, from the bottom up, covering it by `amount` (0 to 1).
///
/// A bar stands for as many neurons as must share it: solid up to their mean, lighter up to their peak, which is solid
/// again, so that no peak is lost. Heights are square roots, as a few neurons are far more active than all others.
pub fn draw(picture: &mut Picture, map: &Map, amount: f32, colours: ColourMap) {
    let (width, height) = (picture.width, picture.height);
    let bars = bars(&map.values, (width / PITCH).max(1));
    let full = height as f32 * (1.0 - HEADROOM);
    for (number, bar) in bars.iter().enumerate() {
        let (left, next) = (number * width / bars.len(), (number + 1) * width / bars.len());
        let gap = gap(next - left);
        let (left, right) = (left + gap / 2, next - gap.div_ceil(2));
        let (mean, peak) = (bar.mean * full, bar.peak * full);
        for y in 0..height {
            // How much of this row of pixels, counted from the bottom, lies below a height.
            let below = |top: f32| (top - (height - 1 - y) as f32).clamp(0.0, 1.0);
            let cap = below(peak) - below((peak - CAP).max(mean));
            let covered = amount * (below(mean) + PEAK * (below(peak) - below(mean)) + (1.0 - PEAK) * cap.max(0.0));
            if covered > 0.0 {
                let level = ((height - y) as f32 / full).min(1.0);
                let start = y * width;
                blend(&mut picture.rgb[(start + left) * 3..(start + right) * 3], colour(colours, lit(level)), covered);
            }
        }
    }
}

/// Pixels between bars of this pitch.
const fn gap(pitch: usize) -> usize {
    match pitch {
        0..=2 => 0,
        3..=11 => 1,
        _ => pitch / 6,
    }
}

/// The foot of a bar is not black: colour maps are used from a third up.
fn lit(level: f32) -> f32 {
    0.33 + 0.62 * level
}

fn blend(pixels: &mut [u8], colour: [u8; 3], covered: f32) {
    for pixel in pixels.as_chunks_mut::<3>().0 {
        for (under, top) in pixel.iter_mut().zip(colour) {
            *under = (f32::from(*under) + (f32::from(top) - f32::from(*under)) * covered).round() as u8;
        }
    }
}

/// As many bars as neurons, but at most so many.
fn bars(values: &[f32], most: usize) -> Vec<Bar> {
    let activity = |x: &f32| if x.is_finite() { x.max(0.0) } else { 0.0 };
    let loudest = values.iter().map(activity).fold(SILENCE, f32::max);
    let count = values.len().min(most);
    (0..count)
        .map(|bar| {
            let neurons = &values[bar * values.len() / count..(bar + 1) * values.len() / count];
            let mean = neurons.iter().map(activity).sum::<f32>() / neurons.len() as f32;
            let peak = neurons.iter().map(activity).fold(0.0, f32::max);
            Bar { mean: (mean / loudest).sqrt(), peak: (peak / loudest).sqrt() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spectrum(values: Vec<f32>) -> Map {
        Map { width: values.len(), height: 1, values }
    }

    /// How many pixels of a column are not black.
    fn lit_rows(picture: &Picture, x: usize) -> usize {
        (0..picture.height).filter(|y| picture.rgb[(y * picture.width + x) * 3..][..3] != [0; 3]).count()
    }

    #[test]
    fn no_peak_is_lost_among_many_neurons() {
        for lonely in [0, 1, 4321, 8959] {
            let mut values = vec![0.0; 8960];
            values[lonely] = 0.7;
            let mut picture = Picture::dark(320, 100);
            draw(&mut picture, &spectrum(values), 1.0, ColourMap::Inferno);
            let highest = (0..320).max_by_key(|&x| lit_rows(&picture, x)).expect("columns");
            assert_eq!(lit_rows(&picture, highest), 94, "6 of 100 rows stay free above neuron {lonely}");
            let wanted = lonely * 320 / 8960;
            assert!(highest.abs_diff(wanted) <= PITCH, "neuron {lonely} is at column {highest}, not {wanted}");
        }
    }

    #[test]
    fn few_neurons_have_wide_bars_with_gaps() {
        let mut picture = Picture::dark(96, 50);
        draw(&mut picture, &spectrum(vec![1.0, 0.25, 0.0, 1.0]), 1.0, ColourMap::Grey);
        let rows: Vec<usize> = (0..96).map(|x| lit_rows(&picture, x)).collect();
        let bar = |lit: usize| [vec![0; 2], vec![lit; 20], vec![0; 2]].concat();
        let wanted = [bar(47), bar(24), bar(0), bar(47)].concat();
        assert_eq!(rows, wanted, "heights are square roots of 1, 1/4, 0, 1");
    }

    #[test]
    fn bars_have_mean_and_peak() {
        let bars = bars(&[0.0, 4.0, 1.0, 1.0], 2);
        assert_eq!(bars, [Bar { mean: 0.5f32.sqrt(), peak: 1.0 }, Bar { mean: 0.5, peak: 0.5 }]);
    }

    #[test]
    fn silence_is_dark() {
        for values in [vec![0.0; 40], vec![f32::NAN; 40], vec![-3.0; 40]] {
            let mut picture = Picture::dark(80, 20);
            draw(&mut picture, &spectrum(values), 1.0, ColourMap::Viridis);
            assert_eq!(picture, Picture::dark(80, 20));
        }
    }

    #[test]
    fn a_narrow_picture_holds_many_neurons() {
        let mut picture = Picture::dark(2, 3);
        draw(&mut picture, &spectrum(vec![1.0; 512]), 1.0, ColourMap::Grey);
        assert!(lit_rows(&picture, 0) == 3 && lit_rows(&picture, 1) == 3);
    }
}

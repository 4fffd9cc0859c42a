//! The activity of many neurons as bars or as a line.

use bendrack_nodes::program::byte;
use bendrack_nodes::program::source::{Drawing, Heights, Shape};

use crate::media::{Map, Picture};

/// Pixels from one bar to the next, at least: with less between them bars run together.
const PITCH: usize = 4;

/// Free space above the highest bar, as a part of the height.
const HEADROOM: f32 = 0.06;

/// Activities below this are silence, not a spectrum of rounding.
const SILENCE: f32 = 1e-6;

/// Opacity between the mean and the peak of a bar's neurons, and below a line.
const PEAK: f32 = 0.5;
const BELOW_LINE: f32 = 0.25;

/// Pixels at the peak itself that are solid again; half the width of a line.
const CAP: f32 = 2.0;

/// One bar: the mean and the peak of its neurons, and the peak that is held, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bar {
    mean: f32,
    peak: f32,
    held: f32,
}

/// Draws a spectrum over a picture, from the bottom up. `amount` (0 to 1) is its cover; `held` has the held peaks of its neurons, or
/// nothing.
///
/// A bar shows as many neurons as must share it. It is solid up to their mean and lighter up to their peak. The peak is solid again,
/// so that none is lost. A line goes along the peaks. A held peak is a stroke of its own.
pub fn draw(picture: &mut Picture, map: &Map, held: &[f32], amount: f32, drawing: &Drawing, invert: bool) {
    let (width, height) = (picture.width, picture.height);
    let most = if drawing.bands > 0 { drawing.bands.min(width) } else { width / PITCH };
    let bars = bars(&map.values, held, most.max(1), drawing);
    let full = height as f32 * (1.0 - HEADROOM);
    let line = drawing.shape == Shape::Line;
    for (left, right, ends) in columns(&bars, width, drawing.shape) {
        for y in 0..height {
            // The part of this row of pixels, counted from the bottom, that lies below a height.
            let below = |top: f32| (top - (height - 1 - y) as f32).clamp(0.0, 1.0);
            let [low, high] = ends.map(|bar| bar.peak * full);
            let mut covered = if line {
                let (foot, top) = (low.min(high) - CAP / 2.0, low.max(high) + CAP / 2.0);
                below(top) - (1.0 - BELOW_LINE) * below(foot)
            } else {
                let (mean, peak) = (ends[0].mean * full, high);
                let cap = below(peak) - below((peak - CAP).max(mean));
                below(mean) + PEAK * (below(peak) - below(mean)) + (1.0 - PEAK) * cap.max(0.0)
            };
            if !held.is_empty() {
                let [low, high] = ends.map(|bar| bar.held * full);
                covered = covered.max(below(low.max(high)) - below((low.min(high) - CAP).max(0.0)));
            }
            if covered > 0.0 {
                let level = lit(((height - y) as f32 / full).min(1.0));
                let colour = drawing.colours.colour(if invert { 1.0 - level } else { level });
                let start = y * width;
                blend(&mut picture.rgb[(start + left) * 3..(start + right) * 3], colour, amount * covered);
            }
        }
    }
}

/// Ranges of equal columns of pixels, with the values at both edges. A range is a bar, or one column of a line.
fn columns(bars: &[Bar], width: usize, shape: Shape) -> Vec<(usize, usize, [Bar; 2])> {
    match shape {
        Shape::Bars => (bars.iter().enumerate())
            .map(|(number, bar)| {
                let (left, next) = (number * width / bars.len(), (number + 1) * width / bars.len());
                let gap = gap(next - left);
                (left + gap / 2, next - gap.div_ceil(2), [*bar; 2])
            })
            .collect(),
        Shape::Line if bars.is_empty() => Vec::new(),
        Shape::Line => {
            let edges: Vec<Bar> = (0..=width).map(|x| between(bars, x as f32 / width as f32)).collect();
            edges.windows(2).enumerate().map(|(x, ends)| (x, x + 1, [ends[0], ends[1]])).collect()
        }
    }
}

/// The value at a part of the width, on straight lines between the middles of bars.
fn between(bars: &[Bar], part: f32) -> Bar {
    let place = (part * bars.len() as f32 - 0.5).clamp(0.0, (bars.len() - 1) as f32);
    let (a, b) = (bars[place as usize], bars[(place as usize + 1).min(bars.len() - 1)]);
    let mix = |a: f32, b: f32| a + (b - a) * place.fract();
    Bar { mean: mix(a.mean, b.mean), peak: mix(a.peak, b.peak), held: mix(a.held, b.held) }
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
            *under = byte(f32::from(*under) + (f32::from(top) - f32::from(*under)) * covered);
        }
    }
}

/// One bar per neuron, up to a limit.
fn bars(values: &[f32], held: &[f32], most: usize, drawing: &Drawing) -> Vec<Bar> {
    let barred = |values: &[f32]| -> Vec<f32> {
        let end = drawing.last.saturating_add(1).min(values.len());
        let activity = |x: &f32| if x.is_finite() { x.max(0.0) } else { 0.0 };
        values.get(drawing.first..end).unwrap_or_default().iter().map(activity).collect()
    };
    let (values, held) = (barred(values), barred(held));
    let loudest = values.iter().chain(&held).copied().fold(SILENCE, f32::max);
    let (gain, top) = (drawing.gain as f32, if drawing.normalise { loudest } else { 1.0 });
    let height = |activity: f32| height(activity * gain / top, drawing);
    let count = values.len().min(most);
    let peak = |values: &[f32]| values.iter().copied().fold(0.0, f32::max);
    (0..count)
        .map(|bar| {
            let place = bar * values.len() / count..(bar + 1) * values.len() / count;
            let neurons = &values[place.clone()];
            let mean = neurons.iter().sum::<f32>() / neurons.len() as f32;
            let held = held.get(place).map_or(0.0, peak);
            Bar { mean: height(mean), peak: height(peak(neurons)), held: height(held) }
        })
        .collect()
}

/// The height of an activity, 0 to 1; an activity of 1 reaches the top.
fn height(activity: f32, drawing: &Drawing) -> f32 {
    let height = match drawing.heights {
        Heights::Linear => activity,
        Heights::Root => activity.sqrt(),
        Heights::Decibel => 1.0 - 20.0 * activity.log10() / drawing.floor as f32,
    };
    // `max` before `min`: it turns NaN into 0.
    #[expect(clippy::manual_clamp, reason = "clamp would keep NaN")]
    let height = height.max(0.0).min(1.0);
    height
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::program::source::ColourMap;

    use super::*;

    fn plain(colours: ColourMap) -> Drawing {
        Drawing { colours, ..Drawing::default() }
    }

    fn spectrum(values: Vec<f32>) -> Map {
        Map { width: values.len(), height: 1, values }
    }

    /// Pixels of a column that are not black.
    fn lit_rows(picture: &Picture, x: usize) -> usize {
        (0..picture.height).filter(|y| picture.rgb[(y * picture.width + x) * 3..][..3] != [0; 3]).count()
    }

    #[test]
    fn no_peak_is_lost_among_many_neurons() {
        for lonely in [0, 1, 4321, 8959] {
            let mut values = vec![0.0; 8960];
            values[lonely] = 0.7;
            let mut picture = Picture::black(320, 100);
            draw(&mut picture, &spectrum(values), &[], 1.0, &plain(ColourMap::Inferno), false);
            let highest = (0..320).max_by_key(|&x| lit_rows(&picture, x)).expect("columns");
            assert_eq!(lit_rows(&picture, highest), 94, "6 of 100 rows stay free above neuron {lonely}");
            let wanted = lonely * 320 / 8960;
            assert!(highest.abs_diff(wanted) <= PITCH, "neuron {lonely} is at column {highest}, not {wanted}");
        }
    }

    #[test]
    fn few_neurons_have_wide_bars_with_gaps() {
        let mut picture = Picture::black(96, 50);
        draw(&mut picture, &spectrum(vec![1.0, 0.25, 0.0, 1.0]), &[], 1.0, &plain(ColourMap::Grey), false);
        let rows: Vec<usize> = (0..96).map(|x| lit_rows(&picture, x)).collect();
        let bar = |lit: usize| [vec![0; 2], vec![lit; 20], vec![0; 2]].concat();
        let wanted = [bar(47), bar(24), bar(0), bar(47)].concat();
        assert_eq!(rows, wanted, "heights are square roots of 1, 1/4, 0, 1");
    }

    #[test]
    fn bars_have_mean_and_peak() {
        let bars = bars(&[0.0, 4.0, 1.0, 1.0], &[], 2, &Drawing::default());
        let bar = |mean, peak| Bar { mean, peak, held: 0.0 };
        assert_eq!(bars, [bar(0.5f32.sqrt(), 1.0), bar(0.5, 0.5)]);
    }

    #[test]
    fn silence_is_dark() {
        for values in [vec![0.0; 40], vec![f32::NAN; 40], vec![-3.0; 40]] {
            let mut picture = Picture::black(80, 20);
            draw(&mut picture, &spectrum(values), &[], 1.0, &plain(ColourMap::Viridis), false);
            assert_eq!(picture, Picture::black(80, 20));
        }
    }

    #[test]
    fn a_narrow_picture_holds_many_neurons() {
        let mut picture = Picture::black(2, 3);
        draw(&mut picture, &spectrum(vec![1.0; 512]), &[], 1.0, &plain(ColourMap::Grey), false);
        assert!(lit_rows(&picture, 0) == 3 && lit_rows(&picture, 1) == 3);
    }

    /// The heights of four neurons of 1, 0.5, 0.1 and 0, by formulas of their own.
    #[test]
    fn heights_gain_level_and_range_follow_their_definitions() {
        let heights = |drawing: Drawing| -> Vec<f32> {
            bars(&[1.0, 0.5, 0.1, 0.0], &[], 99, &drawing).iter().map(|bar| bar.peak).collect()
        };
        let near = |got: Vec<f32>, wanted: &[f64]| {
            let close =
                got.len() == wanted.len() && got.iter().zip(wanted).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5);
            assert!(close, "{got:?} is not {wanted:?}");
        };
        let linear = Drawing { heights: Heights::Linear, ..Drawing::default() };
        let decibel = Drawing { heights: Heights::Decibel, ..Drawing::default() };
        near(heights(Drawing::default()), &[1.0, 0.5f64.powf(0.5), 0.1f64.powf(0.5), 0.0]);
        near(heights(linear), &[1.0, 0.5, 0.1, 0.0]);
        // 6.02 dB and 20 dB below the top of 60 dB.
        near(heights(decibel), &[1.0, (60.0 - 6.020_599_913) / 60.0, 40.0 / 60.0, 0.0]);
        near(heights(Drawing { floor: -15.0, ..decibel }), &[1.0, (15.0 - 6.020_599_913) / 15.0, 0.0, 0.0]);
        near(heights(Drawing { gain: 0.5, ..linear }), &[0.5, 0.25, 0.05, 0.0]);
        near(heights(Drawing { gain: 4.0, ..linear }), &[1.0, 1.0, 0.4, 0.0]);
        // Neurons 1 and 2 alone: the louder of them is the top, unless 1 is.
        let part = Drawing { first: 1, last: 2, ..linear };
        near(heights(part), &[1.0, 0.2]);
        near(heights(Drawing { normalise: false, ..part }), &[0.5, 0.1]);
        near(heights(Drawing { normalise: false, gain: 3.0, ..part }), &[1.0, 0.3]);
        near(heights(Drawing { first: 3, last: 1, ..linear }), &[]);
        near(heights(Drawing { first: 9, ..linear }), &[]);
        assert_eq!(bars(&[1.0; 100], &[], 7, &linear).len(), 7);
    }

    #[test]
    fn bands_are_as_many_as_asked_for() {
        for (bands, gaps) in [(1, 1), (4, 4), (16, 16)] {
            let mut picture = Picture::black(160, 20);
            let drawing = Drawing { bands, ..plain(ColourMap::Grey) };
            draw(&mut picture, &spectrum(vec![1.0; 512]), &[], 1.0, &drawing, false);
            let rows: Vec<bool> = (0..160).map(|x| lit_rows(&picture, x) > 0).collect();
            // A bar begins where a column is lit behind one that is not.
            let begins = rows.windows(2).filter(|pair| !pair[0] && pair[1]).count() + usize::from(rows[0]);
            assert_eq!(begins, gaps, "{bands}");
        }
    }

    #[test]
    fn a_line_goes_through_the_peaks_and_hangs_together() {
        let mut picture = Picture::black(90, 101);
        let drawing = Drawing { shape: Shape::Line, heights: Heights::Linear, ..plain(ColourMap::Grey) };
        draw(&mut picture, &spectrum(vec![0.0, 1.0, 0.5]), &[], 1.0, &drawing, false);
        // The middles of three bands of 30 columns; 6 % of 101 rows stay free.
        let top = |x: usize| 101 - (0..101).find(|y| picture.rgb[(y * 90 + x) * 3] > 80).expect("a line");
        for (x, height) in [(45, 95.0), (75, 47.5), (5, 0.0), (30, 47.5)] {
            assert!((top(x) as f64 - height - 1.0).abs() <= 5.0, "{x}: {} is not {height}", top(x));
        }
        assert!((0..89).all(|x| top(x).abs_diff(top(x + 1)) <= 5), "no jumps");
    }

    #[test]
    fn a_held_peak_is_a_stroke_above_its_bar_and_takes_part_in_the_level() {
        let linear = Drawing { heights: Heights::Linear, ..plain(ColourMap::Grey) };
        for shape in [Shape::Bars, Shape::Line] {
            let mut picture = Picture::black(24, 100);
            draw(&mut picture, &spectrum(vec![0.5; 2]), &[1.0, 1.0], 1.0, &Drawing { shape, ..linear }, false);
            let lit = |y: usize| picture.rgb[(y * 24 + 6) * 3] > 0;
            // The peak has two rows at 94 of 100. The bar ends at 47, and a line half of its width above that.
            let rows: Vec<usize> = (0..100).filter(|&y| lit(y)).map(|y| 100 - y).collect();
            assert_eq!(rows[..2], [94, 93], "{shape:?}");
            assert!(rows[2] == 47 || shape == Shape::Line && rows[2] == 48, "{shape:?} {rows:?}");
            assert!(rows.len() >= 47);
        }
    }
}

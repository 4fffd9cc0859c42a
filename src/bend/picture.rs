//! The outputs of a picture tap.

use std::collections::BTreeMap;

use bendrack_nodes::choice::Choice;
use bendrack_nodes::program::Tap;
use bendrack_nodes::program::measurement::PictureNumber;

use super::memory::BendMemory;
use super::resolve;
use crate::media::Picture;

/// The weights of red, green and blue in luma (BT.709).
const LUMA: [f64; 3] = [0.2126, 0.7152, 0.0722];

/// The outputs for the part of a picture in the tap's region, by name.
pub fn picture_numbers(
    picture: &Picture,
    before: Option<&Picture>,
    tap: &Tap,
    memory: &BendMemory,
) -> BTreeMap<&'static str, f64> {
    let weights = resolve::region(&tap.region, (picture.height, picture.width), &memory.maps);
    let before = before.filter(|before| before.rgb.len() == picture.rgb.len());
    let (mut sum, mut colours, mut luma, mut squares) = (0.0, [0.0; 3], 0.0, 0.0);
    let (mut change, mut moved, mut x, mut y) = (0.0, 0.0, 0.0, 0.0);
    for (at, pixel) in picture.rgb.chunks_exact(3).enumerate() {
        let weight = weights.as_ref().map_or(1.0, |weights| f64::from(weights[at]));
        if weight == 0.0 {
            continue;
        }
        let pixel = [0, 1, 2].map(|colour| f64::from(pixel[colour]) / 255.0);
        let bright: f64 = pixel.iter().zip(LUMA).map(|(x, part)| x * part).sum();
        sum += weight;
        (luma, squares) = (luma + weight * bright, squares + weight * bright * bright);
        for (sum, x) in colours.iter_mut().zip(pixel) {
            *sum += weight * x;
        }
        if let Some(before) = before {
            let far = |colour: usize| (pixel[colour] - f64::from(before.rgb[3 * at + colour]) / 255.0).abs();
            let far = (far(0) + far(1) + far(2)) / 3.0;
            let pull = weight * far * far;
            change += weight * far;
            moved += pull;
            x += pull * ((at % picture.width) as f64 + 0.5) / picture.width as f64;
            y += pull * ((at / picture.width) as f64 + 0.5) / picture.height as f64;
        }
    }
    let mean = |total: f64| if sum > 0.0 { total / sum } else { 0.0 };
    let centre = |total: f64| if moved > 0.0 { total / moved } else { 0.5 };
    let deviation = (mean(squares) - mean(luma).powi(2)).max(0.0).sqrt();
    let value = |number: PictureNumber| match number {
        PictureNumber::Brightness => mean(luma),
        PictureNumber::Red => mean(colours[0]),
        PictureNumber::Green => mean(colours[1]),
        PictureNumber::Blue => mean(colours[2]),
        PictureNumber::Contrast => (2.0 * deviation).min(1.0),
        PictureNumber::Change => mean(change),
        PictureNumber::X => centre(x),
        PictureNumber::Y => centre(y),
    };
    PictureNumber::ALL.iter().map(|number| (number.name(), value(*number))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bendrack_nodes::program::region::{Rect, Region, Shape};
    use bendrack_nodes::program::{Fuse, Measure};

    use super::*;

    /// A picture of 8 × 4 whose pixels are of these colours.
    fn made(colour: impl Fn(usize, usize) -> [u8; 3]) -> Picture {
        let pixel = |at: usize| colour(at % 8, at / 8);
        Picture { width: 8, height: 4, rgb: (0..32).flat_map(pixel).collect() }
    }

    fn looks(now: &Picture, before: Option<&Picture>, region: Region) -> BTreeMap<&'static str, f64> {
        let (node, target) = ("tap".into(), Arc::default());
        let tap = Tap { node, measure: Measure::Picture, target, fuse: Fuse::Mean, threshold: 0.0, region };
        picture_numbers(now, before, &tap, &BendMemory::default())
    }

    #[track_caller]
    fn assert_looks(looks: &BTreeMap<&'static str, f64>, expected: &[(&str, f64)]) {
        for (name, value) in expected {
            assert!((looks[name] - value).abs() < 1e-9, "{name} is {} and not {value}: {looks:?}", looks[name]);
        }
    }

    #[test]
    fn numbers_of_a_picture_are_its_brightness_colour_and_contrast() {
        let black = made(|_, _| [0; 3]);
        let nothing = [("brightness", 0.0), ("red", 0.0), ("contrast", 0.0), ("change", 0.0), ("x", 0.5), ("y", 0.5)];
        assert_looks(&looks(&black, None, Region::All), &nothing);
        let white = made(|_, _| [255; 3]);
        assert_looks(
            &looks(&white, Some(&white), Region::All),
            &[("brightness", 1.0), ("contrast", 0.0), ("change", 0.0)],
        );
        let half = made(|x, _| [if x < 4 { 255 } else { 0 }; 3]);
        assert_looks(
            &looks(&half, Some(&black), Region::All),
            &[("brightness", 0.5), ("contrast", 1.0), ("change", 0.5)],
        );
        let coloured = made(|x, y| [51, if x == 0 { 255 } else { 0 }, if y == 3 { 102 } else { 0 }]);
        let expected = [
            ("red", 0.2),
            ("green", 0.125),
            ("blue", 0.1),
            ("brightness", 0.2126 * 0.2 + 0.7152 * 0.125 + 0.0722 * 0.1),
        ];
        assert_looks(&looks(&coloured, None, Region::All), &expected);
        let stripes = made(|_, y| [if y % 2 == 0 { 51 } else { 153 }; 3]);
        assert_looks(&looks(&stripes, None, Region::All), &[("brightness", 0.4), ("contrast", 0.4)]);
    }

    #[test]
    fn what_changes_has_a_size_and_a_centre() {
        let spot = |at: (usize, usize)| made(move |x, y| [if (x, y) == at { 255 } else { 0 }; 3]);
        let (before, now) = (spot((1, 0)), spot((6, 3)));
        let far = looks(&now, Some(&before), Region::All);
        assert_looks(&far, &[("change", 2.0 / 32.0), ("x", (1.5 + 6.5) / 16.0), ("y", (0.5 + 3.5) / 8.0)]);
        // Half the change has a quarter of the weight.
        let dim = made(|x, y| {
            [if (x, y) == (6, 3) {
                255
            } else if (x, y) == (1, 0) {
                102
            } else {
                0
            }; 3]
        });
        let bright = made(|x, y| [if (x, y) == (6, 3) { 51 } else { 0 }; 3]);
        let (strong, weak) = (0.8_f64.powi(2), 0.4_f64.powi(2));
        let centre = (strong * 6.5 + weak * 1.5) / (strong + weak) / 8.0;
        assert_looks(&looks(&bright, Some(&dim), Region::All), &[("change", 1.2 / 32.0), ("x", centre)]);
        let other = Picture { width: 1, height: 1, rgb: vec![255; 3] };
        assert_looks(&looks(&now, Some(&other), Region::All), &[("change", 0.0), ("x", 0.5)]);
    }

    #[test]
    fn only_the_region_is_looked_at() {
        let right = Rect { x: 0.75, y: 0.5, width: 0.5, height: 1.0, feather: 0.0 };
        let half = made(|x, y| [if x < 4 { 255 } else { 51 }, 0, if x == 7 && y == 0 { 255 } else { 0 }]);
        let region = || Region::of(Shape::Rectangle(right));
        let black = made(|_, _| [0; 3]);
        assert_looks(
            &looks(&half, Some(&black), region()),
            &[("red", 0.2), ("blue", 1.0 / 16.0), ("change", (0.2 + 1.0 / 16.0) / 3.0)],
        );
        let nowhere = looks(&half, Some(&black), Region::None);
        assert_looks(&nowhere, &[("red", 0.0), ("contrast", 0.0), ("change", 0.0), ("x", 0.5), ("y", 0.5)]);
    }
}

//! Pictures in the colours of H.264: BT.709, limited range, 4:2:0.

use openh264::formats::YUVSource;

use crate::media::Picture;

/// Weights of red, green and blue in luma (ITU-R BT.709).
const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// A picture as luma and two differences of colour, which have half as many columns and rows.
pub struct Yuv {
    width: usize,
    height: usize,
    luma: Vec<u8>,
    blue: Vec<u8>,
    red: Vec<u8>,
}

impl Yuv {
    /// Converts a picture; odd sizes repeat their last column and row, as 4:2:0 has only even ones.
    pub fn of(picture: &Picture) -> Self {
        let (width, height) = (picture.width.next_multiple_of(2), picture.height.next_multiple_of(2));
        let pixel = |x: usize, y: usize| {
            let start = (y.min(picture.height - 1) * picture.width + x.min(picture.width - 1)) * 3;
            [0, 1, 2].map(|channel| f32::from(picture.rgb[start + channel]))
        };
        let luma =
            (0..width * height).map(|i| level(16.0 + 219.0 / 255.0 * weight(pixel(i % width, i / width)))).collect();
        let (columns, rows) = (width / 2, height / 2);
        let (blue, red) = (0..columns * rows)
            .map(|i| {
                let (x, y) = (i % columns * 2, i / columns * 2);
                // A sample of colour lies on the left of its two columns, between its two rows, as decoders expect.
                let around = [(x.saturating_sub(1), 0.125), (x, 0.25), (x + 1, 0.125)];
                let mut mean = [0.0; 3];
                for (column, share) in around {
                    for row in [y, y + 1] {
                        for (sum, value) in mean.iter_mut().zip(pixel(column, row)) {
                            *sum += share * value;
                        }
                    }
                }
                let [r, _, b] = mean;
                let luma = weight(mean);
                (difference(b - luma, LUMA[2]), difference(r - luma, LUMA[0]))
            })
            .unzip();
        Self { width, height, luma, blue, red }
    }
}

/// Luma of 0 to 255.
fn weight(rgb: [f32; 3]) -> f32 {
    rgb.iter().zip(LUMA).map(|(value, weight)| value * weight).sum()
}

/// A colour's difference from luma, which is at most 1 less the colour's own weight in it.
fn difference(from_luma: f32, own: f32) -> u8 {
    level(128.0 + 112.0 / 255.0 * from_luma / (1.0 - own))
}

fn level(value: f32) -> u8 {
    value.round() as u8
}

impl YUVSource for Yuv {
    fn dimensions(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.width, self.width / 2, self.width / 2)
    }

    fn y(&self) -> &[u8] {
        &self.luma
    }

    fn u(&self) -> &[u8] {
        &self.blue
    }

    fn v(&self) -> &[u8] {
        &self.red
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The levels of the 75 % bars and of white and black as ITU-R BT.709 studio equipment shows them.
    #[test]
    fn colour_bars_have_their_known_levels() {
        let bars: [([u8; 3], [u8; 3]); 8] = [
            ([255, 255, 255], [235, 128, 128]),
            ([0, 0, 0], [16, 128, 128]),
            ([191, 191, 0], [168, 44, 136]),
            ([0, 191, 191], [145, 147, 44]),
            ([0, 191, 0], [133, 63, 52]),
            ([191, 0, 191], [63, 193, 204]),
            ([191, 0, 0], [51, 109, 212]),
            ([0, 0, 191], [28, 212, 120]),
        ];
        for (rgb, wanted) in bars {
            let yuv = Yuv::of(&Picture::filled(2, 2, rgb));
            let got = [yuv.luma[0], yuv.blue[0], yuv.red[0]];
            assert!(got.iter().zip(wanted).all(|(&a, b)| a.abs_diff(b) <= 1), "{rgb:?}: {got:?}, not {wanted:?}");
        }
    }

    #[test]
    fn odd_sizes_repeat_their_last_pixels() {
        let yuv = Yuv::of(&Picture { width: 3, height: 1, rgb: vec![0, 0, 0, 0, 0, 0, 255, 255, 255] });
        assert_eq!(yuv.dimensions(), (4, 2));
        assert_eq!(yuv.luma, [16, 16, 235, 235, 16, 16, 235, 235]);
        assert_eq!((yuv.blue.len(), yuv.red.len()), (2, 2));
    }
}

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
        let mut luma = Vec::with_capacity(width * height);
        let (mut blue, mut red) = (Vec::with_capacity(width * height / 4), Vec::with_capacity(width * height / 4));
        let row = |y: usize| &picture.rgb[y.min(picture.height - 1) * picture.width * 3..][..picture.width * 3];
        for y in 0..height {
            let pixels = row(y).as_chunks().0;
            luma.extend(pixels.iter().map(|rgb| level(16.0 + 219.0 / 255.0 * weight(rgb.map(f32::from)))));
            if pixels.len() < width {
                luma.extend(luma.last().copied());
            }
        }
        for y in (0..height).step_by(2) {
            let rows = [row(y).as_chunks().0, row(y + 1).as_chunks().0];
            for x in (0..width).step_by(2) {
                let mean = mean(rows, x);
                let luma = weight(mean);
                blue.push(difference(mean[2] - luma, LUMA[2]));
                red.push(difference(mean[0] - luma, LUMA[0]));
            }
        }
        Self { width, height, luma, blue, red }
    }
}

/// The colour at a column and the one behind it, between two rows. It lies on the left column, as decoders expect.
fn mean(rows: [&[[u8; 3]]; 2], x: usize) -> [f32; 3] {
    let last = rows[0].len() - 1;
    let around = [(x.saturating_sub(1), 0.125), (x.min(last), 0.25), ((x + 1).min(last), 0.125)];
    let mut mean = [0.0; 3];
    for (column, share) in around {
        for row in rows {
            for (sum, value) in mean.iter_mut().zip(row[column]) {
                *sum += share * f32::from(value);
            }
        }
    }
    mean
}

/// Luma of 0 to 255.
fn weight(rgb: [f32; 3]) -> f32 {
    rgb[0] * LUMA[0] + rgb[1] * LUMA[1] + rgb[2] * LUMA[2]
}

/// A colour's difference from luma, which is at most 1 less the colour's own weight in it.
fn difference(from_luma: f32, own: f32) -> u8 {
    level(128.0 + 112.0 / 255.0 * from_luma / (1.0 - own))
}

/// The nearest level of a value from 0 up. It is faster than `round`, which is a call on most processors.
fn level(value: f32) -> u8 {
    (value + 0.5) as u8
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

//! Pictures and maps: the data that the model, the taps, the outputs and the window exchange. Rows run from the top, pixels from the left.

use serde::{Deserialize, Serialize};

/// A picture in sRGB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green, blue of each pixel.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A picture of one colour.
    pub fn filled(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Self { width, height, rgb: colour.repeat(width * height) }
    }

    /// A black picture, in place of one that is missing.
    pub fn black(width: usize, height: usize) -> Self {
        Self::filled(width, height, [0; 3])
    }

    /// True if it has pixels, as many as its size requires.
    pub fn is_whole(&self) -> bool {
        !self.rgb.is_empty() && is_count(self.width, self.height, 3, self.rgb.len())
    }
}

/// A measurement laid out as a picture. The heatmap of a word covers the token grid; the spectrum of neurons is one row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Map {
    /// Values of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The values; attention shares of 0 to 1, or mean activities from 0 up.
    pub values: Vec<f32>,
}

impl Map {
    /// True if it has values, as many as its size requires.
    pub fn is_whole(&self) -> bool {
        !self.values.is_empty() && is_count(self.width, self.height, 1, self.values.len())
    }

    /// True if it is a spectrum: one row of values without a place in the picture.
    pub fn is_spectrum(&self) -> bool {
        self.height == 1 && self.width > 1
    }
}

/// True if a size has `count` samples. False if the size overflows.
fn is_count(width: usize, height: usize, channels: usize, count: usize) -> bool {
    width.checked_mul(height).and_then(|pixels| pixels.checked_mul(channels)) == Some(count)
}

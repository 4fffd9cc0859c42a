//! The range of a modulator.

use crate::choice::choices;

choices! {
    /// The range of a modulator.
    pub enum Polarity {
        /// 0 to 1.
        Unipolar = "unipolar",
        /// −1 to 1.
        Bipolar = "bipolar",
    }
}

impl Polarity {
    /// Maps a level from 0 to 1 to this range.
    pub fn apply(self, level: f64) -> f64 {
        match self {
            Self::Unipolar => level,
            Self::Bipolar => 2.0 * level - 1.0,
        }
    }
}

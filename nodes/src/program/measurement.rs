//! Numbers that taps measure, with the names of their ports in patches.

use crate::choice::choices;

choices! {
    /// A number of a map.
    pub enum MapNumber {
        /// Mean of the values.
        Mean = "mean",
        /// Smallest value; it has no port, and a heatmap reads it.
        Min = "min",
        /// Largest value.
        Max = "max",
        /// Centroid, 0 to 1 from the left; 0.5 for a map of zeros.
        X = "x",
        /// Centroid, 0 to 1 from the top; 0.5 for a map of zeros.
        Y = "y",
        /// Entropy relative to that of an even map, 0 to 1.
        Entropy = "entropy",
        /// Share of positions at or above the tap's threshold.
        Area = "area",
        /// Share of the sum that lies in the tap's region.
        Mass = "mass",
        /// Share of the sum that moved since the previous latent frame.
        Change = "change",
    }
}

choices! {
    /// A number of the part of a picture in the tap's region.
    pub enum PictureNumber {
        /// Mean luma, 0 to 1.
        Brightness = "brightness",
        /// Mean red, 0 to 1.
        Red = "red",
        /// Mean green, 0 to 1.
        Green = "green",
        /// Mean blue, 0 to 1.
        Blue = "blue",
        /// Twice the standard deviation of the luma.
        Contrast = "contrast",
        /// Mean difference from the picture one latent frame earlier.
        Change = "change",
        /// Centre of the change, 0 to 1 from the left. Differences count by their square, so that noise everywhere does
        /// not pull the centre to the middle.
        X = "x",
        /// Centre of the change, 0 to 1 from the top.
        Y = "y",
    }
}

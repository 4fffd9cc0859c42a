//! Small pictures and maps for other devices: described by a program, rendered by the engine.

use std::sync::Arc;

use serde::Serialize;

use crate::choice::choices;
use crate::program::source::{Fit, Source};

/// A picture or map at a small size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cells {
    /// The picture or map.
    pub source: Arc<Source>,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Numbers of a cell.
    pub tones: Tones,
    /// Fit of a picture into the cells. A map is always stretched.
    pub fit: Fit,
}

choices! {
    /// Numbers of a cell.
    #[derive(Default)]
    pub enum Tones {
        /// The brightness of a picture. Of a map, 0 its smallest to 1 its largest value.
        #[default]
        Grey = "grey",
        /// The value of a map, as it is measured; the brightness of a picture.
        Raw = "raw",
        /// Red, green and blue; a map in colours.
        Rgb = "rgb",
    }
}

/// The numbers of cells, row by row.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// One number of each cell, 0 to 1 but for [`Tones::Raw`].
    Grey(Vec<f32>),
    /// Red, green and blue of each cell.
    Rgb(Vec<u8>),
}

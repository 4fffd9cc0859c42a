//! Sources of pictures: the model, measurements in colours, drawings, and compositions of them.

use std::sync::Arc;

use serde::Serialize;

use crate::choice::choices;
use crate::program::serial::is_default;

/// Source of a picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The generated picture.
    Model,
    /// Measurement of a tap, as a picture.
    Tap(Arc<str>),
    /// A measurement in colours, over a picture or alone.
    Heatmap {
        /// The measurement.
        map: Arc<Source>,
        /// Picture below it.
        below: Option<Arc<Source>>,
        /// Opacity of the measurement, 0 to 1.
        amount: f64,
        /// The colour map.
        colours: ColourMap,
        /// The values of its two ends; each frame's smallest and largest if there are none.
        range: Option<(f64, f64)>,
        /// Mapping of its values to colours.
        #[serde(skip_serializing_if = "is_default")]
        look: Look,
    },
    /// The activity of many neurons as a drawing, over a picture or alone.
    Spectrum {
        /// The node that draws it, under whose id its peaks are held.
        node: Arc<str>,
        /// The measurement.
        map: Arc<Source>,
        /// Picture below it.
        below: Option<Arc<Source>>,
        /// Opacity of the drawing, 0 to 1.
        amount: f64,
        /// Style of the drawing.
        drawing: Drawing,
    },
    /// Two pictures.
    Composite {
        /// The first.
        a: Arc<Source>,
        /// The second.
        b: Arc<Source>,
        /// Layout.
        layout: Layout,
        /// Share of the second picture, for layouts that mix.
        mix: f64,
    },
    /// Pictures in rows and columns.
    Grid {
        /// The pictures, row by row.
        #[serde(serialize_with = "connected")]
        pictures: [Option<Arc<Source>>; MOST_IN_GRID],
        /// Number of columns; 0 makes the grid as square as possible.
        columns: usize,
        /// Width of the dark gap between pictures, in pixels.
        gap: usize,
        /// Fit of the pictures into their cells.
        fit: Fit,
    },
    /// Three pictures as the red, the green and the blue of one.
    Channels {
        /// Source of the red channel.
        red: Option<Arc<Source>>,
        /// Source of the green channel.
        green: Option<Arc<Source>>,
        /// Source of the blue channel.
        blue: Option<Arc<Source>>,
    },
}

impl Source {
    /// The sources that compose it.
    pub fn parts(&self) -> impl Iterator<Item = &Arc<Self>> {
        let [one, two, three] = match self {
            Self::Model | Self::Tap(_) | Self::Grid { .. } => [None; 3],
            Self::Heatmap { map, below, .. } | Self::Spectrum { map, below, .. } => [Some(map), below.as_ref(), None],
            Self::Composite { a, b, .. } => [Some(a), Some(b), None],
            Self::Channels { red, green, blue } => [red.as_ref(), green.as_ref(), blue.as_ref()],
        };
        let grid = if let Self::Grid { pictures, .. } = self { &pictures[..] } else { &[] };
        [one, two, three].into_iter().flatten().chain(grid.iter().flatten())
    }
}

/// Largest number of pictures in a grid.
pub const MOST_IN_GRID: usize = 9;

/// The connected pictures.
fn connected<S: serde::Serializer>(
    pictures: &[Option<Arc<Source>>; MOST_IN_GRID],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(pictures.iter().flatten())
}

choices! {
    /// A perceptual colour map.
    #[derive(Default)]
    pub enum ColourMap {
        /// Black, purple, orange, pale yellow.
        #[default]
        Inferno = "inferno",
        /// Purple, green, yellow.
        Viridis = "viridis",
        /// Black, purple, pale pink.
        Magma = "magma",
        /// Shades of grey.
        Grey = "grey",
        /// Blue, purple, orange, yellow.
        Plasma = "plasma",
        /// Dark blue, grey, yellow. It looks nearly the same with red-green colour blindness.
        Cividis = "cividis",
    }
}

/// Mapping of a measurement to colours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Look {
    /// True to reverse the colour map.
    #[serde(skip_serializing_if = "is_default")]
    pub invert: bool,
    /// Gamma: colours use value^(1/gamma); above 1 lifts small values.
    pub gamma: f64,
    /// Fraction of the range below which the picture shows through.
    pub threshold: f64,
    /// Interpolation for enlargement.
    pub scale: Scale,
    /// True to interpolate between two latent frames, instead of steps.
    #[serde(skip_serializing_if = "is_default")]
    pub smooth: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { invert: false, gamma: 1.0, threshold: 0.0, scale: Scale::Bicubic, smooth: false }
    }
}

choices! {
    /// Interpolation for enlargement.
    #[derive(Default)]
    pub enum Scale {
        /// Nearest neighbour.
        Nearest = "nearest",
        /// Bilinear interpolation.
        Bilinear = "bilinear",
        /// Bicubic interpolation.
        #[default]
        Bicubic = "bicubic",
    }
}

/// Style of a spectrum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drawing {
    /// The colour map.
    pub colours: ColourMap,
    /// Bars or a line.
    pub shape: Shape,
    /// Scale of the heights.
    pub heights: Heights,
    /// Level of the baseline, in decibels below the top.
    pub floor: f64,
    /// Factor of the activities.
    pub gain: f64,
    /// True if the most active neuron of each latent frame reaches the top; else an activity of 1 does.
    pub normalise: bool,
    /// The first neuron.
    pub first: usize,
    /// The last neuron.
    pub last: usize,
    /// Number of bars; 0 is as many as fit.
    pub bands: usize,
    /// Time constant of held peaks, in seconds; 0 holds none.
    pub decay: f64,
}

impl Default for Drawing {
    fn default() -> Self {
        Self {
            colours: ColourMap::default(),
            shape: Shape::default(),
            heights: Heights::default(),
            floor: -60.0,
            gain: 1.0,
            normalise: true,
            first: 0,
            last: usize::MAX,
            bands: 0,
            decay: 0.0,
        }
    }
}

choices! {
    /// Shape of a spectrum.
    #[derive(Default)]
    pub enum Shape {
        /// Bars up to the mean of their neurons, lighter up to their peak.
        #[default]
        Bars = "bars",
        /// A line along the peaks.
        Line = "line",
    }
}

choices! {
    /// Scale of the heights of a spectrum.
    #[derive(Default)]
    pub enum Heights {
        /// Heights are the activities.
        Linear = "linear",
        /// Heights are square roots.
        #[default]
        Root = "root",
        /// Heights are logarithms.
        Decibel = "decibel",
    }
}

choices! {
    /// Layout of two pictures.
    #[derive(Default)]
    pub enum Layout {
        /// Side by side.
        #[default]
        Beside = "beside",
        /// One above the other.
        Above = "above",
        /// Mixed.
        Mix = "mix",
        /// Absolute difference of the two.
        Difference = "difference",
        /// Sum of the two.
        Add = "add",
        /// Product: dark where one picture is dark.
        Multiply = "multiply",
        /// Inverse of the product of the inverses: light where one picture is light.
        Screen = "screen",
        /// Multiply where the first picture is dark, screen where it is light.
        Overlay = "overlay",
    }
}

choices! {
    /// Fit of a picture into a cell of other proportions.
    #[derive(Default)]
    pub enum Fit {
        /// The whole picture, with dark borders.
        #[default]
        Contain = "contain",
        /// The picture fills the cell; its overhang is cut off.
        Cover = "cover",
        /// The picture fills the cell; its proportions change.
        Stretch = "stretch",
    }
}

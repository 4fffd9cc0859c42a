//! Where pictures come from: the model, measurements in colours, drawings, and how they are put together.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::program::serial::is_default;

/// Where a picture comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The generated picture.
    Model,
    /// What a tap measured, as a picture.
    Tap(Arc<str>),
    /// A measurement in colours, over a picture or alone.
    Heatmap {
        /// The measurement.
        map: Arc<Source>,
        /// What lies below it.
        below: Option<Arc<Source>>,
        /// How much of the measurement covers the picture, 0 to 1.
        amount: f64,
        /// The colour map.
        colours: ColourMap,
        /// The values of its two ends; each frame's smallest and largest if there are none.
        range: Option<(f64, f64)>,
        /// What is done to it on the way to its colours.
        #[serde(skip_serializing_if = "is_default")]
        look: Look,
    },
    /// The activity of many neurons as a drawing, over a picture or alone.
    Spectrum {
        /// The node that draws it: its peaks are kept under this name.
        node: Arc<str>,
        /// The measurement.
        map: Arc<Source>,
        /// What lies below it.
        below: Option<Arc<Source>>,
        /// How much of the drawing covers the picture, 0 to 1.
        amount: f64,
        /// How it is drawn.
        drawing: Drawing,
    },
    /// Two pictures.
    Composite {
        /// The first.
        a: Arc<Source>,
        /// The second.
        b: Arc<Source>,
        /// How they are put together.
        layout: Layout,
        /// How much of the second, for layouts that mix.
        mix: f64,
    },
    /// Pictures in rows and columns.
    Grid {
        /// The pictures, row by row.
        #[serde(serialize_with = "as_there")]
        pictures: [Option<Arc<Source>>; MOST_IN_GRID],
        /// How many stand side by side; 0 is as many as rows, or one more.
        columns: usize,
        /// Dark pixels between two of them.
        gap: usize,
        /// How they fill their places.
        fit: Fit,
    },
    /// Three pictures as the red, the green and the blue of one.
    Channels {
        /// What becomes red.
        red: Option<Arc<Source>>,
        /// What becomes green.
        green: Option<Arc<Source>>,
        /// What becomes blue.
        blue: Option<Arc<Source>>,
    },
}

impl Source {
    /// What it is made of.
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

/// Pictures in a grid, at most.
pub const MOST_IN_GRID: usize = 9;

/// The pictures that are there.
fn as_there<S: serde::Serializer>(
    pictures: &[Option<Arc<Source>>; MOST_IN_GRID],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(pictures.iter().flatten())
}

/// A perceptual colour map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourMap {
    /// Black, purple, orange, pale yellow.
    #[default]
    Inferno,
    /// Purple, green, yellow.
    Viridis,
    /// Black, purple, pale pink.
    Magma,
    /// Shades of grey.
    Grey,
    /// Blue, purple, orange, yellow.
    Plasma,
    /// Dark blue, grey, yellow: looks the same to those who do not tell red from green.
    Cividis,
}

impl ColourMap {
    /// The names of the choices, in the order of [`Self::ALL`].
    pub const CHOICES: [&str; 6] = ["inferno", "viridis", "magma", "grey", "plasma", "cividis"];
    /// Every choice.
    pub const ALL: [Self; 6] = [Self::Inferno, Self::Viridis, Self::Magma, Self::Grey, Self::Plasma, Self::Cividis];
}

/// What is done to a measurement on the way to its colours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Look {
    /// The colour map is turned around.
    #[serde(skip_serializing_if = "is_default")]
    pub invert: bool,
    /// The exponent of its heat is 1 by this: above 1 what is cold is lifted.
    pub gamma: f64,
    /// Below this part of its range nothing covers the picture.
    pub threshold: f64,
    /// How it is enlarged.
    pub scale: Scale,
    /// It moves from latent frame to latent frame over their pictures, instead of stepping.
    #[serde(skip_serializing_if = "is_default")]
    pub smooth: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { invert: false, gamma: 1.0, threshold: 0.0, scale: Scale::Bicubic, smooth: false }
    }
}

/// How pixels are made from fewer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Each takes the nearest one.
    Nearest,
    /// Along straight lines.
    Bilinear,
    /// Along smooth curves.
    #[default]
    Bicubic,
}

/// How a spectrum is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drawing {
    /// The colour map.
    pub colours: ColourMap,
    /// Bars or a line.
    pub shape: Shape,
    /// How heights follow activities.
    pub heights: Heights,
    /// The activity that has no height any more, in decibels below the top.
    pub floor: f64,
    /// What activities are multiplied with.
    pub gain: f64,
    /// The loudest neuron of each frame reaches the top; else an activity of 1 does.
    pub normalise: bool,
    /// The first neuron.
    pub first: usize,
    /// The last neuron.
    pub last: usize,
    /// How many bars; 0 is as many as there is room for.
    pub bands: usize,
    /// Seconds in which a peak that is held falls to a third; 0 holds none.
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

/// What a spectrum is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Bars up to the mean of their neurons, lighter up to their peak.
    #[default]
    Bars,
    /// A line along the peaks.
    Line,
}

/// How heights follow activities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Heights {
    /// Twice the activity is twice the height.
    Linear,
    /// Heights are square roots.
    #[default]
    Root,
    /// Heights are logarithms.
    Decibel,
}

/// How two pictures are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Side by side.
    #[default]
    Beside,
    /// One above the other.
    Above,
    /// Mixed.
    Mix,
    /// What differs.
    Difference,
    /// The sum.
    Add,
    /// The product: dark where one is.
    Multiply,
    /// The product of what is missing to white: light where one is.
    Screen,
    /// The product where the first is dark, that of what is missing to white where it is light.
    Overlay,
}

impl Layout {
    /// The names of the choices, in the order of [`Self::ALL`].
    pub const CHOICES: [&str; 8] = ["beside", "above", "mix", "difference", "add", "multiply", "screen", "overlay"];
    /// Every choice.
    pub const ALL: [Self; 8] = [
        Self::Beside,
        Self::Above,
        Self::Mix,
        Self::Difference,
        Self::Add,
        Self::Multiply,
        Self::Screen,
        Self::Overlay,
    ];
}

/// How a picture fills a place of other proportions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The whole picture, with dark borders.
    #[default]
    Contain,
    /// The whole place, with parts of the picture cut off.
    Cover,
    /// The whole picture in the whole place, out of proportion.
    Stretch,
}

//! The subjects of arrays: a word, a word outside the prompt, the view from a place, or neurons.

use std::fmt;
use std::sync::Arc;

use bendrack_nodes::program::region::Region;
use bendrack_nodes::program::set::Set;
use bendrack_nodes::program::target::{Passes, Selection, Target, words};
use bendrack_nodes::program::{Fuse, Measure, Tap};

use crate::engine::ModelShape;

/// The subject of an array.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    /// A word of the prompt.
    Word(String),
    /// A word outside the prompt.
    Concept(String),
    /// A place of the picture, 0 to 1 from the left and from the top.
    Place([f64; 2]),
    /// The feed-forward neurons.
    Neurons,
}

/// The lengths of the axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axes {
    pub(super) frames: usize,
    pub(super) steps: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// The neurons of a layer.
    pub(super) neurons: usize,
}

impl Axes {
    /// The axes of a model: an axis that is averaged has length 1.
    pub(super) fn new(shape: ModelShape, frames: usize, (rows, columns): (usize, usize)) -> Self {
        let ModelShape { layers, steps, heads, neurons } = shape;
        Self { frames, steps, layers, heads, rows, columns, neurons }
    }
}

/// A place in an array: step, layer and head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) step: usize,
    pub(super) layer: usize,
    pub(super) head: usize,
}

impl Subject {
    /// The kind of the subject, as the index names it.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Word(_) => "word",
            Self::Concept(_) => "concept",
            Self::Place(_) => "place",
            Self::Neurons => "neurons",
        }
    }

    /// True for a map of attention to a word.
    pub(super) const fn is_word(&self) -> bool {
        matches!(self, Self::Word(_) | Self::Concept(_))
    }

    /// Its axes: neurons have neither heads nor positions.
    const fn axes(&self, axes: Axes) -> Axes {
        match self {
            Self::Neurons => Axes { heads: 1, rows: 1, columns: axes.neurons, ..axes },
            _ => axes,
        }
    }

    /// The names of the axes of its array.
    pub(super) const fn axis_names(&self) -> &'static [&'static str] {
        match self {
            Self::Neurons => &["frame", "step", "layer", "neuron"],
            _ => &["frame", "step", "layer", "head", "row", "column"],
        }
    }

    /// The shape of its array.
    pub(super) fn shape(&self, axes: Axes) -> Vec<usize> {
        let Axes { frames, steps, layers, heads, rows, columns, .. } = axes;
        match self {
            Self::Neurons => vec![frames, steps, layers, axes.neurons],
            _ => vec![frames, steps, layers, heads, rows, columns],
        }
    }

    /// The numbers of a map of one cell.
    pub(super) const fn size(&self, axes: Axes) -> usize {
        let Axes { rows, columns, .. } = self.axes(axes);
        rows * columns
    }

    /// Every cell of a latent frame, in the order of the array.
    pub(super) fn cells(&self, axes: Axes) -> impl Iterator<Item = Cell> + use<> {
        let Axes { steps, layers, heads, .. } = self.axes(axes);
        let of = move |step, layer| (0..heads).map(move |head| Cell { step, layer, head });
        (0..steps).flat_map(move |step| (0..layers).flat_map(move |layer| of(step, layer)))
    }

    /// A probe for each cell. An axis of length 1 is measured as a whole.
    pub(super) fn probes(&self, number: usize, axes: Axes) -> impl Iterator<Item = Tap> {
        let axes = self.axes(axes);
        let part = |length: usize, at: usize| if length == 1 { Set::ALL } else { Set::range(at, at) };
        let measure = match self {
            Self::Word(_) => Measure::CrossMap,
            Self::Concept(word) => Measure::Concept { words: word.replace(',', " ").into() },
            Self::Place([x, y]) => Measure::SelfMap { x: *x, y: *y },
            Self::Neurons => Measure::Neurons,
        };
        self.cells(axes).map(move |cell| {
            let target = Target {
                words: if let Self::Word(word) = self { words(&word.replace(',', " ")) } else { words("") },
                steps: part(axes.steps, cell.step),
                layers: part(axes.layers, cell.layer),
                heads: part(axes.heads, cell.head),
                pass: Passes::DENOISE,
                ..Target::default()
            };
            Tap {
                node: probe_name(number, cell).into(),
                measure: measure.clone(),
                target: Arc::new(Selection::from(target)),
                fuse: Fuse::Mean,
                threshold: 0.5,
                region: Region::default(),
            }
        })
    }

    /// The name of its file, without the ending: its number and its letters and digits.
    pub(super) fn file_stem(&self, number: usize) -> String {
        let plain = |text: &str| -> String {
            text.chars().map(|it| if it.is_alphanumeric() { it } else { '_' }).take(40).collect()
        };
        match self {
            Self::Word(word) => format!("{number:02}_{}", plain(word)),
            Self::Concept(word) => format!("{number:02}_concept_{}", plain(word)),
            Self::Place([x, y]) => format!("{number:02}_from_{x:.3}_{y:.3}"),
            Self::Neurons => format!("{number:02}_neurons"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) | Self::Concept(word) => f.write_str(word),
            Self::Place([x, y]) => write!(f, "{x},{y}"),
            Self::Neurons => f.write_str("neurons"),
        }
    }
}

/// The name of the probe of a subject at a cell.
pub(super) fn probe_name(number: usize, Cell { step, layer, head }: Cell) -> String {
    format!("{number}.{step}.{layer}.{head}")
}

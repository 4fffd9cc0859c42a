//! A patch, checked, sorted and indexed. Each edit compiles one; each frame runs it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::input::ControlName;
use crate::node::def::{Curve, Grammar, Input, NodeDef};
use crate::node::memory::{Cells, Layout};
use crate::node::value::{Kind, Value};
use crate::patch::ControlMap;
use crate::program::Scheduler;

/// A patch ready to run.
#[derive(Debug, Default)]
pub struct Plan {
    /// The nodes in the order in which they run.
    pub(crate) nodes: Vec<Slot>,
    /// Number of the plan, unique in the process.
    pub(crate) number: u64,
    /// Inputs and outputs of all nodes together.
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Outputs with a delay of one frame, by their index.
    pub(crate) late: Vec<usize>,
    /// Layout of the nodes' memory.
    pub(crate) layout: Arc<Layout>,
    /// The seed of the patch.
    pub(crate) seed: u64,
    /// Its tempo, in beats per minute.
    pub(crate) tempo: f64,
    /// The master depth, 0 to 1.
    pub(crate) master: f64,
    pub(crate) denoising: Denoising,
}

/// A node of a plan.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: Arc<str>,
    /// JSON pointer to the node.
    pub(crate) pointer: String,
    pub(crate) def: &'static NodeDef,
    pub(crate) bypass: bool,
    /// The seed of its random numbers.
    pub(crate) seed: u64,
    /// The feeds, one per input.
    pub(crate) feeds: Vec<Feed>,
    /// Indices of its inputs and outputs among those of all nodes.
    pub(crate) inputs: Range<usize>,
    pub(crate) outputs: Range<usize>,
    /// Its memory.
    pub(crate) cells: Cells,
}

/// Sources of an input's value.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    /// Value of its knob or field.
    pub(crate) base: Option<Value>,
    /// The controls that turn the knob.
    pub(crate) maps: Vec<ControlMap>,
    /// Their memory.
    pub(crate) cells: Range<usize>,
    /// The cable that ends there.
    pub(crate) cable: Option<Source>,
}

impl Feed {
    /// The constant number of the input, unless a cable changes it.
    pub(crate) fn constant(&self) -> Option<f64> {
        match (&self.base, &self.maps[..], &self.cable) {
            (Some(Value::Number(number)), [], None) => Some(*number),
            _ => None,
        }
    }
}

/// The output at the start of a cable.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The output among those of all nodes.
    pub(crate) output: usize,
    /// The kind of its value.
    pub(crate) kind: Kind,
    /// The value of the output that arrives.
    pub(crate) from: Arrives,
    /// Effect on the knob.
    pub(crate) gain: Gain,
}

/// The value of an output that arrives at an input.
#[derive(Clone, Debug)]
pub(crate) enum Arrives {
    /// That of this frame, by the index of the output among those of all nodes.
    Now(usize),
    /// That of the previous frame, by its index in [`Plan::late`].
    Late(usize),
    /// A measurement of the previous model call: node, and name of the number.
    Measured(Arc<str>, &'static str),
}

/// Effect of a cable on a knob.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gain {
    /// The arriving value replaces the knob's.
    Replaces,
    /// Adds the arriving value times this: the depth, in units of the knob.
    Adds(f64),
    /// The arriving value times this is the logarithm of a factor, for a logarithmic knob.
    Scales(f64),
}

impl Gain {
    /// Effect of a cable of this depth, −1 to 1 of the knob's travel, on the knob of an input.
    pub fn of(input: &Input, depth: f64) -> Self {
        let ((low, high), depth) = (input.soft, depth.clamp(-1.0, 1.0));
        match input.curve {
            _ if !input.is_modulated() => Self::Replaces,
            Curve::Linear => Self::Adds(depth * (high - low)),
            Curve::Log => Self::Scales(depth * (high / low).ln()),
        }
    }

    /// Value of a knob at `base` after `x` arrives.
    pub fn moved(self, base: f64, x: f64) -> f64 {
        match self {
            Self::Replaces => x,
            Self::Adds(gain) => base + gain * x,
            // The exponent is limited, as 0 times an infinite factor is NaN.
            Self::Scales(gain) => base * (gain * x).clamp(-MOST_FOLDS, MOST_FOLDS).exp(),
        }
    }
}

/// Largest exponent of e in a cable's factor.
const MOST_FOLDS: f64 = 700.0;

/// Depth of a new cable, as a fraction of the knob's travel: large enough to be visible.
pub const DEFAULT_DEPTH: f64 = 0.25;

/// The tempi that a patch can have, in beats per minute.
pub const TEMPI: (f64, f64) = (1.0, 1000.0);
/// Fewest and most denoising steps of a chunk.
pub const DENOISING_STEPS: (u64, u64) = (1, 100);
/// Fewest and most pictures of a clip.
pub const CLIP_PICTURES: (u64, u64) = (1, 1201);
/// Smallest and largest timestep shift.
pub const SHIFTS: (f64, f64) = (0.01, 100.0);
/// Smallest and largest guidance scale.
pub const GUIDANCE_SCALES: (f64, f64) = (-100.0, 100.0);
/// Pictures of a latent frame; the first one of a clip is one picture.
const LATENT_PICTURES: u64 = 4;

/// Settings of denoising. A setting without a value is that of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Denoising {
    /// Denoising steps of a chunk.
    pub steps: Option<usize>,
    /// Latent frames of a clip. Without a number, models that stream make chunks.
    pub clip: Option<usize>,
    /// Scheduler of a clip.
    pub scheduler: Option<Scheduler>,
    /// Timestep shift of a clip.
    pub shift: Option<f64>,
    /// Guidance scale of a clip.
    pub guidance: Option<f64>,
}

impl Denoising {
    /// These settings; those without a value are from `others`.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            steps: self.steps.or(others.steps),
            clip: self.clip.or(others.clip),
            scheduler: self.scheduler.or(others.scheduler),
            shift: self.shift.or(others.shift),
            guidance: self.guidance.or(others.guidance),
        }
    }

    /// The latent frames of a clip of so many pictures, rounded down.
    pub const fn latent_frames(pictures: u64) -> usize {
        1 + (pictures.saturating_sub(1) / LATENT_PICTURES) as usize
    }

    /// The pictures of a clip of so many latent frames.
    pub const fn pictures(latent_frames: usize) -> u64 {
        1 + LATENT_PICTURES * (latent_frames as u64).saturating_sub(1)
    }
}

/// Limit on the nodes of a patch. Nodes of a subpatch count once per instance.
pub const MOST_NODES: usize = 16_384;
/// Limit on the cables of a patch.
pub const MOST_CABLES: usize = 65_536;
/// Limit on the inputs of a subpatch, and on its outputs.
pub const MOST_PORTS: usize = 64;
pub use crate::patch::MOST_NESTED;
/// Limit on the bends of a chain.
pub const MOST_BENDS: usize = 256;
/// Limit on the target nodes behind a target. A node on two paths counts twice.
pub const MOST_TARGETS: usize = 64;
/// Limit on the levels of nested pictures.
pub const MOST_DEEP: usize = 64;
/// Limit on the parts of a picture. A part on two paths counts twice, as in JSON.
pub const MOST_PARTS: usize = 1024;

impl Plan {
    /// The seed of the patch.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The settings of denoising.
    pub const fn denoising(&self) -> Denoising {
        self.denoising
    }

    /// The OSC addresses that nodes and maps read. Addresses that arrive by cable are not among them.
    pub fn osc_addresses(&self) -> BTreeSet<Arc<str>> {
        let nodes = self.nodes.iter().filter(|slot| slot.def.reads.is_some()).flat_map(|slot| {
            let texts = slot.def.inputs.iter().zip(&slot.feeds).filter(|(input, _)| input.grammar == Grammar::Address);
            texts.filter_map(|(_, feed)| match (&feed.base, &feed.cable) {
                (Some(Value::Text(address)), None) => Some(address.clone()),
                _ => None,
            })
        });
        let maps = self.nodes.iter().flat_map(|slot| &slot.feeds).flat_map(|feed| &feed.maps);
        let maps = maps.filter_map(|map| match &map.from.name {
            ControlName::Osc { address } => Some(address.clone()),
            _ => None,
        });
        nodes.chain(maps).collect()
    }

    /// The ids of the nodes, in the order in which they run.
    pub fn order(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|slot| &*slot.id)
    }
}

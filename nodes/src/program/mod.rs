//! The program: the requests of a patch to one model call. It has bends with their targets, taps, prompt and cache
//! policy.
//!
//! A program is plain data. It can be printed and compared bit for bit, and contains nothing of the model.

pub mod cells;
mod colour;
mod distance;
pub mod grid;
pub mod knob;
pub mod light;
pub mod measurement;
pub mod message;
pub mod op;
pub mod pick;
pub mod prompt;
pub mod region;
mod serial;
pub mod set;
mod site;
pub mod source;
pub mod target;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};

use crate::choice::{Choice, choices};
use crate::program::cells::Cells;
use crate::program::light::{Levels, Light, Lit};
use crate::program::message::Content;
use crate::program::op::{Lanes, Op, Params};
use crate::program::pick::Pick;
use crate::program::region::Region;
use crate::program::source::Source;
use crate::program::target::{Selection, Target, Words};
pub use colour::byte;
pub use distance::Imprint;
pub use knob::Mapped;
pub use message::{Form, Message, Midi, Part, To};
pub use site::{Axis, Site};

/// Purpose of a model call: denoising, or writing clean features into the KV cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pass {
    /// A denoising step.
    #[default]
    Denoise,
    /// The clean pass (or recomputation) that refreshes the KV cache; its output is not shown.
    Cache,
}

/// The requests of a patch's ticks to one model call.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Program {
    /// The seed of the video and of all random nodes.
    pub seed: u64,
    /// The prompt.
    pub prompt: Arc<str>,
    /// The negative prompt, which guidance leads away from.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub negative: Arc<str>,
    /// A second prompt, mixed with the first.
    pub blend: Option<Blend>,
    /// Policy for past frames when the prompt changes; without one, the default of the model's family.
    pub switch: Option<Switch>,
    /// The bends, in the order in which they act.
    pub bends: Vec<Bend>,
    /// The measurements.
    pub taps: Vec<Tap>,
    /// Requests to the KV cache.
    pub cache: Cache,
    /// Sources of the screen, one per latent frame of the call; none if the patch has no screen.
    pub screen: Vec<Arc<Source>>,
    /// Numbers sent out.
    pub messages: Vec<Message>,
    /// Levels of lamps and LEDs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lights: Vec<Light>,
    /// The state of mapped controls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mapped: Vec<Mapped>,
}

/// An operation with its parameters, on a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Bend {
    /// The node of the bend.
    pub node: Arc<str>,
    /// Site of the bend.
    pub site: Site,
    /// The operation.
    pub op: &'static Op,
    /// Values of the operation's parameters.
    pub params: Params,
    /// Amount, 0 (none) to 1 (all), per latent frame.
    pub amount: Lanes,
    /// Part of the site.
    pub target: Arc<Target>,
    /// Other words of a transfer: the source of a copy, the partner of a swap.
    pub with: Option<Words>,
}

/// A second prompt, mixed with the first from the next chunk on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blend {
    /// The second prompt.
    pub prompt: Arc<str>,
    /// Share of the second prompt: 0 is the first prompt, 1 the second.
    pub amount: f64,
    /// Method of the mix.
    pub method: BlendMethod,
}

choices! {
    /// Interpolation between the embeddings of two prompts, token by token.
    #[derive(Default)]
    pub enum BlendMethod {
        /// Along the straight line between them.
        #[default]
        Lerp = "lerp",
        /// Along the arc between them.
        Slerp = "slerp",
    }
}

choices! {
    /// Scheduler of a clip's denoising steps.
    #[derive(Default)]
    pub enum Scheduler {
        /// UniPC, Wan's own: accurate in few steps.
        #[default]
        UniPc = "unipc",
        /// DPM-Solver++ (2M).
        DpmPp = "dpm++",
        /// Flow-match Euler: the plainest.
        Euler = "euler",
    }
}

/// Policy for past frames when the prompt changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// Past frames stay unchanged.
    Keep,
    /// Past frames pass through the model again, under the new prompt.
    Recache,
    /// The KV cache becomes empty.
    Reset,
}

impl Switch {
    /// Its name in programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Recache => "recache",
            Self::Reset => "reset",
        }
    }
}

/// Requests to the KV cache. The default leaves it unchanged.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cache {
    /// True to empty the cache before the next chunk.
    pub reset: bool,
    /// 1 in latent frames that do not attend to past ones, else 0; empty without a request.
    #[serde(serialize_with = "crate::program::message::as_list")]
    pub off: Lanes,
    /// True to recompute the cache under the present program before the next chunk.
    pub recache: bool,
    /// Distance between the present program and that of a cached frame above which the cache is recomputed.
    pub threshold: Option<f64>,
    /// Decrease of a past frame's logits per unit of distance between its program and the present one. One value per
    /// latent frame; empty without a request.
    #[serde(serialize_with = "crate::program::message::as_list")]
    pub stale: Lanes,
}

impl Cache {
    /// Adds the requests of latent frame `lane` of the call.
    pub(crate) fn add(&mut self, tick: &Self, lane: usize) {
        self.reset |= tick.reset;
        self.recache |= tick.recache;
        self.threshold = [self.threshold, tick.threshold].into_iter().flatten().reduce(f64::min);
        for (lanes, new) in [(&mut self.off, &tick.off), (&mut self.stale, &tick.stale)] {
            if !lanes.is_empty() || !new.is_empty() {
                lanes.resize(lane, 0.0);
                lanes.push(new.first().copied().unwrap_or(0.0));
            }
        }
    }
}

impl Serialize for Bend {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let params: BTreeMap<&str, &[f64]> =
            self.params.iter().map(|(param, lanes)| (param.input.name, &lanes[..])).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("node", &self.node)?;
        map.serialize_entry("site", &self.site)?;
        map.serialize_entry("op", self.op.name)?;
        map.serialize_entry("params", &params)?;
        map.serialize_entry("amount", &self.amount[..])?;
        map.serialize_entry("target", &self.target)?;
        if let Some(with) = &self.with {
            map.serialize_entry("with", with)?;
        }
        map.end()
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "prompt {:?}", self.prompt)?;
        if let Some(Blend { prompt, amount, method }) = &self.blend {
            writeln!(f, "blend {} of {prompt:?}, {}", numbers(&[*amount]), method.name())?;
        }
        if let Some(switch) = self.switch {
            writeln!(f, "{} the cache when the prompt changes", switch.name())?;
        }
        write!(f, "{}", self.cache)?;
        for bend in &self.bends {
            write!(f, "bend {} {} of {}:", bend.site, bend.op.name, bend.node)?;
            for (param, lanes) in bend.params.iter() {
                match lanes.first().and_then(|value| param.choice(*value)) {
                    Some(choice) => write!(f, " {} {choice}", param.input.name)?,
                    None => write!(f, " {} {}", param.input.name, numbers(lanes))?,
                }
            }
            if let Some(with) = &bend.with {
                write!(f, " with {with}")?;
            }
            writeln!(f, ", amount {}, on {}", numbers(&bend.amount), bend.target)?;
        }
        for tap in &self.taps {
            write!(f, "tap {} of {}, ", tap.measure.name(), tap.node)?;
            match &tap.measure {
                Measure::SelfMap { x, y } => write!(f, "seen from {}, ", numbers(&[*x, *y]))?,
                Measure::Concept { words } => write!(f, "words {words:?}, ")?,
                _ => {}
            }
            match tap.measure {
                Measure::Picture => writeln!(f, "region {}", tap.region)?,
                _ => writeln!(f, "{} of {}", tap.fuse.name(), tap.target)?,
            }
        }
        for message in &self.messages {
            write_message(f, message)?;
        }
        for light in &self.lights {
            write_light(f, light)?;
        }
        Ok(())
    }
}

fn write_message(f: &mut std::fmt::Formatter<'_>, message: &Message) -> std::fmt::Result {
    let values = match &message.content {
        Content::Values => numbers(&message.values),
        Content::Texts(texts) => without_repeats(texts.iter().map(|text| format!("{text:?}"))),
        Content::Cells(cells) => without_repeats(cells.iter().map(Cells::to_string)),
    };
    match message.to {
        To::Osc(Form::Float) => write!(f, "send {values} to {}", message.address)?,
        To::Osc(form) => write!(f, "send {values} as {} to {}", form.name(), message.address)?,
        To::Times => write!(f, "send {values} times to {}", message.address)?,
        To::Board(wire) => write!(f, "send {values} as {} of {} to boards", wire.name(), message.address)?,
        To::Midi(part) => write!(f, "send {values} as the {} of {}", part.name(), message.node)?,
        To::Video => write!(f, "record {values}")?,
    }
    write_device(f, &message.device)
}

fn write_light(f: &mut std::fmt::Formatter<'_>, light: &Light) -> std::fmt::Result {
    let Some(first) = light.lanes.first() else { return Ok(()) };
    let of = |lane: &Levels| match &lane.of {
        Lit::Level { value, .. } => numbers(&[*value]),
        Lit::Colour { rgb, .. } => numbers(rgb),
        Lit::Leds(leds) => leds.cells.to_string(),
    };
    let levels = without_repeats(light.lanes.iter().map(of));
    write!(f, "light channel {} of universe {}: {levels}", first.channel, first.universe)?;
    write_device(f, &light.device)
}

/// Texts of lanes: one if all are equal.
fn without_repeats(texts: impl Iterator<Item = String>) -> String {
    let mut texts: Vec<String> = texts.collect();
    texts.dedup();
    texts.join(", ")
}

fn write_device(f: &mut std::fmt::Formatter<'_>, device: &str) -> std::fmt::Result {
    if device.is_empty() { writeln!(f) } else { writeln!(f, " of {device}") }
}

impl std::fmt::Display for Cells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} × {} cells in {}", self.width, self.height, self.tones.name())
    }
}

impl std::fmt::Display for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.reset {
            writeln!(f, "reset the cache")?;
        }
        if self.off.iter().any(|&off| off > 0.0) {
            writeln!(f, "hide past frames: {}", numbers(&self.off))?;
        }
        if self.recache {
            writeln!(f, "recache")?;
        }
        if let Some(threshold) = self.threshold {
            writeln!(f, "recache when the distance exceeds {}", numbers(&[threshold]))?;
        }
        if self.stale.iter().any(|&strength| strength > 0.0) {
            writeln!(f, "weaken stale frames by {}", numbers(&self.stale))?;
        }
        Ok(())
    }
}

/// Short text of lanes: one number if all are equal.
fn numbers(lanes: &[f64]) -> String {
    let text = |x: &f64| {
        // Rounded first, so that almost nothing below 0 is not "-0".
        let rounded = (x * 1e4).round() / 1e4 + 0.0;
        rounded.to_string()
    };
    let mut texts: Vec<String> = lanes.iter().map(text).collect();
    texts.dedup();
    match texts.as_slice() {
        [one] => one.clone(),
        _ => format!("[{}]", lanes.iter().map(text).collect::<Vec<_>>().join(" ")),
    }
}

impl Program {
    /// Empties the program and keeps its allocations.
    pub fn clear(&mut self) {
        let Self { seed, prompt, negative, blend, switch, bends, taps, cache, screen, messages, lights, mapped } = self;
        for text in [prompt, negative] {
            if !text.is_empty() {
                *text = Arc::default();
            }
        }
        (*seed, *blend, *switch, *cache) = (0, None, None, Cache::default());
        bends.clear();
        taps.clear();
        screen.clear();
        messages.clear();
        lights.clear();
        mapped.clear();
    }
}

impl Bend {
    /// True if the bend changes no input.
    pub fn is_neutral(&self) -> bool {
        let still = |lanes: &Lanes, neutral: f64| lanes.iter().all(|&x| x == neutral);
        self.target.is_empty()
            || still(&self.amount, 0.0)
            || self.with.as_ref().is_some_and(Pick::is_none)
            || self.has_neutral_value()
                && self.params.iter().all(|(param, lanes)| param.neutral.is_none_or(|neutral| still(lanes, neutral)))
    }

    /// True if the operation has a parameter with a neutral value.
    fn has_neutral_value(&self) -> bool {
        self.op.params.iter().any(|param| param.neutral.is_some())
    }
}

/// A measurement at a site.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tap {
    /// The node of the tap.
    pub node: Arc<str>,
    /// The measure.
    pub measure: Measure,
    /// Part of the site.
    pub target: Arc<Selection>,
    /// Reduction of several steps, layers and heads to one.
    pub fuse: Fuse,
    /// Threshold of the area, as a fraction of the range from the smallest to the largest value.
    pub threshold: f64,
    /// Region of the picture for the mass.
    pub region: Region,
}

/// Measure of a tap.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Attention of each position to the target's words: `[frames, rows, columns]`.
    CrossMap,
    /// Attention of one position to each position of the call's frames: `[frames, rows, columns]`.
    SelfMap {
        /// Horizontal query position, 0 left to 1 right.
        x: f64,
        /// Vertical query position, 0 top to 1 bottom.
        y: f64,
    },
    /// Attention that each position would give to words outside the prompt: `[frames, rows, columns]`.
    Concept {
        /// The words, separated by commas.
        words: Arc<str>,
    },
    /// The mean activity |h| of each feed-forward neuron: `[neurons]`.
    Neurons,
    /// The mean activity |h| of the target's neurons at each position: `[frames, rows, columns]`.
    Activity,
    /// The decoded picture of the call's last latent frame.
    Picture,
}

impl Measure {
    /// Its name in programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CrossMap => "cross_map",
            Self::SelfMap { .. } => "self_map",
            Self::Concept { .. } => "concept",
            Self::Neurons => "neurons",
            Self::Activity => "activity",
            Self::Picture => "picture",
        }
    }
}

choices! {
    /// Reduction of several measurements to one, position by position.
    #[derive(Default)]
    pub enum Fuse {
        /// The mean.
        #[default]
        Mean = "mean",
        /// The largest.
        Max = "max",
        /// The smallest.
        Min = "min",
        /// The median: over layers and heads, then over steps.
        Median = "median",
    }
}

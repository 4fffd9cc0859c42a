//! Values on cables, and their kinds.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::grammar::expression::Expression;
use crate::grammar::keyframes::Curve;
use crate::grammar::prompts::Schedule;
use crate::input::Reading;
use crate::program::prompt::Prompt;
use crate::program::source::Source;
use crate::program::target::Selection;

/// The kind of a port. A cable joins ports of one kind, or of two that [`Kind::accepts`] allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A finite number.
    Number,
    /// On or off; a trigger is the moment it goes on. A number is on from 0.5, until it falls below 0.1.
    Gate,
    /// A text.
    Text,
    /// A part of a site.
    Target,
    /// A chain of bends.
    Bend,
    /// A measurement as a picture: a heatmap, a spectrum.
    Map,
    /// The generated picture, or one made from it.
    Picture,
    /// Any of these. The first cable at one of the node's ports of this kind decides; no cable has this kind.
    Any,
}

impl Kind {
    /// Every kind of cable, in the order in which they are documented.
    pub const ALL: [Self; 7] =
        [Self::Number, Self::Gate, Self::Text, Self::Target, Self::Bend, Self::Map, Self::Picture];

    /// Its name in patches.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Gate => "gate",
            Self::Text => "text",
            Self::Target => "target",
            Self::Bend => "bend",
            Self::Map => "map",
            Self::Picture => "picture",
            Self::Any => "any",
        }
    }

    /// True if an output of kind `from` fits an input of this kind.
    ///
    /// The coercions are number to gate, gate to number and map to picture.
    pub fn accepts(self, from: Self) -> bool {
        self == from
            || self == Self::Any
            || from == Self::Any
            || matches!(
                (self, from),
                (Self::Number, Self::Gate) | (Self::Gate, Self::Number) | (Self::Picture, Self::Map)
            )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// State of a gate, and its rising edges in this frame, with those of pulses shorter than the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// True while it is on.
    pub on: bool,
    /// Rising edges since the previous frame.
    pub hits: u16,
}

impl Gate {
    /// On or off, with one rising edge if it was off in the previous frame and is on.
    pub fn level(on: bool, was_on: bool) -> Self {
        Self { on, hits: u16::from(on && !was_on) }
    }

    /// A gate with this many rising edges in the frame.
    pub const fn fired(hits: u16) -> Self {
        Self { on: hits > 0, hits }
    }
}

/// A chain of bends, as the number of its last link in the tick, from 1. The default is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain(pub(crate) Option<NonZeroU32>);

/// A value on a port.
#[derive(Clone, Debug)]
pub enum Value {
    /// A finite number.
    Number(f64),
    /// A finite number of a device, with its rising edges in this frame.
    Reading(Reading),
    /// On or off, with its rising edges.
    Gate(Gate),
    /// A text.
    Text(Arc<str>),
    /// A prompt with a mix or a policy, for the model. Other nodes read its [`Prompt::text`].
    Prompt(Prompt),
    /// A list of texts.
    Texts(Arc<[Arc<str>]>),
    /// Texts by time.
    Schedule(Arc<Schedule>),
    /// A list of numbers.
    Numbers(Arc<[f64]>),
    /// A curve.
    Curve(Arc<Curve>),
    /// A formula.
    Expression(Arc<Expression>),
    /// A part of a site.
    Target(Arc<Selection>),
    /// A chain of bends, valid in its tick only.
    Bends(Chain),
    /// Source of a map or picture; the engine has the pixels.
    Source(Arc<Source>),
}

impl Value {
    /// The number, 1 or 0 for a gate; none for any other kind.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Reading(reading) => Some(reading.value),
            Self::Gate(gate) => Some(f64::from(u8::from(gate.on))),
            _ => None,
        }
    }

    /// True for equal numbers, or for the same shared text, target or picture. Contents are not compared.
    pub(crate) fn is_identical(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.to_bits() == b.to_bits(),
            (Self::Reading(a), Self::Reading(b)) => {
                a.value.to_bits() == b.value.to_bits() && (a.on, a.hits) == (b.on, b.hits)
            }
            (Self::Gate(a), Self::Gate(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => Arc::ptr_eq(a, b),
            (Self::Prompt(a), Self::Prompt(b)) => a.is_identical(b),
            (Self::Texts(a), Self::Texts(b)) => Arc::ptr_eq(a, b),
            (Self::Schedule(a), Self::Schedule(b)) => Arc::ptr_eq(a, b),
            (Self::Numbers(a), Self::Numbers(b)) => Arc::ptr_eq(a, b),
            (Self::Curve(a), Self::Curve(b)) => Arc::ptr_eq(a, b),
            (Self::Expression(a), Self::Expression(b)) => Arc::ptr_eq(a, b),
            (Self::Target(a), Self::Target(b)) => Arc::ptr_eq(a, b),
            (Self::Source(a), Self::Source(b)) => Arc::ptr_eq(a, b),
            // A chain is an index into its tick, so two of them are never known to be equal.
            _ => false,
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Reading> for Value {
    fn from(reading: Reading) -> Self {
        Self::Reading(reading)
    }
}

impl From<Gate> for Value {
    fn from(gate: Gate) -> Self {
        Self::Gate(gate)
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Text(text)
    }
}

impl From<Prompt> for Value {
    fn from(prompt: Prompt) -> Self {
        Self::Prompt(prompt)
    }
}

impl From<Selection> for Value {
    fn from(selection: Selection) -> Self {
        Self::Target(Arc::new(selection))
    }
}

impl From<Chain> for Value {
    fn from(chain: Chain) -> Self {
        Self::Bends(chain)
    }
}

impl From<Arc<Source>> for Value {
    fn from(source: Arc<Source>) -> Self {
        Self::Source(source)
    }
}

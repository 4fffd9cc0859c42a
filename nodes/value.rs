//! What flows along a cable.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::program::{Bend, Source};
use crate::target::Selection;

/// The kind of a port. A cable joins ports of one kind, or of two kinds that [`Kind::accepts`] says fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A finite number.
    Number,
    /// On or off; a trigger is the moment it goes on.
    Gate,
    /// A text.
    Text,
    /// Which part of a site is meant.
    Target,
    /// A chain of bends.
    Bend,
    /// A measurement laid out as a picture: a heatmap, a spectrum.
    Map,
    /// The generated picture, or one made from it.
    Picture,
}

impl Kind {
    /// Every kind, in the order in which they are documented.
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
        }
    }

    /// Whether an output of kind `from` may be plugged into an input of this kind.
    ///
    /// The coercions are these and no others: number and gate into one another, a map where a picture is wanted.
    pub fn accepts(self, from: Self) -> bool {
        self == from
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

/// A value on a port.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A finite number; gates are 0 or 1.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// Which part of a site is meant.
    Target(Arc<Selection>),
    /// A chain of bends, first to last.
    Bends(Arc<[Arc<Bend>]>),
    /// Where a map or picture comes from; the engine has the pixels.
    Source(Arc<Source>),
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(on: bool) -> Self {
        Self::Number(f64::from(u8::from(on)))
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Text(text)
    }
}

impl From<Selection> for Value {
    fn from(selection: Selection) -> Self {
        Self::Target(Arc::new(selection))
    }
}

impl From<Arc<[Arc<Bend>]>> for Value {
    fn from(bends: Arc<[Arc<Bend>]>) -> Self {
        Self::Bends(bends)
    }
}

impl From<Arc<Source>> for Value {
    fn from(source: Arc<Source>) -> Self {
        Self::Source(source)
    }
}

impl From<Source> for Value {
    fn from(source: Source) -> Self {
        Self::Source(Arc::new(source))
    }
}

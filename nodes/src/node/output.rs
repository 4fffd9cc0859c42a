//! Declaration of an output.

use crate::node::input::Input;
use crate::node::value::Kind;

/// An output of a node.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Its name in patches and on the panel.
    pub name: &'static str,
    /// Help: one sentence.
    pub about: &'static str,
    /// Kind of its value.
    pub kind: Kind,
    /// The delay of its value, if any; cables from it may then feed back.
    pub latency: Option<Latency>,
    /// The input whose value it has while the node is bypassed.
    pub passes: Option<&'static str>,
}

/// Delay of an output's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// One latent frame.
    Frame,
    /// One model call, which measures the value.
    Call,
}

impl Output {
    /// A number.
    pub const fn number(name: &'static str, about: &'static str) -> Self {
        Self::of(name, Kind::Number, about)
    }

    /// A gate: on or off, or triggers.
    pub const fn gate(name: &'static str, about: &'static str) -> Self {
        Self::of(name, Kind::Gate, about)
    }

    /// An output of this kind.
    pub const fn of(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, about, kind, latency: None, passes: None }
    }

    /// The same output, with the value of this input while the node is bypassed. Without one, its value is then 0, off
    /// or none.
    #[must_use]
    pub const fn passes(mut self, input: &Input) -> Self {
        self.passes = Some(input.name);
        self
    }

    /// Adds a delay of one model call.
    #[must_use]
    pub const fn late(mut self) -> Self {
        self.latency = Some(Latency::Call);
        self
    }

    /// Adds a delay of one frame.
    #[must_use]
    pub const fn delayed(mut self) -> Self {
        self.latency = Some(Latency::Frame);
        self
    }
}

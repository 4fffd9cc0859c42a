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
    /// The input that goes through to it when the node is bypassed.
    pub passes: Option<&'static str>,
}

/// Age of an output's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// In the frame before.
    Frame,
    /// In the model call before, which measured it.
    Call,
}

impl Output {
    /// A number.
    pub const fn number(name: &'static str, about: &'static str) -> Self {
        Self::of(name, Kind::Number, about)
    }

    /// On or off, or the moments at which something happens.
    pub const fn gate(name: &'static str, about: &'static str) -> Self {
        Self::of(name, Kind::Gate, about)
    }

    /// Something else.
    pub const fn of(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, about, kind, latency: None, passes: None }
    }

    /// The same output, fed by this input when the node is bypassed. Without one, it gives 0, off, or nothing.
    #[must_use]
    pub const fn passes(mut self, input: &Input) -> Self {
        self.passes = Some(input.name);
        self
    }

    /// Measured in the model call before.
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

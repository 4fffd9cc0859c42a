//! Faces of nodes on a canvas.

use crate::node::input::Input;
use crate::node::output::Output;

/// The face of a node on a canvas.
#[derive(Clone, Copy, Debug)]
pub enum View {
    /// Rows only.
    Rows,
    /// Rows and the trace of an output.
    Trace {
        /// The number or gate in the trace.
        of: &'static Output,
    },
    /// Rows and a picture.
    Picture(Image),
    /// Text on paper, without a title or rows.
    Note {
        /// The text.
        text: &'static Input,
    },
    /// A number in large digits.
    Number {
        /// The number.
        of: &'static Output,
    },
    /// A number over time.
    Scope(Scope),
    /// A dot on a cable.
    Reroute {
        /// The side that a cable enters.
        input: &'static Input,
        /// The side that it leaves.
        out: &'static Output,
    },
}

/// The ports of a scope.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// The number.
    pub input: &'static Input,
    /// Lower end of the drawn range.
    pub low: &'static Input,
    /// Upper end of the drawn range.
    pub high: &'static Input,
    /// Time span of the drawing, in seconds.
    pub window: &'static Input,
    /// The number, passed on.
    pub out: &'static Output,
}

/// The picture on the face of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// The picture of the model.
    Model,
    /// The picture that the patch outputs.
    Output,
    /// The map that the node measures.
    Map,
}

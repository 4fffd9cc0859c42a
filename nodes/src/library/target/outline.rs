//! The knobs of a shape in the picture.

use crate::node::def::Input;

/// The knob of the middle.
pub const X: Input = Input::number("x", 0.5, "Its middle, from 0 at the left to 1.").hard(-10.0, 10.0);
/// The knob of the middle.
pub const Y: Input = Input::number("y", 0.5, "Its middle, from 0 at the top to 1.").hard(-10.0, 10.0);
/// The knob of the width.
pub const WIDTH: Input = Input::number("width", 0.5, "Its width, as a part of the picture's.").hard(0.0, 10.0);
/// The knob of the height.
pub const HEIGHT: Input = Input::number("height", 0.5, "Its height, as a part of the picture's.").hard(0.0, 10.0);
/// The knob of the soft edge.
pub const FEATHER: Input = Input::number("feather", 0.1, "How softly its edge falls.").hard(0.0, 10.0);

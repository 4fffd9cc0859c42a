//! Inputs of a shape in the picture, shared by masks and regions.

use crate::node::def::Input;

/// Horizontal centre.
pub const X: Input = Input::number("x", 0.5, "Centre, 0 left to 1 right.").hard(-10.0, 10.0);
/// Vertical centre.
pub const Y: Input = Input::number("y", 0.5, "Centre, 0 top to 1 bottom.").hard(-10.0, 10.0);
/// Width.
pub const WIDTH: Input = Input::number("width", 0.5, "Width; 1 is the width of the picture.").hard(0.0, 10.0);
/// Height.
pub const HEIGHT: Input = Input::number("height", 0.5, "Height; 1 is the height of the picture.").hard(0.0, 10.0);
/// Width of the soft edge.
pub const FEATHER: Input =
    Input::number("feather", 0.1, "Width of the soft edge: 0 is hard, 1 as wide as the picture or the map's range.")
        .hard(0.0, 10.0);

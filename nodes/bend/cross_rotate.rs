//! Turns where the picture attends to words.

use candle_core::{Result, Tensor};

use crate::chain;
use crate::def::{Input, NodeDef};
use crate::grid;
use crate::op::{Form, Lanes, Op};
use crate::program::Site;

const ANGLE: Input =
    Input::number("angle", 0.0, "How far it is turned, clockwise.").soft(-180.0, 180.0).hard(-3600.0, 3600.0).unit("°");

const OP: Op =
    Op { name: "rotate", site: Site::CrossMap, params: &["angle"], neutral: &[0.0], form: Form::Grid(rotate) };

/// Turns the attention maps of words about the middle of the picture.
pub const NODE: NodeDef = NodeDef {
    name: "bend.cross_rotate",
    title: "Rotate words",
    about: "Turns where the picture attends to words, about its middle.",
    inputs: &[chain::BENDS, chain::TARGET, ANGLE, chain::AMOUNT],
    outputs: &[chain::OUT],
    memory: 0,
    run: |run| chain::run(run, &OP, &[&ANGLE]),
};

/// x `[.., frames, rows, columns]`, turned clockwise by `params[0]` degrees frame by frame.
fn rotate(x: &Tensor, params: &[Lanes]) -> Result<Tensor> {
    grid::warp(x, |frame, dx, dy| {
        let (sin, cos) = params[0][frame].to_radians().sin_cos();
        // Where the content comes from: turned back.
        (cos * dx + sin * dy, cos * dy - sin * dx)
    })
}

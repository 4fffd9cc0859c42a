//! Turns what lies on the picture.

use crate::choice::Choice;
use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap, Padding};
use crate::program::op::{Form, Lanes, Op};

const ANGLE: Input =
    Input::number("angle", 0.0, "Angle, clockwise.").soft(-180.0, 180.0).hard(-3600.0, 3600.0).unit("°");

const OP: Op = Op {
    name: "rotate",
    params: &["angle", "padding"],
    neutral: &[0.0],
    choices: &[("padding", Padding::CHOICES)],
    form: Form::Grid(rotate),
};

/// Rotates attention maps or outputs about the centre of the picture.
pub const NODE: NodeDef = NodeDef {
    name: "bend.rotate",
    title: "Rotate",
    about: "Rotates attention maps or outputs about the centre of the picture.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, bend_node::GRID_SITE, ANGLE, bend_node::PADDING, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        bend_node::run(ctx, bend_node::GRID.chosen(ctx, &bend_node::GRID_SITE), &OP, &[&ANGLE, &bend_node::PADDING])
    },
    ..NodeDef::BASE
};

/// Turned clockwise by `params[0]` degrees. The offline AttentionBender turns the same way.
fn rotate(params: &[Lanes], grid: Grid) -> GridMap {
    GridMap::warp(
        grid,
        |frame| Padding::of(params[1][frame]),
        |frame, dx, dy| {
            let (sin, cos) = params[0][frame].to_radians().sin_cos();
            // Where the content comes from: turned back.
            (cos * dx + sin * dy, cos * dy - sin * dx)
        },
    )
}

//! Rotates over the picture.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap, Padding};
use crate::program::op::{Form, Op, Params};

const ANGLE: Input =
    Input::number("angle", 0.0, "Angle, clockwise.").soft(-180.0, 180.0).hard(-3600.0, 3600.0).unit("°");

const OP: Op = Op::new("rotate", &[ANGLE.neutral_at(0.0), bend_node::PADDING.option()], Form::Grid(rotate));

/// Rotates attention maps or outputs about the centre of the picture.
pub const NODE: NodeDef = NodeDef {
    name: "bend.rotate",
    title: "Rotate",
    about: "Rotates attention maps or outputs about the centre of the picture.",
    inputs: &[
        bend_node::BENDS,
        bend_node::TARGET,
        bend_node::GRID.input(),
        ANGLE,
        bend_node::PADDING,
        bend_node::AMOUNT,
    ],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, bend_node::GRID.chosen(ctx), &OP),
    ..NodeDef::BASE
};

/// Rotates clockwise by `angle` degrees, as the offline AttentionBender does.
fn rotate(params: &Params, grid: Grid) -> GridMap {
    GridMap::warp(
        grid,
        |frame| params.chosen::<Padding>(&bend_node::PADDING, frame),
        |frame, dx, dy| {
            let (sin, cos) = params.at(&ANGLE, frame).to_radians().sin_cos();
            // Source of the content: the inverse rotation.
            (cos * dx + sin * dy, cos * dy - sin * dx)
        },
    )
}

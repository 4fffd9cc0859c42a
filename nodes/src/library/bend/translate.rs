//! Moves across the picture.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap, Padding};
use crate::program::op::{Form, Op, Params};

const X: Input =
    Input::number("x", 0.0, "Offset to the right; 1 is the width of the picture.").soft(-1.0, 1.0).hard(-100.0, 100.0);
const Y: Input =
    Input::number("y", 0.0, "Offset down; 1 is the height of the picture.").soft(-1.0, 1.0).hard(-100.0, 100.0);

const OP: Op =
    Op::new("translate", &[X.neutral_at(0.0), Y.neutral_at(0.0), bend_node::PADDING.option()], Form::Grid(translate));

/// Moves attention maps or outputs across the picture.
pub const NODE: NodeDef = NodeDef {
    name: "bend.translate",
    title: "Translate",
    about: "Moves attention maps or outputs across the picture.",
    inputs: &[
        bend_node::BENDS,
        bend_node::TARGET,
        bend_node::GRID.input(),
        X,
        Y,
        bend_node::PADDING,
        bend_node::AMOUNT,
    ],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, bend_node::GRID.chosen(ctx), &OP),
    ..NodeDef::BASE
};

/// Moves right by `x` widths and down by `y` heights of the picture.
///
/// The offline AttentionBender moves the other way, and counts half widths: its `translate_x` 0.5 is −0.25 here.
fn translate(params: &Params, grid: Grid) -> GridMap {
    GridMap::warp(
        grid,
        |frame| params.chosen::<Padding>(&bend_node::PADDING, frame),
        |frame, dx, dy| (dx - params.at(&X, frame) * grid.columns as f64, dy - params.at(&Y, frame) * grid.rows as f64),
    )
}

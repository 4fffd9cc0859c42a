//! Mirrors over the picture.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap, Padding};
use crate::program::op::{Form, Op, Params};

const HORIZONTAL: Input = Input::gate("horizontal", false, "Mirrors left and right.");
const VERTICAL: Input = Input::gate("vertical", false, "Mirrors top and bottom.");

const OP: Op = Op::new("flip", &[HORIZONTAL.neutral_at(0.0), VERTICAL.neutral_at(0.0)], Form::Grid(flip));

/// Mirrors attention maps or outputs, horizontally or vertically.
pub const NODE: NodeDef = NodeDef {
    name: "bend.flip",
    title: "Flip",
    about: "Mirrors attention maps or outputs, horizontally or vertically.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, bend_node::GRID.input(), HORIZONTAL, VERTICAL, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, bend_node::GRID.chosen(ctx), &OP),
    ..NodeDef::BASE
};

/// Mirrors left and right in frames with `horizontal` on, top and bottom in frames with `vertical` on.
fn flip(params: &Params, grid: Grid) -> GridMap {
    let sign = |on: bool| if on { -1.0 } else { 1.0 };
    GridMap::warp(
        grid,
        |_| Padding::Border,
        |frame, dx, dy| (dx * sign(params.is_on(&HORIZONTAL, frame)), dy * sign(params.is_on(&VERTICAL, frame))),
    )
}

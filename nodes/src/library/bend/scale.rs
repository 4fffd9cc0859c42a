//! Enlarges or shrinks over the picture.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap, Padding};
use crate::program::op::{Form, Op, Params};

const FACTOR: Input = Input::number("factor", 1.0, "Scale factor: 2 doubles width and height, 1 changes nothing.")
    .soft(0.25, 4.0)
    .hard(0.01, 100.0)
    .unit("×")
    .log();
const STRETCH: Input = Input::number(
    "stretch",
    1.0,
    "Aspect ratio, at constant area: 1 keeps the proportions, 4 doubles the width and halves the height.",
)
.soft(0.25, 4.0)
.hard(0.01, 100.0)
.unit("×")
.log();

const OP: Op = Op::new(
    "scale",
    &[FACTOR.neutral_at(1.0), STRETCH.neutral_at(1.0), bend_node::PADDING.option()],
    Form::Grid(scale),
);

/// Scales attention maps or outputs about the centre of the picture.
pub const NODE: NodeDef = NodeDef {
    name: "bend.scale",
    title: "Scale",
    about: "Scales attention maps or outputs about the centre of the picture.",
    inputs: &[
        bend_node::BENDS,
        bend_node::TARGET,
        bend_node::GRID.input(),
        FACTOR,
        STRETCH,
        bend_node::PADDING,
        bend_node::AMOUNT,
    ],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        bend_node::run(ctx, bend_node::GRID.chosen(ctx), &OP);
    },
    ..NodeDef::BASE
};

/// Scales by `factor` about the centre. The width gains a factor of √`stretch`, the height loses it.
fn scale(params: &Params, grid: Grid) -> GridMap {
    GridMap::warp(
        grid,
        |frame| params.chosen::<Padding>(&bend_node::PADDING, frame),
        |frame, dx, dy| {
            let (factor, stretch) = (params.at(&FACTOR, frame), params.at(&STRETCH, frame).sqrt());
            (dx / (factor * stretch), dy / factor * stretch)
        },
    )
}

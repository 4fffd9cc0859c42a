//! Sharpens over the picture.

use super::blur::gauss;
use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap, Padding};
use crate::program::op::{Form, Op, Params};

const STRENGTH: Input = Input::number("strength", 0.0, "Strength of the unsharp mask: 0 changes nothing.")
    .soft(0.0, 4.0)
    .hard(-100.0, 100.0);
const SIGMA: Input = Input::number(
    "sigma",
    1.0,
    "Radius of the unsharp mask (standard deviation), in cells of the token grid (16 pixels).",
)
.soft(0.25, 4.0)
.hard(0.0, 16.0)
.unit("cells");

const OP: Op = Op::new("sharpen", &[STRENGTH.neutral_at(0.0), SIGMA.option()], Form::Grid(sharpen));

/// Sharpens attention maps or outputs with an unsharp mask.
pub const NODE: NodeDef = NodeDef {
    name: "bend.sharpen",
    title: "Sharpen",
    about: "Sharpens attention maps or outputs with an unsharp mask.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, bend_node::GRID.input(), STRENGTH, SIGMA, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, bend_node::GRID.chosen(ctx), &OP),
    ..NodeDef::BASE
};

/// `x + strength · (x − blur(x))`, where the blur has a standard deviation of `sigma` cells. The result may be below 0.
fn sharpen(params: &Params, grid: Grid) -> GridMap {
    let blur = GridMap::spread(grid, |_| Padding::Border, |frame| gauss(params.at(&SIGMA, frame)));
    blur.mix(|cell| {
        let strength = params.at(&STRENGTH, grid.place(cell).0);
        (-strength, 1.0 + strength)
    })
}

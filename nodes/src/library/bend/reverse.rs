//! Reverses the frames of a chunk.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap};
use crate::program::op::{Form, Op, Params};

const REVERSE: Input = Input::gate("reverse", false, "Gate: reverses while it is on.");

const OP: Op = Op::new("reverse", &[REVERSE.neutral_at(0.0)], Form::Grid(reverse));

/// Reverses attention maps or outputs over the latent frames of the chunk.
pub const NODE: NodeDef = NodeDef {
    name: "bend.reverse",
    title: "Reverse time",
    about: "Reverses attention maps or outputs over the latent frames of the chunk.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, bend_node::GRID.input(), REVERSE, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, bend_node::GRID.chosen(ctx), &OP),
    ..NodeDef::BASE
};

/// Frame t takes the content of the t-th last frame while `reverse` is on.
fn reverse(params: &Params, grid: Grid) -> GridMap {
    GridMap::in_time(grid, |frame| {
        vec![(if params.is_on(&REVERSE, frame) { grid.frames - 1 - frame } else { frame }, 1.0)]
    })
}

//! Turns time around within the chunk.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap};
use crate::program::op::{Form, Lanes, Op};

const REVERSE: Input = Input::gate("reverse", false, "Gate: reverses while it is on.");

const OP: Op = Op { name: "reverse", params: &["reverse"], neutral: &[0.0], choices: &[], form: Form::Grid(reverse) };

/// Reverses attention maps or outputs over the latent frames of the chunk.
pub const NODE: NodeDef = NodeDef {
    name: "bend.reverse",
    title: "Reverse time",
    about: "Reverses attention maps or outputs over the latent frames of the chunk.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, bend_node::GRID_SITE, REVERSE, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, bend_node::GRID.chosen(ctx, &bend_node::GRID_SITE), &OP, &[&REVERSE]),
    ..NodeDef::BASE
};

/// The frames of the chunk last to first, where `params[0]` is on.
fn reverse(params: &[Lanes], grid: Grid) -> GridMap {
    GridMap::in_time(grid, |frame| vec![(if params[0][frame] >= 0.5 { grid.frames - 1 - frame } else { frame }, 1.0)])
}

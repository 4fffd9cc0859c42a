//! Turns time around within the chunk.

use crate::chain;
use crate::def::{Input, NodeDef};
use crate::grid::{Grid, GridMap};
use crate::op::{Form, Lanes, Op};

const REVERSE: Input = Input::gate("reverse", false, "On or off.");

const OP: Op = Op { name: "reverse", params: &["reverse"], neutral: &[0.0], choices: &[], form: Form::Grid(reverse) };

/// Gives the first latent frame of the chunk what the last one attends to, or what comes out for it, and so on.
pub const NODE: NodeDef = NodeDef {
    name: "bend.reverse",
    title: "Reverse time",
    about: "Gives the first latent frame of the chunk what the last one attends to, or what comes out for it, and so on.",
    inputs: &[chain::BENDS, chain::TARGET, chain::GRID_SITE, REVERSE, chain::AMOUNT],
    outputs: &[chain::OUT],
    run: |run| chain::run(run, chain::site(run, &chain::GRID_SITE), &OP, &[&REVERSE]),
    ..NodeDef::BASE
};

/// The frames of the chunk last to first, where `params[0]` is on.
fn reverse(params: &[Lanes], grid: Grid) -> GridMap {
    GridMap::in_time(grid, |frame| vec![(if params[0][frame] >= 0.5 { grid.frames - 1 - frame } else { frame }, 1.0)])
}

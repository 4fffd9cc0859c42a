//! Mirrors what lies on the picture.

use crate::chain;
use crate::def::{Input, NodeDef};
use crate::grid::{Grid, GridMap, Padding};
use crate::op::{Form, Lanes, Op};

const HORIZONTAL: Input = Input::gate("horizontal", false, "Left and right change places.");
const VERTICAL: Input = Input::gate("vertical", false, "Top and bottom change places.");

const OP: Op = Op {
    name: "flip",
    params: &["horizontal", "vertical"],
    neutral: &[0.0, 0.0],
    choices: &[],
    form: Form::Grid(flip),
};

/// Mirrors where the picture attends, or what comes out.
pub const NODE: NodeDef = NodeDef {
    name: "bend.flip",
    title: "Flip",
    about: "Mirrors where the picture attends, or what comes out.",
    inputs: &[chain::BENDS, chain::TARGET, chain::GRID_SITE, HORIZONTAL, VERTICAL, chain::AMOUNT],
    outputs: &[chain::OUT],
    run: |run| chain::run(run, chain::site(run, &chain::GRID_SITE), &OP, &[&HORIZONTAL, &VERTICAL]),
    ..NodeDef::BASE
};

/// Mirrored left to right where `params[0]` is on, top to bottom where `params[1]` is.
fn flip(params: &[Lanes], grid: Grid) -> GridMap {
    let sign = |on: f64| if on >= 0.5 { -1.0 } else { 1.0 };
    GridMap::warp(grid, |_| Padding::Border, |frame, dx, dy| (dx * sign(params[0][frame]), dy * sign(params[1][frame])))
}

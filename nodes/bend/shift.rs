//! Moves what lies on the picture in time.

use crate::chain;
use crate::def::{Input, NodeDef};
use crate::grid::{Grid, GridMap, Padding};
use crate::op::{Form, Lanes, Op};

const FRAMES: Input = Input::number("frames", 0.0, "How many latent frames later; between whole ones it is mixed.")
    .soft(-2.0, 2.0)
    .hard(-64.0, 64.0)
    .unit("frames");

const OP: Op = Op {
    name: "shift",
    params: &["frames", "padding"],
    neutral: &[0.0],
    choices: &[("padding", &Padding::CHOICES)],
    form: Form::Grid(shift),
};

/// Gives each latent frame of the chunk what another one attends to, or what comes out for it.
pub const NODE: NodeDef = NodeDef {
    name: "bend.shift",
    title: "Shift in time",
    about: "Gives each latent frame of the chunk what another one attends to, or what comes out for it.",
    inputs: &[chain::BENDS, chain::TARGET, chain::GRID_SITE, FRAMES, chain::PADDING, chain::AMOUNT],
    outputs: &[chain::OUT],
    run: |run| chain::run(run, chain::site(run, &chain::GRID_SITE), &OP, &[&FRAMES, &chain::PADDING]),
    ..NodeDef::BASE
};

/// Each frame gets what was `params[0]` frames before it.
fn shift(params: &[Lanes], grid: Grid) -> GridMap {
    GridMap::in_time(grid, |frame| {
        let from = frame as f64 - params[0][frame];
        let (first, part) = (from.floor() as i64, from - from.floor());
        [(first, 1.0 - part), (first + 1, part)]
            .into_iter()
            .filter_map(|(from, weight)| Some((Padding::of(params[1][frame]).place(from, grid.frames)?, weight)))
            .collect()
    })
}

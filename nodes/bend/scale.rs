//! Enlarges or shrinks what lies on the picture.

use crate::chain;
use crate::def::{Input, NodeDef};
use crate::grid::{Grid, GridMap, Padding};
use crate::op::{Form, Lanes, Op};

const FACTOR: Input = Input::number("factor", 1.0, "How much larger: 2 is twice as wide and as high.")
    .soft(0.25, 4.0)
    .hard(0.01, 100.0)
    .unit("×")
    .log();
const STRETCH: Input = Input::number("stretch", 1.0, "How much wider than high it gets.")
    .soft(0.25, 4.0)
    .hard(0.01, 100.0)
    .unit("×")
    .log();

const OP: Op = Op {
    name: "scale",
    params: &["factor", "stretch", "padding"],
    neutral: &[1.0, 1.0],
    choices: &[("padding", &Padding::CHOICES)],
    form: Form::Grid(scale),
};

/// Enlarges or shrinks where the picture attends, or what comes out, about its middle.
pub const NODE: NodeDef = NodeDef {
    name: "bend.scale",
    title: "Scale",
    about: "Enlarges or shrinks where the picture attends, or what comes out, about its middle.",
    inputs: &[chain::BENDS, chain::TARGET, chain::GRID_SITE, FACTOR, STRETCH, chain::PADDING, chain::AMOUNT],
    outputs: &[chain::OUT],
    run: |run| chain::run(run, chain::site(run, &chain::GRID_SITE), &OP, &[&FACTOR, &STRETCH, &chain::PADDING]),
    ..NodeDef::BASE
};

/// Enlarged by `params[0]`, and `params[1]` times as wide as high, about the middle.
fn scale(params: &[Lanes], grid: Grid) -> GridMap {
    GridMap::warp(
        grid,
        |frame| Padding::of(params[2][frame]),
        |frame, dx, dy| {
            let (factor, stretch) = (params[0][frame], params[1][frame].sqrt());
            (dx / (factor * stretch), dy / factor * stretch)
        },
    )
}

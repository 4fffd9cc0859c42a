//! Shifts in time.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap, Padding};
use crate::program::op::{Form, Op, Params};

const FRAMES: Input = Input::number("frames", 0.0, "Shift in latent frames; positive is later, fractions interpolate.")
    .soft(-2.0, 2.0)
    .hard(-64.0, 64.0)
    .unit("frames");

const PADDING: Input = Input::choice_of::<Padding>(
    "padding",
    "Values beyond the chunk: border repeats its end, zeros is 0, reflect mirrors, wrap loops.",
);

const OP: Op = Op::new("shift", &[FRAMES.neutral_at(0.0), PADDING.option()], Form::Grid(shift));

/// Shifts attention maps or outputs along the latent frames of the chunk.
pub const NODE: NodeDef = NodeDef {
    name: "bend.shift",
    title: "Shift in time",
    about: "Shifts attention maps or outputs along the latent frames of the chunk.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, bend_node::GRID.input(), FRAMES, PADDING, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, bend_node::GRID.chosen(ctx), &OP),
    ..NodeDef::BASE
};

/// Frame t takes the content of frame t − `frames`, interpolated between two frames.
fn shift(params: &Params, grid: Grid) -> GridMap {
    GridMap::in_time(grid, |frame| {
        let from = frame as f64 - params.at(&FRAMES, frame);
        let (first, part) = (from.floor() as i64, from - from.floor());
        [(first, 1.0 - part), (first + 1, part)]
            .into_iter()
            .filter_map(|(from, weight)| {
                Some((params.chosen::<Padding>(&PADDING, frame).place(from, grid.frames)?, weight))
            })
            .collect()
    })
}

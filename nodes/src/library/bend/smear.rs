//! Smears maps or outputs over the latent frames of a chunk.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap};
use crate::program::op::{Form, Op, Params};

const LINGER: Input = Input::number(
    "linger",
    0.0,
    "Share of each latent frame that carries over to the next: 0 none, 1 all; below 0 subtracts.",
)
.soft(0.0, 1.0)
.hard(-1.0, 1.0);

const OP: Op = Op::new("smear", &[LINGER.neutral_at(0.0)], Form::Grid(smear));

/// Carries attention maps or outputs over from each latent frame of the chunk to the next.
pub const NODE: NodeDef = NodeDef {
    name: "bend.smear",
    title: "Smear in time",
    about: "Carries attention maps or outputs over from each latent frame of the chunk to the next.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, bend_node::GRID.input(), LINGER, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, bend_node::GRID.chosen(ctx), &OP),
    ..NodeDef::BASE
};

/// `y(t) = (1 − linger) · x(t) + linger · y(t − 1)`, the first frame as it is.
fn smear(params: &Params, grid: Grid) -> GridMap {
    GridMap::in_time(grid, |frame| {
        let mut weights = vec![(0, 1.0)];
        for (later, linger) in params.lanes(&LINGER).iter().enumerate().take(frame + 1).skip(1) {
            for (_, weight) in &mut weights {
                *weight *= linger;
            }
            weights.push((later, 1.0 - linger));
        }
        weights
    })
}

//! Blurs over the picture.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap, Padding};
use crate::program::op::{Form, Op, Params};

const SIGMA: Input =
    Input::number("sigma", 0.0, "Radius of the blur (standard deviation), in cells of the token grid (16 pixels).")
        .soft(0.0, 4.0)
        .hard(0.0, 16.0)
        .unit("cells");

const OP: Op = Op::new("blur", &[SIGMA.neutral_at(0.0), bend_node::PADDING.option()], Form::Grid(blur));

/// Blurs attention maps or outputs over the picture.
pub const NODE: NodeDef = NodeDef {
    name: "bend.blur",
    title: "Blur",
    about: "Blurs attention maps or outputs over the picture.",
    inputs: &[
        bend_node::BENDS,
        bend_node::TARGET,
        bend_node::GRID.input(),
        SIGMA,
        bend_node::PADDING,
        bend_node::AMOUNT,
    ],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, bend_node::GRID.chosen(ctx), &OP),
    ..NodeDef::BASE
};

/// Gaussian blur with a standard deviation of `sigma` cells. The kernel of the offline AttentionBender
/// has 3 × 3 cells for every sigma. It darkens the border, as the padding `zeros` does here.
fn blur(params: &Params, grid: Grid) -> GridMap {
    GridMap::spread(
        grid,
        |frame| params.chosen::<Padding>(&bend_node::PADDING, frame),
        |frame| gauss(params.at(&SIGMA, frame)),
    )
}

/// Weights of a Gaussian with a standard deviation of `sigma` cells, cut at three standard deviations. Their sum is 1.
pub(super) fn gauss(sigma: f64) -> Vec<f64> {
    if sigma <= 0.0 {
        return vec![1.0];
    }
    let reach = (3.0 * sigma).ceil() as i64;
    let weights: Vec<f64> = (-reach..=reach).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

//! Blurs over the picture.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap, Padding};
use crate::program::op::{Form, Op, Params};

const SIGMA: Input =
    Input::number("sigma", 0.0, "Radius of the blur (standard deviation), in cells of the latent grid.")
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

/// Blurred by a Gaussian of a standard deviation of `sigma` cells. The blur of the offline AttentionBender is 3 cells
/// wide for every sigma. It is dark at the border, as here with the padding `zeros`.
fn blur(params: &Params, grid: Grid) -> GridMap {
    GridMap::spread(
        grid,
        |frame| params.chosen::<Padding>(&bend_node::PADDING, frame),
        |frame| gauss(params.at(&SIGMA, frame)),
    )
}

/// A Gaussian of this standard deviation in cells, to three of them on either side.
pub(super) fn gauss(sigma: f64) -> Vec<f64> {
    if sigma <= 0.0 {
        return vec![1.0];
    }
    let reach = (3.0 * sigma).ceil() as i64;
    let weights: Vec<f64> = (-reach..=reach).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

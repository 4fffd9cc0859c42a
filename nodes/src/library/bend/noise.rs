//! Adds noise.

use candle_core::{D, Result, Tensor};

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::op::{Form, Noise, Op, Params, lanes_along};

const SIGMA: Input = Input::number(
    "sigma",
    0.0,
    "Standard deviation of the noise, relative to the signal: 1 is as strong as the signal.",
)
.soft(0.0, 2.0)
.hard(0.0, 100.0);
const RENORMALISE: Input =
    Input::gate("renormalise", false, "At map sites: clips negative attention to 0 and keeps the sum of each row.");
const SAME: Input = Input::gate("same", false, "Uses the same noise in every layer and step.");

static MAP: Op = Op {
    same: Some(&SAME),
    ..Op::new(
        "noise",
        &[SIGMA.neutral_at(0.0), SAME.option(), RENORMALISE.option()],
        Form::MapNoise { sigma: &SIGMA, renormalise: &RENORMALISE },
    )
};
static TENSOR: Op =
    Op { same: Some(&SAME), ..Op::new("noise", &[SIGMA.neutral_at(0.0), SAME.option()], Form::Tensor(noise)) };

/// Adds noise to attention maps, values, outputs or feed-forward neurons.
pub const NODE: NodeDef = NodeDef {
    name: "bend.noise",
    title: "Noise",
    about: "Adds noise to attention maps, values, outputs or feed-forward neurons.",
    inputs: &[
        bend_node::BENDS,
        bend_node::TARGET,
        bend_node::LAYER.input(),
        SIGMA,
        RENORMALISE,
        SAME,
        bend_node::AMOUNT,
    ],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        let site = bend_node::LAYER.chosen(ctx);
        if site.is_map() {
            bend_node::run(ctx, site, &MAP);
        } else {
            bend_node::run(ctx, site, &TENSOR);
        }
    },
    ..NodeDef::BASE
};

/// x `[batch, frames, tokens, ..]` plus normal noise of `sigma` times the root mean square of each token.
fn noise(x: &Tensor, params: &Params, noise: &mut dyn Noise) -> Result<Tensor> {
    let level = x.sqr()?.mean_keepdim(D::Minus1)?.sqrt()?.broadcast_mul(&lanes_along(params.lanes(&SIGMA), 1, x)?)?;
    x + noise.normal(x)?.broadcast_mul(&level)?
}

//! Rounds to a few levels.

use candle_core::{D, Result, Tensor};

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Noise, Op, Params, lanes_along};

const SITES: &bend_node::Sites<7> = &bend_node::Sites::new(
    "Site in the layer: attention value or output, or feed-forward network.",
    [Site::CrossValue, Site::SelfValue, Site::SelfOut, Site::CrossOut, Site::FfnIn, Site::FfnHidden, Site::FfnOut],
);
const COARSENESS: Input =
    Input::number("coarseness", 0.0, "Step size as a fraction of the largest activation; 0 changes nothing.")
        .hard(0.0, 2.0);

const OP: Op = Op::new("quantise", &[COARSENESS.neutral_at(0.0)], Form::Tensor(quantise));

/// Rounds values, outputs or neurons to a few levels, like a bit crusher.
pub const NODE: NodeDef = NodeDef {
    name: "bend.quantise",
    title: "Quantise",
    about: "Rounds values, outputs or neurons to a few levels, like a bit crusher.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, SITES.input(), COARSENESS, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, SITES.chosen(ctx), &OP),
    ..NodeDef::BASE
};

/// Rounds x `[batch, frames, tokens, ..]` to multiples of `coarseness` times the largest |x| of its token.
fn quantise(x: &Tensor, params: &Params, _: &mut dyn Noise) -> Result<Tensor> {
    let largest = x.abs()?.max_keepdim(D::Minus1)?;
    let step = largest.broadcast_mul(&lanes_along(params.lanes(&COARSENESS), 1, x)?)?;
    // A step of 0 does not round.
    let is_step = step.gt(SMALLEST)?;
    let step = is_step.where_cond(&step, &step.ones_like()?)?;
    let rounded = x.broadcast_div(&step)?.round()?.broadcast_mul(&step)?;
    is_step.broadcast_as(x.shape())?.where_cond(&rounded, x)
}

const SMALLEST: f32 = 1e-12;

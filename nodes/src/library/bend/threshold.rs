//! Sets weak values to 0.

use candle_core::{D, Result, Tensor};

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::op::{Form, Noise, Op, Params, lanes_along};

const THRESHOLD: Input = Input::number(
    "threshold",
    0.0,
    "Threshold, as a fraction of the largest value: in maps that of the latent frame, elsewhere that of the token.",
)
.hard(0.0, 1.0);

static MAP: Op = Op::new("threshold", &[THRESHOLD.neutral_at(0.0)], Form::Columns(columns));
static TENSOR: Op = Op::new("threshold", &[THRESHOLD.neutral_at(0.0)], Form::Tensor(tensor));

/// Sets weak attention, values, outputs or neurons to 0.
pub const NODE: NodeDef = NodeDef {
    name: "bend.threshold",
    title: "Threshold",
    about: "Sets weak attention, values, outputs or neurons to 0.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, bend_node::LAYER.input(), THRESHOLD, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        let site = bend_node::LAYER.chosen(ctx);
        bend_node::run(ctx, site, if site.is_map() { &MAP } else { &TENSOR });
    },
    ..NodeDef::BASE
};

/// Sets values of x `[.., frames, rows, columns]` to 0 if |x| is below `threshold` times the largest of their frame.
fn columns(x: &Tensor, params: &Params) -> Result<Tensor> {
    let largest = x.flatten_from(x.rank() - 2)?.abs()?.max_keepdim(D::Minus1)?.unsqueeze(D::Minus1)?;
    strong(x, &largest.broadcast_mul(&lanes_along(params.lanes(&THRESHOLD), x.rank() - 3, x)?)?)
}

/// Sets values of x `[batch, frames, tokens, ..]` to 0 if |x| is below `threshold` times the largest of their token.
fn tensor(x: &Tensor, params: &Params, _: &mut dyn Noise) -> Result<Tensor> {
    let largest = x.abs()?.max_keepdim(D::Minus1)?;
    strong(x, &largest.broadcast_mul(&lanes_along(params.lanes(&THRESHOLD), 1, x)?)?)
}

/// x where |x| is at least `least`, else 0.
fn strong(x: &Tensor, least: &Tensor) -> Result<Tensor> {
    x.abs()?.broadcast_ge(least)?.where_cond(x, &x.zeros_like()?)
}

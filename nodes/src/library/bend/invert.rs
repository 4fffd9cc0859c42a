//! Inverts maps and negates values.

use candle_core::{D, Result, Tensor};

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::op::{Form, Noise, Op, Params, lanes_along};

const INVERT: Input = Input::gate("invert", false, "Gate: inverts while it is on.");

static MAP: Op = Op::new("invert", &[INVERT.neutral_at(0.0)], Form::Columns(negative));
static TENSOR: Op = Op::new("invert", &[INVERT.neutral_at(0.0)], Form::Tensor(opposite));

/// Inverts attention maps; negates values, outputs or neurons.
pub const NODE: NodeDef = NodeDef {
    name: "bend.invert",
    title: "Invert",
    about: "Inverts attention maps; negates values, outputs or neurons.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, bend_node::LAYER.input(), INVERT, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        let site = bend_node::LAYER.chosen(ctx);
        bend_node::run(ctx, site, if site.is_map() { &MAP } else { &TENSOR });
    },
    ..NodeDef::BASE
};

/// `max + min − x` in each frame of x `[.., frames, rows, columns]`: its smallest and largest values remain.
fn negative(x: &Tensor, params: &Params) -> Result<Tensor> {
    let cells = x.flatten_from(x.rank() - 2)?;
    let ends = (cells.max_keepdim(D::Minus1)? + cells.min_keepdim(D::Minus1)?)?.unsqueeze(D::Minus1)?;
    switch(x, &ends.broadcast_sub(x)?, params.lanes(&INVERT), x.rank() - 3)
}

/// −x, x `[batch, frames, ..]`.
fn opposite(x: &Tensor, params: &Params, _: &mut dyn Noise) -> Result<Tensor> {
    switch(x, &x.neg()?, params.lanes(&INVERT), 1)
}

/// y in the frames with `on` at 1, x in the others; `axis` is that of the frames.
fn switch(x: &Tensor, y: &Tensor, on: &[f64], axis: usize) -> Result<Tensor> {
    let on: Vec<f64> = on.iter().map(|on| on.round()).collect();
    x + (y - x)?.broadcast_mul(&lanes_along(&on, axis, x)?)?
}

//! Strengthens or weakens.

use candle_core::{Result, Tensor};

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap};
use crate::program::op::{Form, Lanes, Noise, Op, Weight, lanes_along};

const GAIN: Input = Input::number("gain", 1.0, "Factor: 0 silences, 1 changes nothing, below 0 inverts the sign.")
    .soft(-1.0, 4.0)
    .hard(-100.0, 100.0);
const RENORMALISE: Input =
    Input::gate("renormalise", false, "At map sites: rescales each row so that attention still sums to 1.");

static MAP: Op = Op { name: "gain", params: &["gain"], neutral: &[1.0], choices: &[], form: Form::Grid(map) };
static WEIGHT: Op =
    Op { name: "weight", params: &["gain"], neutral: &[1.0], choices: &[], form: Form::LogitWeight(weight) };
static TENSOR: Op = Op { name: "gain", params: &["gain"], neutral: &[1.0], choices: &[], form: Form::Tensor(tensor) };

/// Scales attention maps, values, outputs or feed-forward neurons by a factor.
pub const NODE: NodeDef = NodeDef {
    name: "bend.gain",
    title: "Gain",
    about: "Scales attention maps, values, outputs or feed-forward neurons by a factor.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, bend_node::LAYER_SITE, GAIN, RENORMALISE, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        let site = bend_node::LAYER.chosen(ctx, &bend_node::LAYER_SITE);
        let op = match (site.is_map(), ctx.gate(&RENORMALISE)) {
            (true, true) => &WEIGHT,
            (true, false) => &MAP,
            (false, _) => &TENSOR,
        };
        bend_node::run(ctx, site, op, &[&GAIN]);
    },
    ..NodeDef::BASE
};

/// Times `params[0]`, frame by frame.
fn map(params: &[Lanes], grid: Grid) -> GridMap {
    GridMap::gain(grid, |frame, _, _| params[0][frame])
}

/// The weight before the softmax times `params[0]`.
fn weight(params: &[Lanes], frame: usize) -> Weight {
    Weight { sharpness: 1.0, gain: params[0][frame] }
}

/// x `[batch, frames, ..]` times `params[0]`, frame by frame.
pub(super) fn tensor(x: &Tensor, params: &[Lanes], _: &mut dyn Noise) -> Result<Tensor> {
    x.broadcast_mul(&lanes_along(&params[0], 1, x)?)
}

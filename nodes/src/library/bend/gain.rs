//! Strengthens or weakens.

use candle_core::{Result, Tensor};

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap};
use crate::program::op::{Form, Lanes, Noise, Op, Weight, lanes_along};

const SITE: Input = Input::choice(
    "site",
    &["cross.map", "self.map", "self.value", "self.out", "cross.value", "cross.out", "ffn.in", "ffn.hidden", "ffn.out"],
    "Where in a layer: attention maps, values, outputs, or the feed-forward network.",
);
const GAIN: Input =
    Input::number("gain", 1.0, "The factor: 0 silences, below 0 inverts.").soft(-1.0, 4.0).hard(-100.0, 100.0);
const RENORMALISE: Input = Input::gate(
    "renormalise",
    false,
    "Of a map: what is taken from some words or places goes to the others, so that attention stays 1 in all.",
);

static MAP: Op = Op { name: "gain", params: &["gain"], neutral: &[1.0], choices: &[], form: Form::Grid(map) };
static WEIGHT: Op =
    Op { name: "weight", params: &["gain"], neutral: &[1.0], choices: &[], form: Form::LogitWeight(weight) };
static TENSOR: Op = Op { name: "gain", params: &["gain"], neutral: &[1.0], choices: &[], form: Form::Tensor(tensor) };

/// Strengthens or weakens attention, its values and outputs, or feed-forward neurons.
pub const NODE: NodeDef = NodeDef {
    name: "bend.gain",
    title: "Gain",
    about: "Strengthens or weakens attention, its values and outputs, or feed-forward neurons.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, SITE, GAIN, RENORMALISE, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        let site = bend_node::site(ctx, &SITE);
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

//! Multiplies by a factor.

use candle_core::{Result, Tensor};

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap};
use crate::program::op::{Form, Noise, Op, Params, Weight, lanes_along};

/// The factor.
pub const GAIN: Input = Input::number("gain", 1.0, "Factor: 0 silences, 1 changes nothing, below 0 inverts the sign.")
    .soft(-1.0, 4.0)
    .hard(-100.0, 100.0);
const RENORMALISE: Input =
    Input::gate("renormalise", false, "At map sites: rescales each row so that attention still sums to 1.");

static MAP: Op = Op::new("gain", &[GAIN.neutral_at(1.0)], Form::Grid(map));
static WEIGHT: Op = Op::new("weight", &[GAIN.neutral_at(1.0)], Form::LogitWeight(weight));
static TENSOR: Op = Op::new("gain", &[GAIN.neutral_at(1.0)], Form::Tensor(tensor));

/// Scales attention maps, values, outputs or feed-forward neurons by a factor.
pub const NODE: NodeDef = NodeDef {
    name: "bend.gain",
    title: "Gain",
    about: "Scales attention maps, values, outputs or feed-forward neurons by a factor.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, bend_node::LAYER.input(), GAIN, RENORMALISE, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        let site = bend_node::LAYER.chosen(ctx);
        let op = match (site.is_map(), ctx.gate(&RENORMALISE)) {
            (true, true) => &WEIGHT,
            (true, false) => &MAP,
            (false, _) => &TENSOR,
        };
        bend_node::run(ctx, site, op);
    },
    ..NodeDef::BASE
};

/// Multiplies each frame by its `gain`.
fn map(params: &Params, grid: Grid) -> GridMap {
    GridMap::gain(grid, |frame, _, _| params.at(&GAIN, frame))
}

/// Multiplies the attention by `gain` before rows are normalised.
fn weight(params: &Params, frame: usize) -> Weight {
    Weight { sharpness: 1.0, gain: params.at(&GAIN, frame) }
}

/// Multiplies each frame of x `[batch, frames, ..]` by its `gain`.
pub(super) fn tensor(x: &Tensor, params: &Params, _: &mut dyn Noise) -> Result<Tensor> {
    x.broadcast_mul(&lanes_along(params.lanes(&GAIN), 1, x)?)
}

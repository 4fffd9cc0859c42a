//! Rolls the activity of neurons along their index.

use candle_core::{D, Result, Tensor};

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Noise, Op, Params};

const NEURONS: Input = Input::number("neurons", 0.0, "Distance of the shift, in neurons; it wraps around the end.")
    .soft(-256.0, 256.0)
    .hard(-32768.0, 32768.0)
    .unit("neurons");

const OP: Op = Op::new("roll", &[NEURONS.neutral_at(0.0)], Form::Tensor(roll));

/// Shifts the activity of feed-forward neurons along their index, with wrap-around.
pub const NODE: NodeDef = NodeDef {
    name: "bend.roll",
    title: "Roll neurons",
    about: "Shifts the activity of feed-forward neurons along their index, with wrap-around.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, NEURONS, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, Site::FfnHidden, &OP),
    ..NodeDef::BASE
};

/// Rolls x `[batch, frames, tokens, neurons]` by `neurons`, rounded to whole neurons.
fn roll(x: &Tensor, params: &Params, _: &mut dyn Noise) -> Result<Tensor> {
    let count = x.dim(D::Minus1)? as i64;
    let frames = params.lanes(&NEURONS).iter().enumerate().map(|(frame, places)| {
        x.narrow(1, frame, 1)?.roll((places.round() as i64).rem_euclid(count.max(1)) as i32, D::Minus1)
    });
    Tensor::cat(&frames.collect::<Result<Vec<_>>>()?, 1)
}

//! Offsets the timestep of the model.

use candle_core::{Result, Tensor};

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Noise, Op, Params, lanes_along};

const OFFSET: Input =
    Input::number("offset", 0.0, "Offset of the timestep, which runs from 1000 (all noise) to 0 (none). Above 0 the model smooths and invents; below 0 noise remains.")
        .soft(-500.0, 500.0)
        .hard(-1000.0, 1000.0);

const OP: Op = Op::new("offset", &[OFFSET.neutral_at(0.0)], Form::Tensor(offset));

/// Offsets the timestep, so that the model expects more or less noise than there is.
pub const NODE: NodeDef = NodeDef {
    name: "bend.timestep",
    title: "Timestep",
    about: "Offsets the timestep, so that the model expects more or less noise than there is.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, OFFSET, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, Site::Timestep, &OP),
    ..NodeDef::BASE
};

/// Adds `offset` to the timesteps x `[batch, frames, ..]`, limited to 0 to 1000.
fn offset(x: &Tensor, params: &Params, _: &mut dyn Noise) -> Result<Tensor> {
    x.broadcast_add(&lanes_along(params.lanes(&OFFSET), 1, x)?)?.clamp(0.0, 1000.0)
}

//! The guidance scale of a clip, in parts of the picture and steps.

use candle_core::{Result, Tensor};

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Noise, Op, Params, lanes_along};

const OFFSET: Input = Input::number(
    "offset",
    0.0,
    "Offset of the guidance scale. The sum decides: 1 is the prompt alone, 0 the negative prompt alone. Higher sums follow the prompt more closely and oversaturate; negative ones lead away from it.",
)
.soft(-10.0, 10.0)
.hard(-100.0, 100.0);

const OP: Op = Op::new("offset", &[OFFSET.neutral_at(0.0)], Form::Tensor(offset));

/// Offsets the guidance scale of a clip.
pub const NODE: NodeDef = NodeDef {
    name: "bend.guidance",
    title: "Guidance",
    about: "Offsets the guidance scale (CFG) of a clip. A target limits it to steps, latent frames or a region. Chunks have no guidance.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, OFFSET, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, Site::Guidance, &OP),
    ..NodeDef::BASE
};

/// Adds `offset` to the scales x `[batch, frames, ..]`.
fn offset(x: &Tensor, params: &Params, _: &mut dyn Noise) -> Result<Tensor> {
    x.broadcast_add(&lanes_along(params.lanes(&OFFSET), 1, x)?)
}

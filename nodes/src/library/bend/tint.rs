//! Colours the noise that a video is made from.

use candle_core::{D, Result, Tensor};

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::op::{Form, Lanes, Noise, Op};

const SITE: Input = Input::choice(
    "site",
    &["noise.first", "noise.again"],
    "The noise each chunk starts from, or that of its later steps.",
);
const TINT: Input = Input::number("tint", 0.0, "How much is added; the noise has a standard deviation of 1.")
    .soft(-2.0, 2.0)
    .hard(-100.0, 100.0);
const CHANNEL: Input =
    Input::number("channel", 0.0, "The channel of the latents, from 0; what it means is the decoder's.")
        .soft(0.0, 15.0)
        .hard(0.0, 63.0);

const OP: Op =
    Op { name: "tint", params: &["tint", "channel"], neutral: &[0.0], choices: &[], form: Form::Tensor(tint) };

/// Adds a colour to the noise that a video is made from: a bias in one channel of the latents.
pub const NODE: NodeDef = NodeDef {
    name: "bend.tint",
    title: "Tint",
    about: "Adds a colour to the noise that a video is made from: a bias in one channel of the latents.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, SITE, TINT, CHANNEL, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, bend_node::site(ctx, &SITE), &OP, &[&TINT, &CHANNEL]),
    ..NodeDef::BASE
};

/// Noise x `[batch, frames, cells, channels]` plus `params[0]` in the channel `params[1]` of each frame.
fn tint(x: &Tensor, params: &[Lanes], _: &mut dyn Noise) -> Result<Tensor> {
    let (frames, channels) = (x.dim(1)?, x.dim(D::Minus1)?);
    let value = |frame: usize, channel: usize| {
        if params[1][frame].round() as usize == channel { params[0][frame] as f32 } else { 0.0 }
    };
    let values = (0..frames).flat_map(|frame| (0..channels).map(move |channel| (frame, channel)));
    let values: Vec<f32> = values.map(|(frame, channel)| value(frame, channel)).collect();
    let tint = Tensor::from_vec(values, (1, frames, 1, channels), x.device())?.to_dtype(x.dtype())?;
    x.broadcast_add(&tint)
}

//! Tints the initial noise of a video.

use candle_core::{D, Result, Tensor};

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Noise, Op, Params};

const SITES: &bend_node::Sites<2> = &bend_node::Sites::new(
    "Noise to tint: the initial noise of each chunk, or the noise of its later steps.",
    [Site::NoiseInit, Site::NoiseStep],
);
const TINT: Input = Input::number("tint", 0.0, "Offset of the channel; the noise has a standard deviation of 1.")
    .soft(-2.0, 2.0)
    .hard(-100.0, 100.0);
const CHANNEL: Input = Input::number("channel", 0.0, "Latent channel, from 0; its colour depends on the decoder.")
    .soft(0.0, 15.0)
    .hard(0.0, 63.0);

const OP: Op = Op::new("tint", &[TINT.neutral_at(0.0), CHANNEL.option()], Form::Tensor(tint));

/// Tints the noise that the video is made from: an offset in one latent channel.
pub const NODE: NodeDef = NodeDef {
    name: "bend.tint",
    title: "Tint",
    about: "Tints the noise that the video is made from: an offset in one latent channel.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, SITES.input(), TINT, CHANNEL, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, SITES.chosen(ctx), &OP),
    ..NodeDef::BASE
};

/// Adds `tint` to the channel `channel` of the noise x `[batch, frames, cells, channels]`, frame by frame.
fn tint(x: &Tensor, params: &Params, _: &mut dyn Noise) -> Result<Tensor> {
    let (frames, channels) = (x.dim(1)?, x.dim(D::Minus1)?);
    let value = |frame: usize, channel: usize| {
        if params.at(&CHANNEL, frame).round() as usize == channel { params.at(&TINT, frame) as f32 } else { 0.0 }
    };
    let values = (0..frames).flat_map(|frame| (0..channels).map(move |channel| (frame, channel)));
    let values: Vec<f32> = values.map(|(frame, channel)| value(frame, channel)).collect();
    let tint = Tensor::from_vec(values, (1, frames, 1, channels), x.device())?.to_dtype(x.dtype())?;
    x.broadcast_add(&tint)
}

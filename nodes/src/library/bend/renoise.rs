//! Amount of noise between denoising steps.

use super::gain;
use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Op};

const GAIN: Input =
    Input::number("gain", 1.0, "Factor of the noise: 0 adds none and smooths the picture, 1 changes nothing.")
        .soft(0.0, 2.0)
        .hard(-10.0, 10.0);

const OP: Op = Op::new("gain", &[GAIN.neutral_at(1.0)], Form::Tensor(gain::tensor));

/// Scales the noise that is added before each denoising step after the first.
pub const NODE: NodeDef = NodeDef {
    name: "bend.renoise",
    title: "Renoise",
    about: "Scales the noise that is added before each denoising step after the first.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, GAIN, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, Site::NoiseStep, &OP),
    ..NodeDef::BASE
};

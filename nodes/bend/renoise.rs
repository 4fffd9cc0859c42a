//! How much noise is added again between steps.

use super::gain;
use crate::chain;
use crate::def::{Input, NodeDef};
use crate::op::{Form, Op};
use crate::site::Site;

const GAIN: Input = Input::number("gain", 1.0, "The factor: 0 adds none, and the picture gets smooth.")
    .soft(0.0, 2.0)
    .hard(-10.0, 10.0);

const OP: Op = Op { name: "gain", params: &["gain"], neutral: &[1.0], choices: &[], form: Form::Tensor(gain::tensor) };

/// Changes how much noise is added again before each denoising step after the first.
pub const NODE: NodeDef = NodeDef {
    name: "bend.renoise",
    title: "Renoise",
    about: "Changes how much noise is added again before each denoising step after the first.",
    inputs: &[chain::BENDS, chain::TARGET, GAIN, chain::AMOUNT],
    outputs: &[chain::OUT],
    run: |run| chain::run(run, Site::NoiseAgain, &OP, &[&GAIN]),
    ..NodeDef::BASE
};

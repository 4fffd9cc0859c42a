//! Strengthens or weakens feed-forward neurons.

use candle_core::{Result, Tensor};

use crate::chain;
use crate::def::{Input, NodeDef};
use crate::op::{Form, Lanes, Noise, Op, lanes_along};
use crate::program::Site;

const GAIN: Input =
    Input::number("gain", 1.0, "The factor: 0 silences, below 0 inverts.").soft(-1.0, 4.0).hard(-100.0, 100.0);

const OP: Op = Op { name: "gain", site: Site::FfnHidden, params: &["gain"], neutral: &[1.0], form: Form::Tensor(gain) };

/// Strengthens or weakens feed-forward neurons.
pub const NODE: NodeDef = NodeDef {
    name: "bend.ffn_gain",
    title: "Neuron gain",
    about: "Strengthens or weakens feed-forward neurons.",
    inputs: &[chain::BENDS, chain::TARGET, GAIN, chain::AMOUNT],
    outputs: &[chain::OUT],
    memory: 0,
    run: |run| chain::run(run, &OP, &[&GAIN]),
};

/// x `[batch, frames, ..]` times `params[0]` frame by frame.
fn gain(x: &Tensor, params: &[Lanes], _: &mut dyn Noise) -> Result<Tensor> {
    x.broadcast_mul(&lanes_along(&params[0], 1, x)?)
}

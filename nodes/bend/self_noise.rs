//! Noise on what the picture reads of itself.

use candle_core::{D, Result, Tensor};

use crate::chain;
use crate::def::{Input, NodeDef};
use crate::op::{Form, Lanes, Noise, Op, lanes_along};
use crate::program::Site;

const SIGMA: Input =
    Input::number("sigma", 0.0, "How much noise, as a part of what is there.").soft(0.0, 2.0).hard(0.0, 100.0);

const OP: Op =
    Op { name: "noise", site: Site::SelfValue, params: &["sigma"], neutral: &[0.0], form: Form::Tensor(noise) };

/// Noise on the values of self-attention.
pub const NODE: NodeDef = NodeDef {
    name: "bend.self_noise",
    title: "Self noise",
    about: "Adds noise to the values: what the picture reads of itself and of its past.",
    inputs: &[chain::BENDS, chain::TARGET, SIGMA, chain::AMOUNT],
    outputs: &[chain::OUT],
    memory: 0,
    run: |run| chain::run(run, &OP, &[&SIGMA]),
};

/// x `[batch, frames, tokens, heads, head_dim]` plus normal noise of `params[0]` times the root mean square of each vector.
fn noise(x: &Tensor, params: &[Lanes], noise: &mut dyn Noise) -> Result<Tensor> {
    let level = x.sqr()?.mean_keepdim(D::Minus1)?.sqrt()?;
    let noise = noise.normal(x)?.broadcast_mul(&level)?;
    x + noise.broadcast_mul(&lanes_along(&params[0], 1, x)?)?
}

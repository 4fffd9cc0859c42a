//! Enlarges where the picture attends to words.

use candle_core::{Result, Tensor};

use crate::chain;
use crate::def::{Input, NodeDef};
use crate::grid;
use crate::op::{Form, Lanes, Op};
use crate::program::Site;

const FACTOR: Input = Input::number("factor", 1.0, "How much larger it becomes; below 1 it shrinks.")
    .soft(0.25, 4.0)
    .hard(0.01, 100.0)
    .log();

const OP: Op =
    Op { name: "scale", site: Site::CrossMap, params: &["factor"], neutral: &[1.0], form: Form::Grid(scale) };

/// Enlarges the attention maps of words about the middle of the picture.
pub const NODE: NodeDef = NodeDef {
    name: "bend.cross_scale",
    title: "Scale words",
    about: "Enlarges or shrinks where the picture attends to words, about its middle.",
    inputs: &[chain::BENDS, chain::TARGET, FACTOR, chain::AMOUNT],
    outputs: &[chain::OUT],
    memory: 0,
    run: |run| chain::run(run, &OP, &[&FACTOR]),
};

/// x `[.., frames, rows, columns]`, enlarged by `params[0]` frame by frame.
fn scale(x: &Tensor, params: &[Lanes]) -> Result<Tensor> {
    grid::warp(x, |frame, dx, dy| (dx / params[0][frame], dy / params[0][frame]))
}

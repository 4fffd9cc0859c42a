//! Concentrates attention, or spreads it.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::op::{Form, Op, Params, Weight};

const SHARPNESS: Input = Input::number(
    "sharpness",
    1.0,
    "Factor of the logits (inverse temperature): 0 is uniform, 1 changes nothing, above 1 concentrates.",
)
.soft(0.0, 4.0)
.hard(-100.0, 100.0);

const OP: Op = Op::new("sharpness", &[SHARPNESS.neutral_at(1.0)], Form::LogitWeight(sharpness));

/// Concentrates attention on its peaks, or spreads it evenly.
pub const NODE: NodeDef = NodeDef {
    name: "bend.sharpness",
    title: "Sharpness",
    about: "Concentrates attention on its peaks, or spreads it evenly.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, bend_node::MAPS.input(), SHARPNESS, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, bend_node::MAPS.chosen(ctx), &OP),
    ..NodeDef::BASE
};

/// Multiplies the logits by `sharpness`, an inverse temperature.
fn sharpness(params: &Params, frame: usize) -> Weight {
    Weight { sharpness: params.at(&SHARPNESS, frame), gain: 1.0 }
}

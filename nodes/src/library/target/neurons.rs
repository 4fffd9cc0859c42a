//! Target: feed-forward neurons.

use crate::library::target::target_node;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::pick::Pick;
use crate::program::set::Set;
use crate::program::target::{NeuronSet, Target};

/// The first neuron.
pub const FIRST: Input = target_node::FIRST.soft(0.0, 511.0);
/// The last neuron.
pub const LAST: Input = target_node::LAST.soft(0.0, 511.0);
const MOST: Input = Input::number(
    "most",
    0.0,
    "Number of neurons to keep, the most active of the previous model call; 0 keeps the whole range.",
)
.soft(0.0, 64.0)
.hard(0.0, 32768.0);
const OUT: Output =
    Output::of("target", Kind::Target, "The target, limited to these neurons.").passes(&target_node::WITHIN);

/// Limits a bend or a tap to feed-forward neurons: a range, every n-th, or the most active.
pub const NODE: NodeDef = NodeDef {
    name: "target.neurons",
    title: "Neurons",
    about: "Limits a bend or a tap to feed-forward neurons: a range, every n-th, or the most active.",
    inputs: &[target_node::WITHIN, FIRST, LAST, target_node::EVERY, MOST],
    outputs: &[OUT],
    run: |ctx| {
        let set = target_node::every(ctx, &FIRST, &LAST, ctx.number(&target_node::EVERY).round() as usize);
        // A range of all neurons selects nothing, so it costs nothing.
        let everything = set == Set::range(0, usize::MAX);
        let range = if everything { Pick::All } else { Pick::of(NeuronSet::Set(set)) };
        let most = ctx.number(&MOST).round() as usize;
        let most = if most == 0 { Pick::All } else { Pick::of(NeuronSet::MostActive(most)) };
        target_node::narrow(ctx, &OUT, Target { neurons: range.and(&most), ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};

//! Where the picture attends to words.

use crate::def::{Input, NodeDef, Output};
use crate::program::{Measure, Source, Tap};
use crate::tick::Run;
use crate::value::Kind;

const TARGET: Input =
    Input::socket("target", Kind::Target, "Which words, layers, steps and heads; the mean of all of them.");
const MAP: Output = Output::of("map", Kind::Map, "How much each place of the picture attends to the words.");
const MEAN: Output = Output::number("mean", "Its mean over the picture.").late();
const MAX: Output = Output::number("max", "Its maximum.").late();
const X: Output = Output::number("x", "Its centre of gravity, 0 left to 1 right.").late();
const Y: Output = Output::number("y", "Its centre of gravity, 0 top to 1 bottom.").late();

/// Where the picture attends to words.
pub const NODE: NodeDef = NodeDef {
    name: "tap.map",
    title: "Attention map",
    about: "Measures where the picture attends to words of the prompt.",
    inputs: &[TARGET],
    outputs: &[MAP, MEAN, MAX, X, Y],
    memory: 0,
    run,
};

fn run(run: &mut Run<'_>) {
    run.ask_tap(Tap { node: run.id().clone(), measure: Measure::CrossMap, target: run.target(&TARGET) });
    run.set(&MAP, Source::Tap(run.id().clone()));
}

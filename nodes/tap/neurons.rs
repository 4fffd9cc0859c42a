//! Which neurons are active.

use crate::def::{Input, NodeDef, Output};
use crate::program::{Measure, Source, Tap};
use crate::tick::Run;
use crate::value::Kind;

const TARGET: Input =
    Input::socket("target", Kind::Target, "Which layers, steps and neurons; the mean of layers and steps.");
const MAP: Output = Output::of("map", Kind::Map, "The mean activity of each neuron, as a spectrum.");
const MEAN: Output = Output::number("mean", "The mean of them all.").late();
const MAX: Output = Output::number("max", "The most active one's.").late();

/// Which neurons are active.
pub const NODE: NodeDef = NodeDef {
    name: "tap.neurons",
    title: "Neurons",
    about: "Measures how active the feed-forward neurons are.",
    inputs: &[TARGET],
    outputs: &[MAP, MEAN, MAX],
    memory: 0,
    run,
};

fn run(run: &mut Run<'_>) {
    run.ask_tap(Tap { node: run.id().clone(), measure: Measure::Neurons, target: run.target(&TARGET) });
    run.set(&MAP, Source::Tap(run.id().clone()));
}

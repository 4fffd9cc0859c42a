//! What a tick costs: patches of 10 to 10,000 nodes with two cables each, every node of the library that gives a number.
//!
//! `cargo bench -p bendrack-nodes --bench evaluator`

#![allow(missing_docs, reason = "a bench")]

use std::time::{Duration, Instant};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Cable, Node, Patch, Port};
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory, Scratch};

/// Nodes of a patch that are measured.
const SIZES: [usize; 10] = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];
/// Latent frames of a model call.
const FRAMES: usize = 3;
/// Shortest duration of a run; the result is the median of five runs.
const LONG_ENOUGH: Duration = Duration::from_millis(100);

fn main() {
    println!("{:>6} {:>7} {:>12} {:>9} {:>12}", "nodes", "cables", "ms per tick", "ns/node", "compile ms");
    for size in SIZES {
        let patch = patch(size);
        let start = Instant::now();
        let (plan, problems) = Plan::compile(&patch, LIBRARY);
        let compile = start.elapsed();
        let plan = plan.unwrap_or_else(|| panic!("{problems:?}"));
        let tick = tick(&plan);
        let nanoseconds = tick.as_secs_f64() * 1e9 / size as f64;
        let (tick, compile) = (tick.as_secs_f64() * 1e3, compile.as_secs_f64() * 1e3);
        println!("{size:>6} {:>7} {tick:>12.4} {nanoseconds:>9.0} {compile:>12.2}", patch.cables.len());
    }
}

/// One tick, the median of five runs.
fn tick(plan: &Plan) -> Duration {
    let measurements = Measurements::default();
    let (mut memory, mut scratch, mut program) = (Memory::default(), Scratch::default(), Program::default());
    let mut runs: Vec<Duration> = (0..5)
        .map(|_| {
            let start = Instant::now();
            let mut calls = 0_u32;
            while start.elapsed() < LONG_ENOUGH {
                let first_frame = u64::from(calls) * FRAMES as u64;
                let inputs = Inputs {
                    lanes: &[],
                    measurements: &measurements,
                    first_frame,
                    dt_secs: 0.25,
                    step: DenoisingStep::default(),
                };
                plan.run(&inputs, &mut memory, 0..FRAMES, &mut scratch, &mut program);
                calls += 1;
            }
            start.elapsed() / (calls * FRAMES as u32)
        })
        .collect();
    runs.sort();
    runs[2]
}

/// A patch of so many nodes of all kinds that give a number in turn, each with two cables from nodes before it.
fn patch(size: usize) -> Patch {
    let moves =
        |def: &&NodeDef| def.outputs.iter().any(|output| output.kind == Kind::Number && output.latency.is_none());
    let kinds: Vec<&NodeDef> = LIBRARY.iter().copied().filter(moves).filter(|def| inputs(def).count() >= 2).collect();
    let mut patch = Patch::default();
    for i in 0..size {
        let def = kinds[i % kinds.len()];
        patch.nodes.insert(id(i), Node { kind: def.name.to_owned(), ..Node::default() });
        // Two that lie at different distances before it.
        for (input, back) in inputs(def).zip([1, 1 + i / 2]).filter(|(_, back)| *back <= i) {
            let from = i - back;
            let mut outputs = kinds[from % kinds.len()].outputs.iter();
            let Some(output) = outputs.find(|output| output.kind == Kind::Number) else { continue };
            let port = |node: usize, port: &str| Port { node: id(node), port: port.to_owned() };
            patch.cables.push(Cable::new(port(from, output.name), port(i, input)));
        }
    }
    patch
}

fn id(node: usize) -> String {
    format!("n{node:05}")
}

/// The inputs that take a number.
fn inputs(def: &NodeDef) -> impl Iterator<Item = &'static str> {
    let inputs = def.inputs.iter().filter(|input| input.kind == Kind::Number && input.choices.is_empty());
    inputs.map(|input| input.name)
}

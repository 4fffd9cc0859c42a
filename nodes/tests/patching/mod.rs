//! Patches written in a line, for tests.

#![allow(dead_code, reason = "each test binary uses its own part")]

use bendrack_nodes::LIBRARY;
use bendrack_nodes::patch::{Cable, Node, Patch};
use bendrack_nodes::plan::Plan;
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::{Controls, Inputs, Measurements, Memory};
use serde_json::json;

/// Latent frames of Wan at 16 pictures a second.
pub const DT_SECS: f64 = 0.25;

/// A cable between ports written `node.port`.
pub fn cable(from: &str, to: &str) -> Cable {
    Cable::new(from.parse().expect("a port"), to.parse().expect("a port"))
}

/// A node with these parameters.
pub fn node(kind: &str, params: &serde_json::Value) -> Node {
    let params = params.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    Node { kind: kind.to_owned(), params, ..Node::default() }
}

/// A patch of nodes `(id, kind, params)` and cables.
pub fn patch(nodes: &[(&str, &str, serde_json::Value)], cables: &[(&str, &str)]) -> Patch {
    Patch {
        nodes: nodes.iter().map(|(id, kind, params)| ((*id).to_owned(), node(kind, params))).collect(),
        cables: cables.iter().map(|(from, to)| cable(from, to)).collect(),
        ..Patch::default()
    }
}

/// Its plan.
pub fn compile(patch: &Patch) -> Plan {
    let (plan, problems) = Plan::compile(patch, LIBRARY);
    plan.unwrap_or_else(|| panic!("{problems:?}"))
}

/// The program of a call when nothing comes in from outside.
pub fn run(plan: &Plan, memory: &mut Memory, first_frame: u64, frames: usize) -> Program {
    let (controls, measurements) = (Controls::default(), Measurements::default());
    let inputs = Inputs { controls: &controls, measurements: &measurements, first_frame, dt_secs: DT_SECS };
    plan.program(&inputs, memory, frames)
}

/// What a number node gives over `frames` frames, through an OSC message.
pub fn output(
    nodes: &[(&str, &str, serde_json::Value)],
    cables: &[(&str, &str)],
    from: &str,
    frames: usize,
) -> Vec<f64> {
    let nodes: Vec<_> = nodes.iter().cloned().chain([("send", "osc.out", json!({}))]).collect();
    let cables: Vec<_> = cables.iter().copied().chain([(from, "send.value")]).collect();
    run(&compile(&patch(&nodes, &cables)), &mut Memory::default(), 0, frames).messages[0].values.clone()
}

#[track_caller]
pub fn assert_near(actual: &[f64], expected: &[f64]) {
    let near = actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
    assert!(near, "{actual:?} is not {expected:?}");
}

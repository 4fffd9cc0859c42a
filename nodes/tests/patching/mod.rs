//! Patches written in a line, for tests.

#![allow(dead_code, reason = "each test binary uses its own part")]

use bendrack_nodes::LIBRARY;
use bendrack_nodes::def::{NodeDef, Preset};
use bendrack_nodes::patch::{Cable, Node, Patch};
use bendrack_nodes::plan::Plan;
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::{Controls, Inputs, Measurements, Memory};
use bendrack_nodes::value::Kind;
use serde_json::{Value as Json, json};

/// Latent frames of Wan at 16 pictures a second.
pub const DT_SECS: f64 = 0.25;

/// A cable between ports written `node.port`.
pub fn cable(from: &str, to: &str) -> Cable {
    Cable::new(from.parse().expect("a port"), to.parse().expect("a port"))
}

/// A node with these parameters.
pub fn node(kind: &str, params: &Json) -> Node {
    let params = params.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    Node { kind: kind.to_owned(), params, ..Node::default() }
}

/// A patch of nodes `(id, kind, params)` and cables.
pub fn patch(nodes: &[(&str, &str, Json)], cables: &[(&str, &str)]) -> Patch {
    Patch {
        nodes: nodes.iter().map(|(id, kind, params)| ((*id).to_owned(), node(kind, params))).collect(),
        cables: cables.iter().map(|(from, to)| cable(from, to)).collect(),
        ..Patch::default()
    }
}

/// A patch with one node of this kind, wired to a model if it bends.
pub fn alone(def: &NodeDef, params: Json) -> Patch {
    let mut patch = patch(&[("it", def.name, params), ("wan", "model.wan", json!({}))], &[]);
    if def.output("bends").is_some() {
        patch.cables.push(cable("it.bends", "wan.bends"));
    }
    patch
}

/// The nodes that bend.
pub fn bends() -> impl Iterator<Item = &'static NodeDef> {
    LIBRARY.iter().copied().filter(|def| def.output("bends").is_some())
}

/// Parameters with which a bend is not neutral: its first knob or switch moved, or a word written.
pub fn moved(def: &NodeDef) -> Json {
    let is_knob = |kind| matches!(kind, Kind::Number | Kind::Gate | Kind::Text);
    let mut knobs = def.inputs.iter().filter(|input| is_knob(input.kind) && input.choices.is_empty());
    let knob = knobs.next().filter(|input| input.name != "amount").expect("a knob");
    match (knob.kind, knob.default) {
        (Kind::Text, _) => json!({ knob.name: "red" }),
        (Kind::Gate, default) => json!({ knob.name: default == Preset::Number(0.0) }),
        (_, default) if default == Preset::Number(knob.soft.1) => json!({ knob.name: knob.soft.0 }),
        _ => json!({ knob.name: knob.soft.1 }),
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
pub fn output(nodes: &[(&str, &str, Json)], cables: &[(&str, &str)], from: &str, frames: usize) -> Vec<f64> {
    let nodes: Vec<_> = nodes.iter().cloned().chain([("send", "osc.out", json!({}))]).collect();
    let cables: Vec<_> = cables.iter().copied().chain([(from, "send.value")]).collect();
    run(&compile(&patch(&nodes, &cables)), &mut Memory::default(), 0, frames).messages[0].values.to_vec()
}

#[track_caller]
pub fn assert_near(actual: &[f64], expected: &[f64]) {
    let near = actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
    assert!(near, "{actual:?} is not {expected:?}");
}

//! Patches, engines and controls for the tests of the engine.

use std::sync::Arc;

use bendrack::engine::{Engine, Frame, Model};
use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::{Controls, Event};
use bendrack_nodes::patch::{Cable, Node, Patch};
use serde_json::{Value as Json, json};

pub const PROMPT: &str = "a red heart over a black background";

/// A patch of nodes `(id, kind, params)` and cables.
pub fn patch(nodes: &[(&str, &str, Json)], cables: &[(&str, &str)]) -> Patch {
    let port = |name: &str| name.parse().expect("a port");
    let mut patch = Patch::default();
    for (id, kind, params) in nodes {
        let params = serde_json::from_value(params.clone()).expect("parameters");
        patch.nodes.insert((*id).into(), Node { kind: (*kind).into(), params, ..Node::default() });
    }
    patch.cables = cables.iter().map(|(from, to)| Cable::new(port(from), port(to))).collect();
    patch
}

pub fn plan(patch: &Patch) -> Plan {
    let (plan, problems) = Plan::compile(patch, LIBRARY);
    plan.unwrap_or_else(|| panic!("{problems:?}"))
}

/// An LFO turns the gain of neurons under a prompt; `extra` nodes and cables besides.
pub fn moving(extra: &[(&str, &str, Json)], cables: &[(&str, &str)]) -> Patch {
    let nodes = [
        ("wan", "model.wan", json!({ "prompt": PROMPT })),
        ("lfo", "modulate.lfo", json!({ "rate": 1.0, "shape": "saw_up" })),
        ("gain", "bend.gain", json!({ "site": "ffn.hidden", "amount": 0.5 })),
    ];
    let wires = [("lfo.out", "gain.gain"), ("gain.bends", "wan.bends")];
    let nodes: Vec<_> = nodes.into_iter().chain(extra.iter().cloned()).collect();
    let wires: Vec<_> = wires.into_iter().chain(cables.iter().copied()).collect();
    patch(&nodes, &wires)
}

pub fn engine(patch: &Patch) -> Engine {
    let mut engine =
        Model::mini().and_then(|mini| Engine::new(mini, Arc::new(plan(patch)), (128, 128))).expect("an engine");
    engine.set_zoom(1);
    engine
}

/// Steps until this many chunks are there.
pub fn chunks(engine: &mut Engine, count: usize) -> Vec<Vec<Frame>> {
    let mut chunks = Vec::new();
    while chunks.len() < count {
        let frames = engine.step(&[]).expect("a step");
        if !frames.is_empty() {
            chunks.push(frames);
        }
    }
    chunks
}

pub fn pictures(chunks: &[Vec<Frame>]) -> Vec<&[u8]> {
    chunks.iter().flatten().map(|frame| frame.screen.rgb.as_slice()).collect()
}

/// The event of a MIDI controller on channel 1.
pub fn cc(number: u8, value: f64) -> Event {
    Event::cc(1, number, value)
}

/// The event of key 60 on channel 1.
pub fn key(velocity: f64) -> Event {
    Event::note(1, 60, velocity)
}

/// Controls with these events in each latent frame of a chunk, one after the other.
pub fn lanes_of<const N: usize>(controls: &mut Controls, events: [&[Event]; N]) -> [Arc<Controls>; N] {
    events.map(|events| {
        controls.extend(events);
        let lane = Arc::new(controls.clone());
        controls.end_frame();
        lane
    })
}

//! Bends made from the nodes of the library.

use std::sync::Arc;

use bendrack::engine::Model;
use bendrack::wan::hooks::Attention;
use bendrack::wan::noise::{Draw, Noise, SeededNoise};
use bendrack::wan::text::Tokens;
use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::node::def::{Input, NodeDef};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Cable, Node, Patch};
use bendrack_nodes::program::op::{Form, Lanes, Param};
use bendrack_nodes::program::target::Target;
use bendrack_nodes::program::{Bend, Program, Site};
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use candle_core::Tensor;
use serde_json::json;

pub const PROMPT: &str = "a red rose and a blue cat over a gray background";

pub fn tokens() -> Tokens {
    Model::mini().and_then(|mut mini| mini.text.encode(PROMPT)).expect("a prompt").tokens.clone()
}

/// The nodes that bend.
pub fn nodes() -> impl Iterator<Item = &'static NodeDef> {
    LIBRARY.iter().copied().filter(|def| def.outputs.iter().any(|output| output.kind == Kind::Bend))
}

pub fn node(name: &str) -> &'static NodeDef {
    nodes().find(|def| def.name == name).unwrap_or_else(|| panic!("there is no {name}"))
}

/// The sites of a node: those of its choice, or the one it has.
pub fn sites(def: &'static NodeDef) -> Vec<Site> {
    match def.input("site") {
        Some((_, input)) => input.choices.iter().map(|name| name.parse().expect("a site")).collect(),
        None => vec![bend(def, None, &|_| 0.9, 1).site],
    }
}

/// Value of an input at a fraction of its travel. A gate is on above 0.5; choices have even parts.
fn value(input: &Input, place: f64) -> f64 {
    match input.kind {
        Kind::Gate => f64::from(u8::from(place > 0.5)),
        _ if !input.choices.is_empty() => (place * input.choices.len() as f64).floor().min(input.hard.1),
        _ => input.soft.0 + place * (input.soft.1 - input.soft.0),
    }
}

/// The bend of a node at a site, in every frame, with knobs at the fraction `place` of their travel.
pub fn bend(def: &'static NodeDef, site: Option<Site>, place: &dyn Fn(&str) -> f64, frames: usize) -> Bend {
    let mut params = serde_json::Map::new();
    for input in def.inputs.iter().filter(|input| input.name != "amount") {
        let json = match input.kind {
            Kind::Text => json!("cat"),
            Kind::Gate => json!(value(input, place(input.name)) > 0.5),
            Kind::Number if input.name == "site" => json!(site.map_or(input.choices[0], Site::name)),
            Kind::Number if !input.choices.is_empty() => json!(input.choices[value(input, place(input.name)) as usize]),
            Kind::Number => json!(value(input, place(input.name))),
            _ => continue,
        };
        params.insert(input.name.to_owned(), json);
    }
    let node = Node { kind: def.name.into(), params: params.into_iter().collect(), ..Node::default() };
    let mut bends = program(Patch { nodes: [("bend".into(), node)].into(), ..Patch::default() }, frames).bends;
    assert_eq!(bends.len(), 1, "{} bends nothing", def.name);
    bends.swap_remove(0)
}

/// The same with knobs that are elsewhere in each frame.
pub fn moving(def: &'static NodeDef, site: Option<Site>, place: &dyn Fn(&str, usize) -> f64, frames: usize) -> Bend {
    let mut bend = bend(def, site, &|name| if name == "renormalise" { place(name, 0) } else { 0.9 }, frames);
    for (Param { input, .. }, lanes) in bend.params.iter_mut() {
        let at = |frame| place(input.name, if input.choices.is_empty() { frame } else { 0 });
        *lanes = (0..frames).map(|frame| value(input, at(frame))).collect();
    }
    bend
}

/// Knobs far from neutral and gates on, except `renormalise`.
fn far(name: &str) -> f64 {
    if name == "renormalise" { 0.2 } else { 0.9 }
}

/// A bend of a node, far from neutral, on this target.
pub fn strong(name: &str, site: Option<Site>, target: &Target, frames: usize) -> Bend {
    Bend { target: Arc::new(target.clone()), ..bend(node(name), site, &far, frames) }
}

/// A bend of a node with its parameters at these values in every frame.
pub fn named(name: &str, site: Option<Site>, values: &[f64], frames: usize) -> Bend {
    let mut bend = bend(node(name), site, &far, frames);
    for ((_, lanes), value) in bend.params.iter_mut().zip(values) {
        lanes.fill(*value);
    }
    bend
}

/// Lanes of a bend's first parameter, to write to.
pub fn first_lanes(bend: &mut Bend) -> &mut Lanes {
    bend.params.iter_mut().next().expect("a parameter").1
}

/// True if a bend of a map depends on neither noise nor earlier calls.
pub fn is_certain(bend: &Bend) -> bool {
    !matches!(bend.op.form, Form::MapNoise { .. } | Form::Freeze { .. })
}

/// The program of a patch with a node `bend` on its way into the model.
fn program(mut patch: Patch, frames: usize) -> Program {
    patch.nodes.insert("wan".into(), Node { kind: "model.wan".into(), ..Node::default() });
    let cable = |from: &str, to: &str| Cable::new(from.parse().expect("a port"), to.parse().expect("a port"));
    patch.cables.push(cable("bend.bends", "wan.bends"));
    let (plan, problems) = Plan::compile(&patch, LIBRARY);
    let plan = plan.unwrap_or_else(|| panic!("{problems:?}"));
    let measurements = Measurements::default();
    let inputs = Inputs {
        lanes: &[],
        measurements: &measurements,
        first_frame: 0,
        dt_secs: 0.25,
        step: DenoisingStep::default(),
    };
    plan.program(&inputs, &mut Memory::default(), frames)
}

/// Normal numbers `[1, n, heads, dim]`.
pub fn random(n: usize, heads: usize, dim: usize, seed: u64) -> Tensor {
    let noise = SeededNoise { seed }.draw(Draw { first_frame: 0, step: 0 }, (1, 1, n * heads, dim));
    noise.and_then(|noise| noise.reshape((1, n, heads, dim))).expect("noise")
}

/// An attention of random queries, keys and values.
pub fn attention(queries: usize, key_frames: &[usize], keys: usize, heads: usize, dim: usize, seed: u64) -> Attention {
    Attention {
        q: random(queries, heads, dim, seed),
        k: random(keys, heads, dim, seed + 1000),
        v: random(keys, heads, dim, seed + 2000),
        bias: None,
        scale: 0.7,
        key_frames: Arc::from(key_frames),
    }
}

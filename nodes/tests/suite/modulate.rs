//! Properties of all modulators, at any setting of their knobs.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

use bendrack_nodes::LIBRARY;
use bendrack_nodes::node::def::{DefaultValue, Grammar, Input, NodeDef};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory, Scratch};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::patching::*;

fn family() -> Vec<&'static NodeDef> {
    LIBRARY.iter().copied().filter(|def| def.family() == "modulate").collect()
}

/// A value that can be written for an input, or that leaves it as it is.
fn written(input: &'static Input) -> BoxedStrategy<Option<Json>> {
    let ((low, high), (least, most)) = (input.soft, input.hard);
    match (input.kind, input.grammar) {
        (Kind::Number, _) if !input.choices.is_empty() => {
            (0..input.choices.len()).prop_map(|choice| Some(json!(input.choices[choice]))).boxed()
        }
        (Kind::Number, _) => prop_oneof![
            2 => Just(None),
            3 => (low..=high).prop_map(|x| Some(json!(x))),
            1 => Just(Some(json!(least.max(-1e6)))),
            1 => Just(Some(json!(most.min(1e6)))),
        ]
        .boxed(),
        (Kind::Gate, _) => any::<Option<bool>>().prop_map(|on| on.map(|on| json!(on))).boxed(),
        (_, Grammar::Numbers(_)) => prop::collection::vec(-4.0..4.0, 0..9)
            .prop_map(|list| Some(json!(list.iter().map(|x: &f64| x.to_string()).collect::<Vec<_>>().join(" "))))
            .boxed(),
        (_, Grammar::Keys) => prop::collection::vec((-9.0..9.0, -1.0..1.0, 0..3_usize), 1..6)
            .prop_map(|keys| {
                let way = ["linear", "hold", "bezier"];
                let key = |(at, value, ease): &(f64, f64, usize)| format!("{at} {value} {}", way[*ease]);
                Some(json!(keys.iter().map(key).collect::<Vec<_>>().join(", ")))
            })
            .boxed(),
        _ => Just(None).boxed(),
    }
}

/// A node, its parameters, and which of its signals and gates get something that moves.
fn any_node() -> impl Strategy<Value = (&'static NodeDef, Json, Vec<bool>)> {
    prop::sample::select(family()).prop_flat_map(|def| {
        let params: Vec<_> = def.inputs.iter().map(written).collect();
        let wired = prop::collection::vec(any::<bool>(), def.inputs.len());
        (params, wired).prop_map(move |(params, wired)| {
            let named = def.inputs.iter().zip(params);
            let params: Map<_, _> = named.filter_map(|(input, value)| Some((input.name.to_owned(), value?))).collect();
            (def, Json::Object(params), wired)
        })
    })
}

/// It, with waves plugged into the inputs that are wired, and each of its outputs sent.
fn bench(def: &'static NodeDef, params: &Json, wired: &[bool], rate: f64) -> Patch {
    let mut bench = patch(&[("it", def.name, params.clone())], &[]);
    for (index, input) in def.inputs.iter().enumerate() {
        if wired[index] && matches!(input.kind, Kind::Number | Kind::Gate) {
            let id = format!("wave{index}");
            let shape = ["square", "smooth_random", "sine", "pulse"][index % 4];
            let wave = json!({ "rate": rate * (1.0 + 0.3 * index as f64), "shape": shape, "polarity": "bipolar" });
            bench.nodes.insert(id.clone(), node("modulate.lfo", &wave));
            let output = if input.kind == Kind::Gate && index % 3 == 0 { "wrap" } else { "out" };
            bench.cables.push(cable(&format!("{id}.{output}"), &format!("it.{}", input.name)));
        }
    }
    for output in def.outputs {
        bench.nodes.insert(format!("send_{}", output.name), node("osc.out", &json!({})));
        bench.cables.push(cable(&format!("it.{}", output.name), &format!("send_{}.value", output.name)));
    }
    bench
}

/// What each output gives in each frame, in calls of these sizes.
fn sent(patch: &Patch, calls: &[usize], dt_secs: f64) -> Vec<(String, Vec<u64>)> {
    let (plan, mut memory, mut first_frame) = (compile(patch), Memory::default(), 0);
    let measurements = Measurements::default();
    let (mut scratch, mut program) = (Scratch::default(), Program::default());
    let mut sent: Vec<(String, Vec<u64>)> = Vec::new();
    for frames in calls {
        let inputs =
            Inputs { lanes: &[], measurements: &measurements, first_frame, dt_secs, step: DenoisingStep::default() };
        plan.run(&inputs, &mut memory, 0..*frames, &mut scratch, &mut program);
        assert!(scratch.held().is_empty(), "{:?} are not finite", scratch.held());
        first_frame += *frames as u64;
        for message in &program.messages {
            let values = message.values.iter().map(|value| value.to_bits());
            match sent.iter_mut().find(|(id, _)| **id == *message.node) {
                Some((_, all)) => all.extend(values),
                None => sent.push((message.node.to_string(), values.collect())),
            }
        }
    }
    sent
}

/// The number that a parameter has, if nothing moves it.
fn fixed(def: &NodeDef, params: &Json, wired: &[bool], name: &str) -> Option<f64> {
    let (index, input) = def.input(name)?;
    let DefaultValue::Number(preset) = input.default else { return None };
    let chosen = |json: &Json| input.choices.iter().position(|choice| json == choice).map(|choice| choice as f64);
    let written = params.get(name).map(|json| json.as_f64().or(chosen(json)).unwrap_or(preset));
    (!wired[index]).then(|| written.unwrap_or(preset))
}

/// The declared range of an output.
fn range(def: &NodeDef, params: &Json, wired: &[bool], output: &str) -> Option<(f64, f64)> {
    let fixed = |name| fixed(def, params, wired, name);
    let polar = |bipolar: bool| if bipolar { (-1.0, 1.0) } else { (0.0, 1.0) };
    match (def.name, output) {
        ("modulate.lfo", "out" | "out2" | "out3" | "out4") => {
            let (depth, offset) = (fixed("depth")?, fixed("offset")?);
            let (low, high) = polar(fixed("polarity")? == 1.0);
            Some(((low * depth).min(high * depth) + offset, (low * depth).max(high * depth) + offset))
        }
        ("modulate.envelope", "out") => fixed("level").map(|level| (level.min(0.0), level.max(0.0))),
        ("modulate.noise", _) => fixed("polarity").map(|polarity| polar(polarity == 0.0)),
        ("modulate.walk", _) => {
            let (low, high) = (fixed("low")?, fixed("high")?);
            Some((low.min(high), low.max(high)))
        }
        ("modulate.hold", _) if params.get("in").is_none() && !wired[0] => {
            fixed("polarity").map(|polarity| polar(polarity == 1.0))
        }
        ("modulate.shift", _) if params.get("in").is_none() && !wired[0] => Some((0.0, 1.0)),
        ("modulate.curve", "out") => Some((-1.0, 1.0)),
        ("modulate.sequencer", "out") => Some((-4.0, 4.0)),
        ("modulate.sequencer", "step") => Some((0.0, fixed("steps")?.round_ties_even() - 1.0)),
        ("modulate.one_euro" | "modulate.slew", _) if wired[0] && params.get("shape") != Some(&json!("spring")) => {
            Some((-1.0, 1.0))
        }
        (_, "phase" | "position" | "wrap" | "end" | "gate") => Some((0.0, 1.0)),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Outputs are finite and within their ranges. The same inputs give the same bits, in calls of any size.
    #[test]
    fn nodes_stay_in_their_ranges_and_remember_all_in_memory(
        (def, params, wired) in any_node(),
        rate in 0.01..9.0,
        dt_secs in prop::sample::select(vec![0.25, 1.0 / 60.0, 0.1, 7.0]),
        calls in prop::collection::vec(1..9_usize, 1..9),
    ) {
        let patch = bench(def, &params, &wired, rate);
        let frames = calls.iter().sum();
        let whole = sent(&patch, &[frames], dt_secs);
        prop_assert_eq!(&whole, &sent(&patch, &[frames], dt_secs));
        prop_assert_eq!(&whole, &sent(&patch, &calls, dt_secs));
        for (id, bits) in whole {
            let output = id.strip_prefix("send_").expect("a name");
            prop_assert_eq!(bits.len(), frames);
            let values: Vec<_> = bits.into_iter().map(f64::from_bits).collect();
            prop_assert!(values.iter().all(|value| value.is_finite()), "{} {}: {:?}", def.name, output, values);
            if let Some((low, high)) = range(def, &params, &wired, output) {
                let slack = 1e-9 * (1.0 + low.abs() + high.abs());
                let inside = values.iter().all(|value| (low - slack..=high + slack).contains(value));
                prop_assert!(inside, "{} {} beyond {} to {}: {:?}", def.name, output, low, high, values);
            }
        }
    }
}

#[test]
fn every_node_moves_once_it_is_plugged_in() {
    for def in family() {
        let wired = vec![true; def.inputs.len()];
        let moved = sent(&bench(def, &json!({}), &wired, 0.9), &[60], DT_SECS);
        let changes = moved.iter().any(|(_, bits)| bits.windows(2).any(|pair| pair[0] != pair[1]));
        assert!(changes, "{}", def.name);
    }
}

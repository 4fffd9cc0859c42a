//! Programs on the embedded model: what they change, and where they do not.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use bendrack::bend::{BendMemory, BoundProgram, Measured};
use bendrack::engine::Model;
use bendrack::wan::family::Family;
use bendrack::wan::hooks::Hooks;
use bendrack::wan::rollout::Rollout;
use bendrack::wan::transformer::{Context, Transformer};
use bendrack_nodes::program::op::Form;
use bendrack_nodes::program::set::Set;
use bendrack_nodes::program::target::{NeuronSet, Neurons, Passes, Selection, Target, words};
use bendrack_nodes::program::{Bend, Fuse, Measure, Pass, Program, Site};
use candle_core::{Device, Tensor};
use smallvec::smallvec;

use super::fixtures::*;
use super::maps::tap;
use crate::tiny::{assert_same, difference};

/// The model and its prompt, loaded once.
static MINI: LazyLock<(Arc<Transformer>, Arc<Context>)> = LazyLock::new(|| {
    let mut mini = Model::mini().expect("mini");
    let prompt = mini.text.encode(PROMPT).expect("a prompt");
    let context = mini.transformer.context(&prompt.embedding).expect("a context");
    (mini.transformer.clone(), Arc::new(context))
});

/// Clean latents of mini's first chunks, one program per chunk, and the measurements of the last step.
fn played(programs: &[Program], exact: bool) -> (Tensor, BTreeMap<Arc<str>, Measured>) {
    let (transformer, context) = &*MINI;
    let streaming = Family::Mini.streaming().expect("it streams");
    let schedule = Family::Mini.schedule().expect("a schedule").expect("steps");
    let noise = Family::Mini.noise(programs[0].seed);
    let mut rollout =
        Rollout::new(transformer.clone(), streaming, schedule, context.clone(), noise, (8, 8)).expect("a video");
    let (mut latents, mut memory, mut met) = (Vec::new(), BendMemory::default(), BTreeMap::new());
    while latents.len() < programs.len() {
        let program = &programs[latents.len()];
        let bound = BoundProgram::new(program, &super::TOKENS, rollout.chunk()[0], &memory).exact(exact);
        let step = rollout.advance(Hooks::new(&bound)).expect("a step");
        let outcome = bound.finish().expect("taps");
        met.clone_from(&outcome.measured);
        memory.update(outcome.memory, program, outcome.measured);
        if step.finished {
            latents.push(step.clean);
        }
    }
    (Tensor::cat(&latents, 2).expect("latents"), met)
}

fn latents(program: &Program, chunks: usize) -> Tensor {
    played(&vec![program.clone(); chunks], false).0
}

fn bent(bends: Vec<Bend>) -> Program {
    Program { bends, ..Program::default() }
}

fn chunk(x: &Tensor, i: usize) -> Tensor {
    x.narrow(2, 3 * i, 3).expect("a chunk")
}

/// A bend of every node at every site that a rollout passes. A clip alone has guidance: `tests/rack/engine/clips.rs`.
fn every(target: &Target) -> Vec<(String, Bend)> {
    let at = |def: &'static bendrack_nodes::node::def::NodeDef| {
        sites(def).into_iter().filter(|site| *site != Site::Guidance).map(move |site| {
            let bend = strong(def.name, def.input("site").map(|_| site), target, 3);
            (format!("{} at {site}", def.name), bend)
        })
    };
    nodes().flat_map(at).collect()
}

#[test]
fn every_bend_changes_the_video_inside_its_target_only() {
    let unbent = latents(&Program::default(), 1);
    for (name, bend) in every(&Target { words: words("rose"), ..Target::default() }) {
        let program = bent(vec![bend.clone()]);
        let video = latents(&program, 1);
        let change = difference(&unbent, &video);
        assert!(change > 1e-4 && change.is_finite(), "{name} changes the video by {change}");
        assert_same(&name, &video, &latents(&program, 1));
        let in_layer = !matches!(bend.site, Site::Timestep | Site::NoiseInit | Site::NoiseStep);
        let nowhere = if in_layer {
            Target { layers: Set::range(6, 9), ..Target::default() }
        } else {
            Target { pass: Passes::CACHE, ..Target::default() }
        };
        let program = bent(vec![Bend { target: Arc::new(nowhere), ..bend.clone() }]);
        assert_same(&name, &unbent, &latents(&program, 1));
        let dry = bent(vec![Bend { amount: smallvec![0.0; 3], ..bend }]);
        assert!(difference(&unbent, &latents(&dry, 1)) < 1e-4, "{name} is not dry at amount 0");
    }
}

#[test]
fn every_bend_of_a_map_gives_the_same_video_in_its_exact_form() {
    for (name, bend) in every(&Target { words: words("rose, red"), heads: Set::range(0, 1), ..Target::default() }) {
        if bend.site.is_map() && !matches!(bend.op.form, Form::MapNoise { .. }) {
            let program = bent(vec![bend]);
            let apart = difference(&latents(&program, 1), &played(&[program], true).0);
            assert!(apart < 5e-3, "{name}: {apart}");
        }
    }
}

#[test]
fn a_bend_of_the_cache_pass_alone_is_seen_in_the_next_chunk() {
    let target = Target { pass: Passes::CACHE, ..Target::default() };
    let program = bent(vec![strong("bend.gain", Some(Site::FfnHidden), &target, 3)]);
    let (bent, unbent) = (latents(&program, 2), latents(&Program::default(), 2));
    assert_same("the first chunk", &chunk(&bent, 0), &chunk(&unbent, 0));
    assert!(difference(&chunk(&bent, 1), &chunk(&unbent, 1)) > 1e-3);
}

#[test]
fn frames_of_the_chunk_differ_from_the_cache_pass() {
    let of = |target: Target| latents(&bent(vec![strong("bend.gain", Some(Site::FfnHidden), &target, 3)]), 2);
    let denoise = of(Target { pass: Passes::DENOISE, ..Target::default() });
    assert!(difference(&denoise, &of(Target::default())) > 1e-4, "the cache pass is bent, too, if no pass is named");
    let first = of(Target { frames: Set::range(0, 0), pass: Passes::DENOISE, ..Target::default() });
    assert!(difference(&first, &denoise) > 1e-4);
}

#[test]
fn what_is_frozen_stays_from_chunk_to_chunk_and_from_step_to_step() {
    let target = Target { words: words("rose"), ..Target::default() };
    let frozen = |since: f64| {
        let mut freeze = named("bend.freeze", None, &[1.0, since], 3);
        freeze.target = Arc::new(target.clone());
        let map = tap("map", Measure::CrossMap, Selection::from(Target { layers: Set::range(0, 0), ..target.clone() }));
        // In the first layer, the query is the noise: another one in each chunk.
        Program { bends: vec![freeze], taps: vec![map], ..Program::default() }
    };
    let free = Program { bends: Vec::new(), ..frozen(0.0) };
    let map = |programs: &[Program]| played(programs, false).1[&Arc::from("map")].maps.clone();
    let [first, second] = [1, 2].map(|chunks| map(&vec![frozen(0.0); chunks]));
    assert_eq!(first, map(std::slice::from_ref(&free)), "nothing was held yet");
    let apart = |a: &[bendrack::media::Map], b: &[bendrack::media::Map]| {
        let values = |maps: &[bendrack::media::Map]| maps.iter().flat_map(|map| map.values.clone()).collect::<Vec<_>>();
        values(a).iter().zip(values(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(apart(&first, &second) < 1e-5 && apart(&first, &map(&vec![free.clone(); 2])) > 1e-4);
    // A later freeze holds the later map. A freeze after a release holds a new map.
    let later = map(&[free.clone(), frozen(0.0), frozen(0.0)]);
    assert!(apart(&later, &first) > 1e-4 && apart(&later, &map(&[free.clone(), free.clone()])) < 1e-5);
    let again = map(&[frozen(0.0), free.clone(), frozen(0.0)]);
    assert!(apart(&again, &first) > 1e-4);
    // Each chunk's first step is held to its last.
    assert!(apart(&map(&[frozen(1.0)]), &first) > 1e-5);
}

#[test]
fn each_word_of_a_union_is_frozen_as_it_was_itself() {
    let word = |text: &str| Target { words: words(text), ..Target::default() };
    let taps = ["red", "blue"].map(|text| tap(text, Measure::CrossMap, Selection::from(word(text)))).to_vec();
    let freeze = |text: &str| Bend { target: Arc::new(word(text)), ..named("bend.freeze", None, &[1.0, 0.0], 3) };
    let frozen = Program { bends: vec![freeze("red"), freeze("blue")], taps: taps.clone(), ..Program::default() };
    assert_eq!(frozen.bends[0].node, frozen.bends[1].node, "parts of one target");
    let one = |text: &str| {
        let only = Program { bends: vec![freeze(text)], taps: taps.clone(), ..Program::default() };
        played(&[only.clone(), only], false).1[&Arc::from(text)].maps[0].values.clone()
    };
    let both = played(&[frozen.clone(), frozen], false).1;
    for text in ["red", "blue"] {
        let apart = both[&Arc::from(text)].maps[0].values.iter().zip(one(text)).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-3, "{text}");
    }
}

#[test]
fn listening_changes_no_picture_and_gives_one_map_a_frame() {
    let some = Neurons::of(NeuronSet::Set("3-5,100,900".parse().expect("a set")));
    let word = Selection::from(Target { words: words("rose"), ..Target::default() });
    let mut program = Program {
        taps: vec![
            tap("word", Measure::CrossMap, word.clone()),
            tap(
                "both",
                Measure::CrossMap,
                word.or(&Selection::from(Target { words: words("cat"), ..Target::default() })),
            ),
            tap("cat", Measure::CrossMap, Selection::from(Target { words: words("cat"), ..Target::default() })),
            tap("all", Measure::CrossMap, Selection::default()),
            tap("self", Measure::SelfMap { x: 0.3, y: 0.9 }, Selection::default()),
            tap("neurons", Measure::Neurons, Selection::default()),
            tap("some", Measure::Neurons, Selection::from(Target { neurons: some, ..Target::default() })),
            tap("where", Measure::Activity, Selection::default()),
        ],
        ..Program::default()
    };
    let difference = difference(&latents(&Program::default(), 1), &latents(&program, 1));
    assert!(difference < 1e-4, "{difference}");

    let fuses = [("max", Fuse::Max), ("min", Fuse::Min), ("median", Fuse::Median)];
    program.taps.extend(
        fuses.map(|(name, fuse)| bendrack_nodes::program::Tap { fuse, ..tap(name, Measure::CrossMap, word.clone()) }),
    );
    let (transformer, context) = &*MINI;
    let noise = Tensor::randn(0.0f32, 1.0, (1, 16, 3, 8, 8), &Device::Cpu).expect("noise");
    let memory = BendMemory::default();
    let bound = BoundProgram::new(&program, &super::TOKENS, 0, &memory);
    let time = Tensor::full(900.0f32, (1, 3), &Device::Cpu).expect("timesteps");
    let hooks = Hooks::new(&bound).call(Pass::Denoise, 0, &[0, 1, 2]);
    transformer.forward(&noise, &time, context, hooks).expect("a call");
    let measured = bound.finish().expect("taps").measured;
    let maps = |node: &str| &measured[node].maps;
    for tap in &program.taps {
        let (width, height) = match &*tap.node {
            "neurons" => (768, 1),
            "some" => (4, 1),
            _ => (4, 4),
        };
        let size = |map: &bendrack::media::Map| (map.width, map.height);
        assert!(
            maps(&tap.node).len() == 3 && maps(&tap.node).iter().all(|map| size(map) == (width, height)),
            "{}",
            tap.node
        );
    }
    let values = |node: &str| maps(node).iter().flat_map(|map| map.values.clone()).collect::<Vec<f32>>();
    assert!(values("all").iter().all(|share| (share - 1.0).abs() < 1e-4), "all words together have all the attention");
    assert!(
        maps("self").iter().all(|map| (map.values.iter().sum::<f32>() - 1.0).abs() < 1e-4),
        "a place has all the attention"
    );
    let sums = values("word").into_iter().zip(values("cat")).map(|(a, b)| a + b);
    assert!(values("both").iter().zip(sums).all(|(both, sum)| (both - sum).abs() < 1e-5));
    for (place, mean) in values("word").into_iter().enumerate() {
        let [max, min, median] = fuses.map(|(name, _)| values(name)[place]);
        assert!(min <= median && median <= max && min < mean && mean < max, "{min} {median} {mean} {max}");
    }
    let [all, some] = ["neurons", "some"].map(|node| &maps(node)[2].values);
    assert_eq!([all[3], all[4], all[5], all[100]], some[..], "the neurons of the target, in order");
    let [by_neuron, by_place] = ["neurons", "where"].map(|node| maps(node)[1].values.iter().sum::<f32>());
    assert!((by_neuron / 768.0 - by_place / 16.0).abs() < 1e-4 * by_neuron);
}

#[test]
fn the_most_active_neurons_are_bent_and_measured() {
    let most = Target { neurons: Neurons::of(NeuronSet::MostActive(5)), ..Target::default() };
    let silenced = Bend { target: Arc::new(most.clone()), ..named("bend.gain", Some(Site::FfnHidden), &[0.0], 3) };
    assert!(difference(&latents(&bent(vec![silenced]), 1), &latents(&Program::default(), 1)) > 1e-3);
    let taps = vec![tap("most", Measure::Neurons, Selection::from(most))];
    let measured = played(&[Program { taps, ..Program::default() }], false).1;
    assert_eq!(measured[&Arc::from("most")].maps[0].values.len(), 5);
}

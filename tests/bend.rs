//! Programs applied to the model: each bend as it is defined on the whole attention map, free when it is neutral, the same each
//! time.

#![allow(clippy::float_cmp, reason = "identity is meant")]

mod tiny;

use std::sync::Arc;

use bendrack::bend::{Bender, warnings};
use bendrack::engine::Model;
use bendrack::wan::hooks::{Attention, Hooks, Listener, Place};
use bendrack::wan::rollout::Rollout;
use bendrack::wan::text::Tokens;
use bendrack_nodes::LIBRARY;
use bendrack_nodes::def::NodeDef;
use bendrack_nodes::op::{Form, lanes_along};
use bendrack_nodes::patch::{Cable, Node, Patch};
use bendrack_nodes::plan::Plan;
use bendrack_nodes::program::{Bend, Measure, Pass, Program, Site, Tap};
use bendrack_nodes::target::{Set, Target};
use bendrack_nodes::tick::{Controls, Inputs, Measurements, Memory};
use bendrack_nodes::value::Kind;
use candle_core::{D, DType, Device, Result, Tensor};
use proptest::prelude::*;
use serde_json::json;

use tiny::{assert_same, difference};

const PROMPT: &str = "a red circle and a large blue square over a gray background";

fn tokens() -> Tokens {
    Model::mini().and_then(|mut mini| mini.text.encode(PROMPT)).expect("a prompt").tokens.clone()
}

/// The nodes that bend.
fn bends() -> impl Iterator<Item = &'static NodeDef> {
    LIBRARY.iter().copied().filter(|def| def.outputs.iter().any(|output| output.kind == Kind::Bend))
}

/// The bend that a node asks for with its parameters at these places between the ends of their knobs, lane by lane.
fn bend(def: &'static NodeDef, places: &[Vec<f64>], amount: &[f64], target: &Target) -> Bend {
    let knobs: Vec<_> =
        def.inputs.iter().filter(|input| input.kind == Kind::Number && input.name != "amount").collect();
    let mut patch = Patch::default();
    patch.nodes.insert("bend".into(), Node { kind: def.name.into(), ..Node::default() });
    for (knob, place) in knobs.iter().zip(places) {
        let value = knob.soft.0 + place[0] * (knob.soft.1 - knob.soft.0);
        patch.nodes.get_mut("bend").expect("a node").params.insert(knob.name.into(), json!(value));
    }
    let mut bend = program(patch, 1).bends.pop().unwrap_or_else(|| panic!("{} bends nothing", def.name));
    for (param, (place, knob)) in bend.params.iter_mut().zip(places.iter().zip(&knobs)) {
        *param = place.iter().map(|place| knob.soft.0 + place * (knob.soft.1 - knob.soft.0)).collect();
    }
    Bend { amount: amount.to_vec(), target: Arc::new(target.clone()), ..bend }
}

/// The program of a patch with a node `bend` on its way into the model.
fn program(mut patch: Patch, frames: usize) -> Program {
    patch.nodes.insert("wan".into(), Node { kind: "model.wan".into(), ..Node::default() });
    let cable = |from: &str, to: &str| Cable::new(from.parse().expect("a port"), to.parse().expect("a port"));
    patch.cables.push(cable("bend.bends", "wan.bends"));
    let (plan, problems) = Plan::compile(&patch, LIBRARY);
    let plan = plan.unwrap_or_else(|| panic!("{problems:?}"));
    let (controls, measurements) = (Controls::default(), Measurements::default());
    let inputs = Inputs { controls: &controls, measurements: &measurements, first_frame: 0, dt_secs: 0.25 };
    plan.program(&inputs, &mut Memory::default(), frames)
}

/// An attention output with the whole map: `softmax(q kᵀ · scale)`, bend after bend on its columns, times v. And the shares of
/// taps, `[frames, rows, columns]`, mean over heads.
fn reference(
    attention: &Attention,
    grid: (usize, usize, usize),
    bends: &[Bend],
    taps: &[Tap],
    tokens: &Tokens,
) -> Result<(Tensor, Vec<Tensor>)> {
    let by_head = |x: &Tensor| x.transpose(1, 2)?.contiguous();
    let (q, k, v) = (by_head(&attention.q)?, by_head(&attention.k)?, by_head(&attention.v)?);
    let logits = (q.matmul(&k.transpose(2, 3)?.contiguous()?)? * attention.scale)?;
    let mut map = candle_nn::ops::softmax(&logits, D::Minus1)?;
    let (batch, heads, queries, keys) = map.dims4()?;
    // [heads, keys] that a target means, 1 or 0.
    let meant = |target: &Target| {
        let means = |head: usize, key: usize| {
            let word = match target.words.to_string().as_str() {
                "*" => true,
                "<padding>" => key >= tokens.padding_start(),
                words => words.split(", ").any(|word| tokens.positions(word).contains(&key)),
            };
            f32::from(u8::from(word && target.heads.contains(head)))
        };
        let mask = (0..heads).flat_map(|head| (0..keys).map(move |key| means(head, key)));
        Tensor::from_iter(mask, &Device::Cpu)?.reshape((1, heads, 1, keys))
    };
    for bend in bends {
        let Form::Grid(op) = bend.op.form else { panic!("{} is no bend of a map", bend.op.name) };
        let columns = map.transpose(2, 3)?.contiguous()?.reshape((batch, heads, keys, grid.0, grid.1, grid.2))?;
        let wet = op(&columns, &bend.params)?;
        let change = (wet - &columns)?.broadcast_mul(&lanes_along(&bend.amount, 3, &columns)?)?;
        let change = change.reshape((batch, heads, keys, queries))?.transpose(2, 3)?;
        map = (map + change.broadcast_mul(&meant(&bend.target)?)?)?;
    }
    let shares = taps.iter().map(|tap| {
        let mask = meant(&tap.target)?;
        let heads = mask.max(3)?.sum_all()?.to_scalar::<f32>()?;
        let share = map.broadcast_mul(&mask)?.sum(3)?.sum(1)?.mean(0)?;
        (share / f64::from(heads))?.reshape(grid)
    });
    let shares = shares.collect::<Result<Vec<_>>>()?;
    Ok((by_head(&map.matmul(&v)?)?, shares))
}

const WORDS: [&str; 8] =
    ["*", "red", "circle, square", "<padding>", "a", "large blue square", "gray, red", "background"];
const HEADS: [&str; 4] = ["all", "0", "1-2", "0,3"];

prop_compose! {
    fn targets()(words in 0..WORDS.len(), heads in 0..HEADS.len()) -> Target {
        let Ok(words) = WORDS[words].parse();
        Target { words, heads: HEADS[heads].parse().expect("a set"), ..Target::default() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// What acts on the output through extra value columns is what acts on the map.
    #[test]
    fn bends_of_maps_are_what_they_are_on_the_whole_map(
        (frames, rows, columns, heads, dim) in (1..4_usize, 1..6_usize, 1..6_usize, 1..5_usize, 1..20_usize),
        chain in prop::collection::vec((0..3_usize, prop::collection::vec(0.0..1.0, 4), 0.0..1.5_f64, targets()), 0..4),
        tapped in prop::collection::vec(targets(), 0..3),
        seed in 0..1000_u64,
    ) {
        let tokens = tokens();
        let text_len = 24;
        let queries = frames * rows * columns;
        let random = |n: usize, salt: u64| {
            use bendrack::wan::noise::{Draw, Noise, SeededNoise};
            let noise = SeededNoise { seed: seed + 1000 * salt }.draw(Draw { first_frame: 0, step: 0 }, (1, 1, n * heads, dim))?;
            noise.reshape((1, n, heads, dim))
        };
        let attention = Attention {
            q: random(queries, 1).expect("q"),
            k: random(text_len, 2).expect("k"),
            v: random(text_len, 3).expect("v"),
            bias: None,
            scale: 0.7,
            key_frames: Arc::default(),
        };
        let maps: Vec<_> = bends().filter(|def| def.name.starts_with("bend.cross_")).collect();
        let bends: Vec<Bend> = chain
            .iter()
            .map(|(which, places, amount, target)| {
                let places: Vec<Vec<f64>> = places.iter().map(|p| (0..frames).map(|f| (p + 0.31 * f as f64) % 1.0).collect()).collect();
                let amount: Vec<f64> = (0..frames).map(|f| if *amount > 1.0 { 1.0 } else { (amount + 0.2 * f as f64).min(1.0) }).collect();
                bend(maps[which % maps.len()], &places, &amount, target)
            })
            .collect();
        // Heads that are not there are nobody's.
        let here = |target: &Target| (0..heads).any(|head| target.heads.contains(head));
        let taps: Vec<Tap> = tapped
            .into_iter()
            .filter(here)
            .enumerate()
            .map(|(i, target)| Tap { node: format!("tap{i}").into(), measure: Measure::CrossMap, target: Arc::new(target) })
            .collect();
        let (expected, shares) =
            reference(&attention, (frames, rows, columns), &bends, &taps, &tokens).expect("the reference");
        let program = Program { bends, taps: taps.clone(), ..Program::default() };
        let numbers: Vec<usize> = (5..5 + frames).collect();
        let place = Place { frames: &numbers, grid: (frames, rows, columns), ..Place::default() };
        let bender = Bender::new(&program, &tokens, 5);
        let output = bender.attend(Site::CrossMap, place, attention).expect("the output");
        let size = expected.abs().and_then(|x| x.flatten_all()?.max(0)?.to_scalar::<f32>()).expect("a size");
        prop_assert!(difference(&output, &expected) <= 1e-4 * f64::from(size.max(1.0)), "{}", difference(&output, &expected));
        let measured = bender.measured().expect("taps");
        for (tap, share) in taps.iter().zip(shares) {
            let maps = &measured[&tap.node].maps;
            let values: Vec<f32> = maps.iter().flat_map(|map| map.values.clone()).collect();
            let share: Vec<f32> = share.flatten_all().and_then(|x| x.to_vec1()).expect("values");
            prop_assert_eq!(maps.len(), frames);
            prop_assert!(values.iter().zip(&share).all(|(a, b)| (a - b).abs() < 1e-4), "{:?} is not {:?}", values, share);
        }
    }
}

/// The clean latents of the first chunks of mini under a program.
fn latents(program: &Program, chunks: usize) -> Tensor {
    let mut mini = Model::mini().expect("mini");
    let prompt = mini.text.encode(PROMPT).expect("a prompt");
    let context = Arc::new(mini.transformer.context(&prompt.embedding).expect("a context"));
    let (streaming, schedule) = (mini.family.streaming().expect("it streams"), mini.family.schedule());
    let schedule = schedule.expect("a schedule").expect("steps");
    let noise = mini.family.noise(program.seed);
    let mut rollout =
        Rollout::new(mini.transformer.clone(), streaming, schedule, context, noise, (16, 16)).expect("a video");
    let mut latents = Vec::new();
    while latents.len() < chunks {
        let bender = Bender::new(program, &prompt.tokens, rollout.chunk()[0]);
        let step = rollout.advance(Hooks::new(&bender)).expect("a step");
        if step.finished {
            latents.push(step.clean);
        }
    }
    Tensor::cat(&latents, 2).expect("latents")
}

/// A bend of every node, far from neutral, on this target.
fn strong(def: &'static NodeDef, target: &Target) -> Bend {
    bend(def, &vec![vec![0.9; 3]; 4], &[1.0; 3], target)
}

#[test]
fn every_bend_changes_the_video_and_nothing_where_it_is_not_meant() {
    let unbent = latents(&Program::default(), 1);
    for def in bends() {
        let everywhere = Program { bends: vec![strong(def, &Target::default())], ..Program::default() };
        let bent = latents(&everywhere, 1);
        assert!(difference(&unbent, &bent) > 1e-3, "{} does nothing", def.name);
        assert_same(def.name, &bent, &latents(&everywhere, 1));
        let nowhere = Target { layers: Set::range(6, 9), ..Target::default() };
        let program = Program { bends: vec![strong(def, &nowhere)], ..Program::default() };
        assert_same(def.name, &unbent, &latents(&program, 1));
        let dry = Bend { amount: vec![0.0; 3], ..strong(def, &Target::default()) };
        let program = Program { bends: vec![dry], ..Program::default() };
        assert!(difference(&unbent, &latents(&program, 1)) < 1e-5, "{} is not dry at amount 0", def.name);
    }
}

#[test]
fn a_bend_of_the_cache_pass_alone_is_seen_in_the_next_chunk() {
    let target = Target { pass: Some(Pass::Cache), ..Target::default() };
    let def = bends().find(|def| def.name == "bend.ffn_gain").expect("a node");
    let program = Program { bends: vec![strong(def, &target)], ..Program::default() };
    let (bent, unbent) = (latents(&program, 2), latents(&Program::default(), 2));
    let chunk = |x: &Tensor, i: usize| x.narrow(2, 3 * i, 3).expect("a chunk");
    assert_same("the first chunk", &chunk(&bent, 0), &chunk(&unbent, 0));
    assert!(difference(&chunk(&bent, 1), &chunk(&unbent, 1)) > 1e-3);
}

#[test]
fn a_target_that_names_steps_leaves_the_cache_pass_alone() {
    let def = bends().find(|def| def.name == "bend.ffn_gain").expect("a node");
    let bent = |target: Target| latents(&Program { bends: vec![strong(def, &target)], ..Program::default() }, 2);
    let steps = Set::range(0, 3);
    let named = bent(Target { steps: steps.clone(), ..Target::default() });
    assert_same("steps", &named, &bent(Target { pass: Some(Pass::Denoise), ..Target::default() }));
    assert!(difference(&named, &bent(Target::default())) > 1e-4, "the cache pass is bent, too, if no step is named");
}

#[test]
fn listening_changes_no_picture_and_gives_one_map_a_frame() {
    let tap = |node: &str, measure, target: Target| Tap { node: node.into(), measure, target: Arc::new(target) };
    let Ok(words) = "circle".parse();
    let some = Target { neurons: "3-5,100,600".parse().expect("a set"), ..Target::default() };
    let program = Program {
        taps: vec![
            tap("word", Measure::CrossMap, Target { words, ..Target::default() }),
            tap("all", Measure::CrossMap, Target::default()),
            tap("neurons", Measure::Neurons, Target::default()),
            tap("some", Measure::Neurons, some),
        ],
        ..Program::default()
    };
    let difference = difference(&latents(&Program::default(), 1), &latents(&program, 1));
    assert!(difference < 1e-4, "{difference}");

    let mut mini = Model::mini().expect("mini");
    let prompt = mini.text.encode(PROMPT).expect("a prompt");
    let context = mini.transformer.context(&prompt.embedding).expect("a context");
    let noise = Tensor::randn(0.0f32, 1.0, (1, 16, 3, 16, 16), &Device::Cpu).expect("noise");
    let bender = Bender::new(&program, &prompt.tokens, 0);
    let time = Tensor::full(900.0f32, (1, 3), &Device::Cpu).expect("timesteps");
    let hooks = Hooks::new(&bender).call(Pass::Denoise, 0, &[0, 1, 2]);
    mini.transformer.forward(&noise, &time, &context, hooks).expect("a call");
    let measured = bender.measured().expect("taps");
    for (node, width, height) in [("word", 8, 8), ("all", 8, 8), ("neurons", 512, 1), ("some", 4, 1)] {
        let maps = &measured[node].maps;
        assert!(maps.len() == 3 && maps.iter().all(|map| (map.width, map.height) == (width, height)), "{node}");
    }
    let sums = measured["all"].maps.iter().flat_map(|map| &map.values);
    assert!(sums.clone().all(|share| (share - 1.0).abs() < 1e-4), "all words together have all the attention");
    assert!(measured["word"].maps.iter().flat_map(|map| &map.values).all(|share| (0.0..1.0).contains(share)));
    let [all, some] = ["neurons", "some"].map(|node| &measured[node].maps[2].values);
    assert_eq!([all[3], all[4], all[5], all[100]], some[..], "the neurons of the target, in order");
}

#[test]
fn what_cannot_be_met_is_said() {
    let def = bends().next().expect("a node");
    let Ok(words) = "circle, tulip".parse();
    let target = Target { words, layers: Set::range(7, 9), ..Target::default() };
    let program = Program { bends: vec![strong(def, &target)], ..Program::default() };
    let config = tiny::model(DType::F32).config().clone();
    let said = warnings(&program, &tokens(), &config);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(|(node, _)| &**node == "bend"));
    assert!(said.iter().any(|(_, sentence)| sentence.contains("tulip")), "{said:?}");
    assert!(said.iter().any(|(_, sentence)| sentence.contains("7-9")), "{said:?}");
}

/// The first bend of this name, with its knobs at these values in every frame.
fn named(name: &str, values: &[f64], frames: usize) -> Bend {
    let def = bends().find(|def| def.name == name).expect("a node");
    let bend = bend(def, &vec![vec![0.9]; 4], &vec![1.0; frames], &Target::default());
    Bend { params: values.iter().map(|&value| vec![value; frames]).collect(), ..bend }
}

/// One frame of 5 × 5 cells, 1 at this row and column, after a bend of a map.
fn moved(bend: &Bend, row: usize, column: usize) -> Vec<Vec<f32>> {
    let Form::Grid(op) = bend.op.form else { panic!("{} is no bend of a map", bend.op.name) };
    let mut cells = vec![0.0f32; 25];
    cells[5 * row + column] = 1.0;
    let picture = Tensor::from_vec(cells, (1, 5, 5), &Device::Cpu).expect("a picture");
    op(&picture, &bend.params).and_then(|x| x.squeeze(0)?.to_vec2()).expect("a picture")
}

#[test]
fn maps_turn_clockwise_and_grow_about_the_middle() {
    let turned = moved(&named("bend.cross_rotate", &[90.0], 1), 2, 4);
    assert!((turned[4][2] - 1.0).abs() < 1e-5, "from the right to the bottom: {turned:?}");
    let grown = moved(&named("bend.cross_scale", &[2.0], 1), 2, 3);
    assert!((grown[2][4] - 1.0).abs() < 1e-5, "twice as far from the middle: {grown:?}");
    let area = |picture: &[Vec<f32>]| picture.iter().flatten().sum::<f32>();
    assert!(area(&moved(&named("bend.cross_scale", &[2.0], 1), 2, 2)) > 2.0, "larger");
    assert!(area(&moved(&named("bend.cross_scale", &[0.5], 1), 2, 2)) < 1.5, "smaller");
}

#[test]
fn neurons_of_the_target_are_bent_frame_by_frame_and_no_others() {
    let mut gain = named("bend.ffn_gain", &[1.0], 2);
    gain.params = vec![vec![2.0, 3.0]];
    gain.target = Arc::new(Target { neurons: "1,3-9".parse().expect("a set"), ..Target::default() });
    let program = Program { bends: vec![gain], ..Program::default() };
    let tokens = tokens();
    let bender = Bender::new(&program, &tokens, 8);
    let at = |frames: &[usize], x: &Tensor| {
        let place = Place { frames, grid: (frames.len(), 1, 2), ..Place::default() };
        bender.at(Site::FfnHidden, place, x.clone()).and_then(|x| x.squeeze(0)?.to_vec2::<f32>()).expect("hidden")
    };
    let ones = Tensor::ones((1, 4, 5), DType::F32, &Device::Cpu).expect("ones");
    let bent = |gain: f32| vec![1.0, gain, 1.0, gain, gain];
    assert_eq!(at(&[8, 9], &ones), [bent(2.0), bent(2.0), bent(3.0), bent(3.0)]);
    // Frames of the past, in a pass that fills the cache anew, take the first lane.
    assert_eq!(at(&[5, 9], &ones), [bent(2.0), bent(2.0), bent(3.0), bent(3.0)]);
}

#[test]
fn self_attention_is_bent_per_head_and_its_values_by_the_frame_of_the_key() {
    let (heads, dim, keys) = (4, 6, 6);
    let random = |n: usize, seed: u64| {
        use bendrack::wan::noise::{Draw, Noise, SeededNoise};
        let noise = SeededNoise { seed }.draw(Draw { first_frame: 0, step: 0 }, (1, 1, n * heads, dim));
        noise.and_then(|noise| noise.reshape((1, n, heads, dim))).expect("noise")
    };
    let attention = |v: Tensor| Attention {
        q: random(4, 1),
        k: random(keys, 2),
        v,
        bias: None,
        scale: 0.4,
        // The ring keeps no order: the call's own frames 7 and 8 lie around the past one.
        key_frames: Arc::from([8, 3, 7]),
    };
    let tokens = tokens();
    let run = |bends: Vec<Bend>| {
        let program = Program { bends, ..Program::default() };
        let bender = Bender::new(&program, &tokens, 7);
        let place = Place { frames: &[7, 8], grid: (2, 1, 2), ..Place::default() };
        bender.attend(Site::SelfMap, place, attention(random(keys, 3))).expect("an output")
    };
    let plain = attention(random(keys, 3)).run().expect("an output");

    let mut gain = named("bend.self_gain", &[1.0], 2);
    gain.params = vec![vec![0.5, 2.0]];
    gain.target = Arc::new(Target { heads: "1-2".parse().expect("a set"), ..Target::default() });
    let factor = |query: usize, head: usize| match (head, query / 2) {
        (1 | 2, 0) => 0.5,
        (1 | 2, _) => 2.0,
        _ => 1.0f32,
    };
    let factors: Vec<f32> = (0..4).flat_map(|query| (0..heads).map(move |head| factor(query, head))).collect();
    let factors = Tensor::from_vec(factors, (1, 4, heads, 1), &Device::Cpu).expect("factors");
    let expected = plain.broadcast_mul(&factors).expect("the reference");
    assert!(difference(&run(vec![gain]), &expected) < 1e-5);

    // Noise is the frame's own, wherever its keys lie: exchange two frames and the noise goes with them.
    let noise = named("bend.self_noise", &[1.0], 2);
    let noisy = run(vec![noise.clone()]);
    assert!(difference(&noisy, &plain) > 1e-2);
    let program = Program { bends: vec![noise], ..Program::default() };
    let bender = Bender::new(&program, &tokens, 7);
    let order = Tensor::new(&[4u32, 5, 2, 3, 0, 1], &Device::Cpu).expect("an order");
    let swap = |x: Tensor| x.index_select(&order, 1).expect("swapped");
    let swapped = Attention {
        k: swap(random(keys, 2)),
        v: swap(random(keys, 3)),
        key_frames: Arc::from([7, 3, 8]),
        ..attention(random(keys, 3))
    };
    let place = Place { frames: &[7, 8], grid: (2, 1, 2), ..Place::default() };
    let again = bender.attend(Site::SelfMap, place, swapped).expect("an output");
    assert!(difference(&noisy, &again) < 1e-5, "{}", difference(&noisy, &again));
}

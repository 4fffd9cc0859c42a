//! Single sites: what is bent there, and what is not.

use std::sync::Arc;

use bendrack::bend::{BendMemory, BoundProgram, warnings};
use bendrack::wan::hooks::{Attention, HookContext, Listener};
use bendrack::wan::rope::Rope;
use bendrack_nodes::choice::Choice;
use bendrack_nodes::program::region::{Rect, Region, Shape};
use bendrack_nodes::program::set::Set;
use bendrack_nodes::program::target::{NeuronSet, Neurons, Selection, Target, words};
use bendrack_nodes::program::{Axis, Bend, Measure, Program, Site};
use candle_core::{DType, Device, Tensor};
use smallvec::smallvec;

use super::fixtures::*;
use super::maps::tap;
use crate::tiny::{self, assert_same, difference};

/// What a program makes of a tensor at a site, in frames 8 and 9 of 1 × 2 places.
fn at(program: &Program, site: Site, frames: &[usize], x: &Tensor) -> Tensor {
    let memory = BendMemory::default();
    let bound = BoundProgram::new(program, &super::TOKENS, 8, &memory);
    let place = HookContext { frames, grid: (frames.len(), 1, 2), ..HookContext::default() };
    bound.at(site, place, x.clone()).expect("a tensor")
}

fn bent(bend: Bend) -> Program {
    Program { bends: vec![bend], ..Program::default() }
}

fn rows(x: &Tensor) -> Vec<Vec<f32>> {
    x.squeeze(0).and_then(|x| x.to_vec2()).expect("rows")
}

#[test]
fn a_target_along_an_axis_that_its_site_lacks_gives_a_warning() {
    let config = tiny::model(DType::F32).config().clone();
    let neurons = Neurons::of(NeuronSet::Set(Set::range(0, 1)));
    for site in Site::ALL {
        for (axis, target) in [
            (Axis::Layers, Target { layers: Set::range(0, 1), ..Target::default() }),
            (Axis::Words, Target { words: words("red"), ..Target::default() }),
            (Axis::Heads, Target { heads: Set::range(0, 1), ..Target::default() }),
            (Axis::Neurons, Target { neurons: neurons.clone(), ..Target::default() }),
        ] {
            let program = bent(Bend { site, ..strong("bend.gain", None, &target, 1) });
            let warnings = warnings(&program, &super::TOKENS, &config, 4);
            let text = format!("{site} has no {}", axis.name());
            let is_warned = warnings.iter().any(|(_, message)| message.starts_with(&text));
            assert_eq!(is_warned, !site.has(axis), "{site} {axis:?}: {warnings:?}");
        }
    }
}

#[test]
fn impossible_targets_give_warnings() {
    let config = tiny::model(DType::F32).config().clone();
    let sentences_of = |target: Target, site| {
        let program = bent(strong("bend.gain", Some(site), &target, 1));
        warnings(&program, &super::TOKENS, &config, 4).into_iter().map(|(_, sentence)| sentence).collect::<Vec<_>>()
    };
    let target = Target { words: words("rose, tulip, ca*"), layers: Set::range(7, 9), ..Target::default() };
    let sentences = sentences_of(target, Site::CrossMap);
    assert!(sentences.len() == 2 && sentences[0].contains("tulip") && sentences[1].contains("7-9"), "{sentences:?}");
    let late = Target { steps: Set::range(4, 6), ..Target::default() };
    assert_eq!(sentences_of(late, Site::CrossMap), ["step 4-6 does not exist: the model has 0 to 3"]);
    let map = Region::of(Shape::Map { tap: "gone".into(), threshold: 0.5, feather: 0.0 });
    assert!(sentences_of(Target { region: map, ..Target::default() }, Site::FfnOut)[0].contains("no map"));
    let mut swap = strong("bend.swap", None, &Target::default(), 1);
    swap.with = Some(words("zebra"));
    assert!(warnings(&bent(swap), &super::TOKENS, &config, 4)[0].1.contains("zebra"));
}

#[test]
fn neurons_of_the_target_are_bent_frame_by_frame_and_no_others() {
    let mut gain = named("bend.gain", Some(Site::FfnHidden), &[1.0], 2);
    *first_lanes(&mut gain) = smallvec![2.0, 3.0];
    let neurons = Neurons::of(NeuronSet::Set("1,3-9".parse().expect("a set")));
    gain.target = Arc::new(Target { neurons, ..Target::default() });
    let ones = Tensor::ones((1, 4, 5), DType::F32, &Device::Cpu).expect("ones");
    let factors = |gain: f32| vec![1.0, gain, 1.0, gain, gain];
    let program = bent(gain);
    let expected = [factors(2.0), factors(2.0), factors(3.0), factors(3.0)];
    assert_eq!(rows(&at(&program, Site::FfnHidden, &[8, 9], &ones)), expected);
    // Frames of the memory, in a pass that refills the cache, take the first lane.
    assert_eq!(rows(&at(&program, Site::FfnHidden, &[5, 9], &ones)), expected);
}

#[test]
fn the_most_active_neurons_are_those_of_the_call_before() {
    let mut gain = named("bend.gain", Some(Site::FfnHidden), &[0.0], 2);
    gain.target = Arc::new(Target { neurons: Neurons::of(NeuronSet::MostActive(2)), ..Target::default() });
    let program = bent(gain);
    let mut memory = BendMemory::default();
    let mut call = |x: &Tensor| {
        let bound = BoundProgram::new(&program, &super::TOKENS, 8, &memory);
        let place = HookContext { frames: &[8, 9], grid: (2, 1, 2), ..HookContext::default() };
        let y = rows(&bound.at(Site::FfnHidden, place, x.clone()).expect("hidden"));
        let outcome = bound.finish().expect("taps");
        memory.update(outcome.memory, &program, outcome.measured);
        y
    };
    let x = Tensor::new(&[[[1.0f32, -5.0, 2.0, 3.0]; 4]], &Device::Cpu).expect("numbers");
    assert_eq!(call(&x)[0], [1., -5., 2., 3.], "nothing was measured yet");
    // Activity before the bend counts. Activity after it would select other neurons in every second call.
    for _ in 0..2 {
        assert_eq!(call(&x)[3], [1., 0., 2., 0.]);
    }
    assert_eq!(call(&x.neg().expect("numbers"))[0], [-1., 0., -2., 0.]);
    let other = Tensor::new(&[[[9.0f32, 1.0, 8.0, 1.0]; 4]], &Device::Cpu).expect("numbers");
    assert_eq!([call(&other)[0].clone(), call(&other)[0].clone()], [[9., 0., 8., 0.], [0., 1., 0., 1.]]);
}

#[test]
fn regions_and_frames_and_words_hold_at_tensors_too() {
    let ones = Tensor::ones((1, 4, 3), DType::F32, &Device::Cpu).expect("ones");
    let left = Region::of(Shape::Rectangle(Rect { x: 0.25, y: 0.5, width: 0.5, height: 1.0, feather: 0.0 }));
    let gain = |site, target: Target| Bend { target: Arc::new(target), ..named("bend.gain", Some(site), &[3.0], 2) };
    let of_left = bent(gain(Site::CrossOut, Target { region: left.clone(), ..Target::default() }));
    let firsts = |x: &Tensor| rows(x).into_iter().map(|row| row[0]).collect::<Vec<_>>();
    assert_eq!(firsts(&at(&of_left, Site::CrossOut, &[8, 9], &ones)), [3., 1., 3., 1.]);
    let target = Target { region: left, frames: Set::range(1, 1), ..Target::default() };
    assert_eq!(firsts(&at(&bent(gain(Site::FfnOut, target)), Site::FfnOut, &[8, 9], &ones)), [1., 1., 3., 1.]);
    let values = Tensor::ones((1, 24, 2, 3), DType::F32, &Device::Cpu).expect("ones");
    let red =
        bent(gain(Site::CrossValue, Target { words: words("red"), heads: Set::range(1, 1), ..Target::default() }));
    let bent = at(&red, Site::CrossValue, &[8, 9], &values);
    let tripled = super::TOKENS.positions("red");
    let value = |row: usize, head: usize| -> f32 {
        bent.get(0).and_then(|x| x.get(row)?.get(head)?.get(0)?.to_scalar()).expect("a number")
    };
    for row in 0..24 {
        assert_eq!([value(row, 0), value(row, 1)], [1.0, if tripled.contains(&row) { 3.0 } else { 1.0 }]);
    }
}

#[test]
fn what_comes_out_of_a_layer_can_be_moved_on_the_picture() {
    let x = Tensor::new(&[[[1.0f32], [2.0], [3.0], [4.0]]], &Device::Cpu).expect("numbers");
    let firsts = |x: &Tensor| rows(x).into_iter().map(|row| row[0]).collect::<Vec<_>>();
    let flip = |site| bent(named("bend.flip", Some(site), &[1.0, 0.0], 2));
    for site in [Site::SelfOut, Site::CrossOut, Site::FfnIn, Site::FfnHidden, Site::FfnOut] {
        assert_eq!(firsts(&at(&flip(site), site, &[8, 9], &x)), [2., 1., 4., 3.], "{site}");
    }
    let later = bent(named("bend.shift", Some(Site::FfnOut), &[1.0, 1.0], 2));
    assert_eq!(firsts(&at(&later, Site::FfnOut, &[8, 9], &x)), [0., 0., 1., 2.]);
}

#[test]
fn tensors_follow_the_definitions() {
    let x = Tensor::new(&[[[4.0f32, -0.9, 2.0], [0.0, 0.0, 0.0], [8.0, 3.0, -5.0], [1.0, 1.0, 1.0]]], &Device::Cpu);
    let x = x.expect("numbers");
    let of = |name: &str, site, values: &[f64]| rows(&at(&bent(named(name, Some(site), values, 2)), site, &[8, 9], &x));
    assert_eq!(of("bend.invert", Site::SelfOut, &[1.0])[2], [-8., -3., 5.]);
    assert_eq!(
        of("bend.threshold", Site::FfnHidden, &[0.5]),
        [[4., 0., 2.], [0., 0., 0.], [8., 0., -5.], [1., 1., 1.]]
    );
    assert_eq!(of("bend.quantise", Site::FfnOut, &[0.5]), [[4., 0., 2.], [0., 0., 0.], [8., 4., -4.], [1., 1., 1.]]);
    let rolled = rows(&at(&bent(named("bend.roll", None, &[1.0], 2)), Site::FfnHidden, &[8, 9], &x));
    assert_eq!([&rolled[0], &rolled[2]], [&vec![2., 4., -0.9], &vec![-5., 8., 3.]]);
}

#[test]
fn noise_and_timesteps_are_bent_before_any_layer() {
    let noise = Tensor::zeros((1, 3, 2, 2, 2), DType::F32, &Device::Cpu).expect("noise");
    let mut tint = named("bend.tint", None, &[0.5, 1.0], 2);
    *first_lanes(&mut tint) = smallvec![0.5, 2.0];
    let left = Region::of(Shape::Rectangle(Rect { x: 0.25, y: 0.5, width: 0.5, height: 1.0, feather: 0.0 }));
    tint.target = Arc::new(Target { region: left, layers: Set::range(5, 5), ..Target::default() });
    let tinted = at(&bent(tint), Site::NoiseInit, &[8, 9], &noise);
    let of = |channel: usize, frame: usize| {
        let x = tinted.get(0).and_then(|x| x.get(channel)?.get(frame)?.to_vec2::<f32>());
        x.expect("a picture")
    };
    assert_eq!([of(1, 0), of(1, 1)], [vec![vec![0.5, 0.0]; 2], vec![vec![2.0, 0.0]; 2]]);
    assert_eq!([of(0, 0), of(2, 1)], [vec![vec![0.0; 2]; 2], vec![vec![0.0; 2]; 2]]);
    let ones = noise.ones_like().expect("noise");
    let doubled = at(&bent(named("bend.renoise", None, &[2.0], 2)), Site::NoiseStep, &[8, 9], &ones);
    assert_same("noise", &doubled, &(ones * 2.0).expect("noise"));
    let times = Tensor::new(&[[900.0f32, 100.0]], &Device::Cpu).expect("timesteps");
    let offset = at(&bent(named("bend.timestep", None, &[300.0], 2)), Site::Timestep, &[8, 9], &times);
    assert_eq!(rows(&offset.unsqueeze(0).expect("a row"))[0], [1000.0, 400.0]);
    let scales = Tensor::full(5.0f32, (1, 1, 2, 2, 2), &Device::Cpu).expect("scales");
    let mut guidance = named("bend.guidance", None, &[4.0], 2);
    *first_lanes(&mut guidance) = smallvec![4.0, -6.0];
    let left = Region::of(Shape::Rectangle(Rect { x: 0.25, y: 0.5, width: 0.5, height: 1.0, feather: 0.0 }));
    guidance.target = Arc::new(Target { region: left, ..Target::default() });
    let scales = at(&bent(guidance), Site::Guidance, &[8, 9], &scales);
    let frame = |frame: usize| scales.get(0).and_then(|x| x.get(0)?.get(frame)?.to_vec2::<f32>()).expect("scales");
    assert_eq!([frame(0), frame(1)], [vec![vec![9.0, 5.0]; 2], vec![vec![-1.0, 5.0]; 2]]);
}

/// What a program makes of an attention at `self.map`, in frames 7 and 8.
fn attend(program: &Program, grid: (usize, usize, usize), attention: Attention) -> Tensor {
    let memory = BendMemory::default();
    let bound = BoundProgram::new(program, &super::TOKENS, 7, &memory);
    let frames: Vec<usize> = (7..7 + grid.0).collect();
    let place = HookContext { frames: &frames, grid, ..HookContext::default() };
    bound.attend(Site::SelfMap, place, attention).expect("an output")
}

#[test]
fn self_attention_is_bent_per_head_and_its_values_by_the_frame_of_the_key() {
    let (heads, dim, keys) = (4, 6, 6);
    // The ring keeps no order: the call's own frames 7 and 8 lie around the memory one.
    let attention = attention(4, &[8, 3, 7], keys, heads, dim, 1);
    let plain = attention.run().expect("an output");
    let mut gain = named("bend.gain", Some(Site::SelfMap), &[1.0], 2);
    *first_lanes(&mut gain) = smallvec![0.5, 2.0];
    gain.target = Arc::new(Target { heads: "1-2".parse().expect("a set"), ..Target::default() });
    let factor = |query: usize, head: usize| match (head, query / 2) {
        (1 | 2, 0) => 0.5,
        (1 | 2, _) => 2.0,
        _ => 1.0f32,
    };
    let factors: Vec<f32> = (0..4).flat_map(|query| (0..heads).map(move |head| factor(query, head))).collect();
    let factors = Tensor::from_vec(factors, (1, 4, heads, 1), &Device::Cpu).expect("factors");
    let expected = plain.broadcast_mul(&factors).expect("the reference");
    assert!(difference(&attend(&bent(gain), (2, 1, 2), attention.clone()), &expected) < 1e-5);

    // Noise belongs to a frame, wherever its keys are: exchanged frames keep their noise.
    let noise = bent(named("bend.noise", Some(Site::SelfValue), &[1.0, 0.0], 2));
    let noisy = attend(&noise, (2, 1, 2), attention.clone());
    assert!(difference(&noisy, &plain) > 1e-2);
    let order = Tensor::new(&[4u32, 5, 2, 3, 0, 1], &Device::Cpu).expect("an order");
    let swap = |x: &Tensor| x.index_select(&order, 1).expect("swapped");
    let swapped = Attention {
        k: swap(&attention.k),
        v: swap(&attention.v),
        key_frames: Arc::from([7, 3, 8]),
        ..attention.clone()
    };
    let again = attend(&noise, (2, 1, 2), swapped);
    assert!(difference(&noisy, &again) < 1e-5, "{}", difference(&noisy, &again));
    // The same in every layer, if that is asked for.
    let at_layer = |same: f64, layer: usize| {
        let program = bent(named("bend.noise", Some(Site::SelfValue), &[1.0, same], 2));
        let memory = BendMemory::default();
        let bound = BoundProgram::new(&program, &super::TOKENS, 7, &memory);
        let place = HookContext { frames: &[7, 8], grid: (2, 1, 2), layer, ..HookContext::default() };
        bound.attend(Site::SelfMap, place, attention.clone()).expect("an output")
    };
    assert_same("same", &at_layer(1.0, 0), &at_layer(1.0, 3));
    assert!(difference(&at_layer(0.0, 0), &at_layer(0.0, 3)) > 1e-2);
}

#[test]
fn a_query_that_stands_elsewhere_sees_what_is_seen_from_there() {
    let (grid, heads, dim) = ((1, 3, 4), 2, 12);
    let positions = |dx: f64, dy: f64, dt: f64| -> Vec<[f64; 3]> {
        (0..12).map(|cell| [dt, f64::from(cell / 4) + dy, f64::from(cell % 4) + dx]).collect()
    };
    let raw = attention(12, &[7], 12, heads, dim, 5);
    let rope = |x: &Tensor, dx, dy, dt| {
        Rope::at(dim, &positions(dx, dy, dt), &Device::Cpu).and_then(|rope| rope.apply(x)).expect("turned")
    };
    let k = rope(&raw.k, 0.0, 0.0, 2.0);
    let standing = |dx, dy, dt| Attention { q: rope(&raw.q, dx, dy, 2.0 + dt), k: k.clone(), ..raw.clone() };
    let moved = bent(named("bend.position", None, &[1.0, -0.5, -2.0, 0.0, 1.0, 1.0], 1));
    let seen = attend(&moved, grid, standing(0.0, 0.0, 0.0));
    let expected = standing(1.0, -0.5, -2.0).run().expect("an output");
    assert!(difference(&seen, &expected) < 1e-4, "{}", difference(&seen, &expected));
}

#[test]
fn a_place_is_seen_from_after_the_bends_of_the_picture() {
    let grid = (1, 3, 4);
    let attention = attention(12, &[7], 12, 2, 6, 9);
    let look = |x: f64, bends: Vec<Bend>| {
        let program = Program {
            bends,
            taps: vec![tap("self", Measure::SelfMap { x, y: 0.5 }, Selection::default())],
            ..Program::default()
        };
        let memory = BendMemory::default();
        let bound = BoundProgram::new(&program, &super::TOKENS, 7, &memory);
        let place = HookContext { frames: &[7], grid, ..HookContext::default() };
        bound.attend(Site::SelfMap, place, attention.clone()).expect("an output");
        bound.finish().expect("taps").measured[&Arc::from("self")].maps[0].values.clone()
    };
    let flip = || vec![named("bend.flip", Some(Site::SelfMap), &[1.0, 0.0], 1)];
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    let (left, right) = (look(0.1, vec![]), look(0.9, vec![]));
    assert!(near(&look(0.1, flip()), &right) && near(&look(0.9, flip()), &left) && !near(&left, &right));
}

#[test]
fn a_bend_that_makes_infinity_is_left_out_and_named() {
    let mut wild = named("bend.gain", Some(Site::CrossOut), &[1e30], 2);
    wild.node = "wild".into();
    let mild = Bend { node: "mild".into(), ..named("bend.gain", Some(Site::CrossOut), &[2.0], 2) };
    let program = Program { bends: vec![wild, mild], ..Program::default() };
    let x = Tensor::ones((1, 4, 3), DType::F32, &Device::Cpu).expect("ones");
    let memory = BendMemory::default();
    let bound = BoundProgram::new(&program, &super::TOKENS, 8, &memory).guarded(true);
    let place = HookContext { frames: &[8, 9], grid: (2, 1, 2), layer: 4, step: 2, ..HookContext::default() };
    let y = bound.at(Site::CrossOut, place, x.clone()).expect("a tensor");
    assert_same("mild", &y, &(x * 2.0).expect("doubled"));
    let left_out: Vec<_> = bound.finish().expect("taps").left_out.into_iter().collect();
    assert_eq!(left_out.len(), 1);
    assert_eq!(
        (&*left_out[0].node, left_out[0].site, left_out[0].layer, left_out[0].step),
        ("wild", Site::CrossOut, 4, 2)
    );
}

//! Bends of maps in their fast form, in their exact form, and as they are defined, number by number.

use std::sync::Arc;

use bendrack::bend::{BendMemory, BoundProgram};
use bendrack::wan::hooks::{Attention, HookContext, Listener};
use bendrack::wan::text::Tokens;
use bendrack_nodes::program::grid::Grid;
use bendrack_nodes::program::op::{Form, Weight};
use bendrack_nodes::program::region::{Rect, Region, Shape};
use bendrack_nodes::program::target::{Selection, Target, WordList, words};
use bendrack_nodes::program::{Bend, Fuse, Measure, Program, Site, Tap};
use candle_core::{Device, Tensor};
use proptest::prelude::*;
use smallvec::smallvec;

use super::fixtures::*;

/// The map of each head, `[queries][keys]`.
type Map = Vec<Vec<f64>>;

/// A tensor `[1, n, heads, dim]` as numbers of a head.
fn head_of(x: &Tensor, head: usize) -> Map {
    let x = x.get(0).and_then(|x| x.narrow(1, head, 1)?.squeeze(1)?.to_vec2::<f32>()).expect("numbers");
    x.into_iter().map(|row| row.into_iter().map(f64::from).collect()).collect()
}

/// Part of a map that a target selects: keys, and the weight of each query.
struct Selected {
    keys: Vec<usize>,
    weights: Vec<f64>,
}

impl Selected {
    fn of(bend: &Bend, site: Site, grid: Grid, keys: usize, tokens: &Tokens) -> Self {
        let keys = if site == Site::SelfMap { (0..keys).collect() } else { rows(&bend.target, keys, tokens) };
        let weight = |query: usize| {
            let (frame, row, column) = grid.place(query);
            let place = bend.target.region.weight(&mut |shape: &Shape| shape.weight(grid.point(row, column), |_| None));
            let selected = f64::from(u8::from(bend.target.frames.contains(frame)));
            selected * bend.amount[frame] * f64::from(place)
        };
        Self { keys, weights: (0..grid.cells()).map(weight).collect() }
    }
}

/// The rows of a prompt that a target selects.
fn rows(target: &Target, keys: usize, tokens: &Tokens) -> Vec<usize> {
    let one = |list: &WordList, key: usize| {
        list.0.iter().any(|word| match &**word {
            "<padding>" => key >= tokens.padding_start(),
            "ca*" => tokens.positions("cat").contains(&key),
            word => tokens.positions(word).contains(&key),
        })
    };
    (0..keys).filter(|&key| target.words.weight(&mut |list| f32::from(u8::from(one(list, key)))) > 0.5).collect()
}

/// A head's map under bends, as design and documentation define them.
fn bent_map(attention: &Attention, head: usize, site: Site, grid: Grid, bends: &[Bend], tokens: &Tokens) -> Map {
    let [q, k] = [&attention.q, &attention.k].map(|x| head_of(x, head));
    let mut map: Map = q
        .iter()
        .map(|q| k.iter().map(|k| attention.scale * q.iter().zip(k).map(|(a, b)| a * b).sum::<f64>()).collect())
        .collect();
    let here = bends.iter().filter(|bend| bend.target.heads.contains(head));
    let selected = |bend: &Bend| Selected::of(bend, site, grid, k.len(), tokens);
    for bend in here.clone() {
        let Form::LogitWeight(op) = bend.op.form else { continue };
        let Selected { keys, weights } = selected(bend);
        for (query, row) in map.iter_mut().enumerate() {
            let Weight { sharpness, gain } = op(&bend.params, grid.place(query).0);
            let [sharpness, gain] = [sharpness, gain].map(|x| 1.0 + weights[query] * (x - 1.0));
            let gain = if gain > 0.0 { gain.ln() } else { f64::NEG_INFINITY };
            for &key in &keys {
                if row[key] > f64::NEG_INFINITY {
                    row[key] = sharpness * row[key] + gain;
                }
            }
        }
    }
    for row in &mut map {
        let highest = row.iter().copied().fold(f64::MIN, f64::max);
        for x in &mut *row {
            *x = (*x - highest).exp();
        }
        let sum: f64 = row.iter().sum();
        for x in row {
            *x /= sum.max(f64::MIN_POSITIVE);
        }
    }
    for bend in here {
        let Selected { keys, weights } = selected(bend);
        let dry = map.clone();
        let mut write = |keys: &[usize], wet: &dyn Fn(usize, usize) -> f64| {
            for (query, row) in map.iter_mut().enumerate() {
                for &key in keys {
                    row[key] = dry[query][key] + weights[query] * (wet(query, key) - dry[query][key]);
                }
            }
        };
        match bend.op.form {
            Form::LogitWeight(_) => {}
            Form::Grid(op) => {
                let w = op(&bend.params, grid);
                write(&keys, &|query, key| {
                    w.terms(query).iter().map(|&(from, part)| f64::from(part) * dry[from as usize][key]).sum()
                });
            }
            Form::Columns(op) => {
                let column = |key: usize| -> Vec<f64> {
                    let column = dry.iter().map(|row| row[key] as f32);
                    let shape = (1, 1, 1, grid.frames, grid.rows, grid.columns);
                    let x = Tensor::from_iter(column, &Device::Cpu).and_then(|x| x.reshape(shape)).expect("a picture");
                    let y = op(&x, &bend.params).and_then(|y| y.flatten_all()?.to_vec1::<f32>()).expect("a picture");
                    y.into_iter().map(f64::from).collect()
                };
                let columns: std::collections::BTreeMap<usize, Vec<f64>> =
                    keys.iter().map(|&key| (key, column(key))).collect();
                write(&keys, &|query, key| columns[&key][query]);
            }
            Form::Transfer { both } => {
                let other = Target { words: bend.with.clone().expect("other words"), ..Target::default() };
                let others = rows(&other, k.len(), tokens);
                if others.is_empty() {
                    continue;
                }
                let sum = |query: usize, keys: &[usize]| keys.iter().map(|&key| dry[query][key]).sum::<f64>();
                if both {
                    write(&others, &|query, _| sum(query, &keys) / others.len() as f64);
                }
                // Words in both lists count for the target.
                write(&keys, &|query, _| sum(query, &others) / keys.len() as f64);
            }
            _ => panic!("{} is no bend of a map with one result", bend.op.name),
        }
    }
    map
}

/// An attention of random numbers, what was done to it, and what came out.
#[derive(Debug)]
struct Case {
    site: Site,
    grid: Grid,
    attention: Attention,
    program: Program,
}

impl Case {
    fn run(&self, tokens: &Tokens, exact: bool) -> (Tensor, Vec<Vec<f32>>) {
        let numbers: Vec<usize> = (5..5 + self.grid.frames).collect();
        let place = HookContext {
            frames: &numbers,
            grid: (self.grid.frames, self.grid.rows, self.grid.columns),
            ..HookContext::default()
        };
        let memory = BendMemory::default();
        let bound = BoundProgram::new(&self.program, tokens, 5, &memory).exact(exact);
        let output = bound.attend(self.site, place, self.attention.clone()).expect("the output");
        let outcome = bound.finish().expect("taps");
        let taps = self.program.taps.iter().map(|tap| {
            outcome
                .measured
                .get(&tap.node)
                .map_or(Vec::new(), |x| x.maps.iter().flat_map(|map| map.values.clone()).collect())
        });
        (output, taps.collect())
    }

    /// The output `[queries, heads, dim]` and the taps as they are defined.
    fn defined(&self, tokens: &Tokens) -> (Vec<f64>, Vec<Vec<f64>>) {
        let heads = self.attention.q.dim(2).expect("heads");
        let maps: Vec<Map> = (0..heads)
            .map(|head| bent_map(&self.attention, head, self.site, self.grid, &self.program.bends, tokens))
            .collect();
        let values: Vec<Map> = (0..heads).map(|head| head_of(&self.attention.v, head)).collect();
        let (queries, dim) = (self.grid.cells(), values[0][0].len());
        let number = |query: usize, head: usize, column: usize| -> f64 {
            maps[head][query].iter().zip(&values[head]).map(|(weight, value)| weight * value[column]).sum()
        };
        let at =
            (0..queries).flat_map(|query| (0..heads).flat_map(move |head| (0..dim).map(move |c| (query, head, c))));
        let output = at.map(|(query, head, column)| number(query, head, column)).collect();
        let share = |tap: &Tap| -> Vec<f64> {
            let outcome: Vec<usize> =
                (0..heads).filter(|&head| tap.target.parts().iter().any(|part| part.heads.contains(head))).collect();
            let share = |query: usize, head: usize| -> f64 {
                let parts = tap.target.parts().iter().filter(|part| part.heads.contains(head));
                parts
                    .flat_map(|part| rows(part, maps[head][query].len(), tokens))
                    .map(|key| maps[head][query][key])
                    .sum()
            };
            let mean = |query| outcome.iter().map(|&head| share(query, head)).sum::<f64>() / outcome.len() as f64;
            (0..queries).map(mean).collect()
        };
        (output, self.program.taps.iter().map(share).collect())
    }
}

const WORDS: [&str; 8] = ["*", "red", "rose, ca*", "<padding>", "a", "blue cat", "gray, red", "background"];
const HEADS: [&str; 4] = ["all", "0", "1-2", "0,3"];
const FRAMES: [&str; 4] = ["all", "all", "0", "1-end"];

prop_compose! {
    fn targets()(
        words in 0..WORDS.len(),
        heads in 0..HEADS.len(),
        frames in 0..FRAMES.len(),
        region in prop::option::weighted(0.3, (0.2..0.8, 0.2..0.8, 0.1..0.6, any::<bool>())),
    ) -> Target {
        let region = region.map_or(Region::All, |(x, y, feather, inside)| {
            let region = Region::of(Shape::Ellipse(Rect { x, y, width: 0.7, height: 0.9, feather }));
            if inside { region } else { region.not() }
        });
        Target {
            words: bendrack_nodes::program::target::words(WORDS[words]),
            heads: HEADS[heads].parse().expect("heads"),
            frames: FRAMES[frames].parse().expect("frames"),
            region,
            ..Target::default()
        }
    }
}

/// The nodes that bend a map with one result.
fn certain(site: Site) -> Vec<Bend> {
    let mut bends = Vec::new();
    for def in nodes().filter(|def| sites(def).contains(&site)) {
        for renormalise in [0.2, 0.9] {
            let place = |name: &str| if name == "renormalise" { renormalise } else { 0.9 };
            let bend = bend(def, Some(site), &place, 1);
            if is_certain(&bend) && !bends.iter().any(|known: &Bend| known.op == bend.op) {
                bends.push(bend);
            }
        }
    }
    bends
}

prop_compose! {
    fn cases()(
        (frames, rows, columns, heads, dim) in (1..4_usize, 1..6_usize, 1..6_usize, 1..5_usize, 1..20_usize),
        is_self in any::<bool>(),
        memory in 0..3_usize,
        chain in prop::collection::vec((0..100_usize, prop::collection::vec(0.0..1.0, 8), 0.0..1.5_f64, targets()), 0..4),
        tapped in prop::collection::vec(targets(), 0..3),
        seed in 0..1000_u64,
    ) -> Case {
        let grid = Grid { frames, rows, columns };
        let site = if is_self { Site::SelfMap } else { Site::CrossMap };
        let bends = certain(site);
        let chain = chain.into_iter().map(|(which, places, amount, target)| {
            let def = &bends[which % bends.len()];
            let node = super::fixtures::nodes().find(|node| sites(node).contains(&site) && is_of(node, site, def)).expect("a node");
            let renormalise = if matches!(def.op.form, Form::LogitWeight(_)) { 0.9 } else { 0.2 };
            let place = |name: &str, frame: usize| {
                if name == "renormalise" {
                    return renormalise;
                }
                let index = name.bytes().map(usize::from).sum::<usize>() % places.len();
                (places[index] + 0.31 * frame as f64) % 1.0
            };
            let amount = (0..frames).map(|f| if amount > 1.0 { 1.0 } else { (amount + 0.2 * f as f64).min(1.0) }).collect();
            Bend { amount, target: Arc::new(target), ..moving(node, Some(site), &place, frames) }
        }).collect();
        // A tap without any of the heads measures nothing.
        let here = |target: &Target| (0..heads).any(|head| target.heads.contains(head));
        let taps = tapped.into_iter().filter(|target| !is_self && here(target)).enumerate().map(|(i, target)| {
            let target = Target { region: Region::All, frames: "all".parse().expect("frames"), ..target };
            // One of two parts.
            let target = if i == 0 { Selection::from(target).or(&Selection::from(Target { words: words("red"), ..Target::default() })) }
            else { Selection::from(target) };
            tap(&format!("tap{i}"), Measure::CrossMap, target)
        }).collect();
        let key_frames: Vec<usize> = if is_self { (5 - memory..5 + frames).collect() } else { Vec::new() };
        let keys = if is_self { key_frames.len() * rows * columns } else { 24 };
        let attention = attention(grid.cells(), &key_frames, keys, heads, dim, seed);
        Case { site, grid, attention, program: Program { bends: chain, taps, ..Program::default() } }
    }
}

/// Whether a node asks for bends of the same kind.
fn is_of(node: &'static bendrack_nodes::node::def::NodeDef, site: Site, known: &Bend) -> bool {
    [0.2, 0.9].into_iter().any(|renormalise| {
        let place = |name: &str| if name == "renormalise" { renormalise } else { 0.9 };
        bend(node, Some(site), &place, 1).op == known.op
    })
}

pub fn tap(node: &str, measure: Measure, target: Selection) -> Tap {
    Tap { node: node.into(), measure, target: Arc::new(target), fuse: Fuse::Mean, threshold: 0.5, region: Region::None }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The fast form, the exact form and the definition are the same, in any chain, on any target, with taps.
    #[test]
    fn every_form_is_the_definition(case in cases()) {
        let tokens = super::TOKENS.clone();
        let (expected, shares) = case.defined(&tokens);
        let size = expected.iter().fold(1.0, |size: f64, x| size.max(x.abs()));
        for exact in [false, true] {
            let (output, measured) = case.run(&tokens, exact);
            let output: Vec<f32> = output.flatten_all().and_then(|x| x.to_vec1()).expect("numbers");
            let difference = output.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            let program = case.program.to_string();
            prop_assert!(difference <= 1e-4 * size, "{difference} of {size}, exact {exact}, {}:\n{program}", case.site);
            for (measured, share) in measured.iter().zip(&shares) {
                let near = measured.iter().zip(share).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4 * size);
                prop_assert!(measured.len() == share.len() && near, "{measured:?} is not {share:?}, exact {exact}:\n{program}");
            }
        }
    }
}

/// `E[ΔO ΔOᵀ] = σ² s² V_Tᵀ V_T` for each query in both forms, and the mean is 0.
#[test]
fn noise_on_a_map_has_the_mean_and_covariance_of_its_definition() {
    let tokens = super::TOKENS.clone();
    let grid = Grid { frames: 2, rows: 2, columns: 2 };
    let (heads, dim, keys, sigma) = (2, 3, 24, 0.8);
    // Few keys, whose columns are bent, and many, whose contribution is.
    for list in ["red, rose", "<padding>", "*"] {
        let mut noise = named("bend.noise", Some(Site::CrossMap), &[sigma, 0.0, 0.0], grid.frames);
        noise.amount = smallvec![1.0, 0.5];
        noise.target = Arc::new(Target { words: words(list), ..Target::default() });
        let selected = rows(&noise.target, keys, &tokens);
        let attention = attention(grid.cells(), &[], keys, heads, dim, 3);
        for exact in [false, true] {
            let mut program = Program { bends: Vec::new(), ..Program::default() };
            let case = |program: &Program| Case {
                site: Site::CrossMap,
                grid,
                attention: attention.clone(),
                program: program.clone(),
            };
            let numbers = |x: &Tensor| x.flatten_all().and_then(|x| x.to_vec1::<f32>()).expect("numbers");
            let plain = numbers(&case(&program).run(&tokens, false).0);
            program.bends = vec![noise.clone()];
            let samples = 1500;
            let mut mean = vec![0.0; plain.len()];
            let mut covariance = vec![0.0; plain.len() * dim];
            // How much the noise of a query has to do with that of the next head and the next query.
            let mut strangers = [0.0; 2];
            for seed in 0..samples {
                program.seed = seed;
                let bent = numbers(&case(&program).run(&tokens, exact).0);
                let change: Vec<f64> = bent.iter().zip(&plain).map(|(a, b)| f64::from(a - b)).collect();
                for (i, x) in change.iter().enumerate() {
                    mean[i] += x / samples as f64;
                    for j in 0..dim {
                        covariance[i * dim + j] += x * change[i / dim * dim + j] / samples as f64;
                    }
                }
                strangers[0] += change[0] * change[dim] / samples as f64;
                strangers[1] += change[0] * change[heads * dim] / samples as f64;
            }
            for query in 0..grid.cells() {
                for head in 0..heads {
                    let map = bent_map(&attention, head, Site::CrossMap, grid, &[], &tokens);
                    let share: f64 = selected.iter().map(|&key| map[query][key]).sum();
                    let s = sigma * share / (selected.len() as f64).sqrt() * noise.amount[grid.place(query).0];
                    let values = head_of(&attention.v, head);
                    for (a, b) in (0..dim).flat_map(|a| (0..dim).map(move |b| (a, b))) {
                        let at = (query * heads + head) * dim;
                        let expected: f64 = selected.iter().map(|&key| s * s * values[key][a] * values[key][b]).sum();
                        let of = |c: usize| selected.iter().map(|&key| (s * values[key][c]).powi(2)).sum::<f64>();
                        let error = (covariance[(at + a) * dim + b] - expected).abs() / (of(a) * of(b)).sqrt();
                        assert!(error < 0.17, "{list}, exact {exact}: {error} off at {query}, {head}, {a}, {b}");
                        assert!(mean[at + a].abs() < 0.12 * of(a).sqrt(), "{list}: {} on average", mean[at + a]);
                    }
                }
            }
            let own = covariance[0];
            assert!(strangers.iter().all(|x| x.abs() < 0.25 * own), "{list}, exact {exact}: {strangers:?} of {own}");
        }
    }
}

#[test]
fn renormalised_noise_takes_from_some_places_what_it_gives_to_others() {
    let tokens = super::TOKENS.clone();
    let grid = Grid { frames: 2, rows: 2, columns: 3 };
    let mut noise = named("bend.noise", Some(Site::CrossMap), &[1.5, 0.0, 1.0], grid.frames);
    noise.target = Arc::new(Target { words: words("red, rose, cat"), ..Target::default() });
    let all =
        |list: &str| tap(list, Measure::CrossMap, Selection::from(Target { words: words(list), ..Target::default() }));
    let taps = ["red, rose, cat", "red", "blue"].map(all).to_vec();
    let attention = attention(grid.cells(), &[], 24, 3, 5, 8);
    let run = |bends: Vec<Bend>| {
        let program = Program { bends, taps: taps.clone(), ..Program::default() };
        Case { site: Site::CrossMap, grid, attention: attention.clone(), program }.run(&tokens, false).1
    };
    let (plain, noisy) = (run(vec![]), run(vec![noise]));
    let differs = |tap: usize| plain[tap].iter().zip(&noisy[tap]).any(|(a, b)| (a - b).abs() > 1e-3);
    assert!(!differs(0) && differs(1) && !differs(2), "{plain:?} {noisy:?}");
    assert!(noisy[1].iter().all(|share| *share >= 0.0));
}

#[test]
fn the_order_of_a_chain_is_the_order_of_its_cables() {
    let tokens = super::TOKENS.clone();
    let grid = Grid { frames: 1, rows: 4, columns: 4 };
    let run = |names: [&str; 2]| {
        let bends = names.map(|name| strong(name, Some(Site::CrossMap), &Target::default(), 1)).to_vec();
        let program = Program { bends, ..Program::default() };
        Case { site: Site::CrossMap, grid, attention: attention(16, &[], 24, 2, 6, 4), program }.run(&tokens, false).0
    };
    assert!(
        crate::tiny::difference(&run(["bend.rotate", "bend.translate"]), &run(["bend.translate", "bend.rotate"]))
            > 1e-2
    );
    // What acts before the softmax acts first, wherever it stands.
    let weights = run(["bend.sharpness", "bend.threshold"]);
    assert!(crate::tiny::difference(&weights, &run(["bend.threshold", "bend.sharpness"])) < 1e-6);
}

//! Cost of bends and taps, as ratios to the unbent model. Cases: a causal layer of Wan 1.3B, and a chunk of the
//! embedded model.
//!
//! `cargo bench --bench bends -- [text] [--layer | --mini]` measures the cases with this text in their name, on one of
//! the two or on both. It prints a line per case, then tables of nodes and sites.
//!
//! Runs with and without a program alternate, and the fastest run of each counts. In a layer, only the hooks run, on
//! recorded tensors. Their extra time is compared with the time of the whole layer.

#[allow(dead_code, reason = "shared with the other benches")]
mod common;
#[allow(dead_code, reason = "shared with the tests of bends")]
#[path = "../tests/model/bend/fixtures.rs"]
mod fixtures;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bendrack::bend::{BendMemory, BoundProgram};
use bendrack::engine::Model;
use bendrack::wan::hooks::{Attention, HookContext, Hooks, Listener};
use bendrack::wan::rollout::Rollout;
use bendrack::wan::text::Tokens;
use bendrack_nodes::program::op::Form;
use bendrack_nodes::program::region::{Rect, Region, Shape};
use bendrack_nodes::program::target::{Selection, Target, words};
use bendrack_nodes::program::{Bend, Fuse, Measure, Pass, Program, Site, Tap};
use candle_core::{Result, Tensor};
use common::{CausalLayer, GRID};

/// Rounds of each case, extra rounds of those above target, and runs without a program.
const TURNS: usize = 2;
const MORE_TURNS: usize = 4;
const PLAIN: usize = 6;

struct Case {
    /// Its row and its column in the table.
    node: String,
    site: String,
    program: Program,
    exact: bool,
    /// The ratio that is aimed at.
    target: f64,
}

impl Case {
    fn name(&self) -> String {
        format!("{} at {}", self.node, self.site)
    }

    /// True if all of it acts in a layer.
    fn is_in_layer(&self) -> bool {
        let beyond =
            |bend: &Bend| matches!(bend.site, Site::Timestep | Site::Guidance | Site::NoiseInit | Site::NoiseStep);
        !self.program.bends.iter().any(beyond)
    }
}

/// A bend of a node, its knobs far from neutral, on words or on everything.
fn bend(name: &str, site: Option<Site>, text: &str) -> Bend {
    fixtures::strong(name, site, &Target { words: words(text), ..Target::default() }, GRID.0)
}

fn tap(node: &str, measure: Measure, text: &str) -> Tap {
    let target = Selection::from(Target { words: words(text), ..Target::default() });
    let (fuse, threshold, region) = (Fuse::Mean, 0.5, Region::All);
    Tap { node: node.into(), measure, target: Arc::new(target), fuse, threshold, region }
}

fn of_bends(bends: Vec<Bend>, taps: Vec<Tap>) -> Program {
    Program { seed: 1, bends, taps, ..Program::default() }
}

/// True for a bend without a form that avoids the columns of the map.
fn is_reference(bend: &Bend) -> bool {
    let needs_map = match bend.op.form {
        Form::Columns(_) | Form::Freeze { .. } | Form::Transfer { .. } => true,
        Form::MapNoise { renormalise, .. } => bend.params.is_on(renormalise, 0),
        Form::LogitWeight(_) => !bend.target.region.is_all(),
        _ => false,
    };
    bend.site.is_map() && bend.target.words.is_all() && needs_map
}

/// Every node at each of its sites, with maps of one word and of all words. Then its reference form.
fn single() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut push = |node: &str, site: &str, bend: Bend, exact: bool| {
        let target = if exact || is_reference(&bend) { 3.0 } else { 1.05 };
        let (node, site) = (node.trim_start_matches("bend.").to_owned(), site.to_owned());
        cases.push(Case { node, site, program: of_bends(vec![bend], Vec::new()), exact, target });
    };
    for def in fixtures::nodes() {
        for site in fixtures::sites(def) {
            let at = def.input("site").map(|_| site);
            if site == Site::CrossMap {
                push(def.name, "cross.map, a word", bend(def.name, at, "rose"), false);
                push(def.name, "cross.map, exact", bend(def.name, at, "rose"), true);
            }
            push(def.name, site.name(), bend(def.name, at, "*"), false);
            if site == Site::SelfMap {
                push(def.name, "self.map, exact", bend(def.name, at, "*"), true);
            }
        }
    }
    for (name, site) in [("bend.gain", Site::CrossMap), ("bend.noise", Site::CrossMap), ("bend.noise", Site::SelfMap)] {
        let held = |knob: &str| if knob == "gain" { 0.3 } else { 0.9 };
        let bend = fixtures::bend(fixtures::node(name), Some(site), &held, GRID.0);
        push(&format!("{name}, renormalised"), site.name(), bend, false);
    }
    let shape = Rect { x: 0.3, y: 0.3, width: 0.5, height: 0.5, feather: 0.1 };
    let region = Region::of(Shape::Ellipse(shape));
    for site in [Site::CrossMap, Site::SelfMap, Site::FfnHidden] {
        let name = if site.is_map() { "bend.sharpness" } else { "bend.threshold" };
        let target = Target { region: region.clone(), ..Target::default() };
        push(&format!("{name} in a region"), site.name(), fixtures::strong(name, Some(site), &target, GRID.0), false);
    }
    cases
}

/// Taps, and a rack full of bends.
fn together() -> Vec<Case> {
    let word = tap("word", Measure::CrossMap, "rose");
    let ten = || {
        vec![
            bend("bend.rotate", Some(Site::CrossMap), "rose"),
            bend("bend.translate", Some(Site::CrossMap), "cat"),
            bend("bend.gain", Some(Site::CrossMap), "red"),
            bend("bend.noise", Some(Site::CrossMap), "blue"),
            bend("bend.sharpness", Some(Site::CrossMap), "*"),
            bend("bend.quantise", Some(Site::CrossValue), "*"),
            bend("bend.smear", Some(Site::SelfMap), "*"),
            bend("bend.position", None, "*"),
            bend("bend.noise", Some(Site::CrossOut), "*"),
            bend("bend.gain", Some(Site::FfnHidden), "*"),
        ]
    };
    let four = || {
        vec![
            word.clone(),
            tap("other", Measure::CrossMap, "cat"),
            tap("looks", Measure::SelfMap { x: 0.5, y: 0.5 }, "*"),
            tap("neurons", Measure::Neurons, "*"),
        ]
    };
    let case = |node: &str, program, target| Case {
        node: node.to_owned(),
        site: "together".to_owned(),
        program,
        exact: false,
        target,
    };
    vec![
        case("tap of a word", of_bends(Vec::new(), vec![word.clone()]), 1.05),
        case("four taps", of_bends(Vec::new(), four()), 1.25),
        case("ten bends", of_bends(ten(), Vec::new()), 1.25),
        case("ten bends and four taps", of_bends(ten(), four()), 1.25),
    ]
}

/// Something to run with a program or without; all of it in seconds.
trait Subject {
    /// Seconds of all of it, without a program.
    fn plain(&mut self) -> f64;

    /// Seconds of the part that a program can change, without it.
    fn without(&mut self, case: &Case) -> f64;

    /// Seconds of the same part, with it.
    fn with(&mut self, case: &Case) -> f64;
}

/// A layer, and the tensors recorded at its hooks.
struct Layer {
    causal: CausalLayer,
    tokens: Tokens,
    frames: Vec<usize>,
    met: Met,
}

/// The tensors that a layer passes to its hooks.
#[derive(Default)]
struct Met(RefCell<Vec<(Site, Tensor)>>, RefCell<Vec<(Site, Attention)>>);

impl Listener for Met {
    fn at(&self, site: Site, _: HookContext<'_>, x: Tensor) -> Result<Tensor> {
        self.0.borrow_mut().push((site, x.clone()));
        Ok(x)
    }

    fn attend(&self, site: Site, _: HookContext<'_>, attention: Attention) -> Result<Tensor> {
        self.1.borrow_mut().push((site, attention.clone()));
        attention.run()
    }
}

impl Layer {
    fn new() -> Self {
        let mut layer = CausalLayer::new().expect("a layer");
        let frames = (0..GRID.0).map(|i| layer.first_frame + i).collect();
        let met = Met::default();
        layer.forward(Hooks::new(&met)).expect("a layer");
        Self { causal: layer, tokens: fixtures::tokens(), frames, met }
    }

    /// The hooks at which a program does something, one after the other.
    fn hooks(&self, case: &Case, hooks: Hooks<'_>) -> f64 {
        let hooks = hooks.call(Pass::Denoise, 0, &self.frames).grid(GRID);
        let acts = |site: Site| {
            let at = |bend: &Bend| bend.site == site;
            // Bends at these sites act during the attention at the map.
            let inside = |bend: &Bend| matches!(bend.site, Site::SelfValue | Site::SelfPosition);
            let bends = &case.program.bends;
            !case.program.taps.is_empty() || bends.iter().any(at) || site == Site::SelfMap && bends.iter().any(inside)
        };
        let start = Instant::now();
        for (site, x) in self.met.0.borrow().iter().filter(|(site, _)| acts(*site)) {
            hooks.at(*site, x.clone()).expect("a tensor");
        }
        for (site, attention) in self.met.1.borrow().iter().filter(|(site, _)| acts(*site)) {
            hooks.attend(*site, attention.clone()).expect("an output");
        }
        start.elapsed().as_secs_f64()
    }
}

impl Subject for Layer {
    fn plain(&mut self) -> f64 {
        let start = Instant::now();
        self.causal.forward(Hooks::NONE).expect("a layer");
        start.elapsed().as_secs_f64()
    }

    fn without(&mut self, case: &Case) -> f64 {
        self.hooks(case, Hooks::NONE)
    }

    fn with(&mut self, case: &Case) -> f64 {
        let memory = BendMemory::default();
        let bound = BoundProgram::new(&case.program, &self.tokens, self.frames[0], &memory).exact(case.exact);
        let secs = self.hooks(case, Hooks::new(&bound));
        bound.finish().expect("taps");
        secs
    }
}

struct Chunk {
    rollout: Rollout,
    tokens: Tokens,
    memory: BendMemory,
}

impl Chunk {
    fn new() -> Self {
        let mut mini = Model::mini().expect("mini");
        let prompt = mini.text.encode(fixtures::PROMPT).expect("a prompt");
        let context = Arc::new(mini.transformer.context(&prompt.embedding).expect("a context"));
        let (streaming, schedule) = (mini.family.streaming().expect("it streams"), mini.family.schedule());
        let schedule = schedule.expect("a schedule").expect("steps");
        let (transformer, noise) = (mini.transformer.clone(), mini.family.noise(1));
        let rollout = Rollout::new(transformer, streaming, schedule, context, noise, (16, 16)).expect("a video");
        let mut chunk = Self { rollout, tokens: prompt.tokens.clone(), memory: BendMemory::default() };
        // Until the window of the KV cache is full.
        for _ in 0..8 {
            chunk.run(None);
        }
        chunk
    }
}

impl Chunk {
    fn run(&mut self, case: Option<&Case>) -> f64 {
        let start = Instant::now();
        loop {
            let first = self.rollout.chunk()[0];
            let bound =
                case.map(|case| BoundProgram::new(&case.program, &self.tokens, first, &self.memory).exact(case.exact));
            let hooks = bound.as_ref().map_or(Hooks::NONE, |bound| Hooks::new(bound));
            let step = self.rollout.advance(hooks).expect("a step");
            let outcome = bound.map(|bound| bound.finish().expect("taps"));
            if let (Some(case), Some(outcome)) = (case, outcome) {
                self.memory.update(outcome.memory, &case.program, outcome.measured);
            }
            if step.finished {
                return start.elapsed().as_secs_f64();
            }
        }
    }
}

impl Subject for Chunk {
    fn plain(&mut self) -> f64 {
        self.run(None)
    }

    fn without(&mut self, _: &Case) -> f64 {
        self.run(None)
    }

    fn with(&mut self, case: &Case) -> f64 {
        self.run(Some(case))
    }
}

/// Cost of a case: extra seconds, the ratio of all to all, and extra bytes at the peak.
struct Cost {
    secs: f64,
    ratio: f64,
    bytes: i64,
}

/// Measures a case in turns with nothing, `rounds` times in a turn.
fn measure(subject: &mut dyn Subject, case: &Case, rounds: usize, plain: f64) -> Cost {
    let (mut secs, mut peaks) = ([f64::INFINITY; 2], [0; 2]);
    let ratio = |secs: [f64; 2]| (plain + secs[1] - secs[0]) / plain;
    for turn in 0..TURNS + MORE_TURNS {
        if turn >= TURNS && ratio(secs) <= case.target {
            break;
        }
        for _ in 0..rounds {
            for with in [0, 1] {
                let before = memory::start();
                let new = if with == 1 { subject.with(case) } else { subject.without(case) };
                secs[with] = new.min(secs[with]);
                peaks[with] = (memory::peak() - before).max(peaks[with]);
            }
        }
    }
    Cost { secs: secs[1] - secs[0], ratio: ratio(secs), bytes: peaks[1] - peaks[0] }
}

/// The memory of this process, as reported by Linux; 0 elsewhere.
mod memory {
    use std::fs;

    /// Bytes resident now, from where the peak is counted.
    pub fn start() -> i64 {
        // 5 forgets the peak.
        let _ = fs::write("/proc/self/clear_refs", "5");
        value("VmRSS:")
    }

    /// The most bytes that were resident since then.
    pub fn peak() -> i64 {
        value("VmHWM:")
    }

    fn value(name: &str) -> i64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<i64>().ok()).unwrap_or(0) * 1024
    }
}

fn main() {
    let text = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let cases: Vec<Case> = single().into_iter().chain(together()).filter(|case| case.name().contains(&text)).collect();
    let (inside, beyond): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.is_in_layer());
    let is_asked = |flag: &str| std::env::args().any(|arg| arg == flag);
    if !is_asked("--mini") {
        report("A causal layer of Wan 1.3B", &mut Layer::new(), &inside, 1);
    }
    if !is_asked("--layer") {
        let all: Vec<&Case> = inside.into_iter().chain(beyond).collect();
        report("A chunk of the embedded model", &mut Chunk::new(), &all, 10);
    }
}

/// Measures cases on a subject, and prints a line for each and a table.
fn report(title: &str, subject: &mut dyn Subject, cases: &[&Case], rounds: usize) {
    let plain = (0..PLAIN).map(|_| subject.plain()).fold(f64::INFINITY, f64::min);
    println!("# {title}: {:.1} ms\n", 1e3 * plain);
    let mut ratios: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for case in cases {
        let Cost { secs, ratio, bytes } = measure(subject, case, rounds, plain);
        let (ms, mb, is_over) = (1e3 * secs, bytes as f64 / 1e6, ratio > case.target);
        let over = if is_over { format!("  over {}", case.target) } else { String::new() };
        println!("{:44} {ms:8.1} ms more, {ratio:6.3} ×, {mb:5.0} MB more{over}", case.name());
        let bold = if is_over { "**" } else { "" };
        ratios.insert((&case.node, &case.site), format!("{bold}{ratio:.2}{bold}"));
    }
    let mut sites: Vec<&str> = Vec::new();
    let mut nodes: Vec<&str> = Vec::new();
    for case in cases {
        for (names, name) in [(&mut sites, &*case.site), (&mut nodes, &*case.node)] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    println!("\n| | {} |\n|---|{}", sites.join(" | "), "---|".repeat(sites.len()));
    for node in nodes {
        let cells = sites.iter().map(|site| ratios.get(&(node, site)).map_or("", String::as_str));
        println!("| {node} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    println!();
}

//! The evaluator: its allocations, and results that depend on inputs and memory alone.

mod patching;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::{Controls, Event};
use bendrack_nodes::node::def::{Input, NodeDef};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{LevelEdit, Patch, Port};
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory, Scratch};
use proptest::prelude::*;
use serde_json::json;

use patching::*;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Counts what this thread allocates.
struct Counting;

// SAFETY: everything is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Model calls of `frames` latent frames, one after the other, in one scratch.
struct Runner {
    plan: Plan,
    memory: Memory,
    scratch: Scratch,
    program: Program,
    frame: u64,
}

impl Runner {
    fn new(patch: &Patch) -> Self {
        Self {
            plan: compile(patch),
            memory: Memory::default(),
            scratch: Scratch::default(),
            program: Program::default(),
            frame: 0,
        }
    }

    fn call(&mut self, controls: &Arc<Controls>, frames: usize) -> &Program {
        let measurements = Measurements::new();
        let inputs = Inputs {
            lanes: std::slice::from_ref(controls),
            measurements: &measurements,
            first_frame: self.frame,
            dt_secs: DT_SECS,
            step: DenoisingStep::default(),
        };
        self.plan.run(&inputs, &mut self.memory, 0..frames, &mut self.scratch, &mut self.program);
        self.frame += frames as u64;
        &self.program
    }
}

/// A patch with a node of every kind, each wired to the first output before it that fits.
fn everything() -> Patch {
    let mut all = Patch::default();
    let mut before: Vec<(String, &NodeDef)> = Vec::new();
    // `target.invert` is left out: a bend with an empty target leaves the program. The model follows the bends.
    let (models, others): (Vec<&NodeDef>, Vec<&NodeDef>) =
        LIBRARY.iter().copied().filter(|def| def.name != "target.invert").partition(|def| def.family() == "model");
    for def in others.into_iter().chain(models) {
        let id = def.name.replace('.', "_");
        let params = if def.output("bends").is_some() { moved(def) } else { json!({}) };
        all.nodes.insert(id.clone(), node(def.name, &params));
        for input in def.inputs.iter().filter(|input| !input.grammar.is_compiled()) {
            let fits = before.iter().rev().find_map(|(from, def)| {
                let moves = !def.outputs.is_empty() && !id.starts_with("target");
                let output = def
                    .outputs
                    .iter()
                    .find(|output| moves && output.kind != Kind::Any && input.kind.accepts(output.kind));
                output.map(|output| format!("{from}.{}", output.name))
            });
            if let Some(from) = fits.filter(|_| input.kind != Kind::Any) {
                all.cables.push(cable(&from, &format!("{id}.{}", input.name)));
            }
        }
        before.push((id, def));
    }
    all
}

#[test]
fn a_tick_allocates_nothing_once_it_runs() {
    let mut runner = Runner::new(&everything());
    let lanes = [Arc::default()];
    for _ in 0..16 {
        runner.call(&lanes[0], 3);
    }
    let measurements = Measurements::new();
    let before = ALLOCATIONS.with(Cell::get);
    for _ in 0..64 {
        let inputs = Inputs {
            lanes: &lanes,
            measurements: &measurements,
            first_frame: runner.frame,
            dt_secs: DT_SECS,
            step: DenoisingStep::default(),
        };
        runner.plan.run(&inputs, &mut runner.memory, 0..3, &mut runner.scratch, &mut runner.program);
        runner.frame += 3;
    }
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
    assert!(!runner.program.bends.is_empty() && !runner.program.taps.is_empty(), "{}", runner.program);
}

/// What a random graph is made of: which kinds of nodes, which parameters, which outputs are led where.
#[derive(Clone, Debug)]
struct Drawn {
    kinds: Vec<prop::sample::Index>,
    knobs: Vec<(prop::sample::Index, prop::sample::Index, f64)>,
    cables: Vec<(prop::sample::Index, prop::sample::Index, prop::sample::Index, prop::sample::Index)>,
    bypassed: Vec<prop::sample::Index>,
}

fn drawn(most: usize) -> impl Strategy<Value = Drawn> {
    let index = any::<prop::sample::Index>;
    let number = prop_oneof![-2.0..2.0, -1e4..1e4, Just(0.0), Just(1e300), Just(-1e300)];
    (
        prop::collection::vec(index(), 1..most),
        prop::collection::vec((index(), index(), number), 0..2 * most),
        prop::collection::vec((index(), index(), index(), index()), 0..3 * most),
        prop::collection::vec(index(), 0..4),
    )
        .prop_map(|(kinds, knobs, cables, bypassed)| Drawn { kinds, knobs, cables, bypassed })
}

/// The graph, with those of its cables that fit and lead forward.
fn graph(drawn: &Drawn) -> Patch {
    let defs: Vec<&NodeDef> = drawn.kinds.iter().map(|kind| *kind.get(LIBRARY)).collect();
    let mut patch = Patch::default();
    for (i, def) in defs.iter().enumerate() {
        patch.nodes.insert(format!("n{i:03}"), node(def.name, &json!({})));
    }
    for (at, which, value) in &drawn.knobs {
        let at = at.index(defs.len());
        let knobs: Vec<_> = defs[at].inputs.iter().filter(|input| input.kind == Kind::Number).collect();
        if knobs.is_empty() {
            continue;
        }
        let input = which.get(&knobs);
        let value = match input.choices {
            [] => json!(value),
            choices => json!(which.get(choices)),
        };
        patch.nodes.get_mut(&format!("n{at:03}")).expect("a node").params.insert(input.name.to_owned(), value);
    }
    let mut taken = BTreeSet::new();
    for (from, output, to, input) in &drawn.cables {
        let (from, to) = (from.index(defs.len()), to.index(defs.len()));
        let (outputs, inputs) = (defs[from].outputs, defs[to].inputs);
        if outputs.is_empty() || inputs.is_empty() {
            continue;
        }
        let (output, input) = (output.get(outputs), input.get(inputs));
        let fits = input.kind.accepts(output.kind) && input.kind != Kind::Any && output.kind != Kind::Any;
        if fits
            && !input.grammar.is_compiled()
            && (from < to || output.latency.is_some())
            && taken.insert((to, input.name))
        {
            patch.cables.push(cable(&format!("n{from:03}.{}", output.name), &format!("n{to:03}.{}", input.name)));
        }
    }
    for at in &drawn.bypassed {
        patch.nodes.get_mut(&format!("n{:03}", at.index(defs.len()))).expect("a node").bypass = true;
    }
    patch
}

/// A program as it is sent: bit for bit, as numbers print in full.
fn text(program: &Program) -> String {
    serde_json::to_string(program).expect("JSON")
}

/// What comes in from outside in the call that begins at this frame.
fn played(frame: u64) -> Arc<Controls> {
    let mut controls = Controls::default();
    controls.apply(&Event::cc(1, 1, (frame as f64 * 0.37).fract()));
    if frame.is_multiple_of(6) {
        controls.apply(&Event::note(1, 60, 0.8));
    }
    controls.apply(&Event::osc("/bend/1", &[(frame as f64).sin(), f64::NAN]));
    Arc::new(controls)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_same_inputs_give_the_same_programs_with_any_scratch(drawn in drawn(60)) {
        let patch = graph(&drawn);
        let (Some(_), _) = Plan::compile(&patch, LIBRARY) else { return Ok(()) };
        let (mut kept, mut again) = (Runner::new(&patch), Runner::new(&patch));
        for call in 0..6 {
            let controls = played(3 * call);
            let first = text(kept.call(&controls, 3));
            // Each denoising step evaluates a call again, from the memory before it.
            again.scratch = Scratch::default();
            let before = again.memory.clone();
            again.call(&controls, 3);
            again.memory.copy_from(&before);
            again.frame -= 3;
            prop_assert_eq!(&first, &text(again.call(&controls, 3)));
            prop_assert_eq!(&kept.memory, &again.memory);
        }
    }

    #[test]
    fn calls_of_any_length_give_the_same_numbers(drawn in drawn(40), lengths in prop::collection::vec(1_usize..5, 1..5)) {
        let patch = graph(&drawn);
        let (Some(_), _) = Plan::compile(&patch, LIBRARY) else { return Ok(()) };
        let (mut parts, mut whole) = (Runner::new(&patch), Runner::new(&patch));
        let mut controls = played(0);
        // Events belong to the first frame of a call. Without them, calls of any length have the same inputs.
        Arc::make_mut(&mut controls).end_frame();
        for &frames in &lengths {
            parts.call(&controls, frames);
        }
        whole.call(&controls, lengths.iter().sum());
        prop_assert_eq!(&parts.memory, &whole.memory);
    }

    #[test]
    fn an_edit_leaves_every_other_node_as_it_was(drawn in drawn(40), spare in any::<prop::sample::Index>()) {
        let patch = graph(&drawn);
        let (Some(_), _) = Plan::compile(&patch, LIBRARY) else { return Ok(()) };
        // A node without outgoing cables or requests is added, edited and removed while the patch runs.
        let kinds: Vec<_> = LIBRARY.iter().filter(|def| def.outputs.iter().all(|output| output.kind == Kind::Number)
            && !def.outputs.is_empty() && !["time.tempo", "tap.picture"].contains(&def.name)).collect();
        let mut edited = patch.clone();
        let new = node(spare.get(&kinds).name, &json!({}));
        let edits = [
            vec![LevelEdit::AddNode { id: "another".into(), node: new, pos: [0.0, 0.0] }],
            vec![LevelEdit::Move { id: "another".into(), pos: [9.0, 9.0] }],
            vec![LevelEdit::RemoveNode { id: "another".into() }],
        ];
        let (mut still, mut live) = (Runner::new(&patch), Runner::new(&patch));
        for (call, edits) in edits.into_iter().enumerate() {
            let controls = played(3 * call as u64);
            still.call(&controls, 3);
            for edit in edits {
                edited.apply(edit).expect("an edit");
            }
            live.plan = compile(&edited);
            live.call(&controls, 3);
            prop_assert_eq!(text(&still.program), text(&live.program));
            for (id, node) in &patch.nodes {
                let def = LIBRARY.iter().find(|def| def.name == node.kind).expect("a node");
                for output in def.outputs {
                    let bits = |runner: &Runner| runner.memory.output(id, output.name).map(f64::to_bits);
                    prop_assert_eq!(bits(&still), bits(&live), "{}.{}", id, output.name);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_random_graph_never_panics_and_never_gives_what_is_not_finite(drawn in drawn(500)) {
        let patch = graph(&drawn);
        let (Some(_), _) = Plan::compile(&patch, LIBRARY) else { return Ok(()) };
        let mut runner = Runner::new(&patch);
        for call in 0..4 {
            let program = runner.call(&played(3 * call), 3);
            let finite = |lanes: &[f64]| lanes.len() == 3 && lanes.iter().all(|x| x.is_finite());
            for bend in &program.bends {
                prop_assert!(finite(&bend.amount) && bend.params.iter().all(|(_, lanes)| finite(lanes)), "{}", program);
            }
            for message in &program.messages {
                let is_number = !message.values.is_empty();
                prop_assert!(message.lanes() == 3 && (finite(&message.values) || !is_number), "{}", program);
            }
        }
    }
}

#[test]
fn a_gate_is_on_from_a_half_until_it_falls_below_a_tenth() {
    let levels = [0.0, 0.4, 0.5, 0.2, 0.09, 0.45, 0.6];
    let mut runner = Runner::new(&patch(
        &[
            ("n", "osc.in", json!({})),
            ("e", "modulate.envelope", json!({ "attack": 0.0, "release": 0.0, "sustain": 1.0 })),
        ],
        &[("n.out", "e.gate")],
    ));
    let mut controls = Controls::default();
    let heights = levels.map(|level| {
        controls.apply(&osc("/bend/1", level));
        runner.call(&Arc::new(controls.clone()), 1);
        controls.end_frame();
        runner.memory.output("e", "out").expect("a number")
    });
    assert_eq!(heights.map(|height| height > 0.0), [false, false, true, true, false, false, true]);
}

#[test]
fn a_number_that_is_not_finite_is_held_and_its_port_named() {
    let mut runner = Runner::new(&patch(&[("n", "osc.in", json!({ "held": 0.25 }))], &[]));
    for (arrives, stands, named) in
        [(0.5, 0.5, false), (f64::NAN, 0.5, true), (f64::INFINITY, 0.5, true), (0.75, 0.75, false)]
    {
        let controls = Arc::new(Controls::from_iter([osc("/bend/1", arrives)]));
        runner.call(&controls, 2);
        assert_eq!(runner.memory.output("n", "out"), Some(stands), "{arrives}");
        let held: Vec<_> = runner.scratch.held().iter().map(|(node, output)| (node.to_string(), *output)).collect();
        assert_eq!(held, if named { vec![("n".to_owned(), "out")] } else { vec![] }, "{arrives}");
    }
}

/// Every node recovers from the largest numbers, on each input in turn and on all at once.
#[test]
fn no_node_is_lost_to_numbers_that_are_too_large() {
    for def in LIBRARY {
        let takes = |input: &&Input| matches!(input.kind, Kind::Number | Kind::Any);
        let names: Vec<&str> = def.inputs.iter().filter(takes).map(|input| input.name).collect();
        let each = names.iter().map(std::slice::from_ref);
        for names in each.chain([&names[..]]).filter(|names| !names.is_empty()) {
            let cables: Vec<String> = names.iter().map(|name| format!("n.{name}")).collect();
            let cables: Vec<(&str, &str)> = cables.iter().map(|to| ("storm.out", to.as_str())).collect();
            let mut patch = patch(&[("storm", "osc.in", json!({})), ("n", def.name, json!({}))], &cables);
            let depths = &mut patch.nodes.get_mut("n").expect("a node").depths;
            depths.extend(
                names.iter().zip([1.0, -1.0].into_iter().cycle()).map(|(name, depth)| (name.to_string(), depth)),
            );
            let mut runner = Runner::new(&patch);
            for (number, calls) in [(f64::MAX, 3), (f64::MIN, 3), (f64::MAX, 3), (1000.0, 3), (0.0, 12)] {
                let controls = Arc::new(Controls::from_iter([osc("/bend/1", number)]));
                (0..calls).for_each(|_| drop(runner.call(&controls, 3).clone()));
            }
            assert_eq!(runner.scratch.held(), [], "{} by its {names:?}", def.name);
        }
    }
}

#[test]
fn a_knob_at_zero_that_turns_in_even_ratios_stays_there_whatever_moves_it() {
    let nodes = [("big", "osc.in", json!({})), ("lfo", "modulate.lfo", json!({ "rate": 0.0, "offset": 0.5 }))];
    let mut runner = Runner::new(&patch(&nodes, &[("big.out", "lfo.rate")]));
    for number in [1000.0, f64::MAX, f64::MIN, 0.0] {
        let controls = Arc::new(Controls::from_iter([osc("/bend/1", number)]));
        runner.call(&controls, 3);
        assert_eq!((runner.memory.output("lfo", "out"), runner.scratch.held()), (Some(0.5), &[][..]), "{number}");
    }
}

#[test]
fn a_bypassed_node_passes_its_declared_input_only() {
    let nodes = [
        ("one", "control.number", json!({ "value": 0.7 })),
        ("double", "math.expression", json!({ "formula": "2 * a" })),
        ("lfo", "modulate.lfo", json!({ "offset": 5.0 })),
        ("sum", "math.math", json!({ "b": 1.0 })),
        ("range", "math.range", json!({ "out_min": 3.0, "out_max": 4.0 })),
        ("words", "target.words", json!({ "words": "red" })),
        ("late", "target.layers", json!({ "first": 4 })),
        ("map", "tap.map", json!({})),
    ];
    let cables = [
        ("one.out", "double.a"),
        ("one.out", "sum.a"),
        ("sum.out", "range.in"),
        ("late.target", "words.within"),
        ("words.target", "map.target"),
    ];
    let mut patch = patch(&nodes, &cables);
    for id in ["double", "lfo", "words", "sum", "range"] {
        patch.apply(LevelEdit::Bypass { id: id.to_owned(), bypass: true }).expect("an edit");
    }
    let mut runner = Runner::new(&patch);
    assert_eq!(runner.call(&Arc::default(), 1).taps[0].target.to_string(), "layers 4-end");
    assert_eq!((runner.memory.output("double", "out"), runner.memory.output("lfo", "out")), (Some(0.7), Some(0.0)));
    assert_eq!((runner.memory.output("sum", "out"), runner.memory.output("range", "out")), (Some(0.7), Some(0.7)));
}

#[test]
fn a_knob_that_turns_in_even_ratios_is_moved_along_its_travel() {
    // The rate travels from 0.01 to 2 Hz: half of that is a factor of √200.
    let patch = patch(
        &[
            ("n", "control.number", json!({ "value": 1.0 })),
            ("lfo", "modulate.lfo", json!({ "rate": 0.02, "shape": "saw_up" })),
        ],
        &[("n.out", "lfo.rate")],
    );
    let rate = |depth: f64| {
        let mut patch = patch.clone();
        let name = "rate".to_owned();
        patch.apply(LevelEdit::SetDepth { id: "lfo".to_owned(), name, depth: Some(depth) }).expect("an edit");
        let mut runner = Runner::new(&patch);
        runner.call(&Arc::default(), 2);
        runner.memory.output("lfo", "out").expect("a number") / DT_SECS
    };
    for (depth, expected) in [(0.0, 0.02), (0.5, 0.02 * 200f64.sqrt()), (1.0, 4.0), (-1.0, 0.0001)] {
        assert!((rate(depth) - expected).abs() < 1e-9 * expected.max(1.0), "{depth}: {}", rate(depth));
    }
}

#[test]
fn ports_that_take_anything_are_of_the_kind_of_what_arrives() {
    let texts = [
        ("one", "prompt.text", json!({ "text": "a red circle" })),
        ("two", "prompt.text", json!({ "text": "a blue square" })),
        ("it", "logic.switch", json!({ "index": 1 })),
        ("way", "view.reroute", json!({})),
        ("wan", "model.wan", json!({})),
        ("n", "control.number", json!({})),
    ];
    let cables = [("one.text", "it.a"), ("two.text", "it.b"), ("it.out", "way.in"), ("way.out", "wan.prompt")];
    let mut runner = Runner::new(&patch(&texts, &cables));
    assert_eq!(&*runner.call(&Arc::default(), 1).prompt, "a blue square");
    for (from, to) in [("n.out", "it.c"), ("way.out", "wan.bends")] {
        let mut wrong = patch(&texts, &cables);
        wrong.cables.push(cable(from, to));
        let (plan, problems) = Plan::compile(&wrong, LIBRARY);
        assert!(plan.is_none() && problems.len() == 1 && problems[0].pointer == "/cables/4/to", "{problems:?}");
    }
    // Bends go through, too.
    let mut bent = Runner::new(&patch(
        &[
            ("a", "bend.gain", json!({ "gain": 2.0 })),
            ("b", "bend.flip", json!({ "vertical": true })),
            ("it", "logic.switch", json!({ "index": 0 })),
            ("wan", "model.wan", json!({})),
        ],
        &[("a.bends", "b.bends"), ("a.bends", "it.a"), ("b.bends", "it.b"), ("it.out", "wan.bends")],
    ));
    let nodes: Vec<_> = bent.call(&Arc::default(), 1).bends.iter().map(|bend| bend.node.to_string()).collect();
    assert_eq!(nodes, ["a"]);
}

#[test]
fn a_formula_is_worked_out_of_its_inputs_the_time_and_the_beat() {
    let formula = |formula: &str| {
        let nodes = [
            ("lfo", "modulate.lfo", json!({ "rate": 1.0, "shape": "saw_up" })),
            ("it", "math.expression", json!({ "formula": formula })),
        ];
        output(&nodes, &[("lfo.out", "it.b")], "it.out", 4)
    };
    assert_near(&formula("2 * b + 1"), &[1.0, 1.5, 2.0, 2.5]);
    assert_near(&formula("t * fps - frame"), &[0.0; 4]);
    // 120 beats per minute are half a beat per latent frame.
    assert_near(&formula("beat"), &[0.0, 0.5, 1.0, 1.5]);
    assert_near(&formula("1 / b"), &[0.0, 4.0, 2.0, 4.0 / 3.0]);
    let random = formula("rnd(1, frame)");
    assert!(random.iter().all(|x| (0.0..1.0).contains(x)) && random[0].to_bits() != random[1].to_bits(), "{random:?}");
    let (plan, problems) =
        Plan::compile(&patch(&[("it", "math.expression", json!({ "formula": "sin(t" }))], &[]), LIBRARY);
    assert!(plan.is_none() && problems[0].message.contains('^'), "{problems:?}");
}

#[test]
fn a_muted_cable_carries_nothing() {
    let mut muted = patch(
        &[("n", "control.number", json!({ "value": 0.5 })), ("it", "math.math", json!({}))],
        &[("n.out", "it.a")],
    );
    let received = |patch: &Patch| {
        let mut runner = Runner::new(patch);
        runner.call(&Arc::default(), 1);
        runner.memory.output("it", "out")
    };
    assert_eq!(received(&muted), Some(0.5));
    muted.cables[0].mute = true;
    assert_eq!(received(&muted), Some(0.0));
    assert!(muted.cable_to(&"it.a".parse::<Port>().expect("a port")).is_some());
}

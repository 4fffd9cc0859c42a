//! A patch checked, sorted and indexed: made once per edit, run many times.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use petgraph::algo::{kosaraju_scc, toposort};
use petgraph::graph::DiGraph;
use serde_json::Value as Json;

use crate::curve;
use crate::def::{Curve, Grammar, Input, Late, NodeDef, Output, Preset};
use crate::error::{Code, Problem, Severity};
use crate::expression::Expression;
use crate::memory::{Cells, Layout};
use crate::patch::{Cable, Engine, Node, Patch};
use crate::run::seed_of;
use crate::target::listed;
use crate::value::{Kind, Value};

/// A patch ready to run.
#[derive(Debug, Default)]
pub struct Plan {
    /// The nodes in the order in which they run.
    pub(crate) nodes: Vec<Slot>,
    /// Which plan it is: each has a number of its own.
    pub(crate) number: u64,
    /// Inputs and outputs of all nodes together.
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// The outputs that are read in the next frame.
    pub(crate) late: Vec<usize>,
    /// Where the nodes' memory lies.
    pub(crate) layout: Arc<Layout>,
    /// The seed of the patch.
    pub(crate) seed: u64,
    /// Its tempo, in beats per minute.
    pub(crate) tempo: f64,
}

/// A node of a plan.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: Arc<str>,
    pub(crate) def: &'static NodeDef,
    pub(crate) bypass: bool,
    /// The seed of its random numbers.
    pub(crate) seed: u64,
    /// What each input gets.
    pub(crate) feeds: Vec<Feed>,
    /// Its inputs and outputs among those of all nodes.
    pub(crate) inputs: Range<usize>,
    pub(crate) outputs: Range<usize>,
    /// Its memory.
    pub(crate) cells: Cells,
}

/// What an input gets.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    /// What its knob or field says.
    pub(crate) base: Option<Value>,
    /// The cable that ends there.
    pub(crate) cable: Option<Source>,
}

impl Feed {
    /// The number that it always gives, if no cable changes it.
    fn constant(&self) -> Option<f64> {
        match (&self.base, &self.cable) {
            (Some(Value::Number(number)), None) => Some(*number),
            _ => None,
        }
    }
}

/// Where a cable comes from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The output among those of all nodes.
    pub(crate) output: usize,
    /// Which of its values arrives.
    pub(crate) from: Arrives,
    /// What it does to the knob.
    pub(crate) gain: Gain,
}

/// Which value of an output arrives.
#[derive(Clone, Debug)]
pub(crate) enum Arrives {
    /// That of this frame: of this output among those of all nodes.
    Now(usize),
    /// That of the frame before: of this one of [`Plan::late`].
    Late(usize),
    /// What was measured in the model call before: of this node, under this name.
    Measured(Arc<str>, &'static str),
}

/// How a cable moves a knob.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gain {
    /// What arrives takes the knob's place.
    Replaces,
    /// Times this, it is added: the depth in parts of the knob's travel.
    Adds(f64),
    /// Of a knob that turns in even ratios: times this, it is the logarithm of the factor.
    Scales(f64),
}

impl Gain {
    /// How a cable of this depth, −1 to 1 of the knob's travel, moves the knob of an input.
    pub fn of(input: &Input, depth: f64) -> Self {
        let ((low, high), depth) = (input.soft, depth.clamp(-1.0, 1.0));
        match input.curve {
            _ if input.signal || input.kind != Kind::Number => Self::Replaces,
            Curve::Linear => Self::Adds(depth * (high - low)),
            Curve::Log => Self::Scales(depth * (high / low).ln()),
        }
    }

    /// The value of a knob that stands at `base` when `x` arrives.
    pub fn moved(self, base: f64, x: f64) -> f64 {
        match self {
            Self::Replaces => x,
            Self::Adds(gain) => base + gain * x,
            Self::Scales(gain) => base * (gain * x).exp(),
        }
    }
}

/// How far a cable moves a knob if nobody has said anything: far enough to be seen.
pub const DEFAULT_DEPTH: f64 = 0.25;

/// Plans made so far, and one: 0 is that of no workspace.
static PLANS: AtomicU64 = AtomicU64::new(1);

/// Problems after which no more names of nodes are suggested.
const MOST_SUGGESTIONS: usize = 100;
/// The nodes of a patch, at most.
pub const MOST_NODES: usize = 4096;
/// The bends that act, one after the other, at most.
pub const MOST_BENDS: usize = 256;
/// The target nodes that a target is made by, at most; one that is used twice counts twice.
pub const MOST_TARGETS: usize = 64;
/// Pictures within pictures, at most.
pub const MOST_DEEP: usize = 64;
/// The parts that a picture is made of, at most; one that is used twice counts twice, as it does when a program is written.
pub const MOST_PARTS: usize = 1024;

impl Plan {
    /// Compiles a patch with this library. The plan is there if no problem is an error.
    pub fn compile(patch: &Patch, library: &[&'static NodeDef]) -> (Option<Self>, Vec<Problem>) {
        let mut compiler = Compiler { patch, library, problems: Vec::new() };
        let plan = compiler.compile();
        let failed = compiler.problems.iter().any(|problem| problem.severity == Severity::Error);
        (plan.filter(|_| !failed), compiler.problems)
    }

    /// The seed of the patch.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The ids of the nodes, in the order in which they run.
    pub fn order(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|slot| &*slot.id)
    }
}

struct Compiler<'a> {
    patch: &'a Patch,
    library: &'a [&'static NodeDef],
    problems: Vec<Problem>,
}

impl Compiler<'_> {
    fn compile(&mut self) -> Option<Plan> {
        let count = self.patch.nodes.len();
        if count > MOST_NODES {
            let message = format!("{count} nodes are more than can be run; take some out, down to {MOST_NODES}");
            self.problems.push(Problem::error(Code::TooMany, "/nodes", message));
            return None;
        }
        let mut defs: BTreeMap<&str, &'static NodeDef> = BTreeMap::new();
        for (id, node) in &self.patch.nodes {
            if let Some(def) = self.library.iter().find(|def| def.name == node.kind) {
                defs.insert(id, def);
            } else {
                let message = format!("this bendrack has no node {:?}; it is kept and does nothing", node.kind);
                let names = self.library.iter().map(|def| def.name);
                let pointer = format!("/nodes/{id}/type");
                self.problems.push(Problem::warning(Code::UnknownNode, pointer, message).meant(&node.kind, names));
            }
        }
        let patch = self.patch;
        let mut taken = BTreeSet::new();
        let joined = (0..patch.cables.len()).filter_map(|i| {
            let is_free = taken.insert(&patch.cables[i].to);
            self.join(i, &defs, is_free)
        });
        let cables: Vec<Joined<'_>> = joined.collect();
        let order = self.sort(&defs, &cables)?;
        let mut cables_to: BTreeMap<&str, Vec<&Joined<'_>>> = BTreeMap::new();
        for cable in &cables {
            cables_to.entry(cable.to).or_default().push(cable);
        }

        let ids: BTreeMap<&str, Arc<str>> = order.iter().map(|&id| (id, Arc::from(id))).collect();
        let layout = Layout::new(order.iter().map(|&id| (&ids[id], defs[id])));
        let (mut first_output, mut late) = (BTreeMap::new(), BTreeMap::new());
        let (mut inputs, mut outputs) = (0, 0);
        for &id in &order {
            first_output.insert(id, outputs);
            let delayed = defs[id].outputs.iter().enumerate().filter(|(_, output)| output.late == Some(Late::Frame));
            for (index, _) in delayed {
                late.insert(outputs + index, late.len());
            }
            outputs += defs[id].outputs.len();
        }
        let nodes = order.iter().map(|&id| {
            let (node, def) = (&self.patch.nodes[id], defs[id]);
            let mut feeds: Vec<Feed> =
                def.inputs.iter().map(|input| Feed { base: preset(input), cable: None }).collect();
            self.read_params(id, node, def, &mut feeds);
            for cable in cables_to.get(id).into_iter().flatten() {
                let input = &def.inputs[cable.input];
                let depth = node.depths.get(input.name).copied().unwrap_or(DEFAULT_DEPTH);
                let output = first_output[cable.from] + cable.output;
                let from = match late.get(&output) {
                    Some(index) => Arrives::Late(*index),
                    None => match defs[cable.from].outputs[cable.output] {
                        Output { late: Some(_), name, .. } => Arrives::Measured(ids[cable.from].clone(), name),
                        _ => Arrives::Now(output),
                    },
                };
                feeds[cable.input].cable = Some(Source { output, from, gain: Gain::of(input, depth) });
            }
            inputs += def.inputs.len();
            let outputs = first_output[id]..first_output[id] + def.outputs.len();
            // The layout was made of these nodes.
            let cells = layout.cells(id).cloned()?;
            let (id, bypass, seed) = (ids[id].clone(), node.bypass, seed_of(id, self.patch.engine.seed));
            Some(Slot { id, def, bypass, seed, feeds, inputs: inputs - def.inputs.len()..inputs, outputs, cells })
        });
        let nodes: Vec<Slot> = nodes.collect::<Option<_>>()?;
        self.weigh(&nodes, outputs);
        self.count_targets(&nodes, outputs);
        self.count_bends(&nodes, outputs);
        self.check_ranges(&nodes);
        self.check_sole(&nodes);
        let late: Vec<usize> = late.into_keys().collect();
        let number = PLANS.fetch_add(1, Ordering::Relaxed);
        let Engine { seed, tempo, .. } = self.patch.engine;
        Some(Plan { nodes, number, inputs, outputs, late, layout: Arc::new(layout), seed, tempo })
    }

    /// Checks a cable; one that leads nowhere, or where another one is, is reported and left out.
    fn join<'p>(
        &mut self,
        index: usize,
        defs: &BTreeMap<&'p str, &'static NodeDef>,
        is_free: bool,
    ) -> Option<Joined<'p>> {
        let Cable { from, to, .. } = &self.patch.cables[index];
        let pointer = |end: &str| format!("/cables/{index}/{end}");
        for (end, port) in [("from", from), ("to", to)] {
            if !self.patch.nodes.contains_key(&port.node) {
                // Every name is compared: a file full of wrong cables would take minutes.
                let is_suggested = self.problems.len() < MOST_SUGGESTIONS;
                let names = self.patch.nodes.keys().map(String::as_str).filter(|_| is_suggested);
                let message = format!("there is no node {:?}", port.node);
                self.problems.push(Problem::error(Code::NoSuchNode, pointer(end), message).meant(&port.node, names));
                return None;
            }
        }
        // An unknown node's cables are kept with it.
        let (&from_id, &from_def) = defs.get_key_value(from.node.as_str())?;
        let (&to_id, &to_def) = defs.get_key_value(to.node.as_str())?;
        let Some((output, source)) = from_def.output(&from.port) else {
            let message = format!("{} has no output {:?}", from_def.title, from.port);
            let names = from_def.outputs.iter().map(|output| output.name);
            self.problems.push(Problem::error(Code::NoSuchPort, pointer("from"), message).meant(&from.port, names));
            return None;
        };
        let Some((input, sink)) = to_def.input(&to.port) else {
            let message = format!("{} has no input {:?}", to_def.title, to.port);
            let names = to_def.inputs.iter().map(|input| input.name);
            self.problems.push(Problem::error(Code::NoSuchPort, pointer("to"), message).meant(&to.port, names));
            return None;
        };
        if sink.grammar.is_compiled() {
            let message = format!("{to} is written, not wired; write it into its field");
            self.problems.push(Problem::error(Code::KindsDiffer, pointer("to"), message));
            return None;
        }
        if !sink.kind.accepts(source.kind) {
            let message = format!("a {} cannot be plugged into {to}, which takes a {}", source.kind, sink.kind);
            self.problems.push(Problem::error(Code::KindsDiffer, pointer("to"), message));
            return None;
        }
        if !is_free {
            self.problems.push(Problem::error(Code::TwoCables, pointer("to"), format!("{to} has a cable already")));
            return None;
        }
        Some(Joined { from: from_id, output, to: to_id, input, late: source.late.is_some() })
    }

    /// The nodes in an order in which every cable that does not lead back goes forward.
    fn sort<'p>(&mut self, defs: &BTreeMap<&'p str, &'static NodeDef>, cables: &[Joined<'p>]) -> Option<Vec<&'p str>> {
        let mut graph = DiGraph::new();
        let index: BTreeMap<&str, _> = defs.keys().map(|&id| (id, graph.add_node(id))).collect();
        for cable in cables.iter().filter(|cable| !cable.late) {
            graph.add_edge(index[cable.from], index[cable.to], ());
        }
        if let Ok(order) = toposort(&graph, None) {
            return Some(order.into_iter().map(|node| graph[node]).collect());
        }
        for circle in kosaraju_scc(&graph) {
            let alone = circle.len() == 1 && graph.find_edge(circle[0], circle[0]).is_none();
            if !alone {
                let nodes: BTreeSet<&str> = circle.iter().map(|&node| graph[node]).collect();
                let names = nodes.iter().copied().collect::<Vec<_>>().join(", ");
                let first = nodes.first().copied().unwrap_or_default();
                let message = format!("{names} feed one another in a circle; put a delay or a tap between two of them");
                self.problems.push(Problem::error(Code::Circle, format!("/nodes/{first}"), message));
            }
        }
        None
    }

    /// Reports pictures that are too deep or too large to be written down.
    fn weigh(&mut self, nodes: &[Slot], outputs: usize) {
        let mut weights = vec![Weight::default(); outputs];
        for slot in nodes {
            let mut weight = Weight { deep: 1, parts: 1 };
            for source in arriving(slot, &[Kind::Picture, Kind::Map]) {
                weight.deep = weight.deep.max(weights[source.output].deep + 1);
                weight.parts += weights[source.output].parts;
            }
            if weight.deep > MOST_DEEP || weight.parts > MOST_PARTS {
                let message = format!(
                    "{} shows more pictures within pictures than can be made: {MOST_DEEP} deep and {MOST_PARTS} parts are the \
                     most; take some out",
                    slot.id
                );
                self.problems.push(Problem::error(Code::TooMany, format!("/nodes/{}", slot.id), message));
                // Said once; what shows this picture is not to blame.
                weight = Weight::default();
            }
            weights[slot.outputs.clone()].fill(weight);
        }
    }

    /// Reports targets that are made by too many nodes: they could have any number of parts.
    fn count_targets(&mut self, nodes: &[Slot], outputs: usize) {
        let mut counts = vec![0; outputs];
        for slot in nodes.iter().filter(|slot| slot.def.outputs.iter().any(|output| output.kind == Kind::Target)) {
            let mut count = 1 + arriving(slot, &[Kind::Target]).map(|source| counts[source.output]).sum::<usize>();
            if count > MOST_TARGETS {
                let message = format!("{} is made by more than {MOST_TARGETS} target nodes; take some out", slot.id);
                self.problems.push(Problem::error(Code::TooMany, format!("/nodes/{}", slot.id), message));
                // Said once; what narrows this target is not to blame.
                count = 0;
            }
            counts[slot.outputs.clone()].fill(count);
        }
    }

    /// Reports chains of bends that are too long, and models that are given too many.
    fn count_bends(&mut self, nodes: &[Slot], outputs: usize) {
        let mut lengths = vec![0; outputs];
        let mut asked = 0;
        for slot in nodes {
            let before: usize = arriving(slot, &[Kind::Bend]).map(|source| lengths[source.output]).sum();
            let ends = slot.def.outputs.iter().all(|output| output.kind != Kind::Bend);
            asked += if ends { before } else { 0 };
            let mut length = if ends { asked } else { before + 1 };
            if length > MOST_BENDS {
                let message = format!("there are more than {MOST_BENDS} bends up to {}; take some out", slot.id);
                self.problems.push(Problem::error(Code::TooMany, format!("/nodes/{}", slot.id), message));
                // Said once; what follows is not to blame.
                length = 0;
                asked = 0;
            }
            lengths[slot.outputs.clone()].fill(length);
        }
    }

    /// Reports ranges that run backwards, as their knobs stand.
    fn check_ranges(&mut self, nodes: &[Slot]) {
        for slot in nodes {
            for (last, input) in slot.feeds.iter().zip(slot.def.inputs) {
                let Some((index, begins)) = input.begins.and_then(|name| slot.def.input(name)) else { continue };
                if let (Some(first), Some(last)) = (slot.feeds[index].constant(), last.constant())
                    && first.round() > last.round()
                {
                    let message = format!("{} {first} is past {} {last}: nothing is meant", begins.name, input.name);
                    let pointer = format!("/nodes/{}/params/{}", slot.id, input.name);
                    self.problems.push(Problem::warning(Code::NoEffect, pointer, message));
                }
            }
        }
    }

    /// Reports nodes that say what a later one says otherwise, where a program has one of it.
    fn check_sole(&mut self, nodes: &[Slot]) {
        let mut latest: BTreeMap<(&str, &str), &Slot> = BTreeMap::new();
        for slot in nodes.iter().rev() {
            let inputs = slot.feeds.iter().zip(slot.def.inputs);
            for (_, input) in inputs.filter(|(feed, input)| input.sole && (feed.base.is_some() || feed.cable.is_some()))
            {
                let winner = *latest.entry((slot.def.name, input.name)).or_insert(slot);
                if winner.id != slot.id {
                    let (id, winner) = (&slot.id, &winner.id);
                    let message =
                        format!("{id} and {winner} both say what the {} is; that of {winner} is used", input.name);
                    self.problems.push(Problem::warning(Code::NoEffect, format!("/nodes/{id}"), message));
                }
            }
        }
    }

    /// What the knobs and fields of a node say.
    fn read_params(&mut self, id: &str, node: &Node, def: &'static NodeDef, feeds: &mut [Feed]) {
        for (name, json) in &node.params {
            let pointer = format!("/nodes/{id}/params/{name}");
            let Some((index, input)) = def.input(name) else {
                let message = format!("{} has no parameter {name:?}; it is kept and does nothing", def.title);
                let names = def.inputs.iter().map(|input| input.name);
                self.problems.push(Problem::warning(Code::UnknownParameter, pointer, message).meant(name, names));
                continue;
            };
            match read(input, json, pointer) {
                Ok((value, problem)) => {
                    feeds[index].base = Some(value);
                    self.problems.extend(problem);
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        for name in node.depths.keys().filter(|name| def.input(name).is_none()) {
            let message = format!("{} has no parameter {name:?}", def.title);
            self.problems.push(Problem::warning(Code::UnknownParameter, format!("/nodes/{id}/depths/{name}"), message));
        }
    }
}

/// A cable whose ends were found.
struct Joined<'p> {
    from: &'p str,
    output: usize,
    to: &'p str,
    input: usize,
    late: bool,
}

/// How large the picture on an output is at most, in other pictures.
#[derive(Clone, Copy, Default)]
struct Weight {
    deep: usize,
    parts: usize,
}

/// The cables that end at a node's inputs of these kinds.
fn arriving<'a>(slot: &'a Slot, kinds: &'a [Kind]) -> impl Iterator<Item = &'a Source> {
    let inputs = slot.feeds.iter().zip(slot.def.inputs);
    inputs.filter(|(_, input)| kinds.contains(&input.kind)).filter_map(|(feed, _)| feed.cable.as_ref())
}

/// The value of an input when nobody has said anything.
fn preset(input: &Input) -> Option<Value> {
    match input.default {
        Preset::Number(number) => Some(Value::Number(number)),
        Preset::Text(text) => read_text(input.grammar, text).ok().map(|(value, _)| value),
        Preset::Nothing => None,
    }
}

/// What a parameter says, and a warning if it had to be put right.
fn read(input: &Input, json: &Json, pointer: String) -> Result<(Value, Option<Problem>), Problem> {
    let expected = |what: &str| Problem::error(Code::BadValue, pointer.clone(), format!("{json} is not {what}"));
    match input.kind {
        Kind::Number if !input.choices.is_empty() => {
            let name = json.as_str().ok_or_else(|| expected(&format!("one of {}", input.choices.join(", "))))?;
            match input.choices.iter().position(|choice| *choice == name) {
                Some(choice) => Ok((Value::Number(choice as f64), None)),
                None => Err(expected(&format!("one of {}", input.choices.join(", ")))
                    .meant(name, input.choices.iter().copied())),
            }
        }
        Kind::Number => {
            let number = json.as_f64().ok_or_else(|| expected("a number"))?;
            let (low, high) = input.hard;
            let held = number.clamp(low, high);
            let moved = number != held;
            let warning = || {
                Problem::warning(
                    Code::OutOfRange,
                    pointer.clone(),
                    format!("{number} is outside of {low} to {high}; {held} is used"),
                )
            };
            Ok((Value::Number(held), moved.then(warning)))
        }
        Kind::Gate => match json {
            Json::Bool(on) => Ok((Value::Number(f64::from(u8::from(*on))), None)),
            _ => Err(expected("true or false")),
        },
        Kind::Text => {
            let text = json.as_str().ok_or_else(|| expected("a text"))?;
            read_text(input.grammar, text)
                .map_err(|why| Problem::error(Code::BadText, pointer.clone(), why))
                .map(|(value, warning)| (value, warning.map(|why| Problem::warning(Code::TooMany, pointer, why))))
        }
        kind => Err(Problem::error(Code::BadValue, pointer, format!("a {kind} comes by cable only"))),
    }
}

/// What a text says, and a warning if not all of it is used; else why it says nothing.
fn read_text(grammar: Grammar, text: &str) -> Result<(Value, Option<String>), String> {
    match grammar {
        Grammar::Free => Ok((Value::Text(text.into()), None)),
        Grammar::Words(most) => {
            let count = listed(text).count();
            let warning = (count > most).then(|| format!("{count} words; the first {most} are used"));
            Ok((Value::Text(text.into()), warning))
        }
        Grammar::Numbers(most) => {
            let parts = text.split(|c: char| c == ',' || c == ';' || c.is_whitespace()).filter(|part| !part.is_empty());
            let number = |part: &str| {
                curve::finite(part).ok_or_else(|| format!("{part:?} is no number; write numbers, such as 0, 0.5, 1"))
            };
            let mut numbers = parts.map(number).collect::<Result<Vec<f64>, _>>()?;
            let count = numbers.len();
            numbers.truncate(most);
            let warning = (count > most).then(|| format!("{count} numbers; the first {most} are used"));
            Ok((Value::Numbers(numbers.into()), warning))
        }
        Grammar::Keys => Ok((Value::Curve(Arc::new(curve::Curve::parse(text)?)), None)),
        Grammar::Expression => match Expression::parse(text) {
            Ok(expression) => Ok((Value::Expression(Arc::new(expression)), None)),
            Err(mistake) => Err(format!("{mistake}\n{}", mistake.caret(text))),
        },
    }
}

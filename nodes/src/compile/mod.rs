//! Compilation of a patch to a plan.

pub(crate) mod flatten;
mod limits;
pub(crate) mod params;
pub mod plan;
pub(crate) mod ports;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use petgraph::algo::{kosaraju_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

use crate::compile::flatten::{Flat, FlatCable, FlatNode, Spent, flat};
use crate::compile::plan::{
    Arrives, CLIP_PICTURES, DEFAULT_DEPTH, DENOISING_STEPS, Denoising, GUIDANCE_SCALES, Gain, Plan, SHIFTS, Slot,
    Source, TEMPI,
};
use crate::compile::ports::{End, missing_port};
use crate::compile::settings::Settings;
use crate::diagnostics::Diagnostics;
use crate::diagnostics::pointer::join;
use crate::diagnostics::{Code, Problem};
use crate::node::context::seed_of;
use crate::node::def::{Input, Latency, NodeDef, Output};
use crate::node::memory::Layout;
use crate::node::value::Kind;
use crate::patch::{DEFAULT_TEMPO, Definition, EngineSettings, Patch};

/// Number of the next plan. It starts at 1: 0 belongs to an unused [`Scratch`](crate::tick::Scratch).
static PLANS: AtomicU64 = AtomicU64::new(1);

/// Limit on the any-kind nodes in a row through which a kind is propagated.
const MOST_PASSED: usize = 256;

/// The kinds of ports that depend on cables, beside a plan. A patch with errors has them too.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    kinds: BTreeMap<Arc<str>, Kind>,
}

impl Resolved {
    /// Kind of the any-kind ports of a node, by its id in the plan; [`Kind::Any`] without a cable.
    pub fn kind(&self, id: &str) -> Kind {
        self.kinds.get(id).copied().unwrap_or(Kind::Any)
    }
}

impl Plan {
    /// Compiles a patch with this library. Returns the plan, none after an error, and all problems.
    ///
    /// ```
    /// use bendrack_nodes::LIBRARY;
    /// use bendrack_nodes::compile::plan::Plan;
    /// use bendrack_nodes::patch::{Node, Patch};
    ///
    /// let mut patch = Patch::default();
    /// patch.nodes.insert("wave".to_owned(), Node::new("modulate.lfo"));
    /// let (plan, problems) = Plan::compile(&patch, LIBRARY);
    /// assert!(problems.is_empty());
    /// assert_eq!(plan.expect("a plan").order().collect::<Vec<_>>(), ["wave"]);
    /// ```
    pub fn compile(patch: &Patch, library: &[&'static NodeDef]) -> (Option<Self>, Vec<Problem>) {
        let mut diagnostics = Diagnostics::new();
        let (plan, _) = Self::compile_into(patch, library, &mut diagnostics);
        (plan, diagnostics.into_problems())
    }

    /// Compiles a patch as [`Self::compile`] does, with the kinds of its ports.
    pub fn compile_resolved(patch: &Patch, library: &[&'static NodeDef]) -> (Option<Self>, Vec<Problem>, Resolved) {
        let mut diagnostics = Diagnostics::new();
        let (plan, resolved) = Self::compile_into(patch, library, &mut diagnostics);
        (plan, diagnostics.into_problems(), resolved)
    }

    /// [`Self::compile`] as one of several checks.
    pub(crate) fn compile_into(
        patch: &Patch,
        library: &[&'static NodeDef],
        diagnostics: &mut Diagnostics,
    ) -> (Option<Self>, Resolved) {
        let library: BTreeMap<&str, &'static NodeDef> = library.iter().map(|def| (def.name, *def)).collect();
        let Patch { engine, definitions, .. } = patch;
        let flat = flat(patch.scope(), "", definitions, &patch.maps, diagnostics, &mut Spent::default());
        let mut used = flat.used.clone();
        ports::check(definitions, &library, &used, diagnostics);
        let mut compiler = Compiler { library: &library, engine, diagnostics, settings: Settings::default() };
        let tempo = compiler.tempo();
        let (plan, resolved) = compiler.compile(&flat);
        let (master, denoising) = (compiler.master(), compiler.denoising());
        let plan = plan.map(|plan| Self { tempo, master, denoising, ..plan });
        let failed = compiler.diagnostics.failed();
        compiler.check_unused(definitions, &mut used);
        (plan.filter(|_| !failed), resolved)
    }
}

struct Compiler<'a> {
    library: &'a BTreeMap<&'a str, &'static NodeDef>,
    engine: &'a EngineSettings,
    diagnostics: &'a mut Diagnostics,
    settings: Settings,
}

/// A cable as indices: of its nodes, its output and its input.
struct Joined {
    from: usize,
    output: usize,
    to: usize,
    input: usize,
    kind: Kind,
    late: Option<Latency>,
}

/// The known nodes by their index in the patch, and the cables that arrive at them.
struct Known<'f, 'p> {
    nodes: &'f [FlatNode<'p>],
    defs: Vec<Option<&'static NodeDef>>,
    /// The output at the other end of each input's cable.
    arriving: BTreeMap<(usize, &'p str), (usize, &'p str)>,
}

impl Compiler<'_> {
    /// Warnings about unused subpatches. The patch runs despite them.
    fn check_unused<'p>(&mut self, definitions: &'p BTreeMap<String, Definition>, seen: &mut BTreeSet<&'p str>) {
        let mut spent = Spent::default();
        for (name, definition) in definitions {
            if !seen.insert(name) {
                continue;
            }
            let (first, pointer) = (self.diagnostics.count(), join("/definitions", [name]));
            let flat = flat(definition.scope(), &pointer, definitions, &[], self.diagnostics, &mut spent);
            if spent.is_too_much() {
                self.diagnostics.cut(first);
                let message = "the unused subpatches are too large to check; remove some";
                self.diagnostics.push(Problem::warning(Code::TooMany, pointer, message));
                return;
            }
            seen.extend(&flat.used);
            self.compile(&flat);
            self.diagnostics.soften(first);
        }
    }

    /// The master depth, within its limits.
    fn master(&mut self) -> f64 {
        self.held("master", "the depth", self.engine.master, 1.0, (0.0, 1.0))
    }

    /// The tempo of the patch, in beats per minute, within its limits.
    fn tempo(&mut self) -> f64 {
        self.held("tempo", "tempo", self.engine.tempo, DEFAULT_TEMPO, TEMPI)
    }

    /// The settings of denoising, within their limits.
    fn denoising(&mut self) -> Denoising {
        let &EngineSettings { steps, length, scheduler, shift, guidance, .. } = self.engine;
        Denoising {
            steps: steps.map(|steps| self.whole("steps", "denoising steps", steps, DENOISING_STEPS) as usize),
            clip: length.map(|length| self.clip(length)),
            scheduler,
            shift: shift.map(|shift| self.held("shift", "timestep shift", shift, 1.0, SHIFTS)),
            guidance: guidance.map(|scale| self.held("guidance", "guidance scale", scale, 1.0, GUIDANCE_SCALES)),
        }
    }

    /// The latent frames of a clip of so many pictures.
    fn clip(&mut self, pictures: u64) -> usize {
        let held = self.whole("length", "pictures of a clip", pictures, CLIP_PICTURES);
        let frames = Denoising::latent_frames(held);
        let whole = Denoising::pictures(frames);
        if whole != held {
            let message = format!("a clip has one more picture than a multiple of four; {whole} of {held} are made");
            self.diagnostics.push(Problem::warning(Code::OutOfRange, "/engine/length", message));
        }
        frames
    }

    /// A number of the run, within its limits.
    fn held(&mut self, key: &str, name: &str, number: f64, default: f64, (low, high): (f64, f64)) -> f64 {
        let held = if number.is_nan() { default } else { number.clamp(low, high) };
        if number != held {
            self.warn(key, format!("{name} {number} is outside {low} to {high}; {held} is used"), (low, high));
        }
        held
    }

    /// A whole number of the run, within its limits.
    fn whole(&mut self, key: &str, name: &str, number: u64, (low, high): (u64, u64)) -> u64 {
        let held = number.clamp(low, high);
        if number != held {
            self.warn(key, format!("{number} {name} are outside {low} to {high}; {held} is used"), (low, high));
        }
        held
    }

    fn warn<N: std::fmt::Display>(&mut self, key: &str, message: String, (low, high): (N, N)) {
        let problem = Problem::warning(Code::OutOfRange, format!("/engine/{key}"), message);
        self.diagnostics.push(problem.expected(format!("{low} to {high}")));
    }

    fn compile(&mut self, flat: &Flat<'_>) -> (Option<Plan>, Resolved) {
        let defs = flat.nodes.iter().map(|node| self.def(node)).collect();
        let arriving = flat.cables.iter().map(|cable| (cable.to, cable.from)).collect();
        let known = Known { nodes: &flat.nodes, defs, arriving };
        let resolved = Resolved { kinds: known.kinds() };
        (self.plan(flat, &known), resolved)
    }

    fn plan(&mut self, flat: &Flat<'_>, known: &Known<'_, '_>) -> Option<Plan> {
        let mut taken = BTreeSet::new();
        let cables: Vec<Joined> =
            flat.cables.iter().filter_map(|cable| self.join(cable, known, taken.insert(cable.to))).collect();
        let order = self.sort(known, &cables)?;
        let mut cables_to: BTreeMap<usize, Vec<&Joined>> = BTreeMap::new();
        for cable in &cables {
            cables_to.entry(cable.to).or_default().push(cable);
        }
        let mut layout = Layout::new(order.iter().map(|&(node, def)| (&flat.nodes[node].id, def)));
        let (first_output, late) = number_outputs(&order);
        let (mut inputs, mut outputs) = (0, 0);
        let mut nodes = Vec::with_capacity(order.len());
        for &(index, def) in &order {
            let node = &flat.nodes[index];
            let mut feeds = self.settings.feeds(node, def, self.diagnostics);
            for (feed, input) in feeds.iter_mut().zip(def.inputs).filter(|(feed, _)| !feed.maps.is_empty()) {
                feed.cells = layout.add_knob(&node.id, input.name, &feed.maps);
            }
            for cable in cables_to.get(&index).into_iter().flatten() {
                let input = &def.inputs[cable.input];
                let output = first_output[&cable.from] + cable.output;
                let from = match (cable.late, late.get(&output)) {
                    (None, _) => Arrives::Now(output),
                    (Some(_), Some(late)) => Arrives::Late(*late),
                    (Some(_), None) => {
                        let source = known.defs[cable.from]?.outputs[cable.output].name;
                        Arrives::Measured(flat.nodes[cable.from].id.clone(), source)
                    }
                };
                let gain = Gain::of(input, depth(node, input));
                feeds[cable.input].cable = Some(Source { output, kind: cable.kind, from, gain });
            }
            nodes.push(Slot {
                id: node.id.clone(),
                pointer: node.pointer.clone(),
                def,
                bypass: node.bypass,
                seed: seed_of(&node.id, self.engine.seed),
                feeds,
                inputs: inputs..inputs + def.inputs.len(),
                outputs: outputs..outputs + def.outputs.len(),
                cells: layout.cells(&node.id)?.clone(),
            });
            inputs += def.inputs.len();
            outputs += def.outputs.len();
        }
        let mut problems = Vec::new();
        limits::check(&nodes, outputs, &mut problems);
        self.diagnostics.extend(problems);
        self.diagnostics.extend(self.settings.idle_depths());
        Some(Plan {
            nodes,
            number: PLANS.fetch_add(1, Ordering::Relaxed),
            inputs,
            outputs,
            late: late.into_keys().collect(),
            layout: Arc::new(layout),
            seed: self.engine.seed,
            tempo: DEFAULT_TEMPO,
            denoising: Denoising::default(),
            master: 1.0,
        })
    }

    /// The declaration of a node; none, with a warning, for an unknown kind.
    fn def(&mut self, FlatNode { node, pointer, .. }: &FlatNode<'_>) -> Option<&'static NodeDef> {
        let known = self.library.get(node.kind.as_str()).copied();
        if known.is_none() {
            let message =
                format!("unknown node type {:?}, kept without effect; run bendrack nodes for a list", node.kind);
            let problem = Problem::warning(Code::UnknownNode, format!("{pointer}/type"), message);
            self.diagnostics.suggest(problem, &node.kind, self.library.values().copied());
        }
        known
    }

    /// Checks a cable; none, with an error, if an end is missing or the input has another cable.
    fn join(&mut self, cable: &FlatCable<'_>, known: &Known<'_, '_>, is_free: bool) -> Option<Joined> {
        let ((from, from_port), (to, to_port)) = (cable.from, cable.to);
        // Cables of unknown nodes stay in the patch, without effect.
        let (from_def, to_def) = (known.defs[from]?, known.defs[to]?);
        let pointer = |end: &str| format!("{}/{end}", cable.pointer);
        // The check of the definition reports ports inside it.
        let (is_within, is_to_within) = cable.within;
        let Some((output, source)) = from_def.output(from_port) else {
            return self.no_port(from_def, End::Output, from_port, pointer("from"), is_within);
        };
        let Some((input, sink)) = to_def.input(to_port) else {
            return self.no_port(to_def, End::Input, to_port, pointer("to"), is_to_within);
        };
        let place = format!("{}.{to_port}", known.nodes[to].id);
        if sink.grammar.is_compiled() {
            let message = format!("{place} takes no cable; type its text into the field");
            self.diagnostics.push(Problem::error(Code::KindsDiffer, pointer("to"), message));
            return None;
        }
        let kind = if source.kind == Kind::Any { known.kind(from) } else { source.kind };
        let wanted = if sink.kind == Kind::Any { known.kind(to) } else { sink.kind };
        if !wanted.accepts(kind) {
            let message = format!("cannot connect a {kind} to {place}; connect a {wanted}");
            let problem = Problem::error(Code::KindsDiffer, pointer("to"), message);
            self.diagnostics.push(problem.expected(wanted.name()));
            return None;
        }
        if !is_free {
            self.diagnostics.push(Problem::error(
                Code::TwoCables,
                pointer("to"),
                format!("{place} already has a cable; remove one"),
            ));
            return None;
        }
        Some(Joined { from, output, to, input, kind, late: source.latency })
    }

    /// Sorts the nodes so that each cable leads from an earlier to a later one; delayed cables may lead back.
    fn sort(&mut self, known: &Known<'_, '_>, cables: &[Joined]) -> Option<Vec<(usize, &'static NodeDef)>> {
        let mut graph = DiGraph::new();
        let index: BTreeMap<usize, NodeIndex> = (0..known.nodes.len())
            .filter(|&node| known.defs[node].is_some())
            .map(|node| (node, graph.add_node(node)))
            .collect();
        for cable in cables.iter().filter(|cable| cable.late.is_none()) {
            graph.add_edge(index[&cable.from], index[&cable.to], ());
        }
        if let Ok(order) = toposort(&graph, None) {
            return order.into_iter().map(|node| Some((graph[node], known.defs[graph[node]]?))).collect();
        }
        for circle in kosaraju_scc(&graph) {
            let alone = circle.len() == 1 && graph.find_edge(circle[0], circle[0]).is_none();
            if !alone {
                let nodes: BTreeSet<usize> = circle.iter().map(|&node| graph[node]).collect();
                let names: Vec<&str> = nodes.iter().map(|&node| &*known.nodes[node].id).collect();
                let message = match names[..] {
                    [one] => format!("{one} feeds itself; put a math.delay in between"),
                    _ => format!("{} form a loop; put a math.delay or a tap between two of them", names.join(", ")),
                };
                let first = nodes.first().map_or("", |&node| &known.nodes[node].pointer);
                self.diagnostics.push(Problem::error(Code::Circle, first, message));
            }
        }
        None
    }

    /// Reports a missing port of a node at the cable that names it.
    fn no_port(&mut self, def: &NodeDef, end: End, port: &str, pointer: String, is_within: bool) -> Option<Joined> {
        let known = def.ports(end);
        let message = missing_port(def.title, end, port, &known, &def.ports(end.other()));
        if !is_within {
            self.diagnostics.suggest(Problem::error(Code::NoSuchPort, pointer, message), port, known);
        }
        None
    }
}

impl Known<'_, '_> {
    /// The kinds of the any-kind ports, by the id of their node.
    fn kinds(&self) -> BTreeMap<Arc<str>, Kind> {
        let takes_any = |def: &NodeDef| def.inputs.iter().any(|input| input.kind == Kind::Any);
        let nodes = self.nodes.iter().enumerate();
        let nodes = nodes.filter(|(index, _)| self.defs[*index].is_some_and(takes_any));
        nodes.map(|(index, node)| (node.id.clone(), self.kind(index))).collect()
    }

    /// The kind of the any-kind ports of a node: that of the first cable that arrives at one of them.
    fn kind(&self, mut node: usize) -> Kind {
        for _ in 0..MOST_PASSED {
            let Some(def) = self.defs[node] else { return Kind::Any };
            let mut anything = def.inputs.iter().filter(|input| input.kind == Kind::Any);
            let Some(&(from, port)) = anything.find_map(|input| self.arriving.get(&(node, input.name))) else {
                return Kind::Any;
            };
            match self.defs[from].and_then(|def| def.output(port)) {
                Some((_, Output { kind: Kind::Any, .. })) => node = from,
                Some((_, output)) => return output.kind,
                None => return Kind::Any,
            }
        }
        Kind::Any
    }
}

/// Depth of a cable into an input: that of the outermost instance, or else that of the node.
fn depth(node: &FlatNode<'_>, input: &Input) -> f64 {
    let instances = node.depths.iter().rev().find(|(name, ..)| *name == input.name).map(|(_, depth, _)| *depth);
    instances.or_else(|| node.node.depths.get(input.name).copied()).unwrap_or(DEFAULT_DEPTH)
}

/// Two tables: by node, the index of its first output among all outputs; by delayed output, its index in
/// [`Plan::late`].
fn number_outputs(order: &[(usize, &'static NodeDef)]) -> (BTreeMap<usize, usize>, BTreeMap<usize, usize>) {
    let (mut first, mut late, mut count) = (BTreeMap::new(), BTreeMap::new(), 0);
    for &(node, def) in order {
        first.insert(node, count);
        for (index, _) in def.outputs.iter().enumerate().filter(|(_, output)| output.latency == Some(Latency::Frame)) {
            late.insert(count + index, late.len());
        }
        count += def.outputs.len();
    }
    (first, late)
}

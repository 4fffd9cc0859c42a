//! From a patch to its plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use petgraph::algo::{kosaraju_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

use crate::def::{Input, Late, NodeDef, Output};
use crate::error::{Code, Problem, Severity};
use crate::flat::{Flat, FlatCable, FlatNode, flat};
use crate::limits;
use crate::memory::Layout;
use crate::params::{preset, read};
use crate::patch::{Definition, Engine, Patch};
use crate::plan::{Arrives, DEFAULT_DEPTH, Feed, Gain, Plan, Slot, Source};
use crate::run::seed_of;
use crate::value::Kind;

/// Plans made so far, and one: 0 is that of no workspace.
static PLANS: AtomicU64 = AtomicU64::new(1);

/// Nodes that take anything, one behind the other, through which a kind is followed.
const MOST_PASSED: usize = 256;

impl Plan {
    /// Compiles a patch with this library. The plan is there if no problem is an error.
    pub fn compile(patch: &Patch, library: &[&'static NodeDef]) -> (Option<Self>, Vec<Problem>) {
        let library: BTreeMap<&str, &'static NodeDef> = library.iter().map(|def| (def.name, *def)).collect();
        let mut compiler = Compiler { library: &library, engine: &patch.engine, problems: Vec::new() };
        let flat = flat(patch.scope(), "", &patch.definitions, &patch.maps);
        let used = flat.used.clone();
        let plan = compiler.compile(flat);
        compiler.check_unused(&patch.definitions, &used);
        // What is wrong in a subpatch is so in each of its instances.
        let mut said = BTreeSet::new();
        compiler.problems.retain(|problem| said.insert((problem.pointer.clone(), problem.message.clone())));
        let failed = compiler.problems.iter().any(|problem| problem.severity == Severity::Error);
        (plan.filter(|_| !failed), compiler.problems)
    }
}

struct Compiler<'a> {
    library: &'a BTreeMap<&'a str, &'static NodeDef>,
    engine: &'a Engine,
    problems: Vec<Problem>,
}

/// A cable whose ends were found: indices of nodes, outputs and inputs.
struct Joined {
    from: usize,
    output: usize,
    to: usize,
    input: usize,
    kind: Kind,
    late: Option<Late>,
}

/// The nodes that are known, by their index in the patch, and what arrives where.
struct Known<'f, 'p> {
    nodes: &'f [FlatNode<'p>],
    defs: Vec<Option<&'static NodeDef>>,
    /// Where the cable comes from that ends at an input.
    arriving: BTreeMap<(usize, &'p str), (usize, &'p str)>,
}

impl Compiler<'_> {
    /// What is wrong with subpatches that are not used.
    fn check_unused(&mut self, definitions: &BTreeMap<String, Definition>, used: &[&str]) {
        let mut seen: BTreeSet<&str> = used.iter().copied().collect();
        for (name, definition) in definitions {
            if seen.insert(name) {
                let flat = flat(definition.scope(), &format!("/definitions/{name}"), definitions, &[]);
                seen.extend(&flat.used);
                self.compile(flat);
            }
        }
    }

    fn compile(&mut self, mut flat: Flat<'_>) -> Option<Plan> {
        self.problems.append(&mut flat.problems);
        let defs = flat.nodes.iter().map(|node| self.def(node)).collect();
        let arriving = flat.cables.iter().map(|cable| (cable.to, cable.from)).collect();
        let known = Known { nodes: &flat.nodes, defs, arriving };
        let mut taken = BTreeSet::new();
        let cables: Vec<Joined> =
            flat.cables.iter().filter_map(|cable| self.join(cable, &known, taken.insert(cable.to))).collect();
        let order = self.sort(&known, &cables)?;
        let mut cables_to: BTreeMap<usize, Vec<&Joined>> = BTreeMap::new();
        for cable in &cables {
            cables_to.entry(cable.to).or_default().push(cable);
        }
        let layout = Layout::new(order.iter().map(|&(node, def)| (&flat.nodes[node].id, def)));
        let (first_output, late) = number_outputs(&order);
        let (mut inputs, mut outputs) = (0, 0);
        let mut nodes = Vec::with_capacity(order.len());
        for &(index, def) in &order {
            let node = &flat.nodes[index];
            let mut feeds = self.read_params(node, def);
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
        limits::check(&nodes, outputs, &mut self.problems);
        Some(Plan {
            nodes,
            number: PLANS.fetch_add(1, Ordering::Relaxed),
            inputs,
            outputs,
            late: late.into_keys().collect(),
            layout: Arc::new(layout),
            seed: self.engine.seed,
            tempo: self.engine.tempo,
        })
    }

    /// The declaration of a node. One that is not known is reported and left out.
    fn def(&mut self, FlatNode { node, pointer, .. }: &FlatNode<'_>) -> Option<&'static NodeDef> {
        let known = self.library.get(node.kind.as_str()).copied();
        if known.is_none() {
            let message = format!("this bendrack has no node {:?}; it is kept and does nothing", node.kind);
            let problem = Problem::warning(Code::UnknownNode, format!("{pointer}/type"), message);
            self.problems.push(problem.meant(&node.kind, self.library.keys().copied()));
        }
        known
    }

    /// Checks a cable; one that leads nowhere, or where another one is, is reported and left out.
    fn join(&mut self, cable: &FlatCable<'_>, known: &Known<'_, '_>, is_free: bool) -> Option<Joined> {
        let ((from, from_port), (to, to_port)) = (cable.from, cable.to);
        // An unknown node's cables are kept with it.
        let (from_def, to_def) = (known.defs[from]?, known.defs[to]?);
        let pointer = |end: &str| format!("{}/{end}", cable.pointer);
        let Some((output, source)) = from_def.output(from_port) else {
            let message = format!("{} has no output {from_port:?}", from_def.title);
            let names = from_def.outputs.iter().map(|output| output.name);
            self.problems.push(Problem::error(Code::NoSuchPort, pointer("from"), message).meant(from_port, names));
            return None;
        };
        let Some((input, sink)) = to_def.input(to_port) else {
            let message = format!("{} has no input {to_port:?}", to_def.title);
            let names = to_def.inputs.iter().map(|input| input.name);
            self.problems.push(Problem::error(Code::NoSuchPort, pointer("to"), message).meant(to_port, names));
            return None;
        };
        let place = format!("{}.{to_port}", known.nodes[to].id);
        if sink.grammar.is_compiled() {
            let message = format!("{place} is written, not wired; write it into its field");
            self.problems.push(Problem::error(Code::KindsDiffer, pointer("to"), message));
            return None;
        }
        let kind = if source.kind == Kind::Any { known.kind(from) } else { source.kind };
        let wanted = if sink.kind == Kind::Any { known.kind(to) } else { sink.kind };
        if !wanted.accepts(kind) {
            let message = format!("a {kind} cannot be plugged into {place}, which takes a {wanted}");
            let problem = Problem::error(Code::KindsDiffer, pointer("to"), message);
            self.problems.push(problem.expected(wanted.name()));
            return None;
        }
        if !is_free {
            self.problems.push(Problem::error(Code::TwoCables, pointer("to"), format!("{place} has a cable already")));
            return None;
        }
        Some(Joined { from, output, to, input, kind, late: source.late })
    }

    /// The nodes in an order in which every cable that does not lead back goes forward.
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
                let message = format!(
                    "{} feed one another in a circle; put a delay or a tap between two of them",
                    names.join(", ")
                );
                let first = nodes.first().map_or("", |&node| &known.nodes[node].pointer);
                self.problems.push(Problem::error(Code::Circle, first, message));
            }
        }
        None
    }

    /// What the knobs and fields of a node say.
    fn read_params(&mut self, flat: &FlatNode<'_>, def: &'static NodeDef) -> Vec<Feed> {
        let mut feeds: Vec<Feed> =
            def.inputs.iter().map(|input| Feed { base: preset(input), map: None, cable: None }).collect();
        let own = flat.node.params.iter().map(|(name, json)| (name.as_str(), json, None));
        let others = flat.params.iter().map(|(name, json, pointer)| (*name, *json, Some(pointer)));
        for (name, json, pointer) in own.chain(others) {
            let pointer = pointer.map_or_else(|| format!("{}/params/{name}", flat.pointer), Clone::clone);
            let Some((index, input)) = def.input(name) else {
                self.unknown_parameter(def, name, pointer);
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
        for (name, map) in &flat.maps {
            if let Some((index, _)) = def.input(name).filter(|(_, input)| input.kind == Kind::Number) {
                feeds[index].map = Some(*map);
            }
        }
        for (name, depth) in &flat.node.depths {
            let pointer = format!("{}/depths/{name}", flat.pointer);
            if def.input(name).is_none() {
                self.unknown_parameter(def, name, pointer);
            } else if !(-1.0..=1.0).contains(depth) {
                let message = format!("{depth} is outside of -1 to 1; {} is used", depth.clamp(-1.0, 1.0));
                self.problems.push(Problem::warning(Code::OutOfRange, pointer, message).expected("-1 to 1"));
            }
        }
        feeds
    }

    fn unknown_parameter(&mut self, def: &NodeDef, name: &str, pointer: String) {
        let message = format!("{} has no parameter {name:?}; it is kept and does nothing", def.title);
        let names = def.inputs.iter().map(|input| input.name);
        self.problems.push(Problem::warning(Code::UnknownParameter, pointer, message).meant(name, names));
    }
}

impl Known<'_, '_> {
    /// The kind that the ports of a node have which take anything: that of the first cable that arrives at one of them.
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

/// How far a cable moves a knob: as the outermost instance says, else as the node says.
fn depth(node: &FlatNode<'_>, input: &Input) -> f64 {
    let instances = node.depths.iter().rev().find(|(name, _)| *name == input.name).map(|(_, depth)| *depth);
    instances.or_else(|| node.node.depths.get(input.name).copied()).unwrap_or(DEFAULT_DEPTH)
}

/// The first output of each node among those of all nodes, and which of them are read in the next frame, counted.
fn number_outputs(order: &[(usize, &'static NodeDef)]) -> (BTreeMap<usize, usize>, BTreeMap<usize, usize>) {
    let (mut first, mut late, mut count) = (BTreeMap::new(), BTreeMap::new(), 0);
    for &(node, def) in order {
        first.insert(node, count);
        for (index, _) in def.outputs.iter().enumerate().filter(|(_, output)| output.late == Some(Late::Frame)) {
            late.insert(count + index, late.len());
        }
        count += def.outputs.len();
    }
    (first, late)
}

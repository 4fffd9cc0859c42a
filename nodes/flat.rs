//! A patch without subpatches: each instance of one is replaced by the nodes of its definition.
//!
//! The nodes of an instance `a` have ids `a/…`, so that each instance remembers for itself; a problem is reported where its cause
//! is written, in the definition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use crate::error::{Code, Problem};
use crate::patch::{Cable, Definition, MidiMap, Node, Port};
use crate::plan::{MOST_CABLES, MOST_NESTED, MOST_NODES, MOST_PORTS, Map};

/// What the kind of an instance begins with; the definition's id follows.
pub const INSTANCE: &str = "sub.";
/// Problems after which no more names of nodes are suggested: a file full of wrong cables would take minutes.
const MOST_SUGGESTIONS: usize = 100;

/// The nodes and cables of a patch, in one plane.
#[derive(Default)]
pub(crate) struct Flat<'p> {
    pub(crate) nodes: Vec<FlatNode<'p>>,
    pub(crate) cables: Vec<FlatCable<'p>>,
    /// The definitions that were used.
    pub(crate) used: Vec<&'p str>,
    pub(crate) problems: Vec<Problem>,
}

/// A node that runs.
pub(crate) struct FlatNode<'p> {
    pub(crate) id: Arc<str>,
    /// Where it is written.
    pub(crate) pointer: String,
    pub(crate) node: &'p Node,
    pub(crate) bypass: bool,
    /// What instances say about its parameters instead: name, value and where that is written; the last one counts.
    pub(crate) params: Vec<(&'p str, &'p Json, String)>,
    /// The MIDI controllers that turn its knobs.
    pub(crate) maps: Vec<(&'p str, Map)>,
    /// What instances say about how far cables move its knobs.
    pub(crate) depths: Vec<(&'p str, f64)>,
}

/// A cable between nodes that run.
pub(crate) struct FlatCable<'p> {
    /// The index of the node, and the name of the port.
    pub(crate) from: (usize, &'p str),
    pub(crate) to: (usize, &'p str),
    /// Where it is written.
    pub(crate) pointer: String,
}

/// A patch or a definition.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'p> {
    pub(crate) nodes: &'p BTreeMap<String, Node>,
    pub(crate) cables: &'p [Cable],
}

/// What an id of a scope stands for.
enum Local<'p> {
    Node(usize),
    Instance(&'p Definition, Names<'p>),
    /// A node that is kept and does nothing.
    Unknown,
}

type Names<'p> = BTreeMap<&'p str, Local<'p>>;

/// Where an expansion is.
#[derive(Clone)]
struct Place {
    /// What the ids begin with.
    prefix: String,
    /// Where the scope is written.
    pointer: String,
    bypass: bool,
}

/// Replaces the instances of a scope that is written at `pointer`.
pub(crate) fn flat<'p>(
    scope: Scope<'p>,
    pointer: &str,
    definitions: &'p BTreeMap<String, Definition>,
    maps: &'p [MidiMap],
) -> Flat<'p> {
    let mut expansion = Expansion {
        definitions,
        flat: Flat::default(),
        within: Vec::new(),
        visited: 0,
        followed: 0,
        seen: BTreeSet::new(),
    };
    let place = Place { prefix: String::new(), pointer: pointer.to_owned(), bypass: false };
    let names = expansion.expand(scope, &place);
    expansion.refuse_twins();
    for MidiMap { channel, cc, to, range, .. } in maps {
        let map = Map { cc: (*channel, *cc), range: *range };
        for (index, port) in expansion.ends(to, &names) {
            expansion.flat.nodes[index].maps.push((port, map));
        }
    }
    expansion.flat
}

struct Expansion<'p> {
    definitions: &'p BTreeMap<String, Definition>,
    flat: Flat<'p>,
    /// The definitions that are being expanded, the outermost first.
    within: Vec<&'p str>,
    /// Nodes and instances that were looked at, and ports that were followed: hostile files could make these any number.
    visited: usize,
    followed: usize,
    /// Where problems were reported.
    seen: BTreeSet<String>,
}

impl<'p> Expansion<'p> {
    fn expand(&mut self, scope: Scope<'p>, place: &Place) -> Names<'p> {
        let mut names = Names::new();
        for (id, node) in scope.nodes {
            self.visited += 1;
            if self.visited > MOST_NODES {
                let message = format!("there are more nodes than can be run; take some out, down to {MOST_NODES}");
                self.once(Problem::error(Code::TooMany, "/nodes", message));
                break;
            }
            let pointer = format!("{}/nodes/{id}", place.pointer);
            let local = match node.kind.strip_prefix(INSTANCE) {
                None => {
                    let id = Arc::from(format!("{}{id}", place.prefix));
                    let bypass = place.bypass || node.bypass;
                    self.flat.nodes.push(FlatNode {
                        id,
                        pointer,
                        node,
                        bypass,
                        params: Vec::new(),
                        maps: Vec::new(),
                        depths: Vec::new(),
                    });
                    Local::Node(self.flat.nodes.len() - 1)
                }
                Some(name) => self.instance(name, id, node, place, &pointer),
            };
            names.insert(id, local);
        }
        for (index, cable) in scope.cables.iter().enumerate() {
            if self.flat.cables.len() >= MOST_CABLES {
                let message = format!("there are more cables than can be run; take some out, down to {MOST_CABLES}");
                self.once(Problem::error(Code::TooMany, "/cables", message));
                break;
            }
            self.cable(cable, &format!("{}/cables/{index}", place.pointer), &names);
        }
        names
    }

    /// Refuses nodes with the id of another: an id with a slash may be that of a node in an instance.
    fn refuse_twins(&mut self) {
        let mut ids: BTreeSet<Arc<str>> = BTreeSet::new();
        let is_twin = |node: &&FlatNode<'_>| !ids.insert(node.id.clone());
        let twins: Vec<_> =
            self.flat.nodes.iter().filter(is_twin).map(|it| (it.id.clone(), it.pointer.clone())).collect();
        for (id, pointer) in twins {
            let message =
                format!("{id:?} is the id of two nodes, of which one is in a subpatch; give one an id without a slash");
            self.once(Problem::error(Code::BadId, pointer, message));
        }
    }

    /// Puts the nodes of a definition where an instance of it is.
    fn instance(&mut self, name: &str, id: &str, node: &'p Node, place: &Place, pointer: &str) -> Local<'p> {
        let Some((name, definition)) = self.definitions.get_key_value(name) else {
            let message = format!("the patch has no subpatch {name:?}; its node is kept and does nothing");
            let known = self.definitions.keys().map(String::as_str);
            self.once(Problem::warning(Code::UnknownNode, format!("{pointer}/type"), message).meant(name, known));
            return Local::Unknown;
        };
        if self.within.contains(&name.as_str()) {
            let path = self.within.join(", ");
            let message = format!("a subpatch cannot contain itself; take {name} out of {path}");
            self.once(Problem::error(Code::Circle, format!("{pointer}/type"), message));
            return Local::Unknown;
        }
        if self.within.len() >= MOST_NESTED {
            let message = format!("subpatches lie more than {MOST_NESTED} deep in one another; take some out");
            self.once(Problem::error(Code::TooMany, format!("{pointer}/type"), message));
            return Local::Unknown;
        }
        if !self.flat.used.contains(&name.as_str()) {
            self.flat.used.push(name);
        }
        self.within.push(name);
        let inside = Place {
            prefix: format!("{}{id}/", place.prefix),
            pointer: format!("/definitions/{name}"),
            bypass: place.bypass || node.bypass,
        };
        let names = self.expand(definition.scope(), &inside);
        self.within.pop();
        self.check_ports(definition, &inside.pointer, &names);
        for (param, json) in &node.params {
            let pointer = format!("{pointer}/params/{param}");
            for (index, port) in self.knobs(definition, param, &names, &pointer) {
                self.flat.nodes[index].params.push((port, json, pointer.clone()));
            }
        }
        for (param, depth) in &node.depths {
            let pointer = format!("{pointer}/depths/{param}");
            for (index, port) in self.knobs(definition, param, &names, &pointer) {
                self.flat.nodes[index].depths.push((port, *depth));
            }
        }
        Local::Instance(definition, names)
    }

    /// The knobs that a parameter of an instance turns.
    fn knobs(
        &mut self,
        definition: &'p Definition,
        param: &str,
        names: &Names<'p>,
        pointer: &str,
    ) -> Vec<(usize, &'p str)> {
        if definition.inputs.iter().any(|inlet| inlet.name == param) {
            return self.inputs(definition, param, names);
        }
        let message = format!("the subpatch has no parameter {param:?}; it is kept and does nothing");
        let known = definition.inputs.iter().map(|inlet| inlet.name.as_str());
        self.once(Problem::warning(Code::UnknownParameter, pointer, message).meant(param, known));
        Vec::new()
    }

    /// Reports ports of a definition that lead to no node; whether the node has the port is seen when a cable is plugged in.
    fn check_ports(&mut self, definition: &Definition, pointer: &str, names: &Names<'p>) {
        for (ports, count) in [("inputs", definition.inputs.len()), ("outputs", definition.outputs.len())] {
            if count > MOST_PORTS {
                let message =
                    format!("{count} {ports} are more than a subpatch can have; take some out, down to {MOST_PORTS}");
                self.once(Problem::error(Code::TooMany, format!("{pointer}/{ports}"), message));
                return;
            }
        }
        let inlets = definition.inputs.iter().enumerate().flat_map(|(i, inlet)| {
            inlet.to.iter().enumerate().map(move |(j, port)| (format!("{pointer}/inputs/{i}/to/{j}"), port))
        });
        let outlets = definition
            .outputs
            .iter()
            .enumerate()
            .map(|(i, outlet)| (format!("{pointer}/outputs/{i}/from"), &outlet.from));
        for (pointer, port) in inlets.chain(outlets).collect::<Vec<_>>() {
            if !names.contains_key(port.node.as_str()) {
                self.missing(port, pointer, names);
            }
        }
    }

    /// Adds a cable; one that leads nowhere is reported and left out.
    fn cable(&mut self, cable: &'p Cable, pointer: &str, names: &Names<'p>) {
        let Cable { from, to, mute, .. } = cable;
        for (end, port) in [("from", from), ("to", to)] {
            let pointer = format!("{pointer}/{end}");
            match names.get(port.node.as_str()) {
                None => return self.missing(port, pointer, names),
                Some(Local::Instance(definition, _)) => {
                    let known: Vec<&str> = if end == "from" {
                        definition.outputs.iter().map(|outlet| outlet.name.as_str()).collect()
                    } else {
                        definition.inputs.iter().map(|inlet| inlet.name.as_str()).collect()
                    };
                    if !known.contains(&port.port.as_str()) {
                        let what = if end == "from" { "output" } else { "input" };
                        let message = format!("the subpatch of {} has no {what} {:?}", port.node, port.port);
                        return self.once(Problem::error(Code::NoSuchPort, pointer, message).meant(&port.port, known));
                    }
                }
                Some(Local::Node(_) | Local::Unknown) => {}
            }
        }
        if *mute {
            return;
        }
        let Some(from) = output(from, names) else { return };
        for to in self.ends(to, names) {
            self.flat.cables.push(FlatCable { from, to, pointer: pointer.to_owned() });
        }
    }

    /// The inputs of nodes that run, which a port stands for.
    fn ends(&mut self, to: &'p Port, names: &Names<'p>) -> Vec<(usize, &'p str)> {
        match names.get(to.node.as_str()) {
            Some(Local::Node(index)) => vec![(*index, to.port.as_str())],
            Some(Local::Instance(definition, inner)) => self.inputs(definition, &to.port, inner),
            Some(Local::Unknown) | None => Vec::new(),
        }
    }

    /// The inputs of nodes that run, which an input of an instance stands for.
    fn inputs(&mut self, definition: &'p Definition, name: &str, names: &Names<'p>) -> Vec<(usize, &'p str)> {
        let mut ends = Vec::new();
        for port in definition.inputs.iter().filter(|inlet| inlet.name == name).flat_map(|inlet| &inlet.to) {
            self.followed += 1;
            if self.followed > MOST_CABLES {
                let message =
                    format!("subpatches have more inputs than can be followed; take some out, down to {MOST_CABLES}");
                self.once(Problem::error(Code::TooMany, "/definitions", message));
                break;
            }
            match names.get(port.node.as_str()) {
                Some(Local::Node(index)) => ends.push((*index, port.port.as_str())),
                Some(Local::Instance(definition, inner)) => ends.extend(self.inputs(definition, &port.port, inner)),
                Some(Local::Unknown) | None => {}
            }
        }
        ends
    }

    fn missing(&mut self, port: &Port, pointer: String, names: &Names<'p>) {
        let is_suggested = self.flat.problems.len() < MOST_SUGGESTIONS;
        let known = names.keys().copied().filter(|_| is_suggested);
        let message = format!("there is no node {:?}", port.node);
        self.once(Problem::error(Code::NoSuchNode, pointer, message).meant(&port.node, known));
    }

    /// Reports a problem: once, however many instances have it.
    fn once(&mut self, problem: Problem) {
        if self.seen.insert(problem.pointer.clone()) {
            self.flat.problems.push(problem);
        }
    }
}

/// The output of a node that runs, which a port stands for.
fn output<'p>(port: &'p Port, names: &Names<'p>) -> Option<(usize, &'p str)> {
    match names.get(port.node.as_str())? {
        Local::Node(index) => Some((*index, &port.port)),
        Local::Instance(definition, inner) => {
            let outlet = definition.outputs.iter().find(|outlet| outlet.name == port.port)?;
            output(&outlet.from, inner)
        }
        Local::Unknown => None,
    }
}

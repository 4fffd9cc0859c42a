//! Expansion of subpatches: the nodes of a definition replace each of its instances.
//!
//! The nodes of an instance `a` have ids `a/…`, so that each instance has its own memory. The JSON pointer
//! of a problem leads into the definition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use crate::compile::plan::{MOST_CABLES, MOST_NESTED, MOST_NODES, MOST_PORTS};
use crate::compile::ports::{End, missing_port, unknown_node};
use crate::diagnostics::Diagnostics;
use crate::diagnostics::pointer::join;
use crate::diagnostics::{Code, Problem};
use crate::patch::{Cable, ControlMap, Definition, INSTANCE, Node, Port, Scope};

/// The nodes and cables of a patch without subpatches.
#[derive(Default)]
pub(crate) struct Flat<'p> {
    pub(crate) nodes: Vec<FlatNode<'p>>,
    pub(crate) cables: Vec<FlatCable<'p>>,
    /// The definitions that were used.
    pub(crate) used: BTreeSet<&'p str>,
}

/// A node in the expanded patch.
pub(crate) struct FlatNode<'p> {
    pub(crate) id: Arc<str>,
    /// JSON pointer to the node.
    pub(crate) pointer: String,
    pub(crate) node: &'p Node,
    pub(crate) bypass: bool,
    /// Parameters that instances override: name, value and JSON pointer; the last one counts.
    pub(crate) params: Vec<(&'p str, &'p Json, String)>,
    /// The MIDI controllers that turn its knobs.
    pub(crate) maps: Vec<(&'p str, &'p ControlMap)>,
    /// Depths of cables that instances override: input, depth and JSON pointer.
    pub(crate) depths: Vec<(&'p str, f64, String)>,
}

/// A cable in the expanded patch.
pub(crate) struct FlatCable<'p> {
    /// The index of the node, and the name of the port.
    pub(crate) from: (usize, &'p str),
    pub(crate) to: (usize, &'p str),
    /// For `from` and `to`: true if the port is that of an inner node, found through a definition.
    pub(crate) within: (bool, bool),
    /// JSON pointer to the cable.
    pub(crate) pointer: String,
}

/// A node of a scope, by its id.
enum Local<'p> {
    Node(usize),
    Instance(&'p Definition, Names<'p>),
    /// A node without effect, of an unknown kind.
    Unknown,
}

type Names<'p> = BTreeMap<&'p str, Local<'p>>;

/// The position of an expansion.
#[derive(Clone)]
struct Place {
    /// The prefix of the ids.
    prefix: String,
    /// JSON pointer to the scope.
    pointer: String,
    bypass: bool,
}

/// Counts of nodes, cables and ports visited so far. They bound the time for a hostile file.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    /// Nodes and instances.
    nodes: usize,
    /// Cables, with those that are muted or have a missing end.
    cables: usize,
    /// Ports of instances.
    ports: usize,
}

/// Expands the instances of a scope at `pointer`.
pub(crate) fn flat<'p>(
    scope: Scope<'p>,
    pointer: &str,
    definitions: &'p BTreeMap<String, Definition>,
    maps: &'p [ControlMap],
    diagnostics: &mut Diagnostics,
    spent: &mut Spent,
) -> Flat<'p> {
    let mut expansion = Expansion {
        definitions,
        flat: Flat::default(),
        within: Vec::new(),
        visited: spent.nodes,
        looked: spent.cables,
        followed: spent.ports,
        seen: BTreeSet::new(),
        diagnostics,
    };
    let place = Place { prefix: String::new(), pointer: pointer.to_owned(), bypass: false };
    let names = expansion.expand(scope, &place);
    expansion.refuse_duplicate_ids();
    for map in maps {
        for (index, port) in expansion.ends(&map.to, &names) {
            expansion.flat.nodes[index].maps.push((port, map));
        }
    }
    *spent = Spent { nodes: expansion.visited, cables: expansion.looked, ports: expansion.followed };
    expansion.flat
}

impl Spent {
    /// True above the limits of a plan.
    pub(crate) const fn is_too_much(&self) -> bool {
        self.nodes > MOST_NODES || self.cables >= MOST_CABLES || self.ports > MOST_CABLES
    }
}

struct Expansion<'p, 's> {
    definitions: &'p BTreeMap<String, Definition>,
    flat: Flat<'p>,
    /// The definitions that are being expanded, the outermost first.
    within: Vec<&'p str>,
    /// See [`Spent`].
    visited: usize,
    looked: usize,
    followed: usize,
    /// Pointers with a reported problem.
    seen: BTreeSet<String>,
    diagnostics: &'s mut Diagnostics,
}

impl<'p> Expansion<'p, '_> {
    fn expand(&mut self, scope: Scope<'p>, place: &Place) -> Names<'p> {
        let mut names = Names::new();
        for (id, node) in scope.nodes {
            self.visited += 1;
            if self.visited > MOST_NODES {
                let message = format!("too many nodes; the limit is {MOST_NODES}; remove some");
                self.once(Problem::error(Code::TooMany, "/nodes", message));
                break;
            }
            let pointer = join(&place.pointer, ["nodes", id]);
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
            if self.looked.max(self.flat.cables.len()) >= MOST_CABLES {
                let message = format!("too many cables; the limit is {MOST_CABLES}; remove some");
                self.once(Problem::error(Code::TooMany, "/cables", message));
                break;
            }
            self.cable(cable, &format!("{}/cables/{index}", place.pointer), &names);
        }
        names
    }

    /// Refuses nodes with the id of another. An id with a slash may equal that of a node in an instance.
    fn refuse_duplicate_ids(&mut self) {
        let mut ids: BTreeSet<Arc<str>> = BTreeSet::new();
        let is_duplicate = |node: &&FlatNode<'_>| !ids.insert(node.id.clone());
        let duplicates: Vec<_> =
            self.flat.nodes.iter().filter(is_duplicate).map(|it| (it.id.clone(), it.pointer.clone())).collect();
        for (id, pointer) in duplicates {
            let message = format!("duplicate id {id:?}: a node and a node in a subpatch; choose an id without a slash");
            self.once(Problem::error(Code::BadId, pointer, message));
        }
    }

    /// Replaces an instance by the nodes of its definition.
    fn instance(&mut self, name: &str, id: &str, node: &'p Node, place: &Place, pointer: &str) -> Local<'p> {
        let Some((name, definition)) = self.definitions.get_key_value(name) else {
            let message =
                format!("unknown subpatch {name:?}, so the node has no effect; add its definition, or delete the node");
            let problem = Problem::warning(Code::UnknownNode, format!("{pointer}/type"), message);
            let known = self.definitions.keys().map(String::as_str);
            self.once_suggesting(problem, name, known);
            return Local::Unknown;
        };
        if self.within.contains(&name.as_str()) {
            let path = self.within.join(", ");
            let message = format!("recursive subpatch; remove {name} from {path}");
            self.once(Problem::error(Code::Circle, format!("{pointer}/type"), message));
            return Local::Unknown;
        }
        if self.within.len() >= MOST_NESTED {
            let message = format!("subpatches nested more than {MOST_NESTED} deep; remove a level");
            self.once(Problem::error(Code::TooMany, format!("{pointer}/type"), message));
            return Local::Unknown;
        }
        self.flat.used.insert(name);
        self.within.push(name);
        let inside = Place {
            prefix: format!("{}{id}/", place.prefix),
            pointer: join("/definitions", [name]),
            bypass: place.bypass || node.bypass,
        };
        let names = self.expand(definition.scope(), &inside);
        self.within.pop();
        // The definition reports that there are too many.
        if definition.inputs.len().max(definition.outputs.len()) > MOST_PORTS {
            return Local::Unknown;
        }
        for (param, json) in &node.params {
            if self.are_too_many() {
                break;
            }
            let pointer = join(pointer, ["params", param]);
            for (index, port) in self.knobs(definition, param, &names, &pointer) {
                self.flat.nodes[index].params.push((port, json, pointer.clone()));
            }
        }
        for (param, depth) in &node.depths {
            if self.are_too_many() {
                break;
            }
            let pointer = join(pointer, ["depths", param]);
            for (index, port) in self.knobs(definition, param, &names, &pointer) {
                self.flat.nodes[index].depths.push((port, *depth, pointer.clone()));
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
        self.followed += 1;
        let message = format!("the subpatch has no parameter {param:?}; the value is kept without effect; delete it");
        let problem = Problem::warning(Code::UnknownParameter, pointer, message);
        self.once_suggesting(problem, param, definition.inputs.iter().map(|inlet| inlet.name.as_str()));
        Vec::new()
    }

    /// Adds a cable, or reports that its ends do not exist.
    fn cable(&mut self, cable: &'p Cable, pointer: &str, names: &Names<'p>) {
        self.looked += 1;
        // Nodes beyond the limit are not visited, so they seem to be missing.
        if self.visited > MOST_NODES {
            return;
        }
        let Cable { from, to, mute, .. } = cable;
        let is_there =
            [(End::Output, from), (End::Input, to)].map(|(end, port)| self.is_there(end, port, pointer, names));
        if *mute || is_there != [true, true] {
            return;
        }
        let Some(source) = output(from, names) else { return };
        let is_within = |port: &Port| matches!(names.get(port.node.as_str()), Some(Local::Instance(..)));
        let within = (is_within(from), is_within(to));
        for to in self.ends(to, names) {
            self.flat.cables.push(FlatCable { from: source, to, within, pointer: pointer.to_owned() });
        }
    }

    /// True if an end of a cable exists, or is a port of a node, which the plan checks; reports an error otherwise.
    fn is_there(&mut self, end: End, port: &Port, pointer: &str, names: &Names<'p>) -> bool {
        let (what, known, others) = match names.get(port.node.as_str()) {
            Some(Local::Node(_) | Local::Unknown) => return true,
            Some(Local::Instance(definition, _)) => {
                let known = definition.ports(end);
                if known.contains(&port.port.as_str()) {
                    return true;
                }
                (Code::NoSuchPort, known, definition.ports(end.other()))
            }
            None => (Code::NoSuchNode, Vec::new(), Vec::new()),
        };
        let pointer = format!("{pointer}/{}", end.key());
        if self.seen.contains(&pointer) {
            return false;
        }
        if what == Code::NoSuchPort {
            let message = missing_port(&format!("the subpatch of {}", port.node), end, &port.port, &known, &others);
            self.once_suggesting(Problem::error(what, pointer, message), &port.port, known);
        } else {
            let problem = Problem::error(what, pointer, unknown_node(&port.node));
            self.once_suggesting(problem, &port.node, names.keys().copied());
        }
        false
    }

    /// The inputs of expanded nodes behind a port.
    fn ends(&mut self, to: &'p Port, names: &Names<'p>) -> Vec<(usize, &'p str)> {
        match names.get(to.node.as_str()) {
            Some(Local::Node(index)) => vec![(*index, to.port.as_str())],
            Some(Local::Instance(definition, inner)) => self.inputs(definition, &to.port, inner),
            Some(Local::Unknown) | None => Vec::new(),
        }
    }

    /// The inputs of expanded nodes behind an input of an instance.
    fn inputs(&mut self, definition: &'p Definition, name: &str, names: &Names<'p>) -> Vec<(usize, &'p str)> {
        let mut ends = Vec::new();
        for port in definition.inputs.iter().filter(|inlet| inlet.name == name).flat_map(|inlet| &inlet.to) {
            self.followed += 1;
            if self.are_too_many() {
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

    /// True, with an error, above the limit of visited ports.
    fn are_too_many(&mut self) -> bool {
        let are_too_many = self.followed > MOST_CABLES;
        if are_too_many {
            let message = format!("too many inputs of subpatches; the limit is {MOST_CABLES}; remove some");
            self.once(Problem::error(Code::TooMany, "/definitions", message));
        }
        are_too_many
    }

    /// Reports a problem once, not per instance.
    fn once(&mut self, problem: Problem) {
        if self.seen.insert(problem.pointer.clone()) {
            self.diagnostics.push(problem);
        }
    }

    /// Reports a problem once, with the nearest name.
    fn once_suggesting<'a>(&mut self, problem: Problem, name: &str, names: impl IntoIterator<Item = &'a str>) {
        if self.seen.insert(problem.pointer.clone()) {
            self.diagnostics.suggest(problem, name, names);
        }
    }
}

/// The output of an expanded node behind a port.
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

//! Ports of definitions, and errors about missing ports.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::plan::MOST_PORTS;
use crate::diagnostics::Diagnostics;
use crate::diagnostics::pointer::join;
use crate::diagnostics::{Code, Problem, Severity};
use crate::node::def::NodeDef;
use crate::patch::INSTANCE;
use crate::patch::{Definition, Port};

/// Limits on the names in a message, and on the length of each, in bytes.
const MOST_LISTED: usize = 16;
const LONGEST_LISTED: usize = 40;

/// An end of a cable, by the side of its port.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Output,
    Input,
}

impl End {
    /// Its key in a cable.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Output => "from",
            Self::Input => "to",
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Output => Self::Input,
            Self::Input => Self::Output,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Input => "input",
        }
    }
}

/// Message about a missing node.
pub(crate) fn unknown_node(id: &str) -> String {
    format!("unknown node {id:?}; add it, or write the id of another")
}

/// Message about a missing port of a node, with its existing ports. `others` are those of its other side.
pub(crate) fn missing_port(who: &str, end: End, port: &str, known: &[&str], others: &[&str]) -> String {
    let (what, other) = (end.name(), end.other().name());
    let side = if others.contains(&port) { format!(": {port} is an {other}") } else { String::new() };
    if known.is_empty() {
        return format!("{who} has no {what}s{side}; choose another node");
    }
    format!("{who} has no {what} {port:?}{side}; {}", choose(known))
}

/// Message about a missing knob of a node, with its existing knobs.
pub(crate) fn missing_knob(who: &str, knob: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return format!("{who} has no knobs; choose another node");
    }
    format!("{who} has no knob {knob:?}; {}", choose(known))
}

/// Advice to choose one of these names; long lists are cut, long names are left out.
fn choose(known: &[&str]) -> String {
    let listed = known.iter().copied().filter(|name| name.len() <= LONGEST_LISTED).take(MOST_LISTED);
    let listed: Vec<&str> = listed.collect();
    match (known, listed.len()) {
        (_, 0) => "choose another name".to_owned(),
        ([_], _) => format!("choose {}", listed[0]),
        (all, some) if all.len() > some => format!("choose from {}, …", listed.join(", ")),
        _ => format!("choose from {}", listed.join(", ")),
    }
}

impl NodeDef {
    /// The names of its ports on one side.
    pub(crate) fn ports(&self, end: End) -> Vec<&'static str> {
        match end {
            End::Output => self.outputs.iter().map(|output| output.name).collect(),
            End::Input => self.inputs.iter().map(|input| input.name).collect(),
        }
    }
}

impl Definition {
    /// The names of its ports on one side.
    pub(crate) fn ports(&self, end: End) -> Vec<&str> {
        match end {
            End::Output => self.outputs.iter().map(|outlet| outlet.name.as_str()).collect(),
            End::Input => self.inputs.iter().map(|inlet| inlet.name.as_str()).collect(),
        }
    }

    fn has_too_many_ports(&self) -> bool {
        self.inputs.len().max(self.outputs.len()) > MOST_PORTS
    }
}

/// Reports ports of definitions without an inner port: as errors, or in unused definitions as warnings.
pub(crate) fn check(
    definitions: &BTreeMap<String, Definition>,
    library: &BTreeMap<&str, &'static NodeDef>,
    used: &BTreeSet<&str>,
    diagnostics: &mut Diagnostics,
) {
    for (name, definition) in definitions {
        let severity = if used.contains(name.as_str()) { Severity::Error } else { Severity::Warning };
        let pointer = join("/definitions", [name]);
        Ports { definitions, library, definition, severity, pointer, diagnostics }.check();
    }
}

struct Ports<'a> {
    definitions: &'a BTreeMap<String, Definition>,
    library: &'a BTreeMap<&'a str, &'static NodeDef>,
    definition: &'a Definition,
    severity: Severity,
    pointer: String,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Ports<'a> {
    fn check(&mut self) {
        let definition = self.definition;
        self.check_names("inputs", &definition.ports(End::Input));
        self.check_names("outputs", &definition.ports(End::Output));
        if definition.has_too_many_ports() {
            return;
        }
        for (i, inlet) in definition.inputs.iter().enumerate() {
            for (j, port) in inlet.to.iter().enumerate() {
                self.check_port(End::Input, port, &format!("inputs/{i}/to/{j}"));
            }
        }
        for (i, outlet) in definition.outputs.iter().enumerate() {
            self.check_port(End::Output, &outlet.from, &format!("outputs/{i}/from"));
        }
    }

    /// Reports too many ports, and ports of one name.
    fn check_names(&mut self, side: &str, names: &[&str]) {
        let count = names.len();
        if count > MOST_PORTS {
            let message = format!("too many {side}: {count}, the limit of a subpatch is {MOST_PORTS}; remove some");
            let pointer = format!("{}/{side}", self.pointer);
            self.diagnostics
                .push(Problem { severity: self.severity, ..Problem::error(Code::TooMany, pointer, message) });
            return;
        }
        let mut seen = BTreeSet::new();
        for (index, name) in names.iter().enumerate().filter(|(_, name)| !seen.insert(**name)) {
            let message = format!("duplicate name {name:?} among the {side}; rename one");
            let pointer = format!("{}/{side}/{index}/name", self.pointer);
            self.diagnostics.push(Problem::warning(Code::DuplicateName, pointer, message));
        }
    }

    /// Checks the port of an inner node behind a port of the definition.
    fn check_port(&mut self, end: End, port: &Port, place: &str) {
        let (definition, severity) = (self.definition, self.severity);
        let problem = |code, message| {
            let pointer = format!("{}/{place}", self.pointer);
            Problem { severity, ..Problem::error(code, pointer, message) }
        };
        let Some(node) = definition.nodes.get(&port.node) else {
            let problem = problem(Code::NoSuchNode, unknown_node(&port.node));
            self.diagnostics.suggest(problem, &port.node, definition.nodes.keys().map(String::as_str));
            return;
        };
        let Some((who, known, others)) = self.ports_of(&port.node, &node.kind, end) else { return };
        if !known.contains(&port.port.as_str()) {
            let problem = problem(Code::NoSuchPort, missing_port(&who, end, &port.port, &known, &others));
            self.diagnostics.suggest(problem, &port.port, known);
        }
    }

    /// Display name of a node, and its ports on this and on the other side; none for an unknown kind.
    fn ports_of(&self, id: &str, kind: &str, end: End) -> Option<(String, Vec<&'a str>, Vec<&'a str>)> {
        if let Some(name) = kind.strip_prefix(INSTANCE) {
            let inner = self.definitions.get(name).filter(|inner| !inner.has_too_many_ports())?;
            return Some((format!("the subpatch of {id}"), inner.ports(end), inner.ports(end.other())));
        }
        let def = self.library.get(kind)?;
        Some((def.title.to_owned(), def.ports(end), def.ports(end.other())))
    }
}

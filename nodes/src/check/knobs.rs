//! Warnings about maps and snapshots. The patch runs despite them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::compile::params::read;
use crate::compile::plan::{MOST_CABLES, MOST_NESTED, MOST_PORTS};
use crate::compile::ports::{missing_knob, unknown_node};
use crate::diagnostics::Diagnostics;
use crate::diagnostics::messages::number;
use crate::diagnostics::pointer::join;
use crate::diagnostics::{Code, Problem, Severity};
use crate::input::{ControlId, ControlName};
use crate::library::control::bank;
use crate::node::def::{Input, NodeDef};
use crate::node::value::Kind;
use crate::patch::INSTANCE;
use crate::patch::{
    BANKS, ControlMap, Definition, LONGEST_MORPH, LONGEST_SMOOTHING, MapMode, Node, Patch, Port, Snapshot, Stage,
    Takeover,
};

/// MIDI channels; 0 is every channel.
pub(super) const CHANNELS: (f64, f64) = (0.0, 16.0);
/// Numbers of MIDI controllers and notes.
pub(super) const CONTROLLERS: (f64, f64) = (0.0, 127.0);
/// Numbers of NRPNs and RPNs.
pub(super) const PARAMETERS: (f64, f64) = (0.0, 16383.0);
/// Curves of maps.
pub(super) const CURVES: (f64, f64) = (-1.0, 1.0);
/// Travel of relative encoders per step.
pub(super) const STEPS: (f64, f64) = (0.0, 1.0);

/// Banks of maps; 0 is every bank.
pub(super) const MAP_BANKS: (f64, f64) = (0.0, BANKS as f64);

/// Warnings about the maps and snapshots of a patch.
pub(super) fn look(patch: &Patch, library: &[&'static NodeDef], diagnostics: &mut Diagnostics) {
    let library = library.iter().map(|def| (def.name, *def)).collect();
    let mut look = Look { patch, library, followed: 0, diagnostics };
    look.maps(&patch.maps);
    look.snapshots(&patch.snapshots);
    look.stage(&patch.stage);
}

struct Look<'a> {
    patch: &'a Patch,
    library: BTreeMap<&'a str, &'static NodeDef>,
    /// Count of visited ports of instances. It bounds the time for a hostile file.
    followed: usize,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Look<'a> {
    fn maps(&mut self, maps: &'a [ControlMap]) {
        let mut latest: BTreeMap<(&Port, &ControlId, u32, u8), usize> = BTreeMap::new();
        let mut jumps: BTreeMap<(&Port, u8), usize> = BTreeMap::new();
        for (index, map) in maps.iter().enumerate() {
            let pointer = format!("/maps/{index}");
            self.control(map, &pointer);
            self.map(map, &pointer);
            if let Some(before) = latest.insert((&map.to, &map.from, map.index, map.bank), index) {
                let message = format!("two maps of {} to {}; delete one", map.from.name, map.to);
                self.diagnostics.push(Problem::warning(Code::NoEffect, format!("/maps/{before}/to"), message));
                continue;
            }
            let is_jump = map.mode == MapMode::Absolute && map.takeover == Takeover::Jump;
            if let Some(before) = is_jump.then(|| jumps.insert((&map.to, map.bank), index)).flatten() {
                let message =
                    format!("two maps with takeover jump control {}; the last one is used; delete the other", map.to);
                self.diagnostics.push(Problem::warning(Code::NoEffect, format!("/maps/{before}/to"), message));
            }
        }
    }

    /// Checks the numbers of a map's control and its settings.
    fn control(&mut self, map: &ControlMap, pointer: &str) {
        let mut check = |number: f64, (low, high): (f64, f64), pointer: String, effect: &str| {
            if !(low..=high).contains(&number) {
                let message = format!("{number} is outside {low} to {high}, so {effect}; correct the number");
                let problem = Problem::warning(Code::OutOfRange, pointer, message);
                self.diagnostics.push(problem.expected(format!("{low} to {high}")));
            }
        };
        let no_effect = "the map has no effect";
        if let Some(channel) = map.from.name.channel() {
            check(channel.into(), CHANNELS, format!("{pointer}/channel"), no_effect);
        }
        let number = match map.from.name {
            ControlName::Cc { number, .. }
            | ControlName::Note { number, .. }
            | ControlName::KeyPressure { number, .. } => Some((f64::from(number), CONTROLLERS)),
            ControlName::Nrpn { number, .. } | ControlName::Rpn { number, .. } => Some((f64::from(number), PARAMETERS)),
            _ => None,
        };
        if let Some((number, limits)) = number {
            check(number, limits, format!("{pointer}/number"), no_effect);
        }
        check(map.curve, CURVES, format!("{pointer}/curve"), "the nearest is used");
        check(map.smooth, (0.0, LONGEST_SMOOTHING), format!("{pointer}/smooth"), "the nearest is used");
        check(map.step, STEPS, format!("{pointer}/step"), "the nearest is used");
        check(map.bank.into(), MAP_BANKS, format!("{pointer}/bank"), no_effect);
        if map.bank > 1 && !self.has_banks() {
            let message = format!("bank {} is never chosen; add the node {}", map.bank, bank::NODE.title);
            self.diagnostics.push(Problem::warning(Code::NoEffect, format!("{pointer}/bank"), message));
        }
    }

    /// True if a node chooses banks.
    fn has_banks(&self) -> bool {
        let definitions = self.patch.definitions.values().flat_map(|definition| definition.nodes.values());
        self.patch.nodes.values().chain(definitions).any(|node| node.kind == bank::NODE.name)
    }

    /// Checks the knob of a map, and its range.
    fn map(&mut self, map: &ControlMap, pointer: &str) {
        let inputs = self.knobs(&map.to, &format!("{pointer}/to"));
        let Some(first) = inputs.first() else { return };
        let is_turned = |input: &&Input| matches!(input.kind, Kind::Number | Kind::Gate);
        if !inputs.iter().any(is_turned) {
            let message =
                format!("{} is a {}, which no controller moves; map a number, a choice or a gate", map.to, first.kind);
            self.diagnostics.push(Problem::warning(Code::NoEffect, format!("{pointer}/to"), message));
        }
        let [start, end] = map.range;
        for (low, high) in inputs.iter().filter(|input| input.kind == Kind::Number).map(|input| input.hard) {
            if start.min(end) < low || start.max(end) > high {
                let message = format!(
                    "the range {} to {} exceeds the knob's limits, {} to {}, so values are clamped; narrow it",
                    number(start),
                    number(end),
                    number(low),
                    number(high)
                );
                let problem = Problem::warning(Code::OutOfRange, format!("{pointer}/range"), message);
                self.diagnostics.push(problem.expected(format!("{low} to {high}")));
                return;
            }
        }
    }

    /// Checks the macros, and the time of morphs.
    fn stage(&mut self, stage: &'a Stage) {
        for (index, port) in stage.macros.iter().enumerate() {
            self.knobs(port, &format!("/stage/macros/{index}"));
        }
        for (index, port) in stage.locked.iter().enumerate() {
            self.knobs(port, &format!("/stage/locked/{index}"));
        }
        if !(0.0..=LONGEST_MORPH).contains(&stage.morph) {
            let (time, limits) = (number(stage.morph), format!("0 to {LONGEST_MORPH}"));
            let message = format!("{time} is outside {limits}, so the nearest is used; correct the number");
            self.diagnostics.push(Problem::warning(Code::OutOfRange, "/stage/morph", message).expected(limits));
        }
    }

    fn snapshots(&mut self, snapshots: &'a [Snapshot]) {
        let mut names = BTreeSet::new();
        for (index, snapshot) in snapshots.iter().enumerate() {
            let pointer = format!("/snapshots/{index}");
            if !names.insert(&snapshot.name) {
                let message = format!("duplicate snapshot {:?}; rename one", snapshot.name);
                self.diagnostics.push(Problem::warning(Code::DuplicateName, format!("{pointer}/name"), message));
            }
            for (port, value) in &snapshot.values {
                self.value(port, value, &join(&pointer, ["values", &port.to_string()]));
            }
        }
    }

    /// Checks a snapshot's value of a knob or field.
    fn value(&mut self, port: &Port, value: &Json, pointer: &str) {
        for input in self.knobs(port, pointer) {
            let problem = match read(input, value, pointer.to_owned()) {
                Ok((_, problem)) => problem,
                Err(problem) => Some(problem),
            };
            // The patch runs unless the snapshot is recalled.
            self.diagnostics.extend(problem.map(|problem| Problem { severity: Severity::Warning, ..problem }));
        }
    }

    /// The inputs of nodes behind a port. Reports a missing node or knob.
    fn knobs(&mut self, port: &Port, pointer: &str) -> Vec<&'static Input> {
        let patch = self.patch;
        let Some(node) = patch.nodes.get(&port.node) else {
            let problem = Problem::warning(Code::NoSuchNode, pointer, unknown_node(&port.node));
            self.diagnostics.suggest(problem, &port.node, patch.nodes.keys().map(String::as_str));
            return Vec::new();
        };
        let (who, known): (&str, Vec<&str>) = match (self.definition(node), self.library.get(node.kind.as_str())) {
            (Some(definition), _) => ("the subpatch", definition.inputs.iter().map(|inlet| &*inlet.name).collect()),
            (None, Some(def)) => (def.title, knobs_of(def).map(|input| input.name).collect()),
            (None, None) => return Vec::new(),
        };
        if !known.contains(&port.port.as_str()) {
            let message = missing_knob(who, &port.port, &known);
            self.diagnostics.suggest(Problem::warning(Code::NoSuchPort, pointer, message), &port.port, known);
            return Vec::new();
        }
        let mut inputs = Vec::new();
        self.follow(&patch.nodes, port, MOST_NESTED, &mut inputs);
        inputs
    }

    /// The definition of an instance; none if it has too many ports.
    fn definition(&self, node: &Node) -> Option<&'a Definition> {
        let definition = self.patch.definitions.get(node.kind.strip_prefix(INSTANCE)?)?;
        (definition.inputs.len() <= MOST_PORTS).then_some(definition)
    }

    /// Adds the inputs of nodes behind a port of a scope, each input of a kind of node once.
    fn follow(&mut self, nodes: &BTreeMap<String, Node>, port: &Port, deep: usize, inputs: &mut Vec<&'static Input>) {
        self.followed += 1;
        if self.followed > MOST_CABLES || deep == 0 {
            return;
        }
        let Some(node) = nodes.get(&port.node) else { return };
        if let Some(definition) = self.definition(node) {
            for inlet in definition.inputs.iter().filter(|inlet| inlet.name == port.port) {
                inlet.to.iter().for_each(|port| self.follow(&definition.nodes, port, deep - 1, inputs));
            }
        } else if let Some(def) = self.library.get(node.kind.as_str()) {
            let found = knobs_of(def).find(|input| input.name == port.port);
            inputs.extend(found.filter(|found| !inputs.iter().any(|known| std::ptr::eq(*known, *found))));
        }
    }
}

/// The inputs of a node that can have a written value.
fn knobs_of(def: &'static NodeDef) -> impl Iterator<Item = &'static Input> {
    def.inputs.iter().filter(|input| matches!(input.kind, Kind::Number | Kind::Gate | Kind::Text))
}

//! Values of the knobs and fields of nodes, and depths of their cables. Each is read once, not per instance of a
//! subpatch.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

use crate::compile::flatten::FlatNode;
use crate::compile::params::{preset, read};
use crate::compile::plan::Feed;
use crate::diagnostics::Diagnostics;
use crate::diagnostics::pointer::join;
use crate::diagnostics::{Code, Problem};
use crate::node::def::{Input, NodeDef};
use crate::node::value::{Kind, Value};
use crate::patch::Node;

/// Values read so far.
#[derive(Default)]
pub(crate) struct Settings {
    /// The values on the inputs of a node, from its own parameters.
    own: HashMap<*const Node, Vec<Option<Value>>>,
    /// Values that instances set on inputs of nodes inside.
    others: HashMap<(*const Json, *const Input), Option<Value>>,
    /// Depths that instances set, by JSON pointer. True if any input uses the depth.
    depths: BTreeMap<String, bool>,
}

impl Settings {
    /// Values of a node's inputs without cables.
    pub(crate) fn feeds(
        &mut self,
        flat: &FlatNode<'_>,
        def: &'static NodeDef,
        diagnostics: &mut Diagnostics,
    ) -> Vec<Feed> {
        let own = self.own.entry(flat.node).or_insert_with(|| read_own(flat, def, diagnostics)).iter();
        let mut feeds: Vec<Feed> =
            own.map(|base| Feed { base: base.clone(), maps: Vec::new(), cells: 0..0, cable: None }).collect();
        for (name, json, pointer) in &flat.params {
            // The check of the definition reports missing inputs.
            let Some((index, input)) = def.input(name) else { continue };
            let key = (std::ptr::from_ref::<Json>(json), std::ptr::from_ref(input));
            let value = self.others.entry(key).or_insert_with(|| value(input, json, pointer.clone(), diagnostics));
            feeds[index].base = value.clone().or(feeds[index].base.take());
        }
        for (name, map) in &flat.maps {
            let input = def.input(name).filter(|(_, input)| matches!(input.kind, Kind::Number | Kind::Gate));
            if let Some((index, _)) = input {
                feeds[index].maps.push(map.within_limits());
            }
        }
        for (name, depth, pointer) in &flat.depths {
            let uses_depth = def.input(name).is_none_or(|(_, input)| input.is_modulated());
            let known = self.depths.entry(pointer.clone()).or_insert_with(|| {
                diagnostics.extend(beyond(*depth, pointer));
                false
            });
            *known |= uses_depth;
        }
        feeds
    }

    /// Problems of depths of instances that no input uses.
    pub(crate) fn idle_depths(&self) -> Vec<Problem> {
        self.depths
            .iter()
            .filter(|(_, uses_depth)| !**uses_depth)
            .map(|(pointer, _)| idle(pointer.clone(), "the input"))
            .collect()
    }
}

/// Values of a node's own parameters.
fn read_own(flat: &FlatNode<'_>, def: &'static NodeDef, diagnostics: &mut Diagnostics) -> Vec<Option<Value>> {
    let mut values: Vec<Option<Value>> = def.inputs.iter().map(preset).collect();
    for (name, json) in &flat.node.params {
        let pointer = join(&flat.pointer, ["params", name]);
        match def.input(name) {
            Some((index, input)) => values[index] = value(input, json, pointer, diagnostics).or(values[index].take()),
            None => unknown(def, name, pointer, diagnostics),
        }
    }
    for (name, depth) in &flat.node.depths {
        let pointer = join(&flat.pointer, ["depths", name]);
        match def.input(name) {
            None => unknown(def, name, pointer, diagnostics),
            Some((_, input)) if !input.is_modulated() => diagnostics.push(idle(pointer, name)),
            Some(_) => diagnostics.extend(beyond(*depth, &pointer)),
        }
    }
    values
}

/// Value of a parameter, or none if it is not valid.
fn value(input: &Input, json: &Json, pointer: String, diagnostics: &mut Diagnostics) -> Option<Value> {
    match read(input, json, pointer) {
        Ok((value, problem)) => {
            diagnostics.extend(problem);
            Some(value)
        }
        Err(problem) => {
            diagnostics.push(problem);
            None
        }
    }
}

fn unknown(def: &NodeDef, name: &str, pointer: String, diagnostics: &mut Diagnostics) {
    let message = format!("{} has no parameter {name:?}; its value is kept without effect; delete it", def.title);
    let names = def.inputs.iter().map(|input| input.name);
    diagnostics.suggest(Problem::warning(Code::UnknownParameter, pointer, message), name, names);
}

/// The problem of a depth out of range.
fn beyond(depth: f64, pointer: &str) -> Option<Problem> {
    let held = depth.clamp(-1.0, 1.0);
    let message = format!("depth {depth} is outside -1 to 1; {held} is used");
    (depth != held).then(|| Problem::warning(Code::OutOfRange, pointer, message).expected("-1 to 1"))
}

fn idle(pointer: String, name: &str) -> Problem {
    let message = format!("{name} takes the value of its cable directly, so its depth has no effect; delete the depth");
    Problem::warning(Code::NoEffect, pointer, message)
}

//! The settings that an axis changes: knobs and fields of nodes, and those of the run.

use std::fmt;
use std::str::FromStr;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::diagnostics::suggest::nearest;
use bendrack_nodes::patch::{LevelEdit, Patch, Port};
use serde_json::Value as Json;

/// The prefix of settings of the run, if no node has this id.
const ENGINE: &str = "engine";
/// The settings of the run that an axis can set.
const OF_RUN: [&str; 7] = ["steps", "master", "tempo", "length", "scheduler", "shift", "guidance"];
/// Characters that a suggestion compares at most.
const BUDGET: usize = 10_000;

/// A knob or field, `node.input`, or a setting of the run, `engine.steps`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting(Port);

impl Setting {
    /// Sets it in a patch.
    ///
    /// # Errors
    ///
    /// Fails if the patch lacks the node or the input, or if a setting of the run has another type: the reason.
    pub fn set(&self, patch: &mut Patch, value: &Json) -> Result<(), String> {
        let Port { node: id, port: name } = &self.0;
        let Some(node) = patch.nodes.get(id) else {
            return if id == ENGINE { self.set_engine(patch, value) } else { Err(self.no_node(patch)) };
        };
        let kind = &node.kind;
        if let Some(def) = LIBRARY.iter().find(|def| def.name == *kind) {
            let Some((_, input)) = def.input(name) else {
                let names = || def.inputs.iter().map(|input| input.name);
                let near = nearest(name, names(), &mut { BUDGET });
                let known = near.map_or_else(
                    || format!("it has {}", names().collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean {id}.{near}?"),
                );
                return Err(format!("{self}: {kind} has no input {name:?}; {known}"));
            };
            // The number of a cable is added to a knob; other values of cables take the place of the field.
            if let Some(cable) = patch.cable_to(&self.0).filter(|cable| !input.is_modulated() && !cable.mute) {
                let from = &cable.from.node;
                return Err(format!("{self}: a cable from {from} brings this value; set an input of {from} instead"));
            }
        }
        let edit = LevelEdit::SetParam { id: id.clone(), name: name.clone(), value: Some(value.clone()) };
        patch.apply(edit).map(|_| ()).map_err(|error| format!("{self}: {error}"))
    }

    /// Its value in a patch; none for a default.
    pub fn value<'p>(&self, patch: &'p Patch) -> Option<&'p Json> {
        patch.nodes.get(&self.0.node)?.params.get(&self.0.port)
    }

    fn set_engine(&self, patch: &mut Patch, value: &Json) -> Result<(), String> {
        let name = &*self.0.port;
        if !OF_RUN.contains(&name) {
            let known = OF_RUN.map(|name| format!("{ENGINE}.{name}")).join(", ");
            return Err(format!("{self}: a study sets {known} of the run; seeds are samples"));
        }
        let wrong = |error: serde_json::Error| format!("{self}: {error}");
        let mut engine = serde_json::to_value(&patch.engine).map_err(wrong)?;
        engine[name] = value.clone();
        patch.engine = serde_json::from_value(engine).map_err(wrong)?;
        Ok(())
    }

    fn no_node(&self, patch: &Patch) -> String {
        let Port { node: id, port } = &self.0;
        let ids = || patch.nodes.keys().map(String::as_str);
        match nearest(id, ids(), &mut { BUDGET }) {
            Some(near) => format!("{self}: the patch has no node {id:?}; did you mean {near}.{port}?"),
            None => format!("{self}: the patch has no node {id:?}; it has {}", ids().collect::<Vec<_>>().join(", ")),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("{text:?} is no knob; write node.input, such as bend.gain"))
    }
}

//! The changes of a patch by the command line: --seed, --snapshot, --set.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{LevelEdit, Patch, Port};
use serde_json::Value as Json;

use super::Render;
use crate::cli::Failure;

impl Render {
    /// A patch with the seed, snapshot and parameters of the command line.
    pub(super) fn changed(&self, mut patch: Patch) -> Result<Patch, Failure> {
        if let Some(seed) = self.seed {
            patch.engine.seed = seed;
        }
        if let Some(name) = &self.snapshot {
            let Some(snapshot) = patch.snapshots.iter().find(|snapshot| snapshot.name == *name) else {
                let known: Vec<&str> = patch.snapshots.iter().map(|snapshot| snapshot.name.as_str()).collect();
                let known = if known.is_empty() { "no snapshots".to_owned() } else { known.join(", ") };
                return Err(Failure::Usage(format!(
                    "--snapshot {name}: the patch has no snapshot of this name; it has {known}"
                )));
            };
            for edit in patch.recall(snapshot) {
                patch.apply(edit).map_err(|error| Failure::Usage(error.to_string()))?;
            }
        }
        for (id, name, value) in &self.set {
            let Some(node) = patch.nodes.get(id) else {
                let known: Vec<&str> = patch.nodes.keys().map(String::as_str).collect();
                return Err(Failure::Usage(format!(
                    "--set {id}.{name}: there is no node {id:?}; there are {}",
                    known.join(", ")
                )));
            };
            let def = LIBRARY.iter().find(|def| def.name == node.kind);
            if let Some(def) = def.filter(|def| def.input(name).is_none()) {
                let known: Vec<&str> = def.inputs.iter().map(|input| input.name).collect();
                return Err(Failure::Usage(format!(
                    "--set {id}.{name}: {} has no parameter {name:?}; it has {}",
                    def.title,
                    known.join(", ")
                )));
            }
            let input = def.and_then(|def| def.input(name)).map(|(_, input)| input);
            let port = Port { node: id.clone(), port: name.clone() };
            // A cable moves a knob, but replaces the value of any other input.
            let is_replaced = input.is_some_and(|input| input.direct || input.kind != Kind::Number);
            if let Some(cable) = patch.cable_to(&port).filter(|_| is_replaced) {
                return Err(Failure::Usage(format!("{port} has a cable from {}; set that instead", cable.from)));
            }
            let is_text = input.is_some_and(|input| input.kind == Kind::Text);
            let value = Some(if is_text { Json::from(value.as_str()) } else { json_or_text(value) });
            let edit = LevelEdit::SetParam { id: id.clone(), name: name.clone(), value };
            patch.apply(edit).map_err(|error| Failure::Usage(error.to_string()))?;
        }
        Ok(patch)
    }
}

/// Parses `node.param=value`.
pub(super) fn setting(text: &str) -> Result<(String, String, String), String> {
    let parts = text.split_once('=').and_then(|(port, value)| Some((port.split_once('.')?, value)));
    let Some(((id, name), value)) = parts.filter(|((id, name), _)| !id.is_empty() && !name.is_empty()) else {
        return Err("write node.param=value, such as lfo.rate=0.5".to_owned());
    };
    Ok((id.to_owned(), name.to_owned(), value.to_owned()))
}

/// A value as JSON; any other text becomes a JSON string.
fn json_or_text(value: &str) -> Json {
    serde_json::from_str(value).unwrap_or_else(|_| Json::from(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::size;

    #[test]
    fn settings_and_sizes_are_read() {
        assert_eq!(setting("lfo.rate=0.5"), Ok(("lfo".into(), "rate".into(), "0.5".into())));
        assert_eq!(setting("p.text=a red = b"), Ok(("p".into(), "text".into(), "a red = b".into())));
        assert_eq!(
            (json_or_text("0.5"), json_or_text("true"), json_or_text("a")),
            (json!(0.5), json!(true), json!("a"))
        );
        for wrong in ["lfo", "lfo.rate", ".rate=1", "lfo.=1", "=1"] {
            assert!(setting(wrong).is_err(), "{wrong}");
        }
        assert_eq!(size("832x480"), Ok((832, 480)));
        for wrong in ["832", "832x481", "0x16", "832x", "x16", "-16x16", "99999984x16"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}

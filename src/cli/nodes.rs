//! `bendrack nodes`: the library.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::def::{Input, NodeDef, Preset};
use bendrack_nodes::value::Kind;

use super::{Failure, print};

#[derive(clap::Args)]
pub(super) struct Nodes {
    /// The node to explain, such as modulate.lfo.
    name: Option<String>,
}

impl Nodes {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Some(name) = self.name else {
            return print(&list());
        };
        let Some(def) = LIBRARY.iter().find(|def| def.name == name) else {
            return Err(Failure::Failed(format!("there is no node {name:?}; bendrack nodes lists them")));
        };
        print(&explain(def))
    }
}

/// Every node with its sentence, family by family.
fn list() -> String {
    let line = |def: &&NodeDef| format!("{:<20} {}\n", def.name, def.about);
    let families = LIBRARY.chunk_by(|a, b| a.family() == b.family());
    families.map(|family| family.iter().map(line).collect::<String>()).collect::<Vec<_>>().join("\n")
}

/// A node with its ports.
fn explain(def: &NodeDef) -> String {
    let port = |name: &str, kind: Kind, about: &str| format!("  {name:<12} {:<8} {about}", kind.name());
    let inputs = def.inputs.iter().map(|input| port(input.name, input.kind, input.about) + &range(input) + "\n");
    let outputs = def.outputs.iter().map(|output| port(output.name, output.kind, output.about) + "\n");
    let section = |title: &str, lines: String| if lines.is_empty() { lines } else { format!("\n{title}\n{lines}") };
    let (inputs, outputs) = (section("Inputs", inputs.collect()), section("Outputs", outputs.collect()));
    format!("{}: {}\n\n{}\n{inputs}{outputs}", def.name, def.title, def.about)
}

/// What a knob says and how far it turns.
fn range(input: &Input) -> String {
    match (input.kind, input.default) {
        (Kind::Number, _) if !input.choices.is_empty() => format!(" [{}]", input.choices.join(", ")),
        (Kind::Number, Preset::Number(default)) => {
            let unit = if input.unit.is_empty() { String::new() } else { format!(" {}", input.unit) };
            format!(" [{default}{unit}; {} to {}]", input.soft.0, input.soft.1)
        }
        (_, Preset::Text(text)) if !text.is_empty() => format!(" [{text}]"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_is_listed_and_explained_with_its_ports() {
        let list = list();
        for def in LIBRARY {
            assert!(list.contains(def.name) && list.contains(def.about), "{}", def.name);
            let text = explain(def);
            let ports =
                def.inputs.iter().map(|i| (i.name, i.about)).chain(def.outputs.iter().map(|o| (o.name, o.about)));
            for (name, about) in ports {
                assert!(text.contains(name) && text.contains(about), "{} {name}", def.name);
            }
        }
    }
}

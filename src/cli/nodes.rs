//! `bendrack nodes`: the library.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::diagnostics::suggest::nearest;
use bendrack_nodes::node::def::{Curve, DefaultValue, Input, Latency, NodeDef, Output};
use bendrack_nodes::node::value::Kind;

use super::{Failure, print};

#[derive(clap::Args)]
pub(super) struct Nodes {
    /// Node to describe, such as modulate.lfo, or family, such as modulate.
    name: Option<String>,
}

impl Nodes {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Some(name) = self.name else {
            return print(&list(LIBRARY));
        };
        if let Some(def) = LIBRARY.iter().find(|def| def.name == name) {
            return print(&explain(def));
        }
        let family: Vec<_> = LIBRARY.iter().copied().filter(|def| def.family() == name).collect();
        if family.is_empty() { Err(Failure::Failed(unknown(&name))) } else { print(&list(&family)) }
    }
}

/// Nodes with their descriptions, grouped by family in the order of their first nodes.
fn list(nodes: &[&'static NodeDef]) -> String {
    let mut families: Vec<(&str, String)> = Vec::new();
    for def in nodes {
        let line = format!("{:<20} {}\n", def.name, def.about);
        match families.iter_mut().find(|(family, _)| *family == def.family()) {
            Some((_, lines)) => *lines += &line,
            None => families.push((def.family(), line)),
        }
    }
    families.into_iter().map(|(_, lines)| lines).collect::<Vec<_>>().join("\n")
}

/// Error for an unknown name, with the nearest names.
fn unknown(name: &str) -> String {
    // The part after the family, `lfo` of modulate.lfo.
    let last = |def: &NodeDef| def.name.rsplit('.').next().unwrap_or(def.name);
    let called = |word: &str| LIBRARY.iter().filter(|def| last(def) == word).map(|def| def.name.to_owned()).collect();
    let mut near: Vec<String> = called(name);
    if near.is_empty() && !name.contains('.') {
        near.extend(nearest(name, LIBRARY.iter().map(|def| def.family()), &mut { usize::MAX }));
    }
    if near.is_empty() {
        near.extend(nearest(name, LIBRARY.iter().copied(), &mut { usize::MAX }));
    }
    let suggestion = if near.is_empty() { String::new() } else { format!("did you mean {}? ", near.join(" or ")) };
    format!("there is no node {name:?}; {suggestion}`bendrack nodes` lists all nodes")
}

/// A node with its ports.
fn explain(def: &NodeDef) -> String {
    let port = |name: &str, kind: &str, about: &str| format!("  {name:<12} {kind:<13} {about}");
    let inputs = def.inputs.iter().map(|input| port(input.name, kind_of(input), input.about) + &range(input) + "\n");
    let outputs = def.outputs.iter().map(|output| port(output.name, &kind_and_latency(output), output.about) + "\n");
    let section = |title: &str, lines: String| if lines.is_empty() { lines } else { format!("\n{title}\n{lines}") };
    let (inputs, outputs) = (section("Inputs", inputs.collect()), section("Outputs", outputs.collect()));
    format!("{}: {}\n\n{}\n{inputs}{outputs}", def.name, def.title, def.about)
}

/// Kind of an input, in a word.
fn kind_of(input: &Input) -> &'static str {
    match input.kind {
        Kind::Number if !input.choices.is_empty() => "choice",
        Kind::Number if input.direct => "signal",
        kind => kind.name(),
    }
}

/// The kind of an output, and its latency.
fn kind_and_latency(output: &Output) -> String {
    let late = match output.latency {
        None => "",
        Some(Latency::Frame) => ", frame late",
        Some(Latency::Call) => ", late",
    };
    format!("{}{late}", output.kind.name())
}

/// Default and range of a knob; in parentheses the limits for cables, if wider.
fn range(input: &Input) -> String {
    match (input.kind, input.default) {
        (Kind::Number, _) if !input.choices.is_empty() => {
            let chosen = input.default_choice().unwrap_or_default();
            format!(" [{chosen}; {}]", input.choices.join(", "))
        }
        (Kind::Number, preset) => {
            let default = match preset {
                DefaultValue::Number(default) if input.unit.is_empty() => format!("{default}; "),
                DefaultValue::Number(default) => format!("{default} {}; ", input.unit),
                _ => String::new(),
            };
            let beyond = match input.hard {
                hard if hard == input.soft => String::new(),
                (_, high) if high >= 1e6 => " (any)".to_owned(),
                (low, high) => format!(" ({low} to {high})"),
            };
            let log = if input.curve == Curve::Log { ", log" } else { "" };
            format!(" [{default}{} to {}{beyond}{log}]", input.soft.0, input.soft.1)
        }
        (Kind::Gate, DefaultValue::Number(default)) => format!(" [{}]", if default == 0.0 { "off" } else { "on" }),
        (_, DefaultValue::Text(text)) if !text.is_empty() => format!(" [{text}]"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_is_listed_and_explained_with_its_ports() {
        let list = list(LIBRARY);
        let families: Vec<&str> = list.split("\n\n").filter_map(|lines| lines.split('.').next()).collect();
        let distinct: std::collections::BTreeSet<&str> = families.iter().copied().collect();
        assert_eq!(distinct.len(), families.len(), "{families:?}");
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

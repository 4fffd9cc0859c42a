//! A patch as a drawing for Graphviz, with the problems of the patch on standard error.
//!
//! `cargo run --example patch_graph -- patches/first_bend.json | dot -Tsvg -o first_bend.svg`

use std::fmt::Write as _;
use std::process::ExitCode;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::check::check;
use bendrack_nodes::diagnostics::Severity;
use bendrack_nodes::patch::{Node, Patch};

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: patch_graph PATCH.json");
        return ExitCode::from(2);
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let problems = check(&bytes, LIBRARY);
    for problem in &problems {
        eprintln!("{path}: {problem}");
    }
    let Ok(patch) = Patch::from_slice(&bytes) else { return ExitCode::from(2) };
    print!("{}", graph(&patch));
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    }
}

/// The patch in the language of Graphviz. A muted cable is dashed, and a bypassed node has a dashed border.
pub fn graph(patch: &Patch) -> String {
    let mut text = format!("digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n", quoted(&patch.meta.title));
    // Writing to a string does not fail.
    for (id, node) in &patch.nodes {
        let border = if node.bypass { ", style=dashed" } else { "" };
        let _ = writeln!(text, "  {} [label={}{border}];", quoted(id), quoted(&title(node)));
    }
    for cable in &patch.cables {
        let (from, to) = (&cable.from, &cable.to);
        let line = if cable.mute { ", style=dashed" } else { "" };
        let ends = format!("taillabel={}, headlabel={}{line}", quoted(&from.port), quoted(&to.port));
        let _ = writeln!(text, "  {} -> {} [{ends}];", quoted(&from.node), quoted(&to.node));
    }
    text + "}\n"
}

/// The name on the canvas: the node's own, or that of its kind.
fn title(node: &Node) -> String {
    let kind = LIBRARY.iter().find(|kind| kind.name == node.kind);
    match kind {
        _ if !node.title.is_empty() => node.title.clone(),
        Some(kind) => kind.title.to_owned(),
        None => node.kind.clone(),
    }
}

/// A string of Graphviz.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

//! The example that draws a patch by Graphviz.

use std::collections::BTreeSet;
use std::path::Path;

use bendrack_nodes::patch::Patch;

#[allow(dead_code, reason = "the program around the function is not called here")]
#[path = "../../examples/patch_graph.rs"]
mod patch_graph;

use patch_graph::graph;

#[test]
fn a_drawing_has_all_nodes_and_cables_of_a_patch() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../patches/first_bend.json");
    let patch = Patch::from_slice(&std::fs::read(file).expect("a file")).expect("a patch");
    let text = graph(&patch);
    assert_eq!(text.matches(" -> ").count(), patch.cables.len());
    let drawn: BTreeSet<&str> =
        text.lines().filter(|line| line.contains("[label=")).filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(drawn, patch.nodes.keys().map(String::as_str).collect());
    assert!(text.starts_with("digraph \"") && text.ends_with("}\n"), "{text}");
    assert!(text.contains("\"lfo\" -> \"rotate\" [taillabel=\"out\", headlabel=\"angle\"];"), "{text}");
    assert!(text.contains("\"rotate\" [label=\"Rotate\"];"), "{text}");
}

#[test]
fn names_and_states_of_a_patch_are_kept_in_its_drawing() {
    let text = r#"{
        "format": "bendrack-patch", "version": 1, "meta": { "title": "Two \"words\"" },
        "nodes": {
            "a": { "type": "modulate.lfo", "title": "back\\slash", "bypass": true },
            "b": { "type": "no.such" }
        },
        "cables": [{ "from": "a.out", "to": "b.in", "mute": true }]
    }"#;
    let drawing = graph(&Patch::from_json(text).expect("a patch"));
    for line in [
        r#"digraph "Two \"words\"" {"#,
        r#"  "a" [label="back\\slash", style=dashed];"#,
        r#"  "b" [label="no.such"];"#,
        r#"  "a" -> "b" [taillabel="out", headlabel="in", style=dashed];"#,
    ] {
        assert!(drawing.lines().any(|drawn| drawn == line), "{line}\n{drawing}");
    }
}

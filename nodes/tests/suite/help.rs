//! Every node has a help patch: `patches/help/<node name>.json`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::grammar::expression::{FUNCTIONS, Function, VARIABLES};
use bendrack_nodes::node::def::{Grammar, NodeDef};
use bendrack_nodes::node::sound::{BANDS, Hop};
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::target::{Selection, Words};
use bendrack_nodes::program::{Program, To};
use bendrack_nodes::tick::Memory;

use crate::params::*;
use crate::patching::*;

/// Model calls that are looked at.
const CALLS: u64 = 8;
/// Latent frames of a call.
const FRAMES: u64 = 3;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../patches/help")
}

/// The help patch of a node.
fn help(def: &NodeDef) -> Patch {
    let path = folder().join(format!("{}.json", def.name));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Patch::from_json(&text).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()))
}

/// The programs of a patch's first calls.
fn programs(patch: &Patch) -> Vec<Program> {
    let (plan, mut memory) = (compile(patch), Memory::default());
    let sound = [Hop { bands: [0.1; BANDS] }; 75];
    (0..CALLS).map(|call| hear(&plan, &mut memory, &sound, call * FRAMES, FRAMES as usize)).collect()
}

/// The ids of a patch's nodes of a kind.
fn ids<'a>(patch: &'a Patch, kind: &str) -> Vec<&'a str> {
    patch.nodes.iter().filter(|(_, node)| node.kind == kind).map(|(id, _)| id.as_str()).collect()
}

#[test]
fn every_node_has_a_help_patch_and_nothing_else_lies_there() {
    let files = std::fs::read_dir(folder()).expect("the folder").map(|entry| entry.expect("an entry").file_name());
    let files: BTreeSet<String> = files.map(|name| name.to_string_lossy().into_owned()).collect();
    assert_eq!(files, LIBRARY.iter().map(|def| format!("{}.json", def.name)).collect());
}

#[test]
fn a_help_patch_is_complete_with_instructions() {
    let mut seen = BTreeSet::new();
    for def in LIBRARY {
        let (name, patch) = (def.name, help(def));
        let (plan, problems) = Plan::compile(&patch, LIBRARY);
        assert!(plan.is_some() && problems.is_empty(), "{name}: {problems:?}");
        for kind in [name, "prompt.text", "model.wan", "output.screen"] {
            assert!(!ids(&patch, kind).is_empty(), "{name} without {kind}");
        }
        assert_eq!(patch.meta.title, def.title, "{name}");
        let text = &patch.meta.description;
        let sentences = text.split(". ").count();
        assert!(text.len() >= 80 && text.ends_with('.') && (2..=4).contains(&sentences), "{name}: {text}");
        assert!(seen.insert(text.clone()), "{name}: another help patch has the same description");
        for (id, node) in &patch.nodes {
            // A note has no ports.
            let is_note = node.kind == "view.note";
            let wired = patch.cables.iter().any(|cable| cable.from.node == *id || cable.to.node == *id);
            assert!(wired || is_note, "{name}: {id} has no cable");
        }
        let mut cables = patch.cables.iter();
        assert!(cables.any(|cable| patch.nodes[&cable.from.node].kind == name) || def.outputs.is_empty(), "{name}");
        let program = &programs(&patch)[0];
        assert!(!program.prompt.is_empty() && program.screen.len() == FRAMES as usize, "{name}");
        let bent =
            program.bends.iter().map(|bend| &bend.target).chain(program.taps.iter().flat_map(|tap| tap.target.parts()));
        let words = bent.map(|target| &target.words).chain(program.bends.iter().filter_map(|bend| bend.with.as_ref()));
        let missing: Vec<_> = words.filter(|words| !is_in(words, &program.prompt)).map(ToString::to_string).collect();
        assert!(missing.is_empty(), "{name}: {missing:?} is not in the prompt");
    }
}

/// Whether words are in a prompt, as far as they have no `*`.
fn is_in(words: &Words, prompt: &str) -> bool {
    let mut list = words.leaves().into_iter().flat_map(|list| &list.0);
    list.all(|word| prompt.contains(word.split('*').next().unwrap_or_default()))
}

/// Names in backticks that are neither `known` nor a node of the library nor a command.
fn unknown_names(text: &str, known: &BTreeSet<String>) -> Vec<String> {
    const COMMANDS: [&str; 1] = ["bendrack render"];
    let names = text.split('`').skip(1).step_by(2);
    let is_known =
        |name: &str| known.contains(name) || COMMANDS.contains(&name) || LIBRARY.iter().any(|def| def.name == name);
    names.filter(|name| !is_known(name)).map(str::to_owned).collect()
}

/// Ports and choices of a node; with a formula, also the names of its language.
fn names_of(def: &NodeDef) -> BTreeSet<String> {
    let ports = def.inputs.iter().map(|input| input.name).chain(def.outputs.iter().map(|output| output.name));
    let choices = def.inputs.iter().flat_map(|input| input.choices.iter().copied());
    let mut names: BTreeSet<String> = ports.chain(choices).map(str::to_owned).collect();
    if def.inputs.iter().any(|input| input.grammar == Grammar::Expression) {
        names.extend(VARIABLES.iter().map(|variable| variable.name.to_owned()));
        names.extend(FUNCTIONS.iter().map(Function::call));
    }
    names
}

/// Texts for readers of a patch: its description, its notes, and those of its subpatches.
fn texts(patch: &Patch) -> Vec<&str> {
    let notes = patch.nodes.values().filter(|node| node.kind == "view.note");
    let notes = notes.filter_map(|node| node.params.get("text")?.as_str());
    let subpatches = patch.definitions.values().map(|definition| definition.about.as_str());
    [patch.meta.description.as_str()].into_iter().chain(notes).chain(subpatches).collect()
}

#[test]
fn a_wrong_name_in_backticks_is_found() {
    let heatmap = names_of(LIBRARY.iter().find(|def| def.name == "output.heatmap").expect("a node"));
    assert_eq!(unknown_names("`smooth` off or `scale` at `nearest`, after `bend.swap`", &heatmap), [""; 0]);
    assert_eq!(unknown_names("`time` off, and `level`", &heatmap), ["time", "level"]);
}

#[test]
fn a_help_patch_names_its_own_nodes_ports_and_choices() {
    let mut named = 0;
    for def in LIBRARY {
        let patch = help(def);
        let kinds = patch.nodes.values().filter_map(|node| LIBRARY.iter().find(|def| def.name == node.kind));
        let known: BTreeSet<String> = kinds.flat_map(|def| names_of(def)).chain(patch.nodes.keys().cloned()).collect();
        for text in texts(&patch) {
            assert_eq!(unknown_names(text, &known), [""; 0], "{}: {text}", def.name);
            named += text.matches('`').count() / 2;
        }
    }
    assert!(named > 100, "only {named} names stand in backticks");
}

#[test]
fn a_help_text_names_ports_and_choices_of_its_node() {
    for def in LIBRARY {
        let known = names_of(def);
        let inputs = def.inputs.iter().map(|input| input.about);
        for text in inputs.chain(def.outputs.iter().map(|output| output.about)).chain([def.about]) {
            assert_eq!(unknown_names(text, &known), [""; 0], "{}: {text}", def.name);
        }
    }
}

#[test]
fn the_help_patch_of_a_bend_bends() {
    for def in bends() {
        let patch = help(def);
        let ids = ids(&patch, def.name);
        let mut asked = programs(&patch).into_iter().flat_map(|program| program.bends);
        assert!(asked.any(|bend| ids.contains(&&*bend.node) && !bend.is_neutral()), "{}", def.name);
    }
}

#[test]
fn the_help_patch_of_a_target_aims() {
    for def in LIBRARY.iter().filter(|def| def.family() == "target") {
        let patch = help(def);
        let everything = Selection::default();
        let aims = programs(&patch).iter().any(|program| {
            let mut bends = program.bends.iter().map(|bend| &bend.target);
            let mut taps = program.taps.iter().flat_map(|tap| tap.target.parts());
            bends.any(|target| *target != everything.parts()[0]) || taps.any(|target| *target != everything.parts()[0])
        });
        assert!(aims, "{}", def.name);
        // Without the node the result differs.
        let mut without = patch.clone();
        let aimless = |id: &str| patch.nodes[id].kind == def.name;
        without.cables.retain(|cable| !aimless(&cable.from.node));
        assert_ne!(programs(&without), programs(&patch), "{}", def.name);
    }
}

#[test]
fn the_help_patch_of_a_number_moves_something() {
    let families = ["control", "modulate", "math", "logic", "time", "view", "midi", "audio", "osc", "serial"];
    for def in LIBRARY.iter().filter(|def| families.contains(&def.family()) && !def.outputs.is_empty()) {
        let patch = help(def);
        let mut without = patch.clone();
        let ids = ids(&patch, def.name);
        without.cables.retain(|cable| !ids.contains(&cable.from.node.as_str()));
        // A control that nobody moves, and that has no value until then, moves nothing.
        let needs_hand = def.reads.is_some() && def.input("held").is_none();
        assert!(needs_hand || programs(&without) != programs(&patch), "{}", def.name);
    }
}

#[test]
fn what_a_help_patch_records_is_there_from_the_beginning() {
    let find = |name: &str| help(LIBRARY.iter().find(|def| def.name == name).expect("a node"));
    // A video of one second has frames.
    let video = programs(&find("output.record"));
    assert!(
        video[0].messages.iter().any(|message| message.to == To::Video && message.values[0] >= 0.5),
        "{}",
        video[0]
    );
    // The recording of one second repeats without input.
    let angles = programs(&find("modulate.recorder"));
    let angles: Vec<f64> = angles.iter().flat_map(|program| lanes_of(&program.bends[0], "angle").to_vec()).collect();
    assert_eq!(angles[4..20].chunks(4).filter(|again| **again == angles[..4]).count(), 4, "{angles:?}");
    let swing = angles.iter().copied().fold(f64::MIN, f64::max) - angles.iter().copied().fold(f64::MAX, f64::min);
    assert!(swing > 30.0, "{swing}");
}

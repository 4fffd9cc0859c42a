//! Names, texts and limits of every node.

use std::collections::BTreeSet;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::library::family::FAMILIES;
use bendrack_nodes::node::def::{Curve, DefaultValue};
use bendrack_nodes::node::value::Kind;

#[test]
fn names_are_unique_and_plain() {
    let plain =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let names: BTreeSet<_> = LIBRARY.iter().map(|def| def.name).collect();
    assert_eq!(names.len(), LIBRARY.len());
    for def in LIBRARY {
        assert!(def.name.split('.').count() == 2 && def.name.split('.').all(plain), "{}", def.name);
        let inputs: BTreeSet<_> = def.inputs.iter().map(|input| input.name).collect();
        let outputs: BTreeSet<_> = def.outputs.iter().map(|output| output.name).collect();
        assert_eq!(inputs.len(), def.inputs.len(), "{}", def.name);
        assert_eq!(outputs.len(), def.outputs.len(), "{}", def.name);
        assert!(inputs.iter().chain(&outputs).all(|name| plain(name)), "{}", def.name);
    }
}

#[test]
fn everything_is_explained_in_a_sentence() {
    for def in LIBRARY {
        let about = def.inputs.iter().map(|input| input.about).chain(def.outputs.iter().map(|output| output.about));
        for text in about.chain([def.about]) {
            assert!(text.ends_with('.') && text.len() > 8, "{}: {text:?}", def.name);
        }
        assert!(def.title.chars().next().is_some_and(char::is_uppercase), "{}", def.name);
    }
}

#[test]
fn help_names_latent_frames() {
    let families = ["modulate", "math", "logic", "time", "prompt", "target", "tap"];
    for def in LIBRARY.iter().filter(|def| families.contains(&def.family())) {
        let about = def.inputs.iter().map(|input| input.about).chain(def.outputs.iter().map(|output| output.about));
        for text in about.chain([def.about]) {
            let words: Vec<&str> = std::iter::once("").chain(text.split(' ')).collect();
            let frames = words.windows(2).filter(|pair| pair[1].to_lowercase().starts_with("frame"));
            for pair in frames {
                assert!(["latent", "Latent", "past"].contains(&pair[0]), "{}: {text}", def.name);
            }
        }
    }
}

#[test]
fn knobs_stay_within_their_limits() {
    for (def, input) in LIBRARY.iter().flat_map(|def| def.inputs.iter().map(move |input| (def, input))) {
        let at = format!("{} {}", def.name, input.name);
        assert!(input.hard.0 <= input.soft.0 && input.soft.0 < input.soft.1 && input.soft.1 <= input.hard.1, "{at}");
        match input.default {
            DefaultValue::Number(number) => assert!((input.hard.0..=input.hard.1).contains(&number), "{at}"),
            DefaultValue::Text(_) => assert_eq!(input.kind, Kind::Text, "{at}"),
            DefaultValue::Nothing => {
                assert!(input.direct || !matches!(input.kind, Kind::Number | Kind::Gate | Kind::Text), "{at}");
            }
        }
        assert!(input.curve == Curve::Linear || input.soft.0 > 0.0, "{at}");
    }
}

#[test]
fn every_family_is_declared_in_the_order_of_the_menu() {
    let mut names: Vec<&str> = Vec::new();
    for def in LIBRARY {
        if !names.contains(&def.family()) {
            names.push(def.family());
        }
    }
    assert_eq!(names, FAMILIES.iter().map(|family| family.name).collect::<Vec<_>>());
}

#[test]
fn every_file_is_in_the_library() {
    let library = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/library");
    let mut files = 0;
    for entry in std::fs::read_dir(library).expect("the library's folder") {
        let family = entry.expect("an entry").path();
        if family.is_dir() {
            let texts = std::fs::read_dir(&family).expect("a family's folder").map(|file| file.expect("a file").path());
            let texts = texts.map(|file| std::fs::read_to_string(file).expect("a text"));
            files += texts.filter(|text| text.contains("pub const NODE: NodeDef")).count();
        }
    }
    assert_eq!(files, LIBRARY.len(), "one file is one node, listed in LIBRARY");
}

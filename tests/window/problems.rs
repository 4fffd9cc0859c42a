//! Problems of a patch and warnings of the engine, at their nodes.

use bendrack::engine::Warning;
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;

#[test]
fn a_broken_patch_is_marked_and_the_engine_keeps_its_plan() {
    let mut patch = first_bend();
    patch.nodes.get_mut("lfo").unwrap().params.insert("shape".into(), "sinus".into());
    let (window, fake) = window(patch);
    assert_eq!(fake.plans(), 0);
    assert!(window.state().workspace.editor.document.is_broken());
    assert!(window.get_by_label_contains("1 problem").rect().width() > 0.0);
}

#[test]
fn warnings_of_the_engine_are_shown_at_their_nodes() {
    let (mut window, fake) = window(first_bend());
    window.run_steps(2);
    assert!(window.state().workspace.diagnostics("word").is_empty());
    fake.warn(Warning::of("word".into(), "\"tulip\" is not in the prompt"));
    window.run_steps(2);
    assert_eq!(window.state().workspace.diagnostics("word").len(), 1);
    assert!(window.state().workspace.diagnostics("rotate").is_empty());
    window.state_mut().workspace.editor.selection = ["word".to_owned()].into();
    window.run_steps(2);
    assert!(window.query_by_label("\"tulip\" is not in the prompt.").is_some(), "in the inspector");
}

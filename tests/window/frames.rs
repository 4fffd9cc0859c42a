//! Frames around nodes.

use bendrack_nodes::patch::{LevelEdit, Patch};
use eframe::egui::{Key, Modifiers, Pos2, vec2};
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;

fn frames(window: &Window) -> Vec<bendrack_nodes::patch::Frame> {
    window.state().workspace.editor.document.patch.frames.clone()
}

fn undo(window: &mut Window) {
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
}

/// A point of the title of the first frame.
fn title(window: &Window) -> Pos2 {
    window.get_by_label_contains("frame Frame").rect().left_center() + vec2(40.0, 0.0)
}

#[test]
fn a_frame_is_added_moved_with_its_nodes_named_coloured_and_deleted() {
    let mut patch = first_bend();
    for (i, id) in patch.nodes.keys().cloned().collect::<Vec<_>>().into_iter().enumerate() {
        let pos = [(i % 4) as f64 * 280.0, (i / 4) as f64 * 640.0];
        patch.apply(LevelEdit::Move { id, pos }).unwrap();
    }
    let (mut window, fake) = window(patch);
    let plans = fake.plans();
    let start = window.state().workspace.editor.document.patch.clone();
    window.state_mut().workspace.editor.selection = ["lfo".to_owned()].into();
    window.key_press(Key::G);
    window.run_steps(3);
    assert_eq!(frames(&window).len(), 1);
    assert_eq!(window.state().workspace.editor.document.undo_name(), Some("frame"));
    let (before, lfo) = (frames(&window)[0].pos, window.state().workspace.editor.document.patch.layout["lfo"].pos);
    let from = title(&window);
    drag(&mut window, from, from + vec2(-30.0, 45.0));
    let moved = |a: [f64; 2], b: [f64; 2]| [b[0] - a[0], b[1] - a[1]];
    let by = moved(before, frames(&window)[0].pos);
    assert!(by[0] < 0.0 && by[1] > 0.0, "{by:?}");
    assert_eq!(moved(lfo, window.state().workspace.editor.document.patch.layout["lfo"].pos), by);
    assert_eq!(window.state().workspace.editor.document.undo_name(), Some("move frame"));
    // A click on the title opens its page in the inspector.
    let at = title(&window);
    click(&mut window, at);
    window.get_by_label("title of the frame").focus();
    window.run_steps(2);
    type_text(&mut window, " of the sky");
    assert!(frames(&window)[0].title.contains("of the sky"), "{:?}", frames(&window)[0].title);
    window.get_by_label("blue frame").click();
    window.run_steps(2);
    assert_eq!(frames(&window)[0].colour, "#6fb3e6");
    // The corner resizes it.
    let size = frames(&window)[0].size;
    let zoom = window.state().workspace.frame.zoom;
    let rect = window.get_by_label_contains("frame Frame").rect();
    let corner = rect.left_top() + vec2(size[0] as f32, size[1] as f32) * zoom - vec2(4.0, 4.0);
    drag(&mut window, corner, corner + vec2(60.0, 40.0));
    assert!(frames(&window)[0].size[0] > size[0], "{:?}", frames(&window)[0].size);
    // The file holds it.
    let text = window.state().workspace.editor.document.patch.to_json();
    assert_eq!(Patch::from_json(&text).unwrap().frames, frames(&window));
    let at = title(&window);
    click(&mut window, at);
    window.ctx.memory_mut(eframe::egui::Memory::stop_text_input);
    window.key_press(Key::Delete);
    window.run_steps(2);
    assert!(frames(&window).is_empty());
    assert_eq!(node_ids(&window).len(), 10, "the nodes stay");
    assert_eq!(fake.plans(), plans, "frames compile nothing");
    for _ in 0..6 {
        undo(&mut window);
    }
    assert_eq!(window.state().workspace.editor.document.patch.to_json(), start.to_json());
}

#[test]
fn invalid_frames_are_ignored() {
    let mut patch = first_bend();
    let text = r#"[{ "pos": [1e300, -1e300], "size": [1e308, 1e308] }, { "pos": [0.0, 0.0], "size": [-5.0, 0.0], "colour": "sky" }]"#;
    patch.frames = serde_json::from_str(text).unwrap();
    let (mut window, _) = window(patch);
    window.state_mut().workspace.editor.selected_frame = Some(7);
    window.run_steps(3);
    window.key_press(Key::Delete);
    window.run_steps(2);
    assert_eq!(frames(&window).len(), 2);
}

#[test]
#[ignore = "renders screenshots, which needs a graphics driver"]
fn pictures_of_frames() {
    let mut patch = crate::views::views();
    let text = r##"[
        { "title": "Looking", "pos": [240.0, 48.0], "size": [256.0, 376.0], "colour": "#d8b098" },
        { "title": "The rotation", "pos": [752.0, 56.0], "size": [512.0, 320.0], "colour": "#c38fe0" }]"##;
    patch.frames = serde_json::from_str(text).unwrap();
    let (mut window, fake) = window_with(patch, None, None, true);
    for number in 1..300 {
        fake.play(number);
        window.run_steps(1);
    }
    window.state_mut().workspace.editor.selected_frame = Some(1);
    window.run_steps(2);
    crate::shoot(&mut window, "frames");
}

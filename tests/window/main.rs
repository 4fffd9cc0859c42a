//! The window, driven by pointer and keys, with an engine that records its calls.
//!
//! Screenshots are not compared, as graphics drivers differ in the last bits of every edge. The ignored tests render them for
//! inspection: `cargo test --test window -- --ignored`.
#![cfg(feature = "ui")]
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a failing test panics; exact equality is intended")]

mod devices;
mod driver;
mod fakes;
mod frames;
mod patch_panel;
mod pictures;
mod recordings;
mod subpatches;
mod takes;
mod videos;
mod views;

use std::path::PathBuf;
use std::sync::Arc;

use bendrack::engine::Warning;
use bendrack::ui::Recovery;
use bendrack_nodes::patch::{Cable, LevelEdit, Node, Patch};
use eframe::egui::{DroppedFile, Event, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, TouchPhase, Vec2, vec2};
use egui_kittest::kittest::Queryable as _;

use driver::*;

#[test]
fn a_node_is_added_by_three_letters() {
    let (mut window, fake) = window(Patch::default());
    let plans = fake.plans();
    window.hover_at(Pos2::new(300.0, 400.0));
    window.run_steps(1);
    window.key_press(Key::N);
    window.run_steps(2);
    type_text(&mut window, "lfo");
    window.key_press(Key::Enter);
    window.run_steps(2);
    assert_eq!(node_ids(&window), ["lfo"]);
    assert!(fake.plans() > plans, "the engine runs it");
    assert!(window.state().canvas.palette.is_none());
    // It is under the pointer, on the grid.
    let rect = window.state().workspace.frame.rects["lfo"];
    assert!(rect.min.distance(Pos2::new(300.0, 400.0)) < 8.0, "{rect:?}");

    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert!(node_ids(&window).is_empty());
    window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    window.run_steps(2);
    assert_eq!(node_ids(&window), ["lfo"]);
}

#[test]
fn the_first_bend_of_an_empty_patch_takes_six_actions() {
    let (mut window, fake) = window(Patch::default());
    for (i, name) in ["Rotate", "Wan"].iter().enumerate() {
        window.hover_at(Pos2::new(160.0 + 340.0 * i as f32, 300.0));
        window.key_press(Key::N);
        window.run_steps(2);
        type_text(&mut window, name);
        window.key_press(Key::Enter);
        window.run_steps(3);
    }
    // A cable dropped on the canvas opens the palette.
    let (from, to) = (port(&window, "rotate.bends", true), port(&window, "wan.bends", false));
    drag(&mut window, from, to);
    let angle = port(&window, "rotate.angle", false);
    drag(&mut window, angle, Pos2::new(120.0, 700.0));
    assert!(window.state().canvas.palette.is_some());
    type_text(&mut window, "lfo");
    window.key_press(Key::Enter);
    window.run_steps(3);
    let patch = &window.state().workspace.editor.document.patch;
    let cables: Vec<String> = patch.cables.iter().map(|cable| format!("{} {}", cable.from, cable.to)).collect();
    assert_eq!(cables, ["rotate.bends wan.bends", "lfo.out rotate.angle"]);
    assert_eq!(fake.program().bends.len(), 1, "one bend");
    // The node and its cable are one step.
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert_eq!(node_ids(&window), ["rotate", "wan"]);
}

#[test]
fn a_turned_knob_reaches_the_engine_and_undo_brings_it_back() {
    let (mut window, fake) = window(first_bend());
    let (before, start) = (fake.program(), Arc::clone(&window.state().workspace.editor.document.patch));
    let knob = window.get_by_label("angle of rotate").rect().center();
    drag(&mut window, knob, knob - vec2(0.0, 30.0));
    let turned = fake.program();
    assert_ne!(turned.bends[0].params, before.bends[0].params);
    assert_eq!(window.state().workspace.editor.document.undo_name(), Some("turn angle of rotate"));
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert_eq!(fake.program(), before);
    assert_eq!(window.state().workspace.editor.document.patch, start, "the whole drag was one step");
}

#[test]
fn the_wheel_turns_a_knob_and_zooms_elsewhere() {
    let (mut window, fake) = window(first_bend());
    let before = fake.program();
    let zoom = window.state().workspace.frame.zoom;
    let knob = window.get_by_label("angle of rotate").rect().center();
    let wheel = |window: &mut Window, at: Pos2| {
        window.hover_at(at);
        window.run_steps(2);
        let unit = MouseWheelUnit::Point;
        let modifiers = Modifiers::NONE;
        window.event(Event::MouseWheel { unit, delta: vec2(0.0, 60.0), modifiers, phase: TouchPhase::Move });
        window.run_steps(12);
    };
    wheel(&mut window, knob);
    assert_ne!(fake.program(), before);
    assert_eq!(window.state().workspace.frame.zoom, zoom);
    let at = empty_point(&window);
    let program = fake.program();
    wheel(&mut window, at);
    assert!(window.state().workspace.frame.zoom > zoom);
    assert_eq!(fake.program(), program);
}

#[test]
fn nodes_are_unplugged_plugged_and_deleted_while_frames_arrive() {
    let (mut window, fake) = window(first_bend());
    fake.play(17);
    let start = Arc::clone(&window.state().workspace.editor.document.patch);
    // Unplugged and dropped on the canvas.
    let (angle, at) = (port(&window, "rotate.angle", false), empty_point(&window));
    drag(&mut window, angle, at);
    assert!(window.state().canvas.palette.is_none(), "unplugging opens no palette");
    assert!(!window.state().workspace.editor.is_wired("rotate", "angle"));
    // Plugged in again, 10 points beside the port.
    let from = port(&window, "lfo.out", true);
    let to = port(&window, "rotate.angle", false) + vec2(-9.0, 4.0);
    drag(&mut window, from, to);
    assert!(window.state().workspace.editor.is_wired("rotate", "angle"));
    // A port of another kind refuses the cable.
    let cables = window.state().workspace.editor.document.patch.cables.clone();
    let (from, to) = (port(&window, "lfo.out", true), port(&window, "wan.bends", false));
    drag(&mut window, from, to);
    assert_eq!(window.state().workspace.editor.document.patch.cables, cables);

    fake.play(18);
    let rect = window.state().workspace.frame.rects["rotate"];
    click(&mut window, rect.center_top() + vec2(0.0, 8.0));
    assert_eq!(window.state().workspace.editor.selection.iter().collect::<Vec<_>>(), ["rotate"]);
    window.key_press(Key::Delete);
    window.run_steps(2);
    assert!(!window.state().workspace.editor.document.patch.nodes.contains_key("rotate"));
    assert!(fake.program().bends.is_empty(), "no bends");
    for _ in 0..3 {
        window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        window.run_steps(2);
    }
    assert_eq!(window.state().workspace.editor.document.patch.to_json(), start.to_json());
}

#[test]
fn a_dragged_node_snaps_to_the_grid_and_the_engine_keeps_its_plan() {
    let (mut window, fake) = window(first_bend());
    let plans = fake.plans();
    let before = window.state().workspace.editor.document.patch.layout["lfo"].pos;
    let rect = window.state().workspace.frame.rects["lfo"];
    let title = rect.left_top() + vec2(rect.width() / 2.0, 8.0);
    drag(&mut window, title, title + vec2(40.0, 24.0));
    let after = window.state().workspace.editor.document.patch.layout["lfo"].pos;
    assert!(after[0] > before[0] && after[1] > before[1], "{before:?} → {after:?}");
    assert_eq!([after[0] % 8.0, after[1] % 8.0], [0.0, 0.0]);
    assert_eq!(fake.plans(), plans);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert_eq!(window.state().workspace.editor.document.patch.layout["lfo"].pos, before);
}

#[test]
fn a_dragged_node_compiles_nothing_and_an_edit_compiles_once() {
    let (mut window, fake) = window(first_bend());
    let compilations = |window: &Window| window.state().workspace.editor.document.compilations();
    assert_eq!((compilations(&window), fake.plans()), (1, 1), "opening compiles once");
    let title = window.state().workspace.frame.rects["lfo"].center_top() + vec2(0.0, 8.0);
    window.hover_at(title);
    window.drag_at(title);
    for step in 1..=60_u8 {
        window.hover_at(title + Vec2::splat(f32::from(step)));
        window.run_steps(1);
    }
    window.drop_at(title + Vec2::splat(60.0));
    window.run_steps(3);
    assert_eq!(window.state().workspace.editor.document.undo_name(), Some("move"));
    assert_eq!((compilations(&window), fake.plans()), (1, 1));

    window.state_mut().workspace.editor.selection = ["rotate".to_owned()].into();
    window.key_press(Key::B);
    window.run_steps(60);
    assert_eq!((compilations(&window), fake.plans()), (2, 2));
    // The engine and the live values of the window share the plan.
    let plan = window.state().workspace.editor.document.plan().unwrap();
    assert!(Arc::ptr_eq(&plan, fake.0.borrow().plans.last().unwrap()));
}

#[test]
fn the_inspector_edits_without_losing_the_selection() {
    let (mut window, fake) = window(first_bend());
    let rect = window.state().workspace.frame.rects["lfo"];
    click(&mut window, rect.center_top() + vec2(0.0, 8.0));
    let before = fake.program();
    let knob = window.get_by_label("rate of lfo in the inspector").rect().center();
    drag(&mut window, knob, knob - vec2(0.0, 40.0));
    assert_ne!(fake.program(), before);
    assert_eq!(window.state().workspace.editor.selection.iter().collect::<Vec<_>>(), ["lfo"]);
}

#[test]
fn undo_of_an_added_node_shows_the_patch_in_the_inspector() {
    let (mut window, _) = window(first_bend());
    let of_the_patch = "title of the patch";
    assert!(window.query_by_label(of_the_patch).is_some());
    let at = empty_point(&window);
    window.hover_at(at);
    window.run_steps(1);
    window.key_press(Key::N);
    window.run_steps(2);
    type_text(&mut window, "slew");
    window.key_press(Key::Enter);
    window.run_steps(2);
    assert_eq!(window.state().workspace.editor.selection, ["slew".to_owned()].into());
    assert!(window.query_by_label(of_the_patch).is_none(), "the inspector shows the node");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert!(!node_ids(&window).contains(&"slew".to_owned()));
    assert!(window.state().workspace.editor.selection.is_empty());
    assert!(window.query_by_label(of_the_patch).is_some());
}

#[test]
fn a_midi_control_is_learned_by_moving_it() {
    let (mut window, fake) = window(first_bend());
    let rect = window.state().workspace.frame.rects["rotate"];
    click(&mut window, rect.center_top() + vec2(0.0, 8.0));
    window.get_by_label("learn rotate.amount").click();
    window.run_steps(2);
    fake.0.borrow_mut().controls.apply(&bendrack_nodes::input::Event::Cc { channel: 1, number: 20, value: 0.2 });
    window.run_steps(2);
    fake.0.borrow_mut().controls.apply(&bendrack_nodes::input::Event::Cc { channel: 1, number: 20, value: 0.5 });
    window.run_steps(2);
    let patch = &window.state().workspace.editor.document.patch;
    assert!(patch.nodes.contains_key("cc20"));
    assert_eq!(patch.cable_to(&"rotate.amount".parse().unwrap()).unwrap().from.node, "cc20");
    assert_eq!(fake.program().bends[0].amount[..], [0.5; 3]);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert_eq!(window.state().workspace.editor.document.patch.nodes.len(), 10, "one step");
}

#[test]
fn a_patch_is_saved_opened_and_recovered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("show.json");
    let recovery = || Some(Recovery::new(folder.path().join("recovery")));
    std::fs::write(&path, first_bend().to_json()).unwrap();
    let (mut window, _) = window_with(first_bend(), Some(path.clone()), recovery(), false);
    assert!(!window.state().workspace.editor.document.is_dirty(), "automatic layout is no edit");
    window.state_mut().workspace.editor.selection = ["lfo".to_owned()].into();
    window.key_press(Key::Delete);
    window.run_steps(2);
    assert!(window.state().workspace.editor.document.is_dirty());
    assert_eq!(Patch::from_json(&std::fs::read_to_string(&path).unwrap()).unwrap().nodes.len(), 10, "not before Save");

    window.key_press_modifiers(Modifiers::COMMAND, Key::S);
    until(&mut window, |app| !app.workspace.editor.document.is_dirty());
    let saved = Patch::from_json(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(&saved, &*window.state().workspace.editor.document.patch);

    // The next window offers an edit that was not saved.
    window.state_mut().workspace.editor.selection = ["rotate".to_owned()].into();
    window.key_press(Key::Delete);
    window.run_steps(120);
    let edited = Arc::clone(&window.state().workspace.editor.document.patch);
    drop(window);
    let (mut window, _) = window_with(saved.clone(), Some(path.clone()), recovery(), false);
    assert_eq!(&*window.state().workspace.editor.document.patch, &saved, "the copy is only offered");
    window.get_by_label("Open recovered patch").click();
    window.run_steps(3);
    assert_eq!(window.state().workspace.editor.document.patch, edited);
    assert!(window.state().workspace.editor.document.is_dirty(), "it is not saved");
    assert_eq!(window.state().workspace.editor.document.path.as_ref(), Some(&path));
}

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

#[test]
fn a_box_selects_a_middle_drag_pans_and_a_double_click_opens_the_palette() {
    let (mut window, _) = window(first_bend());
    let rects = &window.state().workspace.frame.rects;
    let both = rects["heat"].union(rects["beside"]).expand(6.0);
    drag(&mut window, both.left_bottom() + vec2(0.0, 30.0), both.right_top());
    assert_eq!(window.state().workspace.editor.selection.iter().collect::<Vec<_>>(), ["beside", "heat"]);
    let before = window.state().workspace.frame.rects["lfo"].min;
    let start = before + vec2(60.0, 10.0);
    let button =
        |pos, pressed| Event::PointerButton { pos, button: PointerButton::Middle, pressed, modifiers: Modifiers::NONE };
    window.hover_at(start);
    window.event(button(start, true));
    window.hover_at(start + vec2(50.0, 20.0));
    window.event(button(start + vec2(50.0, 20.0), false));
    window.run_steps(3);
    let after = window.state().workspace.frame.rects["lfo"].min;
    assert!((after - before - vec2(50.0, 20.0)).length() < 2.0, "{before:?} → {after:?}");
    assert!(!window.state().workspace.editor.document.is_dirty(), "only the view moved");
    let at = empty_point(&window);
    for pressed in [true, false, true, false] {
        if pressed { window.drag_at(at) } else { window.event(release(at)) }
    }
    window.run_steps(2);
    assert!(window.state().canvas.palette.is_some());
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert!(window.state().canvas.palette.is_none());
}

#[test]
fn unsaved_work_is_asked_about_and_the_engine_runs_on() {
    let (mut window, fake) = window(first_bend());
    window.state_mut().workspace.editor.selection = ["lfo".to_owned()].into();
    window.key_press(Key::Delete);
    window.key_press_modifiers(Modifiers::COMMAND, Key::N);
    window.run_steps(2);
    let plans = fake.plans();
    fake.play(9);
    window.run_steps(2);
    assert_eq!(node_ids(&window).len(), 9, "nothing is lost yet");
    assert_eq!(fake.plans(), plans);
    window.get_by_label("Cancel").click();
    window.run_steps(2);
    assert!(window.query_by_label("Discard").is_none());
    window.key_press_modifiers(Modifiers::COMMAND, Key::N);
    window.run_steps(2);
    window.get_by_label("Discard").click();
    window.run_steps(3);
    assert!(node_ids(&window).is_empty());
}

#[test]
fn a_dropped_patch_is_opened_and_another_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.json"), folder.path().join("bad.json"));
    std::fs::write(&good, first_bend().to_json()).unwrap();
    std::fs::write(&bad, "{}").unwrap();
    let (mut window, _) = window(Patch::default());
    let dropped = |path: &PathBuf| DroppedFile { path: Some(path.clone()), ..DroppedFile::default() };
    window.input_mut().dropped_files.push(dropped(&good));
    until(&mut window, |app| app.workspace.editor.document.path.as_ref() == Some(&good));
    assert_eq!(node_ids(&window).len(), 10);
    window.input_mut().dropped_files.push(dropped(&bad));
    window.run_steps(1);
    for _ in 0..100 {
        window.run_steps(1);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(window.query_by_label_contains("bad.json").is_some(), "the error is shown");
    assert_eq!(node_ids(&window).len(), 10);
}

#[test]
fn letters_typed_into_a_node_are_not_shortcuts() {
    let (mut window, fake) = window(first_bend());
    let rect = window.state().workspace.frame.rects["prompt"];
    click(&mut window, rect.center() - vec2(0.0, 4.0));
    assert!(window.ctx.text_edit_focused());
    window.key_press(Key::End);
    window.key_press(Key::N);
    window.key_press(Key::B);
    type_text(&mut window, " nb");
    assert!(window.state().canvas.palette.is_none());
    assert_eq!(&*fake.program().prompt, "a purple tulip over a blue gradient nb");
    assert_eq!(window.state().workspace.editor.document.undo_name(), Some("set text of prompt"));
}

fn release(pos: Pos2) -> Event {
    let button = PointerButton::Primary;
    Event::PointerButton { pos, button, pressed: false, modifiers: Modifiers::NONE }
}

#[test]
#[ignore = "measures time, which needs an idle machine: cargo test --release --test window -- --ignored"]
fn two_hundred_nodes_are_drawn_in_time() {
    let mut patch = Patch::default();
    for i in 0..200_usize {
        let kind = ["modulate.lfo", "math.math", "bend.rotate", "modulate.slew"][i % 4];
        let node = Node { kind: kind.into(), ..Node::default() };
        let pos = [(i % 20) as f64 * 240.0, (i / 20) as f64 * 280.0];
        patch.apply(LevelEdit::AddNode { id: format!("n{i}"), node, pos }).unwrap();
    }
    let inputs = [&["rate", "phase"][..], &["a", "b"], &["angle", "amount"], &["in", "rise"]];
    for i in 0..200_usize {
        for (k, input) in inputs[i % 4].iter().enumerate() {
            // From an earlier LFO, so that there are no loops.
            let from = (i / 4).saturating_sub(k) * 4;
            if from < i {
                let cable = format!("n{from}.out")
                    .parse()
                    .and_then(|from| Ok(Cable::new(from, format!("n{i}.{input}").parse()?)));
                patch.apply(LevelEdit::Connect { cable: cable.unwrap() }).unwrap();
            }
        }
    }
    let (mut window, fake) = window(patch);
    assert!(
        !window.state().workspace.editor.document.is_broken(),
        "{:?}",
        window.state().workspace.editor.document.problems
    );
    let mut took: Vec<f64> = (1..120)
        .map(|number| {
            fake.play(number);
            let start = std::time::Instant::now();
            window.run_steps(1);
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let (median, slow) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    println!(
        "{} cables; layout and shapes of a frame: median {median:.1} ms, 99 % {slow:.1} ms",
        window.state().workspace.editor.document.patch.cables.len()
    );
    // A debug build on a busy machine stays below this limit; quadratic growth does not.
    assert!(median < 200.0);
}

/// Renders the window as a PNG.
fn shoot(window: &mut Window, name: &str) {
    let folder = std::env::temp_dir().join("bendrack-window");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.png"));
    match window.render() {
        Ok(image) => image.save(&path).unwrap(),
        Err(error) => panic!("{error}"),
    }
    println!("{}", path.display());
}

#[test]
#[ignore = "renders screenshots, which needs a graphics driver"]
fn screenshots() {
    let (mut window, fake) = window_with(first_bend(), Some("patches/first_bend.json".into()), None, true);
    for number in 1..260 {
        fake.play(number);
        window.run_steps(1);
    }
    shoot(&mut window, "first_bend");
    let rect = window.state().workspace.frame.rects["rotate"];
    click(&mut window, rect.center_top() + vec2(0.0, 8.0));
    shoot(&mut window, "selected");
    let at = empty_point(&window);
    window.hover_at(at);
    window.key_press(Key::N);
    window.run_steps(2);
    type_text(&mut window, "ro");
    shoot(&mut window, "palette");
    window.key_press(Key::Escape);
    window.run_steps(2);
    window.state_mut().workspace.editor.selection = ["lfo".to_owned(), "rotate".to_owned()].into();
    window.state_mut().workspace.editor.unfolded.insert("lfo".to_owned());
    window.key_press(Key::F);
    window.run_steps(3);
    let from = port(&window, "lfo.out", true);
    window.hover_at(from);
    window.run_steps(1);
    window.drag_at(from);
    for i in 1..10_u8 {
        window.hover_at(from + Vec2::new(9.0, -6.0) * f32::from(i));
        window.run_steps(1);
    }
    shoot(&mut window, "cable");
    window.drop_at(from);
    window.run_steps(2);

    let mut patch = first_bend();
    patch.nodes.get_mut("map").unwrap().kind = "tap.unknown".into();
    patch.nodes.get_mut("rotate").unwrap().bypass = true;
    patch.nodes.get_mut("heat").unwrap().params.insert("colours".into(), "infrno".into());
    let (mut window, fake) = window_with(patch, None, None, true);
    for number in 1..40 {
        fake.play(number);
        window.run_steps(1);
    }
    let at = window.state().workspace.frame.rects["heat"].center_top() + vec2(10.0, 8.0);
    click(&mut window, at);
    window.event(Event::PointerButton {
        pos: at,
        button: PointerButton::Secondary,
        pressed: true,
        modifiers: Modifiers::NONE,
    });
    window.event(Event::PointerButton {
        pos: at,
        button: PointerButton::Secondary,
        pressed: false,
        modifiers: Modifiers::NONE,
    });
    window.run_steps(2);
    shoot(&mut window, "problems");
    window.key_press(Key::F11);
    window.run_steps(2);
    shoot(&mut window, "large");
}

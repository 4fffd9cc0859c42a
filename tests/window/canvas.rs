//! The canvas: nodes and cables added, plugged, dragged, selected; the view zoomed and moved.

use std::sync::Arc;
use std::time::Instant;

use bendrack_nodes::patch::{Cable, LevelEdit, Node, Patch};
use eframe::egui::{Event, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, TouchPhase, Vec2, vec2};
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;

#[test]
fn a_node_is_added_by_three_letters() {
    let (mut window, fake) = window(Patch::default());
    let plans = fake.plans();
    window.hover_at(Pos2::new(300.0, 400.0));
    window.run_steps(1);
    add_node(&mut window, "lfo");
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

fn release(pos: Pos2) -> Event {
    let button = PointerButton::Primary;
    Event::PointerButton { pos, button, pressed: false, modifiers: Modifiers::NONE }
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
            let start = Instant::now();
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

#[test]
fn the_keyboard_alone_adds_connects_moves_and_finds() {
    let (mut window, fake) = window(first_bend());
    window.key_press(Key::ArrowRight);
    window.run_steps(2);
    assert_eq!(window.state().workspace.editor.selection.len(), 1, "the first node");
    add_node(&mut window, "envelope");
    let added = window.state().workspace.editor.selection.clone();
    assert_eq!(added, ["envelope".to_owned()].into());
    let at = |window: &Window| window.state().workspace.editor.document.patch.layout["envelope"].pos;
    let before = at(&window);
    window.key_press_modifiers(Modifiers::COMMAND, Key::ArrowDown);
    window.run_steps(2);
    assert_eq!(at(&window), [before[0], before[1] + 8.0]);
    window.key_press(Key::C);
    window.run_steps(2);
    type_text(&mut window, "out rotate amount");
    window.key_press(Key::Enter);
    window.run_steps(3);
    let patch = window.state().workspace.editor.document.patch.clone();
    let cable = patch.cable_to(&"rotate.amount".parse().unwrap()).unwrap();
    assert_eq!(cable.from.to_string(), "envelope.out");
    assert!(fake.plans() > 1);
    window.key_press(Key::Slash);
    window.run_steps(2);
    type_text(&mut window, "heatm");
    window.key_press(Key::Enter);
    window.run_steps(3);
    assert_eq!(window.state().workspace.editor.selection, ["heat".to_owned()].into());
    window.key_press(Key::C);
    window.run_steps(2);
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert!(window.query_by_label("choose").is_none(), "Esc closes the list");
}

#[test]
fn a_knife_cuts_every_cable_on_its_way_in_one_step() {
    let (mut window, _) = window(first_bend());
    let cables = |window: &Window| window.state().workspace.editor.document.patch.cables.len();
    let before = cables(&window);
    // Across the cables into the heatmap and the compositor.
    let (a, b) = (port(&window, "heat.map", false), port(&window, "beside.b", false));
    window.hover_at(a - vec2(30.0, 40.0));
    window.key_down(Key::K);
    window.run_steps(1);
    window.drag_at(a - vec2(30.0, 40.0));
    window.run_steps(1);
    window.hover_at(b + vec2(-30.0, 40.0));
    window.run_steps(2);
    window.drop_at(b + vec2(-30.0, 40.0));
    window.run_steps(2);
    window.key_up(Key::K);
    window.run_steps(1);
    assert!(cables(&window) + 2 <= before, "{} of {before}", cables(&window));
    let name = window.state().workspace.editor.document.undo_name().unwrap().to_owned();
    assert!(name.starts_with("cut "), "{name}");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert_eq!(cables(&window), before);
}

#[test]
fn a_minimap_leads_to_what_is_out_of_sight() {
    let (mut window, _) = window(first_bend());
    window.run_steps(2);
    assert!(window.query_by_label("minimap").is_none(), "everything is in sight");
    window.state_mut().workspace.frame.zoom = 2.0;
    window.run_steps(2);
    let map = window.get_by_label("minimap").rect();
    let first = window.state().workspace.frame.rects["prompt"];
    click(&mut window, map.right_center() - vec2(4.0, 0.0));
    let now = window.state().workspace.frame.rects["prompt"];
    assert!(now.left() < first.left() - 50.0, "{first:?} {now:?}");
}

#[test]
fn a_port_tells_its_value_its_range_and_its_unit() {
    let (mut window, fake) = window(first_bend());
    fake.play(4);
    window.run_steps(2);
    let at = port(&window, "lfo.rate", false);
    window.hover_at(at);
    window.run_steps(3);
    assert!(window.query_by_label_contains("now 0.250 Hz").is_some());
    let at = port(&window, "rotate.angle", false);
    window.hover_at(at);
    window.run_steps(3);
    assert!(window.query_by_label_contains("from lfo.out").is_some());
}

#[test]
fn the_palette_lists_one_family_alone() {
    let (mut window, _) = window(first_bend());
    let at = empty_point(&window);
    window.hover_at(at);
    window.key_press(Key::N);
    window.run_steps(3);
    window.get_by_label("family Cache").click();
    window.run_steps(3);
    assert!(window.query_by_label("Envelope").is_none(), "nodes of other families");
    window.key_press(Key::Enter);
    window.run_steps(3);
    let added = window.state().workspace.editor.selection.first().cloned().unwrap();
    let kind = window.state().workspace.editor.document.patch.nodes[&added].kind.clone();
    assert!(kind.starts_with("cache."), "{kind}");
}

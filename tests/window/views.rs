//! Views: notes, number displays, scopes, reroutes. Muted cables.

use bendrack_nodes::patch::{LevelEdit, Patch};
use eframe::egui::{Key, Modifiers, Pos2, Rect, vec2};
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;

/// A patch with one node of each view.
pub fn views() -> Patch {
    let text = r#"{ "format": "bendrack-patch", "version": 1, "meta": { "title": "Views" },
        "nodes": {
            "lfo": { "type": "modulate.lfo", "params": { "rate": 0.3, "polarity": "bipolar" } },
            "about": { "type": "view.note", "params": { "text": "The slow sine turns the colour word.\n\nTurn the rate of lfo and its depth at the same time." } },
            "empty": { "type": "view.note" },
            "shown": { "type": "view.number" },
            "scope": { "type": "view.scope", "params": { "low": -1.0, "window": 16.0 } },
            "bent": { "type": "view.reroute" },
            "rotate": { "type": "bend.rotate" },
            "wan": { "type": "model.wan" }
        },
        "cables": [
            { "from": "lfo.out", "to": "shown.in" }, { "from": "shown.out", "to": "scope.in" },
            { "from": "scope.out", "to": "bent.in" }, { "from": "bent.out", "to": "rotate.angle" },
            { "from": "lfo.out", "to": "rotate.amount", "mute": true },
            { "from": "rotate.bends", "to": "wan.bends" }
        ],
        "layout": {
            "about": { "pos": [0.0, 0.0] }, "empty": { "pos": [240.0, 0.0] }, "lfo": { "pos": [0.0, 176.0] },
            "shown": { "pos": [264.0, 96.0] }, "scope": { "pos": [264.0, 232.0] }, "bent": { "pos": [616.0, 312.0] },
            "rotate": { "pos": [776.0, 104.0] }, "wan": { "pos": [1040.0, 104.0] }
        } }"#;
    Patch::from_json(text).unwrap()
}

fn double_click(window: &mut Window, at: Pos2) {
    window.hover_at(at);
    window.run_steps(1);
    for _ in 0..2 {
        window.drag_at(at);
        window.drop_at(at);
    }
    window.run_steps(3);
}

#[test]
fn a_note_is_edited_on_the_canvas() {
    let (mut window, fake) = window(views());
    assert!(window.query_by_label_contains("note about: The slow sine").is_some());
    let rect = window.state().workspace.frame.rects["empty"];
    assert!(window.state().workspace.frame.ports.iter().all(|spot| spot.port.node != "empty"), "it has no ports");
    let plans = fake.plans();
    double_click(&mut window, rect.center());
    type_text(&mut window, "go on");
    assert_eq!(window.state().workspace.editor.document.patch.nodes["empty"].params["text"], "go on");
    assert!(fake.plans() >= plans);
    // A click elsewhere ends the edit. The paper moves the note, and Delete deletes it.
    let at = empty_point(&window);
    click(&mut window, at);
    assert!(!window.ctx.text_edit_focused());
    let before = window.state().workspace.editor.document.patch.layout["empty"].pos;
    let at = window.state().workspace.frame.rects["empty"].center();
    drag(&mut window, at, at + vec2(48.0, 0.0));
    assert!(window.state().workspace.editor.document.patch.layout["empty"].pos[0] > before[0]);
    window.key_press(Key::Delete);
    window.run_steps(2);
    assert!(!node_ids(&window).contains(&"empty".to_owned()));
    // The inspector has a tall field for it.
    window.state_mut().workspace.editor.selection = ["about".to_owned()].into();
    window.run_steps(2);
}

#[test]
fn numbers_scopes_and_reroutes_are_drawn_without_rows_and_keep_their_ports() {
    let (mut window, fake) = window(views());
    for number in 1..200 {
        fake.play(number);
        window.run_steps(1);
    }
    let scene = &window.state().workspace.frame;
    for name in ["shown", "scope", "bent"] {
        let ports = |output| scene.ports.iter().filter(|spot| spot.port.node == name && spot.output == output).count();
        assert_eq!((ports(false), ports(true)), (1, 1), "{name}");
        assert!(window.query_by_label_contains(&format!("in of {name}")).is_none(), "{name} has no knob");
    }
    let tall = |name: &str| scene.rects[name].height() / scene.zoom;
    assert!(tall("bent") < 24.0 && scene.rects["bent"].width() / scene.zoom < 24.0, "a dot");
    assert!(tall("scope") > tall("shown") + 40.0);
    let (shown, bent) = ("shown.out".parse().unwrap(), "bent.out".parse().unwrap());
    let live = &window.state().workspace.playback.live;
    assert!(live.output(&shown).is_some());
    assert_eq!(live.output(&bent), live.output(&shown));
    // The scope keeps its window of 16 s.
    assert!(live.trace(&"scope.out".parse().unwrap()).unwrap().len() > 40);
    // Cables are pulled from a dot.
    let from = port(&window, "bent.out", true);
    let to = port(&window, "rotate.amount", false);
    drag(&mut window, from, to);
    assert_eq!(
        window.state().workspace.editor.document.patch.cable_to(&"rotate.amount".parse().unwrap()).unwrap().from.node,
        "bent"
    );
}

#[test]
fn a_dot_is_added_to_a_cable_moved_unplugged_and_plugged() {
    let (mut window, fake) = window(first_bend());
    let (before, start) = (fake.program(), window.state().workspace.editor.document.patch.clone());
    let at = on_cable(&window, "lfo.out", "rotate.angle");
    window.hover_at(at);
    window.run_steps(2);
    window.key_press(Key::R);
    window.run_steps(3);
    assert_eq!(fake.program(), before, "the same program");
    let dot = window.get_by_label("reroute reroute").rect().center();
    assert!(dot.distance(at) < 12.0, "{dot:?}, {at:?}");
    // Its middle moves it, and a click selects it.
    drag(&mut window, dot, dot + vec2(0.0, 60.0));
    let dot = window.get_by_label("reroute reroute").rect().center();
    assert!(dot.y > at.y + 30.0);
    click(&mut window, dot);
    assert_eq!(window.state().workspace.editor.selection.iter().collect::<Vec<_>>(), ["reroute"]);
    // Its cable is unplugged from the knob and plugged in again from the right side of the dot.
    let knob = port(&window, "rotate.angle", false);
    let free = empty_point(&window);
    drag(&mut window, knob, free);
    assert!(!window.state().workspace.editor.is_wired("rotate", "angle"));
    assert!(window.state().canvas.palette.is_none());
    let side = port(&window, "reroute.out", true) + vec2(3.0, 0.0);
    drag(&mut window, side, knob + vec2(-6.0, 0.0));
    assert!(window.state().workspace.editor.is_wired("rotate", "angle"));
    assert_eq!(fake.program(), before);
    // Its left side unplugs the incoming cable.
    let side = port(&window, "reroute.in", false) - vec2(3.0, 0.0);
    drag(&mut window, side, free);
    assert!(!window.state().workspace.editor.is_wired("reroute", "in"));
    let side = port(&window, "lfo.out", true);
    let to = port(&window, "reroute.in", false);
    drag(&mut window, side, to);
    assert!(window.state().workspace.editor.is_wired("reroute", "in"));
    assert_eq!(fake.program(), before);
    while window.state().workspace.editor.document.undo_name().is_some() {
        window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        window.run_steps(2);
    }
    assert_eq!(window.state().workspace.editor.document.patch.to_json(), start.to_json());
}

/// A point on the cable between two ports, away from nodes.
fn on_cable(window: &Window, from: &str, to: &str) -> Pos2 {
    let (from, to) = (port(window, from, true), port(window, to, false));
    let scene = &window.state().workspace.frame;
    let points = bendrack::ui::canvas::cable::curve(from, to, scene.zoom);
    let at = |t: f32| {
        let [a, b, c, d] = points.map(Pos2::to_vec2);
        let s = 1.0 - t;
        (a * (s * s * s) + b * (3.0 * s * s * t) + c * (3.0 * s * t * t) + d * (t * t * t)).to_pos2()
    };
    let far = |at: &Pos2| scene.rects.values().map(|rect: &Rect| rect.distance_to_pos(*at)).fold(1e9, f32::min);
    (5..=95_u8).map(|i| at(f32::from(i) / 100.0)).max_by(|a, b| far(a).total_cmp(&far(b))).unwrap()
}

#[test]
fn a_key_mutes_the_cable_under_the_pointer_and_undo_brings_it_back() {
    let (mut window, fake) = window(first_bend());
    let before = fake.program();
    let muted = |window: &Window| {
        window.state().workspace.editor.document.patch.cable_to(&"rotate.angle".parse().unwrap()).unwrap().mute
    };
    let at = on_cable(&window, "lfo.out", "rotate.angle");
    window.hover_at(at);
    window.run_steps(2);
    window.key_press(Key::M);
    window.run_steps(2);
    assert!(muted(&window));
    assert!(fake.program().bends.is_empty(), "no bend");
    assert!(window.query_by_label_contains("muted. Key M unmutes").is_some(), "tooltip");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert!(!muted(&window));
    assert_eq!(fake.program(), before);
    // The inspector also mutes.
    window.state_mut().workspace.editor.selection = ["rotate".to_owned()].into();
    window.run_steps(2);
    window.get_all_by_label("mute").next().unwrap().click();
    window.run_steps(2);
    assert!(window.state().workspace.editor.document.patch.cables.iter().any(|cable| cable.mute));
}

#[test]
#[ignore = "renders screenshots, which needs a graphics driver"]
fn pictures_of_views() {
    let (mut window, fake) = window_with(views(), None, None, true);
    for number in 1..400 {
        fake.play(number);
        window.run_steps(1);
    }
    window.state_mut().workspace.editor.selection = ["about".to_owned()].into();
    window.run_steps(2);
    crate::shoot(&mut window, "views");
}

#[test]
#[ignore = "measures time"]
fn time_of_a_frame_with_two_hundred_nodes() {
    // Twenty copies of the first bend, with the cables between them, all in sight.
    let mut patch = first_bend();
    for copy in 1..20 {
        let one = first_bend();
        let name = |id: &str| format!("{id}_{copy}");
        for (id, node) in one.nodes {
            let [x, y] = one.layout[&id].pos;
            let (column, row) = (f64::from(copy % 5), f64::from(copy / 5));
            let pos = [x + 1400.0 * column, y + 900.0 * row];
            patch.apply(LevelEdit::AddNode { id: name(&id), node, pos }).unwrap();
        }
        for mut cable in one.cables {
            (cable.from.node, cable.to.node) = (name(&cable.from.node), name(&cable.to.node));
            patch.apply(LevelEdit::Connect { cable }).unwrap();
        }
    }
    println!("{} nodes, {} cables", patch.nodes.len(), patch.cables.len());
    let (mut window, fake) = window_with(patch, None, None, false);
    window.set_size(vec2(1440.0, 810.0));
    let mut times: Vec<(f64, f64)> = (1..300)
        .map(|number| {
            // Pictures come at 16 a second.
            fake.play(number / 4);
            let begin = std::time::Instant::now();
            window.step();
            let laid_out = begin.elapsed();
            let (shapes, scale) = (window.output().shapes.clone(), window.output().pixels_per_point);
            let begin = std::time::Instant::now();
            std::hint::black_box(window.ctx.tessellate(shapes, scale));
            (laid_out.as_secs_f64() * 1e3, begin.elapsed().as_secs_f64() * 1e3)
        })
        .collect();
    times.sort_by(|a, b| (a.0 + a.1).total_cmp(&(b.0 + b.1)));
    for (name, at) in [("median", times.len() / 2), ("99th percentile", times.len() * 99 / 100)] {
        let (layout, tessellation) = times[at];
        println!("{name}: {:.1} ms = layout {layout:.1} + tessellation {tessellation:.1}", layout + tessellation);
    }
}

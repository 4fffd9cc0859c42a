//! What the panels measure for the eye: the maps of words, the look from a place, the grid of layers × steps, the spectrum.

use std::sync::Arc;

use bendrack::engine::{Engine, EngineHandle, Model};
use bendrack::ui::theme;
use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::{Node, Patch};
use bendrack_nodes::program::Measure;
use eframe::egui::{Key, Modifiers, Pos2, Rect, vec2};
use egui_kittest::kittest::Queryable as _;
use serde_json::json;

use crate::driver::*;
use crate::shoot;

fn patch(window: &Window) -> Arc<Patch> {
    Arc::clone(&window.state().workspace.editor.document.patch)
}

fn probes(fake: &Fake) -> Vec<String> {
    fake.0.borrow().probes.iter().map(|tap| tap.node.to_string()).collect()
}

/// Shows some frames, so that what is asked for is measured.
fn play(window: &mut Window, fake: &Fake) {
    for number in 1..9 {
        fake.play(number);
        window.run_steps(1);
    }
}

fn select(window: &mut Window, id: &str) {
    window.state_mut().workspace.editor.selection = [id.to_owned()].into();
    window.run_steps(3);
}

#[test]
fn every_word_of_the_prompt_is_measured_and_one_under_the_pointer_covers_the_picture() {
    let (mut window, fake) = window(first_bend());
    play(&mut window, &fake);
    let names = probes(&fake);
    assert!(names.contains(&"word tulip".to_owned()) && names.contains(&"word purple".to_owned()), "{names:?}");
    assert!(fake.0.borrow().probes.iter().all(|tap| tap.target.to_string().starts_with("steps 3, ")), "the last step");
    let before = window.get_by_label("preview").rect();
    let at = window.get_by_label("word tulip").rect().center();
    window.hover_at(at);
    window.run_steps(4);
    assert!(window.query_by_label("preview with the map of word tulip").is_some());
    assert_eq!(window.get_by_label("preview with the map of word tulip").rect(), before, "nothing moves");
    window.key_press(Key::F11);
    window.run_steps(4);
    assert_eq!(probes(&fake), [""; 0], "what is not on screen costs nothing");
}

#[test]
fn a_word_is_dropped_on_a_bend_and_beside_it() {
    let (mut window, fake) = window(first_bend());
    play(&mut window, &fake);
    let chip = window.get_by_label("word tulip").rect().center();
    let bend = window.state().workspace.frame.rects["rotate"].center_top() + vec2(0.0, 8.0);
    drag(&mut window, chip, bend);
    let source = |window: &Window, to: &str| patch(window).cable_to(&to.parse().unwrap()).map(|c| c.from.node.clone());
    assert_eq!(source(&window, "rotate.target").as_deref(), Some("word2"));
    assert_eq!(patch(&window).nodes["word2"].params["words"], json!("tulip"));
    assert_eq!(source(&window, "map.target").as_deref(), Some("word"), "the tap keeps its word");
    let (chip, free) = (window.get_by_label("word purple").rect().center(), empty_point(&window));
    drag(&mut window, chip, free);
    assert_eq!(patch(&window).nodes["word3"].params["words"], json!("purple"));
    assert!(patch(&window).cables.iter().all(|cable| cable.from.node != "word3"));
}

#[test]
fn the_look_follows_the_pointer() {
    let (mut window, fake) = window(first_bend());
    play(&mut window, &fake);
    let chip = window.get_by_label("look from here").rect().center();
    click(&mut window, chip);
    assert!(!probes(&fake).iter().any(|name| name.starts_with("look")), "no place yet");
    let picture = window.get_by_label("preview").rect();
    let side = picture.height().min(picture.width());
    let picture = Rect::from_center_size(picture.center(), vec2(side, side));
    let place = |x: f32, y: f32| -> Pos2 { picture.min + vec2(x, y) * picture.size() };
    drag(&mut window, place(0.5, 0.5), place(0.25, 0.75));
    let tap = fake.0.borrow().probes.iter().find(|tap| tap.node.starts_with("look")).cloned().unwrap();
    let Measure::SelfMap { x, y } = tap.measure else { panic!("{tap:?}") };
    assert!((x - 0.25).abs() < 0.02 && (y - 0.75).abs() < 0.02, "{x}, {y}");
    click(&mut window, chip);
    assert!(!probes(&fake).iter().any(|name| name.starts_with("look")));
}

/// The middle of a cell of the grid: rows are steps, then the cache pass.
fn cell(window: &Window, row: u8, layer: u8) -> Pos2 {
    let grid = window.get_by_label("layers and steps").rect();
    let names = 44.0;
    let size = vec2((grid.width() - names) / 6.0, grid.height() / 5.0);
    grid.min + vec2(names, 0.0) + vec2(f32::from(layer) + 0.5, f32::from(row) + 0.5) * size
}

#[test]
fn painted_cells_become_one_schedule_and_one_step() {
    let (mut window, fake) = window(first_bend());
    play(&mut window, &fake);
    select(&mut window, "rotate");
    let start = patch(&window);
    // first_bend turns layers 4 and 5: a drag from an untouched cell adds cells.
    let (from, to) = (cell(&window, 1, 0), cell(&window, 1, 3));
    drag(&mut window, from, to);
    let painted = patch(&window);
    let text = painted.nodes["schedule"].params["layers"].as_str().unwrap();
    assert_eq!(text, "0,2-3: 4-5 | 1: all | cache: 4-5");
    // A drag from a painted cell takes cells away, in the same node.
    let (from, to) = (cell(&window, 4, 5), cell(&window, 4, 4));
    drag(&mut window, from, to);
    assert_eq!(patch(&window).nodes["schedule"].params["layers"], json!("0,2-3: 4-5 | 1: all"));
    assert_eq!(patch(&window).nodes.len(), start.nodes.len() + 1);
    for _ in 0..2 {
        window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        window.run_steps(2);
    }
    assert_eq!(patch(&window), start, "each drag is one step");
}

#[test]
fn a_band_of_neurons_is_drawn_moved_and_pulled() {
    let mut start = first_bend();
    start.nodes.get_mut("rotate").unwrap().kind = "bend.gain".into();
    start.nodes.insert(
        "rotate".into(),
        Node {
            params: serde_json::from_value(json!({ "site": "ffn.hidden", "gain": 2.0 })).unwrap(),
            ..Node::new("bend.gain")
        },
    );
    start.cables.retain(|cable| cable.to.node != "rotate");
    let (mut window, fake) = window(start);
    play(&mut window, &fake);
    select(&mut window, "rotate");
    play(&mut window, &fake);
    assert!(probes(&fake).contains(&"neurons of layer 3".to_owned()), "{:?}", probes(&fake));
    let spectrum = window.get_by_label("spectrum of neurons").rect();
    let at = |neuron: f32| Pos2::new(spectrum.left() + spectrum.width() * (neuron + 0.5) / 512.0, spectrum.center().y);
    let band = |window: &Window| {
        let params = &patch(window).nodes["neurons"].params;
        [params["first"].as_f64().unwrap(), params["last"].as_f64().unwrap()]
    };
    let is_near = |[a, b]: [f64; 2], [first, last]: [f64; 2]| (a - first).abs() <= 2.0 && (b - last).abs() <= 2.0;
    drag(&mut window, at(100.0), at(200.0));
    assert!(is_near(band(&window), [100.0, 200.0]), "{:?}", band(&window));
    drag(&mut window, at(150.0), at(250.0));
    assert!(is_near(band(&window), [200.0, 300.0]), "{:?}", band(&window));
    drag(&mut window, at(300.0), at(400.0));
    assert!(is_near(band(&window), [200.0, 400.0]), "{:?}", band(&window));
    drag(&mut window, at(300.0), at(700.0));
    assert!(is_near(band(&window), [311.0, 511.0]), "it stays within the layer: {:?}", band(&window));
}

#[test]
fn bent_and_unbent_are_compared_and_the_comparison_ends() {
    let (mut window, fake) = window(first_bend());
    play(&mut window, &fake);
    let chip = window.get_by_label("bent | unbent").rect().center();
    click(&mut window, chip);
    assert!(fake.0.borrow().compared && window.query_by_label("comparison").is_some());
    assert_eq!(probes(&fake).iter().filter(|name| name.starts_with("look")).count(), 0);
    for arrangement in ["wipe", "flicker", "difference", "beside"] {
        let at = window.get_by_label(arrangement).rect().center();
        click(&mut window, at);
        play(&mut window, &fake);
    }
    click(&mut window, chip);
    assert!(!fake.0.borrow().compared && window.query_by_label("preview").is_some());
}

#[test]
#[ignore = "renders screenshots, which needs a graphics driver"]
fn screenshots_of_probes() {
    let mut patch = first_bend();
    let neurons = serde_json::from_value(json!({ "first": 120, "last": 260 })).unwrap();
    patch.nodes.insert("band".into(), Node { params: neurons, ..Node::new("target.neurons") });
    let plan = Plan::compile(&patch, LIBRARY).0.unwrap();
    let load = move || Engine::new(Model::mini()?, Arc::new(plan), (128, 128));
    let rack = EngineHandle::start(load, |_| {});
    let mut window = window_on(Box::new(rack), patch, Some("patches/first_bend.json".into()), None, true);
    let play = |window: &mut Window, secs: u64| {
        let begun = std::time::Instant::now();
        while begun.elapsed() < std::time::Duration::from_secs(secs) {
            window.run_steps(1);
            std::thread::sleep(std::time::Duration::from_millis(15));
        }
    };
    play(&mut window, 4);
    shoot(&mut window, "probe_words");
    for (name, choice) in [("light", theme::Theme::Light), ("contrast", theme::Theme::HighContrast)] {
        theme::choose(&window.ctx, choice);
        play(&mut window, 1);
        shoot(&mut window, name);
    }
    theme::choose(&window.ctx, theme::Theme::Dark);
    window.key_press(Key::L);
    play(&mut window, 1);
    shoot(&mut window, "browser");
    window.key_press(Key::L);
    play(&mut window, 1);
    let at = window.get_by_label("word tulip").rect().center();
    window.hover_at(at);
    play(&mut window, 2);
    shoot(&mut window, "probe_hover");
    select(&mut window, "rotate");
    let (from, to) = (cell(&window, 1, 0), cell(&window, 2, 3));
    drag(&mut window, from, to);
    play(&mut window, 1);
    shoot(&mut window, "probe_grid");
    select(&mut window, "band");
    play(&mut window, 2);
    shoot(&mut window, "probe_neurons");
    let chip = window.get_by_label("look from here").rect().center();
    click(&mut window, chip);
    let picture = window.get_by_label_contains("preview").rect().center();
    click(&mut window, picture);
    play(&mut window, 2);
    shoot(&mut window, "probe_look");
    let chip = window.get_by_label("bent | unbent").rect().center();
    click(&mut window, chip);
    play(&mut window, 6);
    shoot(&mut window, "compare_beside");
    for arrangement in ["wipe", "difference"] {
        let at = window.get_by_label(arrangement).rect().center();
        click(&mut window, at);
        play(&mut window, 1);
        shoot(&mut window, &format!("compare_{arrangement}"));
    }
}

#[test]
fn another_prompt_moves_no_pad() {
    let (mut window, fake) = window(first_bend());
    fake.play(1);
    window.run_steps(2);
    let before = window.get_by_label("empty pad 1").rect();
    let long: Vec<String> = (0..60).map(|number| format!("word{number}")).collect();
    for (index, text) in [String::new(), "tulip".to_owned(), long.join(" ")].into_iter().enumerate() {
        window.state_mut().workspace.editor.set("prompt", "text", json!(text));
        for number in 0..8 {
            fake.play(2 + 8 * index as u64 + number);
            window.run_steps(1);
        }
        assert_eq!(window.get_by_label("empty pad 1").rect(), before, "the pad beside {text:?}");
    }
    assert!(window.query_by_label("word word59").is_some(), "the last word is in the list that scrolls");
}

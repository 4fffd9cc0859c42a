//! The stage, and the bugs that newcomers ran into: palette, full picture, menus, black pictures, copies.

use std::sync::Arc;

use bendrack::io::ControlName;
use bendrack::ui::document::settings::Stored;
use bendrack::ui::widgets::knob::KnobChange;
use bendrack::ui::{FilesOfUser, theme};
use bendrack_nodes::patch::{LevelEdit, Node, Patch};
use eframe::egui::{Event, Key, Modifiers, PointerButton, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::driver::*;
use crate::fakes::{FakeDevices, FakeShares};

fn patch(window: &Window) -> Arc<Patch> {
    Arc::clone(&window.state().workspace.editor.document.patch)
}

#[test]
fn the_palette_keeps_its_height_after_a_narrow_search() {
    let (mut window, _) = window(first_bend());
    let at = empty_point(&window);
    window.hover_at(at);
    let rows = |window: &Window| {
        let rows =
            ["LFO", "Envelope", "Sequencer", "Curve", "Noise"].map(|title| window.query_all_by_label(title).count());
        rows.into_iter().filter(|count| *count > 0).count()
    };
    window.key_press(Key::N);
    window.run_steps(3);
    let before = rows(&window);
    assert!(before >= 4, "{before}");
    type_text(&mut window, "blur");
    window.run_steps(5);
    window.key_press(Key::Escape);
    window.run_steps(3);
    window.key_press(Key::N);
    window.run_steps(5);
    let list = window.get_by_label("LFO").rect();
    let last = window.get_by_label("Curve").rect();
    assert!(last.bottom() - list.top() > 150.0, "{list:?} {last:?}");
    assert_eq!(rows(&window), before);
}

#[test]
fn the_full_picture_can_be_left_whatever_was_open() {
    let (mut window, _) = window(first_bend());
    let at = empty_point(&window);
    window.hover_at(at);
    window.key_press(Key::N);
    window.run_steps(2);
    window.key_press(Key::F11);
    window.run_steps(2);
    assert!(window.query_by_label("Devices").is_none(), "the picture alone");
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert!(window.query_by_label("Devices").is_some(), "Esc leads out");
}

#[test]
fn esc_closes_the_menus_of_a_knob_and_of_a_node() {
    let (mut window, _) = window(first_bend());
    let press = |window: &mut Window, pos| {
        window.hover_at(pos);
        window.run_steps(1);
        for pressed in [true, false] {
            let button = PointerButton::Secondary;
            window.event(Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE });
            window.run_steps(2);
        }
    };
    let knob = window.get_by_label("rate of lfo").rect().center();
    press(&mut window, knob);
    assert!(window.query_by_label("Learn a map").is_some());
    window.key_press(Key::Escape);
    window.run_steps(3);
    assert!(window.query_by_label("Learn a map").is_none(), "the menu of the knob");
    let title = window.state().workspace.frame.rects["rotate"].center_top() + vec2(0.0, 8.0);
    press(&mut window, title);
    assert!(window.query_by_label_contains("Duplicate with incoming cables").is_some());
    window.key_press(Key::Escape);
    window.run_steps(3);
    assert!(window.query_by_label_contains("Duplicate with incoming").is_none(), "the menu of the node");
}

#[test]
fn a_picture_without_a_model_stays_and_its_message_has_the_next_step() {
    let (mut window, fake) = window(first_bend());
    window.state_mut().workspace.editor.selection = ["wan".to_owned()].into();
    window.key_press(Key::Delete);
    window.run_steps(3);
    fake.play(5);
    window.run_steps(3);
    let missing = window.state().workspace.playback.missing.map(|missing| missing.message().0);
    assert_eq!(missing, Some("The patch has no model"));
    let texture =
        |window: &Window| window.state().workspace.playback.images.screen.as_ref().map(eframe::egui::TextureHandle::id);
    assert!(texture(&window).is_some());
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(3);
    assert_eq!(window.state().workspace.playback.missing, None);
}

#[test]
fn a_new_patch_has_prompt_model_and_screen() {
    let (mut window, fake) = window(first_bend());
    window.key_press_modifiers(Modifiers::COMMAND, Key::N);
    window.run_steps(4);
    assert_eq!(node_ids(&window), ["prompt", "screen", "wan"]);
    assert!(!fake.program().prompt.is_empty());
    assert_eq!(window.state().workspace.playback.missing, None);
}

#[test]
fn nodes_added_by_keys_cover_no_other() {
    let (mut window, _) = window(Patch::default());
    for letters in ["lfo", "rotate", "knob", "words"] {
        window.key_press(Key::N);
        window.run_steps(2);
        type_text(&mut window, letters);
        window.key_press(Key::Enter);
        window.run_steps(3);
    }
    let rects = &window.state().workspace.frame.rects;
    assert_eq!(rects.len(), 4);
    for (id, rect) in rects {
        for (other, other_rect) in rects.iter().filter(|(other, _)| *other != id) {
            assert!(!rect.intersects(*other_rect), "{id} {other}");
        }
    }
}

#[test]
fn the_column_keeps_its_width_whatever_is_selected() {
    let (mut window, _) = window(first_bend());
    let width = |window: &Window| window.get_by_label("preview").rect().width();
    let before = width(&window);
    for id in ["prompt", "word", "lfo", "prompt", "map", "prompt", "word"] {
        window.state_mut().workspace.editor.selection = [id.to_owned()].into();
        window.run_steps(4);
    }
    assert!((width(&window) - before).abs() < 0.5, "{} {before}", width(&window));
}

#[test]
fn copied_nodes_are_pasted_at_the_pointer_and_noise_changes_nothing() {
    let (mut window, _) = window(first_bend());
    window.state_mut().workspace.editor.selection = ["lfo".to_owned(), "rotate".to_owned()].into();
    window.run_steps(1);
    let text = bendrack_nodes::patch::Patch::to_json(&{
        let whole = patch(&window);
        let mut part = Patch::clone(&whole);
        part.nodes.retain(|id, _| id == "lfo" || id == "rotate");
        part.cables.retain(|cable| cable.from.node == "lfo" && cable.to.node == "rotate");
        part
    });
    let at = empty_point(&window);
    window.hover_at(at);
    window.run_steps(1);
    window.event(Event::Paste(text));
    window.run_steps(3);
    let pasted = patch(&window);
    assert!(pasted.nodes.contains_key("lfo2") && pasted.nodes.contains_key("rotate2"));
    assert_eq!(pasted.cable_to(&"rotate2.angle".parse().unwrap()).unwrap().from.node, "lfo2");
    assert_eq!(window.state().workspace.editor.selection, ["lfo2".to_owned(), "rotate2".to_owned()].into());
    window.event(Event::Cut);
    window.run_steps(3);
    assert_eq!(patch(&window).nodes, first_bend().nodes, "cut takes them away");
    let before = patch(&window);
    for noise in ["", "hello", "{", "[1,2]", r#"{"format":"bendrack-patch","version":1}"#] {
        window.event(Event::Paste(noise.to_owned()));
        window.run_steps(2);
        assert_eq!(patch(&window), before, "{noise}");
        assert!(window.query_by_label_contains("The clipboard has").is_some(), "{noise}");
    }
}

#[test]
fn a_node_is_renamed_in_the_inspector_and_its_name_can_be_taken_away() {
    let (mut window, _) = window(first_bend());
    window.state_mut().workspace.editor.selection = ["lfo".to_owned()].into();
    window.run_steps(3);
    window.get_by_label("title of lfo").focus();
    window.run_steps(2);
    type_text(&mut window, "Breath");
    assert_eq!(patch(&window).nodes["lfo"].title, "Breath");
    assert!(window.state_mut().workspace.editor.document.undo());
    assert_eq!(patch(&window).nodes["lfo"].title, "", "one step");
}

#[test]
fn a_node_that_is_dropped_on_a_cable_is_inserted() {
    let (mut window, _) = window(first_bend());
    let mut slew = Node::new("modulate.slew");
    slew.title = String::new();
    let edit = LevelEdit::AddNode { id: "slew".into(), node: slew, pos: [-400.0, -400.0] };
    let step = bendrack::ui::document::Step::new("add", vec![edit]);
    assert!(window.state_mut().workspace.editor.apply(step));
    window.state_mut().canvas.fit();
    window.run_steps(4);
    let from = window.state().workspace.frame.rects["slew"].center_top() + vec2(0.0, 6.0);
    let (a, b) = (port(&window, "lfo.out", true), port(&window, "rotate.angle", false));
    // The middle of the cable, which is symmetric about it.
    let middle = a + (b - a) * 0.5;
    drag(&mut window, from, middle);
    window.run_steps(3);
    let patch = patch(&window);
    assert_eq!(patch.cable_to(&"rotate.angle".parse().unwrap()).unwrap().from.node, "slew");
    assert_eq!(patch.cable_to(&"slew.in".parse().unwrap()).unwrap().from.node, "lfo");
}

#[test]
fn panic_takes_the_bends_away_empties_the_cache_then_restarts_and_undo_brings_them_back() {
    let (mut window, fake) = window(first_bend());
    assert!(!fake.program().bends.is_empty());
    let press = |window: &mut Window| {
        window.key_press_modifiers(Modifiers::COMMAND, Key::P);
        window.run_steps(3);
    };
    press(&mut window);
    assert!(fake.program().bends.is_empty());
    assert_eq!(fake.0.borrow().restarts, 0);
    press(&mut window);
    assert_eq!((fake.0.borrow().forgets, fake.0.borrow().restarts), (1, 0));
    press(&mut window);
    assert_eq!((fake.0.borrow().forgets, fake.0.borrow().restarts), (1, 1));
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert!(!fake.program().bends.is_empty());
}

#[test]
fn freeze_holds_the_picture_and_blackout_is_marked() {
    let (mut window, fake) = window(first_bend());
    let press = |window: &mut Window, key| {
        window.key_press_modifiers(Modifiers::COMMAND, key);
        window.run_steps(3);
    };
    press(&mut window, Key::F);
    assert!(window.state().workspace.playback.is_frozen);
    fake.play(9);
    window.run_steps(3);
    press(&mut window, Key::F);
    assert!(!window.state().workspace.playback.is_frozen);
    press(&mut window, Key::B);
    press(&mut window, Key::P);
    assert!(!window.state().workspace.playback.is_frozen, "panic ends both");
}

#[test]
fn the_output_opens_and_closes() {
    let (mut window, _) = window(first_bend());
    window.get_by_label("Output").click();
    window.run_steps(4);
    assert!(window.query_by_label("Close output").is_some());
    // Here the output is a part of the same window, and covers the button.
    window.key_press_modifiers(Modifiers::COMMAND, Key::U);
    window.run_steps(4);
    assert!(window.query_by_label("Output").is_some());
}

#[test]
fn a_click_on_a_word_of_the_prompt_aims_and_an_alt_click_takes_it_away() {
    let (mut window, fake) = window(first_bend());
    fake.play(1);
    window.run_steps(3);
    window.get_by_label("word tulip").click();
    window.run_steps(3);
    let node = patch(&window).nodes["word2"].clone();
    assert_eq!((node.kind.as_str(), node.params["words"].as_str()), ("target.words", Some("tulip")));
    assert_eq!(window.state().workspace.editor.selection, ["word2".to_owned()].into());
    window.get_by_label("word gradient").click();
    window.run_steps(3);
    assert_eq!(patch(&window).nodes["word2"].params["words"].as_str(), Some("tulip, gradient"));
    let chip = window.get_by_label("word gradient").rect().center();
    window.hover_at(chip);
    window.run_steps(1);
    for pressed in [true, false] {
        let (pos, button, modifiers) = (chip, PointerButton::Primary, Modifiers::ALT);
        window.event_modifiers(Event::PointerButton { pos, button, pressed, modifiers }, modifiers);
        window.run_steps(2);
    }
    assert_eq!(fake.program().bends.len(), 2, "a gain of 0 joins the chain");
    let rects = &window.state().workspace.frame.rects;
    assert!(!rects["word2"].intersects(rects["word3"]), "new nodes cover no other");
}

#[test]
fn the_menu_of_a_knob_adds_an_lfo() {
    let (mut window, fake) = window(first_bend());
    let knob = window.get_by_label("amount of rotate").rect().center();
    window.hover_at(knob);
    window.run_steps(1);
    for pressed in [true, false] {
        let button = PointerButton::Secondary;
        window.event(Event::PointerButton { pos: knob, button, pressed, modifiers: Modifiers::NONE });
        window.run_steps(2);
    }
    window.get_by_label("Add an LFO").click();
    window.run_steps(3);
    let patch = patch(&window);
    assert_eq!(patch.cable_to(&"rotate.amount".parse().unwrap()).unwrap().from.node, "lfo2");
    assert!(!fake.program().bends.is_empty());
}

#[test]
fn every_example_opens_from_the_browser() {
    let (mut window, fake) = window(first_bend());
    for title in ["Breathing", "Diptych"] {
        window.key_press(Key::L);
        window.run_steps(3);
        window.get_by_label(&format!("patch {title}")).click();
        window.run_steps(3);
        window.get_by_label("Replace current patch").click();
        window.run_steps(4);
        window.key_press(Key::L);
        window.run_steps(2);
        assert_eq!(patch(&window).meta.title, title);
        assert!(window.state().workspace.editor.document.path.is_none(), "saving asks for a name");
    }
    assert!(!fake.program().bends.is_empty());
}

#[test]
fn pads_store_snapshots_and_recall_them() {
    let (mut window, _) = window(first_bend());
    let knob = |window: &Window| patch(window).nodes["rotate"].params.get("amount").cloned();
    let first = knob(&window);
    window.get_by_label("empty pad 1").click();
    window.run_steps(3);
    assert_eq!(patch(&window).snapshots.len(), 1);
    let value = Some(serde_json::json!(0.11));
    let edit = LevelEdit::SetParam { id: "rotate".into(), name: "amount".into(), value: value.clone() };
    window.state_mut().workspace.editor.apply(bendrack::ui::document::Step::new("turn", vec![edit]));
    window.run_steps(3);
    window.get_by_label("empty pad 2").click();
    window.run_steps(3);
    window.get_by_label_contains("pad snapshot 1").click();
    window.run_steps(3);
    assert_eq!(knob(&window).map(|now| now.as_f64()), first.map(|was| was.as_f64()));
    window.get_by_label_contains("pad snapshot 2").click();
    window.run_steps(3);
    assert_eq!(knob(&window), value);
    assert!(window.get_by_label("empty pad 4").accesskit_node().is_disabled());
}

#[test]
fn random_knobs_stay_in_their_travel_and_undo_brings_the_old_ones_back() {
    let (mut window, _) = window(first_bend());
    let before = patch(&window);
    let editor = &mut window.state_mut().workspace.editor;
    editor.selection = before.nodes.keys().cloned().collect();
    editor.randomise_selected(1.0);
    let once = Arc::clone(&editor.document.patch);
    editor.randomise_selected(1.0);
    let twice = Arc::clone(&editor.document.patch);
    assert_eq!(editor.document.refused, None);
    assert!(!editor.document.is_broken(), "{:?}", editor.document.problems);
    let twists = |name: &str| twice.nodes["layers"].params[name].as_f64();
    assert!(twists("first") <= twists("last"), "a range");
    assert!(before.nodes["rotate"].params != once.nodes["rotate"].params);
    assert!(once.nodes["rotate"].params != twice.nodes["rotate"].params);
    for cable in &before.cables {
        let value = |patch: &Patch| patch.nodes[&cable.to.node].params.get(&cable.to.port).cloned();
        assert_eq!(value(&once), value(&before), "{} has a cable", cable.to);
    }
    editor.document.undo();
    editor.document.undo();
    assert_eq!(editor.document.patch.nodes, before.nodes);
}

#[test]
fn with_a_time_the_pads_let_the_knobs_glide() {
    let (mut window, _) = window(first_bend());
    window.get_by_label("empty pad 1").click();
    window.run_steps(3);
    let set = |window: &mut Window, value: f64| {
        let edit = LevelEdit::SetParam { id: "rotate".into(), name: "amount".into(), value: Some(value.into()) };
        window.state_mut().workspace.editor.apply(bendrack::ui::document::Step::new("turn", vec![edit]));
    };
    set(&mut window, 0.0);
    window.run_steps(2);
    let knob = |window: &Window| {
        let patch = patch(window);
        patch.nodes["rotate"].params.get("amount").and_then(serde_json::Value::as_f64).unwrap_or(1.0)
    };
    assert!(window.query_by_label("morph time").is_some());
    window.state_mut().workspace.editor.set_stage("morph time", |stage| stage.morph = 20.0);
    window.get_by_label_contains("pad snapshot 1").click();
    let mut seen = Vec::new();
    for _ in 0..2000 {
        window.step();
        seen.push(knob(&window));
        if seen.last() == Some(&1.0) {
            break;
        }
    }
    assert!(seen.is_sorted() && seen.iter().any(|value| (0.3..0.7).contains(value)), "{seen:?}");
    assert_eq!(seen.last(), Some(&1.0));
    // Another patch ends a morph.
    set(&mut window, 0.0);
    window.get_by_label_contains("pad snapshot 1").click();
    window.run_steps(2);
    let again = patch(&window);
    window.state_mut().workspace.editor.open(Arc::unwrap_or_clone(again), None);
    let before = knob(&window);
    window.run_steps(40);
    assert_eq!(knob(&window), before);
}

#[test]
fn a_crossfader_stands_between_two_snapshots() {
    let (mut window, fake) = window(first_bend());
    assert!(window.query_by_label("crossfader").is_none(), "it needs two");
    window.get_by_label("empty pad 1").click();
    window.run_steps(3);
    window.state_mut().workspace.editor.turn("rotate", "amount", KnobChange::Set(0.0));
    window.run_steps(2);
    window.get_by_label("empty pad 2").click();
    window.run_steps(3);
    let slider = window.get_by_label("crossfader").rect();
    for (place, amount) in [(0.98, 0.0), (0.5, 0.5), (0.02, 1.0)] {
        let at = slider.left_center() + vec2(slider.width() * place, 0.0);
        drag(&mut window, slider.center(), at);
        let bends = fake.program().bends;
        let now = bends.first().map_or(0.0, |bend| bend.amount[0]);
        assert!((now - amount).abs() < 0.06, "{now} at {place}");
    }
}

#[test]
fn perform_mode_has_pads_and_macros_and_locks_the_patch() {
    let mut start = first_bend();
    start.stage.macros =
        vec!["rotate.amount".parse().unwrap(), "lfo.shape".parse().unwrap(), "prompt.text".parse().unwrap()];
    let (mut window, fake) = window(start);
    fake.play(1);
    window.run_steps(2);
    let before = patch(&window);
    window.get_by_label("Perform").click();
    window.run_steps(3);
    assert!(window.query_by_label("Edit").is_some() && window.query_by_label("Save").is_none());
    for key in [Key::N, Key::Delete, Key::B, Key::G] {
        window.key_press(key);
        window.run_steps(2);
    }
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.run_steps(2);
    assert_eq!(patch(&window), before, "the layout is locked");
    let knob = window.get_by_label("macro rotate.amount").rect().center();
    drag(&mut window, knob, knob + vec2(0.0, 60.0));
    assert!(fake.program().bends[0].amount[0] < 0.9, "knobs turn");
    window.get_by_label("empty pad 1").click();
    window.run_steps(2);
    assert_eq!(patch(&window).snapshots.len(), 1);
    window.get_by_label("Freeze").click();
    window.run_steps(2);
    assert!(window.state().workspace.playback.is_frozen);
    window.key_press_modifiers(Modifiers::COMMAND, Key::E);
    window.run_steps(3);
    assert!(window.query_by_label("Save").is_some());
}

#[test]
fn three_knobs_fill_a_row_of_perform_mode_at_each_scale() {
    let mut start = first_bend();
    let ports = ["rotate.amount", "lfo.rate", "rotate.angle", "heat.amount"];
    start.stage.macros = ports.map(|port| port.parse().unwrap()).into();
    let (mut window, _) = window(start);
    window.get_by_label("Perform").click();
    for scale in [0.75, 0.9, 1.0, 1.1, 1.25, 1.5] {
        window.ctx.set_zoom_factor(scale);
        window.run_steps(4);
        let tops = ports.map(|port| window.get_by_label(&format!("macro {port}")).rect().top());
        assert!(tops[0] == tops[1] && tops[1] == tops[2], "the first row at {scale}: {tops:?}");
        assert!(tops[3] > tops[0], "the second row at {scale}: {tops:?}");
    }
}

#[test]
fn a_knob_is_chosen_for_perform_mode_in_its_menu() {
    let (mut window, _) = window(first_bend());
    let pos = window.get_by_label("rate of lfo").rect().center();
    window.hover_at(pos);
    window.run_steps(1);
    for pressed in [true, false] {
        let button = PointerButton::Secondary;
        window.event(Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE });
        window.run_steps(2);
    }
    window.get_by_label("Show in perform mode").click();
    window.run_steps(2);
    assert_eq!(patch(&window).stage.macros, ["lfo.rate".parse().unwrap()]);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert!(patch(&window).stage.macros.is_empty());
}

#[test]
#[ignore = "renders a screenshot, which needs a graphics driver"]
fn a_picture_of_perform_mode() {
    let mut start = first_bend();
    let macros = ["rotate.amount", "lfo.rate", "rotate.angle", "lfo.shape", "heat.invert", "prompt.text"];
    start.stage.macros = macros.map(|port| port.parse().unwrap()).into();
    let (mut window, fake) = window_with(start, None, None, true);
    for number in 1..40 {
        fake.play(number);
        window.run_steps(1);
    }
    for amount in [0.2, 0.7, 1.0] {
        let store = bendrack::ui::document::snapshots::store(&patch(&window));
        window.state_mut().workspace.editor.document.apply(store);
        window.state_mut().workspace.editor.turn("rotate", "amount", KnobChange::Set(amount));
    }
    crate::shoot(&mut window, "pads");
    window.get_by_label("Perform").click();
    window.run_steps(3);
    crate::shoot(&mut window, "perform");
}

#[test]
fn f1_shows_the_help_patch_of_a_node_beside_the_work_and_pastes_it() {
    let (mut window, _) = window(first_bend());
    let before = patch(&window);
    window.state_mut().workspace.editor.selection = ["rotate".to_owned()].into();
    window.run_steps(2);
    window.key_press(Key::F1);
    window.run_steps(3);
    assert_eq!(patch(&window), before, "the work stays");
    assert!(window.query_by_label("Paste").is_some() && window.query_by_label("Open in new window").is_some());
    window.get_by_label("Paste").click();
    window.run_steps(4);
    let pasted = patch(&window);
    assert!(pasted.nodes.len() > before.nodes.len() + 3);
    assert!(before.nodes.iter().all(|(id, node)| pasted.nodes[id] == *node));
    window.key_press(Key::Escape);
    window.run_steps(2);
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert!(window.query_by_label("search patches").is_none(), "Esc leads out");
}

#[test]
fn the_browser_finds_patches_by_words_and_tags() {
    let (mut window, _) = window(first_bend());
    window.get_by_label("Patches").click();
    window.run_steps(3);
    type_text(&mut window, "kaleido rotate");
    assert!(window.query_by_label_contains("No match").is_some());
    for _ in 0..20 {
        window.key_press(Key::Backspace);
    }
    window.run_steps(2);
    type_text(&mut window, "tulip");
    assert!(window.query_by_label("patch First bend").is_some());
    assert!(window.query_by_label("patch DMX channel").is_none());
}

#[test]
fn themes_and_scales_are_chosen_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let files = FilesOfUser { settings: Stored::at(folder.path().join("settings.json")), ..FilesOfUser::default() };
    let (mut window, _) = window_of_user(first_bend(), files.clone());
    window.get_by_label("View").click();
    window.run_steps(3);
    window.get_by_label("Light").click();
    window.run_steps(3);
    assert_eq!(theme::chosen(), theme::Theme::Light);
    window.get_by_label("View").click();
    window.run_steps(3);
    window.get_by_label("150 %").click();
    window.run_steps(4);
    assert!((window.ctx.zoom_factor() - 1.5).abs() < 1e-6);
    let (again, _) = window_of_user(first_bend(), files);
    assert_eq!(theme::chosen(), theme::Theme::Light);
    assert!((again.ctx.zoom_factor() - 1.5).abs() < 1e-6, "the next window has it");
}

#[test]
fn freeze_blackout_and_panic_are_on_midi_in_this_window_and_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let files = FilesOfUser { remote: Stored::at(folder.path().join("commands.json")), ..FilesOfUser::default() };
    let devices = FakeDevices::default();
    let open = || {
        let (files, devices) = (files.clone(), devices.clone());
        window_with_parts(first_bend(), false, |options| {
            options.files_of_user = files;
            options.devices = Box::new(devices);
        })
    };
    let pad = |number| ControlName::Note { channel: 1, number };
    let play = |window: &mut Window, number| {
        devices.send(&pad(number), 1.0);
        devices.send(&pad(number), 0.0);
        window.run_steps(3);
    };
    let is_on = |window: &Window, button: &str| {
        let node = window.get_by_label(button);
        node.accesskit_node().toggled() == Some(eframe::egui::accesskit::Toggled::True)
    };
    let master = |window: &Window| window.state().workspace.editor.document.patch.engine.master;
    let (mut window, _fake) = open();
    for (button, number) in [("Freeze", 40), ("Blackout", 41), ("Panic", 42)] {
        window.get_by_label(button).click_secondary();
        window.run_steps(3);
        window.get_by_label("Learn MIDI note or CC").click();
        window.run_steps(3);
        play(&mut window, number);
        assert!(window.query_by_label_contains(&format!("{button} is on note {number}")).is_some());
    }
    assert!(!window.state().workspace.playback.is_frozen && master(&window) > 0.0, "learned, not run");
    let (mut window, _fake) = open();
    window.run_steps(2);
    play(&mut window, 40);
    assert!(window.state().workspace.playback.is_frozen);
    play(&mut window, 40);
    assert!(!window.state().workspace.playback.is_frozen);
    play(&mut window, 41);
    assert!(is_on(&window, "Blackout"));
    play(&mut window, 42);
    assert!(!is_on(&window, "Blackout"), "panic ends it");
    assert!(master(&window).abs() < 1e-9);
    // A pad has one command: the one learned last.
    window.get_by_label("Freeze").click_secondary();
    window.run_steps(3);
    window.get_by_label("Learn MIDI note or CC").click();
    window.run_steps(3);
    play(&mut window, 41);
    play(&mut window, 41);
    assert!(window.state().workspace.playback.is_frozen);
    assert!(!is_on(&window, "Blackout"));
    window.get_by_label("Freeze").click_secondary();
    window.run_steps(3);
    window.get_by_label("Forget note 41, channel 1").click();
    window.run_steps(3);
    play(&mut window, 41);
    assert!(window.state().workspace.playback.is_frozen, "forgotten");
}

#[test]
fn a_knob_dragged_onto_another_with_alt_links_them_and_turns_none() {
    let (mut window, _) = window(first_bend());
    let before = patch(&window);
    let knob = |window: &Window, name: &str| {
        let port = name.parse().unwrap();
        let knobs = &window.state().workspace.frame.knobs;
        knobs.iter().find(|(_, known)| *known == port).unwrap().0.center()
    };
    let (from, to) = (knob(&window, "rotate.amount"), knob(&window, "lfo.rate"));
    window.input_mut().modifiers = Modifiers::ALT;
    drag(&mut window, from, to);
    window.input_mut().modifiers = Modifiers::NONE;
    let linked = patch(&window);
    let source = |to: &str| linked.cable_to(&to.parse().unwrap()).map(|cable| cable.from.to_string());
    assert_eq!(source("rotate.amount").as_deref(), Some("knob.out"));
    assert_eq!(source("rotate.amount"), source("lfo.rate"));
    window.state_mut().workspace.editor.document.undo();
    assert_eq!(patch(&window), before, "one step");
    // Dropped beside every knob, nothing happens.
    window.input_mut().modifiers = Modifiers::ALT;
    let aside = empty_point(&window);
    drag(&mut window, from, aside);
    window.input_mut().modifiers = Modifiers::NONE;
    assert_eq!(patch(&window), before);
}

#[test]
fn letters_that_the_bundled_fonts_lack_come_from_other_fonts() {
    let fonts = vec![[env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "fonts"].iter().collect()];
    let (mut window, _) = window_with_parts(first_bend(), false, |options| options.files_of_user.fonts = fonts);
    let has = |window: &Window, letter| {
        window.ctx.fonts_mut(|fonts| fonts.has_glyph(&theme::proportional(theme::BODY), letter))
    };
    window.run_steps(3);
    assert!(!has(&window, 'ח') && has(&window, 'é'));
    let editor = &mut window.state_mut().workspace.editor;
    editor.set("word", "words", "חתול".into());
    let begin = std::time::Instant::now();
    while !has(&window, 'ח') && begin.elapsed() < std::time::Duration::from_secs(20) {
        window.run_steps(1);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(has(&window, 'ח') && has(&window, 'ל'));
    assert!(!has(&window, '波'), "no font here has it");
}

/// The message about the system comes when the check is done, and stays as a notice does.
#[test]
fn problems_of_the_system_are_shown_when_they_are_found() {
    let (send, receive) = std::sync::mpsc::channel();
    let (mut window, _) = window_with_parts(first_bend(), false, |options| options.checkup = Some(receive));
    window.step();
    let text = "This system has a problem (bendrack doctor lists all). serial ports: join a group.";
    assert!(window.query_by_label_contains("serial ports").is_none());
    send.send(text.to_owned()).unwrap();
    window.step();
    window.step();
    assert!(window.query_by_label_contains("serial ports").is_some());
    drop(send);
    window.run_steps(200);
    assert!(window.query_by_label_contains("serial ports").is_some(), "it stays");
}

#[test]
fn a_notice_stays_until_the_next_message() {
    let text = "bad.json: not a patch. This is the first bend.";
    let (mut window, _) = window_with_parts(first_bend(), false, |options| options.notice = Some(text.to_owned()));
    window.run_steps(60 * 8);
    assert!(window.query_by_label_contains("bad.json: not a patch.").is_some());
    window.key_press_modifiers(Modifiers::COMMAND, Key::P);
    window.run_steps(3);
    assert!(window.query_by_label_contains("bad.json").is_none());
}

#[test]
#[ignore = "renders screenshots, which needs a graphics driver"]
fn pictures_of_the_bar_at_three_widths() {
    let (mut window, fake) = window_with(first_bend(), None, None, true);
    fake.play(1);
    for width in [1600.0, 1440.0, 1200.0, 960.0] {
        window.set_size(vec2(width, 700.0));
        window.run_steps(4);
        crate::shoot(&mut window, &format!("bar_{width}"));
    }
}

#[test]
fn a_locked_knob_is_not_randomised_and_a_little_moves_the_others_a_little() {
    let mut start = first_bend();
    start.stage.locked = vec!["lfo.rate".parse().unwrap()];
    let (mut window, _) = window(start);
    let before = patch(&window);
    let editor = &mut window.state_mut().workspace.editor;
    editor.selection = ["lfo".to_owned(), "heat".to_owned()].into();
    editor.randomise_selected(0.2);
    let after = Arc::clone(&editor.document.patch);
    assert_eq!(after.nodes["lfo"].params.get("rate"), before.nodes["lfo"].params.get("rate"), "locked");
    let amount = |patch: &Patch| patch.nodes["heat"].params["amount"].as_f64().unwrap();
    let moved = (amount(&after) - amount(&before)).abs();
    assert!(moved > 0.0 && moved <= 0.2, "{moved}");
}

#[test]
fn shares_follow_freeze_and_blackout_and_show_their_state() {
    let shares = FakeShares::default();
    let (mut window, _) = window_with_parts(first_bend(), false, |options| options.shares = Box::new(shares.clone()));
    let stage = || (shares.0.borrow().is_held, shares.0.borrow().is_black);
    let mut stage_after = |key| {
        window.key_press_modifiers(Modifiers::COMMAND, key);
        window.run_steps(3);
        stage()
    };
    assert_eq!([stage_after(Key::F), stage_after(Key::B)], [(true, false), (true, true)]);
    assert_eq!([stage_after(Key::F), stage_after(Key::B)], [(false, true), (false, false)]);
    shares.0.borrow_mut().news = Some("v4l2:/dev/video10: gone".to_owned());
    window.run_steps(2);
    assert!(window.query_by_label("v4l2:/dev/video10: gone").is_some(), "in the status bar");
    let button = window.get_by_label("Output").rect().center();
    window.hover_at(button);
    window.run_steps(60);
    assert!(window.query_by_label_contains("v4l2:/dev/video10: shared, 512×512").is_some(), "the hint of the output");
}

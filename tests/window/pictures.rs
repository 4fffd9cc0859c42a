//! The pictures of the README and the docs: `make pictures`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bendrack::engine::{Engine, EngineHandle, Model, Session};
use bendrack::ui::Download;
use bendrack::ui::document::snapshots::store;
use bendrack::ui::widgets::knob::KnobChange;
use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::Event;
use eframe::egui::{Key, Modifiers, Rect, vec2};
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;
use crate::models::models;

/// Video before the picture is taken: the colour has left the tulip then.
const PLAYED: Duration = Duration::from_secs(6);

/// Margin of a window under test, in pixels.
const MARGIN: u32 = 8;

#[test]
#[ignore = "draws docs/rack.png, and needs a graphics driver: make pictures"]
fn the_rack_of_the_readme() {
    let plan = Plan::compile(&first_bend(), LIBRARY).0.unwrap();
    let load = move || Engine::new(Model::mini()?, Arc::new(plan), (128, 128));
    let rack = EngineHandle::start(load, |_| {});
    let mut window = window_on(Box::new(rack), first_bend(), Some("patches/first_bend.json".into()), None, true);
    let begun = Instant::now();
    while begun.elapsed() < PLAYED {
        window.run_steps(1);
        std::thread::sleep(Duration::from_millis(15));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rack.png");
    let picture = window.render().unwrap();
    let (width, height) = picture.dimensions();
    let rack = image::imageops::crop_imm(&picture, MARGIN, MARGIN, width - 2 * MARGIN, height - 2 * MARGIN);
    rack.to_image().save(path).unwrap();
}

/// A part of the window, as a picture of the docs.
fn save(window: &mut Window, part: Rect, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    std::fs::create_dir_all(&folder).unwrap();
    let picture = window.render().unwrap();
    let scale = picture.width() as f32 / window.ctx.content_rect().width();
    let [x, y, width, height] =
        [part.left(), part.top(), part.width(), part.height()].map(|points| (points * scale).round() as u32);
    let part = image::imageops::crop_imm(&picture, x, y, width, height);
    part.to_image().save(folder.join(name)).unwrap();
}

#[test]
#[ignore = "draws docs/pictures, and needs a graphics driver: make pictures"]
fn panels_of_devices() {
    let mut patch = first_bend();
    let map = |text: &str| serde_json::from_str(text).unwrap();
    patch.maps = vec![
        map(r#"{ "kind": "cc", "channel": 1, "number": 20, "to": "lfo.rate", "range": [0.05, 1.0] }"#),
        map(
            r#"{ "kind": "osc", "address": "/1/fader1", "to": "rotate.angle", "range": [-90, 90], "takeover": "scale", "smooth": 0.2 }"#,
        ),
        map(r#"{ "kind": "note", "channel": 10, "number": 36, "to": "lfo.reset", "range": [0, 1] }"#),
    ];
    let (mut window, fake) = window_with(patch, Some("patches/first_bend.json".into()), None, true);
    for event in [Event::cc(1, 20, 0.2), Event::osc("/1/fader1", &[0.73]), Event::note(10, 36, 0.75)] {
        fake.0.borrow_mut().controls.apply(&event);
    }
    for number in 1..60 {
        fake.play(number);
        window.run_steps(1);
    }
    let whole = window.ctx.content_rect().shrink(MARGIN as f32);
    let maps = window.get_by_label("learn several maps").rect();
    let last = window.get_by_label_contains("bank of lfo.reset").rect();
    let side = Rect::from_min_max(
        [maps.left() - 16.0, maps.top() - 44.0].into(),
        [whole.right(), last.bottom() + 12.0].into(),
    );
    save(&mut window, side, "maps.png");
    window.get_by_label("Devices").click();
    window.run_steps(10);
    let find = window.get_by_label("find a control").rect();
    save(&mut window, Rect::from_min_max([whole.left(), find.top() - 24.0].into(), whole.max), "monitor.png");
    window.get_by_label("close the devices").click();
    window.run_steps(5);
    window.key_press_modifiers(Modifiers::COMMAND, Key::M);
    window.run_steps(5);
    window.get_by_label("learn a map of rotate.angle").click();
    window.run_steps(2);
    window.hover_at(whole.left_top());
    window.run_steps(5);
    let nodes = window.state().workspace.frame.rects["rotate"].union(window.state().workspace.frame.rects["lfo"]);
    save(&mut window, nodes.expand(24.0), "learn_several.png");
}

/// Frames of the window for some seconds.
fn play(window: &mut Window, secs: u64) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(secs) {
        window.run_steps(1);
        std::thread::sleep(Duration::from_millis(15));
    }
}

#[test]
#[ignore = "draws docs/pictures, and needs a graphics driver: make pictures"]
fn views_of_the_model() {
    let mut patch = first_bend();
    patch.stage.macros =
        ["rotate.amount", "lfo.rate", "rotate.angle", "lfo.shape"].map(|port| port.parse().unwrap()).into();
    let plan = Plan::compile(&patch, LIBRARY).0.unwrap();
    let load =
        move || Ok(Session::new(Engine::new(Model::mini()?, Arc::new(plan), (128, 128))?, Arc::new(first_bend())));
    let rack = EngineHandle::start(load, |_| {});
    let mut window = window_on(Box::new(rack), patch, None, None, true);
    let whole = window.ctx.content_rect().shrink(MARGIN as f32);
    window.state_mut().workspace.editor.selection = ["rotate".to_owned()].into();
    play(&mut window, 4);
    let at = window.get_by_label("word tulip").rect().center();
    window.hover_at(at);
    play(&mut window, 1);
    let (picture, grid) =
        (window.get_by_label_contains("preview").rect(), window.get_by_label("layers and steps").rect());
    save(&mut window, Rect::from_min_max(picture.min, [whole.right(), grid.bottom() + 12.0].into()), "words.png");
    window.hover_at([40.0, 400.0].into());
    let chip = window.get_by_label("bent | unbent").rect().center();
    click(&mut window, chip);
    play(&mut window, 6);
    let picture = window.get_by_label("comparison").rect();
    save(&mut window, picture, "compare.png");
    click(&mut window, chip);
    window.key_press(Key::L);
    play(&mut window, 2);
    let field = window.get_by_label("search patches").rect();
    save(
        &mut window,
        Rect::from_min_max([whole.left(), field.top() - 36.0].into(), [field.right() + 16.0, 700.0].into()),
        "browser.png",
    );
    window.key_press(Key::L);
    for amount in [0.2, 0.7, 1.0] {
        let editor = &mut window.state_mut().workspace.editor;
        editor.document.apply(store(&editor.document.patch));
        editor.turn("rotate", "amount", KnobChange::Set(amount));
    }
    window.key_press_modifiers(Modifiers::COMMAND, Key::E);
    play(&mut window, 4);
    save(&mut window, whole, "perform.png");
}

#[test]
#[ignore = "draws docs/pictures, and needs a graphics driver: make pictures"]
fn the_panel_of_models() {
    let fake = models();
    fake.0.borrow_mut().running = Some(Download {
        name: "self-forcing".to_owned(),
        file: "text_encoder.gguf".to_owned(),
        done: 4,
        total: Some(6),
        text: "4 GB of 6 GB".to_owned(),
    });
    let (mut window, _) = window_with_parts(first_bend(), true, |options| options.models = Box::new(fake));
    let whole = window.ctx.content_rect().shrink(MARGIN as f32);
    window.get_by_label("Models").click();
    window.run_steps(5);
    let close = window.get_by_label("close the models").rect();
    let size = [whole.left() + 396.0, close.top() + 760.0];
    save(&mut window, Rect::from_min_max([whole.left(), close.top() - 12.0].into(), size.into()), "models.png");
}

#[test]
#[ignore = "draws docs/pictures, and needs a graphics driver: make pictures"]
fn the_steps_of_the_tour() {
    let plan = Plan::compile(&first_bend(), LIBRARY).0.unwrap();
    let load = move || Engine::new(Model::mini()?, Arc::new(plan), (128, 128));
    let recordings = FakeRecordings::default();
    let mut parts = options(Box::new(EngineHandle::start(load, |_| {})), first_bend());
    parts.recordings = Box::new(recordings.clone());
    let mut window = window_sized(parts, true, vec2(1440.0, 810.0));
    play(&mut window, 3);
    window.get_by_label("View").click();
    window.run_steps(3);
    window.get_by_label("Tour").click();
    window.hover_at([700.0, 60.0].into());
    play(&mut window, 2);
    let whole = window.ctx.content_rect().shrink(MARGIN as f32);
    save(&mut window, whole, "tour_1.png");
    let knob = window.get_by_label("rate of lfo").rect().center();
    drag(&mut window, knob, knob - vec2(0.0, 20.0));
    save(&mut window, whole, "tour_2.png");
    let (from, to) = (port(&window, "lfo.out", true), port(&window, "rotate.amount", false));
    drag(&mut window, from, to);
    let title = window.state().workspace.frame.rects["word"].center_top() + vec2(0.0, 6.0);
    click(&mut window, title);
    play(&mut window, 1);
    save(&mut window, whole, "tour_3.png");
    let word = window.get_by_label("word tulip").rect().center();
    click(&mut window, word);
    window.hover_at([700.0, 60.0].into());
    play(&mut window, 2);
    save(&mut window, whole, "tour_4.png");
    window.get_by_label("overlay map").click();
    play(&mut window, 1);
    save(&mut window, whole, "tour_5.png");
    recordings.0.borrow_mut().outcome =
        Some(Ok("Recorded 6.5 s to /home/me/Videos/bendrack-2026-12-01-14-03-05.mp4".into()));
    play(&mut window, 1);
    save(&mut window, whole, "tour_6.png");
}

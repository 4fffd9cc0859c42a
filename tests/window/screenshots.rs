//! Screenshots of the window, for inspection.

use eframe::egui::{Event, Key, Modifiers, PointerButton, Vec2, vec2};

use crate::driver::*;
use crate::shoot;

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

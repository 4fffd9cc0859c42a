//! Recordings: button, keys, messages.

use bendrack::io::ControlName;
use bendrack::ui::{RecordedParts, RecordingState};
use eframe::egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;

fn key(window: &mut Window, key: Key, pressed: bool) {
    window.event(Event::Key { key, physical_key: None, pressed, repeat: false, modifiers: Modifiers::NONE });
}

#[test]
fn the_button_starts_and_stops_a_recording_and_shows_its_length() {
    let (mut window, recordings, _) = recording_window(first_bend());
    window.get_by_label("Record").click();
    window.run_steps(3);
    {
        let recorded = recordings.0.borrow();
        let [(parts, patch)] = &recorded.started[..] else { panic!("one recording") };
        assert_eq!((*parts, &patch.nodes), (RecordedParts::default(), &first_bend().nodes));
    }
    recordings.0.borrow_mut().state = RecordingState::On { secs: 83.9, lost: 0, is_paused: false };
    window.run_steps(2);
    assert!(window.query_by_label("Record").is_none());
    recordings.0.borrow_mut().state = RecordingState::On { secs: 84.0, lost: 0, is_paused: true };
    window.run_steps(2);
    window.get_by_label("Stop recording 1:24 paused").click();
    window.run_steps(3);
    assert_eq!(recordings.0.borrow().stops, 1);
    recordings.0.borrow_mut().outcome = Some(Ok("Recorded 84.0 s to bendrack.mp4".into()));
    window.run_steps(2);
    assert!(window.query_by_label_contains("Recorded 84.0 s to bendrack.mp4").is_some(), "the message names the file");
    assert!(window.query_by_label("Record").is_some());
    recordings.0.borrow_mut().state = RecordingState::Ending;
    window.run_steps(2);
    window.get_by_label("Saving the recording").click();
    window.run_steps(2);
    assert_eq!((recordings.0.borrow().started.len(), recordings.0.borrow().stops), (1, 1), "it is being completed");
}

#[test]
fn the_choice_beside_the_button_selects_pictures() {
    let (mut window, recordings, _) = recording_window(first_bend());
    window.get_by_label("Pictures to record").click();
    window.run_steps(3);
    window.get_by_label("Heatmaps").click();
    window.run_steps(3);
    window.key_press_modifiers(Modifiers::COMMAND, Key::R);
    window.run_steps(3);
    let wanted = RecordedParts { screen: true, model: false, maps: true };
    assert_eq!(recordings.0.borrow().started.last().map(|(parts, _)| *parts), Some(wanted));
    window.key_press_modifiers(Modifiers::COMMAND, Key::R);
    window.run_steps(3);
    assert_eq!(recordings.0.borrow().stops, 1);
}

#[test]
fn a_held_r_records_once_and_a_short_one_does_not() {
    let (mut window, recordings, fake) = recording_window(first_bend());
    let plans = fake.plans();
    window.key_press(Key::R);
    window.run_steps(60);
    assert!(recordings.0.borrow().started.is_empty(), "a short press");
    key(&mut window, Key::R, true);
    window.run_steps(20);
    assert!(recordings.0.borrow().started.is_empty(), "not yet");
    window.run_steps(60);
    assert_eq!(recordings.0.borrow().started.len(), 1);
    assert_eq!(recordings.0.borrow().stops, 0, "a longer press is still one");
    key(&mut window, Key::R, false);
    window.run_steps(3);
    key(&mut window, Key::R, true);
    window.run_steps(40);
    key(&mut window, Key::R, false);
    window.run_steps(3);
    assert_eq!((recordings.0.borrow().started.len(), recordings.0.borrow().stops), (1, 1));
    assert_eq!(fake.plans(), plans, "no cable got a reroute");
    // The palette takes letters.
    window.key_press(Key::N);
    window.run_steps(2);
    key(&mut window, Key::R, true);
    window.run_steps(40);
    key(&mut window, Key::R, false);
    window.run_steps(2);
    assert_eq!(recordings.0.borrow().started.len(), 1);
}

#[test]
fn osc_starts_and_stops_a_recording() {
    let devices = FakeDevices::default();
    let osc = ControlName::Osc { address: "/bendrack/record".into() };
    devices.send(&osc, 1.0);
    let (mut window, recordings, _) = recording_window_with(first_bend(), devices.clone());
    let counts = |window: &mut Window| {
        window.run_steps(2);
        (recordings.0.borrow().started.len(), recordings.0.borrow().stops)
    };
    assert_eq!(counts(&mut window), (0, 0), "sent before the window was there");
    for (number, wanted) in [(0.0, (0, 0)), (1.0, (1, 0)), (1.0, (1, 0)), (0.0, (1, 1)), (0.7, (2, 1)), (0.2, (2, 2))] {
        devices.send(&osc, number);
        assert_eq!(counts(&mut window), wanted, "{number}");
    }
    devices.send(&osc, 1.0);
    assert_eq!(counts(&mut window), (3, 2));
    window.key_press_modifiers(Modifiers::COMMAND, Key::R);
    assert_eq!(counts(&mut window), (3, 3));
    devices.send(&osc, 1.0);
    assert_eq!(counts(&mut window), (4, 3), "the same number again, after a stop by hand");
    // A message without a number is a press and its release.
    let press = || [1.0, 0.0].map(|number| devices.send(&osc, number));
    devices.send(&osc, 0.0);
    assert_eq!(counts(&mut window), (4, 4));
    press();
    assert_eq!(counts(&mut window), (5, 4));
    press();
    assert_eq!(counts(&mut window), (5, 5));
}

#[test]
fn a_learned_key_toggles_recordings_however_short_it_is() {
    let devices = FakeDevices::default();
    let (mut window, recordings, _) = recording_window_with(first_bend(), devices.clone());
    let (pad, other) = (ControlName::Note { channel: 10, number: 36 }, ControlName::Cc { channel: 1, number: 7 });
    let press = |window: &mut Window, control: &ControlName| {
        devices.send(control, 1.0);
        devices.send(control, 0.0);
        window.run_steps(2);
    };
    let learn = |window: &mut Window| {
        window.get_by_label("Pictures to record").click();
        window.run_steps(3);
        window.get_by_label("Learn MIDI note or CC").click();
        window.run_steps(3);
    };
    press(&mut window, &pad);
    assert_eq!(recordings.0.borrow().started.len(), 0, "nothing is learned unasked");
    learn(&mut window);
    window.key_press(Key::Escape);
    window.run_steps(2);
    window.key_press(Key::Escape);
    window.run_steps(2);
    press(&mut window, &other);
    press(&mut window, &other);
    assert_eq!(recordings.0.borrow().started.len(), 0, "cancelled");
    learn(&mut window);
    press(&mut window, &pad);
    assert!(window.query_by_label_contains("Record is on note 36, channel 10.").is_some());
    assert_eq!(recordings.0.borrow().started.len(), 0, "the press that is learned");
    press(&mut window, &other);
    assert_eq!(recordings.0.borrow().started.len(), 0);
    press(&mut window, &pad);
    assert_eq!((recordings.0.borrow().started.len(), recordings.0.borrow().stops), (1, 0));
    press(&mut window, &pad);
    assert_eq!((recordings.0.borrow().started.len(), recordings.0.borrow().stops), (1, 1));
    window.get_by_label("Pictures to record").click();
    window.run_steps(3);
    window.get_by_label("Forget note 36, channel 10").click();
    window.run_steps(3);
    press(&mut window, &pad);
    assert_eq!(recordings.0.borrow().started.len(), 1, "forgotten");
}

#[test]
#[ignore = "renders a screenshot, which needs a graphics driver"]
fn a_picture_of_the_menu_beside_the_button() {
    let (mut window, fake) = window_with(first_bend(), None, None, true);
    fake.play(1);
    window.get_by_label("Pictures to record").click();
    window.run_steps(10);
    crate::shoot(&mut window, "record_menu");
}

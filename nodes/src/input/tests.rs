//! Controls lose no press, strike or hop, however events fall into latent frames.

use proptest::prelude::*;

use super::*;

/// A message to the address `/a`.
fn osc(number: f64) -> Event {
    Event::osc("/a", &[number]).on(&"phone".into())
}

fn reading(controls: &Controls) -> (f64, u16) {
    let reading = controls.osc("/a", 0).and_then(Control::reading).expect("a number");
    (reading.value, reading.hits)
}

#[test]
fn a_press_within_a_frame_is_a_press_and_a_ramp_stays_a_ramp() {
    let mut controls = Controls::default();
    for (numbers, expected) in [
        (&[0.0][..], (0.0, 0)),
        (&[1.0, 0.0], (1.0, 1)),
        (&[], (0.0, 0)),
        (&[0.4, 0.3], (0.3, 0)),
        (&[0.6, 0.9, 0.7, 0.0], (0.9, 1)),
        (&[1.0], (1.0, 1)),
        (&[0.3], (0.3, 0)),
        (&[0.8], (0.8, 0)),
        (&[0.0, 1.0], (1.0, 1)),
        (&[0.0, 1.0, 0.0], (1.0, 1)),
        (&[0.7, 0.0, 0.6, 0.0], (0.6, 2)),
    ] {
        controls.extend(&numbers.iter().copied().map(osc).collect::<Vec<_>>());
        assert_eq!(reading(&controls), expected, "{numbers:?}");
        controls.end_frame();
        let held = controls.osc("/a", 0).and_then(Control::held).expect("a number");
        assert_eq!((held.value, held.hits), (numbers.last().copied().unwrap_or(0.0), 0), "{numbers:?}");
    }
}

#[test]
fn strikes_count_and_a_short_one_sounds_in_its_frame() {
    let note = |velocity| Event::note(10, 36, velocity);
    let strike = |controls: &Controls| controls.note((10, 36)).map(Key::strike).unwrap_or_default();
    let mut controls = Controls::default();
    controls.extend(&[note(0.5), note(0.0), note(0.75), note(0.0)]);
    assert_eq!(strike(&controls), Strike { on: true, hits: 2, velocity: 0.75 });
    controls.end_frame();
    assert_eq!((strike(&controls), controls.keys().count()), (Strike::default(), 0));
    controls.extend(&[note(1.0)]);
    controls.end_frame();
    assert_eq!(strike(&controls), Strike { on: true, hits: 0, velocity: 1.0 });
    controls.extend(&[note(0.0), note(0.25)]);
    assert_eq!(strike(&controls), Strike { on: true, hits: 1, velocity: 0.25 });
    controls.extend(&[note(0.0)]);
    controls.end_frame();
    assert_eq!(strike(&controls), Strike::default());
}

#[test]
fn a_full_frame_keeps_the_last_number_and_says_so() {
    let mut controls = Controls::default();
    let results: Vec<Applied> = (0..100).map(|i| controls.apply(&osc(f64::from(i) / 100.0))).collect();
    assert_eq!(results.iter().filter(|result| **result == Applied::Merged).count(), 36);
    assert_eq!(reading(&controls).0, 0.99);
    controls.end_frame();
}

/// A message to the address of a number.
fn numbered(index: usize) -> Event {
    Event::osc(format!("/{index}"), &[index as f64]).on(&"phone".into())
}

#[test]
fn a_new_name_takes_the_place_of_the_one_that_was_silent_for_longest() {
    let mut controls = Controls::default();
    assert!((0..MOST_NAMES).all(|index| controls.apply(&numbered(index)) == Applied::Kept));
    assert_eq!(controls.apply(&numbered(MOST_NAMES)), Applied::Refused, "every name was received in this frame");
    assert_eq!(controls.apply(&numbered(7)), Applied::Kept, "a known address has its place");
    controls.end_frame();
    let is_known = |controls: &Controls, index: usize| controls.osc(&format!("/{index}"), 0).is_some();
    // A second message to address 0 leaves address 1 the longest without one.
    assert_eq!(controls.apply(&numbered(0)), Applied::Kept);
    assert_eq!(controls.apply(&numbered(MOST_NAMES)), Applied::Evicted);
    assert_eq!([0, 1, 2, MOST_NAMES].map(|index| is_known(&controls, index)), [true, false, true, true]);
    // A program with ten thousand addresses, and a control that sends in each frame.
    let mut evicted = 0;
    for junk in 0..10_000 {
        if junk % 100 == 0 {
            controls.end_frame();
            assert_eq!(controls.apply(&osc(0.5)), if junk == 0 { Applied::Evicted } else { Applied::Kept });
        }
        evicted += usize::from(controls.apply(&numbered(10_000 + junk)) == Applied::Evicted);
    }
    assert_eq!(evicted, 10_000);
    assert_eq!(reading(&controls).0, 0.5);
    assert!(!is_known(&controls, 0) && is_known(&controls, 19_999));
    let sensor = Event::sensor("touch", &[1.0]);
    assert_eq!(controls.apply(&sensor), Applied::Kept, "sensors have their own places");
}

proptest! {
    // Each case has thousands of names.
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Evictions depend on the events and frames alone.
    #[test]
    fn the_same_events_evict_the_same_names(events in prop::collection::vec((0..9000_usize, any::<bool>()), 0..200)) {
        let apply_all = || {
            let mut controls = Controls::default();
            (0..MOST_NAMES).for_each(|index| _ = controls.apply(&numbered(index)));
            let apply = |(index, ends): &(usize, bool)| {
                if *ends {
                    controls.end_frame();
                }
                controls.apply(&numbered(*index))
            };
            (events.iter().map(apply).collect::<Vec<_>>(), controls)
        };
        let (first, second) = (apply_all(), apply_all());
        prop_assert!(first == second);
        let known = (0..9000).filter(|index| first.1.osc(&format!("/{index}"), 0).is_some()).count();
        prop_assert_eq!(known, MOST_NAMES);
    }
}

#[test]
fn a_shorter_message_leaves_the_other_numbers() {
    let mut controls = Controls::default();
    let sensor = |numbers: &[f64]| Event::sensor("imu", numbers);
    controls.extend(&[sensor(&[1.0, 2.0, 3.0]), sensor(&[4.0])]);
    let numbers = [0, 1, 2, 3].map(|index| controls.sensor("imu", index).and_then(Control::last));
    assert_eq!(numbers, [Some(4.0), Some(2.0), Some(3.0), None]);
}

proptest! {
    /// Each press counts once, wherever frames are cut.
    #[test]
    fn hits_are_presses_however_frames_are_cut(
        numbers in prop::collection::vec(0.0..1.0_f64, 0..60),
        cuts in prop::collection::vec(any::<bool>(), 60),
    ) {
        let mut on = false;
        let mut presses = 0;
        for &number in &numbers {
            let was_on = on;
            on = is_on(number, on);
            presses += u16::from(on && !was_on);
        }
        let mut controls = Controls::default();
        let (mut hits, mut shown_on, mut level_hits) = (0, false, 0);
        let mut read = |controls: &mut Controls| {
            if let Some(reading) = controls.osc("/a", 0).and_then(Control::reading) {
                // A gate input counts as the evaluator does.
                let was_on = std::mem::replace(&mut shown_on, reading.on);
                hits += reading.hits;
                level_hits += reading.hits.max(u16::from(shown_on && !was_on));
            }
            controls.end_frame();
        };
        for (&number, cut) in numbers.iter().zip(&cuts) {
            controls.apply(&osc(number));
            if *cut {
                read(&mut controls);
            }
        }
        read(&mut controls);
        prop_assert_eq!((hits, level_hits), (presses, presses));
    }
}

#[test]
fn the_state_of_devices_is_reached_by_its_events() {
    let mut controls = Controls::default();
    controls.extend(&[
        Event::cc(3, 7, 0.25),
        Event::note(1, 60, 0.5),
        Event::note(1, 61, 0.5),
        Event::note(1, 61, 0.0),
        osc(0.5),
        Event::sensor("imu", &[1.0, 2.0, 3.0]),
        Event::sensor("imu", &[4.0]),
        Event::Sound(Box::default()),
    ]);
    let mut again: Controls = controls.events().into_iter().collect();
    controls.end_frame();
    again.end_frame();
    assert_eq!(again.events(), controls.events());
    assert_eq!(
        again.keys().map(|(key, _)| key.name.clone()).collect::<Vec<_>>(),
        [ControlName::Note { channel: 1, number: 60 }]
    );
    let numbers = [0, 1, 2].map(|index| again.sensor("imu", index).and_then(Control::last));
    assert_eq!(numbers, [Some(4.0), Some(2.0), Some(3.0)]);
}

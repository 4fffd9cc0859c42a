//! What the papers' figures show, on the small model. The pictures are drawn by `make figures`.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

#[allow(dead_code, reason = "the sheets are drawn by the example")]
#[path = "../../examples/figures/main.rs"]
mod drawn;

use std::sync::Arc;

use bendrack::media::Picture;
use bendrack::quality::scene::prompts;
use drawn::measure::{change, colour, distance};
use drawn::rig::{Bend, DEPTHS, Rig, masks};
use drawn::{amplitude, depth, sites, words};

/// Prompts whose words are looked for.
const PROMPTS: usize = 24;

fn rig() -> Rig {
    Rig::new().expect("mini")
}

#[test]
fn a_bend_of_each_site_changes_the_picture_in_its_own_way() {
    let (mut rig, prompt) = (rig(), sites::prompt());
    let mut pictures = vec![("unbent", "", rig.glance(&prompt, None).expect("a frame").picture)];
    for (site, what, bend) in sites::bends() {
        pictures.push((site, what, rig.glance(&prompt, Some(&bend)).expect("a frame").picture));
    }
    for (i, (site, what, picture)) in pictures.iter().enumerate() {
        for (other_site, other_what, other) in &pictures[..i] {
            let change = change(picture, other);
            assert!(change > 2.0, "{site} {what} is like {other_site} {other_what}: {change}");
        }
    }
}

#[test]
fn the_amplitude_of_a_colour_word_changes_the_colour_and_the_composition_stays() {
    let (mut rig, late) = (rig(), Some(DEPTHS[2].1));
    for prompt in &amplitude::prompts()[..2] {
        let amplitudes = [0.0, 0.25, 0.5, 0.75, 1.0];
        let effects = amplitude::effects(&mut rig, prompt, &amplitudes, late, false).expect("frames");
        let shifts: Vec<f64> = effects.iter().map(|effect| effect.shift).collect();
        assert!(shifts.is_sorted_by(|a, b| a > b), "{}: the further from 1, the more: {shifts:?}", prompt.caption);
        assert!(shifts[0] > 40.0 && shifts[4] == 0.0, "{}: {shifts:?}", prompt.caption);
        for (effect, amplitude) in effects.iter().zip(amplitudes) {
            let amplitude::Effect { overlap, background, .. } = effect;
            assert!(*overlap > 0.65, "{}, {amplitude}: the object is elsewhere: {overlap}", prompt.caption);
            assert!(*background < 3.0, "{}, {amplitude}: the background changed: {background}", prompt.caption);
        }
    }
}

#[test]
fn noise_early_in_the_middle_and_late_and_bands_of_neurons_differ() {
    let (mut rig, prompt) = (rig(), depth::prompts().swap_remove(0));
    let mut picture = |bend: Option<&Bend>| rig.glance(&prompt, bend).expect("a frame").picture;
    let plain = picture(None);
    let of = |cases: Vec<(String, Bend)>, picture: &mut dyn FnMut(Option<&Bend>) -> Arc<Picture>| {
        cases.into_iter().map(|(name, bend)| (name, picture(Some(&bend)))).collect::<Vec<_>>()
    };
    let noises = of(depth::noises(4.0), &mut picture);
    let bands = of(depth::bands(10.0), &mut picture);
    let unbent = ("unbent".to_owned(), plain.clone());
    for cases in [&noises, &bands] {
        let all: Vec<_> = std::iter::once(&unbent).chain(cases).collect();
        for (i, (name, picture)) in all.iter().enumerate() {
            for (other, pictured) in &all[..i] {
                let change = change(picture, pictured);
                assert!(change > 1.0, "{name} is like {other}: {change}");
            }
        }
    }
    let object = masks(&prompt, &plain).expect("the world").swap_remove(0);
    let before = colour(&plain, &object);
    let effects = noises.iter().map(|(_, picture)| {
        let overlap = object.overlap(&masks(&prompt, picture).expect("the world")[0]);
        (change(picture, &plain), distance(colour(picture, &object), before), overlap)
    });
    let effects: Vec<(f64, f64, f64)> = effects.collect();
    let [early, middle, late] = effects[..] else { panic!("three parts of the model: {effects:?}") };
    assert!(late.0 > 1.5 * f64::max(early.0, middle.0), "late noise changes most: {effects:?}");
    assert!(late.1 > 1.5 * f64::max(early.1, middle.1), "late layers paint colour: {effects:?}");
    assert!(f64::min(early.2, middle.2) > 0.5, "the thing stays where it is: {effects:?}");
    assert!(late.2 < early.2, "late noise dissolves it: {effects:?}");
}

#[test]
fn the_map_of_a_things_word_lies_on_the_thing() {
    let found = words::find(&mut rig(), &prompts().expect("prompts")[..PROMPTS]).expect("frames");
    assert!(found.len() >= PROMPTS, "{} words", found.len());
    let [half, best, ideal] = words::summary(&found);
    assert!(half > 0.2 && best > 0.42, "cut at half of its range: {half}, where it fits best: {best}");
    assert!(ideal > best, "no map of tokens fits better than {ideal}, this one {best}");
}

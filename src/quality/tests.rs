//! Tests of the judge: it detects the contents of a scene, and notices missing ones.

use super::judge::{Judge, points_at};
use super::scene::{Background, Colour, Motion, Prompt, Scene, Shape, Thing, prompts};
use super::scores::{Property, Scores};
use super::{CHUNK_LATENTS, JUDGED, judge_model, judge_real, world};
use crate::media::{Map, Picture};
use crate::wan::text::Tokenizer;

fn all() -> Vec<Prompt> {
    prompts().expect("quality.json")
}

/// A real clip, the frames that are judged.
fn clip(scene: &Scene) -> Vec<Picture> {
    (1..3 * CHUNK_LATENTS).map(|latent| world::render(scene, (6, 3), latent, JUDGED)).collect()
}

/// Scores of a clip of `shown` by a judge who expects `expected`.
fn opinion(judge: &mut Judge, expected: &Scene, shown: &Scene) -> Scores {
    let frames = clip(shown);
    judge.video(expected, &frames.iter().collect::<Vec<_>>())
}

/// The scenes that `change` could change, before and after.
fn changed(change: impl Fn(&mut Scene) -> bool) -> Vec<(Scene, Scene)> {
    let scenes = all().into_iter().map(|prompt| prompt.scene);
    let pairs = scenes.filter_map(|scene| {
        let mut shown = scene.clone();
        change(&mut shown).then_some((scene, shown))
    });
    pairs.collect()
}

/// The share of clips whose property is not the expected one.
fn share(pairs: &[(Scene, Scene)], property: Property) -> f64 {
    assert!(pairs.len() >= 5, "too few scenes for an opinion");
    let (mut judge, mut scores) = (Judge::default(), Scores::default());
    for (expected, shown) in pairs {
        scores.add(&opinion(&mut judge, expected, shown));
    }
    scores.share(property).expect("an opinion")
}

/// The next of a list, around.
fn next<T: PartialEq + Copy>(list: &[T], it: T, by: usize) -> T {
    let at = list.iter().position(|other| *other == it).expect("it is in its list");
    list[(at + by) % list.len()]
}

fn single(scene: &Scene) -> bool {
    scene.things.len() == 1
}

#[test]
fn real_clips_are_seen_as_they_are() {
    let scores = judge_real(&all());
    for property in Property::ALL.into_iter().filter(|property| *property != Property::Pointing) {
        let share = scores.share(property).expect("an opinion");
        assert!(share >= 0.97, "{}: {share}", property.name());
    }
}

#[test]
fn another_background_or_gradient_is_noticed() {
    let other = changed(|scene| {
        scene.background = next(&Background::ALL, scene.background, 1);
        true
    });
    let ramp = changed(|scene| {
        scene.gradient ^= true;
        scene.background != Background::Black
    });
    assert!(share(&other, Property::Background) < 1e-9, "{}", share(&other, Property::Background));
    assert!(share(&ramp, Property::Background) < 1e-9, "{}", share(&ramp, Property::Background));
}

#[test]
fn another_colour_is_noticed() {
    for by in 1..Colour::ALL.len() {
        let pairs = changed(|scene| {
            scene.things[0].colour = next(&Colour::ALL, scene.things[0].colour, by);
            single(scene)
        });
        let share = share(&pairs, Property::Colour);
        assert!(share < 1e-9, "{by} further: {share}");
    }
}

#[test]
fn another_shape_is_noticed() {
    for by in 1..Shape::ALL.len() {
        let pairs = changed(|scene| {
            scene.things[0].shape = next(&Shape::ALL, scene.things[0].shape, by);
            single(scene)
        });
        let share = share(&pairs, Property::Shape);
        assert!(share < 1e-9, "{by} further: {share}");
    }
}

#[test]
fn another_motion_is_noticed() {
    for by in 1..Motion::ALL.len() {
        let pairs = changed(|scene| {
            let before = scene.things[0].motion;
            scene.things[0].motion = next(&Motion::ALL, before, by);
            // The spin of a circle is invisible.
            let turns = [before, scene.things[0].motion].contains(&Motion::Spinning);
            single(scene) && !(turns && scene.things[0].shape == Shape::Circle)
        });
        let share = share(&pairs, Property::Motion);
        assert!(share < 1e-9, "{by} further: {share}");
    }
}

#[test]
fn swapped_colours_are_noticed() {
    let pairs = changed(|scene| {
        let [a, b] = scene.things.as_mut_slice() else { return false };
        std::mem::swap(&mut a.colour, &mut b.colour);
        a.shape != b.shape
    });
    assert!(share(&pairs, Property::Colour) > 0.9, "both colours are there");
    assert!(share(&pairs, Property::Binding) < 1e-9, "{}", share(&pairs, Property::Binding));
}

#[test]
fn nothing_is_neither_an_object_nor_a_motion() {
    let mut judge = Judge::default();
    for prompt in all() {
        let empty = Scene { things: Vec::new(), ..prompt.scene.clone() };
        let scores = opinion(&mut judge, &prompt.scene, &empty);
        assert_eq!(scores.share(Property::Background), Some(1.0), "{}", prompt.caption);
        for property in [Property::Colour, Property::Shape, Property::Motion] {
            assert_eq!(scores.share(property), Some(0.0), "{}: {}", prompt.caption, property.name());
        }
    }
}

#[test]
fn a_map_points_where_its_largest_value_is() {
    let scene = all().into_iter().map(|prompt| prompt.scene).find(|scene| scene.things.len() == 2).expect("a pair");
    let still = |thing: &Thing| Thing { motion: Motion::Still, ..*thing };
    let scene = Scene { things: scene.things.iter().map(still).collect(), ..scene };
    let picture = world::render(&scene, (1, 2), 1, JUDGED);
    let map = |row: usize, column: usize| {
        let mut map = Map { width: 8, height: 8, values: vec![0.1; 64] };
        map.values[8 * row + column] = 0.2;
        map
    };
    assert!(points_at(&scene, 0, &picture, &map(1, 2)) && points_at(&scene, 1, &picture, &map(5, 6)));
    assert!(!points_at(&scene, 0, &picture, &map(5, 6)) && !points_at(&scene, 1, &picture, &map(1, 2)));
    assert!(!points_at(&scene, 0, &picture, &map(7, 0)) && !points_at(&scene, 0, &picture, &Map::default()));
}

/// `world.is_held_out`.
fn is_held_out(scene: &Scene) -> bool {
    let index = |colour: Colour| Colour::ALL.iter().position(|other| *other == colour).expect("a colour");
    let triple = |thing: &Thing| {
        let shape = Shape::ALL.iter().position(|shape| *shape == thing.shape).expect("a shape");
        let motion = Motion::ALL.iter().position(|motion| *motion == thing.motion).expect("a motion");
        index(thing.colour) + 2 * shape + 3 * motion
    };
    let pair = match scene.things.as_slice() {
        [a, b] => (index(a.colour) + 3 * index(b.colour)) % 8 == 1,
        _ => false,
    };
    pair || scene.things.iter().any(|thing| triple(thing) % 8 == 0)
}

#[test]
fn the_prompts_are_held_out_and_their_words_are_known_and_name_what_they_should() {
    let tokenizer = Tokenizer::from_json(include_bytes!("../../assets/mini/tokenizer.json")).expect("a tokenizer");
    let prompts = all();
    assert_eq!(prompts.len(), 64);
    let mut pointing = 0;
    for (i, prompt) in prompts.iter().enumerate() {
        let Prompt { caption, scene, .. } = prompt;
        assert!(is_held_out(scene), "{caption}");
        assert_eq!(scene.things.len(), if i % 3 == 2 { 2 } else { 1 }, "{caption}");
        let tokens = tokenizer.tokenize(caption, 24).expect("tokens");
        let words: Vec<&str> = caption.split_whitespace().collect();
        assert!(tokens.dropped == 0 && tokens.tokens.len() == words.len() + 1, "{caption}");
        assert!(tokens.tokens.iter().all(|token| token.piece != "<unk>"), "{caption}");
        for thing in &scene.things {
            let named = (words[thing.colour_word], words[thing.shape_word]);
            let name = |it: &dyn std::fmt::Debug| format!("{it:?}").to_lowercase();
            assert_eq!(
                (named.0.to_owned(), named.1.to_owned()),
                (name(&thing.colour), name(&thing.shape)),
                "{caption}"
            );
            assert_eq!(words.contains(&"large"), scene.things.iter().any(|thing| thing.large), "{caption}");
        }
        pointing += prompt.pointing_words().len();
    }
    assert!(pointing > 100, "{pointing} distinguishable words");
    let twice = prompts.iter().any(|prompt| prompt.pointing_words().len() < 2 * prompt.scene.things.len());
    assert!(twice, "some prompt has a word twice");
}

#[test]
fn two_prompts_go_through_the_engine() {
    let prompts = &all()[1..3];
    let mut seen = Vec::new();
    let scores = judge_model(prompts, |frames| {
        let latents: Vec<u64> = frames.iter().map(|frame| frame.latent).collect();
        assert_eq!(latents, (1..9).collect::<Vec<_>>(), "one frame of each latent frame but the first");
        seen.push(frames[7].picture.clone());
    })
    .expect("videos");
    assert!(seen.len() == 2 && seen[0] != seen[1]);
    let words: usize = prompts.iter().map(|prompt| prompt.pointing_words().len()).sum();
    let opinions = Property::ALL.map(|property| scores.opinions(property));
    assert_eq!(opinions, [16, 24, 24, 3, 1, words * CHUNK_LATENTS]);
    // Properties that a trained model rarely misses, and an engine that confuses prompts or taps does.
    for property in [Property::Background, Property::Colour, Property::Pointing] {
        let share = scores.share(property).expect("an opinion");
        assert!(share > 0.8, "{}: {share}", property.name());
    }
}

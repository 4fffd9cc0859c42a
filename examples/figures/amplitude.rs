//! The amplitude of a colour word: figure 3 of Real-Time AttentionBender.

use std::path::Path;

use anyhow::Result;
use bendrack::media::Picture;
use bendrack::quality::scene::{Motion, Prompt};
use candle_core::Result as Played;
use serde_json::json;

use super::measure::{change_outside, colour, distance};
use super::page::Page;
use super::rig::{Bend, DEPTHS, Rig, masks, one};

/// The amplitudes of the word, from 0 to 1.
pub const AMPLITUDES: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

/// The effect of an amplitude on a prompt.
pub struct Effect {
    /// The mean colour of the object's pixels.
    pub colour: [f64; 3],
    /// Its distance from the unbent one, in levels of 255.
    pub shift: f64,
    /// IoU of the object's pixels with and without the bend.
    pub overlap: f64,
    /// The mean change of the background's pixels, in levels of 255.
    pub background: f64,
    /// The picture.
    pub picture: Picture,
}

/// The prompts: a purple thing each.
pub fn prompts() -> Vec<Prompt> {
    let purple = |name, ground, seed| one("purple", name, Motion::Still, ground, seed);
    vec![purple("tulip", "gray", 2), purple("cat", "green", 1), purple("skull", "blue", 1), purple("star", "black", 3)]
}

/// The word purple at an amplitude, in these layers, with or without renormalisation.
pub fn bend(amplitude: f64, layers: Option<(usize, usize)>, renormalise: bool) -> Bend {
    let bend = Bend::new("bend.gain", json!({ "gain": amplitude, "renormalise": renormalise })).words("purple");
    match layers {
        Some(layers) => bend.layers(layers),
        None => bend,
    }
}

/// The effect of each amplitude on a prompt; `None` is all layers.
pub fn effects(
    rig: &mut Rig,
    prompt: &Prompt,
    amplitudes: &[f64],
    layers: Option<(usize, usize)>,
    renormalise: bool,
) -> Played<Vec<Effect>> {
    let plain = rig.glance(prompt, None)?.picture;
    let object = masks(prompt, &plain)?.swap_remove(0);
    let before = colour(&plain, &object);
    let effect = |&amplitude: &f64| {
        let picture = (*rig.glance(prompt, Some(&bend(amplitude, layers, renormalise)))?.picture).clone();
        let bent = masks(prompt, &picture)?.swap_remove(0);
        let colour = colour(&picture, &object);
        Ok(Effect {
            colour,
            shift: distance(colour, before),
            overlap: object.overlap(&bent),
            background: change_outside(&plain, &picture, [&object, &bent]),
            picture,
        })
    };
    amplitudes.iter().map(effect).collect()
}

/// Draws the sheet.
pub fn draw(rig: &mut Rig, folder: &Path) -> Result<()> {
    let mut page = Page::new("the amplitude of the word “purple” in the cross-attention maps of layers 4–5");
    page.head(&AMPLITUDES.map(|amplitude| format!("{amplitude}")).each_ref().map(String::as_str));
    println!("colour, its distance from the unbent one, overlap of the object, change of the background:");
    for (prompt, renormalise) in [(0, false), (1, false), (1, true), (2, false), (3, false)] {
        row(rig, &mut page, &prompts()[prompt], renormalise)?;
    }
    let depths = DEPTHS.map(|(name, layers)| (name, Some(layers)));
    for (name, layers) in std::iter::once(("all", None)).chain(depths) {
        for renormalise in [false, true] {
            let effects = effects(rig, &prompts()[1], &[0.0, 0.5], layers, renormalise)?;
            report(&format!("{name} layers, renormalise {renormalise}"), &effects);
        }
    }
    page.save(&folder.join("amplitude.png"))
}

/// Adds the row of a prompt.
fn row(rig: &mut Rig, page: &mut Page, prompt: &Prompt, renormalise: bool) -> Played<()> {
    let effects = effects(rig, prompt, &AMPLITUDES, Some(DEPTHS[2].1), renormalise)?;
    let pictures: Vec<_> = effects.iter().map(|effect| Some(&effect.picture)).collect();
    let name = format!("purple {}", prompt.scene.things[0].name);
    page.row(&name, if renormalise { "renormalised" } else { &prompt.scene.ground }, &pictures);
    report(&prompt.caption, &effects);
    Ok(())
}

fn report(name: &str, effects: &[Effect]) {
    print!("| {name} |");
    for Effect { colour, shift, overlap, background, .. } in effects {
        print!(" {colour:.0?} {shift:.0} {overlap:.2} {background:.1} |");
    }
    println!();
}

//! Attention maps of the words for things, against the pixels of the things.

use std::path::Path;

use anyhow::Result;
use bendrack::media::{Map, Picture};
use bendrack::output::heatmap;
use bendrack::quality::mask::Mask;
use bendrack::quality::overlap::{Overlap, above, best_cut};
use bendrack::quality::player::{tap_of, tapped};
use bendrack::quality::scene::{Motion, Prompt, Scene, Thing, prompts};
use bendrack::wan::mini::SIDE;
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::source::ColourMap;
use candle_core::Result as Played;

use super::measure::mean;
use super::page::Page;
use super::rig::{CHUNK, Rig, SHOWN, masks};

/// Fewest pixels of a visible thing.
const FEWEST_PIXELS: usize = 100;
/// Prompts whose words are measured.
pub const PROMPTS: usize = 64;
/// Things on the sheet, as in *Attention of a Kiss*: the first prompts with them.
const ON_SHEET: [(&str, &str, u64); 12] = [
    ("a cat and a soccer ball over a blue background", "cat", 1),
    ("a cat and a soccer ball over a blue background", "ball", 1),
    ("a tower over a sunset", "tower", 2),
    ("a purple tulip over a gray background", "tulip", 2),
    ("a kiss over the night sky", "kiss", 1),
    ("a boat over the sea", "boat", 1),
    ("a robot and a ghost", "robot", 1),
    ("a robot and a ghost", "ghost", 1),
    ("a mushroom and a frog over a meadow", "frog", 1),
    ("a rocket over the night sky", "rocket", 1),
    ("a blue cat over a sunset", "cat", 3),
    ("a yellow star and a moon over the night sky", "star", 1),
];
/// Pairs of a picture and its map in a row of the sheet.
const PAIRS: usize = 3;

/// A word and what it names.
pub struct Found {
    /// The prompt.
    pub caption: String,
    /// The word.
    pub word: String,
    /// Overlap of the map and the thing's pixels; none without a thing.
    pub fit: Option<Overlap>,
}

/// Plays the first chunk of prompts and looks for their things.
pub fn find(rig: &mut Rig, prompts: &[Prompt]) -> Played<Vec<Found>> {
    let mut all = Vec::new();
    for prompt in prompts.iter().filter(|prompt| !prompt.scene.twins()) {
        let frame = rig.play_patch(&tapped(prompt, rig.last_step())?, CHUNK)?.swap_remove(SHOWN);
        let things = masks(prompt, &frame.picture)?;
        let words: Vec<&str> = prompt.caption.split_whitespace().collect();
        for (index, (thing, word)) in prompt.pointing_words().into_iter().enumerate() {
            if prompt.scene.things[thing].thing_words.iter().all(|&at| words[at] != word) {
                continue;
            }
            let map = &frame.taps[tap_of(index).as_str()];
            all.push(Found {
                caption: prompt.caption.clone(),
                word: word.to_owned(),
                fit: (things[thing].count() >= FEWEST_PIXELS).then(|| Overlap::new(map, &things[thing])),
            });
        }
    }
    Ok(all)
}

/// The picture with the contour of the map at half of its range: white inside, black outside.
fn outlined(picture: &Picture, map: &Map) -> Picture {
    let mut picture = picture.clone();
    let inside = above(map, 0.5);
    let neighbours = [(0, 1), (1, 0), (0, -1), (-1, 0)].map(|(down, right)| inside.rolled(down, right));
    for at in 0..SIDE * SIDE {
        let contains = |mask: &Mask| mask.contains(at / SIDE, at % SIDE);
        let level = match (contains(&inside), neighbours.iter().filter(|neighbour| contains(neighbour)).count()) {
            (true, 0..4) => 255,
            (false, 1..) => 0,
            _ => continue,
        };
        picture.rgb[3 * at..3 * at + 3].fill(level);
    }
    picture
}

/// The means of the fits: half, best, ideal.
pub fn summary(found: &[Found]) -> [f64; 3] {
    let fits = |of: fn(&Overlap) -> f64| {
        mean(&found.iter().filter_map(|found| found.fit.as_ref()).map(of).collect::<Vec<_>>())
    };
    [fits(Overlap::half), fits(Overlap::best), fits(|fit| fit.ideal)]
}

/// Draws the sheet.
pub fn draw(rig: &mut Rig, folder: &Path) -> Result<()> {
    let found = find(rig, &prompts()?[..PROMPTS])?;
    let [half, best, ideal] = summary(&found);
    let without = found.iter().filter(|found| found.fit.is_none()).count();
    println!("{} words, {without} without a thing: half {half:.3}, best {best:.3}, ideal {ideal:.3}", found.len());
    let fits: Vec<&Overlap> = found.iter().filter_map(|found| found.fit.as_ref()).collect();
    if let Some((part, fit)) = best_cut(&fits) {
        println!("one cut for all: at {part} of the range {fit:.3}");
    }
    let mut page = Page::new("the attention map of a thing's word beside the picture, in the last step, layers 1–4");
    for row in ON_SHEET.chunks(PAIRS) {
        let mut pictures = Vec::new();
        for &(caption, word, seed) in row {
            let frame = rig.play_patch(&tapped_word(caption, word, seed, rig.last_step())?, CHUNK)?.swap_remove(SHOWN);
            let map = &frame.taps[tap_of(0).as_str()];
            pictures.push(Some(outlined(&frame.picture, map)));
            pictures.push(Some(heatmap::alone(map, SIDE, SIDE, &ColourMap::Inferno.into())));
            pictures.push(None);
        }
        let words: Vec<&str> = row.iter().flat_map(|(_, word, _)| [*word, "", ""]).collect();
        page.head(&words);
        page.row("", "", &pictures.iter().map(Option::as_ref).collect::<Vec<_>>());
    }
    page.save(&folder.join("words.png"))
}

/// A patch with a tap of one word at one denoising step.
fn tapped_word(caption: &str, word: &str, seed: u64, step: usize) -> Played<Patch> {
    let at = caption.split_whitespace().position(|other| other == word);
    let thing = Thing {
        name: String::new(),
        look: String::new(),
        motion: Motion::Still,
        look_word: None,
        thing_words: at.into_iter().collect(),
    };
    let scene = Scene { things: vec![thing], ground: String::new(), cinematic: false };
    tapped(&Prompt { caption: caption.to_owned(), seed, scene }, step)
}

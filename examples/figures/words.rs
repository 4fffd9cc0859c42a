//! Attention maps of the words for shapes, against the pixels of the objects.

use std::path::Path;

use anyhow::Result;
use bendrack::engine::model::LATENT_PIXELS;
use bendrack::media::{Map, Picture};
use bendrack::output::heatmap;
use bendrack::output::scale::resample;
use bendrack::quality::judge::{masks, points_at};
use bendrack::quality::mask::Mask;
use bendrack::quality::player::{tap_of, tapped};
use bendrack::quality::scene::{Prompt, prompts};
use bendrack::quality::world::TOKENS;
use bendrack::wan::mini::SIDE;
use bendrack_nodes::program::source::{ColourMap, Scale};
use candle_core::Result as Played;

use super::measure::mean;
use super::page::Page;
use super::rig::{CHUNK, Rig, SHOWN};

/// Number of thresholds over a map's range; the middle one is half.
const CUTS: usize = 19;
/// Fewer pixels are no object.
const FEWEST_PIXELS: usize = 100;
/// Prompts on the sheet.
const ON_SHEET: usize = 12;
/// Pairs of a picture and its map in a row of the sheet.
const PAIRS: usize = 3;

/// A word and what it names.
pub struct Found {
    /// The prompt.
    pub caption: String,
    /// The word.
    pub word: String,
    /// The frame.
    pub picture: Picture,
    /// The attention map of the word at that frame.
    pub map: Map,
    /// True if the map is largest on the object.
    pub hit: bool,
    /// Overlap of the map and the object's pixels; none without an object.
    pub fit: Option<Fit>,
}

/// Of the pixels that are in the map or in the object, the share that is in both.
pub struct Fit {
    /// The map cut at each of [`CUTS`] parts of its range.
    cuts: Vec<f64>,
    /// IoU of an ideal map, the object's coverage of each token, at half range.
    pub ideal: f64,
}

impl Fit {
    /// The map cut at half of its range.
    pub fn half(&self) -> f64 {
        self.cuts[CUTS / 2]
    }

    /// The map cut where it fits best.
    pub fn best(&self) -> f64 {
        self.cuts.iter().copied().fold(0.0, f64::max)
    }
}

/// Plays the first chunk of prompts and looks for their shapes.
pub fn find(rig: &mut Rig, prompts: &[Prompt]) -> Played<Vec<Found>> {
    let mut all = Vec::new();
    for prompt in prompts {
        let frame = rig.play_patch(&tapped(prompt)?, CHUNK)?.swap_remove(SHOWN);
        let objects = masks(&prompt.scene, &frame.picture);
        let words: Vec<&str> = prompt.caption.split_whitespace().collect();
        for (index, (thing, word)) in prompt.pointing_words().into_iter().enumerate() {
            if words[prompt.scene.things[thing].shape_word] != word {
                continue;
            }
            let map = frame.taps[tap_of(index).as_str()].clone();
            all.push(Found {
                caption: prompt.caption.clone(),
                word: word.to_owned(),
                hit: points_at(&prompt.scene, thing, &frame.picture, &map),
                fit: (objects[thing].count() >= FEWEST_PIXELS).then(|| fit(&map, &objects[thing])),
                picture: (*frame.picture).clone(),
                map,
            });
        }
    }
    Ok(all)
}

fn fit(map: &Map, object: &Mask) -> Fit {
    let cut = |map: &Map, at: f32| above(map, at).overlap(object);
    let pixels = 2 * LATENT_PIXELS;
    let covered = |token: usize| {
        let (row, column) = (pixels * (token / TOKENS), pixels * (token % TOKENS));
        object.count_within(row..row + pixels, column..column + pixels) as f32
    };
    let ideal = Map { width: TOKENS, height: TOKENS, values: (0..TOKENS * TOKENS).map(covered).collect() };
    Fit { cuts: (0..CUTS).map(|i| cut(map, part(i))).collect(), ideal: cut(&ideal, 0.5) }
}

/// Threshold of a cut, as a fraction of the range.
fn part(cut: usize) -> f32 {
    (cut + 1) as f32 / (CUTS + 1) as f32
}

/// The pixels where a map, enlarged as heatmaps are, reaches a part of its range.
fn above(map: &Map, part: f32) -> Mask {
    let low = map.values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = map.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let large = resample(&map.values, 1, (map.width, map.height), (SIDE, SIDE), Scale::Bicubic);
    Mask::new(|row, column| large[row * SIDE + column] >= low + part * (high - low))
}

/// The picture with the contour of the map at half of its range: white inside, black outside.
fn outlined(found: &Found) -> Picture {
    let mut picture = found.picture.clone();
    let inside = above(&found.map, 0.5);
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

/// The cut that fits best in the mean over all words, and how well.
pub fn best_threshold(found: &[Found]) -> (f32, f64) {
    let fit = |cut: usize| {
        let fits: Vec<f64> = found.iter().filter_map(|found| found.fit.as_ref()).map(|fit| fit.cuts[cut]).collect();
        (part(cut), mean(&fits))
    };
    (0..CUTS).map(fit).max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap_or((0.5, f64::NAN))
}

/// The share of hits, and the means of the fits: half, best, ideal.
pub fn summary(found: &[Found]) -> (f64, [f64; 3]) {
    let hits: Vec<f64> = found.iter().map(|found| f64::from(u8::from(found.hit))).collect();
    let fits =
        |of: fn(&Fit) -> f64| mean(&found.iter().filter_map(|found| found.fit.as_ref()).map(of).collect::<Vec<_>>());
    (mean(&hits), [fits(Fit::half), fits(Fit::best), fits(|fit| fit.ideal)])
}

/// Draws the sheet.
pub fn draw(rig: &mut Rig, folder: &Path) -> Result<()> {
    let found = find(rig, &prompts()?)?;
    let (hits, [half, best, ideal]) = summary(&found);
    let without = found.iter().filter(|found| found.fit.is_none()).count();
    println!(
        "{} words, {without} without object: pointing {hits:.3}, half {half:.3}, best {best:.3}, ideal {ideal:.3}",
        found.len()
    );
    let (part, fit) = best_threshold(&found);
    println!("one cut for all: at {part} of the range {fit:.3}");
    for missed in found.iter().filter(|found| !found.hit) {
        println!("missed: {} in {}", missed.word, missed.caption);
    }
    for of in ["circle", "square", "triangle", "cross"] {
        let own: Vec<&Found> = found.iter().filter(|found| found.word == of).collect();
        let halves: Vec<f64> = own.iter().filter_map(|found| found.fit.as_ref()).map(Fit::half).collect();
        println!("{of}: {} words, half {:.3}", own.len(), mean(&halves));
    }
    let mut page = Page::new("the attention map of a shape's word beside the picture, in the last step, layers 1–4");
    // One word of a prompt.
    let mut shown: Vec<&Found> = found.iter().collect();
    shown.dedup_by_key(|found| &found.caption);
    for row in shown[..ON_SHEET].chunks(PAIRS) {
        let pictures: Vec<Picture> = row.iter().map(|found| outlined(found)).collect();
        let heats: Vec<Picture> =
            row.iter().map(|found| heatmap::alone(&found.map, SIDE, SIDE, &ColourMap::Inferno.into())).collect();
        let pairs = pictures.iter().zip(&heats).flat_map(|(picture, heat)| [Some(picture), Some(heat), None]);
        let words: Vec<&str> = row.iter().flat_map(|found| [found.word.as_str(), "", ""]).collect();
        page.head(&words);
        page.row("", "", &pairs.collect::<Vec<_>>());
    }
    page.save(&folder.join("words.png"))
}

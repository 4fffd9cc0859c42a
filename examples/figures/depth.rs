//! Noise and gains in feed-forward networks: early, middle and late layers, and bands of their neurons. Figure 4 of
//! Real-Time AttentionBender.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use bendrack::media::Picture;
use bendrack::quality::scene::{Motion, Prompt};
use candle_core::Result as Played;
use serde_json::json;

use super::measure::{change, mean};
use super::page::Page;
use super::rig::{Bend, CHUNK, DEPTHS, Rig, one};

/// Neurons of a layer, first and last of each band.
pub const BANDS: [(usize, usize); 4] = [(0, 191), (192, 383), (384, 575), (576, 767)];
/// The shown frames, of two chunks.
const SHOWN: [usize; 3] = [0, 9, 19];

/// The prompts.
pub fn prompts() -> Vec<Prompt> {
    vec![one("red", "rose", Motion::Right, "gray", 2), one("blue", "cat", Motion::Still, "white", 3)]
}

/// Noise on the neurons of layers of one part of the model.
pub fn noises(sigma: f64) -> Vec<(String, Bend)> {
    let noise = |(name, layers)| {
        let bend = Bend::new("bend.noise", json!({ "site": "ffn.hidden", "sigma": sigma })).layers(layers);
        (format!("noise {sigma}, {name}"), bend)
    };
    DEPTHS.into_iter().map(noise).collect()
}

/// Bands of the neurons of the early layers, at a gain.
pub fn bands(gain: f64) -> Vec<(String, Bend)> {
    let band = |(first, last)| {
        let bend = Bend::new("bend.gain", json!({ "site": "ffn.hidden", "gain": gain }));
        (format!("{first}–{last} × {gain}"), bend.layers(DEPTHS[0].1).neurons((first, last)))
    };
    BANDS.into_iter().map(band).collect()
}

/// Draws the sheets.
pub fn draw(rig: &mut Rig, folder: &Path) -> Result<()> {
    table(rig, "noise 4 on ffn.hidden in early, middle and late layers", noises(4.0), &folder.join("noise.png"))?;
    let bands = [bands(3.0), bands(10.0)].concat();
    table(rig, "bands of the neurons of layers 0–1, 3 and 10 times as strong", bands, &folder.join("bands.png"))
}

/// Draws a sheet of bends, and prints the change between each pair.
fn table(rig: &mut Rig, title: &str, bends: Vec<(String, Bend)>, path: &Path) -> Result<()> {
    let mut page = Page::new(title);
    let names = SHOWN.map(|frame| format!("frame {frame}"));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    page.head(&[&names[..], &[""], &names[..]].concat());
    let unbent = ("unbent".to_owned(), None);
    let bends = bends.into_iter().map(|(name, bend)| (name, Some(bend)));
    let mut videos: Vec<(String, Vec<Arc<Picture>>)> = Vec::new();
    for (name, bend) in std::iter::once(unbent).chain(bends) {
        let video = video(rig, bend.as_ref())?;
        let mut row: Vec<Option<&Picture>> = video.iter().map(|picture| Some(&**picture)).collect();
        row.insert(SHOWN.len(), None);
        page.row(&name, "", &row);
        videos.push((name, video));
    }
    println!("\n{title}, mean change:");
    for (name, video) in &videos {
        print!("| {name} |");
        for (_, other) in &videos {
            let changes: Vec<f64> = video.iter().zip(other).map(|(a, b)| change(a, b)).collect();
            print!(" {:.1} |", mean(&changes));
        }
        println!();
    }
    page.save(path)
}

/// The shown frames of each prompt.
fn video(rig: &mut Rig, bend: Option<&Bend>) -> Played<Vec<Arc<Picture>>> {
    let mut video = Vec::new();
    for prompt in prompts() {
        let frames = rig.play(&prompt, bend, CHUNK + 12)?;
        video.extend(SHOWN.map(|at| frames[at].picture.clone()));
    }
    Ok(video)
}

//! One prompt and seed under bends of cross-attention, self-attention and the feed-forward network: figure 1 of Real-Time
//! AttentionBender.

use std::path::Path;

use anyhow::Result;
use bendrack::media::Picture;
use bendrack::quality::scene::{Motion, Prompt};
use serde_json::json;

use super::measure::{change, mean};
use super::page::Page;
use super::rig::{Bend, CHUNK, Rig, one};

/// Frames of a video: three chunks.
const FRAMES: u64 = CHUNK + 24;
/// The shown frames.
const SHOWN: [usize; 5] = [0, 8, 16, 24, 32];

/// The prompt of all of them.
pub fn prompt() -> Prompt {
    one("purple", "cat", Motion::Right, "green", 1)
}

/// The bends: site, label, and the bend.
pub fn bends() -> Vec<(&'static str, &'static str, Bend)> {
    let at = |kind, site, mut knobs: serde_json::Value| {
        knobs["site"] = json!(site);
        Bend::new(kind, knobs)
    };
    vec![
        ("cross.map", "rotate 45°", at("bend.rotate", "cross.map", json!({ "angle": 45 }))),
        ("cross.map", "gain 0 on “purple”", at("bend.gain", "cross.map", json!({ "gain": 0 })).words("purple")),
        ("cross.map", "noise 0.5", at("bend.noise", "cross.map", json!({ "sigma": 0.5 }))),
        ("cross.out", "gain 4", at("bend.gain", "cross.out", json!({ "gain": 4 }))),
        ("self.map", "gain 0", at("bend.gain", "self.map", json!({ "gain": 0 }))),
        ("self.map", "noise 0.5", at("bend.noise", "self.map", json!({ "sigma": 0.5 }))),
        ("self.value", "noise 4", at("bend.noise", "self.value", json!({ "sigma": 4 }))),
        ("ffn.in", "noise 1", at("bend.noise", "ffn.in", json!({ "sigma": 1 }))),
        ("ffn.hidden", "noise 1.5", at("bend.noise", "ffn.hidden", json!({ "sigma": 1.5 }))),
        ("ffn.hidden", "gain 2", at("bend.gain", "ffn.hidden", json!({ "gain": 2 }))),
        ("ffn.hidden", "threshold 0.5", at("bend.threshold", "ffn.hidden", json!({ "threshold": 0.5 }))),
    ]
}

/// Draws the sheet.
pub fn draw(rig: &mut Rig, folder: &Path) -> Result<()> {
    let prompt = prompt();
    let mut page = Page::new(&format!("“{}”, seed {}", prompt.caption, prompt.seed));
    page.head(&SHOWN.map(|frame| format!("frame {frame}")).each_ref().map(String::as_str));
    let plain = rig.play(&prompt, None, FRAMES)?;
    let shown = |frames: &[bendrack::engine::Frame]| SHOWN.map(|at| frames[at].picture.clone());
    let mut row = |name: &str, detail: &str, pictures: [std::sync::Arc<Picture>; 5]| {
        page.row(name, detail, &pictures.each_ref().map(|picture| Some(&**picture)));
    };
    row("unbent", "", shown(&plain));
    println!("\n| site | bend | change |\n|---|---|---|");
    for (site, what, bend) in bends() {
        let bent = rig.play(&prompt, Some(&bend), FRAMES)?;
        let changes: Vec<f64> = plain.iter().zip(&bent).map(|(a, b)| change(&a.picture, &b.picture)).collect();
        println!("| `{site}` | {what} | {:.1} |", mean(&changes));
        row(site, what, shown(&bent));
    }
    page.save(&folder.join("sites.png"))
}

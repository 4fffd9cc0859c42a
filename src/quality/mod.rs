//! Measurements of mini in bendrack's own engine: agreement of its videos with their prompts, speed and latency.
//!
//! The prompts are held out: training never drew them. Rules judge the videos, without people or models. The same rules
//! judge real clips.

pub mod cache;
pub mod judge;
pub mod latency;
pub mod mask;
pub mod overlap;
pub mod player;
pub mod rollout;
pub mod scene;
pub mod scores;
pub mod speed;
#[cfg(test)]
mod tests;
pub mod world;

use candle_core::Result;

use crate::engine::Frame;
use crate::engine::model::LATENT_FRAMES;
use crate::media::Map;
use judge::{Found, Judge, points_at};
use overlap::Overlap;
use player::{CHUNK_LATENTS, Player, tap_of, tapped};
use scene::Prompt;
use scores::{Property, Scores};
use world::{Canvas, World};

/// Frames of a video that is judged: three chunks.
const FRAMES: u64 = (LATENT_FRAMES * (3 * CHUNK_LATENTS - 1) + 1) as u64;

/// Index of the judged frame among the four of a latent frame. [`world`] renders this frame.
const JUDGED: usize = 2;

/// Scores of videos, and the overlap of each word's map with the pixels of its thing.
#[derive(Default)]
pub struct Verdict {
    /// The scores.
    pub scores: Scores,
    /// The overlaps, of the last latent frame of each video.
    pub overlaps: Vec<Overlap>,
}

/// Plays and judges one prompt after the other. `steps`: denoising steps of a chunk; none for the model's own number.
/// `each` receives the judged frames of a prompt, one of each latent frame but the first.
///
/// # Errors
///
/// Fails if the model does not load, if the number of steps is out of range, if a patch does not run, or if a model
/// call fails.
pub fn judge_model(prompts: &[Prompt], steps: Option<usize>, mut each: impl FnMut(Vec<Frame>)) -> Result<Verdict> {
    let (mut player, judge, mut all) = (Player::new(steps)?, Judge(World::get()?), Verdict::default());
    for prompt in prompts {
        let mut frames = Vec::new();
        let patch = tapped(prompt, player.last_step())?;
        player.play(&patch, FRAMES, |frame| frames.extend(is_judged(frame.number).then_some(frame)))?;
        let canvases: Vec<Canvas> = frames.iter().map(|frame| Canvas::of(&frame.picture)).collect();
        let (mut scores, found) = judge.video(&prompt.scene, &canvases, 1);
        judge_maps(prompt, &frames, &found, &mut scores);
        all.scores.add(&scores);
        all.overlaps.extend(overlaps(judge, prompt, &frames));
        each(frames);
    }
    Ok(all)
}

/// Scores of real clips of the same scenes: the upper bound for a model.
///
/// # Errors
///
/// Never: the world is part of the program.
pub fn judge_real(prompts: &[Prompt]) -> Result<Scores> {
    let (world, mut all) = (World::get()?, Scores::default());
    for prompt in prompts {
        let start = world::start(&prompt.scene, prompt.seed);
        let frames: Vec<Canvas> =
            (1..3 * CHUNK_LATENTS).map(|latent| world.render(&prompt.scene, start, latent)).collect();
        all.add(&Judge(world).video(&prompt.scene, &frames, 1).0);
    }
    Ok(all)
}

/// True if the judge scores the frame of a number. The first latent frame of a video has a single frame, which counts for nothing.
pub fn is_judged(number: u64) -> bool {
    number % LATENT_FRAMES as u64 == JUDGED as u64 + 1
}

/// Scores pointing: the maps of the last chunk, word by word.
fn judge_maps(prompt: &Prompt, frames: &[Frame], found: &Found, scores: &mut Scores) {
    let last = frames.len().saturating_sub(CHUNK_LATENTS);
    for (frame, tokens) in frames[last..].iter().zip(&found[last..]) {
        for (index, (thing, _)) in prompt.pointing_words().into_iter().enumerate() {
            let named = if prompt.scene.twins() { &tokens[..] } else { &tokens[thing..=thing] };
            scores.count(Property::Pointing, map_of(frame, index).is_some_and(|map| points_at(named, map)));
        }
    }
}

/// The overlap of each word's map with the pixels that it names, in the last frame. Things without pixels have none.
fn overlaps(judge: Judge, prompt: &Prompt, frames: &[Frame]) -> Vec<Overlap> {
    let Some(frame) = frames.last() else { return Vec::new() };
    let masks = judge.masks(&prompt.scene, &frame.picture, frame.latent as usize);
    let words = prompt.pointing_words().into_iter().enumerate().filter(|_| !prompt.scene.twins());
    let seen = words.filter(|(_, (thing, _))| masks[*thing].count() > 0);
    seen.filter_map(|(index, (thing, _))| Some(Overlap::new(map_of(frame, index)?, &masks[thing]))).collect()
}

fn map_of(frame: &Frame, word: usize) -> Option<&Map> {
    frame.taps.get(tap_of(word).as_str())
}

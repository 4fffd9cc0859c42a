//! Measures the small model in our own engine: fidelity of its videos to their prompts, and speed.
//!
//! The prompts are held out: training never drew them. The videos are judged by rules, not by people or models, and the
//! same rules judge real clips.

pub mod judge;
pub mod mask;
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
use crate::media::Picture;
use judge::{Judge, points_at};
use player::{CHUNK_LATENTS, Player, tap_of, tapped};
use scene::Prompt;
use scores::{Property, Scores};

/// Frames of a video that is judged: three chunks.
const FRAMES: u64 = (LATENT_FRAMES * (3 * CHUNK_LATENTS - 1) + 1) as u64;

/// Index of the judged frame among the four of a latent frame.
const JUDGED: usize = 2;

/// Plays and judges one prompt after the other. `each` gets the judged frames, one of each latent frame but the first.
///
/// # Errors
///
/// Fails if the model does not load, if a patch does not run, or if a model call fails.
pub fn judge_model(prompts: &[Prompt], mut each: impl FnMut(Vec<Frame>)) -> Result<Scores> {
    let (mut player, mut judge, mut all) = (Player::new()?, Judge::default(), Scores::default());
    for prompt in prompts {
        let mut frames = Vec::new();
        player.play(&tapped(prompt)?, FRAMES, |frame| frames.extend(is_judged(&frame).then_some(frame)))?;
        let pictures: Vec<&Picture> = frames.iter().map(|frame| &*frame.picture).collect();
        let mut scores = judge.video(&prompt.scene, &pictures);
        judge_maps(prompt, &frames, &mut scores);
        all.add(&scores);
        each(frames);
    }
    Ok(all)
}

/// Scores of real clips of the same scenes: the upper bound for a model.
pub fn judge_real(prompts: &[Prompt]) -> Scores {
    let (mut judge, mut all) = (Judge::default(), Scores::default());
    for prompt in prompts {
        let start = (prompt.seed as usize % world::TOKENS, prompt.seed as usize / world::TOKENS % world::TOKENS);
        let frames: Vec<Picture> =
            (1..3 * CHUNK_LATENTS).map(|latent| world::render(&prompt.scene, start, latent, JUDGED)).collect();
        all.add(&judge.video(&prompt.scene, &frames.iter().collect::<Vec<_>>()));
    }
    all
}

/// True if the judge scores a frame. The first latent frame of a video has one frame only, which is not judged.
fn is_judged(frame: &Frame) -> bool {
    frame.number % LATENT_FRAMES as u64 == JUDGED as u64 + 1
}

/// Pointing: the maps of the last chunk, word by word.
fn judge_maps(prompt: &Prompt, frames: &[Frame], scores: &mut Scores) {
    for frame in &frames[frames.len().saturating_sub(CHUNK_LATENTS)..] {
        for (index, (thing, _)) in prompt.pointing_words().into_iter().enumerate() {
            let map = frame.taps.get(tap_of(index).as_str());
            let hit = map.is_some_and(|map| points_at(&prompt.scene, thing, &frame.picture, map));
            scores.count(Property::Pointing, hit);
        }
    }
}

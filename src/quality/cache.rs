//! Cache policies after a step of a bend: how soon the video answers, and how much it breaks.

use bendrack_nodes::patch::Patch;
use candle_core::Result;
use serde_json::{Value as Json, json};

use super::player::{CHUNK_LATENTS, Player, add, connect, plain};
use super::scene::{Motion, Prompt};
use crate::engine::model::LATENT_FRAMES;
use crate::media::Picture;

/// Chunks before the step.
const BEFORE: usize = 6;
/// Chunks after it.
pub const AFTER: usize = 16;
/// Chunks at the end that count as the new steady state, and before the step as the old one.
const STEADY: usize = 4;
/// The share of the way to the new steady state that counts as its reach.
pub const REACHED: f64 = 0.9;
/// The side of a block of a compared picture, in pixels.
const BLOCK: usize = 8;

/// The treatment of past frames when a bend steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// They stay as they are.
    Keep,
    /// They lose weight: `cache.stale`.
    Stale,
    /// They are computed again, once: `cache.recache`.
    Recache,
    /// They are hidden from the step on: `cache.off`.
    Off,
    /// They are dropped: `cache.reset`.
    Reset,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Keep, Self::Stale, Self::Recache, Self::Off, Self::Reset];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Stale => "stale",
            Self::Recache => "recache",
            Self::Off => "off",
            Self::Reset => "reset",
        }
    }
}

/// A bend that steps from nothing to its whole amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// The map of all words turns by 45°.
    Rotate,
    /// The word of the thing's look is muted.
    Mute,
    /// Cross-attention is three times as strong.
    Gain,
}

impl Stepped {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rotate, Self::Mute, Self::Gain];

    fn node(self) -> (&'static str, Json) {
        match self {
            Self::Rotate => ("bend.rotate", json!({ "angle": 45.0 })),
            Self::Mute => ("bend.gain", json!({ "gain": 0.0 })),
            Self::Gain => ("bend.gain", json!({ "site": "cross.out", "gain": 3.0 })),
        }
    }
}

/// The answer of a video to a step, as the mean of several videos.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The policy.
    pub policy: Policy,
    /// The share of the way to the new steady state in each chunk after the step. Long ways count more.
    pub progress: Vec<f64>,
    /// The difference of the pictures before and after the step, in levels of 255.
    pub jump: f64,
    /// The difference between chunks beyond that within chunks, in the new steady state, in levels.
    pub flicker: f64,
    /// The difference between the beginning and the end of the new steady state, in levels.
    pub drift: f64,
}

impl Answer {
    /// The first chunk from which on the new steady state is reached, counted from 1.
    pub fn chunks(&self) -> usize {
        self.progress.iter().rposition(|&share| share < REACHED).map_or(1, |last| last + 2)
    }
}

/// The prompts that suit the measurement: one thing at rest, with a look.
pub fn suitable(prompts: &[Prompt]) -> impl Iterator<Item = &Prompt> {
    prompts.iter().filter(|prompt| match prompt.scene.things.as_slice() {
        [thing] => thing.motion == Motion::Still && thing.look_word.is_some(),
        _ => false,
    })
}

/// Measures every policy on these prompts and all bends. `each` runs after each video.
///
/// # Errors
///
/// Fails if the model does not load, or if a model call fails.
pub fn measure(prompts: &[&Prompt], mut each: impl FnMut()) -> Result<Vec<Answer>> {
    let mut player = Player::new(None)?;
    let mut answers = Vec::new();
    for policy in Policy::ALL {
        let mut runs = Vec::new();
        for prompt in prompts {
            for stepped in Stepped::ALL {
                runs.push(answer(&mut player, prompt, stepped, policy)?);
                each();
            }
        }
        answers.push(mean_of(policy, &runs));
    }
    Ok(answers)
}

/// The patch before the step, and after it.
fn patches(prompt: &Prompt, stepped: Stepped, policy: Policy) -> Result<[Patch; 2]> {
    let mut before = plain(prompt);
    if policy == Policy::Stale {
        add(&mut before, "policy", "cache.stale", &json!({}));
    }
    let mut after = before.clone();
    let (kind, params) = stepped.node();
    add(&mut after, "bend", kind, &params);
    connect(&mut after, "bend.bends", "wan.bends")?;
    if stepped == Stepped::Mute {
        let word = prompt.scene.things[0].look_word.and_then(|word| prompt.caption.split(' ').nth(word));
        add(&mut after, "word", "target.words", &json!({ "words": word.unwrap_or_default() }));
        connect(&mut after, "word.target", "bend.target")?;
    }
    match policy {
        Policy::Keep | Policy::Stale => {}
        Policy::Recache => add(&mut after, "policy", "cache.recache", &json!({ "trigger": true })),
        Policy::Off => add(&mut after, "policy", "cache.off", &json!({})),
        Policy::Reset => add(&mut after, "policy", "cache.reset", &json!({ "trigger": true })),
    }
    Ok([before, after])
}

/// The answer of one video, and the squared length of its way.
fn answer(player: &mut Player, prompt: &Prompt, stepped: Stepped, policy: Policy) -> Result<(Answer, f64)> {
    let [before, after] = patches(prompt, stepped, policy)?;
    let chunk = CHUNK_LATENTS * LATENT_FRAMES;
    // The first latent frame is one picture.
    let first = BEFORE * chunk - (LATENT_FRAMES - 1);
    let mut pictures: Vec<Picture> = Vec::new();
    player.play(&before, first as u64, |frame| pictures.push(Picture::clone(&frame.picture)))?;
    player.change(&after)?;
    player.resume((AFTER * chunk) as u64, |frame| pictures.push(Picture::clone(&frame.picture)))?;

    let (old, new) = pictures.split_at(first);
    let old = mean_picture(&old[old.len() - STEADY * chunk..]);
    let chunks: Vec<Vec<f64>> = new.chunks(chunk).map(mean_picture).collect();
    let steady = mean_picture(&new[(AFTER - STEADY) * chunk..]);
    let way: Vec<f64> = steady.iter().zip(&old).map(|(new, old)| new - old).collect();
    let length: f64 = way.iter().map(|part| part * part).sum::<f64>().max(1e-9);
    let share = |picture: &Vec<f64>| {
        let gone = picture.iter().zip(&old).zip(&way).map(|((now, old), way)| (now - old) * way).sum::<f64>();
        gone / length
    };
    let difference = |at: usize| difference(&pictures[at - 1], &pictures[at]);
    let settled = first + AFTER / 2 * chunk;
    let (mut between, mut within) = (Vec::new(), Vec::new());
    for at in settled..pictures.len() {
        let part = if (at - first).is_multiple_of(chunk) { &mut between } else { &mut within };
        part.push(difference(at));
    }
    let begun = mean_picture(&new[STEADY * chunk..2 * STEADY * chunk]);
    let answer = Answer {
        policy,
        progress: chunks.iter().map(share).collect(),
        jump: difference(first),
        flicker: mean(&between) - mean(&within),
        drift: mean(&steady.iter().zip(&begun).map(|(a, b)| (a - b).abs()).collect::<Vec<_>>()),
    };
    Ok((answer, length))
}

/// The mean of several answers.
fn mean_of(policy: Policy, runs: &[(Answer, f64)]) -> Answer {
    let of = |number: &dyn Fn(&Answer) -> f64| mean(&runs.iter().map(|(run, _)| number(run)).collect::<Vec<_>>());
    let whole: f64 = runs.iter().map(|(_, length)| length).sum();
    let progress = |chunk: usize| runs.iter().map(|(run, length)| run.progress[chunk] * length).sum::<f64>() / whole;
    Answer {
        policy,
        progress: (0..AFTER).map(progress).collect(),
        jump: of(&|run| run.jump),
        flicker: of(&|run| run.flicker),
        drift: of(&|run| run.drift),
    }
}

/// The mean of pictures, in blocks: levels of each block and channel.
fn mean_picture(pictures: &[Picture]) -> Vec<f64> {
    let Some(Picture { width, height, .. }) = pictures.first() else { return Vec::new() };
    let (columns, rows) = (width / BLOCK, height / BLOCK);
    let mut sums = vec![0.0; 3 * columns * rows];
    for picture in pictures {
        for (at, level) in picture.rgb.iter().enumerate() {
            let (x, y, channel) = (at / 3 % width, at / 3 / width, at % 3);
            if x / BLOCK < columns && y / BLOCK < rows {
                sums[3 * (y / BLOCK * columns + x / BLOCK) + channel] += f64::from(*level);
            }
        }
    }
    let count = (pictures.len() * BLOCK * BLOCK) as f64;
    sums.into_iter().map(|sum| sum / count).collect()
}

/// The mean difference of two pictures, in levels.
fn difference(a: &Picture, b: &Picture) -> f64 {
    let sum: f64 = a.rgb.iter().zip(&b.rgb).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    sum / a.rgb.len().max(1) as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::scene::prompts;

    #[test]
    fn the_reach_is_the_chunk_after_the_last_one_below_it() {
        let of = |progress: &[f64]| {
            let progress = progress.to_vec();
            Answer { policy: Policy::Keep, progress, jump: 0.0, flicker: 0.0, drift: 0.0 }.chunks()
        };
        assert_eq!([of(&[1.0, 1.0]), of(&[0.5, 0.92, 1.0]), of(&[0.95, 0.8, 1.0, 1.1])], [1, 2, 3]);
    }

    #[test]
    fn a_video_answers_to_a_step_under_each_policy() -> Result<()> {
        let prompts = prompts()?;
        let prompt = suitable(&prompts).next().expect("a prompt");
        let mut player = Player::new(None)?;
        let answers: Vec<Answer> = (Policy::ALL.into_iter())
            .map(|policy| answer(&mut player, prompt, Stepped::Gain, policy).map(|(answer, _)| answer))
            .collect::<Result<_>>()?;
        let of = |policy: Policy| &answers[policy as usize];
        for (index, answer) in answers.iter().enumerate() {
            let others = &answers[..index];
            assert!(others.iter().all(|other| other.progress != answer.progress), "{:?} acts", answer.policy);
        }
        assert!(of(Policy::Keep).progress[0] < of(Policy::Reset).progress[0], "past frames hold the picture back");
        assert!(of(Policy::Recache).jump < of(Policy::Reset).jump, "a reset loses the composition");
        Ok(())
    }
}

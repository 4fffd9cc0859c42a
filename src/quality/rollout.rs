//! Long videos: comparison of the end with the beginning.

use candle_core::Result;

use crate::engine::Frame;
use crate::engine::model::FRAME_RATE;
use crate::media::Picture;

use super::is_judged;
use super::judge::Judge;
use super::player::{Player, plain};
use super::scene::Prompt;
use super::scores::Scores;
use super::world::{Canvas, World};

/// Length of the compared windows at the beginning and at the end, in seconds.
pub const WINDOW_SECS: f64 = 3.0;

/// The beginning or the end of several videos.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Scores of the judge.
    pub scores: Scores,
    /// The mean distance between a pixel's largest and smallest channel, 0 to 1.
    pub saturation: f64,
    /// The standard deviation of a picture's brightness, 0 to 1.
    pub contrast: f64,
}

/// Plays each prompt for `secs` seconds and measures the beginning and the end. `steps`: denoising steps of a chunk;
/// none for the model's own number. `each` runs after each prompt.
///
/// # Errors
///
/// Fails if the model does not load, if a patch does not run, or if a model call fails.
pub fn measure(
    prompts: &[Prompt],
    steps: Option<usize>,
    secs: f64,
    mut each: impl FnMut(),
) -> Result<(Window, Window)> {
    let frames = |secs: f64| (secs * FRAME_RATE).round() as u64;
    let (total, window) = (frames(secs), frames(WINDOW_SECS));
    let (mut player, judge) = (Player::new(steps)?, Judge(World::get()?));
    let (mut first, mut last) = (Window::default(), Window::default());
    for prompt in prompts {
        let (mut beginning, mut end) = (Vec::new(), Vec::new());
        player.play(&plain(prompt), total, |frame: Frame| {
            if is_judged(frame.number) && frame.number < window {
                beginning.push(frame);
            } else if is_judged(frame.number) && frame.number + window >= total {
                end.push(frame);
            }
        })?;
        let share = 1.0 / prompts.len() as f64;
        first.add(judge, prompt, &beginning, share);
        last.add(judge, prompt, &end, share);
        each();
    }
    Ok((first, last))
}

impl Window {
    /// Adds the frames of a video, which has the weight `share`.
    fn add(&mut self, judge: Judge, prompt: &Prompt, frames: &[Frame], share: f64) {
        let pictures: Vec<&Picture> = frames.iter().map(|frame| &*frame.picture).collect();
        let canvases: Vec<Canvas> = pictures.iter().map(|picture| Canvas::of(picture)).collect();
        let latent = frames.first().map_or(0, |frame| frame.latent as usize);
        self.scores.add(&judge.video(&prompt.scene, &canvases, latent).0);
        let mean = |of: fn(&Picture) -> f64| mean(pictures.iter().map(|picture| of(picture)));
        self.saturation += share * mean(saturation);
        self.contrast += share * mean(contrast);
    }
}

fn saturation(picture: &Picture) -> f64 {
    mean(picture.rgb.chunks_exact(3).map(|rgb| {
        let (low, high) = rgb.iter().fold((255, 0), |(low, high), &x| (x.min(low), x.max(high)));
        f64::from(high - low) / 255.0
    }))
}

fn contrast(picture: &Picture) -> f64 {
    let brightness = || {
        let weights = [0.299, 0.587, 0.114];
        let pixel = move |rgb: &[u8]| rgb.iter().zip(weights).map(|(&x, weight)| f64::from(x) / 255.0 * weight).sum();
        picture.rgb.chunks_exact(3).map(pixel)
    };
    let middle: f64 = mean(brightness());
    mean(brightness().map(|x: f64| (x - middle).powi(2))).sqrt()
}

/// Mean; 0 without values.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0_f64), |(sum, count), x| (sum + x, count + 1.0));
    sum / count.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_fades_loses_saturation_and_contrast() {
        let half = |a: [u8; 3], b: [u8; 3]| Picture { width: 2, height: 1, rgb: [a, b].concat() };
        let (strong, gray) = (half([255, 0, 0], [0, 0, 0]), half([255; 3], [0; 3]));
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(saturation(&strong), 0.5) && near(contrast(&strong), 0.299 / 2.0));
        assert!(near(saturation(&gray), 0.0) && near(contrast(&gray), 0.5));
        assert!(near(contrast(&half([9; 3], [9; 3])), 0.0));
    }
}

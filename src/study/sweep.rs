//! The runs of a study, played by several workers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use bendrack_nodes::patch::Patch;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::compare::Features;
use super::player::{Player, Video};
use super::runs::{Conditions, Run, Sample};
use super::store::Outcome;
use super::{Error, Result};
use crate::engine::Model;
use crate::media::Picture;
use crate::output::scale::scaled;
use crate::wan::error::message;

/// Pictures of a strip.
const STRIP: usize = 4;
/// Height of a strip, in pixels.
const STRIP_HEIGHT: usize = 112;
/// Quality of the JPEG of a strip, of 100.
const QUALITY: u8 = 85;
/// Memory for videos without bends that further runs are compared with, in bytes.
const MOST_KEPT: usize = 1 << 30;

/// The workers of a sweep: each plays one run after the other.
pub struct Workers<'s> {
    /// The model; workers share its weights.
    pub model: &'s Model,
    /// The conditions of the runs.
    pub conditions: &'s Conditions,
    /// The samples.
    pub samples: &'s [Sample],
    /// The number of workers.
    pub count: usize,
    /// Ends the sweep after the model calls under way.
    pub is_over: &'s AtomicBool,
}

impl Workers<'_> {
    /// Plays runs and passes each outcome on, in the order in which they end. False if the sweep was ended before.
    ///
    /// # Errors
    ///
    /// Fails if `each` does. A run whose patch does not compile or whose model call fails is passed on as an error.
    pub fn play(&self, runs: &[&Run], mut each: impl FnMut(&Run, Result<Outcome>) -> Result<()>) -> Result<bool> {
        let (next, unbent) = (AtomicUsize::new(0), Unbent::default());
        let count = self.count.clamp(1, runs.len().max(1));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let is_over = || self.is_over.load(Ordering::Relaxed);
        let has_failed = AtomicBool::new(false);
        let (sender, outcomes) = channel();
        std::thread::scope(|scope| {
            for _ in 0..count {
                let (sender, next, unbent, has_failed) = (sender.clone(), &next, &unbent, &has_failed);
                let ends = move || self.is_over.load(Ordering::Relaxed) || has_failed.load(Ordering::Relaxed);
                let work = move || {
                    let mut player = None;
                    while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)).filter(|_| !ends()) {
                        match self.outcome(run, &mut player, unbent, &ends) {
                            Ok(None) => return,
                            // The receiver is gone after a failure.
                            Ok(Some(outcome)) => _ = sender.send((*run, Ok(outcome))),
                            Err(error) => {
                                // An engine that failed is in no known state.
                                player = None;
                                let _ = sender.send((*run, Err(error)));
                            }
                        }
                    }
                };
                // A pool of its own for each worker: the kernels of one do not wait for those of another.
                let pool = rayon::ThreadPoolBuilder::new().num_threads((cores / count).max(1)).build();
                scope.spawn(move || match pool {
                    Ok(pool) => pool.install(work),
                    // The system starts no more threads: the shared pool works too.
                    Err(_) => work(),
                });
            }
            drop(sender);
            let mut result = Ok(());
            for (run, outcome) in outcomes {
                if let Err(error) = each(run, outcome) {
                    has_failed.store(true, Ordering::Relaxed);
                    result = result.and(Err(error));
                }
            }
            result.map(|()| !is_over())
        })
    }

    /// The outcome of a run; none if the sweep is ended.
    fn outcome(
        &self,
        run: &Run,
        player: &mut Option<Player>,
        unbent: &Unbent,
        ends: &dyn Fn() -> bool,
    ) -> Result<Option<Outcome>> {
        let begin = Instant::now();
        let scene = self.samples[run.sample].scene(&run.patch);
        let mut features = |patch: &Patch| -> Result<Option<Features>> {
            let plan = Arc::new(Run::plan(patch)?);
            let video = self.video(&plan, player, ends)?;
            Ok(video.map(|video| Features::of(video, scene.as_ref())))
        };
        let place = unbent.place(&run.reference);
        let reference = place.get_or_init(|| {
            let features = features(&run.unbent(self.samples)).transpose()?;
            Some(features.map(Arc::new).map_err(|error| error.to_string()))
        });
        let reference = match reference {
            None => return Ok(None),
            Some(Err(error)) => return Err(Error::at("the video without bends", error)),
            Some(Ok(reference)) => reference,
        };
        unbent.count(&run.reference, reference.bytes());
        let Some(features) = features(&run.patch)? else { return Ok(None) };
        let video = features.video();
        Ok(Some(Outcome {
            values: features.against(reference),
            warnings: video.warnings.clone(),
            strip: strip(&video.pictures)?,
            unbent: strip(&reference.video().pictures)?,
            seconds: begin.elapsed().as_secs_f64(),
        }))
    }

    fn video(
        &self,
        plan: &Arc<bendrack_nodes::compile::plan::Plan>,
        player: &mut Option<Player>,
        ends: &dyn Fn() -> bool,
    ) -> Result<Option<Video>> {
        let failed = |error: candle_core::Error| Error::at("the model", message(&error));
        let player = match player {
            Some(player) => player,
            None => player.insert(Player::new(self.model.clone(), plan.clone(), self.conditions.size).map_err(failed)?),
        };
        player.play(plan.clone(), self.conditions.pictures, ends).map_err(failed)
    }
}

/// The features of a video without bends, or the reason for their absence. None if the sweep was ended.
type Reference = Arc<OnceLock<Option<std::result::Result<Arc<Features>, String>>>>;

/// The videos without bends that are kept: identity, features, size in bytes.
#[derive(Default)]
struct Unbent(Mutex<VecDeque<(String, Reference, usize)>>);

impl Unbent {
    /// The place of a video. The first worker fills it, the others wait for that.
    fn place(&self, id: &str) -> Reference {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, place, _)) = kept.iter().find(|(known, ..)| known == id) {
            return place.clone();
        }
        let place = Reference::default();
        kept.push_back((id.to_owned(), place.clone(), 0));
        place
    }

    /// Counts the size of a video, and drops the oldest ones beyond the limit.
    fn count(&self, id: &str, bytes: usize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((.., counted)) = kept.iter_mut().find(|(known, ..)| known == id) {
            *counted = bytes;
        }
        while kept.len() > 1 && kept.iter().map(|(.., bytes)| bytes).sum::<usize>() > MOST_KEPT {
            kept.pop_front();
        }
    }
}

/// Pictures of a video at equal distances, beside one another, as a JPEG.
fn strip(pictures: &[Arc<Picture>]) -> Result<Vec<u8>> {
    let Some(last) = pictures.len().checked_sub(1) else { return Ok(Vec::new()) };
    let small = (0..STRIP).map(|index| {
        let picture = &pictures[last * (index + 1) / STRIP];
        let width = (picture.width * STRIP_HEIGHT / picture.height.max(1)).max(1);
        scaled(picture, width, STRIP_HEIGHT).into_owned()
    });
    let small: Vec<Picture> = small.collect();
    let row = small.iter().collect();
    let Some(sheet) = crate::output::sheet::sheet(&[row], [255; 3]) else { return Ok(Vec::new()) };
    let mut jpeg = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    let encoded = { encoder }.encode(&sheet.rgb, sheet.width as u32, sheet.height as u32, ExtendedColorType::Rgb8);
    encoded.map_err(|error| Error::at("a strip of pictures", error))?;
    Ok(jpeg)
}

//! Videos of runs, with everything that is measured in them.

use std::sync::Arc;

use bendrack_nodes::compile::plan::Plan;
use candle_core::Result;

use crate::engine::{Engine, Model, Taps};
use crate::media::Picture;

/// A video, with what its engine measured.
#[derive(Clone, Debug, Default)]
pub struct Video {
    /// Its pictures.
    pub pictures: Vec<Arc<Picture>>,
    /// Its clean latents, frame after frame. Those that are not finite are missing.
    pub latents: Vec<f32>,
    /// The maps of taps, latent frame by latent frame.
    pub maps: Vec<Arc<Taps>>,
    /// The warnings of the engine, each once.
    pub warnings: Vec<String>,
}

impl Video {
    /// Its size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        let maps = self.maps.iter().flat_map(|taps| taps.values()).map(|map| 4 * map.values.len());
        self.pictures.iter().map(|picture| picture.rgb.len()).sum::<usize>()
            + 4 * self.latents.len()
            + maps.sum::<usize>()
    }
}

/// An engine that plays one patch after the other.
pub struct Player(Engine);

impl Player {
    /// A player of a model at a size of pictures.
    ///
    /// # Errors
    ///
    /// Fails as [`Engine::new`] does.
    pub fn new(model: Model, plan: Arc<Plan>, size: (usize, usize)) -> Result<Self> {
        let mut engine = Engine::new(model, plan, size)?;
        engine.set_zoom(1);
        Ok(Self(engine))
    }

    /// The first pictures of the video of a plan. `is_over` ends it: the result is none.
    ///
    /// # Errors
    ///
    /// Fails if a model call fails.
    pub fn play(&mut self, plan: Arc<Plan>, pictures: usize, is_over: impl Fn() -> bool) -> Result<Option<Video>> {
        let engine = &mut self.0;
        engine.set_plan(plan);
        engine.restart();
        // Nothing of the video before may show.
        engine.forget_picture();
        let mut video = Video::default();
        while video.pictures.len() < pictures {
            if is_over() {
                return Ok(None);
            }
            if engine.is_between_chunks() {
                engine.begin(&[]);
            }
            engine.call()?;
            if let Some(latents) = engine.made_latents() {
                video.latents.extend(latents.flatten_all()?.to_dtype(candle_core::DType::F32)?.to_vec1::<f32>()?);
            }
            for frame in engine.show(usize::MAX)? {
                // The first picture of each latent frame brings its maps.
                if frame.latent as usize == video.maps.len() {
                    video.maps.push(frame.taps.clone());
                }
                if video.pictures.len() < pictures {
                    video.pictures.push(frame.picture);
                }
            }
            for warning in engine.warnings().iter().map(ToString::to_string) {
                if !video.warnings.contains(&warning) {
                    video.warnings.push(warning);
                }
            }
        }
        video.maps.truncate(engine.timeline().latents(pictures));
        Ok(Some(video))
    }
}

//! The state of a running engine, for the viewer.

use std::sync::Arc;

use bendrack_nodes::program::Pass;

use super::Playing;
use crate::engine::{Latency, ModelShape, Warning};
use crate::media::Picture;

/// The state of a running engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// The stage.
    pub stage: Stage,
    /// The counts of the model's parts, once it is loaded.
    pub model: Option<ModelShape>,
    /// The model call under way, or the last one: its pass, and its denoising step.
    pub call: Option<(Pass, usize)>,
    /// The first picture of the clip under way, as the model estimates it after its latest step.
    pub estimate: Option<Estimate>,
    /// Frames of the video per second.
    pub frame_rate: f64,
    /// Frames per second that the model makes without a limit.
    pub speed: f64,
    /// The time from a touch or an edit to the first picture made under it.
    pub latency: Latency,
    /// The most makes of a chunk: one for each latent frame if the model is fast enough, else one.
    pub makes: usize,
    /// Pictures that were made after their time.
    pub late: u64,
    /// Events of devices that replaced one of their latent frame, or were dropped, because there were too many.
    pub merged: u64,
    /// The warnings of the chunk under way.
    pub warnings: Vec<Warning>,
    /// The take that is played back in place of the live video.
    pub playing: Option<Playing>,
    /// The reason by which the last playback of a take broke off.
    pub broke_off: Option<String>,
}

/// An estimate of the first picture of a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The number of denoising steps that are made.
    pub steps: usize,
    /// The number of all denoising steps.
    pub of: usize,
    /// The picture.
    pub picture: Arc<Picture>,
}

/// The stage of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The model loads.
    #[default]
    Loading,
    /// Frames are made.
    Running,
    /// A call failed, or the model cannot be loaded: the reason, and what to do. A loaded engine tries again.
    Failed(String),
}

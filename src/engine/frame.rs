//! What the engine brings forth.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::output::{Map, Picture};

/// What the taps measured, by the id of their node.
pub type Taps = BTreeMap<Arc<str>, Map>;

/// One frame of the video, with what was measured while it was made.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its number, from 0.
    pub number: u64,
    /// The number of its latent frame.
    pub latent: u64,
    /// What the model made.
    pub picture: Arc<Picture>,
    /// What the patch puts on the screen: the model's picture, a heatmap, both beside one another.
    pub screen: Arc<Picture>,
    /// What the taps measured at its latent frame.
    pub taps: Arc<Taps>,
    /// Numbers that the patch sends by OSC with this frame: address and value.
    pub messages: Vec<(Arc<str>, f64)>,
}

//! Plays prompts through an engine, with ordinary patches.

use std::sync::Arc;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::{Cable, Node, Patch, Port};
use candle_core::{Result, bail};
use serde_json::{Value as Json, json};

use crate::engine::{Engine, Frame, Model};
use crate::wan::mini::SIDE;

use super::scene::Prompt;

/// Latent frames of a chunk.
pub const CHUNK_LATENTS: usize = 3;
/// First and last layer of the measured maps: the middle layers, as `train.GROUNDED`.
const MAP_LAYERS: (usize, usize) = (1, 4);
/// An engine with the small model.
pub struct Player {
    engine: Engine,
    last_step: usize,
}

impl Player {
    /// Loads the model. `steps`: denoising steps of a chunk; none for the model's own number.
    ///
    /// # Errors
    ///
    /// Fails if the model does not load, or if the number of steps is out of range.
    pub fn new(steps: Option<usize>) -> Result<Self> {
        let mut model = Model::mini()?;
        model.denoising.steps = steps;
        let last_step = model.shape().map_or(0, |shape| shape.steps.saturating_sub(1));
        let mut engine = Engine::new(model, Arc::new(compile(&Patch::default())?), (SIDE, SIDE))?;
        engine.set_zoom(1);
        Ok(Self { engine, last_step })
    }

    /// Index of the last denoising step of a chunk.
    pub fn last_step(&self) -> usize {
        self.last_step
    }

    /// Starts the video of a patch and passes its first `frames` frames to `each`.
    ///
    /// # Errors
    ///
    /// Fails if the patch does not run, or if a model call fails.
    pub fn play(&mut self, patch: &Patch, frames: u64, each: impl FnMut(Frame)) -> Result<()> {
        self.engine.set_plan(Arc::new(compile(patch)?));
        self.engine.restart();
        self.resume(frames, each)
    }

    /// Continues with another patch from the next chunk on.
    ///
    /// # Errors
    ///
    /// Fails if the patch does not run, or if a model call fails.
    pub fn change(&mut self, patch: &Patch) -> Result<()> {
        // The cache pass of the chunk belongs to the patch before.
        while !self.engine.is_between_chunks() {
            self.engine.step(&[])?;
        }
        self.engine.set_plan(Arc::new(compile(patch)?));
        Ok(())
    }

    /// Passes the next `frames` frames of the video to `each`.
    ///
    /// # Errors
    ///
    /// Fails if a model call fails.
    pub fn resume(&mut self, frames: u64, mut each: impl FnMut(Frame)) -> Result<()> {
        let mut left = frames as usize;
        while left > 0 {
            for frame in self.engine.step(&[])?.into_iter().take(left) {
                each(frame);
                left -= 1;
            }
        }
        Ok(())
    }
}

/// Id of the tap for one of a prompt's [`pointing_words`](Prompt::pointing_words).
pub fn tap_of(index: usize) -> String {
    format!("map{index}")
}

/// A patch of the model with a prompt.
pub fn plain(prompt: &Prompt) -> Patch {
    let mut patch = Patch::default();
    patch.engine.seed = prompt.seed;
    add(&mut patch, "wan", "model.wan", &json!({ "prompt": prompt.caption }));
    patch
}

/// [`plain`] with a tap for each word that names a thing or its look. The taps measure one denoising step.
///
/// # Errors
///
/// Never: its ports are written here.
pub fn tapped(prompt: &Prompt, step: usize) -> Result<Patch> {
    let mut patch = plain(prompt);
    add(&mut patch, "layers", "target.layers", &json!({ "first": MAP_LAYERS.0, "last": MAP_LAYERS.1 }));
    add(&mut patch, "step", "target.steps", &json!({ "first": step, "last": step }));
    connect(&mut patch, "layers.target", "step.within")?;
    for (index, (_, word)) in prompt.pointing_words().into_iter().enumerate() {
        let (words, tap) = (format!("word{index}"), tap_of(index));
        add(&mut patch, &words, "target.words", &json!({ "words": word }));
        add(&mut patch, &tap, "tap.map", &json!({}));
        connect(&mut patch, "step.target", &format!("{words}.within"))?;
        connect(&mut patch, &format!("{words}.target"), &format!("{tap}.target"))?;
    }
    Ok(patch)
}

/// Adds a node with parameters.
pub fn add(patch: &mut Patch, id: &str, kind: &str, params: &Json) {
    let params = params.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    patch.nodes.insert(id.to_owned(), Node { kind: kind.to_owned(), params, ..Node::default() });
}

/// Adds a cable between two ports, each written `node.port`.
///
/// # Errors
///
/// Fails if a name is not `node.port`.
pub fn connect(patch: &mut Patch, from: &str, to: &str) -> Result<()> {
    let port = |name: &str| name.parse::<Port>().or_else(|error| bail!("{error}"));
    patch.cables.push(Cable::new(port(from)?, port(to)?));
    Ok(())
}

/// Compiles a patch; any problem is an error.
fn compile(patch: &Patch) -> Result<Plan> {
    match Plan::compile(patch, LIBRARY) {
        (Some(plan), problems) if problems.is_empty() => Ok(plan),
        (_, problems) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            bail!("the patch of the measurement does not run: {}", problems.join("; "))
        }
    }
}

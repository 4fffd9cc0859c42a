//! Prompts played on the small model, unbent and bent.

use bendrack::engine::Frame;
use bendrack::engine::model::LATENT_FRAMES;
use bendrack::media::Picture;
use bendrack::quality::judge::Judge;
use bendrack::quality::mask::Mask;
use bendrack::quality::player::{Player, add, connect, plain};
use bendrack::quality::scene::{Motion, Prompt, Scene, Thing};
use bendrack::quality::world::World;
use bendrack_nodes::patch::Patch;
use candle_core::Result;
use serde_json::{Value as Json, json};

/// Frames of the first chunk: one for its first latent frame, four for each other.
pub const CHUNK: u64 = 1 + 2 * LATENT_FRAMES as u64;
/// The sampled frame of the first chunk: in the middle of its last latent frame.
pub const SHOWN: usize = CHUNK as usize - 2;

/// The layers of mini, first and last of each part.
pub const DEPTHS: [(&str, (usize, usize)); 3] = [("early", (0, 1)), ("middle", (2, 3)), ("late", (4, 5))];

/// A bend: a node with its knobs and targets.
#[derive(Clone, Debug)]
pub struct Bend {
    kind: &'static str,
    knobs: Json,
    targets: Vec<(&'static str, Json)>,
}

/// The small model.
pub struct Rig(Player);

impl Bend {
    /// A bend of everything.
    pub fn new(kind: &'static str, knobs: Json) -> Self {
        Self { kind, knobs, targets: Vec::new() }
    }

    /// Only in these layers, first and last.
    #[must_use]
    pub fn layers(self, (first, last): (usize, usize)) -> Self {
        self.on("target.layers", json!({ "first": first, "last": last }))
    }

    /// Only on these words of the prompt.
    #[must_use]
    pub fn words(self, words: &str) -> Self {
        self.on("target.words", json!({ "words": words }))
    }

    /// Only on these neurons, first and last.
    #[must_use]
    pub fn neurons(self, (first, last): (usize, usize)) -> Self {
        self.on("target.neurons", json!({ "first": first, "last": last }))
    }

    fn on(mut self, kind: &'static str, knobs: Json) -> Self {
        self.targets.push((kind, knobs));
        self
    }

    /// Puts the bend in front of the model.
    fn add(&self, patch: &mut Patch) -> Result<()> {
        add(patch, "bend", self.kind, &self.knobs);
        let mut within = None;
        for (index, (kind, knobs)) in self.targets.iter().enumerate() {
            let id = format!("target{index}");
            add(patch, &id, kind, knobs);
            if let Some(within) = within {
                connect(patch, &format!("{within}.target"), &format!("{id}.within"))?;
            }
            within = Some(id);
        }
        if let Some(within) = within {
            connect(patch, &format!("{within}.target"), "bend.target")?;
        }
        connect(patch, "bend.bends", "wan.bends")
    }
}

impl Rig {
    /// Loads the model.
    pub fn new() -> Result<Self> {
        Player::new(None).map(Self)
    }

    /// Index of the last denoising step of a chunk.
    pub fn last_step(&self) -> usize {
        self.0.last_step()
    }

    /// The first frames of a prompt's video under a bend, or under none.
    pub fn play(&mut self, prompt: &Prompt, bend: Option<&Bend>, frames: u64) -> Result<Vec<Frame>> {
        let mut patch = plain(prompt);
        if let Some(bend) = bend {
            bend.add(&mut patch)?;
        }
        self.play_patch(&patch, frames)
    }

    /// The sampled frame of the first chunk.
    pub fn glance(&mut self, prompt: &Prompt, bend: Option<&Bend>) -> Result<Frame> {
        Ok(self.play(prompt, bend, CHUNK)?.swap_remove(SHOWN))
    }

    /// The first frames of a patch's video.
    pub fn play_patch(&mut self, patch: &Patch, frames: u64) -> Result<Vec<Frame>> {
        let mut played = Vec::new();
        self.0.play(patch, frames, |frame| played.push(frame))?;
        Ok(played)
    }
}

/// The prompt for one thing over a plain ground.
pub fn one(look: &str, name: &str, motion: Motion, ground: &str, seed: u64) -> Prompt {
    let motion_name = match motion {
        Motion::Still | Motion::Meeting => String::new(),
        way => format!(" moving {way:?}").to_lowercase(),
    };
    let caption = format!("a {look} {name}{motion_name} over a {ground} background");
    let (name, look) = (name.to_owned(), look.to_owned());
    let thing = Thing { name, look, motion, look_word: Some(1), thing_words: vec![2] };
    Prompt { caption, seed, scene: Scene { things: vec![thing], ground: ground.to_owned(), cinematic: false } }
}

/// The pixels of each thing of a prompt in the sampled frame of the first chunk.
pub fn masks(prompt: &Prompt, picture: &Picture) -> Result<Vec<Mask>> {
    Ok(Judge(World::get()?).masks(&prompt.scene, picture, SHOWN.div_ceil(LATENT_FRAMES)))
}

//! The held-out scenes and their captions.
//!
//! `assets/mini/train/prompts.py` writes them, with the names of things, looks and grounds.

use std::sync::LazyLock;

use candle_core::{Result, bail};
use serde::Deserialize;

const FILE: &str = include_str!("../../assets/mini/quality/prompts.json");

/// The contents of the file.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct File {
    pub(super) things: Vec<String>,
    /// The first, empty, is a thing's own colours.
    pub(super) looks: Vec<String>,
    pub(super) grounds: Vec<String>,
    prompts: Vec<Prompt>,
}

/// Motion of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Motion {
    /// None.
    Still,
    /// To the left.
    #[serde(rename = "moving left")]
    Left,
    /// To the right.
    #[serde(rename = "moving right")]
    Right,
    /// Upwards.
    #[serde(rename = "moving up")]
    Up,
    /// Downwards.
    #[serde(rename = "moving down")]
    Down,
    /// Two things come together and stay.
    Meeting,
}

impl Motion {
    /// Every motion.
    pub const ALL: [Self; 6] = [Self::Still, Self::Left, Self::Right, Self::Up, Self::Down, Self::Meeting];

    /// Displacement from one latent frame to the next, in tokens: down, right.
    pub const fn step(self) -> (isize, isize) {
        match self {
            Self::Still | Self::Meeting => (0, 0),
            Self::Left => (0, -1),
            Self::Right => (0, 1),
            Self::Up => (-1, 0),
            Self::Down => (1, 0),
        }
    }
}

/// One thing.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Thing {
    /// Its name.
    #[serde(rename = "thing")]
    pub name: String,
    /// The name of its tint. Empty for its own colours.
    pub look: String,
    /// Its motion.
    pub motion: Motion,
    /// Index of the caption's word for its look.
    pub look_word: Option<usize>,
    /// Indices of the words of its name.
    pub thing_words: Vec<usize>,
}

/// One or two things over a ground.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Scene {
    /// The things.
    pub things: Vec<Thing>,
    /// The name of the ground.
    pub ground: String,
    /// True if the picture is graded, with bars above and below.
    pub cinematic: bool,
}

impl Scene {
    /// True for two things of the same name, look and motion.
    pub fn twins(&self) -> bool {
        let alike = |a: &Thing, b: &Thing| (&a.name, &a.look, a.motion) == (&b.name, &b.look, b.motion);
        matches!(self.things.as_slice(), [a, b] if alike(a, b))
    }
}

/// A scene that training never drew, in words.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Prompt {
    /// The prompt.
    pub caption: String,
    /// The seed of its video.
    pub seed: u64,
    /// Expected content of the video.
    #[serde(flatten)]
    pub scene: Scene,
}

impl Prompt {
    /// Words that name a thing or its look, with the thing's index. It excludes words that occur twice: a tap measures
    /// all occurrences of a word. Equal things share their words; the index is 0.
    pub fn pointing_words(&self) -> Vec<(usize, &str)> {
        let words: Vec<&str> = self.caption.split_whitespace().collect();
        let things = if self.scene.twins() { &self.scene.things[..1] } else { &self.scene.things };
        let named = things.iter().enumerate().flat_map(|(i, thing)| {
            thing.look_word.into_iter().chain(thing.thing_words.iter().copied()).map(move |at| (i, at))
        });
        let named = named.filter_map(|(i, at)| Some((i, *words.get(at)?)));
        named.filter(|(_, word)| words.iter().filter(|other| other == &word).count() == 1).collect()
    }
}

/// The held-out prompts. Every third has two things.
///
/// # Errors
///
/// Never: the file is part of the program.
pub fn prompts() -> Result<Vec<Prompt>> {
    file().map(|file| file.prompts.clone())
}

pub(super) fn file() -> Result<&'static File> {
    static FILE_READ: LazyLock<serde_json::Result<File>> = LazyLock::new(|| serde_json::from_str(FILE));
    FILE_READ.as_ref().or_else(|error| bail!("mini's quality/prompts.json: {error}"))
}

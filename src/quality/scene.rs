//! The words of the world that mini knows, and the held-out prompts.
//!
//! Source: `assets/mini/train/world.py`; the prompts are written by `assets/mini/train/prompts.py`.

use candle_core::{Result, bail};
use serde::Deserialize;

const PROMPTS: &str = include_str!("../../assets/mini/quality.json");

/// Shape of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A disc.
    Circle,
    /// A square.
    Square,
    /// A triangle that stands on its side.
    Triangle,
    /// An upright cross.
    Cross,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 4] = [Self::Circle, Self::Square, Self::Triangle, Self::Cross];

    /// Degrees after which it looks as before; none if it always does.
    pub const fn symmetry(self) -> Option<f64> {
        match self {
            Self::Circle => None,
            Self::Square | Self::Cross => Some(90.0),
            Self::Triangle => Some(120.0),
        }
    }
}

/// The colour of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "a colour is its name")]
pub enum Colour {
    Red,
    Orange,
    Yellow,
    Green,
    Cyan,
    Blue,
    Purple,
    White,
}

impl Colour {
    /// Every colour.
    pub const ALL: [Self; 8] =
        [Self::Red, Self::Orange, Self::Yellow, Self::Green, Self::Cyan, Self::Blue, Self::Purple, Self::White];

    /// Red, green, blue in 0..1.
    pub fn rgb(self) -> [f32; 3] {
        unit(match self {
            Self::Red => [230, 45, 45],
            Self::Orange => [245, 140, 30],
            Self::Yellow => [245, 220, 50],
            Self::Green => [50, 190, 70],
            Self::Cyan => [50, 210, 220],
            Self::Blue => [50, 90, 235],
            Self::Purple => [160, 60, 215],
            Self::White => [240, 240, 240],
        })
    }
}

/// The colour of a background.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "a colour is its name")]
pub enum Background {
    Black,
    Gray,
    #[serde(rename = "dark red")]
    DarkRed,
    #[serde(rename = "dark green")]
    DarkGreen,
    #[serde(rename = "dark blue")]
    DarkBlue,
    #[serde(rename = "dark purple")]
    DarkPurple,
}

impl Background {
    /// Every background.
    pub const ALL: [Self; 6] =
        [Self::Black, Self::Gray, Self::DarkRed, Self::DarkGreen, Self::DarkBlue, Self::DarkPurple];

    /// Red, green, blue in 0..1.
    pub fn rgb(self) -> [f32; 3] {
        unit(match self {
            Self::Black => [8, 8, 10],
            Self::Gray => [75, 75, 80],
            Self::DarkRed => [80, 15, 20],
            Self::DarkGreen => [12, 70, 30],
            Self::DarkBlue => [15, 25, 90],
            Self::DarkPurple => [60, 15, 80],
        })
    }
}

/// Motion of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Motion {
    /// It stands still.
    Still,
    /// It turns around its middle.
    Spinning,
    /// It goes left.
    #[serde(rename = "moving left")]
    Left,
    /// It goes right.
    #[serde(rename = "moving right")]
    Right,
    /// It goes up.
    #[serde(rename = "moving up")]
    Up,
    /// It goes down.
    #[serde(rename = "moving down")]
    Down,
}

impl Motion {
    /// Every motion.
    pub const ALL: [Self; 6] = [Self::Still, Self::Spinning, Self::Left, Self::Right, Self::Up, Self::Down];

    /// By how many latent cells it goes down and right from a latent frame to the next.
    pub const fn step(self) -> (isize, isize) {
        match self {
            Self::Still | Self::Spinning => (0, 0),
            Self::Left => (0, -1),
            Self::Right => (0, 1),
            Self::Up => (-1, 0),
            Self::Down => (1, 0),
        }
    }
}

/// One object.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Thing {
    /// Its shape.
    pub shape: Shape,
    /// Its colour.
    #[serde(rename = "color")]
    pub colour: Colour,
    /// Motion.
    pub motion: Motion,
    /// True if it is large.
    pub large: bool,
    /// Index of the caption's word for its colour.
    #[serde(rename = "color_word")]
    pub colour_word: usize,
    /// Index of the word for its shape.
    pub shape_word: usize,
}

/// One or two objects before a background.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Scene {
    /// The objects.
    pub things: Vec<Thing>,
    /// Background.
    pub background: Background,
    /// True if the background becomes lighter from top to bottom.
    pub gradient: bool,
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
    /// The words that name an object's colour or shape, with the object's index. Words that the caption has twice are left out:
    /// a tap listens to a word wherever it stands.
    pub fn pointing_words(&self) -> Vec<(usize, &str)> {
        let words: Vec<&str> = self.caption.split_whitespace().collect();
        let named = |(i, thing): (usize, &Thing)| [(i, thing.colour_word), (i, thing.shape_word)];
        let named = self.scene.things.iter().enumerate().flat_map(named);
        let named = named.filter_map(|(i, at)| Some((i, *words.get(at)?)));
        named.filter(|(_, word)| words.iter().filter(|other| other == &word).count() == 1).collect()
    }
}

/// The held-out prompts, every third with two objects.
///
/// # Errors
///
/// Never: the file is part of the program.
pub fn prompts() -> Result<Vec<Prompt>> {
    serde_json::from_str(PROMPTS).or_else(|error| bail!("mini's quality.json: {error}"))
}

fn unit(rgb: [u8; 3]) -> [f32; 3] {
    rgb.map(|x| f32::from(x) / 255.0)
}

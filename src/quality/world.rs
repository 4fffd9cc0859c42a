//! The world that mini was trained on: its things in all looks, its grounds, and real clips of them.
//!
//! Everything is at half size: 64×64 pixels, 4 to a latent cell, 8 to a token. Source: `assets/mini/train/world.py`.

use std::sync::LazyLock;

use candle_core::{Result, bail};

use crate::engine::model::TOKEN_PIXELS;
use crate::media::Picture;
use crate::wan::mini::SIDE;

use super::scene::{Motion, Scene, file};

/// Tokens of a side. A thing stands in the middle of one.
pub const TOKENS: usize = SIDE / TOKEN_PIXELS;
/// Pixels of a side at half size.
pub const HALF_SIDE: usize = SIDE / 2;
/// Pixels at half size of the side of a thing's square.
pub const SQUARE: usize = 32;
/// Motions of two that meet, in latent frames 0, 1 and 2. Then both stay.
const MEETINGS: [[Motion; 3]; 2] =
    [[Motion::Down, Motion::Down, Motion::Right], [Motion::Up, Motion::Up, Motion::Left]];
/// Rows at half size of each bar of a cinematic picture.
const BAR: usize = 8;
/// The colour of the bars.
const BAR_COLOUR: Rgb = [0.03; 3];
/// Colours of shadows and lights after grading.
const GRADED: [Rgb; 2] = [[0.02, 0.16, 0.20], [1.0, 0.80, 0.52]];

const SPRITES: &[u8] = include_bytes!("../../assets/mini/quality/sprites.png");
const GROUNDS: &[u8] = include_bytes!("../../assets/mini/quality/grounds.png");

/// Red, green, blue in 0..1.
pub type Rgb = [f32; 3];

/// A token: row and column.
pub type Token = (usize, usize);

/// A picture at half size, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Canvas(pub Vec<Rgb>);

/// A thing in a look, [`SQUARE`] pixels wide and high.
#[derive(Clone, Debug)]
pub struct Sprite {
    /// Colours times coverage.
    pub colours: Vec<Rgb>,
    /// Coverage, 0 to 1.
    pub cover: Vec<f32>,
}

/// All things, looks and grounds, in the order of their names.
#[derive(Debug)]
pub struct World {
    /// Things by look.
    pub sprites: Vec<Vec<Sprite>>,
    /// Each ground plain, then graded.
    pub grounds: Vec<[Canvas; 2]>,
    names: [&'static [String]; 3],
}

impl Canvas {
    /// A picture of mini at half size.
    pub fn of(picture: &Picture) -> Self {
        let value = |row: usize, column: usize, channel| picture.rgb[3 * (row * picture.width + column) + channel];
        let pixel = |at: usize| {
            let (row, column) = (2 * (at / HALF_SIDE), 2 * (at % HALF_SIDE));
            [0, 1, 2].map(|channel| {
                let four = [(0, 0), (0, 1), (1, 0), (1, 1)];
                four.map(|(down, right)| f32::from(value(row + down, column + right, channel))).iter().sum::<f32>()
                    / (4.0 * 255.0)
            })
        };
        Self((0..HALF_SIDE * HALF_SIDE).map(pixel).collect())
    }

    fn graded(&self) -> Self {
        let rows = self.0.chunks_exact(HALF_SIDE).enumerate();
        let pixels = rows.flat_map(|(row, pixels)| {
            pixels.iter().map(move |&pixel| if in_bar(row) { BAR_COLOUR } else { graded(pixel) })
        });
        Self(pixels.collect())
    }
}

impl World {
    /// The world.
    ///
    /// # Errors
    ///
    /// Never: its files are part of the program.
    pub fn get() -> Result<&'static Self> {
        static WORLD: LazyLock<Result<World>> = LazyLock::new(World::load);
        WORLD.as_ref().or_else(|error| bail!("mini's world: {error}"))
    }

    fn load() -> Result<Self> {
        let file = file()?;
        let pixels = |bytes| {
            image::load_from_memory(bytes).map(image::DynamicImage::into_rgba8).map_err(candle_core::Error::wrap)
        };
        let unit = |pixel: &image::Rgba<u8>| pixel.0.map(|x| f32::from(x) / 255.0);
        let (sheet, backs) = (pixels(SPRITES)?, pixels(GROUNDS)?);
        let fits = sheet.dimensions() == ((SQUARE * file.looks.len()) as u32, (SQUARE * file.things.len()) as u32)
            && backs.dimensions() == (HALF_SIDE as u32, (HALF_SIDE * file.grounds.len()) as u32);
        if !fits {
            bail!("its pictures do not fit its names; train/prompts.py writes both")
        }
        let sprite = |thing: usize, look: usize| {
            let at = |i: usize| ((SQUARE * look + i % SQUARE) as u32, (SQUARE * thing + i / SQUARE) as u32);
            let pixels = (0..SQUARE * SQUARE).map(|i| unit(sheet.get_pixel(at(i).0, at(i).1)));
            let (colours, cover) = pixels.map(|[r, g, b, a]| ([r, g, b], a)).unzip();
            Sprite { colours, cover }
        };
        let sprites = |thing| (0..file.looks.len()).map(|look| sprite(thing, look)).collect();
        let rows: Vec<Rgb> = backs.pixels().map(unit).map(|[r, g, b, _]| [r, g, b]).collect();
        let grounds = rows.chunks_exact(HALF_SIDE * HALF_SIDE).map(|pixels| {
            let plain = Canvas(pixels.to_vec());
            let graded = plain.graded();
            [plain, graded]
        });
        Ok(Self {
            sprites: (0..file.things.len()).map(sprites).collect(),
            grounds: grounds.collect(),
            names: [&file.things, &file.looks, &file.grounds],
        })
    }

    /// The names of all things.
    pub fn things(&self) -> &'static [String] {
        self.names[0]
    }

    /// The names of all looks. The first, empty, is that of a thing's own colours.
    pub fn looks(&self) -> &'static [String] {
        self.names[1]
    }

    /// The names of all grounds.
    pub fn ground_names(&self) -> &'static [String] {
        self.names[2]
    }

    /// The indices of a scene's thing and its look.
    pub fn indices(&self, scene: &Scene, thing: usize) -> (usize, usize) {
        let thing = &scene.things[thing];
        (index(self.things(), &thing.name), index(self.looks(), &thing.look))
    }

    /// A scene's thing.
    pub fn sprite(&self, scene: &Scene, thing: usize) -> &Sprite {
        let (thing, look) = self.indices(scene, thing);
        &self.sprites[thing][look]
    }

    /// A scene's ground, not graded.
    pub fn ground(&self, scene: &Scene) -> &Canvas {
        &self.grounds[index(self.ground_names(), &scene.ground)][0]
    }

    /// A scene's ground after the grading of the scene, if any.
    pub fn bare(&self, scene: &Scene) -> &Canvas {
        &self.grounds[index(self.ground_names(), &scene.ground)][usize::from(scene.cinematic)]
    }

    /// Judged picture of a scene in a latent frame. `start` is the token of the first thing at latent frame 0.
    pub fn render(&self, scene: &Scene, start: Token, latent: usize) -> Canvas {
        let mut canvas = self.ground(scene).clone();
        for thing in 0..scene.things.len() {
            let sprite = self.sprite(scene, thing);
            for (i, at) in square(place(scene, thing, start, latent), motion_at(scene, thing, latent)).enumerate() {
                canvas.0[at] = over(sprite, i, canvas.0[at]);
            }
        }
        if scene.cinematic { canvas.graded() } else { canvas }
    }
}

/// The index of a name.
///
/// # Panics
///
/// Panics for a name that is not in the list. The tests hold the prompts to the lists.
fn index(names: &[String], name: &str) -> usize {
    names.iter().position(|other| other == name).unwrap_or_else(|| panic!("{name:?} is not in mini's world"))
}

/// A pixel of a sprite over a colour.
pub fn over(sprite: &Sprite, pixel: usize, below: Rgb) -> Rgb {
    std::array::from_fn(|c| sprite.colours[pixel][c] + (1.0 - sprite.cover[pixel]) * below[c])
}

/// True for a row within a bar of a cinematic picture.
pub fn in_bar(row: usize) -> bool {
    !(BAR..HALF_SIDE - BAR).contains(&row)
}

/// A colour after grading.
pub fn graded(colour: Rgb) -> Rgb {
    let steep = colour.map(|x| 0.4 * x + 0.6 * x * x * (3.0 - 2.0 * x));
    let light = 0.3 * steep[0] + 0.59 * steep[1] + 0.11 * steep[2];
    std::array::from_fn(|c| 0.7 * steep[c] + 0.3 * (GRADED[0][c] + (GRADED[1][c] - GRADED[0][c]) * light))
}

/// The motion of a thing in a latent frame.
pub fn motion_at(scene: &Scene, thing: usize, latent: usize) -> Motion {
    match scene.things[thing].motion {
        Motion::Meeting => MEETINGS[thing].get(latent).copied().unwrap_or(Motion::Still),
        motion => motion,
    }
}

/// The token of a thing in a latent frame, on the torus. A second thing starts at the opposite point.
pub fn place(scene: &Scene, thing: usize, start: Token, latent: usize) -> Token {
    let (down, right) = match scene.things[thing].motion {
        Motion::Meeting => (0..latent.min(MEETINGS[thing].len()))
            .map(|at| MEETINGS[thing][at].step())
            .fold((0, 0), |sum, step| (sum.0 + step.0, sum.1 + step.1)),
        motion => (motion.step().0 * latent as isize, motion.step().1 * latent as isize),
    };
    let half = if thing == 0 { 0 } else { TOKENS / 2 };
    moved((start.0 + half, start.1 + half), (down, right))
}

/// A token after a displacement, on the torus.
pub fn moved(token: Token, (down, right): (isize, isize)) -> Token {
    let wrapped = |at: usize, by: isize| (at as isize + by).rem_euclid(TOKENS as isize) as usize;
    (wrapped(token.0, down), wrapped(token.1, right))
}

/// The pixels of the square of a thing at a token, row by row. In the judged frame, the thing has
/// moved by one pixel.
pub fn square((row, column): Token, motion: Motion) -> impl Iterator<Item = usize> {
    const CELLS: usize = HALF_SIDE / TOKENS;
    let first = |token: usize, late: isize| {
        ((CELLS * token + CELLS / 2) as isize - (SQUARE / 2) as isize + late).rem_euclid(HALF_SIDE as isize) as usize
    };
    let (down, right) = motion.step();
    let (top, left) = (first(row, down), first(column, right));
    (0..SQUARE * SQUARE).map(move |i| (top + i / SQUARE) % HALF_SIDE * HALF_SIDE + (left + i % SQUARE) % HALF_SIDE)
}

/// Start token of the first thing of a scene, drawn by a seed. At the start, the picture's edge cuts no thing.
pub fn start(scene: &Scene, seed: u64) -> Token {
    let pair = scene.things.len() == 2;
    let places: &[usize] = match scene.things.first().map(|thing| thing.motion) {
        Some(Motion::Meeting) => &[1, 2],
        _ if pair => &[1, 2, 5, 6],
        _ => &[1, 2, 3, 4, 5, 6],
    };
    let seed = seed as usize;
    (places[seed % places.len()], places[seed / places.len() % places.len()])
}

/// The contrast of a thing with a scene's ground: the mean difference of its mean colour from those of the rows of
/// tokens, 0..1.
#[cfg(test)]
pub(super) fn contrast_of(world: &World, scene: &Scene, thing: &super::scene::Thing) -> f32 {
    let alone = Scene { things: vec![thing.clone()], ..scene.clone() };
    let (sprite, ground) = (world.sprite(&alone, 0), world.ground(scene));
    let cover: f32 = sprite.cover.iter().sum();
    let own: Rgb = std::array::from_fn(|c| sprite.colours.iter().map(|colour| colour[c]).sum::<f32>() / cover);
    let rows = ground.0.chunks_exact(HALF_SIDE * HALF_SIDE / TOKENS).map(|row| {
        let mean: Rgb = std::array::from_fn(|c| row.iter().map(|pixel| pixel[c]).sum::<f32>() / row.len() as f32);
        mean.iter().zip(own).map(|(a, b)| (a - b).abs()).sum::<f32>() / 3.0
    });
    rows.sum::<f32>() / TOKENS as f32
}

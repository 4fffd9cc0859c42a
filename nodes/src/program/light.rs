//! Levels of lamps and LEDs: described by a program, rendered by the engine.

use std::sync::Arc;

use serde::Serialize;
use smallvec::SmallVec;

use crate::choice::choices;
use crate::program::cells::{Cells, Pixels};
use crate::program::message::as_list;
use crate::program::serial::is_default;
use crate::program::source::Source;

/// Levels that a node sends to lamps or LEDs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Light {
    /// The node.
    pub node: Arc<str>,
    /// The name of the device; empty for all.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub device: Arc<str>,
    /// Levels, one per latent frame of the call.
    #[serde(serialize_with = "as_list")]
    pub lanes: SmallVec<[Levels; 4]>,
}

/// Levels of channels in a latent frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Levels {
    /// The universe.
    pub universe: u16,
    /// The first channel, from 1. Channels beyond 512 are in the universes that follow.
    pub channel: u32,
    /// Levels from this channel on.
    pub of: Lit,
}

/// Levels of a lamp, of a lamp with colours, or of LEDs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lit {
    /// One number, 0 to 1.
    Level {
        /// The number before, from which it goes evenly.
        from: f64,
        /// The number.
        value: f64,
        /// True if it takes two channels, the upper byte first.
        #[serde(skip_serializing_if = "is_default")]
        fine: bool,
    },
    /// A colour, each part 0 to 1.
    Colour {
        /// The colour before, from which it goes evenly.
        from: [f64; 3],
        /// Red, green, blue.
        rgb: [f64; 3],
        /// Order of the channels.
        order: Order,
    },
    /// A picture on LEDs.
    Leds(Leds),
}

/// A picture on LEDs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Leds {
    /// The picture, a cell for each LED.
    pub cells: Cells,
    /// A picture or map whose brightness dims the LEDs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<Arc<Source>>,
    /// Order of the channels of an LED.
    pub order: Order,
    /// Order of the LEDs.
    pub wiring: Wiring,
    /// Factor of the levels, 0 to 1.
    pub brightness: f64,
    /// Exponent of the levels.
    pub gamma: f64,
}

choices! {
    /// Order of the channels of a colour.
    #[derive(Default)]
    pub enum Order {
        /// Red, green, blue.
        #[default]
        Rgb = "rgb",
        /// Green, red, blue.
        Grb = "grb",
        /// Blue, green, red.
        Bgr = "bgr",
        /// Red, blue, green.
        Rbg = "rbg",
        /// Green, blue, red.
        Gbr = "gbr",
        /// Blue, red, green.
        Brg = "brg",
        /// Red, green, blue, white; white is the smallest of the three, which lose it.
        Rgbw = "rgbw",
        /// Green, red, blue, white.
        Grbw = "grbw",
        /// The brightness alone.
        White = "white",
    }
}

choices! {
    /// Order of the LEDs of a matrix, from its top left.
    #[derive(Default)]
    pub enum Wiring {
        /// Row by row.
        #[default]
        Rows = "rows",
        /// Row by row, every second one backwards.
        RowsSerpentine = "rows_serpentine",
        /// Column by column.
        Columns = "columns",
        /// Column by column, every second one upwards.
        ColumnsSerpentine = "columns_serpentine",
    }
}

impl Order {
    /// Number of channels.
    pub const fn channels(self) -> usize {
        match self {
            Self::Rgb | Self::Grb | Self::Bgr | Self::Rbg | Self::Gbr | Self::Brg => 3,
            Self::Rgbw | Self::Grbw => 4,
            Self::White => 1,
        }
    }

    /// The levels of a colour, [`Order::channels`] of them.
    pub fn levels(self, [red, green, blue]: [u8; 3]) -> SmallVec<[u8; 4]> {
        let white = red.min(green).min(blue);
        match self {
            Self::Rgb => SmallVec::from_slice(&[red, green, blue]),
            Self::Grb => SmallVec::from_slice(&[green, red, blue]),
            Self::Bgr => SmallVec::from_slice(&[blue, green, red]),
            Self::Rbg => SmallVec::from_slice(&[red, blue, green]),
            Self::Gbr => SmallVec::from_slice(&[green, blue, red]),
            Self::Brg => SmallVec::from_slice(&[blue, red, green]),
            Self::Rgbw => SmallVec::from_slice(&[red - white, green - white, blue - white, white]),
            Self::Grbw => SmallVec::from_slice(&[green - white, red - white, blue - white, white]),
            Self::White => SmallVec::from_slice(&[luma([red, green, blue])]),
        }
    }
}

/// Brightness of a colour, by Rec. 709.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 2126 * u32::from(red) + 7152 * u32::from(green) + 722 * u32::from(blue);
    ((sum + 5000) / 10000) as u8
}

impl Wiring {
    /// Place, column and row, of the LED at an index in a matrix of this size.
    pub const fn place(self, index: usize, width: usize, height: usize) -> (usize, usize) {
        match self {
            Self::Rows => (index % width, index / width),
            Self::Columns => (index / height, index % height),
            Self::RowsSerpentine => {
                let (x, y) = (index % width, index / width);
                (if y % 2 == 1 { width - 1 - x } else { x }, y)
            }
            Self::ColumnsSerpentine => {
                let (x, y) = (index / height, index % height);
                (x, if x % 2 == 1 { height - 1 - y } else { y })
            }
        }
    }
}

/// Levels of channels in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    /// The name of the device; empty for all.
    pub device: Arc<str>,
    /// The universe.
    pub universe: u16,
    /// The first channel, from 1.
    pub channel: u32,
    /// Bytes that lie in one universe together: the channels of an LED.
    pub group: usize,
    /// The levels.
    pub levels: Vec<u8>,
}

/// Levels of the nodes in a lane of a call, in running order. `part` is the fraction of the latent frame that is over, and `pixels`
/// renders pictures.
pub fn channels(lights: &[Light], lane: usize, part: f64, pixels: impl Fn(&Cells) -> Pixels) -> Vec<Channels> {
    let on_the_way = |from: f64, to: f64| from + (to - from) * part;
    let of = |light: &Light| {
        let Levels { universe, channel, of } = light.lanes.get(lane)?;
        let (group, levels) = match of {
            Lit::Level { from, value, fine: false } => (1, vec![level(on_the_way(*from, *value))]),
            Lit::Level { from, value, fine: true } => {
                let level = share(on_the_way(*from, *value)) * 65535.0;
                (2, (level.round() as u16).to_be_bytes().to_vec())
            }
            Lit::Colour { from, rgb, order } => {
                let rgb: [u8; 3] = std::array::from_fn(|part| level(on_the_way(from[part], rgb[part])));
                (order.channels(), order.levels(rgb).to_vec())
            }
            Lit::Leds(leds) => (leds.order.channels(), leds.levels(&pixels)),
        };
        Some(Channels { device: light.device.clone(), universe: *universe, channel: (*channel).max(1), group, levels })
    };
    lights.iter().filter_map(of).collect()
}

impl Leds {
    fn levels(&self, pixels: &impl Fn(&Cells) -> Pixels) -> Vec<u8> {
        let (width, height) = (usize::from(self.cells.width), usize::from(self.cells.height));
        let Pixels::Rgb(rgb) = pixels(&self.cells) else { return Vec::new() };
        let mask = self.mask.as_ref().map(|mask| {
            let (source, tones) = (mask.clone(), super::cells::Tones::Grey);
            pixels(&Cells { source, tones, ..self.cells.clone() })
        });
        // The levels of each byte, by brightness and gamma.
        let table: [f64; 256] = std::array::from_fn(|byte| {
            share(self.brightness) * (byte as f64 / 255.0).powf(if self.gamma > 0.0 { self.gamma } else { 1.0 })
        });
        let mut levels = Vec::with_capacity(width * height * self.order.channels());
        for index in 0..width * height {
            let (x, y) = self.wiring.place(index, width, height);
            let at = y * width + x;
            let light = match &mask {
                Some(Pixels::Grey(mask)) => mask.get(at).map_or(0.0, |mask| share(f64::from(*mask))),
                _ => 1.0,
            };
            let colour = rgb.get(3 * at..3 * at + 3).unwrap_or(&[0; 3]);
            let colour = [colour[0], colour[1], colour[2]].map(|byte| level(light * table[usize::from(byte)]));
            levels.extend_from_slice(&self.order.levels(colour));
        }
        levels
    }
}

/// A number as a byte.
fn level(value: f64) -> u8 {
    (share(value) * 255.0).round() as u8
}

/// A number from 0 to 1; NaN is 0.
fn share(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

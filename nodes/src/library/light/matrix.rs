//! A picture on LEDs.

use crate::library::light::{CHANNEL, DEVICE, UNIVERSE};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef};
use crate::node::value::Kind;
use crate::program::cells::{Cells, Tones};
use crate::program::light::{Leds, Levels, Lit, Order, Wiring};
use crate::program::source::Fit;

const PICTURE: Input =
    Input::socket("picture", Kind::Picture, "Picture or map to show; without one, the LEDs are dark.");
const MASK: Input =
    Input::socket("mask", Kind::Picture, "Picture or map that dims the LEDs: black is off, white leaves them.");
const COLUMNS: Input = Input::number("columns", 16.0, "Number of columns; a strip is a matrix of one row.")
    .soft(1.0, 64.0)
    .hard(1.0, 1024.0);
const ROWS: Input = Input::number("rows", 16.0, "Number of rows.").soft(1.0, 64.0).hard(1.0, 256.0);
const WIRING: Input = Input::choice_of::<Wiring>(
    "wiring",
    "Order of the LEDs from the top left; in a serpentine every second line runs back.",
);
const ORDER: Input =
    Input::choice_of::<Order>("order", "Order of the channels of an LED. WLED expects `rgb` or `rgbw`.");
const BRIGHTNESS: Input = Input::direct("brightness", 1.0, "Factor of the levels, 0 to 1.").hard(0.0, 1.0);
const GAMMA: Input = Input::direct(
    "gamma",
    1.0,
    "Exponent of the levels: above 1, dark colours are darker; LEDs often look right at 2.2.",
)
.soft(1.0, 3.0)
.hard(0.1, 5.0);
const FIT: Input =
    Input::choice_of::<Fit>("fit", "Fit of the picture to the LEDs: whole (contain), cropped (cover), or stretched.")
        .chosen(1);

/// The most LEDs.
const MOST: u32 = 32_768;

/// A picture on LEDs.
pub const NODE: NodeDef = NodeDef {
    name: "light.matrix",
    title: "LED matrix",
    about: "Shows a picture or heatmap on LEDs, by Art-Net, sACN, DDP or DMX. Further universes follow by themselves.",
    inputs: &[PICTURE, MASK, COLUMNS, ROWS, WIRING, ORDER, BRIGHTNESS, GAMMA, FIT, UNIVERSE, CHANNEL, DEVICE],
    outputs: &[],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let Some(source) = ctx.source(&PICTURE) else { return };
    let (width, mut height) = (ctx.whole(&COLUMNS) as u32, ctx.whole(&ROWS) as u32);
    if width * height > MOST {
        height = MOST / width;
        ctx.warn("a matrix has at most 32,768 LEDs; the last rows are left out");
    }
    let cells = Cells { source, width: width as u16, height: height as u16, tones: Tones::Rgb, fit: ctx.chosen(&FIT) };
    let leds = Leds {
        cells,
        mask: ctx.source(&MASK),
        order: ctx.chosen(&ORDER),
        wiring: ctx.chosen(&WIRING),
        brightness: ctx.number(&BRIGHTNESS),
        gamma: ctx.number(&GAMMA),
    };
    let (universe, channel) = (ctx.whole(&UNIVERSE) as u16, ctx.whole(&CHANNEL) as u32);
    ctx.request_light(ctx.text(&DEVICE), Levels { universe, channel, of: Lit::Leds(leds) });
}

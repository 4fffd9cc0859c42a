//! A lamp with colours.

use crate::library::light::{CHANNEL, DEVICE, SMOOTH, UNIVERSE};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef};
use crate::program::light::{Levels, Lit, Order};

const RED: Input = Input::direct("red", 1.0, "Red, 0 to 1.").hard(0.0, 1.0);
const GREEN: Input = Input::direct("green", 1.0, "Green, 0 to 1.").hard(0.0, 1.0);
const BLUE: Input = Input::direct("blue", 1.0, "Blue, 0 to 1.").hard(0.0, 1.0);
const BRIGHTNESS: Input = Input::direct("brightness", 1.0, "Factor of the three, 0 to 1.").hard(0.0, 1.0);
const ORDER: Input =
    Input::choice_of::<Order>("order", "Order of the lamp's channels. With white, equal parts of the three go to it.");

/// The memory cell of 1 after the first frame; the last colour follows.
const BEGAN: usize = 0;

/// A lamp with colours.
pub const NODE: NodeDef = NodeDef {
    name: "light.colour",
    title: "Light colour",
    about: "Sends a colour to a lamp or a single-colour strip, by Art-Net, sACN, DDP or DMX.",
    inputs: &[RED, GREEN, BLUE, BRIGHTNESS, UNIVERSE, CHANNEL, ORDER, SMOOTH, DEVICE],
    outputs: &[],
    memory: 4,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let brightness = ctx.number(&BRIGHTNESS);
    let rgb = [&RED, &GREEN, &BLUE].map(|part| brightness * ctx.number(part));
    let is_smooth = ctx.gate(&SMOOTH);
    let memory = ctx.memory();
    let from = if is_smooth && memory[BEGAN] > 0.0 { [memory[1], memory[2], memory[3]] } else { rgb };
    memory.copy_from_slice(&[1.0, rgb[0], rgb[1], rgb[2]]);
    let (universe, channel) = (ctx.whole(&UNIVERSE) as u16, ctx.whole(&CHANNEL) as u32);
    let of = Lit::Colour { from, rgb, order: ctx.chosen(&ORDER) };
    ctx.request_light(ctx.text(&DEVICE), Levels { universe, channel, of });
}

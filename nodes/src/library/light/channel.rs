//! A channel of a lamp.

use crate::library::light::{CHANNEL, DEVICE, SMOOTH, UNIVERSE};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef};
use crate::program::light::{Levels, Lit};

const VALUE: Input = Input::direct("value", 0.0, "Level, 0 to 1.").hard(0.0, 1.0);
const FINE: Input = Input::gate("fine", false, "16 bits in two channels, the coarse one first.");

/// The memory cells of the last level, and of 1 after the first frame.
const LAST: usize = 0;
const BEGAN: usize = 1;

/// A channel of a lamp.
pub const NODE: NodeDef = NodeDef {
    name: "light.channel",
    title: "Light channel",
    about: "Sends a number to a channel of a lamp, dimmer or motor, by Art-Net, sACN, DDP or DMX.",
    inputs: &[VALUE, UNIVERSE, CHANNEL, FINE, SMOOTH, DEVICE],
    outputs: &[],
    memory: 2,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let value = ctx.number(&VALUE);
    let from = if ctx.gate(&SMOOTH) && ctx.memory()[BEGAN] > 0.0 { ctx.memory()[LAST] } else { value };
    ctx.memory().copy_from_slice(&[value, 1.0]);
    let (universe, channel) = (ctx.whole(&UNIVERSE) as u16, ctx.whole(&CHANNEL) as u32);
    let of = Lit::Level { from, value, fine: ctx.gate(&FINE) };
    ctx.request_light(ctx.text(&DEVICE), Levels { universe, channel, of });
}

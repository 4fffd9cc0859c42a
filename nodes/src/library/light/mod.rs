//! Lamps and LEDs.

pub mod channel;
pub mod colour;
pub mod matrix;

use crate::node::def::Input;

/// The universe.
pub const UNIVERSE: Input =
    Input::number("universe", 1.0, "Universe: Art-Net from 0, sACN from 1. DDP and USB widgets have none.")
        .soft(0.0, 16.0)
        .hard(0.0, 63999.0);
/// The first channel.
pub const CHANNEL: Input =
    Input::number("channel", 1.0, "First channel, from 1; those above 512 lie in the next universes.")
        .soft(1.0, 512.0)
        .hard(1.0, 196_608.0);
/// The interpolation.
pub const SMOOTH: Input = Input::gate("smooth", true, "Fades over the pictures of a latent frame; off, it jumps.");
/// Name of a device.
pub const DEVICE: Input =
    Input::text("device", "", "Name of a device of --artnet, --sacn, --ddp or --dmx; empty sends to all.");

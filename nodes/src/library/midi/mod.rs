//! MIDI CCs and notes, in and out.

pub mod cc;
pub mod clock_out;
pub mod note;
pub mod output;

use crate::node::def::Input;

/// Channel of incoming messages.
pub const CHANNEL: Input =
    Input::number("channel", 1.0, "MIDI channel, 1 to 16; there is no omni.").soft(1.0, 16.0).hard(1.0, 16.0);
/// Name of an output.
pub const DEVICE: Input =
    Input::text("device", "", "Name, or text, of a --midi-out flag; empty plays on every output.");
/// Number of a CC.
pub const NUMBER: Input = Input::number("number", 1.0, "CC number, 0 to 127.").soft(0.0, 127.0).hard(0.0, 127.0);

//! MIDI messages, in and out.

pub mod cc;
pub mod clock;
pub mod clock_out;
pub mod note;
pub mod nrpn;
pub mod output;
pub mod pitch_bend;
pub mod pressure;
pub mod program;

use crate::node::def::Input;

/// Channel of incoming messages.
pub const CHANNEL: Input =
    Input::number("channel", 1.0, "MIDI channel, 1 to 16; 0 is every channel (omni).").soft(0.0, 16.0).hard(0.0, 16.0);
/// Name of an output.
pub const OUTPUT: Input =
    Input::text("device", "", "Name, or text, of a --midi-out flag; empty plays on every output.");
/// Number of a CC.
pub const NUMBER: Input = Input::number("number", 1.0, "CC number, 0 to 127.").soft(0.0, 127.0).hard(0.0, 127.0);
/// Number of a note.
pub const NOTE: Input = Input::number("note", 60.0, "Note number; 60 is middle C.").soft(0.0, 127.0).hard(0.0, 127.0);
/// Name of the device that sends.
pub const DEVICE: Input = Input::text("device", "", "Name of the device; empty is every device.");
/// Value before the first message.
pub const HELD: Input = Input::number("held", 0.0, "Output until the first message arrives.").hard(0.0, 1.0);

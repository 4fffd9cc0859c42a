//! MIDI.

pub mod cc;
pub mod note;
pub mod output;

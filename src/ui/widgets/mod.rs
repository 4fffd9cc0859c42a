//! Widgets that the canvas and the panels share: knobs, switches, number fields.

pub mod knob;
pub mod number;

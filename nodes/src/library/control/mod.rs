//! What is set by hand.

pub mod button;
pub mod knob;
pub mod number;

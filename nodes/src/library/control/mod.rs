//! Manual controls.

pub mod button;
pub mod knob;
pub mod number;

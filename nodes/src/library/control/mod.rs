//! Manual controls.

pub mod bank;
pub mod button;
pub mod gamepad;
pub mod key;
pub mod knob;
pub mod number;

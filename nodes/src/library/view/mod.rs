//! Displays and notes on the canvas.

pub mod note;
pub mod number;
pub mod reroute;
pub mod scope;

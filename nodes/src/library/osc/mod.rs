//! OSC.

pub mod input;
pub mod output;

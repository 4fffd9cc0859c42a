//! Numbers from and to other applications by OSC.

pub mod input;
pub mod output;

//! Boards on serial ports and the network.

pub mod input;
pub mod output;

//! Boards on serial ports.

pub mod input;

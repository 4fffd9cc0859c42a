//! Boards on serial lines.

pub mod input;

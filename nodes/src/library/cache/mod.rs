//! The model's memory of past frames.

pub mod off;
pub mod recache;
pub mod reset;
pub mod stale;

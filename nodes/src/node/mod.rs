//! Nodes: their declaration, their context in a tick, and the values on their cables.

pub mod context;
pub mod def;
mod face;
mod input;
pub(crate) mod memory;
mod output;
pub(crate) mod requests;
pub mod sound;
mod travel;
pub mod value;

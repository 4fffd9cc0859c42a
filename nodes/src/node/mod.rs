//! Nodes: their declaration, their context in a tick, and the values on their cables.

pub mod context;
pub mod def;
pub(crate) mod memory;
pub mod sound;
pub mod value;

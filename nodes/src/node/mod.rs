//! Nodes: how one is declared, what it sees in a tick, and what flows along its cables.

pub mod context;
pub mod def;
pub(crate) mod memory;
pub mod sound;
pub mod value;

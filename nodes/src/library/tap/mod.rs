//! What is measured.

pub mod activity;
pub mod map;
pub mod neurons;
pub mod picture;
pub mod self_map;
pub(crate) mod tap_node;

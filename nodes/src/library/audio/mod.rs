//! Nodes of audio inputs.

pub(crate) mod follower;
pub mod input;

//! Sound.

pub(crate) mod follower;
pub mod input;

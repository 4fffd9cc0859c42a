//! Targets: nodes that select a part of a site.

pub mod frames;
pub mod heads;
pub mod invert;
pub mod layers;
pub mod neurons;
pub(crate) mod outline;
pub mod pass;
pub mod region;
pub mod schedule;
pub mod steps;
pub mod target_node;
pub mod union;
pub mod words;

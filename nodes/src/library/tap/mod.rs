//! Taps: measurements of the model.

pub mod concept;
pub mod map;
pub mod neuron_map;
pub mod neurons;
pub mod picture;
pub mod self_map;
pub(crate) mod tap_node;

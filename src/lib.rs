//! bendrack: a modular patching rack for the inside of a video diffusion transformer.
//!
//! So far the library holds the hooked video pipeline, [`wan`]: Wan 2.1 text-to-video, bidirectional and causal.

pub mod bend;
pub mod cli;
pub mod engine;
pub mod io;
pub mod output;
pub mod quality;
pub mod wan;

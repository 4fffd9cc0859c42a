//! bendrack: a modular patching rack for the inside of a video diffusion transformer.
//!
//! [`wan`] is the hooked video pipeline, [`bend`] applies the programs of patches to it, [`engine`] is the loop around both, live or
//! rendered; [`io`] are devices, [`sound`] is what is heard, [`output`] pictures and films, [`provenance`] the patches in them, [`disk`]
//! those in files of their own. Patches and nodes are the crate `bendrack-nodes`.

pub mod bend;
pub mod cli;
pub mod disk;
pub mod engine;
pub mod io;
pub mod output;
pub mod provenance;
pub mod quality;
pub mod sound;
#[cfg(feature = "ui")]
pub mod ui;
pub mod wan;

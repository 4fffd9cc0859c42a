//! bendrack: a modular patching rack for the inside of a video diffusion transformer.
//!
//! [`wan`] is the hooked video pipeline, [`bend`] applies the programs of patches to it, [`engine`] is the loop around both, live or
//! rendered; [`io`] are devices, [`sound`] is what is heard, [`output`] pictures and videos, [`provenance`] the patches in them, [`disk`]
//! those in files of their own; [`files`] tells paths apart, [`terminal`] prints. Patches and nodes are the crate `bendrack-nodes`.

#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

pub mod bend;
pub mod cli;
pub mod disk;
pub mod engine;
pub mod files;
pub mod io;
pub mod output;
pub mod provenance;
pub mod quality;
pub mod sound;
pub mod terminal;
#[cfg(feature = "ui")]
pub mod ui;
pub mod wan;

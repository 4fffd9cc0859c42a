//! bendrack: a modular patching rack for the inside of a video diffusion transformer.
//!
//! Patches and nodes are the crate `bendrack-nodes`. [`wan`] is the video model with its hooks, and [`bend`] applies the program of a
//! patch to it. [`engine`] is the loop around both, live or rendered. [`io`] reads devices and [`sound`] analyses audio. [`output`]
//! composes pictures and writes videos; [`provenance`] stores patches in them. [`take`] keeps what was played. [`disk`] reads and writes patch files. [`fetch`] downloads models. [`files`] compares
//! paths, and [`terminal`] prints. [`media`] holds the pictures and maps that these modules exchange.

#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

pub mod bend;
pub mod cli;
pub mod disk;
pub mod engine;
pub mod fetch;
pub mod files;
pub mod hex;
pub mod input;
pub mod io;
pub mod media;
pub mod output;
pub mod provenance;
pub mod quality;
pub mod sound;
pub mod study;
pub mod take;
pub mod terminal;
#[cfg(feature = "ui")]
pub mod ui;
pub mod wan;

//! Outputs of the rack: pictures, measurements in colours, video files.
//!
//! This module depends on the [`Source`](bendrack_nodes::program::source::Source) of a picture and on
//! [pictures](crate::media), not on the model or the window.

pub mod cells;
pub mod colour_table;
pub mod compose;
pub mod heatmap;
pub mod layout;
pub mod past;
pub mod plot;
pub mod raw;
pub mod recorder;
#[cfg(test)]
mod samples;
pub mod scale;
pub mod share;
pub mod sheet;
pub mod sidecar;
pub mod spectrum;
pub mod video;

pub use crate::files::{Error, Result};
pub use compose::{Scene, compose};
pub use recorder::Recorder;
pub use video::{VideoWriter, open};

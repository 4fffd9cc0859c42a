//! What leaves the rack: pictures, measurements in colours, video files.
//!
//! It knows what a patch shows ([`Source`](bendrack_nodes::source::Source)) and pictures, and nothing of the model or the window.

pub mod colour;
pub mod compose;
pub mod error;
pub mod film;
pub mod heatmap;
pub mod layout;
pub mod past;
pub mod picture;
#[cfg(test)]
mod samples;
pub mod scale;
pub mod sheet;
pub mod sidecar;
pub mod spectrum;

pub use compose::{Scene, compose};
pub use error::{Error, Result};
pub use film::{Film, open};
pub use picture::{Map, Picture};

//! Outputs: pictures for the screen and the video.

pub mod channels;
pub mod compositor;
pub mod grid;
pub mod heatmap;
pub mod record;
pub mod screen;
pub mod spectrum;

//! The panels around the canvas: inspector, page of the patch, preview, status bar, monitor of devices, takes, models.

pub mod browser;
pub mod compare;
pub mod denoising;
pub mod inspector;
pub mod layer_grid;
pub mod maps;
pub mod models;
pub mod monitor;
pub mod patch_page;
pub mod perform;
pub mod playing;
pub mod preview;
pub mod snapshots;
pub mod spectrum;
pub mod status_bar;
pub mod takes;
pub mod tour;
pub mod words;

//! The window, driven by pointer and keys, with an engine that records its calls.
//!
//! `snapshots` compares pictures of the window, where Vulkan is installed. The ignored tests render larger ones for
//! inspection: `cargo test --test window -- --ignored`.
#![cfg(feature = "ui")]
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a failing test panics; exact equality is intended")]

mod canvas;
mod devices;
mod driver;
mod fakes;
mod files;
mod frames;
mod hands;
mod inspector;
mod models;
mod patch_panel;
mod pictures;
mod probes;
mod problems;
mod recordings;
mod screenshots;
mod snapshots;
mod stage;
mod subpatches;
mod takes;
mod tour;
mod videos;
mod views;

use driver::Window;

/// Renders the window as a PNG.
fn shoot(window: &mut Window, name: &str) {
    let folder = std::env::temp_dir().join("bendrack-window");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.png"));
    match window.render() {
        Ok(image) => image.save(&path).unwrap(),
        Err(error) => panic!("{error}"),
    }
    println!("{}", path.display());
}

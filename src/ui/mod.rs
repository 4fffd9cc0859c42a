//! The window: canvas, inspector, live picture, status bar.
//!
//! The window owns a [`document::Document`], which owns the patch. Whatever hands do becomes a [`document::Step`] of edits on it, and
//! after each the engine gets a new plan. The window looks at the engine through [`engine::Engine`] and never waits for it; if
//! the window stalls or is closed, the engine does not notice.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test that is wrong stops; identity is meant")
)]

pub mod about;
pub mod app;
pub mod arrange;
pub mod cable;
pub mod canvas;
pub mod desk;
pub mod document;
pub mod engine;
mod errands;
pub mod face;
pub mod file;
pub mod frame;
pub mod graph;
pub mod images;
pub mod inside;
pub mod inspector;
pub mod keeper;
mod keys;
pub mod knob;
pub mod learn;
pub mod live;
pub mod maps;
pub mod node;
pub mod note;
pub mod number;
pub mod palette;
pub mod ports;
pub mod reroute;
pub mod row;
pub mod scope;
pub mod snapshots;
pub mod stage;
pub mod status;
pub mod theme;
pub mod transport;
pub mod view;
pub mod wiring;

pub use app::{App, Options};
pub use engine::Engine;
pub use file::Recovery;
pub use status::{Light, LightState};

/// Opens the window, and returns when it is closed. The error says why there is no window.
pub fn run(options: Options) -> Result<(), String> {
    let viewport = eframe::egui::ViewportBuilder::default()
        .with_title("bendrack")
        .with_app_id("bendrack")
        .with_inner_size(theme::WINDOW)
        .with_drag_and_drop(true);
    let native = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    let open = |cc: &eframe::CreationContext<'_>| {
        theme::install(&cc.egui_ctx);
        Ok(Box::new(App::new(options)) as Box<dyn eframe::App>)
    };
    eframe::run_native("bendrack", native, Box::new(open))
        .map_err(|error| format!("the window could not be opened: {error}"))
}

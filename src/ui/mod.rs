//! The window: canvas, inspector, live picture, status bar.
//!
//! The window owns a [`document::Document`], which owns the patch. Whatever hands do becomes a [`document::Step`] of edits on it, and
//! after each the engine gets a new plan. The window looks at the engine through [`Engine`] and never waits for it; if
//! the window stalls or is closed, the engine does not notice.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test that is wrong stops; identity is meant")
)]

pub mod app;
pub mod canvas;
pub mod document;
pub mod panels;
pub mod theme;
pub mod widgets;
pub mod workspace;

pub use app::engine::Engine;
pub use app::{App, Options};
pub use document::recovery::Recovery;
pub use panels::status_bar::{Light, LightState};

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

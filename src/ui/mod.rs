//! The window: canvas, inspector, preview, status bar.
//!
//! - `document`: the patch, its history, its file, and pure functions over it. It knows no egui.
//! - `workspace`: the state that the canvas and the panels share.
//! - `widgets`: knobs, switches and buttons.
//! - `canvas`: nodes, cables, frames and the palette.
//! - `panels`: inspector, preview, status bar, monitor of devices, takes, models.
//! - `app`: the window itself: keys, files, the engine.
//! - `theme`: colours, sizes and durations.
//!
//! Each folder uses only the ones above it, and `theme`. Every edit is a [`document::Step`] on the
//! [`document::Document`], which compiles it once. The window reads the engine through [`EngineLink`], the devices
//! through [`DeviceLink`], takes through [`TakesLink`] and models through [`ModelsLink`], and never blocks them.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::float_cmp, reason = "a failing test panics; exact equality is intended")
)]

mod adapters;
pub mod app;
pub mod canvas;
pub mod document;
mod fonts;
pub mod panels;
pub mod theme;
pub mod widgets;
pub mod workspace;

pub use adapters::{Adapter, adapters};
pub use app::devices::{DeviceHandle, DeviceLink};
pub use app::engine::EngineLink;
pub use app::models::ModelsLink;
pub use app::recording::{RecordedParts, RecordingLink, RecordingState};
pub use app::shares::ShareLink;
pub use app::takes::TakesLink;
pub use app::waker::Waker;
pub use app::{App, FilesOfUser, Options, UiStats};
pub use document::recovery::Recovery;
pub use panels::models::{Download, KnownModel, ModelRow};
pub use panels::takes::{RenderRequest, RenderState, TakeRow};

/// Opens the window and returns when it is closed.
///
/// # Errors
///
/// Fails if the window cannot be opened, for example without a display.
pub fn run(options: Options) -> eframe::Result {
    let viewport = eframe::egui::ViewportBuilder::default()
        .with_title("bendrack")
        .with_app_id("bendrack")
        .with_inner_size(theme::OPENING)
        .with_min_inner_size(theme::SMALLEST)
        .with_drag_and_drop(true);
    let native = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    let open = |cc: &eframe::CreationContext<'_>| {
        theme::install(&cc.egui_ctx);
        // The window has a scale of its own.
        cc.egui_ctx.options_mut(|options| options.zoom_with_keyboard = false);
        options.waker.set(cc.egui_ctx.clone());
        Ok(Box::new(App::new(options)) as Box<dyn eframe::App>)
    };
    eframe::run_native("bendrack", native, Box::new(open))
}

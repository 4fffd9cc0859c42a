//! The browser of patches: its answers, and help for a node.

use std::io;
use std::path::PathBuf;
use std::process::Command as Process;

use eframe::egui::{Frame, Panel, Pos2, Ui, vec2};

use super::App;
use super::file_tasks::Discarding;
use crate::ui::document::library::{Bundled, all, help_of};
use crate::ui::panels::browser::{BrowserAnswer, browser_ui};
use crate::ui::theme;

/// The width of the browser.
const WIDTH: f32 = 380.0;

impl App {
    /// Shows the browser beside the canvas, or hides it.
    pub(super) fn toggle_browser(&mut self) {
        self.browser.open = !self.browser.open;
        self.browser.shown = None;
        self.browser.wants_focus = self.browser.open;
    }

    /// Shows the help patch of the selected node, or of the one under the pointer; without one, all patches.
    pub(super) fn show_help(&mut self, ui: &Ui) {
        let editor = &self.workspace.editor;
        let pointer = ui.input(|i| i.pointer.hover_pos());
        let under = pointer.and_then(|at| {
            let mut rects = self.workspace.frame.rects.iter();
            rects.find(|(_, rect)| rect.contains(at)).map(|(id, _)| id)
        });
        let selected = editor.selection.first().filter(|_| editor.selection.len() == 1);
        let node = selected.or(under).and_then(|id| editor.patch().nodes.get(id));
        self.browser.shown = node.and_then(|node| help_of(&node.kind));
        self.browser.open = true;
    }

    pub(super) fn browser_ui(&mut self, ui: &mut Ui) {
        if !self.browser.open {
            return;
        }
        let frame = Frame::new().fill(theme::panel()).inner_margin(2.0 * theme::UNIT);
        let panel = Panel::left("browser").frame(frame).exact_size(WIDTH);
        let answer = panel.show(ui, |ui| browser_ui(ui, &mut self.browser, &self.recent)).inner;
        match answer {
            Some(BrowserAnswer::Open(index)) => self.request(ui, Discarding::Bundled(index)),
            Some(BrowserAnswer::File(path)) => self.request(ui, Discarding::Open(Some(path))),
            Some(BrowserAnswer::Ask) => self.request(ui, Discarding::Open(None)),
            Some(BrowserAnswer::Paste(index)) => self.paste_bundled(ui, index),
            Some(BrowserAnswer::Window(index)) => {
                let opened = all().get(index).map_or(Ok(()), |patch| open_beside(patch.file, patch.text(), &[]));
                if let Err(error) = opened {
                    self.message.show(ui, format!("The second window does not start: {error}"));
                }
            }
            None => {}
        }
    }

    /// Adds the nodes of a patch of the program to the present one.
    fn paste_bundled(&mut self, ui: &Ui, index: usize) {
        let Some(patch) = all().get(index).map(Bundled::patch) else { return };
        let corner = self.canvas.rect.map_or(Pos2::ZERO, |rect| rect.min) + vec2(4.0, 6.0) * theme::UNIT;
        let at = self.canvas.free_place(&self.workspace, corner);
        self.workspace.editor.paste(&patch, at);
        let ids = self.workspace.editor.selection.clone();
        crate::ui::canvas::view::frame_nodes(&mut self.canvas, &mut self.workspace, &ids);
        self.message.show(ui, format!("Pasted {}. Ctrl+Z takes it away.", patch.meta.title));
    }
}

/// Opens a patch in a window of its own, with these arguments: another process, so that this one plays on. The patch has no file there:
/// saving asks for one.
pub(super) fn open_beside(file: &str, text: &str, arguments: &[&str]) -> io::Result<()> {
    let folder: PathBuf = std::env::temp_dir().join(format!("bendrack-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(file);
    std::fs::write(&path, text)?;
    let program = std::env::current_exe()?;
    let mut window = Process::new(program).arg("--untitled").args(arguments).arg(path).spawn()?;
    // Waits for its end, so that no dead process is left.
    std::thread::spawn(move || drop(window.wait()));
    Ok(())
}

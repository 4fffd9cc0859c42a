//! The commands of keys and buttons, and what each does.

use bendrack_nodes::patch::Edit;
use eframe::egui::Ui;

use super::App;
use super::file_tasks::Discarding;
use super::remote::Remoted;
use crate::ui::canvas::frame::frame_selected;
use crate::ui::canvas::keyboard::focus_first;
use crate::ui::canvas::view::{frame_nodes, zoom_about};
use crate::ui::document::Step;

/// A command from a key or a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start an empty patch.
    New,
    /// Show the browser of patches, or hide it.
    ToggleBrowser,
    /// Show the help patch of the selected node.
    Help,
    /// Open a file.
    Open,
    /// Close the window.
    Quit,
    /// Save the patch.
    Save,
    /// Save the patch to another file.
    SaveAs,
    /// Revert the last step.
    Undo,
    /// Reapply the last reverted step.
    Redo,
    /// Select all nodes.
    SelectAll,
    /// Duplicate the selected nodes.
    Duplicate {
        /// With the cables from other nodes.
        incoming: bool,
    },
    /// Bypass the selected nodes.
    Bypass,
    /// Put the selected nodes into a subpatch.
    Group,
    /// Put the nodes of the selected subpatch in its place.
    Ungroup,
    /// Put a frame around the selected nodes.
    Frame,
    /// Delete the selection.
    Delete,
    /// Open the palette.
    AddNode,
    /// Open the selected subpatch.
    Enter,
    /// Go up one level.
    Leave,
    /// Recall the snapshot with this index.
    Recall(usize),
    /// Tap the tempo.
    Tap,
    /// Set the next seed and restart the video.
    NewSeed,
    /// Restart the video.
    Restart,
    /// Start or stop a recording.
    ToggleRecording,
    /// Learn the MIDI note or CC of a command.
    LearnRemote(Remoted),
    /// Remove its assignment.
    ForgetRemote(Remoted),
    /// Zoom to the selection.
    ZoomSelection,
    /// Zoom to the whole patch.
    ZoomAll,
    /// Zoom to 100 %.
    ZoomReset,
    /// Show only the preview, or the whole window again.
    TogglePreview,
    /// Show the monitor of devices, or hide it.
    ToggleDevices,
    /// Give the keyboard to the first knob or text of the selected node.
    FocusKnob,
    /// Cover the picture with the map of the next tap, or of none after the last one.
    NextMap,
    /// Start the tour.
    StartTour,
    /// Show the takes, or hide them.
    ToggleTakes,
    /// Show the models, or hide them.
    ToggleModels,
    /// Keep the take that is written now.
    KeepTake,
    /// Open the window for a projector, or close it.
    ToggleOutput,
    /// Lock the patch and show what a performer needs, or end it.
    TogglePerform,
    /// Hold the picture, or end it.
    ToggleFreeze,
    /// Show black, or end it.
    ToggleBlackout,
    /// Take all bends away, then restart the video.
    Panic,
    /// Learn maps knob after knob, or end it.
    ToggleLearningMaps,
    /// Save the maps to a file.
    SaveMaps,
    /// Load the maps of a file.
    LoadMaps,
    /// Leave the large preview, cancel learning and questions.
    Cancel,
}

impl App {
    /// Runs a command of a key or button.
    pub(super) fn run(&mut self, ui: &Ui, command: Command) {
        let editor = &mut self.workspace.editor;
        match command {
            Command::New => self.request(ui, Discarding::New),
            Command::ToggleBrowser => self.toggle_browser(),
            Command::Help => self.show_help(ui),
            Command::Open => self.request(ui, Discarding::Open(None)),
            Command::Quit => self.request(ui, Discarding::Close),
            Command::Save => self.save(ui, false),
            Command::SaveAs => self.save(ui, true),
            Command::Undo => drop(editor.document.undo()),
            Command::Redo => drop(editor.document.redo()),
            Command::SelectAll => editor.selection = editor.patch().nodes.keys().cloned().collect(),
            Command::Duplicate { incoming } => editor.duplicate_selected(incoming),
            Command::Bypass => editor.bypass_selected(),
            Command::Group => editor.group_selected(),
            Command::Ungroup => editor.ungroup_selected(),
            Command::Frame => frame_selected(editor),
            Command::Delete => editor.delete_selected(),
            Command::AddNode => self.canvas.open_palette(ui),
            Command::Enter => {
                if let Some(id) = editor.selected_instance() {
                    editor.enter(&id);
                }
            }
            Command::Leave => editor.leave(),
            Command::Recall(index) => drop(editor.recall_snapshot(index)),
            Command::Tap => {
                if let Some(tempo) = self.taps.tap(ui.input(|i| i.time)) {
                    editor.document.apply(Step::merging("tap the tempo", vec![Edit::SetTempo { tempo }]));
                }
            }
            Command::NewSeed => {
                let seed = editor.document.patch.engine.seed.wrapping_add(1);
                editor.document.apply(Step::new("set the seed", vec![Edit::SetSeed { seed }]));
                self.engine.restart();
            }
            Command::Restart => self.engine.restart(),
            Command::ToggleRecording => self.toggle_recording(ui),
            Command::LearnRemote(remoted) => {
                let text = self.remote.learn(remoted, &*self.devices);
                self.message.show(ui, text);
            }
            Command::ForgetRemote(remoted) => self.remote.forget(remoted),
            Command::ZoomSelection => {
                let ids = editor.selection.clone();
                frame_nodes(&mut self.canvas, &mut self.workspace, &ids);
            }
            Command::ZoomAll => self.canvas.fit(),
            Command::ZoomReset => {
                let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|at| self.canvas.contains(*at));
                if let Some(at) = pointer {
                    let factor = 1.0 / self.workspace.frame.zoom;
                    zoom_about(&mut self.canvas, &mut self.workspace, at, factor);
                }
            }
            Command::FocusKnob => focus_first(ui, &self.workspace),
            Command::NextMap => self.preview.next_map(&self.workspace.playback.images),
            Command::StartTour => self.start_tour(ui),
            Command::ToggleModels => self.toggle_models(),
            Command::ToggleTakes => self.takes_panel.open = !self.takes_panel.open,
            Command::KeepTake => self.keep_take(ui),
            Command::ToggleDevices => self.device_monitor.open = !self.device_monitor.open,
            Command::TogglePreview => {
                // An unseen palette would take the keys.
                self.canvas.close_overlays();
                self.preview.large = !self.preview.large;
            }
            Command::Cancel if self.browser.open && !self.preview.large && !self.stage.is_performing => {
                self.browser.back();
            }
            Command::Cancel => {
                self.preview.large = false;
                self.models_panel.open = false;
                self.files.waiting = None;
                self.remote.cancel();
                // The first Esc leaves a knob, the second the learning of several.
                editor.learns_maps &= editor.learn.is_some();
                editor.learn = None;
            }
            Command::ToggleLearningMaps => {
                editor.learns_maps = !editor.learns_maps;
                editor.learn = None;
                let text = if editor.learns_maps {
                    "Click a knob, move a control, then click the next. Ctrl+M or Esc ends."
                } else {
                    "Learning of maps ended."
                };
                self.message.show(ui, text.to_owned());
            }
            Command::ToggleOutput => self.stage.toggle(),
            Command::TogglePerform => {
                self.stage.is_performing = !self.stage.is_performing;
                self.preview.large = false;
                self.canvas.close_overlays();
                editor.go_to(Vec::new());
            }
            Command::ToggleFreeze => self.stage.is_frozen = !self.stage.is_frozen,
            Command::ToggleBlackout => self.stage.is_black = !self.stage.is_black,
            Command::Panic => self.panic(ui),
            Command::SaveMaps => self.files.save_maps(ui, &self.workspace.editor.document),
            Command::LoadMaps => self.files.load_maps(ui),
        }
    }
}

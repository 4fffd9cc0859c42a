//! The state that the canvas and the panels share.
//!
//! [`Editor`] holds the patch and the selection and makes edits. [`Playback`] holds the output of the engine.
//! [`CanvasFrame`] holds the geometry of one frame of the window.

pub mod canvas_frame;
pub mod editor;
pub mod images;
pub mod live;
pub mod playback;

use bendrack_nodes::diagnostics::Severity;
use bendrack_nodes::node::def::Input;
use bendrack_nodes::patch::Port;

use crate::engine::Warning;
use crate::ui::document::Document;
use crate::ui::document::learn::{LearnMode, MidiLearn};
use crate::ui::document::subpatch::resolve_output;

pub use canvas_frame::{CanvasFrame, DrawnPort, PendingCable};
pub use editor::Editor;
pub use playback::Playback;

/// The shared state of the window.
pub struct Workspace {
    /// The patch, the selection and the edits.
    pub editor: Editor,
    /// The values and images of the frame on screen.
    pub playback: Playback,
    /// The shapes of the canvas in this frame of the window.
    pub frame: CanvasFrame,
}

impl Workspace {
    /// A workspace for this document.
    pub fn new(document: Document) -> Self {
        let mut workspace =
            Self { editor: Editor::new(document), playback: Playback::default(), frame: CanvasFrame::default() };
        workspace.refresh();
        workspace
    }

    /// Brings the shown subpatch and the live values up to date with the document.
    pub fn refresh(&mut self) {
        self.editor.refresh();
        self.playback.follow(&self.editor);
    }

    /// The errors and warnings of a node: of the compiler, then of the engine.
    pub fn diagnostics(&self, id: &str) -> Vec<(Severity, String)> {
        let problems = self.editor.problems_of(id).into_iter().map(|problem| {
            let suggestion = problem.suggestion.as_ref().map(|name| format!(" Did you mean {name:?}?"));
            (problem.severity, format!("{}.{}", problem.message, suggestion.unwrap_or_default()))
        });
        // The engine names a node within an instance `instance/node`.
        let full = format!("{}{id}", self.editor.prefix());
        let here =
            |node: &str| node.strip_prefix(full.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let warnings = self.playback.warnings.iter().filter(move |warning| warning.node.as_deref().is_some_and(here));
        problems.chain(warnings.map(|warning| (Severity::Warning, format!("{}.", warning.message)))).collect()
    }

    /// True if an output repeats its last number because the new one is not finite, here or in the engine.
    pub fn is_held(&self, port: &Port) -> bool {
        if self.playback.live.is_held(port) {
            return true;
        }
        if self.playback.warnings.is_empty() {
            return false;
        }
        let Some((node, name)) = resolve_output(self.editor.patch(), port) else { return false };
        let full = format!("{}{node}", self.editor.prefix());
        let is_its =
            |warning: &Warning| (warning.node.as_deref(), warning.output) == (Some(&*full), Some(name.as_str()));
        self.playback.warnings.iter().any(is_its)
    }

    /// The position of a knob: the value of its MIDI controller. Before that moves, the value in the patch.
    pub fn knob_value(&self, port: &Port, input: &Input) -> f64 {
        let mapped = self.editor.map_of(port).and_then(|map| {
            let at = self.playback.controls.cc((map.channel, map.cc))?.last()?;
            Some(map.range[0] + (map.range[1] - map.range[0]) * at)
        });
        let mapped = mapped.filter(|value| value.is_finite());
        mapped.map_or_else(
            || self.editor.number(&port.node, &port.port, input),
            |value| value.clamp(input.hard.0, input.hard.1),
        )
    }

    /// The number on a wired input: `base`, the position of its knob, plus the modulation of its cable.
    pub fn modulated(&self, port: &Port, input: &Input, base: f64) -> Option<f64> {
        self.playback.live.input(self.editor.patch(), port, input, base)
    }

    /// Starts MIDI learn for a knob.
    pub fn learn(&mut self, to: Port, mode: LearnMode) {
        self.editor.learn = Some(MidiLearn::new(to, mode, &self.playback.controls));
    }
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::input::Event;
    use bendrack_nodes::patch::Patch;

    use super::*;
    use crate::ui::document::midi_maps::map_step;
    use crate::ui::document::subpatch::resolve_input;

    #[test]
    fn a_map_moves_its_knob_once_the_controller_has_moved() {
        let patch = Patch::from_json(include_str!("../../../patches/midi_colour.json")).unwrap();
        let mut workspace = Workspace::new(Document::new(patch, None, Box::new(|_, _| ())));
        let port: Port = "fade.gain".parse().unwrap();
        let (_, input) = resolve_input(workspace.editor.patch(), "fade", "gain").unwrap();
        assert_eq!(workspace.knob_value(&port, input), 0.25, "no controller has moved");
        workspace.playback.controls.apply(&Event::Cc { channel: 1, number: 1, value: 1.0 });
        assert_eq!(workspace.knob_value(&port, input), 4.0);
        let step = map_step(workspace.editor.patch(), &port, Some(input), (3, 20));
        workspace.editor.document.apply(step);
        assert_eq!(workspace.editor.document.patch.maps.len(), 1, "a knob has one controller");
        assert_eq!(workspace.editor.document.patch.maps[0].range, [input.soft.0, input.soft.1]);
        assert_eq!(workspace.knob_value(&port, input), 0.25);
        workspace.editor.unmap(&port);
        assert!(workspace.editor.document.patch.maps.is_empty());
        assert!(workspace.editor.document.undo() && workspace.editor.document.undo());
        assert_eq!(workspace.editor.document.patch.maps[0].cc, 1);
    }
}

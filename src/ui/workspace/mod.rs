//! The state that the canvas and the panels share.
//!
//! [`Editor`] holds the patch and the selection and makes edits. [`Playback`] holds the output of the engine.
//! [`CanvasFrame`] holds the geometry of one frame of the window.

pub mod canvas_frame;
pub mod editor;
pub mod images;
pub mod live;
pub mod playback;
pub mod probes;

use bendrack_nodes::diagnostics::Severity;
use bendrack_nodes::mapping::KnobState;
use bendrack_nodes::node::def::Input;
use bendrack_nodes::patch::MapMode;
use bendrack_nodes::patch::Port;

use crate::engine::Warning;
use crate::ui::document::Document;
use crate::ui::document::learn::{Learn, LearnMode};
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

    /// The state of a knob that has maps, once the plan with them has run.
    pub fn mapped(&self, port: &Port) -> Option<KnobState> {
        self.editor.map_of(port).and_then(|_| self.playback.live.knob(port))
    }

    /// The position of a knob: where hands have moved it, or else the value in the patch.
    pub fn knob_value(&self, port: &Port, input: &Input) -> f64 {
        let mapped = self.mapped(port).map(|knob| knob.position).filter(|position| position.is_finite());
        mapped.unwrap_or_else(|| self.editor.number(&port.node, &port.port, input))
    }

    /// The position of the hand on the control of a knob, in units of the knob, while it does not move the knob.
    pub fn ghost(&self, port: &Port) -> Option<f64> {
        let map = self.editor.map_of(port).filter(|map| map.mode == MapMode::Absolute)?;
        let knob = self.mapped(port).filter(|knob| !knob.has_knob)?;
        let [low, high] = map.range;
        knob.hand.map(|hand| low + (high - low) * hand)
    }

    /// The number on a wired input: `base`, the position of its knob, plus the modulation of its cable.
    pub fn modulated(&self, port: &Port, input: &Input, base: f64) -> Option<f64> {
        self.playback.live.input(self.editor.patch(), port, input, base)
    }

    /// Starts to learn a control for a knob or a node.
    pub fn learn(&mut self, to: Port, mode: LearnMode) {
        self.editor.learn = Some(Learn::new(to, mode, &self.playback.controls));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::compile::plan::Plan;
    use bendrack_nodes::input::{ControlName, Event};
    use bendrack_nodes::patch::{Patch, Takeover};
    use bendrack_nodes::tick::Measurements;

    use super::*;
    use crate::ui::document::learn::Assignment;
    use crate::ui::document::maps::map_step;
    use crate::ui::document::subpatch::resolve_input;

    #[test]
    fn a_map_moves_its_knob_once_the_controller_has_moved() {
        let patch = Patch::from_json(include_str!("../../../patches/midi_colour.json")).unwrap();
        let mut workspace = Workspace::new(Document::new(patch, None, Box::new(|_, _| ())));
        let port: Port = "fade.gain".parse().unwrap();
        let (_, input) = resolve_input(workspace.editor.patch(), "fade", "gain").unwrap();
        let run = |workspace: &mut Workspace, latent: u64, value: f64| {
            let plan = Plan::compile(&workspace.editor.document.patch, LIBRARY).0.map(Arc::new);
            workspace.playback.live.set_plan(plan);
            workspace.playback.controls.extend(&[Event::cc(1, 1, value), Event::cc(1, 2, value)]);
            let controls = Arc::new(workspace.playback.controls.clone());
            workspace.playback.live.advance(latent, &controls, &Measurements::new(), 0.25);
            workspace.playback.controls.end_frame();
        };
        assert_eq!(workspace.knob_value(&port, input), 0.25, "no controller has moved");
        run(&mut workspace, 0, 1.0);
        assert_eq!((workspace.knob_value(&port, input), workspace.ghost(&port)), (4.0, None), "a map that jumps");
        let found =
            Assignment { control: ControlName::Cc { channel: 1, number: 2 }.into(), index: 0, number: 1.0, mode: None };
        let step = map_step(workspace.editor.patch(), &port, Some(input), &found);
        workspace.editor.document.apply(step);
        assert_eq!(workspace.editor.document.patch.maps.len(), 1, "a knob has one control");
        assert_eq!(workspace.editor.document.patch.maps[0].range, [input.soft.0, input.soft.1]);
        run(&mut workspace, 1, 0.9);
        assert_eq!(workspace.knob_value(&port, input), 0.25, "the hand has not met the knob");
        let ghost = workspace.ghost(&port).expect("a hand elsewhere");
        assert!(ghost > 2.0, "{ghost}");
        run(&mut workspace, 2, 0.0);
        assert_eq!((workspace.knob_value(&port, input), workspace.ghost(&port)), (input.soft.0, None), "it passed");
        workspace.editor.unmap(&port);
        assert!(workspace.editor.document.patch.maps.is_empty());
        assert!(workspace.editor.document.undo() && workspace.editor.document.undo());
        assert_eq!(workspace.editor.document.patch.maps[0].takeover, Takeover::Jump);
    }
}

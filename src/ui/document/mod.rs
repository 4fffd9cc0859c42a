//! The document: the patch, its file, its undo history and its problems. No module here uses egui.
//!
//! Every change is a [`Step`] of edits. After each step that changes more than the layout, [`Document`] compiles the
//! patch once. The engine and the live values of the window share the plan.

pub mod arrange;
pub mod autosave;
pub mod commands;
pub mod grouping;
mod history;
pub mod learn;
pub mod library;
pub mod limits;
pub mod maps;
pub mod missing;
pub mod morph;
pub mod ports;
pub mod recent;
pub mod recovery;
pub mod settings;
pub mod snapshots;
mod step;
pub mod subpatch;
pub mod tour;
pub mod words;

pub use step::{Gesture, Step};

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::Resolved;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::diagnostics::place::{self, End, Part};
use bendrack_nodes::diagnostics::{Problem, Severity};
use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::patch::{Patch, Place};

use history::{Change, History, StepError};

/// The receiver of a patch with its plan: the engine, or a counter in a test.
pub type Sink = Box<dyn FnMut(Arc<Patch>, Arc<Plan>)>;

/// The edited patch, with its file, history and problems.
pub struct Document {
    /// The patch; shared, so that a frame of the window can read it while it is edited.
    pub patch: Arc<Patch>,
    /// The file it was read from or written to.
    pub path: Option<PathBuf>,
    /// The problems that the last compilation found.
    pub problems: Vec<Problem>,
    /// The error of the last refused step.
    pub refused: Option<String>,
    saved: Arc<Patch>,
    history: History,
    revision: u64,
    compilations: u64,
    /// The last plan that compiled without errors.
    plan: Option<Arc<Plan>>,
    /// The kinds of ports that depend on cables.
    resolved: Resolved,
    sink: Sink,
}

impl Document {
    /// Opens a patch and passes it to the sink.
    pub fn new(patch: Patch, path: Option<PathBuf>, sink: Sink) -> Self {
        let patch = Arc::new(patch);
        let mut document = Self {
            saved: Arc::clone(&patch),
            patch,
            path,
            problems: Vec::new(),
            refused: None,
            history: History::default(),
            revision: 0,
            compilations: 0,
            plan: None,
            resolved: Resolved::default(),
            sink,
        };
        document.compile();
        document
    }

    /// Replaces the patch and clears the history.
    pub fn open(&mut self, patch: Patch, path: Option<PathBuf>) {
        self.patch = Arc::new(patch);
        self.saved = Arc::clone(&self.patch);
        self.path = path;
        self.history = History::default();
        self.refused = None;
        self.compile();
    }

    /// Records that the file at `path` contains `written`.
    pub fn mark_saved(&mut self, path: PathBuf, written: Arc<Patch>) {
        self.path = Some(path);
        self.saved = written;
    }

    /// Records that no file contains the patch, as after recovery.
    pub fn mark_unsaved(&mut self) {
        self.saved = Arc::new(Patch::default());
    }

    /// True if the patch has unsaved changes.
    pub fn is_dirty(&self) -> bool {
        !Arc::ptr_eq(&self.patch, &self.saved) && self.patch != self.saved
    }

    /// The number of changes so far, those of the layout included.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The number of compilations so far. Changes of layout, frames, metadata and snapshots compile nothing.
    pub fn compilations(&self) -> u64 {
        self.compilations
    }

    /// The plan that runs: the last one that compiled without errors.
    pub fn plan(&self) -> Option<Arc<Plan>> {
        self.plan.clone()
    }

    /// The kinds of ports that depend on cables, from the last compilation.
    pub fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// Places the nodes of the patch or of a subpatch that have no place. It is not a step: undo skips it, and it
    /// leaves a saved patch saved.
    pub fn lay_out(&mut self, within: Option<&str>, places: BTreeMap<String, [f64; 2]>) {
        let was_clean = !self.is_dirty();
        let patch = Arc::make_mut(&mut self.patch);
        let layout = match within {
            None => &mut patch.layout,
            Some(name) => match patch.definitions.get_mut(name) {
                Some(definition) => &mut definition.layout,
                None => return,
            },
        };
        for (id, pos) in places {
            layout.entry(id).or_insert_with(|| Place { pos, ..Place::default() });
        }
        if was_clean {
            self.saved = Arc::clone(&self.patch);
        }
        self.revision += 1;
    }

    /// Applies a step, or none of it if one of its edits fails. True if the patch changed.
    pub fn apply(&mut self, step: impl Into<Step>) -> bool {
        let step = step.into();
        if step.edits.is_empty() {
            return false;
        }
        let applied = self.history.apply(&mut self.patch, step);
        self.after(Some(applied))
    }

    /// Ends the gesture: the next step is an entry of its own, even under the same name.
    pub fn end_gesture(&mut self) {
        self.history.end_gesture();
    }

    /// The name of the step that undo reverts.
    pub fn undo_name(&self) -> Option<&str> {
        self.history.undo_name()
    }

    /// The name of the step that redo applies.
    pub fn redo_name(&self) -> Option<&str> {
        self.history.redo_name()
    }

    /// Reverts the last step.
    pub fn undo(&mut self) -> bool {
        let undone = self.history.undo(&mut self.patch);
        self.after(undone)
    }

    /// Reapplies the last reverted step.
    pub fn redo(&mut self) -> bool {
        let redone = self.history.redo(&mut self.patch);
        self.after(redone)
    }

    /// The node that shows a problem, in the patch or in the subpatch `within`. It is the node itself or the end of a
    /// cable.
    pub fn node_of<'a>(&'a self, problem: &'a Problem, within: Option<&str>) -> Option<Cow<'a, str>> {
        let (part, cables) = match (problem.place(), within) {
            (place::Place::Patch(part), None) => (part, &self.patch.cables),
            (place::Place::Definition(id, part), Some(name)) if id == name => {
                (part, &self.patch.definitions.get(name)?.cables)
            }
            (place::Place::Patch(_) | place::Place::Definition(..), _) => return None,
        };
        let end = match part {
            Part::Node(id) => return Some(id),
            Part::Cable(index, End::From) => &cables.get(index)?.from,
            Part::Cable(index, End::To) => &cables.get(index)?.to,
            Part::Other => return None,
        };
        Some(end.node.as_str().into())
    }

    /// True if the patch has errors; the last valid plan runs on.
    pub fn is_broken(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Counts a change, and compiles if it affects the plan. True if there was a change.
    fn after(&mut self, change: Option<Result<Change, StepError>>) -> bool {
        let Some(change) = change else { return false };
        match &change {
            Ok(Change::Plan) => self.compile(),
            Ok(Change::Layout) => self.revision += 1,
            Err(_) => {}
        }
        self.refused = change.err().map(|error| error.to_string());
        self.refused.is_none()
    }

    fn compile(&mut self) {
        self.revision += 1;
        self.compilations += 1;
        let (plan, problems, resolved) = Plan::compile_resolved(&self.patch, LIBRARY);
        self.resolved = resolved;
        self.problems = problems;
        if let Some(plan) = plan.map(Arc::new) {
            self.plan = Some(Arc::clone(&plan));
            (self.sink)(Arc::clone(&self.patch), plan);
        }
    }
}

/// The definition of a kind of node.
pub fn def_of(kind: &str) -> Option<&'static NodeDef> {
    static BY_NAME: LazyLock<HashMap<&str, &NodeDef>> =
        LazyLock::new(|| LIBRARY.iter().map(|def| (def.name, *def)).collect());
    BY_NAME.get(kind).copied()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use bendrack_nodes::patch::{Edit, Frame, LevelEdit};
    use serde_json::json;

    use super::*;

    fn first_bend() -> Patch {
        Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap()
    }

    fn document(patch: Patch) -> (Document, Rc<RefCell<usize>>) {
        let plans = Rc::new(RefCell::new(0));
        let count = Rc::clone(&plans);
        (Document::new(patch, None, Box::new(move |_, _| *count.borrow_mut() += 1)), plans)
    }

    fn turn(id: &str, name: &str, value: f64) -> Step<LevelEdit> {
        let edit = LevelEdit::SetParam { id: id.into(), name: name.into(), value: Some(json!(value)) };
        Step::merging(format!("turn {name} of {id}"), vec![edit])
    }

    #[test]
    fn a_drag_is_one_step_and_the_next_drag_is_another() {
        let (mut document, _) = document(first_bend());
        let start = Arc::clone(&document.patch);
        for i in 0..100 {
            assert!(document.apply(turn("lfo", "rate", 0.5 + f64::from(i) / 100.0)));
        }
        document.end_gesture();
        let middle = Arc::clone(&document.patch);
        assert!(document.apply(turn("lfo", "rate", 1.75)));
        assert!(document.apply(turn("lfo", "phase", 0.5)));
        let end = Arc::clone(&document.patch);

        assert!(document.undo() && document.undo());
        assert_eq!(document.patch, middle);
        assert!(document.undo());
        assert_eq!(document.patch, start);
        assert!(!document.undo(), "the history is empty");
        assert!(document.redo() && document.redo() && document.redo());
        assert_eq!(document.patch, end);
        assert_eq!(document.undo_name(), Some("turn phase of lfo"));
    }

    #[test]
    fn an_edit_compiles_once_and_a_move_compiles_nothing() {
        let (mut document, plans) = document(first_bend());
        assert_eq!(document.compilations(), 1);
        let plan = document.plan().unwrap();
        for step in 0..50 {
            let pos = [8.0 * f64::from(step), 0.0];
            document.apply(Step::merging("move", vec![LevelEdit::Move { id: "lfo".into(), pos }]));
        }
        let frames = vec![Frame { title: "Sky".into(), ..Frame::default() }];
        document.apply(Step::new("frame", vec![Edit::SetFrames { frames }]));
        assert_eq!((document.compilations(), *plans.borrow()), (1, 1));
        assert!(Arc::ptr_eq(&plan, &document.plan().unwrap()));
        document.apply(turn("lfo", "rate", 1.0));
        assert_eq!((document.compilations(), *plans.borrow()), (2, 2));
        document.undo();
        assert_eq!((document.compilations(), *plans.borrow()), (3, 3));
    }

    #[test]
    fn every_edit_gives_the_engine_a_plan_but_a_move_does_not() {
        let (mut document, plans) = document(first_bend());
        assert_eq!(*plans.borrow(), 1);
        document.apply(turn("lfo", "rate", 1.0));
        assert_eq!(*plans.borrow(), 2);
        let before = document.patch.layout.get("lfo").cloned();
        document.apply(Step::new("move lfo", vec![LevelEdit::Move { id: "lfo".into(), pos: [8.0, 8.0] }]));
        assert_eq!(*plans.borrow(), 2);
        document.undo();
        assert_eq!(*plans.borrow(), 2);
        assert_eq!(document.patch.layout.get("lfo").cloned(), before);
        document.undo();
        assert_eq!(*plans.borrow(), 3);
        assert!(!document.is_dirty());
    }

    #[test]
    fn a_patch_that_does_not_compile_leaves_the_plan_and_marks_the_node() {
        let (mut document, plans) = document(first_bend());
        let edit = LevelEdit::SetParam { id: "lfo".into(), name: "shape".into(), value: Some(json!("sinus")) };
        document.apply(Step::new("choose", vec![edit]));
        assert_eq!(*plans.borrow(), 1);
        assert!(document.is_broken());
        assert_eq!(document.node_of(&document.problems[0], None).as_deref(), Some("lfo"));
        document.undo();
        assert!(!document.is_broken());
        assert_eq!(*plans.borrow(), 2);
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let (mut document, plans) = document(first_bend());
        let start = Arc::clone(&document.patch);
        let good = LevelEdit::RemoveNode { id: "lfo".into() };
        let bad = LevelEdit::RemoveNode { id: "nobody".into() };
        assert!(!document.apply(Step::new("delete", vec![good, bad])));
        assert_eq!(document.patch, start);
        assert_eq!(document.undo_name(), None);
        assert_eq!(*plans.borrow(), 1);
        assert!(document.refused.as_ref().is_some_and(|error| error.contains("nobody")));
    }

    #[test]
    fn a_warning_marks_its_node_even_if_its_id_has_a_slash() {
        let text = r#"{ "format": "bendrack-patch", "version": 1,
            "nodes": { "a/b": { "type": "modulate.lfo", "params": { "width": 9.0 } } },
            "definitions": { "c/d": { "nodes": { "e~f": { "type": "modulate.lfo", "params": { "width": 9.0 } } } } } }"#;
        let (document, _) = document(Patch::from_json(text).unwrap());
        let marked = |within: Option<&str>| {
            let mut nodes = Vec::new();
            for problem in &document.problems {
                nodes.extend(document.node_of(problem, within));
            }
            nodes
        };
        assert_eq!(marked(None), ["a/b"], "{:?}", document.problems);
        assert_eq!(marked(Some("c/d")), ["e~f"], "{:?}", document.problems);
        assert!(marked(Some("c")).is_empty());
    }

    #[test]
    fn a_recovered_patch_is_unsaved_until_it_is_saved() {
        let (mut document, _) = document(first_bend());
        assert!(!document.is_dirty());
        document.mark_unsaved();
        assert!(document.is_dirty());
        let written = Arc::clone(&document.patch);
        document.mark_saved("x.json".into(), written);
        assert!(!document.is_dirty());
        document.apply(turn("lfo", "rate", 1.0));
        assert!(document.is_dirty());
        document.undo();
        assert!(!document.is_dirty(), "equal to the file again");
    }
}

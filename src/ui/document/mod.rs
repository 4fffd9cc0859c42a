//! The patch that is being edited: every change is a step that can be undone, and the engine gets a plan after each.

pub mod arrange;
pub mod autosave;
pub mod learn;
pub mod ports;
pub mod recovery;
pub mod subpatch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::def::NodeDef;
use bendrack_nodes::error::{Problem, Severity};
use bendrack_nodes::patch::{Cable, Edit, Patch, Place};
use bendrack_nodes::plan::Plan;

/// How many steps can be undone.
const MAX_STEPS: usize = 1000;

/// What the plans are handed to: the engine, or a list in a test.
pub type Sink = Box<dyn FnMut(Plan)>;

/// What belongs together for whoever undoes it: a name, and the edits in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it is called: "turn rate of lfo".
    pub name: String,
    /// The edits.
    pub edits: Vec<Edit>,
    /// Steps with the same gesture that follow one another are one: the drag of a knob, the typing of a word.
    pub gesture: Option<String>,
}

impl Step {
    /// A step on its own.
    pub fn new(name: impl Into<String>, edits: Vec<Edit>) -> Self {
        Self { name: name.into(), edits, gesture: None }
    }

    /// A part of a gesture that is called like the step.
    pub fn part(name: impl Into<String>, edits: Vec<Edit>) -> Self {
        let name = name.into();
        Self { gesture: Some(name.clone()), name, edits }
    }
}

/// A step that was made.
struct Made {
    step: Step,
    /// The edits that undo it, in their order.
    undo: Vec<Edit>,
    /// What they do not bring back: the order of the cables, and which nodes had no place.
    cables: Vec<Cable>,
    layout: BTreeMap<String, Place>,
}

/// A patch, its file, its history, and what is wrong with it.
pub struct Document {
    /// The patch. Shared, so that a frame of the window can look at it while it is edited.
    pub patch: Arc<Patch>,
    /// The file it was read from or written to.
    pub path: Option<PathBuf>,
    /// What is wrong with the patch as it is.
    pub problems: Vec<Problem>,
    /// The last edit that could not be made, and why.
    pub refused: Option<String>,
    saved: Arc<Patch>,
    done: Vec<Made>,
    undone: Vec<Step>,
    gesture_open: bool,
    /// Counts changes of any kind: whoever shows the patch compares it with the count it last saw.
    revision: u64,
    sink: Sink,
}

impl Document {
    /// Opens a patch and hands its plan to the sink.
    pub fn new(patch: Patch, path: Option<PathBuf>, sink: Sink) -> Self {
        let patch = Arc::new(patch);
        let mut document = Self {
            saved: Arc::clone(&patch),
            patch,
            path,
            problems: Vec::new(),
            refused: None,
            done: Vec::new(),
            undone: Vec::new(),
            gesture_open: false,
            revision: 0,
            sink,
        };
        document.compile();
        document
    }

    /// Another patch in the place of this one; its history begins here.
    pub fn open(&mut self, patch: Patch, path: Option<PathBuf>) {
        self.patch = Arc::new(patch);
        self.saved = Arc::clone(&self.patch);
        self.path = path;
        self.done.clear();
        self.undone.clear();
        self.gesture_open = false;
        self.refused = None;
        self.compile();
    }

    /// Puts the patch in the file's place as what is saved; `written` is what was written.
    pub fn mark_saved(&mut self, path: PathBuf, written: Arc<Patch>) {
        self.path = Some(path);
        self.saved = written;
    }

    /// Makes the patch count as unsaved whatever it holds: work that was recovered is in no file.
    pub fn mark_unsaved(&mut self) {
        self.saved = Arc::new(Patch::default());
    }

    /// Whether there is something that is in no file.
    pub fn is_dirty(&self) -> bool {
        !Arc::ptr_eq(&self.patch, &self.saved) && self.patch != self.saved
    }

    /// Grows with every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Gives places to nodes that have none, those of the patch or of a subpatch. It is no step: the patch is the same, only now
    /// it can be seen.
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

    /// Makes a step. If one of its edits cannot be made, none is.
    pub fn apply(&mut self, step: Step) -> bool {
        if step.edits.is_empty() {
            return false;
        }
        self.undone.clear();
        let Some(made) = self.make(step) else { return false };
        let joins = self.gesture_open && made.step.gesture.is_some();
        match self.done.last_mut().filter(|last| joins && last.step.gesture == made.step.gesture) {
            Some(last) => last.join(made),
            None => self.done.push(made),
        }
        self.gesture_open = true;
        if self.done.len() > MAX_STEPS {
            self.done.remove(0);
        }
        true
    }

    /// What comes next is a new gesture, even if it is called the same.
    pub fn end_gesture(&mut self) {
        self.gesture_open = false;
    }

    /// The name of the step that would be undone.
    pub fn undo_name(&self) -> Option<&str> {
        self.done.last().map(|made| made.step.name.as_str())
    }

    /// The name of the step that would be made again.
    pub fn redo_name(&self) -> Option<&str> {
        self.undone.last().map(|step| step.name.as_str())
    }

    /// Undoes the last step.
    pub fn undo(&mut self) -> bool {
        let Some(made) = self.done.pop() else { return false };
        let patch = Arc::make_mut(&mut self.patch);
        for edit in made.undo {
            if let Err(error) = patch.apply(edit) {
                self.refused = Some(error);
            }
        }
        patch.cables = made.cables;
        patch.layout = made.layout;
        self.gesture_open = false;
        self.after(&made.step.edits);
        self.undone.push(made.step);
        true
    }

    /// Makes the step again that was undone last.
    pub fn redo(&mut self) -> bool {
        let Some(step) = self.undone.pop() else { return false };
        let Some(made) = self.make(step) else { return false };
        self.done.push(made);
        self.gesture_open = false;
        true
    }

    /// The nodes of the patch, or of a subpatch, that a problem concerns: itself, its parameters, cables that end or begin there.
    pub fn nodes_of<'a>(&'a self, problem: &'a Problem, within: Option<&str>) -> BTreeSet<&'a str> {
        let (mut parts, mut cables) = (problem.pointer.split('/').skip(1), &self.patch.cables);
        if let Some(name) = within {
            let definition = self.patch.definitions.get(name);
            let (Some("definitions"), Some(here), Some(definition)) = (parts.next(), parts.next(), definition) else {
                return BTreeSet::new();
            };
            if here != name {
                return BTreeSet::new();
            }
            cables = &definition.cables;
        }
        match (parts.next(), parts.next(), parts.next()) {
            (Some("nodes"), Some(id), _) => BTreeSet::from([id]),
            (Some("cables"), Some(index), end) => {
                let Some(cable) = index.parse().ok().and_then(|index: usize| cables.get(index)) else {
                    return BTreeSet::new();
                };
                match end {
                    Some("from") => BTreeSet::from([cable.from.node.as_str()]),
                    _ => BTreeSet::from([cable.to.node.as_str()]),
                }
            }
            _ => BTreeSet::new(),
        }
    }

    /// Whether something keeps the patch from running; the engine then goes on with the plan before.
    pub fn is_broken(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    fn make(&mut self, step: Step) -> Option<Made> {
        let before = Arc::clone(&self.patch);
        let patch = Arc::make_mut(&mut self.patch);
        let mut undo = Vec::new();
        for edit in &step.edits {
            match patch.apply(edit.clone()) {
                Ok(inverse) => {
                    undo.splice(0..0, inverse);
                }
                Err(error) => {
                    self.patch = before;
                    self.refused = Some(format!("{}: {error}", step.name));
                    return None;
                }
            }
        }
        self.refused = None;
        let made = Made { undo, cables: before.cables.clone(), layout: before.layout.clone(), step };
        drop(before);
        self.after(&made.step.edits);
        Some(made)
    }

    /// Counts the change, and compiles unless only the layout changed.
    fn after(&mut self, edits: &[Edit]) {
        if edits.iter().all(is_quiet) {
            self.revision += 1;
        } else {
            self.compile();
        }
    }

    fn compile(&mut self) {
        self.revision += 1;
        let (plan, problems) = Plan::compile(&self.patch, LIBRARY);
        self.problems = problems;
        if let Some(plan) = plan {
            (self.sink)(plan);
        }
    }
}

impl Made {
    /// Adds a step that is a part of the same gesture. A knob that is turned on for a minute leaves one edit, not thousands.
    fn join(&mut self, next: Self) {
        let keys = |edits: &[Edit]| edits.iter().map(key).collect::<Option<Vec<_>>>();
        if let (Some(old), Some(new)) = (keys(&self.step.edits), keys(&next.step.edits))
            && old == new
        {
            self.step.edits = next.step.edits;
            return;
        }
        self.step.edits.extend(next.step.edits);
        self.undo.splice(0..0, next.undo);
    }
}

/// Whether an edit changes nothing that runs.
fn is_quiet(edit: &Edit) -> bool {
    match edit {
        Edit::Within { edit, .. } => is_quiet(edit),
        Edit::Move { .. }
        | Edit::SetPlace { .. }
        | Edit::SetFrames { .. }
        | Edit::SetMeta { .. }
        | Edit::SetSnapshots { .. } => true,
        _ => false,
    }
}

/// What an edit of a value sets: two edits with the same key replace one another. Others have none.
fn key(edit: &Edit) -> Option<(u8, String, String)> {
    match edit {
        Edit::SetParam { id, name, .. } => Some((0, id.clone(), name.clone())),
        Edit::SetDepth { id, name, .. } => Some((1, id.clone(), name.clone())),
        Edit::Bypass { id, .. } => Some((2, id.clone(), String::new())),
        Edit::Move { id, .. } => Some((3, id.clone(), String::new())),
        Edit::SetSeed { .. } => Some((4, String::new(), String::new())),
        Edit::SetTempo { .. } => Some((5, String::new(), String::new())),
        Edit::SetMeta { .. } => Some((6, String::new(), String::new())),
        Edit::SetFrames { .. } => Some((7, String::new(), String::new())),
        Edit::SetSnapshots { .. } => Some((8, String::new(), String::new())),
        Edit::SetMaps { .. } => Some((9, String::new(), String::new())),
        Edit::Mute { to, .. } => Some((10, to.to_string(), String::new())),
        Edit::Within { id, edit } => {
            let (kind, what, name) = key(edit)?;
            Some((kind + 100, format!("{id}/{what}"), name))
        }
        _ => None,
    }
}

/// The kind of node with this name.
pub fn def_of(kind: &str) -> Option<&'static NodeDef> {
    LIBRARY.iter().copied().find(|def| def.name == kind)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use bendrack_nodes::patch::{Frame, Node, Port};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn first_bend() -> Patch {
        Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap()
    }

    fn document(patch: Patch) -> (Document, Rc<RefCell<usize>>) {
        let plans = Rc::new(RefCell::new(0));
        let count = Rc::clone(&plans);
        (Document::new(patch, None, Box::new(move |_| *count.borrow_mut() += 1)), plans)
    }

    fn turn(id: &str, name: &str, value: f64) -> Step {
        let edit = Edit::SetParam { id: id.into(), name: name.into(), value: Some(json!(value)) };
        Step::part(format!("turn {name} of {id}"), vec![edit])
    }

    #[test]
    fn a_drag_is_one_step_and_the_next_drag_another() {
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
        assert!(!document.undo(), "there is nothing left");
        assert!(document.redo() && document.redo() && document.redo());
        assert_eq!(document.patch, end);
        assert_eq!(document.undo_name(), Some("turn phase of lfo"));
    }

    #[test]
    fn every_edit_gives_the_engine_a_plan_but_a_move_does_not() {
        let (mut document, plans) = document(first_bend());
        assert_eq!(*plans.borrow(), 1);
        document.apply(turn("lfo", "rate", 1.0));
        assert_eq!(*plans.borrow(), 2);
        document.apply(Step::new("move lfo", vec![Edit::Move { id: "lfo".into(), pos: [8.0, 8.0] }]));
        assert_eq!(*plans.borrow(), 2);
        document.undo();
        assert_eq!(*plans.borrow(), 2);
        assert_eq!(document.patch.layout.get("lfo"), None, "it had no place before");
        document.undo();
        assert_eq!(*plans.borrow(), 3);
        assert!(!document.is_dirty());
    }

    #[test]
    fn a_patch_that_does_not_compile_leaves_the_plan_and_marks_the_node() {
        let (mut document, plans) = document(first_bend());
        let edit = Edit::SetParam { id: "lfo".into(), name: "shape".into(), value: Some(json!("sinus")) };
        document.apply(Step::new("choose", vec![edit]));
        assert_eq!(*plans.borrow(), 1);
        assert!(document.is_broken());
        assert_eq!(document.nodes_of(&document.problems[0], None), BTreeSet::from(["lfo"]));
        document.undo();
        assert!(!document.is_broken());
        assert_eq!(*plans.borrow(), 2);
    }

    #[test]
    fn a_step_that_cannot_be_made_changes_nothing() {
        let (mut document, plans) = document(first_bend());
        let start = Arc::clone(&document.patch);
        let good = Edit::RemoveNode { id: "lfo".into() };
        let bad = Edit::RemoveNode { id: "nobody".into() };
        assert!(!document.apply(Step::new("delete", vec![good, bad])));
        assert_eq!(document.patch, start);
        assert_eq!(document.undo_name(), None);
        assert_eq!(*plans.borrow(), 1);
        assert!(document.refused.as_ref().is_some_and(|why| why.contains("nobody")));
    }

    #[test]
    fn what_was_recovered_is_unsaved_until_it_is_saved() {
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
        assert!(!document.is_dirty(), "back to what is in the file");
    }

    /// An edit out of a few numbers, over a handful of ids, so that edits meet one another; some cannot be made.
    fn edit(kind: u8, a: u8, b: u8, x: f64) -> Edit {
        let id = |n: u8| format!("n{}", n % 6);
        let port = |n: u8, port: &str| Port { node: id(n), port: port.into() };
        let within = |edit| Edit::Within { id: "wobble".into(), edit: Box::new(edit) };
        match kind % 12 {
            8 => Edit::SetTempo { tempo: 60.0 + f64::from(a) },
            9 => Edit::Mute { to: port(b, "rate"), mute: x > 0.0 },
            10 if b.is_multiple_of(7) => {
                let definition = (!a.is_multiple_of(5)).then(Box::<bendrack_nodes::patch::Definition>::default);
                Edit::SetDefinition { id: "wobble".into(), definition }
            }
            10 => within(edit(a % 8, a, b, x)),
            11 => {
                let frame = Frame { title: id(a), pos: [x, x], ..Frame::default() };
                Edit::SetFrames { frames: vec![frame; usize::from(b % 3)] }
            }
            0 | 1 => {
                let kind = LIBRARY[usize::from(b) % LIBRARY.len()].name.to_owned();
                Edit::AddNode { id: id(a), node: Node { kind, ..Node::default() }, pos: [x, -x] }
            }
            2 => Edit::RemoveNode { id: id(a) },
            3 => Edit::Connect { cable: Cable::new(port(a, "out"), port(b, if x > 0.0 { "value" } else { "rate" })) },
            4 => Edit::Disconnect { to: port(b, if x > 0.0 { "value" } else { "rate" }) },
            5 => Edit::SetParam { id: id(a), name: "rate".into(), value: (!b.is_multiple_of(3)).then(|| json!(x)) },
            6 => Edit::SetDepth { id: id(a), name: "rate".into(), depth: (!b.is_multiple_of(3)).then_some(x) },
            7 if b.is_multiple_of(3) => Edit::SetSeed { seed: u64::from(a) },
            _ if b.is_multiple_of(2) => Edit::Bypass { id: id(a), bypass: x > 0.0 },
            _ => Edit::Move { id: id(a), pos: [x, x] },
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

        #[test]
        fn a_thousand_edits_are_undone_and_made_again(
            edits in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), -1.0..1.0_f64, any::<bool>()), 1000)
        ) {
            let (mut document, _) = document(first_bend());
            let start = Arc::clone(&document.patch);
            for (kind, a, b, x, joins) in edits {
                let edit = edit(kind, a, b, x);
                let name = format!("{:?}", key(&edit));
                document.apply(if joins { Step::part(name, vec![edit]) } else { Step::new(name, vec![edit]) });
                if !joins {
                    document.end_gesture();
                }
            }
            let end = Arc::clone(&document.patch);
            let mut steps = 0;
            while document.undo() {
                steps += 1;
            }
            prop_assert!(steps > 100);
            prop_assert_eq!(document.patch.to_json(), start.to_json());
            while document.redo() {}
            prop_assert_eq!(document.patch.to_json(), end.to_json());
        }
    }
}

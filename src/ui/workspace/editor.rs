//! The editor: the document, the part of it on the canvas, the selection, and the commands that edit them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use bendrack_nodes::compile::plan::MOST_NESTED;
use bendrack_nodes::diagnostics::Problem;
use bendrack_nodes::diagnostics::place::Place;
use bendrack_nodes::fade::crossfade;
use bendrack_nodes::node::def::{Input, NodeDef};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::INSTANCE;
use bendrack_nodes::patch::{ControlMap, Edit, LONGEST_MORPH, LevelEdit, Patch, Port, Quantise, Stage};
use serde_json::{Value as Json, json};

use crate::ui::document::grouping::{self, Regrouped};
use crate::ui::document::learn::Learn;
use crate::ui::document::morph::Morph;
use crate::ui::document::ports::PortKinds;
use crate::ui::document::subpatch::{self, definition_name, definition_of};
use crate::ui::document::{Document, Step, commands, def_of, maps, snapshots};
use crate::ui::widgets::knob::KnobChange;

/// The document and the state of its editing.
pub struct Editor {
    /// The patch and its history.
    pub document: Document,
    /// The part of the patch on the canvas.
    pub location: Location,
    /// The ids of the selected nodes.
    pub selection: BTreeSet<String>,
    /// The selected frame; no node is selected with it.
    pub selected_frame: Option<usize>,
    /// The ids of the nodes that show all of their inputs.
    pub unfolded: BTreeSet<String>,
    /// The control that is being learned.
    pub learn: Option<Learn>,
    /// True while maps are learned knob after knob: a click on the canvas chooses a knob.
    pub learns_maps: bool,
    /// The note in a text field.
    pub note: Option<NoteEdit>,
    /// The position of the crossfader, 0 to 1.
    pub fade: f64,
    morph: Option<Morph>,
    recall: Option<Recall>,
    /// The kinds of the ports on the canvas, with the [`content_revision`](Self::content_revision) that they belong to.
    kinds: (u64, PortKinds),
}

/// A note in a text field.
pub struct NoteEdit {
    /// The id of its node.
    pub id: String,
    /// True if its text field has not been shown yet.
    pub is_new: bool,
}

/// A snapshot that waits for its beat.
struct Recall {
    index: usize,
    /// The beat, once the present one is known.
    beat: Option<f64>,
}

impl Recall {
    /// True once the beat has come, or if the video began again.
    fn is_due(&mut self, beat: f64, quantise: Quantise) -> bool {
        let Some(step) = quantise.beats() else { return true };
        let due = *self.beat.get_or_insert(((beat / step).floor() + 1.0) * step);
        beat >= due || beat < due - step
    }
}

/// The part of the patch on the canvas: the patch itself, or a subpatch of one of its instances.
#[derive(Default)]
pub struct Location {
    /// The ids of the instances from the patch down to the subpatch.
    pub path: Vec<String>,
    /// The name of the subpatch, and the subpatch as a patch.
    shown: Option<(String, Arc<Patch>)>,
    revision: u64,
    /// The number of moves to another location.
    pub visits: u64,
}

impl Editor {
    /// An editor of this document, with nothing selected.
    pub fn new(document: Document) -> Self {
        Self {
            document,
            location: Location::default(),
            selection: BTreeSet::new(),
            selected_frame: None,
            unfolded: BTreeSet::new(),
            learn: None,
            learns_maps: false,
            note: None,
            fade: 0.0,
            morph: None,
            recall: None,
            kinds: Default::default(),
        }
    }

    /// The patch on the canvas: the whole patch, or the open subpatch.
    pub fn patch(&self) -> &Arc<Patch> {
        self.location.shown.as_ref().map_or(&self.document.patch, |(_, patch)| patch)
    }

    /// The definition of a node on the canvas.
    pub fn def(&self, id: &str) -> Option<&'static NodeDef> {
        def_of(&self.patch().nodes.get(id)?.kind)
    }

    /// The kinds of the ports on the canvas.
    pub fn kinds(&self) -> &PortKinds {
        &self.kinds.1
    }

    /// The kind of a port on the canvas.
    pub fn port_kind(&self, id: &str, name: &str, output: bool) -> Kind {
        self.kinds.1.get(id, name, output)
    }

    /// The value of a knob or field; none if the patch leaves it at its default.
    pub fn param(&self, id: &str, name: &str) -> Option<&Json> {
        subpatch::value_of(self.patch(), id, name)
    }

    /// The number of a knob, switch or choice.
    pub fn number(&self, id: &str, name: &str, input: &Input) -> f64 {
        let value = self.param(id, name).and_then(|value| match value {
            Json::Bool(on) => Some(f64::from(u8::from(*on))),
            Json::String(name) => input.choices.iter().position(|choice| choice == name).map(|choice| choice as f64),
            value => value.as_f64(),
        });
        value.unwrap_or_else(|| input.default_number()).clamp(input.hard.0, input.hard.1)
    }

    /// True if an input has a cable.
    pub fn is_wired(&self, id: &str, name: &str) -> bool {
        self.patch().cables.iter().any(|cable| cable.to.node == id && cable.to.port == name)
    }

    /// The map of a knob on the canvas; subpatches have none.
    pub fn map_of(&self, port: &Port) -> Option<&ControlMap> {
        maps::map_of(&self.document.patch, port).filter(|_| self.location.path.is_empty())
    }

    /// The name under which the open subpatch exposes a port of one of its nodes.
    pub fn outer_name(&self, port: &Port, output: bool) -> Option<&str> {
        let (name, _) = self.location.shown.as_ref()?;
        let definition = self.document.patch.definitions.get(name)?;
        if output {
            return definition.outputs.iter().find(|outlet| outlet.from == *port).map(|outlet| outlet.name.as_str());
        }
        definition.inputs.iter().find(|inlet| inlet.to.contains(port)).map(|inlet| inlet.name.as_str())
    }

    /// The name of the open subpatch.
    pub fn subpatch(&self) -> Option<&str> {
        self.location.shown.as_ref().map(|(name, _)| name.as_str())
    }

    /// The only selected node, if it is an instance of a subpatch.
    pub fn selected_instance(&self) -> Option<String> {
        let id = self.selection.first().filter(|_| self.selection.len() == 1)?;
        definition_of(self.patch(), id).map(|_| id.clone())
    }

    /// The problems of a node on the canvas and, for an instance, of its subpatch.
    pub fn problems_of(&self, id: &str) -> Vec<&Problem> {
        let (within, inner) = (self.subpatch(), definition_name(self.patch(), id));
        let concerns = |problem: &&Problem| {
            let is_inner = |inner| matches!(problem.place(), Place::Definition(name, _) if name == inner);
            inner.is_some_and(is_inner) || self.document.node_of(problem, within).is_some_and(|node| node == id)
        };
        self.document.problems.iter().filter(concerns).collect()
    }

    /// The prefix of the ids of the nodes on the canvas in the plan: `instance/` for each level.
    pub fn prefix(&self) -> String {
        subpatch::prefix(&self.location.path)
    }

    /// A number that changes with the nodes, cables and values on the canvas, but not with their layout.
    pub fn content_revision(&self) -> u64 {
        self.document.compilations() + (self.location.visits << 32)
    }

    // Moving between subpatches.

    /// Opens the subpatch of an instance; false for other nodes.
    pub fn enter(&mut self, id: &str) -> bool {
        if definition_of(self.patch(), id).is_none() || self.location.path.len() >= MOST_NESTED {
            return false;
        }
        let path = self.location.path.iter().cloned().chain([id.to_owned()]).collect();
        self.go_to(path);
        true
    }

    /// Goes up one level.
    pub fn leave(&mut self) {
        if let Some((last, path)) = self.location.path.clone().split_last() {
            self.go_to(path.to_vec());
            self.selection = [last.clone()].into();
        }
    }

    /// Opens the subpatch of the last of these instances, or the patch if there are none.
    pub fn go_to(&mut self, path: Vec<String>) {
        self.location = Location { path, shown: None, revision: u64::MAX, visits: self.location.visits + 1 };
        self.selection.clear();
        self.unfolded.clear();
        self.selected_frame = None;
        self.learn = None;
        self.note = None;
        self.refresh();
    }

    /// Updates the open subpatch, the kinds of its ports and the selection from the document. The subpatch of a deleted
    /// instance closes, and deleted nodes leave the selection.
    pub fn refresh(&mut self) {
        if self.location.path.is_empty() {
            self.location.shown = None;
        } else if self.location.revision != self.document.revision() {
            self.open_location();
        }
        let content = self.content_revision();
        if self.kinds.0 != content {
            self.kinds = (content, PortKinds::new(self.patch(), &self.prefix(), self.document.resolved()));
        }
        let shown = Arc::clone(self.patch());
        self.selection.retain(|id| shown.nodes.contains_key(id));
    }

    fn open_location(&mut self) {
        self.location.revision = self.document.revision();
        let whole = Arc::clone(&self.document.patch);
        let (mut nodes, mut found, mut level) = (&whole.nodes, None, 0);
        for id in &self.location.path {
            let name = nodes.get(id).and_then(|node| node.kind.strip_prefix(INSTANCE));
            let Some((name, definition)) = name.and_then(|name| whole.definitions.get_key_value(name)) else { break };
            nodes = &definition.nodes;
            found = Some((name, definition));
            level += 1;
        }
        self.location.path.truncate(level);
        self.location.shown =
            found.map(|(name, definition)| (name.clone(), Arc::new(subpatch::as_patch(&whole, definition))));
    }

    // Commands.

    /// Applies a step to the patch on the canvas.
    pub fn apply(&mut self, step: Step<LevelEdit>) -> bool {
        let step = match &self.location.shown {
            Some((id, _)) => step.within(id),
            None => step.into(),
        };
        let done = self.document.apply(step);
        self.refresh();
        done
    }

    /// Sets a choice, switch or text as part of a gesture.
    pub fn set(&mut self, id: &str, name: &str, value: Json) {
        self.apply(commands::set_param("set", id, name, Some(value)));
    }

    /// Turns a knob as part of a gesture.
    pub fn turn(&mut self, id: &str, name: &str, change: KnobChange) {
        let value = match change {
            KnobChange::Set(value) => Some(json!(value)),
            KnobChange::Reset => None,
        };
        self.apply(commands::set_param("turn", id, name, value));
    }

    /// Sets the modulation depth of an input; `None` is the default.
    pub fn set_depth(&mut self, id: &str, name: &str, depth: Option<f64>) {
        self.apply(commands::set_depth(id, name, depth));
    }

    /// Mutes the cable of an input, or unmutes it.
    pub fn toggle_mute(&mut self, to: &Port) {
        if let Some(step) = commands::toggle_mute(self.patch(), to) {
            self.apply(step);
        }
    }

    /// Unplugs the cable of an input.
    pub fn unplug(&mut self, to: &Port) {
        self.apply(commands::unplug(to));
    }

    /// Bypasses the selected nodes, or ends the bypass if all of them are bypassed.
    pub fn bypass_selected(&mut self) {
        let step = commands::toggle_bypass(self.patch(), &self.selection);
        self.apply(step);
    }

    /// Deletes the selected nodes or the selected frame.
    pub fn delete_selected(&mut self) {
        if self.selection.is_empty() {
            self.delete_frame();
        } else if self.apply(commands::delete(self.patch(), &self.selection)) {
            self.selection.clear();
        }
    }

    /// Deletes the selected frame; its nodes stay.
    pub fn delete_frame(&mut self) {
        let Some(index) = self.selected_frame.take() else { return };
        if let Some(step) = commands::delete_frame(&self.document.patch, index) {
            self.document.apply(step);
        }
    }

    /// Duplicates the selected nodes with the cables between them and, with `incoming`, the cables from other nodes.
    pub fn duplicate_selected(&mut self, incoming: bool) {
        let (step, copies) = commands::duplicate(self.patch(), &self.selection, incoming);
        if self.apply(step) {
            self.selection = copies;
        }
    }

    /// Pastes the nodes of another patch at a place, in one step, and selects them. False if it has none.
    pub fn paste(&mut self, pasted: &Patch, at: [f64; 2]) -> bool {
        let (definitions, edits, ids) = commands::paste(self.patch(), pasted, at);
        if ids.is_empty() {
            return false;
        }
        let nodes: Step = match &self.location.shown {
            Some((id, _)) => Step::new("paste", edits).within(id),
            None => Step::new("paste", edits).into(),
        };
        let edits = definitions.into_iter().chain(nodes.edits).collect();
        let done = self.document.apply(Step::new("paste", edits));
        self.refresh();
        self.selection = ids;
        done
    }

    /// Moves the selected nodes to one left edge (axis 0) or one top edge (axis 1).
    pub fn align_selected(&mut self, axis: usize) {
        let step = commands::align(self.patch(), &self.selection, axis);
        self.apply(step);
    }

    /// Puts the selected nodes into a subpatch.
    pub fn group_selected(&mut self) {
        let regrouped = grouping::group(self.patch(), &self.selection);
        self.regroup(regrouped);
    }

    /// Puts the nodes of the selected instance in its place.
    pub fn ungroup_selected(&mut self) {
        let regrouped = self.selected_instance().and_then(|id| grouping::ungroup(self.patch(), &id));
        self.regroup(regrouped);
    }

    /// True if an instance of the open subpatch uses the port of one of its inputs.
    pub fn is_port_used(&self, port: &Port) -> bool {
        let name = self.subpatch().zip(self.outer_name(port, false));
        name.is_some_and(|(subpatch, port)| grouping::is_used(&self.document.patch, subpatch, port))
    }

    /// Gives an input in the open subpatch a port on its instances, or takes it away.
    pub fn expose(&mut self, port: &Port) {
        let step = self.subpatch().and_then(|name| grouping::expose(&self.document.patch, name, port));
        if let Some(step) = step {
            self.document.apply(step);
            self.refresh();
        }
    }

    fn regroup(&mut self, regrouped: Option<Regrouped>) {
        let Some(regrouped) = regrouped else { return };
        let nodes = regrouped.nodes.clone();
        let within = self.location.shown.as_ref().map(|(id, _)| id.as_str());
        if self.document.apply(regrouped.step(within)) {
            self.refresh();
            self.selection = nodes;
        }
    }

    /// Moves the knobs of the selected nodes towards random places, by an amount of the way; each time towards others.
    pub fn randomise_selected(&mut self, amount: f64) {
        let step = commands::randomise(self.patch(), &self.selection, self.document.revision(), amount);
        self.apply(step);
    }

    /// Inserts a node into the cable that ends at an input, if it fits.
    pub fn insert(&mut self, id: &str, to: &Port) -> bool {
        commands::insert(self.patch(), id, to).is_some_and(|step| self.apply(step))
    }

    /// Removes the maps of a knob.
    pub fn unmap(&mut self, to: &Port) {
        if let Some(step) = maps::unmap_step(&self.document.patch, to) {
            self.document.apply(step);
        }
    }

    /// Recalls a snapshot: at once, on the next beat that the patch asks for, or by a glide. False if there is none with this index.
    pub fn recall_snapshot(&mut self, index: usize) -> bool {
        if self.document.patch.snapshots.get(index).is_none() {
            return false;
        }
        if self.document.patch.stage.quantise.beats().is_some() {
            self.recall = Some(Recall { index, beat: None });
            return true;
        }
        self.begin_recall(index)
    }

    fn begin_recall(&mut self, index: usize) -> bool {
        self.morph = None;
        let secs = self.document.patch.stage.morph.clamp(0.0, LONGEST_MORPH);
        if secs > 0.0 {
            self.morph = Morph::new(&self.document.patch, index, secs);
            return self.morph.is_some();
        }
        let Some(step) = snapshots::recall(&self.document.patch, index) else { return false };
        self.document.apply(step);
        self.refresh();
        true
    }

    /// The snapshot that waits for its beat.
    pub fn waiting_snapshot(&self) -> Option<usize> {
        self.recall.as_ref().map(|recall| recall.index)
    }

    /// Moves every knob between the two snapshots of the crossfader, 0 to 1.
    pub fn crossfade(&mut self, part: f64) {
        (self.morph, self.recall, self.fade) = (None, None, part.clamp(0.0, 1.0));
        if let Some(edits) = crossfade(&self.document.patch, part) {
            self.document.apply(Step::merging("crossfade", edits));
            self.refresh();
        }
    }

    /// Changes the set-up of the performance.
    pub fn set_stage(&mut self, name: &str, change: impl FnOnce(&mut Stage)) {
        let mut stage = self.document.patch.stage.clone();
        change(&mut stage);
        self.document.apply(Step::merging(name, vec![Edit::SetStage { stage: Box::new(stage) }]));
    }

    /// Opens another patch; a morph of the former one ends.
    pub fn open(&mut self, patch: Patch, path: Option<PathBuf>) {
        (self.morph, self.recall, self.fade) = (None, None, 0.0);
        self.document.open(patch, path);
        self.go_to(Vec::new());
    }

    /// Recalls a snapshot whose beat has come, and moves the knobs of a morph to their values at a time in seconds. False if nothing is
    /// under way.
    pub fn morph(&mut self, time: f64, beat: f64) -> bool {
        if let Some(mut recall) = self.recall.take() {
            if recall.is_due(beat, self.document.patch.stage.quantise) {
                self.begin_recall(recall.index);
            } else {
                self.recall = Some(recall);
            }
        }
        let Some(mut morph) = self.morph.take() else { return self.recall.is_some() };
        if let Some(step) = morph.step(&self.document.patch, time) {
            self.document.apply(step);
            self.refresh();
        }
        if !morph.has_ended() {
            self.morph = Some(morph);
        }
        true
    }

    /// Places the nodes of the patch on the canvas that have no place. It is not a step and cannot be undone.
    pub fn lay_out(&mut self, places: BTreeMap<String, [f64; 2]>) {
        let within = self.location.shown.as_ref().map(|(id, _)| id.clone());
        self.document.lay_out(within.as_deref(), places);
        self.refresh();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn editor() -> Editor {
        let patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        Editor::new(Document::new(patch, None, Box::new(|_, _| ())))
    }

    #[test]
    fn duplicates_keep_the_cables_between_them_and_incoming_ones_on_request() {
        let mut editor = editor();
        editor.selection = ["lfo".to_owned(), "rotate".to_owned()].into();
        let before = editor.document.patch.cables.len();
        editor.duplicate_selected(false);
        assert_eq!(editor.selection, ["lfo2".to_owned(), "rotate2".to_owned()].into());
        assert_eq!(editor.document.patch.cables.len(), before + 1, "lfo2 → rotate2");
        editor.document.undo();
        editor.selection = ["rotate".to_owned()].into();
        editor.duplicate_selected(true);
        assert_eq!(editor.document.patch.cables.len(), before + 2, "from the word and the LFO");
    }

    #[test]
    fn a_quantised_snapshot_waits_for_its_beat() {
        let mut editor = editor();
        editor.document.apply(snapshots::store(&editor.document.patch));
        editor.turn("rotate", "amount", KnobChange::Set(0.25));
        editor.set_stage("quantise", |stage| stage.quantise = Quantise::Bar);
        assert!(editor.recall_snapshot(0) && !editor.recall_snapshot(1));
        let amount = |editor: &Editor| editor.document.patch.nodes["rotate"].params.get("amount").cloned();
        for (beat, is_recalled) in [(2.5, false), (3.75, false), (4.0, true)] {
            editor.morph(beat, beat);
            assert_eq!(amount(&editor) != Some(json!(0.25)), is_recalled, "beat {beat}");
        }
        assert_eq!(editor.waiting_snapshot(), None);
        // A video that begins again does not keep it waiting.
        editor.turn("rotate", "amount", KnobChange::Set(0.25));
        editor.recall_snapshot(0);
        editor.morph(9.0, 101.0);
        editor.morph(9.1, 0.0);
        assert_ne!(amount(&editor), Some(json!(0.25)));
    }

    #[test]
    fn bypass_and_delete_are_one_step_each() {
        let mut editor = editor();
        let start = editor.document.patch.clone();
        editor.selection = ["lfo".to_owned(), "rotate".to_owned()].into();
        editor.bypass_selected();
        assert!(editor.document.patch.nodes["rotate"].bypass);
        editor.delete_selected();
        assert!(editor.selection.is_empty());
        assert!(!editor.document.patch.nodes.contains_key("lfo"));
        editor.document.undo();
        editor.document.undo();
        assert_eq!(editor.document.patch, start);
    }
}

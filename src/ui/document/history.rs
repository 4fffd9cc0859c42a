//! The history of a patch: the steps that undo reverts and redo applies again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bendrack_nodes::patch::{Cable, Edit, EditError, Patch, Place};

use super::step::{Gesture, Step, Target, affects_plan};

/// The longest history, in steps.
const MAX_STEPS: usize = 1000;

/// The steps of a patch, done and undone.
#[derive(Default)]
pub struct History {
    done: Vec<Applied>,
    undone: Vec<Step>,
    gesture_open: bool,
}

/// Work that a change of the patch requires of its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A compilation: the plan depends on the change.
    Plan,
    /// Nothing: the change is one of layout, frames, metadata or snapshots.
    Layout,
}

/// Error of a step that does not apply, with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    step: String,
    error: EditError,
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.error)
    }
}

impl std::error::Error for StepError {}

/// An applied step.
struct Applied {
    step: Step,
    /// The inverse edits, in order.
    undo: Vec<Edit>,
    /// Cables and layout before the step: inverse edits restore neither the order of cables nor missing places.
    cables: Vec<Cable>,
    layout: BTreeMap<String, Place>,
}

impl History {
    /// Applies a step and drops the undone ones. A step of the open gesture joins the last entry.
    ///
    /// # Errors
    ///
    /// Fails if one of the edits fails. The patch is then unchanged.
    pub fn apply(&mut self, patch: &mut Arc<Patch>, step: Step) -> Result<Change, StepError> {
        self.undone.clear();
        let applied = Applied::new(patch, step)?;
        let change = applied.change();
        let is_hand = !matches!(applied.step.gesture, Some(Gesture::Glide(_)));
        if let Some(entry) = self.entry_of(&applied.step) {
            self.done[entry].merge(applied);
        } else {
            self.done.push(applied);
            self.gesture_open = false;
        }
        self.gesture_open |= is_hand;
        if self.done.len() > MAX_STEPS {
            self.done.remove(0);
        }
        Ok(change)
    }

    /// The index of the entry of the gesture that a step goes on with.
    fn entry_of(&self, step: &Step) -> Option<usize> {
        let is_same = |applied: &Applied| applied.step.gesture == step.gesture;
        match step.gesture.as_ref()? {
            Gesture::Hand(_) => {
                self.done.len().checked_sub(1).filter(|last| self.gesture_open && is_same(&self.done[*last]))
            }
            Gesture::Glide(_) => {
                let entry = self.done.iter().rposition(is_same)?;
                // Beneath a later entry there is room for edits of other values alone.
                let new = targets(&step.edits)?;
                let is_free = |later: &Applied| {
                    targets(&later.step.edits).is_some_and(|known| new.iter().all(|target| !known.contains(target)))
                };
                self.done[entry + 1..].iter().all(is_free).then_some(entry)
            }
        }
    }

    /// Reverts the last step; none if there is no step.
    ///
    /// # Errors
    ///
    /// Fails if one of the inverse edits fails. The patch is then unchanged.
    pub fn undo(&mut self, patch: &mut Arc<Patch>) -> Option<Result<Change, StepError>> {
        let applied = self.done.pop()?;
        self.gesture_open = false;
        let change = applied.change();
        Some(applied.revert(patch).map(|step| {
            self.undone.push(step);
            change
        }))
    }

    /// Reapplies the last reverted step; none if there is no such step.
    ///
    /// # Errors
    ///
    /// Fails if one of the edits fails. The patch is then unchanged.
    pub fn redo(&mut self, patch: &mut Arc<Patch>) -> Option<Result<Change, StepError>> {
        let step = self.undone.pop()?;
        self.gesture_open = false;
        Some(Applied::new(patch, step).map(|applied| {
            let change = applied.change();
            self.done.push(applied);
            change
        }))
    }

    /// Ends the gesture: the next step is an entry of its own, even under the same name.
    pub fn end_gesture(&mut self) {
        self.gesture_open = false;
    }

    /// The name of the step that undo reverts.
    pub fn undo_name(&self) -> Option<&str> {
        self.done.last().map(|applied| applied.step.name.as_str())
    }

    /// The name of the step that redo applies.
    pub fn redo_name(&self) -> Option<&str> {
        self.undone.last().map(|step| step.name.as_str())
    }
}

impl Applied {
    fn new(patch: &mut Arc<Patch>, step: Step) -> Result<Self, StepError> {
        let before = Arc::clone(patch);
        let undo = apply_all(patch, &step.name, &step.edits)?;
        Ok(Self { undo, cables: before.cables.clone(), layout: before.layout.clone(), step })
    }

    fn revert(self, patch: &mut Arc<Patch>) -> Result<Step, StepError> {
        apply_all(patch, &self.step.name, &self.undo)?;
        let patch = Arc::make_mut(patch);
        patch.cables = self.cables;
        patch.layout = self.layout;
        Ok(self.step)
    }

    fn change(&self) -> Change {
        if self.step.edits.iter().any(affects_plan) { Change::Plan } else { Change::Layout }
    }

    /// Merges a later step of the same gesture. If both set the same values, only the later edits stay.
    fn merge(&mut self, next: Self) {
        if let (Some(old), Some(new)) = (targets(&self.step.edits), targets(&next.step.edits))
            && old == new
        {
            self.step.edits = next.step.edits;
            return;
        }
        // Edits of a value replace the earlier one of that value, so that a glide of minutes stays as short as its knobs are many.
        let is_one_to_one = next.undo.len() == next.step.edits.len() && targets(&next.step.edits).is_some();
        if !is_one_to_one {
            self.step.edits.extend(next.step.edits);
            self.undo.splice(0..0, next.undo);
            return;
        }
        for (edit, inverse) in next.step.edits.into_iter().zip(next.undo.into_iter().rev()) {
            let target = Target::of(&edit);
            let known = self.step.edits.iter().position(|old| Target::of(old) == target);
            if let Some(known) = known {
                self.step.edits[known] = edit;
            } else {
                self.step.edits.push(edit);
                self.undo.insert(0, inverse);
            }
        }
    }
}

/// The targets of edits; none if one of them has none.
fn targets(edits: &[Edit]) -> Option<Vec<Target<'_>>> {
    edits.iter().map(Target::of).collect()
}

/// Applies all of these edits or none, and returns the inverse edits in order.
fn apply_all(patch: &mut Arc<Patch>, name: &str, edits: &[Edit]) -> Result<Vec<Edit>, StepError> {
    let before = Arc::clone(patch);
    let mut undo = Vec::new();
    for edit in edits {
        match Arc::make_mut(patch).apply(edit.clone()) {
            Ok(inverse) => drop(undo.splice(0..0, inverse)),
            Err(error) => {
                *patch = before;
                return Err(StepError { step: name.to_owned(), error });
            }
        }
    }
    Ok(undo)
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::patch::{ClipSettings, Definition, Frame, LevelEdit, Meta, Node, Port};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn first_bend() -> Arc<Patch> {
        Arc::new(Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap())
    }

    fn turn(gesture: &str, name: &str, value: f64) -> Step {
        let edit = LevelEdit::SetParam { id: "lfo".into(), name: name.into(), value: Some(json!(value)) };
        Step { gesture: Some(Gesture::Hand(gesture.into())), ..Step::new(format!("turn {name}"), vec![edit.into()]) }
    }

    #[test]
    fn a_gesture_of_changing_knobs_stays_short_and_is_undone_whole() {
        let (mut history, mut patch) = (History::default(), first_bend());
        let start = Arc::clone(&patch);
        for step in 0..200 {
            let mut turned = turn("glide", "rate", 0.1 + f64::from(step) * 0.01);
            if step % 3 == 0 {
                turned.edits.extend(turn("glide", "phase", f64::from(step) / 400.0).edits);
            }
            assert!(history.apply(&mut patch, turned).is_ok());
        }
        let entry = history.done.last().unwrap();
        assert_eq!((entry.step.edits.len(), entry.undo.len()), (2, 2));
        let end = Arc::clone(&patch);
        assert!(history.undo(&mut patch).unwrap().is_ok());
        assert_eq!(patch, start);
        assert!(history.redo(&mut patch).unwrap().is_ok());
        assert_eq!(patch, end);
    }

    #[test]
    fn a_glide_is_one_entry_beneath_the_hands_that_play_meanwhile() {
        let (mut history, mut patch) = (History::default(), first_bend());
        let start = Arc::clone(&patch);
        let glide = |value: f64| {
            let edit = LevelEdit::SetParam { id: "rotate".into(), name: "amount".into(), value: Some(json!(value)) };
            Step::gliding("recall", 1, vec![edit.into()])
        };
        for step in 0..10 {
            history.apply(&mut patch, glide(0.1 * f64::from(step))).unwrap();
            history.apply(&mut patch, turn("drag", "rate", 0.1 + f64::from(step))).unwrap();
        }
        history.end_gesture();
        history.apply(&mut patch, glide(1.0)).unwrap();
        assert_eq!(history.done.len(), 2);
        let end = Arc::clone(&patch);
        history.undo(&mut patch);
        assert_eq!(patch.nodes["rotate"], end.nodes["rotate"], "the glide stays");
        assert_eq!(patch.nodes["lfo"], start.nodes["lfo"]);
        history.redo(&mut patch);
        assert_eq!(patch, end);
        history.undo(&mut patch);
        history.undo(&mut patch);
        assert_eq!(patch, start);
        // A hand on the same knob comes between: what glides later is an entry of its own.
        history.apply(&mut patch, glide(0.2)).unwrap();
        let Step { edits, .. } = glide(0.3);
        history.apply(&mut patch, Step::merging("turn amount", edits)).unwrap();
        history.apply(&mut patch, glide(0.4)).unwrap();
        assert_eq!(history.done.len(), 3);
        // Two glides do not mix.
        let Step { name, edits, .. } = glide(0.5);
        history.apply(&mut patch, Step::gliding(name, 2, edits)).unwrap();
        assert_eq!(history.done.len(), 4);
    }

    #[test]
    fn steps_of_one_gesture_are_one_entry_until_it_ends() {
        let (mut history, mut patch) = (History::default(), first_bend());
        let start = Arc::clone(&patch);
        for value in [0.1, 0.2, 0.3] {
            assert_eq!(history.apply(&mut patch, turn("drag", "rate", value)), Ok(Change::Plan));
        }
        assert_eq!((history.done.len(), history.done[0].step.edits.len()), (1, 1), "the same value");
        history.apply(&mut patch, turn("drag", "phase", 0.5)).unwrap();
        assert_eq!((history.done.len(), history.done[0].step.edits.len()), (1, 2), "another value");
        history.end_gesture();
        let middle = Arc::clone(&patch);
        history.apply(&mut patch, turn("drag", "phase", 0.75)).unwrap();
        assert_eq!(history.done.len(), 2);
        assert_eq!(history.undo(&mut patch), Some(Ok(Change::Plan)));
        assert_eq!(patch, middle);
        history.undo(&mut patch);
        assert_eq!(patch, start);
        assert_eq!(history.undo(&mut patch), None);
    }

    #[test]
    fn a_new_step_drops_the_undone_ones() {
        let (mut history, mut patch) = (History::default(), first_bend());
        history.apply(&mut patch, turn("drag", "rate", 0.1)).unwrap();
        history.undo(&mut patch);
        assert_eq!((history.undo_name(), history.redo_name()), (None, Some("turn rate")));
        history.apply(&mut patch, turn("drag", "phase", 0.5)).unwrap();
        assert_eq!(history.redo(&mut patch), None);
        assert_eq!(history.undo_name(), Some("turn phase"));
    }

    #[test]
    fn a_refused_step_is_no_entry_and_names_itself() {
        let (mut history, mut patch) = (History::default(), first_bend());
        let start = Arc::clone(&patch);
        let edits = ["lfo", "nobody"].map(|id| LevelEdit::RemoveNode { id: id.into() });
        let refusal = history.apply(&mut patch, Step::new("delete", edits.to_vec()).into()).unwrap_err();
        assert_eq!(refusal.to_string(), "delete: there is no node nobody; choose a node of the patch");
        assert_eq!((patch, history.undo_name()), (start, None));
    }

    #[test]
    fn the_oldest_steps_are_dropped() {
        let (mut history, mut patch) = (History::default(), first_bend());
        for tempo in 0..=MAX_STEPS {
            history.apply(&mut patch, Step::new("tempo", vec![Edit::SetTempo { tempo: tempo as f64 }])).unwrap();
        }
        while history.undo(&mut patch).is_some() {}
        assert_eq!(patch.engine.tempo, 0.0, "the first step stays");
    }

    #[test]
    fn metadata_requires_no_compilation_in_either_direction() {
        let (mut history, mut patch) = (History::default(), first_bend());
        let edit = Edit::SetMeta { meta: Box::new(Meta { title: "Other".into(), ..Meta::default() }) };
        assert_eq!(history.apply(&mut patch, Step::new("title", vec![edit])), Ok(Change::Layout));
        assert_eq!(history.undo(&mut patch), Some(Ok(Change::Layout)));
        assert_eq!(history.redo(&mut patch), Some(Ok(Change::Layout)));
    }

    #[test]
    fn a_subpatch_and_the_patch_around_it_are_different_targets() {
        let step = || Step::new("bypass", vec![LevelEdit::Bypass { id: "lfo".into(), bypass: true }]);
        let (here, within): (Step, Step) = (step().into(), step().within("wobble"));
        assert_eq!(Target::of(&within.edits[0]), Target::of(&step().within("wobble").edits[0]));
        assert_ne!(Target::of(&here.edits[0]), Target::of(&within.edits[0]));
        assert_ne!(Target::of(&within.edits[0]), Target::of(&step().within("other").edits[0]));
    }

    fn id(n: u8) -> String {
        format!("n{}", n % 6)
    }

    /// An edit of one level from a few numbers, over six ids, so that edits affect one another. Some of them fail.
    fn level_edit(kind: u8, a: u8, b: u8, x: f64) -> LevelEdit {
        let port = |n: u8, port: &str| Port { node: id(n), port: port.into() };
        let input = if x > 0.0 { "value" } else { "rate" };
        match kind % 9 {
            0 | 1 => {
                let kind = LIBRARY[usize::from(b) % LIBRARY.len()].name.to_owned();
                LevelEdit::AddNode { id: id(a), node: Node { kind, ..Node::default() }, pos: [x, -x] }
            }
            2 => LevelEdit::RemoveNode { id: id(a) },
            3 => LevelEdit::Connect { cable: Cable::new(port(a, "out"), port(b, input)) },
            4 => LevelEdit::Disconnect { to: port(b, input) },
            5 => {
                LevelEdit::SetParam { id: id(a), name: "rate".into(), value: (!b.is_multiple_of(3)).then(|| json!(x)) }
            }
            6 => LevelEdit::SetDepth { id: id(a), name: "rate".into(), depth: (!b.is_multiple_of(3)).then_some(x) },
            7 => LevelEdit::Mute { to: port(b, "rate"), mute: x > 0.0 },
            _ if b.is_multiple_of(2) => LevelEdit::Bypass { id: id(a), bypass: x > 0.0 },
            _ => LevelEdit::Move { id: id(a), pos: [x, x] },
        }
    }

    /// An edit made of a few numbers, most often of the level of the patch.
    fn edit(kind: u8, a: u8, b: u8, x: f64) -> Edit {
        match kind % 13 {
            9 => Edit::SetSeed { seed: u64::from(a) },
            10 if b.is_multiple_of(2) => Edit::SetSteps { steps: (a > 0).then_some(u64::from(a)) },
            10 if b.is_multiple_of(3) => Edit::SetClip {
                clip: ClipSettings {
                    length: (a > 0).then_some(u64::from(a)),
                    guidance: Some(x),
                    ..ClipSettings::default()
                },
            },
            10 => Edit::SetTempo { tempo: 60.0 + f64::from(a) },
            11 if b.is_multiple_of(7) => {
                let definition = (!a.is_multiple_of(5)).then(Box::<Definition>::default);
                Edit::SetDefinition { id: "wobble".into(), definition }
            }
            11 => Edit::Within { id: "wobble".into(), edit: level_edit(a, a, b, x) },
            12 => {
                let frame = Frame { title: id(a), pos: [x, x], ..Frame::default() };
                Edit::SetFrames { frames: vec![frame; usize::from(b % 3)] }
            }
            kind => level_edit(kind, a, b, x).into(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

        #[test]
        fn a_thousand_edits_are_undone_and_redone(
            edits in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), -1.0..1.0_f64, any::<bool>()), 1000)
        ) {
            let (mut history, mut patch) = (History::default(), first_bend());
            let start = Arc::clone(&patch);
            for (kind, a, b, x, merges) in edits {
                let edit = edit(kind, a, b, x);
                let name = format!("{:?}", Target::of(&edit));
                let step = if merges { Step::merging(name, vec![edit]) } else { Step::new(name, vec![edit]) };
                // Some edits fail: the name of a node is chosen at random.
                let _ = history.apply(&mut patch, step);
                if !merges {
                    history.end_gesture();
                }
            }
            let end = Arc::clone(&patch);
            let mut steps = 0;
            while let Some(undone) = history.undo(&mut patch) {
                prop_assert!(undone.is_ok());
                steps += 1;
            }
            prop_assert!(steps > 100);
            prop_assert_eq!(patch.to_json(), start.to_json());
            while let Some(redone) = history.redo(&mut patch) {
                prop_assert!(redone.is_ok());
            }
            prop_assert_eq!(patch.to_json(), end.to_json());
        }
    }
}

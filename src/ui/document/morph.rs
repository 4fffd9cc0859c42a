//! Morphs: the knobs of a patch glide to the values of a snapshot.

use std::sync::atomic::{AtomicU64, Ordering};

use bendrack_nodes::fade::between;
use bendrack_nodes::node::def::Input;
use bendrack_nodes::patch::{LevelEdit, MorphCurve, Patch, Port};
use serde_json::{Value as Json, json};

use super::Step;
use super::snapshots::{recall, setting};
use super::subpatch::resolve_input;

/// The number of the next morph.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Seconds between two steps: five for each latent frame.
const PERIOD: f64 = 0.05;

/// A glide from the present values to those of a snapshot, along the curve of the patch. Choices, switches and texts change at the begin.
pub struct Morph {
    name: String,
    /// The number of its gesture.
    number: u64,
    secs: f64,
    curve: MorphCurve,
    /// The times of the first step and of the last one.
    times: Option<(f64, f64)>,
    jumps: Vec<LevelEdit>,
    glides: Vec<Glide>,
}

/// The way of one knob.
struct Glide {
    input: &'static Input,
    from: f64,
    to: f64,
    /// The value of the last step. A knob with another one was turned by a hand, and leaves the morph.
    now: Json,
    /// The edit at the end.
    last: LevelEdit,
}

impl Morph {
    /// A morph to the snapshot at an index in this many seconds; none without such a snapshot.
    pub fn new(patch: &Patch, index: usize, secs: f64) -> Option<Self> {
        let Step { name, edits, .. } = recall(patch, index)?;
        let snapshot = patch.snapshots.get(index)?;
        let (mut jumps, mut glides) = (Vec::new(), Vec::new());
        for edit in edits {
            let glide = || {
                let LevelEdit::SetParam { id, name, .. } = &edit else { return None };
                let now = setting(patch, id, name)?;
                let to = snapshot.values.get(&Port { node: id.clone(), port: name.clone() })?.as_f64()?;
                let (_, input) = resolve_input(patch, id, name)?;
                Some(Glide { input, from: now.as_f64()?, to, now, last: edit.clone() })
            };
            match glide() {
                Some(glide) => glides.push(glide),
                None => jumps.push(edit),
            }
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Some(Self { name, number, secs, curve: patch.stage.curve, times: None, jumps, glides })
    }

    /// The edits at a time in seconds; none at the end, or before the next step is due.
    pub fn step(&mut self, patch: &Patch, time: f64) -> Option<Step<LevelEdit>> {
        let (begin, last) = *self.times.get_or_insert((time, f64::NEG_INFINITY));
        let part = if self.secs > 0.0 { ((time - begin) / self.secs).clamp(0.0, 1.0) } else { 1.0 };
        if part < 1.0 && time - last < PERIOD {
            return None;
        }
        self.times = Some((begin, time));
        let mut edits = std::mem::take(&mut self.jumps);
        self.glides.retain_mut(|glide| {
            let LevelEdit::SetParam { id, name, .. } = &glide.last else { return false };
            if setting(patch, id, name).as_ref() != Some(&glide.now) {
                return false;
            }
            if part < 1.0 {
                glide.now = json!(between(glide.input, glide.from, glide.to, self.curve.at(part)));
                let (id, name) = (id.clone(), name.clone());
                edits.push(LevelEdit::SetParam { id, name, value: Some(glide.now.clone()) });
            } else {
                edits.push(glide.last.clone());
            }
            part < 1.0
        });
        Some(Step::gliding(self.name.clone(), self.number, edits))
    }

    /// True once no knob glides.
    pub fn has_ended(&self) -> bool {
        self.times.is_some() && self.glides.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Document;
    use super::super::commands::set_param;
    use super::super::snapshots::store;
    use super::*;

    /// A patch whose snapshot has the values of its file, and other values on its knobs.
    fn turned() -> Document {
        let patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        let mut document = Document::new(patch, None, Box::new(|_, _| ()));
        document.apply(store(&document.patch));
        for (id, name, value) in
            [("lfo", "rate", json!(4.0)), ("rotate", "amount", json!(0.5)), ("lfo", "shape", json!("square"))]
        {
            document.apply(set_param("set", id, name, Some(value)));
        }
        document
    }

    fn number(document: &Document, id: &str, name: &str) -> f64 {
        setting(&document.patch, id, name).unwrap().as_f64().unwrap()
    }

    fn step(document: &mut Document, morph: &mut Morph, time: f64) {
        if let Some(step) = morph.step(&document.patch, time) {
            document.apply(step);
        }
    }

    #[test]
    fn knobs_glide_choices_jump_and_one_undo_reverts_all() {
        let mut document = turned();
        let before = document.patch.to_json();
        let mut morph = Morph::new(&document.patch, 0, 2.0).unwrap();
        step(&mut document, &mut morph, 10.0);
        assert_eq!(setting(&document.patch, "lfo", "shape").unwrap(), json!("sine"));
        assert_eq!((number(&document, "lfo", "rate"), number(&document, "rotate", "amount")), (4.0, 0.5));
        step(&mut document, &mut morph, 11.0);
        assert!((number(&document, "lfo", "rate") - 1.0).abs() < 1e-9, "between 4 and 0.25 by even ratios");
        assert!((number(&document, "rotate", "amount") - 0.75).abs() < 1e-9, "between 0.5 and 1");
        assert!(morph.step(&document.patch, 11.01).is_none(), "not yet due");
        assert!(!morph.has_ended());
        step(&mut document, &mut morph, 12.5);
        assert!(morph.has_ended());
        assert!(super::super::snapshots::is_recalled(&document.patch, &document.patch.snapshots[0]));
        assert!(document.undo());
        assert_eq!(document.patch.to_json(), before);
    }

    #[test]
    fn a_knob_that_a_hand_turns_leaves_the_morph() {
        let mut document = turned();
        let mut morph = Morph::new(&document.patch, 0, 2.0).unwrap();
        step(&mut document, &mut morph, 0.0);
        step(&mut document, &mut morph, 0.5);
        document.apply(set_param("turn", "lfo", "rate", Some(json!(7.0))));
        step(&mut document, &mut morph, 1.0);
        step(&mut document, &mut morph, 3.0);
        assert_eq!((number(&document, "lfo", "rate"), number(&document, "rotate", "amount")), (7.0, 1.0));
        document.apply(set_param("set", "rotate", "amount", Some(json!(0.1))));
        let mut morph = Morph::new(&document.patch, 0, 2.0).unwrap();
        step(&mut document, &mut morph, 0.0);
        assert!(document.undo() || document.patch.nodes.is_empty());
        step(&mut document, &mut morph, 1.0);
        assert!(Morph::new(&document.patch, 1, 2.0).is_none(), "there is one snapshot");
    }

    #[test]
    fn no_time_is_a_recall_at_once() {
        let mut document = turned();
        let mut morph = Morph::new(&document.patch, 0, 0.0).unwrap();
        step(&mut document, &mut morph, 5.0);
        assert!(morph.has_ended());
        assert!(super::super::snapshots::is_recalled(&document.patch, &document.patch.snapshots[0]));
    }
}

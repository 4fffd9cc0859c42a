//! Edits: every change of a patch is an [`Edit`]. Its application returns the inverse edits.

use crate::patch::edit_error::EditError;
use crate::patch::level::{Level, LevelEdit, replace};
use crate::patch::{ClipSettings, ControlMap, Definition, EngineSettings, Frame, Meta, Patch, Snapshot, Stage};

impl Patch {
    /// Applies an edit. Returns the inverse edits, in order.
    ///
    /// # Errors
    ///
    /// Fails if the edit names a node, cable or other part that the patch lacks, or adds one that it has. The patch is
    /// then unchanged.
    pub fn apply(&mut self, edit: impl Into<Edit>) -> Result<Vec<Edit>, EditError> {
        match edit.into() {
            Edit::Level(edit) => self.apply_here(edit),
            Edit::Within { id, edit } => self.apply_within(id, edit),
            Edit::SetSeed { seed } => {
                let before = std::mem::replace(&mut self.engine.seed, seed);
                Ok(vec![Edit::SetSeed { seed: before }])
            }
            Edit::SetTempo { tempo } => {
                let before = std::mem::replace(&mut self.engine.tempo, tempo);
                Ok(vec![Edit::SetTempo { tempo: before }])
            }
            Edit::SetMaster { master } => {
                let before = std::mem::replace(&mut self.engine.master, master);
                Ok(vec![Edit::SetMaster { master: before }])
            }
            Edit::SetSteps { steps } => {
                let before = std::mem::replace(&mut self.engine.steps, steps);
                Ok(vec![Edit::SetSteps { steps: before }])
            }
            Edit::SetClip { clip } => {
                let EngineSettings { length, scheduler, shift, guidance, .. } = &mut self.engine;
                let before = ClipSettings {
                    length: std::mem::replace(length, clip.length),
                    scheduler: std::mem::replace(scheduler, clip.scheduler),
                    shift: std::mem::replace(shift, clip.shift),
                    guidance: std::mem::replace(guidance, clip.guidance),
                };
                Ok(vec![Edit::SetClip { clip: before }])
            }
            Edit::SetMeta { meta } => {
                let before = std::mem::replace(&mut self.meta, *meta);
                Ok(vec![Edit::SetMeta { meta: Box::new(before) }])
            }
            Edit::SetFrames { frames } => {
                let before = std::mem::replace(&mut self.frames, frames);
                Ok(vec![Edit::SetFrames { frames: before }])
            }
            Edit::SetSnapshots { snapshots } => {
                let before = std::mem::replace(&mut self.snapshots, snapshots);
                Ok(vec![Edit::SetSnapshots { snapshots: before }])
            }
            Edit::SetStage { stage } => {
                let before = std::mem::replace(&mut self.stage, *stage);
                Ok(vec![Edit::SetStage { stage: Box::new(before) }])
            }
            Edit::SetMaps { maps } => {
                let before = std::mem::replace(&mut self.maps, maps);
                Ok(vec![Edit::SetMaps { maps: before }])
            }
            Edit::SetDefinition { id, definition } => {
                let before = replace(&mut self.definitions, &id, definition.map(|definition| *definition));
                Ok(vec![Edit::SetDefinition { id, definition: before.map(Box::new) }])
            }
        }
    }

    fn apply_here(&mut self, edit: LevelEdit) -> Result<Vec<Edit>, EditError> {
        let removed = if let LevelEdit::RemoveNode { id } = &edit { Some(id.clone()) } else { None };
        let Self { nodes, cables, layout, .. } = self;
        let undo = Level { nodes, cables, layout }.apply(edit)?;
        let references = removed.map(|id| self.remove_references(&id)).unwrap_or_default();
        Ok(undo.into_iter().map(Edit::Level).chain(references).collect())
    }

    /// The inverse is the whole definition, which also restores the order of its cables.
    fn apply_within(&mut self, id: String, edit: LevelEdit) -> Result<Vec<Edit>, EditError> {
        let Some(definition) = self.definitions.get_mut(&id) else {
            return Err(EditError::NoSubpatch(id));
        };
        let before = definition.clone();
        let Definition { nodes, cables, layout, .. } = definition;
        Level { nodes, cables, layout }.apply(edit)?;
        Ok(vec![Edit::SetDefinition { id, definition: Some(Box::new(before)) }])
    }

    /// Removes the maps, macros and snapshot values of a removed node, so that a later node of the same id does not
    /// inherit them. Returns the inverse edits.
    fn remove_references(&mut self, id: &str) -> Vec<Edit> {
        let mut undo = Vec::new();
        if self.maps.iter().any(|map| map.to.node == id) {
            undo.push(Edit::SetMaps { maps: self.maps.clone() });
            self.maps.retain(|map| map.to.node != id);
        }
        if self.stage.macros.iter().chain(&self.stage.locked).any(|port| port.node == id) {
            undo.push(Edit::SetStage { stage: Box::new(self.stage.clone()) });
            self.stage.macros.retain(|port| port.node != id);
            self.stage.locked.retain(|port| port.node != id);
        }
        if self.snapshots.iter().any(|snapshot| snapshot.values.keys().any(|port| port.node == id)) {
            undo.push(Edit::SetSnapshots { snapshots: self.snapshots.clone() });
            self.snapshots.iter_mut().for_each(|snapshot| snapshot.values.retain(|port, _| port.node != id));
        }
        undo
    }
}

/// A change of a patch.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Changes nodes, cables or places of the patch itself.
    Level(LevelEdit),
    /// Changes nodes, cables or places of a subpatch.
    Within {
        /// The subpatch's id.
        id: String,
        /// The edit.
        edit: LevelEdit,
    },
    /// Changes the seed of the video and of all random nodes.
    SetSeed {
        /// The seed.
        seed: u64,
    },
    /// Changes the tempo of the patch, unless a node sets it.
    SetTempo {
        /// In beats per minute.
        tempo: f64,
    },
    /// Changes the master depth.
    SetMaster {
        /// 0 to 1.
        master: f64,
    },
    /// Changes the denoising steps of a chunk.
    SetSteps {
        /// 1 to 100; none is the number of the model.
        steps: Option<u64>,
    },
    /// Changes the settings of clips.
    SetClip {
        /// All of them.
        clip: ClipSettings,
    },
    /// Replaces the metadata.
    SetMeta {
        /// The new metadata.
        meta: Box<Meta>,
    },
    /// Changes the frames around nodes.
    SetFrames {
        /// All of them.
        frames: Vec<Frame>,
    },
    /// Changes the snapshots.
    SetSnapshots {
        /// All of them.
        snapshots: Vec<Snapshot>,
    },
    /// Changes the set-up of a performance.
    SetStage {
        /// All of it.
        stage: Box<Stage>,
    },
    /// Changes the maps.
    SetMaps {
        /// All of them.
        maps: Vec<ControlMap>,
    },
    /// Replaces or adds a subpatch; none removes it.
    SetDefinition {
        /// Its id.
        id: String,
        /// The subpatch.
        definition: Option<Box<Definition>>,
    },
}

impl From<LevelEdit> for Edit {
    fn from(edit: LevelEdit) -> Self {
        Self::Level(edit)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that is wrong stops")]
mod tests {
    use super::*;
    use crate::patch::Cable;

    /// A patch that has something of everything.
    fn full() -> Patch {
        let text = r#"{ "format": "bendrack-patch", "version": 1, "meta": { "title": "Full" }, "engine": { "seed": 7 },
            "nodes": { "lfo": { "type": "modulate.lfo" }, "left": { "type": "sub.wobble" } },
            "cables": [{ "from": "lfo.out", "to": "left.way" }, { "from": "lfo.out", "to": "lfo.width" }],
            "definitions": { "wobble": { "inputs": [{ "name": "way", "to": ["turn.angle"] }],
                "nodes": { "turn": { "type": "bend.rotate" }, "slow": { "type": "modulate.lfo" } },
                "cables": [{ "from": "slow.out", "to": "turn.angle" }, { "from": "slow.out", "to": "turn.amount" }] } },
            "maps": [{ "channel": 1, "cc": 2, "to": "lfo.rate", "range": [0.0, 1.0] }],
            "snapshots": [{ "name": "calm", "values": { "lfo.rate": 0.1 } }],
            "layout": { "lfo": { "pos": [8.0, 16.0], "collapsed": true } },
            "frames": [{ "title": "Here", "pos": [0.0, 0.0], "size": [200.0, 100.0] }] }"#;
        Patch::from_json(text).unwrap()
    }

    #[test]
    fn metadata_is_replaced_and_restored_byte_by_byte() {
        let start = full();
        let within = |edit| Edit::Within { id: "wobble".into(), edit };
        let edits = [
            Edit::SetTempo { tempo: 90.0 },
            Edit::SetSteps { steps: Some(12) },
            Edit::SetClip { clip: ClipSettings { length: Some(21), shift: Some(3.0), ..ClipSettings::default() } },
            Edit::SetMaster { master: 0.5 },
            LevelEdit::Mute { to: "left.way".parse().unwrap(), mute: true }.into(),
            Edit::SetMeta { meta: Box::new(Meta { title: "Other".into(), ..Meta::default() }) },
            Edit::SetFrames { frames: Vec::new() },
            Edit::SetSnapshots { snapshots: Vec::new() },
            Edit::SetMaps { maps: Vec::new() },
            Edit::SetStage { stage: Box::new(Stage { morph: 2.0, ..Stage::default() }) },
            LevelEdit::RemoveNode { id: "lfo".into() }.into(),
            LevelEdit::Disconnect { to: "left.way".parse().unwrap() }.into(),
            LevelEdit::Connect { cable: Cable::new("lfo.wrap".parse().unwrap(), "left.way".parse().unwrap()) }.into(),
            LevelEdit::Move { id: "lfo".into(), pos: [8.0, 8.0] }.into(),
            LevelEdit::Move { id: "left".into(), pos: [8.0, 8.0] }.into(),
            within(LevelEdit::RemoveNode { id: "slow".into() }),
            within(LevelEdit::Disconnect { to: "turn.angle".parse().unwrap() }),
            within(LevelEdit::Bypass { id: "turn".into(), bypass: true }),
            Edit::SetDefinition { id: "wobble".into(), definition: None },
        ];
        for edit in edits {
            let mut patch = start.clone();
            let undo = patch.apply(edit.clone()).unwrap();
            assert_ne!(patch.to_json(), start.to_json(), "{edit:?}");
            for edit in undo {
                patch.apply(edit).unwrap();
            }
            assert_eq!(patch.to_json(), start.to_json(), "{edit:?}");
        }
    }

    #[test]
    fn maps_and_snapshots_go_with_their_node_and_not_to_the_next_of_its_name() {
        let mut patch = full();
        let undo = patch.apply(LevelEdit::RemoveNode { id: "lfo".into() }).unwrap();
        assert!(patch.maps.is_empty() && patch.snapshots[0].values.is_empty() && patch.cables.is_empty());
        for edit in undo {
            patch.apply(edit).unwrap();
        }
        assert_eq!(patch, full());
    }

    #[test]
    fn an_edit_that_cannot_be_made_changes_nothing() {
        let start = full();
        let within = |id: &str, edit| Edit::Within { id: id.into(), edit };
        let edits = [
            LevelEdit::Mute { to: "lfo.rate".parse().unwrap(), mute: true }.into(),
            within("nobody", LevelEdit::RemoveNode { id: "slow".into() }),
            within("wobble", LevelEdit::RemoveNode { id: "lfo".into() }),
        ];
        for edit in edits {
            let mut patch = start.clone();
            assert!(patch.apply(edit.clone()).is_err(), "{edit:?}");
            assert_eq!(patch, start, "{edit:?}");
        }
    }
}

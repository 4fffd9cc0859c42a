//! The language of edits: everything that changes a patch is an [`Edit`], and applying one gives the edits that undo it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::patch::edit_error::EditError;
use crate::patch::{Cable, Definition, Frame, Meta, MidiMap, Node, Patch, Place, Port, Snapshot};

impl Patch {
    /// Makes an edit, and returns the edits that undo it, in the order in which to make them.
    ///
    /// # Errors
    ///
    /// If the edit names a node, cable or other part that the patch lacks, or adds one that it has. The patch is unchanged then.
    pub fn apply(&mut self, edit: Edit) -> Result<Vec<Edit>, EditError> {
        match edit {
            Edit::SetSeed { seed } => {
                let before = std::mem::replace(&mut self.engine.seed, seed);
                Ok(vec![Edit::SetSeed { seed: before }])
            }
            Edit::SetTempo { tempo } => {
                let before = std::mem::replace(&mut self.engine.tempo, tempo);
                Ok(vec![Edit::SetTempo { tempo: before }])
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
            Edit::SetMaps { maps } => {
                let before = std::mem::replace(&mut self.maps, maps);
                Ok(vec![Edit::SetMaps { maps: before }])
            }
            Edit::SetDefinition { id, definition } => {
                let before = match definition {
                    Some(definition) => self.definitions.insert(id.clone(), *definition),
                    None => self.definitions.remove(&id),
                };
                Ok(vec![Edit::SetDefinition { id, definition: before.map(Box::new) }])
            }
            Edit::Within { id, edit } => {
                let Some(definition) = self.definitions.get_mut(&id) else {
                    return Err(EditError::NoSubpatch(id));
                };
                let before = definition.clone();
                let Definition { nodes, cables, layout, .. } = definition;
                Floor { nodes, cables, layout }.apply(*edit)?;
                Ok(vec![Edit::SetDefinition { id, definition: Some(Box::new(before)) }])
            }
            Edit::RemoveNode { id } => {
                let mut undo = self.floor().apply(Edit::RemoveNode { id: id.clone() })?;
                undo.append(&mut self.forget(&id));
                Ok(undo)
            }
            edit => self.floor().apply(edit),
        }
    }

    fn floor(&mut self) -> Floor<'_> {
        let Self { nodes, cables, layout, .. } = self;
        Floor { nodes, cables, layout }
    }

    /// Removes the MIDI maps and snapshot values of a removed node, so that a later node of its name does not get them.
    /// Returns the edits that undo it.
    fn forget(&mut self, id: &str) -> Vec<Edit> {
        let mut undo = Vec::new();
        if self.maps.iter().any(|map| map.to.node == id) {
            undo.push(Edit::SetMaps { maps: self.maps.clone() });
            self.maps.retain(|map| map.to.node != id);
        }
        if self.snapshots.iter().any(|snapshot| snapshot.values.keys().any(|port| port.node == id)) {
            undo.push(Edit::SetSnapshots { snapshots: self.snapshots.clone() });
            self.snapshots.iter_mut().for_each(|snapshot| snapshot.values.retain(|port, _| port.node != id));
        }
        undo
    }
}

/// The common part of a patch and a subpatch: nodes, cables, layout.
struct Floor<'p> {
    nodes: &'p mut BTreeMap<String, Node>,
    cables: &'p mut Vec<Cable>,
    layout: &'p mut BTreeMap<String, Place>,
}

impl Floor<'_> {
    fn apply(mut self, edit: Edit) -> Result<Vec<Edit>, EditError> {
        match edit {
            Edit::AddNode { id, node, pos } => {
                if self.nodes.contains_key(&id) {
                    return Err(EditError::IdTaken(id));
                }
                self.nodes.insert(id.clone(), node);
                self.layout.insert(id.clone(), Place { pos, ..Place::default() });
                Ok(vec![Edit::RemoveNode { id }])
            }
            Edit::RemoveNode { id } => {
                let Some(node) = self.nodes.remove(&id) else { return Err(EditError::NoNode(id)) };
                let cables = self.cables.clone();
                self.cables.retain(|cable| cable.from.node != id && cable.to.node != id);
                let place = self.layout.remove(&id);
                let pos = place.as_ref().map_or([0.0; 2], |place| place.pos);
                Ok(vec![
                    Edit::AddNode { id: id.clone(), node, pos },
                    Edit::SetPlace { id, place },
                    Edit::SetCables { cables },
                ])
            }
            Edit::Connect { cable } => {
                for end in [&cable.from, &cable.to] {
                    if !self.nodes.contains_key(&end.node) {
                        return Err(EditError::NoNode(end.node.clone()));
                    }
                }
                let undo = Edit::SetCables { cables: self.cables.clone() };
                match self.cables.iter_mut().find(|known| known.to == cable.to) {
                    Some(known) => *known = cable,
                    None => self.cables.push(cable),
                }
                Ok(vec![undo])
            }
            Edit::Disconnect { to } => match self.cables.iter().position(|cable| cable.to == to) {
                Some(cable) => {
                    let undo = Edit::SetCables { cables: self.cables.clone() };
                    self.cables.remove(cable);
                    Ok(vec![undo])
                }
                None => Err(EditError::NoCable(to)),
            },
            Edit::SetCables { cables } => Ok(vec![Edit::SetCables { cables: std::mem::replace(self.cables, cables) }]),
            Edit::SetParam { id, name, value } => {
                let node = self.node_mut(&id)?;
                let before = match value {
                    Some(value) => node.params.insert(name.clone(), value),
                    None => node.params.remove(&name),
                };
                Ok(vec![Edit::SetParam { id, name, value: before }])
            }
            Edit::SetDepth { id, name, depth } => {
                let node = self.node_mut(&id)?;
                let before = match depth {
                    Some(depth) => node.depths.insert(name.clone(), depth),
                    None => node.depths.remove(&name),
                };
                Ok(vec![Edit::SetDepth { id, name, depth: before }])
            }
            Edit::Bypass { id, bypass } => {
                let before = std::mem::replace(&mut self.node_mut(&id)?.bypass, bypass);
                Ok(vec![Edit::Bypass { id, bypass: before }])
            }
            Edit::Mute { to, mute } => match self.cables.iter_mut().find(|cable| cable.to == to) {
                Some(cable) => {
                    let before = std::mem::replace(&mut cable.mute, mute);
                    Ok(vec![Edit::Mute { to, mute: before }])
                }
                None => Err(EditError::NoCable(to)),
            },
            Edit::Move { id, pos } => {
                self.node_mut(&id)?;
                let before = self.layout.get(&id).cloned();
                self.layout.entry(id.clone()).or_default().pos = pos;
                Ok(vec![Edit::SetPlace { id, place: before }])
            }
            Edit::SetPlace { id, place } => {
                let before = match place {
                    Some(place) => self.layout.insert(id.clone(), place),
                    None => self.layout.remove(&id),
                };
                Ok(vec![Edit::SetPlace { id, place: before }])
            }
            _ => Err(EditError::NotInSubpatch),
        }
    }

    fn node_mut(&mut self, id: &str) -> Result<&mut Node, EditError> {
        self.nodes.get_mut(id).ok_or_else(|| EditError::NoNode(id.to_owned()))
    }
}

/// A change of a patch.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// A new node.
    AddNode {
        /// Its id, not yet taken.
        id: String,
        /// The node.
        node: Node,
        /// Position on the canvas.
        pos: [f64; 2],
    },
    /// Removes a node, with its cables, MIDI maps and values in snapshots.
    RemoveNode {
        /// Its id.
        id: String,
    },
    /// Plugs a cable in; one that was there before is pulled out.
    Connect {
        /// The cable.
        cable: Cable,
    },
    /// Pulls a cable out.
    Disconnect {
        /// The input it ends at.
        to: Port,
    },
    /// Turns a knob, writes in a field; nothing sets it to its default.
    SetParam {
        /// The node's id.
        id: String,
        /// The input's name.
        name: String,
        /// The new value; none is the default.
        value: Option<Json>,
    },
    /// Sets the depth of a cable.
    SetDepth {
        /// The node's id.
        id: String,
        /// The input's name.
        name: String,
        /// −1 to 1.
        depth: Option<f64>,
    },
    /// Lets bends pass a node unchanged, or not.
    Bypass {
        /// The node's id.
        id: String,
        /// True to bypass it.
        bypass: bool,
    },
    /// Changes the seed of the video and of everything random in the patch.
    SetSeed {
        /// The seed.
        seed: u64,
    },
    /// Changes the tempo that nodes keep.
    SetTempo {
        /// In beats per minute.
        tempo: f64,
    },
    /// Lets nothing flow along a cable, or lets it flow again.
    Mute {
        /// The input it ends at.
        to: Port,
        /// True to mute it.
        mute: bool,
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
    /// Changes which MIDI controllers turn which knobs.
    SetMaps {
        /// All of them.
        maps: Vec<MidiMap>,
    },
    /// Puts a subpatch in the place of another; nothing takes it away.
    SetDefinition {
        /// Its id.
        id: String,
        /// The subpatch.
        definition: Option<Box<Definition>>,
    },
    /// Makes an edit within a subpatch: of its nodes, their cables and places.
    Within {
        /// The subpatch's id.
        id: String,
        /// The edit.
        edit: Box<Edit>,
    },
    /// Changes all cables.
    SetCables {
        /// All of them.
        cables: Vec<Cable>,
    },
    /// Changes where a node stands, and what else is known of its place; nothing takes the place away.
    SetPlace {
        /// The node's id.
        id: String,
        /// The place.
        place: Option<Place>,
    },
    /// Moves a node on the canvas.
    Move {
        /// The node's id.
        id: String,
        /// New position on the canvas.
        pos: [f64; 2],
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that is wrong stops")]
mod tests {
    use super::*;

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
        let within = |edit| Edit::Within { id: "wobble".into(), edit: Box::new(edit) };
        let edits = [
            Edit::SetTempo { tempo: 90.0 },
            Edit::Mute { to: "left.way".parse().unwrap(), mute: true },
            Edit::SetMeta { meta: Box::new(Meta { title: "Other".into(), ..Meta::default() }) },
            Edit::SetFrames { frames: Vec::new() },
            Edit::SetSnapshots { snapshots: Vec::new() },
            Edit::SetMaps { maps: Vec::new() },
            Edit::RemoveNode { id: "lfo".into() },
            Edit::Disconnect { to: "left.way".parse().unwrap() },
            Edit::Connect { cable: Cable::new("lfo.wrap".parse().unwrap(), "left.way".parse().unwrap()) },
            Edit::Move { id: "lfo".into(), pos: [8.0, 8.0] },
            Edit::Move { id: "left".into(), pos: [8.0, 8.0] },
            within(Edit::RemoveNode { id: "slow".into() }),
            within(Edit::Disconnect { to: "turn.angle".parse().unwrap() }),
            within(Edit::Bypass { id: "turn".into(), bypass: true }),
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
        let undo = patch.apply(Edit::RemoveNode { id: "lfo".into() }).unwrap();
        assert!(patch.maps.is_empty() && patch.snapshots[0].values.is_empty() && patch.cables.is_empty());
        for edit in undo {
            patch.apply(edit).unwrap();
        }
        assert_eq!(patch, full());
    }

    #[test]
    fn an_edit_that_cannot_be_made_changes_nothing() {
        let start = full();
        let within = |id: &str, edit| Edit::Within { id: id.into(), edit: Box::new(edit) };
        let edits = [
            Edit::Mute { to: "lfo.rate".parse().unwrap(), mute: true },
            within("nobody", Edit::RemoveNode { id: "slow".into() }),
            within("wobble", Edit::RemoveNode { id: "lfo".into() }),
            within("wobble", Edit::SetSeed { seed: 1 }),
            within("wobble", within("wobble", Edit::RemoveNode { id: "slow".into() })),
        ];
        for edit in edits {
            let mut patch = start.clone();
            assert!(patch.apply(edit.clone()).is_err(), "{edit:?}");
            assert_eq!(patch, start, "{edit:?}");
        }
    }
}

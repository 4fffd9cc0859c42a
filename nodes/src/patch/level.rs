//! One level of a patch, which is the patch itself or a subpatch: nodes, cables, layout, and their edits.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::patch::edit_error::EditError;
use crate::patch::{Cable, Node, Place, Port};

/// A change of one level: of its nodes, cables or places.
#[derive(Clone, Debug, PartialEq)]
pub enum LevelEdit {
    /// A new node.
    AddNode {
        /// Its id, not yet taken.
        id: String,
        /// The node.
        node: Node,
        /// Position on the canvas.
        pos: [f64; 2],
    },
    /// Removes a node with its cables; in a patch, also its maps and values in snapshots.
    RemoveNode {
        /// Its id.
        id: String,
    },
    /// Connects a cable, and removes an earlier one at its input.
    Connect {
        /// The cable.
        cable: Cable,
    },
    /// Removes a cable.
    Disconnect {
        /// Its input.
        to: Port,
    },
    /// Sets a knob or a field; none resets it to its default.
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
    /// Bypasses a node, or ends its bypass.
    Bypass {
        /// The node's id.
        id: String,
        /// True to bypass it.
        bypass: bool,
    },
    /// Sets the title of a node; an empty one is that of its kind.
    SetTitle {
        /// The node's id.
        id: String,
        /// The title.
        title: String,
    },
    /// Mutes a cable, or ends its mute.
    Mute {
        /// Its input.
        to: Port,
        /// True to mute it.
        mute: bool,
    },
    /// Moves a node on the canvas.
    Move {
        /// The node's id.
        id: String,
        /// New position on the canvas.
        pos: [f64; 2],
    },
    /// Replaces all cables.
    SetCables {
        /// All of them.
        cables: Vec<Cable>,
    },
    /// Sets the place of a node, with its unknown keys; none removes it.
    SetPlace {
        /// The node's id.
        id: String,
        /// The place.
        place: Option<Place>,
    },
}

/// The common part of a patch and a subpatch.
pub(super) struct Level<'p> {
    pub(super) nodes: &'p mut BTreeMap<String, Node>,
    pub(super) cables: &'p mut Vec<Cable>,
    pub(super) layout: &'p mut BTreeMap<String, Place>,
}

type Undo = Result<Vec<LevelEdit>, EditError>;

impl Level<'_> {
    /// Applies an edit. Returns the inverse edits, in order.
    ///
    /// # Errors
    ///
    /// Fails if the edit names a node or cable that the level lacks, or adds a node that it has. The level is then
    /// unchanged.
    pub(super) fn apply(self, edit: LevelEdit) -> Undo {
        match edit {
            LevelEdit::AddNode { id, node, pos } => self.add_node(id, node, pos),
            LevelEdit::RemoveNode { id } => self.remove_node(id),
            LevelEdit::Connect { cable } => self.connect(cable),
            LevelEdit::Disconnect { to } => self.disconnect(to),
            LevelEdit::SetParam { id, name, value } => self.set_param(id, name, value),
            LevelEdit::SetDepth { id, name, depth } => self.set_depth(id, name, depth),
            LevelEdit::Bypass { id, bypass } => self.bypass(id, bypass),
            LevelEdit::SetTitle { id, title } => self.set_title(id, title),
            LevelEdit::Mute { to, mute } => self.mute(to, mute),
            LevelEdit::Move { id, pos } => self.move_node(id, pos),
            LevelEdit::SetCables { cables } => {
                Ok(vec![LevelEdit::SetCables { cables: std::mem::replace(self.cables, cables) }])
            }
            LevelEdit::SetPlace { id, place } => {
                let before = replace(self.layout, &id, place);
                Ok(vec![LevelEdit::SetPlace { id, place: before }])
            }
        }
    }

    fn add_node(self, id: String, node: Node, pos: [f64; 2]) -> Undo {
        if self.nodes.contains_key(&id) {
            return Err(EditError::IdTaken(id));
        }
        self.nodes.insert(id.clone(), node);
        self.layout.insert(id.clone(), Place { pos, ..Place::default() });
        Ok(vec![LevelEdit::RemoveNode { id }])
    }

    fn remove_node(self, id: String) -> Undo {
        let Some(node) = self.nodes.remove(&id) else { return Err(EditError::NoNode(id)) };
        let cables = self.cables.clone();
        self.cables.retain(|cable| cable.from.node != id && cable.to.node != id);
        let place = self.layout.remove(&id);
        let pos = place.as_ref().map_or([0.0; 2], |place| place.pos);
        Ok(vec![
            LevelEdit::AddNode { id: id.clone(), node, pos },
            LevelEdit::SetPlace { id, place },
            LevelEdit::SetCables { cables },
        ])
    }

    fn connect(self, cable: Cable) -> Undo {
        for end in [&cable.from, &cable.to] {
            if !self.nodes.contains_key(&end.node) {
                return Err(EditError::NoNode(end.node.clone()));
            }
        }
        let undo = LevelEdit::SetCables { cables: self.cables.clone() };
        match self.cables.iter_mut().find(|known| known.to == cable.to) {
            Some(known) => *known = cable,
            None => self.cables.push(cable),
        }
        Ok(vec![undo])
    }

    fn disconnect(self, to: Port) -> Undo {
        let Some(cable) = self.cables.iter().position(|cable| cable.to == to) else {
            return Err(EditError::NoCable(to));
        };
        let undo = LevelEdit::SetCables { cables: self.cables.clone() };
        self.cables.remove(cable);
        Ok(vec![undo])
    }

    fn set_param(self, id: String, name: String, value: Option<Json>) -> Undo {
        let before = replace(&mut node_mut(self.nodes, &id)?.params, &name, value);
        Ok(vec![LevelEdit::SetParam { id, name, value: before }])
    }

    fn set_depth(self, id: String, name: String, depth: Option<f64>) -> Undo {
        let before = replace(&mut node_mut(self.nodes, &id)?.depths, &name, depth);
        Ok(vec![LevelEdit::SetDepth { id, name, depth: before }])
    }

    fn bypass(self, id: String, bypass: bool) -> Undo {
        let before = std::mem::replace(&mut node_mut(self.nodes, &id)?.bypass, bypass);
        Ok(vec![LevelEdit::Bypass { id, bypass: before }])
    }

    fn set_title(self, id: String, title: String) -> Undo {
        let before = std::mem::replace(&mut node_mut(self.nodes, &id)?.title, title);
        Ok(vec![LevelEdit::SetTitle { id, title: before }])
    }

    fn mute(self, to: Port, mute: bool) -> Undo {
        let Some(cable) = self.cables.iter_mut().find(|cable| cable.to == to) else {
            return Err(EditError::NoCable(to));
        };
        let before = std::mem::replace(&mut cable.mute, mute);
        Ok(vec![LevelEdit::Mute { to, mute: before }])
    }

    fn move_node(self, id: String, pos: [f64; 2]) -> Undo {
        if !self.nodes.contains_key(&id) {
            return Err(EditError::NoNode(id));
        }
        let before = self.layout.get(&id).cloned();
        self.layout.entry(id.clone()).or_default().pos = pos;
        Ok(vec![LevelEdit::SetPlace { id, place: before }])
    }
}

/// Sets the value of a key, or removes the key, and returns the former value.
pub(super) fn replace<V>(map: &mut BTreeMap<String, V>, key: &str, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key.to_owned(), value),
        None => map.remove(key),
    }
}

fn node_mut<'n>(nodes: &'n mut BTreeMap<String, Node>, id: &str) -> Result<&'n mut Node, EditError> {
    nodes.get_mut(id).ok_or_else(|| EditError::NoNode(id.to_owned()))
}

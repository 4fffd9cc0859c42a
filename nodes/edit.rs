//! The language of edits: everything that changes a patch is an [`Edit`], and applying one gives the edits that undo it.

use serde_json::Value as Json;

use crate::patch::{Cable, Node, Patch, Place, Port};

impl Patch {
    /// Makes an edit, and returns the edits that undo it, in the order in which to make them.
    pub fn apply(&mut self, edit: Edit) -> Result<Vec<Edit>, String> {
        match edit {
            Edit::AddNode { id, node, pos } => {
                if self.nodes.contains_key(&id) {
                    return Err(format!("there is a node {id} already"));
                }
                self.nodes.insert(id.clone(), node);
                self.layout.insert(id.clone(), Place { pos, ..Place::default() });
                Ok(vec![Edit::RemoveNode { id }])
            }
            Edit::RemoveNode { id } => {
                let Some(node) = self.nodes.remove(&id) else { return Err(format!("there is no node {id}")) };
                let pos = self.layout.remove(&id).unwrap_or_default().pos;
                let mut undo = vec![Edit::AddNode { id: id.clone(), node, pos }];
                for cable in self.cables.extract_if(.., |cable| cable.from.node == id || cable.to.node == id) {
                    undo.push(Edit::Connect { cable });
                }
                Ok(undo)
            }
            Edit::Connect { cable } => {
                for end in [&cable.from, &cable.to] {
                    if !self.nodes.contains_key(&end.node) {
                        return Err(format!("there is no node {}", end.node));
                    }
                }
                let mut undo = vec![Edit::Disconnect { to: cable.to.clone() }];
                let before = self.cables.iter().position(|known| known.to == cable.to);
                if let Some(before) = before {
                    undo.push(Edit::Connect { cable: self.cables.remove(before) });
                }
                self.cables.push(cable);
                Ok(undo)
            }
            Edit::Disconnect { to } => match self.cables.iter().position(|cable| cable.to == to) {
                Some(cable) => Ok(vec![Edit::Connect { cable: self.cables.remove(cable) }]),
                None => Err(format!("there is no cable to {to}")),
            },
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
            Edit::SetSeed { seed } => {
                let before = std::mem::replace(&mut self.engine.seed, seed);
                Ok(vec![Edit::SetSeed { seed: before }])
            }
            Edit::Move { id, pos } => {
                self.node_mut(&id)?;
                let place = self.layout.entry(id.clone()).or_default();
                let before = std::mem::replace(&mut place.pos, pos);
                Ok(vec![Edit::Move { id, pos: before }])
            }
        }
    }

    fn node_mut(&mut self, id: &str) -> Result<&mut Node, String> {
        self.nodes.get_mut(id).ok_or_else(|| format!("there is no node {id}"))
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
        /// Where it stands.
        pos: [f64; 2],
    },
    /// Takes a node away, and its cables.
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
        /// What it says.
        value: Option<Json>,
    },
    /// Turns the small knob that says how far a cable moves the large one.
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
        /// Whether they do.
        bypass: bool,
    },
    /// Changes the seed of the video and of everything random in the patch.
    SetSeed {
        /// The seed.
        seed: u64,
    },
    /// Moves a node on the canvas.
    Move {
        /// The node's id.
        id: String,
        /// Where to.
        pos: [f64; 2],
    },
}

//! A patch as it is edited and saved: nodes, cables, layout, metadata. Plain JSON, read and written as it is.
//!
//! What this version does not know is kept: unknown nodes, parameters and keys survive a load and a save. The language of
//! edits is [`Edit`]: everything that changes a patch is one, and applying it gives the edits that undo it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::error::{Code, Problem};
use crate::flat::Scope;

/// The version of the format that is written.
pub const VERSION: u64 = 1;
/// The value of the `format` key.
const FORMAT: &str = "bendrack-patch";
/// The longest patch that is read, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// A patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Patch {
    /// Always `bendrack-patch`.
    pub format: String,
    /// The version of the format.
    pub version: u64,
    /// What people want to know about it.
    #[serde(default)]
    pub meta: Meta,
    /// How it runs.
    #[serde(default)]
    pub engine: Engine,
    /// The nodes by id.
    #[serde(default)]
    pub nodes: BTreeMap<String, Node>,
    /// The cables, in the order in which they were plugged in.
    #[serde(default)]
    pub cables: Vec<Cable>,
    /// Subpatches by id: a node of the kind `sub.` and the id is an instance.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub definitions: BTreeMap<String, Definition>,
    /// Where nodes stand on the canvas.
    #[serde(default)]
    pub layout: BTreeMap<String, Place>,
    /// What this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// What people want to know about a patch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// Who made it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// What it shows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// How a patch runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Engine {
    /// The seed of the video and of everything random in the patch.
    #[serde(default)]
    pub seed: u64,
    /// The tempo that nodes keep, in beats per minute, unless one says otherwise.
    #[serde(default = "default_tempo", skip_serializing_if = "is_default_tempo")]
    pub tempo: f64,
    /// What this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// Beats per minute if a patch says nothing.
pub const DEFAULT_TEMPO: f64 = 120.0;

fn default_tempo() -> f64 {
    DEFAULT_TEMPO
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_default_tempo(tempo: &f64) -> bool {
    *tempo == DEFAULT_TEMPO
}

impl Default for Engine {
    fn default() -> Self {
        Self { seed: 0, tempo: DEFAULT_TEMPO, rest: Map::new() }
    }
}

/// A node of a patch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The name of its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name on the canvas, if it has one of its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Whether bends pass it unchanged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bypass: bool,
    /// What its knobs and fields say, by the name of the input.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Json>,
    /// How far cables move its knobs, by the name of the input: −1 to 1 of the knob's travel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub depths: BTreeMap<String, f64>,
    /// What this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// A cable from an output to an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cable {
    /// The output.
    pub from: Port,
    /// The input; it takes one cable.
    pub to: Port,
    /// Nothing flows along it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mute: bool,
    /// What this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

impl Cable {
    /// A cable between two ports, each written `node.port`.
    pub fn new(from: Port, to: Port) -> Self {
        Self { from, to, mute: false, rest: Map::new() }
    }
}

/// A port of a node, written `node.port`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Port {
    /// The node's id.
    pub node: String,
    /// The port's name.
    pub port: String,
}

impl FromStr for Port {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('.') {
            Some((node, port)) if !node.is_empty() && !port.is_empty() => {
                Ok(Self { node: node.to_owned(), port: port.to_owned() })
            }
            _ => Err(format!("{text:?} is not a port; write node.port")),
        }
    }
}

impl TryFrom<String> for Port {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Port> for String {
    fn from(port: Port) -> Self {
        port.to_string()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.node, self.port)
    }
}

/// A subpatch: a patch within a patch, with ports of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// Its name on the canvas.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Its inputs, in the order of the panel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Inlet>,
    /// Its outputs, in the order of the panel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Outlet>,
    /// Its nodes by id.
    #[serde(default)]
    pub nodes: BTreeMap<String, Node>,
    /// Its cables.
    #[serde(default)]
    pub cables: Vec<Cable>,
    /// Where its nodes stand.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub layout: BTreeMap<String, Place>,
    /// What this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// An input of a subpatch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inlet {
    /// Its name.
    pub name: String,
    /// The inputs of its nodes that it feeds.
    pub to: Vec<Port>,
    /// What it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// What this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// An output of a subpatch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outlet {
    /// Its name.
    pub name: String,
    /// The output of one of its nodes that feeds it.
    pub from: Port,
    /// What it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// What this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

impl Definition {
    pub(crate) fn scope(&self) -> Scope<'_> {
        Scope { nodes: &self.nodes, cables: &self.cables }
    }
}

/// Where a node stands on the canvas.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Left and top, in points at 100 %.
    pub pos: [f64; 2],
    /// What this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

impl Default for Patch {
    fn default() -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            meta: Meta::default(),
            engine: Engine::default(),
            nodes: BTreeMap::new(),
            cables: Vec::new(),
            definitions: BTreeMap::new(),
            layout: BTreeMap::new(),
            rest: Map::new(),
        }
    }
}

impl Patch {
    /// Reads a patch from what a file holds. The problem says where it is not one.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Problem> {
        check_length(bytes.len())?;
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Problem::error(Code::NotAPatch, "", "the file is not text: this is no patch"))?;
        Self::from_json(text)
    }

    /// Reads a patch. The problem says where the text is not one.
    pub fn from_json(text: &str) -> Result<Self, Problem> {
        check_length(text.len())?;
        // Some editors begin a file with a byte-order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let patch: Self =
            serde_json::from_str(text).map_err(|error| Problem::error(Code::NotAPatch, "", error.to_string()))?;
        if patch.format != FORMAT {
            return Err(Problem::error(
                Code::NotAPatch,
                "/format",
                format!("{:?} is not {FORMAT:?}: this is no patch", patch.format),
            ));
        }
        if patch.version > VERSION {
            let version = patch.version;
            return Err(Problem::error(
                Code::LaterVersion,
                "/version",
                format!("the patch is of version {version}, this bendrack reads up to {VERSION}; update bendrack"),
            ));
        }
        Ok(patch)
    }

    /// Writes the patch: keys in a fixed order, nodes by id, a line feed at the end.
    pub fn to_json(&self) -> String {
        // A patch holds strings, finite numbers and maps with string keys: nothing that JSON cannot say.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    pub(crate) fn scope(&self) -> Scope<'_> {
        Scope { nodes: &self.nodes, cables: &self.cables }
    }

    /// The cable that ends at `input`.
    pub fn cable_to(&self, input: &Port) -> Option<&Cable> {
        self.cables.iter().find(|cable| cable.to == *input)
    }

    /// An id for a new node: `stem`, or `stem2`, `stem3`, ….
    pub fn free_id(&self, stem: &str) -> String {
        let candidates = std::iter::once(stem.to_owned()).chain((2..).map(|n: usize| format!("{stem}{n}")));
        candidates.into_iter().find(|id| !self.nodes.contains_key(id)).unwrap_or_default()
    }

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

fn check_length(bytes: usize) -> Result<(), Problem> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    Err(Problem::error(
        Code::NotAPatch,
        "",
        format!("the file is longer than {} MiB: this is no patch", MAX_BYTES >> 20),
    ))
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

//! A saved patch: nodes, cables, subpatches, layout, metadata. Plain data: a patch neither names nor runs other
//! software.
//!
//! `docs/patch-format.md` describes the file. Unknown nodes, parameters and keys survive a load and a save.
//! [`Patch::read`](crate::patch::read) reads, [`Patch::to_json`] writes, and every change of a patch is an [`Edit`].

mod cable;
mod control_map;
mod definition;
pub mod edit;
mod edit_error;
mod lenient;
mod level;
mod map_set;
mod meta;
pub mod migrate;
pub(crate) mod number;
pub mod read;
mod stage;
mod write;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::patch::migrate::version_of;
pub use cable::{Cable, Port};
pub use control_map::{BANKS, ControlMap, LONGEST_SMOOTHING, Law, MapMode, STEP, Takeover};
pub use definition::{Definition, Inlet, Outlet};
pub use edit::Edit;
pub use edit_error::EditError;
pub use level::LevelEdit;
pub use map_set::{MAPS_FORMAT, MapSet, loaded};
pub use meta::{ClipSettings, DEFAULT_TEMPO, Device, DeviceKind, EngineSettings, Meta, Requires};
pub use stage::{LONGEST_MORPH, MorphCurve, Quantise, Stage};

/// The present version of the format.
pub const VERSION: u64 = 1;
/// The value of the `format` key.
pub const FORMAT: &str = "bendrack-patch";
/// The value of the `$schema` key: a name, not an address to fetch from.
pub const SCHEMA: &str = "https://bendrack.invalid/schema/patch-1.json";

/// Prefix of the kind of an instance; the definition's id follows.
pub const INSTANCE: &str = "sub.";
/// The maximal depth of subpatches within subpatches.
pub const MOST_NESTED: usize = 16;

/// A patch or a definition.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'p> {
    pub(crate) nodes: &'p BTreeMap<String, Node>,
    pub(crate) cables: &'p [Cable],
}

/// A patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a patch in braces")]
pub struct Patch {
    /// The schema of the file, for editors of text.
    #[serde(rename = "$schema", default = "schema_name")]
    pub schema: String,
    /// Always `bendrack-patch`.
    pub format: String,
    /// The version of the format.
    #[serde(deserialize_with = "number::whole")]
    pub version: u64,
    /// Program that wrote the file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub generator: String,
    /// Metadata for people.
    #[serde(default)]
    pub meta: Meta,
    /// Models and versions that it needs.
    #[serde(default, skip_serializing_if = "Requires::is_empty")]
    pub requires: Requires,
    /// Settings of the run.
    #[serde(default)]
    pub engine: EngineSettings,
    /// The devices that the patch asks for, by name. A patch opens none: flags and the window do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub devices: BTreeMap<String, Device>,
    /// The nodes by id.
    #[serde(default)]
    pub nodes: BTreeMap<String, Node>,
    /// The cables, in the order in which they were plugged in.
    #[serde(default)]
    pub cables: Vec<Cable>,
    /// Subpatches by id: a node of the kind `sub.` and the id is an instance.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub definitions: BTreeMap<String, Definition>,
    /// Controls of devices that turn knobs and press buttons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maps: Vec<ControlMap>,
    /// Stored settings of knobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<Snapshot>,
    /// Set-up of a performance.
    #[serde(default, skip_serializing_if = "Stage::is_empty")]
    pub stage: Stage,
    /// Frames around nodes on the canvas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
    /// Positions of nodes on the canvas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub layout: BTreeMap<String, Place>,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// A node of a patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a node in braces")]
pub struct Node {
    /// The name of its kind; `sub.` and the id of a definition is a subpatch.
    #[serde(rename = "type")]
    pub kind: String,
    /// The version of its kind.
    #[serde(default = "one", deserialize_with = "number::whole", skip_serializing_if = "is_one")]
    pub v: u32,
    /// Its name on the canvas, in place of the title of its kind.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// True if the node passes its input unchanged and sends nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bypass: bool,
    /// Values of its knobs and fields, by input name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Json>,
    /// Depths of its cables, by input name: −1 to 1 of the knob's travel.
    #[serde(default, serialize_with = "number::by_name", skip_serializing_if = "BTreeMap::is_empty")]
    pub depths: BTreeMap<String, f64>,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// Stored settings of some knobs and fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a snapshot in braces")]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// Values of knobs and fields.
    pub values: BTreeMap<Port, Json>,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// A frame around nodes on the canvas.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a frame in braces")]
pub struct Frame {
    /// Title.
    #[serde(default)]
    pub title: String,
    /// Left and top, in points at 100 %.
    #[serde(serialize_with = "number::pair")]
    pub pos: [f64; 2],
    /// Width and height, in points at 100 %.
    #[serde(serialize_with = "number::pair")]
    pub size: [f64; 2],
    /// Its colour, `#rrggbb`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub colour: String,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// Position of a node on the canvas.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a place in braces")]
pub struct Place {
    /// Left and top, in points at 100 %.
    #[serde(serialize_with = "number::pair")]
    pub pos: [f64; 2],
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

impl Patch {
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

    /// The edits that recall a snapshot.
    pub fn recall(&self, snapshot: &Snapshot) -> Vec<LevelEdit> {
        let known = snapshot.values.iter().filter(|(port, _)| self.nodes.contains_key(&port.node));
        let edit = |(port, value): (&Port, &Json)| LevelEdit::SetParam {
            id: port.node.clone(),
            name: port.port.clone(),
            value: Some(value.clone()),
        };
        known.map(edit).collect()
    }
}

impl Default for Patch {
    fn default() -> Self {
        Self {
            schema: schema_name(),
            format: FORMAT.to_owned(),
            version: VERSION,
            generator: String::new(),
            meta: Meta::default(),
            requires: Requires::default(),
            engine: EngineSettings::default(),
            devices: BTreeMap::new(),
            nodes: BTreeMap::new(),
            cables: Vec::new(),
            definitions: BTreeMap::new(),
            maps: Vec::new(),
            snapshots: Vec::new(),
            stage: Stage::default(),
            frames: Vec::new(),
            layout: BTreeMap::new(),
            rest: Map::new(),
        }
    }
}

impl Node {
    /// A node of a kind, in its present version, with every value at its default.
    pub fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), v: version_of(kind), ..Self::default() }
    }
}

impl Default for Node {
    fn default() -> Self {
        Self {
            kind: String::new(),
            v: 1,
            title: String::new(),
            bypass: false,
            params: BTreeMap::new(),
            depths: BTreeMap::new(),
            rest: Map::new(),
        }
    }
}

fn schema_name() -> String {
    SCHEMA.to_owned()
}

const fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_one(version: &u32) -> bool {
    *version == 1
}

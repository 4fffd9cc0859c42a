//! Subpatches: patches within a patch, with ports of their own.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{Cable, Node, Place, Port, Scope};

/// A subpatch: a patch within a patch, with ports of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a subpatch in braces")]
pub struct Definition {
    /// Its name on the canvas.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Help text.
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
    /// Positions of its nodes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub layout: BTreeMap<String, Place>,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// An input of a subpatch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "an input in braces")]
pub struct Inlet {
    /// Its name.
    pub name: String,
    /// The inputs of its nodes that it feeds.
    pub to: Vec<Port>,
    /// Help text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// An output of a subpatch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "an output in braces")]
pub struct Outlet {
    /// Its name.
    pub name: String,
    /// The output of one of its nodes that feeds it.
    pub from: Port,
    /// Help text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

impl Definition {
    pub(crate) fn scope(&self) -> Scope<'_> {
        Scope { nodes: &self.nodes, cables: &self.cables }
    }
}

//! Cables, and the ports that they join.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::diagnostics::SyntaxError;

/// A cable from an output to an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a cable in braces")]
pub struct Cable {
    /// The output.
    pub from: Port,
    /// The input; it takes one cable.
    pub to: Port,
    /// True if the cable carries no value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mute: bool,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
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

impl Cable {
    /// A cable between two ports.
    pub fn new(from: Port, to: Port) -> Self {
        Self { from, to, mute: false, rest: Map::new() }
    }
}

impl FromStr for Port {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        match text.split_once('.') {
            Some((node, port)) if !node.is_empty() && !port.is_empty() => {
                Ok(Self { node: node.to_owned(), port: port.to_owned() })
            }
            _ => Err(SyntaxError::new(format!("{text:?} is not a port; write node.port"))),
        }
    }
}

impl TryFrom<String> for Port {
    type Error = SyntaxError;

    fn try_from(text: String) -> Result<Self, SyntaxError> {
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

impl JsonSchema for Port {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[^.]+\\..+$" })
    }
}

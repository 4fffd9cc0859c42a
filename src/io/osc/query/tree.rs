//! The tree of addresses: knobs, commands, and the addresses that the patch reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::address::{self, Knob, Range};
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::{Control, Controls};
use bendrack_nodes::patch::Patch;
use serde_json::{Map, Value as Json, json};

use crate::io::DeviceContext;
use crate::io::osc::OscPort;
use crate::io::osc::tempo;
use crate::io::request::COMMANDS;

/// Access to a value: only by sending one; by both.
const WRITE: u8 = 2;
const BOTH: u8 = 3;

/// The description of this program.
pub(super) fn host(port: Option<OscPort>) -> Json {
    let names = ["ACCESS", "VALUE", "RANGE", "DESCRIPTION", "TYPE", "LISTEN", "PATH_CHANGED"];
    let extensions: Map<String, Json> = names.map(|name| (name.to_owned(), json!(true))).into_iter().collect();
    let mut host = json!({ "NAME": "bendrack", "EXTENSIONS": extensions });
    if let (Some(port), Some(host)) = (port, host.as_object_mut()) {
        // The address "every one of this machine" is no address to send to: then it is that of the HTTP request.
        if !port.address.ip().is_unspecified() {
            host.insert("OSC_IP".into(), json!(port.address.ip()));
        }
        host.insert("OSC_PORT".into(), json!(port.address.port()));
        host.insert("OSC_TRANSPORT".into(), json!(if port.is_tcp { "TCP" } else { "UDP" }));
    }
    host
}

/// The addresses of knobs, and those that the patch reads.
pub(super) fn addresses(patch: &Patch, plan: &Plan) -> Vec<Arc<str>> {
    address::addresses(patch).chain(plan.osc_addresses()).collect()
}

/// A part of the tree.
#[derive(Default)]
struct Branch {
    attributes: Map<String, Json>,
    contents: BTreeMap<String, Branch>,
}

impl Branch {
    fn insert(&mut self, address: &str, attributes: Map<String, Json>) {
        let mut branch = self;
        for part in address.split('/').filter(|part| !part.is_empty()) {
            branch = branch.contents.entry(part.to_owned()).or_default();
        }
        branch.attributes = attributes;
    }

    fn find(&self, path: &str) -> Option<&Self> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(self, |branch, part| branch.contents.get(part))
    }

    fn json(&self, path: &str) -> Json {
        let mut json = self.attributes.clone();
        json.insert("FULL_PATH".into(), json!(if path.is_empty() { "/" } else { path }));
        if !self.contents.is_empty() || self.attributes.is_empty() {
            let inner =
                self.contents.iter().map(|(name, branch)| (name.clone(), branch.json(&format!("{path}/{name}"))));
            json.insert("CONTENTS".into(), Json::Object(inner.collect()));
        }
        Json::Object(json)
    }
}

/// The tree at a path; none if it has nothing.
pub(super) fn tree(path: &str, context: &DeviceContext) -> Option<Json> {
    let base = path.trim_end_matches('/');
    let is_within =
        |address: &str| address.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut root = Branch::default();
    let commands = COMMANDS.into_iter().chain(tempo::ADDRESSES);
    for (address, about) in commands.filter(|(address, _)| is_within(address)) {
        root.insert(address, leaf("f", WRITE, about));
    }
    if let Some((patch, plan)) = context.inbox.running() {
        for knob in address::knobs(&patch).filter(|knob| is_within(&knob.address)) {
            root.insert(&knob.address, knob_leaf(&knob));
        }
        let controls = context.inbox.latest();
        for address in plan.osc_addresses().into_iter().filter(|address| is_within(address)) {
            root.insert(&address, read_leaf(&address, &controls));
        }
    }
    let found =
        root.find(path).filter(|found| path == "/" || !found.attributes.is_empty() || !found.contents.is_empty());
    found.map(|found| found.json(base))
}

fn leaf(kind: &str, access: u8, about: &str) -> Map<String, Json> {
    let pairs = [("TYPE", json!(kind)), ("ACCESS", json!(access)), ("DESCRIPTION", json!(about))];
    pairs.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

fn knob_leaf(knob: &Knob<'_>) -> Map<String, Json> {
    let (kind, range) = match &knob.range {
        Range::Numbers(low, high) => ("f", Some(json!({ "MIN": low, "MAX": high }))),
        Range::Choices(choices) => ("s", Some(json!({ "VALS": choices }))),
        Range::Switch => (if knob.value == Some(json!(true)) { "T" } else { "F" }, None),
        Range::Text => ("s", None),
    };
    let mut leaf = leaf(kind, BOTH, knob.about);
    leaf.extend(range.map(|range| ("RANGE".to_owned(), json!([range]))));
    leaf.extend(knob.value.as_ref().map(|value| ("VALUE".to_owned(), json!([value]))));
    leaf
}

/// An address that a node or map reads, with the numbers of its last message.
fn read_leaf(address: &str, controls: &Controls) -> Map<String, Json> {
    let numbers: Vec<f64> = (0..).map_while(|index| controls.osc(address, index)).filter_map(Control::last).collect();
    let mut leaf = leaf(&"f".repeat(numbers.len().max(1)), WRITE, "An address that the patch reads.");
    if !numbers.is_empty() {
        leaf.insert("VALUE".into(), json!(numbers));
        leaf.insert("ACCESS".into(), json!(BOTH));
    }
    leaf
}

//! Checks of parts that the compiler ignores: unknown keys, ids, colours, thumbnails, devices.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::diagnostics::Diagnostics;
use crate::diagnostics::pointer::join;
use crate::diagnostics::{Code, Problem};
use crate::patch::{Cable, Definition, Device, Frame, Node, Patch, Place};

/// Limit on the length of an id, in characters.
const LONGEST_ID: usize = 40;

/// The keys of a patch and of its parts, besides those in [`FREE`].
const PATCH: &[&str] = &[
    "$schema",
    "format",
    "version",
    "generator",
    "meta",
    "requires",
    "engine",
    "devices",
    "nodes",
    "cables",
    "definitions",
    "maps",
    "snapshots",
    "stage",
    "frames",
    "layout",
];
const META: &[&str] =
    &["id", "title", "author", "license", "created", "modified", "description", "tags", "parents", "thumbnail"];
const NODE: &[&str] = &["type", "v", "title", "bypass", "params", "depths"];
const CABLE: &[&str] = &["from", "to", "mute"];
const DEFINITION: &[&str] = &["title", "about", "inputs", "outputs", "nodes", "cables", "layout"];
const DEVICE: &[&str] = &["kind", "label", "match"];
const MATCH: &[&str] = &["name", "vid", "pid", "serial"];
const STAGE: &[&str] = &["macros", "locked", "morph", "curve", "quantise", "fade"];
const FRAME: &[&str] = &["title", "pos", "size", "colour"];
/// Keys that are valid everywhere: free extensions, and the record of a render.
const FREE: [&str; 2] = ["x", "render"];

const MAP: &[&str] = &[
    "kind", "channel", "number", "address", "name", "part", "key", "device", "index", "to", "input", "range", "mode",
    "takeover", "law", "curve", "smooth", "step", "bank",
];
/// First bytes of a PNG in base64.
const PNG: &str = "iVBORw0KGgo";

/// Reports unknown keys, and invalid colours and thumbnails.
pub(super) fn look(patch: &Patch, diagnostics: &mut Diagnostics) {
    let mut look = Look { diagnostics };
    look.keys(&patch.rest, "", PATCH);
    look.keys(&patch.meta.rest, "/meta", META);
    look.thumbnail(patch.meta.thumbnail.as_deref());
    look.keys(&patch.requires.rest, "/requires", &["models"]);
    look.keys(
        &patch.engine.rest,
        "/engine",
        &["seed", "tempo", "master", "steps", "length", "scheduler", "shift", "guidance"],
    );
    look.devices(&patch.devices);
    look.scope("", &patch.nodes, &patch.cables, &patch.layout);
    for (id, definition) in &patch.definitions {
        look.definition(definition, id);
    }
    for (index, map) in patch.maps.iter().enumerate() {
        look.keys(&map.rest, &format!("/maps/{index}"), MAP);
    }
    for (index, snapshot) in patch.snapshots.iter().enumerate() {
        look.keys(&snapshot.rest, &format!("/snapshots/{index}"), &["name", "values"]);
    }
    look.keys(&patch.stage.rest, "/stage", STAGE);
    look.frames(&patch.frames);
}

struct Look<'a> {
    diagnostics: &'a mut Diagnostics,
}

impl Look<'_> {
    /// Reports unknown keys.
    fn keys(&mut self, rest: &Map<String, Json>, pointer: &str, known: &[&str]) {
        for key in rest.keys().filter(|key| !FREE.contains(&key.as_str())) {
            self.unknown(key, pointer, known);
        }
    }

    fn unknown(&mut self, key: &str, pointer: &str, known: &[&str]) {
        let message = format!("unknown key {key:?}, kept without effect; correct or delete it");
        let problem = Problem::warning(Code::UnknownKey, join(pointer, [key]), message);
        self.diagnostics.suggest(problem, key, known.iter().copied());
    }

    fn thumbnail(&mut self, thumbnail: Option<&str>) {
        let is_base64 = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=');
        if thumbnail.is_some_and(|text| !text.starts_with(PNG) || !text.bytes().all(is_base64)) {
            let message = "the thumbnail is not a PNG in base64, so it is not shown; delete it";
            self.diagnostics.push(Problem::warning(Code::BadValue, "/meta/thumbnail", message));
        }
    }

    fn devices(&mut self, devices: &BTreeMap<String, Device>) {
        for (name, device) in devices {
            let pointer = join("/devices", [name]);
            self.keys(&device.rest, &pointer, DEVICE);
            for key in device.known_by.keys().filter(|key| !MATCH.contains(&key.as_str())) {
                self.unknown(key, &format!("{pointer}/match"), MATCH);
            }
        }
    }

    fn frames(&mut self, frames: &[Frame]) {
        for (index, frame) in frames.iter().enumerate() {
            let pointer = format!("/frames/{index}");
            self.keys(&frame.rest, &pointer, FRAME);
            if !frame.colour.is_empty() && !is_colour(&frame.colour) {
                let message = format!("{:?} is not a colour; write #rrggbb, such as #336699", frame.colour);
                let problem = Problem::warning(Code::BadValue, format!("{pointer}/colour"), message);
                self.diagnostics.push(problem.expected("#rrggbb"));
            }
        }
    }

    fn definition(&mut self, definition: &Definition, id: &str) {
        let pointer = join("/definitions", [id]);
        let Definition { rest, nodes, cables, layout, inputs, outputs, .. } = definition;
        self.id(id, &pointer);
        self.keys(rest, &pointer, DEFINITION);
        for (index, inlet) in inputs.iter().enumerate() {
            self.keys(&inlet.rest, &format!("{pointer}/inputs/{index}"), &["name", "to", "about"]);
        }
        for (index, outlet) in outputs.iter().enumerate() {
            self.keys(&outlet.rest, &format!("{pointer}/outputs/{index}"), &["name", "from", "about"]);
        }
        self.scope(&pointer, nodes, cables, layout);
    }

    /// Checks nodes, their cables and their layout.
    fn scope(
        &mut self,
        pointer: &str,
        nodes: &BTreeMap<String, Node>,
        cables: &[Cable],
        layout: &BTreeMap<String, Place>,
    ) {
        for (id, node) in nodes {
            let pointer = join(pointer, ["nodes", id]);
            self.id(id, &pointer);
            self.keys(&node.rest, &pointer, NODE);
        }
        for (index, cable) in cables.iter().enumerate() {
            self.keys(&cable.rest, &format!("{pointer}/cables/{index}"), CABLE);
        }
        for (id, place) in layout {
            let pointer = join(pointer, ["layout", id]);
            self.keys(&place.rest, &pointer, &["pos"]);
            // A patch without nodes is the layout of another.
            if !nodes.is_empty() && !nodes.contains_key(id) {
                let problem = Problem::warning(
                    Code::NoSuchNode,
                    pointer,
                    format!("the layout has a place for {id:?}, but the patch has no such node; delete the entry"),
                );
                self.diagnostics.suggest(problem, id, nodes.keys().map(String::as_str));
            }
        }
    }

    /// Reports an id with other characters than a to z, 0 to 9 and `_`, or a wrong length.
    fn id(&mut self, id: &str, pointer: &str) {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(is_plain) {
            let message = format!("{id:?} is not a valid id; rename the node, here and in its cables");
            let problem = Problem::warning(Code::BadId, pointer, message);
            self.diagnostics.push(problem.expected(format!("1 to {LONGEST_ID} characters of a to z, 0 to 9 and _")));
        }
    }
}

fn is_colour(text: &str) -> bool {
    let digits = text.strip_prefix('#');
    digits.is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

//! Everything that is wrong with a file that should be a patch.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::def::{NodeDef, Preset};
use crate::error::{Code, Problem};
use crate::patch::{Cable, Definition, Node, Patch, Place, Port};
use crate::places;
use crate::plan::Plan;
use crate::read::text_of;

/// Problems whose places are looked up, at most.
const MOST_PLACES: usize = 1000;
/// Tempi that are some, in beats per minute.
const TEMPI: (f64, f64) = (1.0, 1000.0);
/// The longest id, in characters.
const LONGEST_ID: usize = 40;

/// What is wrong with the bytes of a file, each with its place, in the order of the file.
pub fn check(bytes: &[u8], library: &[&'static NodeDef]) -> Vec<Problem> {
    let (patch, mut problems) = Patch::read(bytes);
    if let Some(patch) = patch {
        problems.extend(Plan::compile(&patch, library).1);
        problems.extend(look(&patch, library));
    }
    if let Ok(text) = text_of(bytes) {
        let count = problems.len().min(MOST_PLACES);
        places::locate(text, &mut problems[..count]);
    }
    problems.sort_by_key(|problem| problem.place.as_ref().map_or(usize::MAX, |place| place.bytes.start));
    problems
}

/// The keys of a patch, and of what is in it; `x` and `render` are everybody's.
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
    "frames",
    "layout",
];
const META: &[&str] =
    &["id", "title", "author", "license", "created", "modified", "description", "tags", "parents", "thumbnail"];
const NODE: &[&str] = &["type", "v", "title", "bypass", "params", "depths"];
const CABLE: &[&str] = &["from", "to", "mute"];
const DEFINITION: &[&str] = &["title", "about", "inputs", "outputs", "nodes", "cables", "layout"];
/// Keys that are kept without a word: free extensions, and how a film was rendered.
const FREE: [&str; 2] = ["x", "render"];

/// What is odd about a patch and does not concern its plan.
fn look(patch: &Patch, library: &[&'static NodeDef]) -> Vec<Problem> {
    let mut look = Look { library, problems: Vec::new() };
    look.keys(&patch.rest, "", PATCH);
    look.keys(&patch.meta.rest, "/meta", META);
    look.keys(&patch.requires.rest, "/requires", &["models"]);
    look.keys(&patch.engine.rest, "/engine", &["seed", "tempo"]);
    look.scope("", &patch.nodes, &patch.cables, &patch.layout);
    for (id, definition) in &patch.definitions {
        let pointer = format!("/definitions/{id}");
        let Definition { rest, nodes, cables, layout, .. } = definition;
        look.id(id, &pointer);
        look.keys(rest, &pointer, DEFINITION);
        look.scope(&pointer, nodes, cables, layout);
    }
    for (index, map) in patch.maps.iter().enumerate() {
        let pointer = format!("/maps/{index}");
        look.keys(&map.rest, &pointer, &["channel", "cc", "to", "range"]);
        look.knob(patch, &map.to, &format!("{pointer}/to"));
        look.range(f64::from(map.channel), (1.0, 16.0), &format!("{pointer}/channel"));
        look.range(f64::from(map.cc), (0.0, 127.0), &format!("{pointer}/cc"));
    }
    for (index, snapshot) in patch.snapshots.iter().enumerate() {
        let pointer = format!("/snapshots/{index}");
        look.keys(&snapshot.rest, &pointer, &["name", "values"]);
        for port in snapshot.values.keys() {
            look.knob(patch, port, &format!("{pointer}/values/{port}"));
        }
    }
    look.range(patch.engine.tempo, TEMPI, "/engine/tempo");
    look.problems
}

struct Look<'a> {
    library: &'a [&'static NodeDef],
    problems: Vec<Problem>,
}

impl Look<'_> {
    fn warn(&mut self, code: Code, pointer: &str, message: String) -> &mut Problem {
        let at = self.problems.len();
        self.problems.push(Problem::warning(code, pointer, message));
        &mut self.problems[at]
    }

    /// Keys that nobody knows.
    fn keys(&mut self, rest: &Map<String, Json>, pointer: &str, known: &[&str]) {
        for key in rest.keys().filter(|key| !FREE.contains(&key.as_str())) {
            let message = format!("this bendrack does not know the key {key:?}; it is kept and does nothing");
            let problem = Problem::warning(Code::UnknownKey, format!("{pointer}/{key}"), message);
            self.problems.push(problem.meant(key, known.iter().copied()));
        }
    }

    /// Nodes, their cables and where they stand.
    fn scope(
        &mut self,
        pointer: &str,
        nodes: &BTreeMap<String, Node>,
        cables: &[Cable],
        layout: &BTreeMap<String, Place>,
    ) {
        for (id, node) in nodes {
            let pointer = format!("{pointer}/nodes/{id}");
            self.id(id, &pointer);
            self.keys(&node.rest, &pointer, NODE);
        }
        for (index, cable) in cables.iter().enumerate() {
            self.keys(&cable.rest, &format!("{pointer}/cables/{index}"), CABLE);
        }
        // A patch without nodes is the layout of another.
        for id in layout.keys().filter(|id| !nodes.is_empty() && !nodes.contains_key(*id)) {
            let message = format!("there is no node {id:?} to stand here");
            let problem = Problem::warning(Code::NoSuchNode, format!("{pointer}/layout/{id}"), message);
            self.problems.push(problem.meant(id, nodes.keys().map(String::as_str)));
        }
    }

    /// Ids that are no plain names.
    fn id(&mut self, id: &str, pointer: &str) {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(is_plain) {
            let expected = format!("1 to {LONGEST_ID} of a to z, 0 to 9 and _");
            let message = format!("{id:?} is not a plain id; rename it, here and in its cables");
            self.warn(Code::BadId, pointer, message).expected = Some(expected);
        }
    }

    /// A knob that a map or a snapshot means, and that is not there.
    fn knob(&mut self, patch: &Patch, port: &Port, pointer: &str) {
        let Some(node) = patch.nodes.get(&port.node) else {
            let problem = Problem::warning(Code::NoSuchNode, pointer, format!("there is no node {:?}", port.node));
            self.problems.push(problem.meant(&port.node, patch.nodes.keys().map(String::as_str)));
            return;
        };
        let Some(def) = self.library.iter().find(|def| def.name == node.kind) else { return };
        if def.input(&port.port).is_none_or(|(_, input)| input.default == Preset::Nothing) {
            let problem =
                Problem::warning(Code::NoSuchPort, pointer, format!("{} has no knob {:?}", def.title, port.port));
            let knobs = def.inputs.iter().filter(|input| input.default != Preset::Nothing);
            self.problems.push(problem.meant(&port.port, knobs.map(|input| input.name)));
        }
    }

    fn range(&mut self, number: f64, (low, high): (f64, f64), pointer: &str) {
        if !(low..=high).contains(&number) {
            let message = format!("{number} is outside of {low} to {high}");
            self.warn(Code::OutOfRange, pointer, message).expected = Some(format!("{low} to {high}"));
        }
    }
}

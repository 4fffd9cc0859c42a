//! Removes the unreadable parts of a patch, so that the rest can be checked.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use serde_path_to_error::Segment;

use crate::diagnostics::messages::explain;
use crate::diagnostics::pointer::{join, keys};
use crate::diagnostics::suggest::nearest;
use crate::diagnostics::{Code, Problem};
use crate::patch::{Cable, ControlMap, Definition, Device, Frame, Inlet, Node, Outlet, Patch, Place, Port, Snapshot};

/// Largest number of removals from one part.
const MOST_REMOVED: usize = 16;

/// Places of the removed parts.
#[derive(Default)]
pub(crate) struct Gaps {
    /// Nodes whose content is unreadable.
    nodes: BTreeSet<String>,
    /// Shortened lists, with the former index of each remaining element.
    lists: BTreeMap<String, Vec<usize>>,
}

impl Gaps {
    /// A problem of the readable rest, with its place in the original patch. None if it concerns an unreadable node.
    pub(crate) fn relocate(&self, problem: Problem) -> Option<Problem> {
        let mut pointer = String::new();
        for key in keys(&problem.pointer) {
            let before = self.lists.get(&pointer).and_then(|left| left.get(key.parse::<usize>().ok()?));
            pointer = before.map_or_else(|| join(&pointer, [&key]), |index| format!("{pointer}/{index}"));
            if self.nodes.contains(&pointer) {
                return None;
            }
        }
        Some(Problem { pointer, ..problem })
    }
}

/// Reads the readable parts of a patch, and reports the others.
pub(crate) fn read_lenient(json: &mut Json, problems: &mut Vec<Problem>) -> (Option<Patch>, Gaps) {
    let mut reader = LenientReader { problems, gaps: Gaps::default() };
    reader.scope(json, "");
    reader.map::<Device>(json, "", "devices");
    reader.list::<ControlMap>(json, "", "maps");
    reader.list::<Snapshot>(json, "", "snapshots");
    reader.list::<Frame>(json, "", "frames");
    if let Some(Json::Object(definitions)) = json.get_mut("definitions") {
        for (id, definition) in definitions.iter_mut() {
            reader.definition(definition, &join("/definitions", [id]));
        }
    }
    reader.map::<Definition>(json, "", "definitions");
    // Without nodes or definitions, all references would be errors.
    let is_known = ["nodes", "definitions"].iter().all(|key| json.get(key).is_none_or(Json::is_object));
    let patch = if reader.part::<Patch>(json, "") { serde_json::from_value(json.take()).ok() } else { None };
    (patch.filter(|_| is_known), reader.gaps)
}

struct LenientReader<'a> {
    problems: &'a mut Vec<Problem>,
    gaps: Gaps,
}

/// An unreadable part.
struct Mistake {
    /// The keys that lead to it.
    keys: Vec<String>,
    problem: Problem,
    /// The key that is missing.
    missing: Option<String>,
}

impl LenientReader<'_> {
    fn scope(&mut self, json: &mut Json, pointer: &str) {
        if let Some(Json::Object(nodes)) = json.get_mut("nodes") {
            for (id, node) in nodes.iter_mut() {
                let pointer = join(pointer, ["nodes", id]);
                if !self.part::<Node>(node, &pointer) {
                    // The node stays, so that its cables cause no errors.
                    *node = json!({ "type": "" });
                    self.gaps.nodes.insert(pointer);
                }
            }
        }
        self.list::<Cable>(json, pointer, "cables");
        self.map::<Place>(json, pointer, "layout");
    }

    fn definition(&mut self, json: &mut Json, pointer: &str) {
        self.scope(json, pointer);
        if let Some(Json::Array(inlets)) = json.get_mut("inputs") {
            for (index, inlet) in inlets.iter_mut().enumerate() {
                self.list::<Port>(inlet, &format!("{pointer}/inputs/{index}"), "to");
            }
        }
        self.list::<Inlet>(json, pointer, "inputs");
        self.list::<Outlet>(json, pointer, "outputs");
    }

    fn map<T: DeserializeOwned>(&mut self, json: &mut Json, pointer: &str, key: &str) {
        if let Some(Json::Object(map)) = json.get_mut(key) {
            map.retain(|id, part| self.part::<T>(part, &join(pointer, [key, id])));
        }
    }

    fn list<T: DeserializeOwned>(&mut self, json: &mut Json, pointer: &str, key: &str) {
        let Some(Json::Array(list)) = json.get_mut(key) else { return };
        let pointer = join(pointer, [key]);
        let (before, mut index, mut left) = (list.len(), 0, Vec::new());
        list.retain_mut(|part| {
            let is_left = self.part::<T>(part, &format!("{pointer}/{index}"));
            left.extend(is_left.then_some(index));
            index += 1;
            is_left
        });
        if list.len() < before {
            self.gaps.lists.insert(pointer, left);
        }
    }

    /// Removes unreadable parts. Returns true if the rest is readable.
    fn part<T: DeserializeOwned>(&mut self, json: &mut Json, pointer: &str) -> bool {
        let mut removed: Vec<String> = Vec::new();
        for _ in 0..MOST_REMOVED {
            let Err(mistake) = check::<T>(json, pointer) else { return true };
            // A key removed before is missing now; its problem is already reported.
            let is_reported = mistake.missing.as_ref().is_some_and(|key| removed.contains(key));
            if !is_reported {
                self.problems.push(mistake.problem);
            }
            let is_gone = is_reported || mistake.missing.is_some();
            match remove(json, &mistake.keys).filter(|_| !is_gone) {
                Some(key) => removed.push(key),
                None => return false,
            }
        }
        false
    }
}

/// Removes the value that these keys lead to, or the whole list around it. Returns the last key.
fn remove(json: &mut Json, keys: &[String]) -> Option<String> {
    let mut parent = json;
    for (index, key) in keys.iter().enumerate() {
        let object = parent.as_object_mut()?;
        let is_last = index + 1 == keys.len() || !object.get(key)?.is_object();
        if is_last {
            return object.shift_remove(key).map(|_| key.clone());
        }
        parent = object.get_mut(key)?;
    }
    None
}

/// Checks that the value at `pointer` is a valid `T`.
fn check<T: DeserializeOwned>(json: &Json, pointer: &str) -> Result<(), Box<Mistake>> {
    let Err(error) = serde_path_to_error::deserialize::<_, T>(json) else { return Ok(()) };
    let keys: Vec<String> = error
        .path()
        .iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    let place = keys.iter().fold(pointer.to_owned(), |pointer, key| join(&pointer, [key]));
    let why = error.into_inner().to_string();
    let missing = why.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()).map(ToOwned::to_owned);
    let problem = match &missing {
        Some(key) => missing_key(json, &keys, key, place),
        None => Problem::error(Code::NotAPatch, place, explain(&why)),
    };
    Err(Box::new(Mistake { keys, problem, missing }))
}

/// Problem of a missing key, with the nearest key in its place.
fn missing_key(json: &Json, keys: &[String], key: &str, pointer: String) -> Problem {
    let within = keys.iter().try_fold(json, |json, key| json.get(key)).and_then(Json::as_object);
    let names = within.into_iter().flat_map(serde_json::Map::keys).map(String::as_str);
    let problem = |message| Problem::error(Code::NotAPatch, pointer, message);
    match nearest(key, names, &mut 10_000) {
        Some(wrong) => {
            let problem = problem(format!("missing key {key:?}; found {wrong:?} instead"));
            Problem { suggestion: Some(key.to_owned()), ..problem }
        }
        None => problem(format!("missing key {key:?}; add it")),
    }
}

//! Reads patches: bounded in what they may hold, strict where a reader could misunderstand, and with everything that is wrong
//! said at once.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::error::{Code, Problem};
use crate::migrate;
use crate::patch::{Cable, Definition, Device, FORMAT, Frame, MidiMap, Node, Patch, Place, Snapshot, VERSION};
use crate::places;

/// The longest patch that is read, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

impl Patch {
    /// Reads a patch from what a file holds; one of an earlier bendrack becomes one of this. Says what is wrong with it; there is a
    /// patch if nothing of that is an error.
    pub fn read(bytes: &[u8]) -> (Option<Self>, Vec<Problem>) {
        match text_of(bytes).and_then(json_of) {
            Ok(json) => of_json(json),
            Err(problems) => (None, problems),
        }
    }

    /// [`Self::read`] for those who want a patch or the first reason why there is none.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Problem> {
        let (patch, problems) = Self::read(bytes);
        let why = problems.into_iter().next();
        patch.ok_or_else(|| why.unwrap_or_else(|| Problem::error(Code::NotAPatch, "", "this is no patch")))
    }

    /// [`Self::from_slice`] for a text.
    pub fn from_json(text: &str) -> Result<Self, Problem> {
        Self::from_slice(text.as_bytes())
    }
}

/// What a file holds as a text.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, Vec<Problem>> {
    if bytes.len() > MAX_BYTES {
        let message = format!("the file is longer than {} MiB: this is no patch", MAX_BYTES >> 20);
        return Err(vec![Problem::error(Code::TooMany, "", message)]);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| vec![Problem::error(Code::NotAPatch, "", "the file is not text: this is no patch")])?;
    // Some editors begin a file with a byte-order mark.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The text as JSON that means one thing only and lies within the limits.
fn json_of(text: &str) -> Result<Json, Vec<Problem>> {
    let json = serde_json::from_str(text).map_err(|error| {
        let place = places::at(text, error.line(), error.column());
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or(&why).to_owned();
        vec![Problem { place, ..Problem::error(Code::NotAPatch, "", why) }]
    })?;
    let problems = places::check(text);
    if problems.is_empty() { Ok(json) } else { Err(problems) }
}

fn of_json(mut json: Json) -> (Option<Patch>, Vec<Problem>) {
    let Some(object) = json.as_object() else {
        return (None, vec![Problem::error(Code::NotAPatch, "", "this is no patch: it is not an object in braces")]);
    };
    let format = object.get("format").unwrap_or(&Json::Null);
    if format != FORMAT {
        let message = format!("{format} is not {FORMAT:?}: this is no patch");
        return (None, vec![Problem::error(Code::NotAPatch, "/format", message).expected(FORMAT)]);
    }
    if let Some(version) = object.get("version").and_then(Json::as_u64).filter(|version| *version > VERSION) {
        let message =
            format!("the patch is of version {version}, this bendrack reads up to {VERSION}; update bendrack");
        return (None, vec![Problem::error(Code::LaterVersion, "/version", message)]);
    }
    let mut problems = Vec::new();
    sift(&mut json, "", &mut problems);
    match take::<Patch>(json, "") {
        Ok(mut patch) if problems.is_empty() => {
            let said = migrate::migrate(&mut patch);
            (Some(patch), said)
        }
        Ok(_) => (None, problems),
        Err(problem) => {
            problems.push(problem);
            (None, problems)
        }
    }
}

/// Takes out of a patch or a definition whatever cannot be read, and says why.
fn sift(json: &mut Json, pointer: &str, problems: &mut Vec<Problem>) {
    sift_map::<Node>(json, pointer, "nodes", problems);
    sift_list::<Cable>(json, pointer, "cables", problems);
    sift_map::<Place>(json, pointer, "layout", problems);
    sift_map::<Device>(json, pointer, "devices", problems);
    sift_list::<MidiMap>(json, pointer, "maps", problems);
    sift_list::<Snapshot>(json, pointer, "snapshots", problems);
    sift_list::<Frame>(json, pointer, "frames", problems);
    if let Some(Json::Object(definitions)) = json.get_mut("definitions") {
        for (id, definition) in definitions.iter_mut() {
            sift(definition, &format!("{pointer}/definitions/{id}"), problems);
        }
    }
    sift_map::<Definition>(json, pointer, "definitions", problems);
}

fn sift_map<T: DeserializeOwned>(json: &mut Json, pointer: &str, key: &str, problems: &mut Vec<Problem>) {
    if let Some(Json::Object(map)) = json.get_mut(key) {
        map.retain(|id, part| is_readable::<T>(part, &format!("{pointer}/{key}/{id}"), problems));
    }
}

fn sift_list<T: DeserializeOwned>(json: &mut Json, pointer: &str, key: &str, problems: &mut Vec<Problem>) {
    if let Some(Json::Array(list)) = json.get_mut(key) {
        let mut index = 0;
        list.retain(|part| {
            index += 1;
            is_readable::<T>(part, &format!("{pointer}/{key}/{}", index - 1), problems)
        });
    }
}

fn is_readable<T: DeserializeOwned>(json: &Json, pointer: &str, problems: &mut Vec<Problem>) -> bool {
    let problem = take::<T>(json.clone(), pointer).err();
    let is_readable = problem.is_none();
    problems.extend(problem);
    is_readable
}

/// Reads something of a patch that is written at `pointer`.
fn take<T: DeserializeOwned>(json: Json, pointer: &str) -> Result<T, Problem> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let path = error.path().iter().fold(pointer.to_owned(), |path, segment| match segment {
            serde_path_to_error::Segment::Seq { index } => format!("{path}/{index}"),
            serde_path_to_error::Segment::Map { key } => format!("{path}/{key}"),
            serde_path_to_error::Segment::Enum { .. } | serde_path_to_error::Segment::Unknown => path,
        });
        Problem::error(Code::NotAPatch, path, plain(&error.into_inner().to_string()))
    })
}

/// What serde says, in words of people who do not write Rust.
fn plain(why: &str) -> String {
    const WORDS: [(&str, &str); 6] = [
        ("expected u64", "expected a whole number from 0"),
        ("expected u32", "expected a whole number from 0"),
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected f64", "expected a number"),
        ("expected a sequence", "expected a list in brackets"),
        ("expected a map", "expected an object in braces"),
    ];
    WORDS.iter().fold(why.to_owned(), |why, (before, now)| why.replace(before, now))
}

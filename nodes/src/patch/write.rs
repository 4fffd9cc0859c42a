//! Writes patches in their canonical form. Keys have a fixed order, nodes are sorted by id, numbers are as short as
//! possible. Small values take one line, and a line feed ends the file. Reading and writing a file in this form
//! preserves it byte for byte.

use serde_json::{Map, Value as Json};

use crate::patch::Patch;

/// The longest line of a small value, in characters.
const WIDTH: usize = 120;
/// Values above this depth have a line for each of their parts, so that a change is one line of a diff.
const OPEN: usize = 2;

impl Patch {
    /// Writes the patch.
    pub fn to_json(&self) -> String {
        // A patch holds strings, numbers and maps with strings for keys. Numbers that are not finite are written as 0.
        let json = serde_json::to_value(self).unwrap_or_default();
        let mut text = String::new();
        write(&json, 0, 0, &mut text);
        text.push('\n');
        text
    }
}

/// Writes a value that begins `column` characters after the left edge, at depth `depth`.
fn write(json: &Json, depth: usize, column: usize, text: &mut String) {
    let (open, close, parts): (_, _, Vec<(Option<&String>, &Json)>) = match json {
        Json::Object(map) if !map.is_empty() => ('{', '}', map.iter().map(|(key, value)| (Some(key), value)).collect()),
        Json::Array(list) if !list.is_empty() => ('[', ']', list.iter().map(|value| (None, value)).collect()),
        _ => return text.push_str(&inline(json)),
    };
    if depth >= OPEN {
        let line = inline(json);
        if column + line.chars().count() <= WIDTH {
            return text.push_str(&line);
        }
    }
    let indent = "  ".repeat(depth + 1);
    text.push(open);
    for (index, (key, value)) in parts.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&indent);
        let key = key.map_or_else(String::new, |key| format!("{}: ", Json::from(key.as_str())));
        text.push_str(&key);
        // One for the comma.
        write(value, depth + 1, indent.len() + key.chars().count() + 1, text);
    }
    text.push('\n');
    text.push_str(&"  ".repeat(depth));
    text.push(close);
}

/// A value in a line.
fn inline(json: &Json) -> String {
    match json {
        Json::Object(map) if !map.is_empty() => format!("{{ {} }}", members(map)),
        Json::Array(list) => format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn members(map: &Map<String, Json>) -> String {
    let members = map.iter().map(|(key, value)| format!("{}: {}", Json::from(key.as_str()), inline(value)));
    members.collect::<Vec<_>>().join(", ")
}

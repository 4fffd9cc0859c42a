//! Where the parts of a patch stand in its text, and what only the text shows: keys that are there twice, depth, long strings.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use jsonc_parser::ast::{Object, ObjectPropName, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::Serialize;

use crate::error::{Code, Problem};

/// How deep objects and lists may lie in one another.
pub const DEEPEST: usize = 32;
/// The longest string, in bytes.
pub const LONGEST_STRING: usize = 64 << 10;
/// The longest picture in `meta.thumbnail`, in bytes.
pub const LONGEST_THUMBNAIL: usize = 1 << 20;

/// Where something stands in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// Its bytes.
    #[serde(skip)]
    pub bytes: Range<usize>,
}

/// Says of each problem where it stands; one whose cause is that something is not there, where that would be.
pub(crate) fn locate(text: &str, problems: &mut [Problem]) {
    let Some(root) = parse(text) else { return };
    let lines = lines(text);
    for problem in problems.iter_mut().filter(|problem| problem.place.is_none()) {
        let by_name = matches!(problem.code, Code::UnknownKey | Code::UnknownParameter | Code::BadId);
        problem.place = Some(Box::new(place(text, &lines, find(&root, &problem.pointer, by_name))));
    }
}

/// The place of a line and column as `serde_json` counts them: the column in bytes, from 1, or 0 at the line's beginning.
pub(crate) fn at(text: &str, line: usize, column: usize) -> Option<Box<Place>> {
    let lines = lines(text);
    let start = *lines.get(line.checked_sub(1)?)?;
    let mut byte = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    let end = text[byte..].chars().next().map_or(byte, |c| byte + c.len_utf8());
    Some(Box::new(place(text, &lines, byte..end)))
}

/// What is wrong with a text that is JSON all the same.
pub(crate) fn check(text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    match parse(text) {
        Some(root) => Look { text, lines: &lines(text), problems: &mut problems }.look(&root, "", 0),
        None => problems.push(Problem::error(Code::NotAPatch, "", "the file is not JSON as others read it")),
    }
    if !problems.is_empty() {
        locate(text, &mut problems);
    }
    problems
}

/// JSON and nothing that is only like it.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

fn parse(text: &str) -> Option<Value<'_>> {
    parse_to_ast(text, &CollectOptions::default(), &STRICT).ok()?.value
}

/// Looks through a text.
struct Look<'a> {
    text: &'a str,
    lines: &'a [usize],
    problems: &'a mut Vec<Problem>,
}

impl Look<'_> {
    fn look(&mut self, value: &Value<'_>, pointer: &str, deep: usize) {
        if deep > DEEPEST {
            let message = format!("this lies more than {DEEPEST} deep; put it further out");
            self.problems.push(Problem::error(Code::TooMany, pointer, message));
            return;
        }
        match value {
            Value::Object(object) => {
                let mut seen = BTreeSet::new();
                for property in &object.properties {
                    let name = name(&property.name);
                    let within = format!("{pointer}/{name}");
                    if !seen.insert(name.clone()) {
                        let message = format!("the key {name:?} is there twice; take one out");
                        let place =
                            Some(Box::new(place(self.text, self.lines, property.name.start()..property.name.end())));
                        self.problems.push(Problem { place, ..Problem::error(Code::DuplicateKey, &within, message) });
                    }
                    if name.len() > LONGEST_STRING {
                        let message = format!("a key is longer than {} KiB; shorten it", LONGEST_STRING >> 10);
                        self.problems.push(Problem::error(Code::TooMany, pointer, message));
                    }
                    self.look(&property.value, &within, deep + 1);
                }
            }
            Value::Array(array) => {
                for (index, value) in array.elements.iter().enumerate() {
                    self.look(value, &format!("{pointer}/{index}"), deep + 1);
                }
            }
            Value::StringLit(text) => {
                let most = if pointer == "/meta/thumbnail" { LONGEST_THUMBNAIL } else { LONGEST_STRING };
                if text.value.len() > most {
                    let message = format!("a text is longer than {} KiB; shorten it", most >> 10);
                    self.problems.push(Problem::error(Code::TooMany, pointer, message));
                }
            }
            Value::NumberLit(_) | Value::BooleanLit(_) | Value::NullKeyword(_) => {}
        }
    }
}

fn name<'a>(name: &'a ObjectPropName<'a>) -> Cow<'a, str> {
    match name {
        ObjectPropName::String(text) => text.value.clone(),
        ObjectPropName::Word(word) => Cow::Borrowed(word.value),
    }
}

/// The bytes of what a pointer means, or of its name; of the nearest thing around it if it is not there.
fn find(root: &Value<'_>, pointer: &str, by_name: bool) -> Range<usize> {
    let mut value = root;
    let mut found = if pointer.is_empty() { 0..0 } else { value.start()..value.start() + 1 };
    let mut rest = pointer.strip_prefix('/').unwrap_or_default();
    while !rest.is_empty() {
        let within = match value {
            // Ids may hold slashes: the longest that fits is meant.
            Value::Object(object) => member(object, rest, by_name),
            Value::Array(array) => {
                let (index, behind) = rest.split_once('/').unwrap_or((rest, ""));
                index
                    .parse()
                    .ok()
                    .and_then(|index: usize| array.elements.get(index))
                    .map(|value| (value, value.range(), behind))
            }
            _ => None,
        };
        let Some((next, range, behind)) = within else { break };
        found = range.start..range.end;
        (value, rest) = (next, behind);
    }
    // What spans lines is shown by its beginning.
    if matches!(value, Value::Object(_) | Value::Array(_))
        && rest.is_empty()
        && found.len() > 1
        && found.start == value.start()
    {
        found = found.start..found.start + 1;
    }
    found
}

/// The member of an object that a pointer goes on with: its value, what to show of it, and the rest of the pointer.
fn member<'a, 'b>(
    object: &'a Object<'a>,
    pointer: &'b str,
    by_name: bool,
) -> Option<(&'a Value<'a>, jsonc_parser::common::Range, &'b str)> {
    let fits = object.properties.iter().filter_map(|property| {
        let behind = pointer.strip_prefix(&*name(&property.name))?;
        let behind = if behind.is_empty() { behind } else { behind.strip_prefix('/')? };
        Some((property, behind))
    });
    let (property, behind) = fits.min_by_key(|(_, behind)| behind.len())?;
    let shown = match &property.value {
        Value::Object(_) | Value::Array(_) => property.name.range(),
        _ if by_name && behind.is_empty() => property.name.range(),
        value => value.range(),
    };
    Some((&property.value, shown, behind))
}

/// Where the lines of a text begin.
fn lines(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

fn place(text: &str, lines: &[usize], bytes: Range<usize>) -> Place {
    let line = lines.partition_point(|start| *start <= bytes.start);
    let start = lines[line - 1];
    Place { line, column: text[start..bytes.start].chars().count() + 1, bytes }
}

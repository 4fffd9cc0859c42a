//! Spans of the parts of a patch in its text, and problems of the text itself: duplicate keys, depth, long strings.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use jsonc_parser::ast::{Object, ObjectProp, ObjectPropName, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::Serialize;
use serde_json::Value as Json;

use crate::diagnostics::messages::cut;
use crate::diagnostics::numbers::rounded;
use crate::diagnostics::pointer::{join, keys};
use crate::diagnostics::{Code, Problem};

/// Deepest nesting of objects and lists.
pub const DEEPEST: usize = 32;
/// The longest string, in bytes.
pub const LONGEST_STRING: usize = 64 << 10;
/// The longest key, in bytes. Pointers and ids repeat keys many times.
pub const LONGEST_KEY: usize = 1 << 10;
/// The longest picture in `meta.thumbnail`, in bytes.
pub const LONGEST_THUMBNAIL: usize = 1 << 20;

/// Largest number of problems of a text.
const MOST_PROBLEMS: usize = 1000;
/// Largest number of reported rounded numbers.
const MOST_ROUNDED: usize = 100;

/// A range of a text, with line and column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// Its bytes.
    #[serde(skip)]
    pub bytes: Range<usize>,
}

/// Adds the span to each problem. A problem about a missing part gets the span of its parent.
pub(crate) fn locate(text: &str, problems: &mut [Problem]) {
    let Some(root) = parse(text) else { return };
    let (lines, mut finder) = (Lines::of(text), Finder::default());
    for problem in problems.iter_mut().filter(|problem| problem.span.is_none()) {
        let by_name = matches!(problem.code, Code::UnknownKey | Code::UnknownParameter | Code::BadId);
        problem.span = Some(Box::new(lines.span(finder.find(&root, &problem.pointer, by_name))));
    }
}

/// Span of a line and column of `serde_json`, whose columns count bytes from 1; 0 is the line's beginning.
pub(crate) fn at(text: &str, line: usize, column: usize) -> Option<Box<Span>> {
    let lines = text.match_indices('\n').map(|(at, _)| at + 1);
    let start = std::iter::once(0).chain(lines).nth(line.checked_sub(1)?)?;
    Some(Box::new(byte(text, start + column.saturating_sub(1))))
}

/// Span of the character at a byte; after the text, an empty span at its end.
pub(crate) fn byte(text: &str, byte: usize) -> Span {
    let byte = text.floor_char_boundary(byte);
    let end = text[byte..].chars().next().map_or(byte, |c| byte + c.len_utf8());
    Lines::of(text).span(byte..end)
}

/// The span of these bytes.
pub(crate) fn range(text: &str, bytes: Range<usize>) -> Span {
    Lines::of(text).span(bytes)
}

/// Problems of a text that is valid JSON.
pub(crate) fn check(text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    match parse(text) {
        Some(root) => {
            TextCheck { lines: &Lines::of(text), problems: &mut problems, rounded: 0, path: Vec::new() }
                .check_value(&root);
        }
        None => problems.push(Problem::error(
            Code::NotAPatch,
            "",
            "the file is not standard JSON; save it again as standard JSON",
        )),
    }
    if !problems.is_empty() {
        locate(text, &mut problems);
    }
    problems
}

/// Strict JSON, without extensions.
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

/// A check of all values of a text.
struct TextCheck<'a, 'p> {
    lines: &'a Lines<'a>,
    problems: &'a mut Vec<Problem>,
    /// Number of rounded numbers.
    rounded: usize,
    /// The keys that lead to the current value.
    path: Vec<Cow<'p, str>>,
}

impl<'p> TextCheck<'_, 'p> {
    fn check_value(&mut self, value: &'p Value<'p>) {
        if self.problems.len() - self.rounded >= MOST_PROBLEMS {
            return;
        }
        if self.path.len() > DEEPEST {
            self.report_limit(format!("more than {DEEPEST} levels of nesting; flatten the file"));
            return;
        }
        match value {
            Value::Object(object) => self.check_members(object),
            Value::Array(array) => {
                for (index, value) in array.elements.iter().enumerate() {
                    self.path.push(index.to_string().into());
                    self.check_value(value);
                    self.path.pop();
                }
            }
            Value::StringLit(text) => {
                let most = if self.path == ["meta", "thumbnail"] { LONGEST_THUMBNAIL } else { LONGEST_STRING };
                if text.value.len() > most {
                    self.report_limit(format!("a text is longer than {} KiB; shorten it", most >> 10));
                }
            }
            Value::NumberLit(number) => self.check_number(number.value),
            Value::BooleanLit(_) | Value::NullKeyword(_) => {}
        }
    }

    fn check_number(&mut self, literal: &str) {
        let Some(number) = rounded(literal).filter(|_| self.rounded < MOST_ROUNDED) else { return };
        let (literal, used) = (cut(literal), Json::from(number));
        let message = format!("{literal} has more digits than a number holds; {used} is used");
        self.problems.push(Problem::warning(Code::Rounded, self.pointer(), message));
        self.rounded += 1;
    }

    fn check_members(&mut self, object: &'p Object<'p>) {
        let mut seen = BTreeSet::new();
        for property in &object.properties {
            let name = name(&property.name);
            if name.len() > LONGEST_KEY {
                self.report_limit(format!("a key is longer than {LONGEST_KEY} bytes; shorten it"));
                continue;
            }
            let is_new = seen.insert(name.clone());
            self.path.push(name);
            if !is_new {
                self.report_duplicate(property.name.start()..property.name.end());
            }
            self.check_value(&property.value);
            self.path.pop();
        }
    }

    fn report_duplicate(&mut self, bytes: Range<usize>) {
        let message = format!("duplicate key {:?}; remove one", self.path.last().unwrap_or(&"".into()));
        let span = Some(Box::new(self.lines.span(bytes)));
        self.problems.push(Problem { span, ..Problem::error(Code::DuplicateKey, self.pointer(), message) });
    }

    fn report_limit(&mut self, message: String) {
        self.problems.push(Problem::error(Code::TooMany, self.pointer(), message));
    }

    fn pointer(&self) -> String {
        self.path.iter().fold(String::new(), |pointer, key| join(&pointer, [key]))
    }
}

fn name<'a>(name: &'a ObjectPropName<'a>) -> Cow<'a, str> {
    match name {
        ObjectPropName::String(text) => text.value.clone(),
        ObjectPropName::Word(word) => Cow::Borrowed(word.value),
    }
}

/// Members of objects by name, built once per searched object.
#[derive(Default)]
struct Finder<'a> {
    members: HashMap<usize, HashMap<Cow<'a, str>, &'a ObjectProp<'a>>>,
}

impl<'a> Finder<'a> {
    /// Bytes of the value at a pointer, or of its name. For a missing value, those of the nearest part around it.
    fn find(&mut self, root: &'a Value<'a>, pointer: &str, by_name: bool) -> Range<usize> {
        let mut value = root;
        let mut found = if pointer.is_empty() { 0..0 } else { value.start()..value.start() + 1 };
        let mut keys = keys(pointer).peekable();
        while let Some(key) = keys.next() {
            let within = match value {
                Value::Object(object) => {
                    let by_name = by_name && keys.peek().is_none();
                    self.member(object, &key).map(|property| (&property.value, shown(property, by_name)))
                }
                Value::Array(array) => {
                    let element = key.parse().ok().and_then(|index: usize| array.elements.get(index));
                    element.map(|value| (value, value.range()))
                }
                _ => None,
            };
            let Some((next, range)) = within else { return found };
            found = range.start..range.end;
            value = next;
        }
        // The span of an object or list is its first character.
        let spans = matches!(value, Value::Object(_) | Value::Array(_)) && found.len() > 1;
        if spans && found.start == value.start() { found.start..found.start + 1 } else { found }
    }

    /// The member of this name; the last one, as in other readers of the file.
    fn member(&mut self, object: &'a Object<'a>, key: &str) -> Option<&'a ObjectProp<'a>> {
        let by_name = || object.properties.iter().map(|property| (name(&property.name), property)).collect();
        self.members.entry(object.start()).or_insert_with(by_name).get(key).copied()
    }
}

/// Range to mark for a member of an object.
fn shown(property: &ObjectProp<'_>, by_name: bool) -> jsonc_parser::common::Range {
    match &property.value {
        Value::Object(_) | Value::Array(_) => property.name.range(),
        _ if by_name => property.name.range(),
        value => value.range(),
    }
}

/// The lines of a text.
struct Lines<'a> {
    text: &'a str,
    /// Byte offset of each line.
    starts: Vec<usize>,
    /// Number of characters before each [`STRIDE`] of bytes.
    counts: Vec<usize>,
}

/// Interval of the counts of characters, in bytes.
const STRIDE: usize = 1024;

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut count = 0;
        let counts = text.as_bytes().chunks(STRIDE).map(|bytes| {
            count += chars(bytes);
            count - chars(bytes)
        });
        Self { text, starts, counts: counts.collect() }
    }

    fn span(&self, bytes: Range<usize>) -> Span {
        let line = self.starts.partition_point(|start| *start <= bytes.start);
        let column = self.before(bytes.start) - self.before(self.starts[line - 1]) + 1;
        Span { line, column, bytes }
    }

    /// Number of characters before a byte.
    fn before(&self, byte: usize) -> usize {
        let stride = (byte / STRIDE).min(self.counts.len().saturating_sub(1));
        self.counts.get(stride).copied().unwrap_or(0) + chars(&self.text.as_bytes()[stride * STRIDE..byte])
    }
}

/// Number of characters in these bytes.
fn chars(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

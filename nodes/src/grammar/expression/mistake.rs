//! Errors in an expression, as messages for its author.

use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use crate::diagnostics::suggest::distance;

/// Longest quote of a word, in characters.
const SHORT: usize = 24;
/// Width of the marked line, in columns, without the message.
const WIDE: usize = 72;

/// A mistake in an expression: its place, the problem and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The problem and the next step.
    pub message: String,
    /// Bytes in the source, at boundaries of characters; empty at the end, or where something is missing.
    pub span: Range<usize>,
    /// The expected token, if known.
    pub expected: Option<&'static str>,
    /// The nearest known name.
    pub suggestion: Option<&'static str>,
}

impl Mistake {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), span, expected: None, suggestion: None }
    }

    /// Adds the expected token.
    pub(super) fn expecting(self, expected: &'static str) -> Self {
        Self { expected: Some(expected), ..self }
    }

    /// Adds the nearest of the names, if one is similar.
    pub(super) fn suggesting(self, name: &str, names: impl Iterator<Item = &'static str>) -> Self {
        let name: String = name.to_lowercase().chars().take(SHORT).collect();
        // At most two edits, and at most half of the shorter name.
        let is_near = |(far, known): &(usize, &str)| *far <= 2 && 2 * far <= known.len().min(name.chars().count());
        let near = names.map(|known| (distance(&name, known), known)).filter(is_near);
        Self { suggestion: near.min_by_key(|(far, _)| *far).map(|(_, known)| known), ..self }
    }

    /// Two lines: the line of the source with the mistake, and below it a mark and the message. `source` is the parsed
    /// text. A line that is too long is cut around the mistake.
    pub fn caret(&self, source: &str) -> String {
        let start = source.floor_char_boundary(self.span.start);
        let end = source.ceil_char_boundary(self.span.end).max(start);
        let first = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let last = source[start..].find('\n').map_or(source.len(), |newline| start + newline);
        let (before, is_cut) = tail(&source[first..start], WIDE / 2);
        let (rest, is_longer) = head(&source[start..last], WIDE - cells(before));
        let marked = cells(&source[start..end.min(start + rest.len())]).max(1);
        let [cut, longer] = [is_cut, is_longer].map(|left_out| if left_out { "…" } else { "" });
        let blank = " ".repeat(cells(cut) + cells(before));
        format!("{cut}{}{}{longer}\n{blank}{} {self}", visible(before), visible(rest), "^".repeat(marked))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.suggestion {
            Some(name) => write!(f, "; did you mean {name}?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Mistake {}

/// A word for a message, with its end cut.
pub(super) fn short(word: &str) -> String {
    match word.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}

/// True for invisible characters and for those that change the direction of text.
pub(super) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// The text as displayed: invisible characters become spaces.
fn visible(text: &str) -> String {
    text.chars().map(|c| if is_unseen(c) { ' ' } else { c }).collect()
}

/// Number of columns of a displayed character.
fn cell(c: char) -> usize {
    if is_unseen(c) { 1 } else { c.width().unwrap_or(1) }
}

fn cells(text: &str) -> usize {
    text.chars().map(cell).sum()
}

/// A predicate for characters in order: true once their total width is above `columns`.
fn wider(columns: usize) -> impl FnMut(&(usize, char)) -> bool {
    let mut width = 0;
    move |(_, c)| {
        width += cell(*c);
        width > columns
    }
}

/// The longest beginning of a text within these columns, and true if it is not all of it.
fn head(text: &str, columns: usize) -> (&str, bool) {
    match text.char_indices().find(wider(columns)) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    }
}

/// The longest end of a text within these columns, and true if it is not all of it.
fn tail(text: &str, columns: usize) -> (&str, bool) {
    match text.char_indices().rev().find(wider(columns)) {
        Some((at, c)) => (&text[at + c.len_utf8()..], true),
        None => (text, false),
    }
}

//! Terminal output, with control characters escaped.
//!
//! Names in patches, of files and of devices may hold any character. A control sequence would clear the screen or write the clipboard.
//! A bidirectional mark would change the order of a line. All output goes through this module, which escapes such characters, as
//! `\u{1b}`.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::panic::PanicHookInfo;

/// True for a character that acts on a terminal or on the order of the text around it.
///
/// These are the control characters (U+0000–1F, U+007F–9F) except tab and line feed, and line and paragraph separators.
/// Also the marks, embeddings, overrides and isolates of the bidirectional algorithm (Unicode Standard Annex 9).
fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

/// A text with every hidden character escaped, `\u{1b}` for ESC. Lines and tabs stay.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    replaced(text, is_hidden, |escaped, c| {
        // Writing to a string does not fail.
        let _ = write!(escaped, "\\u{{{:x}}}", c as u32);
    })
}

/// [`escaped`], with line feeds and tabs: for names within a line.
#[must_use]
pub fn in_line(text: &str) -> Cow<'_, str> {
    replaced(
        text,
        |c| is_hidden(c) || matches!(c, '\n' | '\t'),
        |escaped, c| {
            let _ = match c {
                '\n' => write!(escaped, "\\n"),
                '\t' => write!(escaped, "\\t"),
                c => write!(escaped, "\\u{{{:x}}}", c as u32),
            };
        },
    )
}

/// A JSON text with every hidden character escaped as JSON does it. The value stays the same: such characters occur
/// only in its strings.
#[must_use]
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    // Carriage returns are white space between values; a string has them escaped already.
    replaced(
        json,
        |c| is_hidden(c) && c != '\r',
        |escaped, c| {
            let _ = write!(escaped, "\\u{:04x}", c as u32);
        },
    )
}

fn replaced(text: &str, is_replaced: impl Fn(char) -> bool, write: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.contains(&is_replaced) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_replaced(c) { write(&mut escaped, c) } else { escaped.push(c) }
    }
    Cow::Owned(escaped)
}

/// A text with colours: [`escaped`] but for the sequences that choose them, `ESC [ numbers m`.
fn escaped_but_colours(text: &str) -> String {
    let mut pieces = text.split('\x1b');
    let mut kept = pieces.next().map_or_else(String::new, |first| escaped(first).into_owned());
    for piece in pieces {
        let numbers = |c: char| c.is_ascii_digit() || c == ';';
        let end = piece.strip_prefix('[').and_then(|rest| rest.trim_start_matches(numbers).strip_prefix('m'));
        if let Some(rest) = end {
            kept.push('\x1b');
            kept.push_str(&piece[..piece.len() - rest.len()]);
            kept += &escaped(rest);
        } else {
            kept += &escaped("\x1b");
            kept += &escaped(piece);
        }
    }
    kept
}

/// Writes a text to standard output.
///
/// # Errors
///
/// If the output is full or closed.
pub fn print(text: &str) -> io::Result<()> {
    write(&mut io::stdout().lock(), &escaped(text))
}

/// Writes a JSON text to standard output.
///
/// # Errors
///
/// If the output is full or closed.
pub fn print_json(json: &str) -> io::Result<()> {
    write(&mut io::stdout().lock(), &escaped_json(json))
}

/// Writes a text with colours to standard output. The caller passes quoted text through [`escaped`]; only colour sequences stay.
///
/// # Errors
///
/// If the output is full or closed.
pub fn print_coloured(text: &str) -> io::Result<()> {
    write(&mut io::stdout().lock(), &escaped_but_colours(text))
}

/// Writes a message and a line feed to standard error. A failure is ignored: no place is left to report it.
pub fn print_error(message: impl Display) {
    let _ = write(&mut io::stderr().lock(), &format!("{}\n", escaped(&message.to_string())));
}

/// [`print_error`], of a message with colours.
pub fn print_error_coloured(message: &str) {
    let _ = write(&mut io::stderr().lock(), &escaped_but_colours(message));
}

fn write(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints each panic as one escaped line. With `RUST_BACKTRACE` set the backtrace follows it.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| print_error(described(panic))));
}

fn described(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(String::new, |location| format!(" at {location}"));
    let message = in_line(panic.payload_as_str().unwrap_or("no message")).into_owned();
    let mut text = format!("bendrack: internal error{place}: {message}");
    if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
        // Writing to a string does not fail.
        let _ = write!(text, "\n{}", std::backtrace::Backtrace::force_capture());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_all_else_stays() {
        for plain in ["", "a\tb\nc", "שלום, 猫 — “é” 👩‍👩‍👧"] {
            assert!(matches!(escaped(plain), Cow::Borrowed(text) if text == plain), "{plain}");
        }
        for (text, shown) in [
            ("\x1b[2J", "\\u{1b}[2J"),
            ("a\u{9b}2J", "a\\u{9b}2J"),
            ("\r\x07\x08\x7f\0", "\\u{d}\\u{7}\\u{8}\\u{7f}\\u{0}"),
            ("\u{202e}txt\u{2066}\u{200f}\u{61c}\u{2028}", "\\u{202e}txt\\u{2066}\\u{200f}\\u{61c}\\u{2028}"),
        ] {
            assert_eq!(escaped(text), shown);
        }
        assert_eq!(in_line("a\nb\t\x1b"), "a\\nb\\t\\u{1b}");
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({ "a\u{9b}\u{202e}": ["\x1b\x7f", "é\n"] });
        for json in [value.to_string(), format!("{value:#}")] {
            let shown = escaped_json(&json);
            assert!(!shown.contains(is_hidden), "{shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
        }
    }

    #[test]
    fn colours_pass_and_no_other_sequence() {
        let coloured = "\x1b[1;31merror\x1b[0m: \x1b[2J\x1b]0;own\x07\u{9b}1m";
        assert_eq!(escaped_but_colours(coloured), "\x1b[1;31merror\x1b[0m: \\u{1b}[2J\\u{1b}]0;own\\u{7}\\u{9b}1m");
        assert_eq!(escaped_but_colours("\x1b[31"), "\\u{1b}[31");
    }
}

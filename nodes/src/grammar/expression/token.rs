//! Tokens of expressions: names, numbers and signs.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use super::mistake::{Mistake, is_unseen, short};

/// Tokens of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Name,
    Sign(&'static str),
    End,
}

/// Every sign. Longer signs precede those that they begin with.
const SIGNS: &[&str] =
    &["||", "&&", "<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "%", "^", "!", "?", ":", "(", ")", ","];

/// Signs of other languages, each with advice.
const FOREIGN: &[(&str, &str)] = &[
    ("===", "write == to compare"),
    ("**", "write ^ for a power"),
    ("=>", "write >= to compare"),
    ("=<", "write <= to compare"),
    ("<>", "write != to compare"),
    (":=", "assignment is not supported; write == to compare"),
];

/// The same for single signs, which may begin others.
const ALONE: &[(&str, &str)] = &[
    ("=", "assignment is not supported; write == to compare"),
    ("&", "write && for and"),
    ("|", "write || for or"),
    ("~", "write ! for not"),
    ("×", "write * to multiply"),
    ("·", "write * to multiply"),
    ("∙", "write * to multiply"),
    ("÷", "write / to divide"),
    ("−", "write - to subtract"),
    ("–", "write - to subtract"),
    ("≤", "write <= to compare"),
    ("≥", "write >= to compare"),
    ("≠", "write != to compare"),
    ("²", "write ^ 2 for a square"),
    ("³", "write ^ 3 for a cube"),
    ("√", "write sqrt(x) for a root"),
    ("π", "write pi"),
    ("τ", "write tau"),
    ("∞", "write a large number, such as 1e9"),
    ("°", "angles are in radians: write * tau / 360 for degrees"),
    ("[", "write ( and ) to group"),
    ("]", "write ( and ) to group"),
    ("{", "write ( and ) to group"),
    ("}", "write ( and ) to group"),
    (";", "remove it: a formula is a single expression"),
    ("\"", "texts are not supported, only numbers"),
    ("'", "texts are not supported, only numbers"),
    ("_", "names begin with a letter; write numbers without it"),
    ("#", "write numbers in decimal; comments are not supported"),
    ("$", "write names alone, such as a"),
    ("@", "write names alone, such as a"),
    ("\\", "write / to divide"),
];

/// The token at byte `from`, a boundary of characters, after any white space.
pub(super) fn token(source: &str, from: usize) -> Result<(Token, Range<usize>), Mistake> {
    let text = source[from..].trim_start();
    let start = source.len() - text.len();
    let span = |bytes: usize| start..start + bytes;
    let Some(first) = text.chars().next() else { return Ok((Token::End, span(0))) };
    if first.is_ascii_digit()
        || text.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    {
        return number(text, start);
    }
    let listed = |list: &'static [(&str, &str)]| list.iter().find(|(sign, _)| text.starts_with(sign));
    let foreign =
        |(sign, advice): &(&str, &str)| Err(Mistake::new(span(sign.len()), format!("unexpected {sign}: {advice}")));
    if let Some(sign) = listed(FOREIGN) {
        return foreign(sign);
    }
    if let Some(sign) = SIGNS.iter().find(|sign| text.starts_with(**sign)) {
        return Ok((Token::Sign(sign), span(sign.len())));
    }
    if let Some(sign) = listed(ALONE) {
        return foreign(sign);
    }
    if first.is_alphabetic() {
        return Ok((Token::Name, span(run(text, |c| c.is_alphanumeric() || c == '_'))));
    }
    if first == '.' {
        return Err(Mistake::new(span(1), "a point needs a digit after it, such as 0.5"));
    }
    let message = if is_unseen(first) || first.width() == Some(0) {
        format!("combining or invisible character U+{:04X}: delete it", u32::from(first))
    } else {
        format!("unexpected {first}: remove it")
    };
    Err(Mistake::new(span(first.len_utf8()), message))
}

/// The number at the beginning of `text`, which is at byte `start` of the source.
fn number(text: &str, start: usize) -> Result<(Token, Range<usize>), Mistake> {
    let digits = |from: usize| run(&text[from..], |c| c.is_ascii_digit());
    let mut end = digits(0);
    if text[end..].starts_with('.') {
        end += 1 + digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        // Without digits it is the input e.
        end += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    let (number, span) = (&text[..end], start..start + end);
    if text[end..].starts_with('.') {
        return Err(Mistake::new(start + end..start + end + 1, "a number has only one point: remove the second"));
    }
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Token::Number(value), span)),
        _ => Err(Mistake::new(span, format!("{} is too large: write a number below 1e308", short(number)))),
    }
}

/// Number of bytes of such characters at the beginning of `text`.
fn run(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}
